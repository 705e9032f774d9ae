package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// revealed is the asserted number; %02d makes it differ from case to case.
const revealed = "06876543%02d"

// asserted is the header in which a provider asserts the number.
const asserted = "P-Asserted-Identity: <sip:NUMBER@provider.example>"

// withheld are the ways to withhold a number, by the caller or their provider. NUMBER stands for it.
var withheld = map[string][]string{
	"as the standard has it": {`From: "Anonymous" <sip:anonymous@anonymous.invalid>`, asserted, "Privacy: id"},
	"without Privacy":        {`From: "Anonymous" <sip:anonymous@anonymous.invalid>`, asserted},
	"Privacy says none": {
		`From: "Anonymous" <sip:anonymous@anonymous.invalid>`, asserted, "Privacy: none",
	},
	"without quotes":                 {`From: Anonymous <sip:anonymous@anonymous.invalid>`, asserted},
	"without a name":                 {`From: <sip:anonymous@anonymous.invalid>`, asserted},
	"in capitals":                    {`From: <sip:ANONYMOUS@Anonymous.Invalid>`, asserted},
	"at a host of the provider":      {`From: "Anonymous" <sip:anonymous@provider.example:5060;user=phone>`, asserted},
	"a number at a host that is not": {`From: <sip:NUMBER@anonymous.invalid>`, asserted},
	"in Dutch":                       {`From: "Anoniem" <sip:anoniem@provider.example>`, asserted},
	"only the name says so":          {`From: "Anoniem" <sip:NUMBER@provider.example>`},
	"restricted":                     {`From: <sip:restricted@provider.example>`, asserted},
	"unavailable":                    {`From: <sip:unavailable@unknown.invalid>`, asserted},
	"unknown":                        {`From: "unknown" <sip:unknown@provider.example>`, asserted},
	"private":                        {`From: "Private" <sip:private@provider.example>`, asserted},
	"no user":                        {`From: <sip:provider.example>`, asserted},
	"a secure address":               {`From: <sips:anonymous@anonymous.invalid>`, asserted},
	"an address without brackets":    {`From: sip:anonymous@anonymous.invalid`, asserted},
	"with a parameter":               {`From: <sip:anonymous;phone-context=+31@provider.example>`, asserted},
	"all of Privacy":                 {`From: <sip:NUMBER@provider.example>`, asserted, "Privacy: id;user;header"},
	"Privacy that is critical":       {`From: <sip:NUMBER@provider.example>`, asserted, "Privacy: header;critical"},
	"Privacy in capitals":            {`From: <sip:NUMBER@provider.nl>`, "Privacy: ID"},
	"a critical Privacy at a number": {`From: <sip:NUMBER@127.0.0.1>`, "Privacy: none;user"},
	"Remote-Party-ID at an address": {
		`From: <sip:NUMBER@127.0.0.1>`, "Remote-Party-ID: <sip:NUMBER@127.0.0.1>;privacy=full",
	},
	"a second Privacy at an address": {`From: <sip:NUMBER@127.0.0.1>`, "Privacy: none", "Privacy: id"},
	"Privacy without an assertion":   {`From: <sip:NUMBER@provider.example>`, "Privacy: id"},
	"Privacy of the user":            {`From: <sip:NUMBER@provider.example>`, "Privacy: user"},
	"the second Privacy says so":     {`From: <sip:NUMBER@provider.example>`, asserted, "Privacy: none", "Privacy: id"},
	"Remote-Party-ID": {
		`From: <sip:NUMBER@provider.example>`,
		"Remote-Party-ID: <sip:NUMBER@provider.example>;party=calling;privacy=full;screen=yes",
	},
	"Remote-Party-ID of the address": {
		`From: <sip:NUMBER@provider.example>`, "Remote-Party-ID: <sip:NUMBER@provider.example>;privacy=uri",
	},
	"Remote-Party-ID beside another": {
		`From: <sip:NUMBER@provider.example>`, asserted,
		`Remote-Party-ID: <sip:NUMBER@provider.example>;privacy="full"`,
	},
	"a telephone address": {
		`From: "Anonymous" <sip:anonymous@anonymous.invalid>`, "P-Asserted-Identity: <tel:NUMBER>",
	},
	"two assertions": {
		`From: "Anonymous" <sip:anonymous@anonymous.invalid>`, "P-Asserted-Identity: <sip:NUMBER@provider.example>",
		"P-Asserted-Identity: <tel:NUMBER>",
	},
	"two assertions in a line": {
		`From: "Anonymous" <sip:anonymous@anonymous.invalid>`,
		"P-Asserted-Identity: <sip:NUMBER@provider.example>, <tel:NUMBER>",
	},
	"a parameter of the user, at a host that is not": {`From: <sip:NUMBER;npdi@anonymous.invalid>`, asserted},
	"a third Privacy says so": {
		`From: <sip:NUMBER@127.0.0.1>`, asserted, "Privacy: none", "Privacy: critical", "Privacy: id",
	},
	"a second Remote-Party-ID": {
		`From: <sip:NUMBER@127.0.0.1>`, "Remote-Party-ID: <sip:140570@x>;party=called;privacy=off",
		"Remote-Party-ID: <sip:NUMBER@x>;party=calling;privacy=full",
	},
	"only the asserted name says": {
		`From: <sip:NUMBER@127.0.0.1>`, `P-Asserted-Identity: "Anonymous" <sip:NUMBER@127.0.0.1>`,
	},
	"the word comes second":     {`From: "Nummer afgeschermd" <sip:NUMBER@192.0.2.1>`, asserted},
	"withheld":                  {`From: "Number withheld" <sip:NUMBER@192.0.2.1>`, asserted},
	"blocked":                   {`From: "Caller ID Blocked" <sip:NUMBER@192.0.2.1>`, asserted},
	"hidden":                    {`From: "Hidden" <sip:NUMBER@192.0.2.1>`, asserted},
	"hidden, in Dutch":          {`From: "Verborgen nummer" <sip:NUMBER@192.0.2.1>`, asserted},
	"shortened":                 {`From: "Anoniem nr." <sip:NUMBER@192.0.2.1>`, asserted},
	"no number is shown":        {`From: "Geen nummerweergave" <sip:NUMBER@192.0.2.1>`, asserted},
	"a user of two words":       {`From: <sip:restricted-number@192.0.2.1>`, asserted},
	"another user of two words": {`From: <sip:private_number@192.0.2.1>`, asserted},

	"a private number":           {`From: "Private number" <sip:NUMBER@provider.example>`, asserted},
	"a private number, in Dutch": {`From: "Privé nummer" <sip:NUMBER@provider.example>`, asserted},
	"the assertion is anonymous": {
		`From: <sip:NUMBER@provider.example>`, "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>",
	},
}

// shown are callers whose number may be shown.
var shown = map[string][]string{
	"a number":             {`From: <sip:NUMBER@provider.example>`, asserted, "Privacy: none"},
	"without an assertion": {`From: <sip:NUMBER@provider.example>`},
	"an ordinary address":  {`From: <sip:NUMBER@127.0.0.1:5060;user=phone>`, asserted, "Privacy: none"},
	"a number for a name":  {`From: "NUMBER" <sip:NUMBER@provider.nl>`, asserted},
	"with a name": {
		`From: "Bakkerij 't Hof, Deventer" <sip:NUMBER@provider.example;user=phone>`, asserted,
	},
	"with a name that is not known":    {`From: "Unknown" <sip:NUMBER@provider.example>`, asserted},
	"an extension behind their number": {`From: <sip:204@provider.example>`, asserted},
	"a name of a person":               {`From: "Anna Onbekend" <sip:anna@provider.example>`, asserted},
	"a telephone address":              {`From: <tel:NUMBER>`, asserted},
	"a name that ends like another":    {`From: "Anoniem Alcohol Nummer Een" <sip:NUMBER@provider.example>`, asserted},
	"an asserted name": {
		`From: <sip:NUMBER@127.0.0.1>`, `P-Asserted-Identity: "Hidden Gems, (Deventer)" <sip:NUMBER@127.0.0.1>`,
	},
	"a name that begins like another": {`From: "Privacy First" <sip:NUMBER@provider.example>`, asserted},
	"Remote-Party-ID": {
		`From: <sip:NUMBER@provider.example>`, "Remote-Party-ID: <sip:NUMBER@provider.example>;privacy=off",
	},
}

// header fills in the number.
func header(lines []string, number string) []string {
	filled := make([]string, len(lines))
	for i, line := range lines {
		filled[i] = strings.ReplaceAll(line, "NUMBER", number)
	}
	return filled
}

// nowhere asserts that no file of Asterisk, Redis or the daemon holds the number, in any notation.
func (s *scene) nowhere(number string) {
	s.t.Helper()
	digits := []byte(strings.TrimPrefix(number, "0"))
	for _, part := range []string{"asterisk/log", "asterisk/lib", "asterisk/spool", "daemon", "redis", "logs"} {
		require.NoError(s.t, filepath.WalkDir(filepath.Join(s.Dir, part), func(
			path string, entry fs.DirEntry, err error,
		) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil && bytes.Contains(text, digits) {
				err = fmt.Errorf("%s holds the number", path)
			}
			return err
		}))
	}
}

func TestAWithheldNumberIsShownNowhere(t *testing.T) {
	s := open(t, straightToTheContactCentre(nil))
	agent := s.agent("kcc1", rings)
	calls := 0
	// rings lets a caller get through to the agent, and gives the messages to the phone.
	rings := func(t *testing.T, lines []string) (number, told string) {
		before, err := agent.Messages()
		require.NoError(t, err)
		number = fmt.Sprintf(revealed, calls)
		calls++
		c := s.rings(rig.CallerOptions{To: straight, Header: header(lines, number)})
		c.hearsSomething()
		_, err = agent.AwaitTalk(s.ctx, calls)
		require.NoError(t, err)
		status, err := c.Request(s.ctx, "UPDATE", header([]string{asserted}, number), "")
		require.NoError(t, err)
		require.Equal(t, 200, status, "the provider asserts it once more")
		c.talksTo(agent)
		c.hangsUp()
		s.atRest()
		told, err = agent.Messages()
		require.NoError(t, err)
		return number, strings.TrimPrefix(told, before)
	}
	for name, lines := range withheld {
		t.Run(name, func(t *testing.T) {
			number, told := rings(t, lines)
			require.NotContains(t, told, strings.TrimPrefix(number, "0"), "the agent's phone got the number")
			s.nowhere(number)
		})
	}
	for name, lines := range shown {
		t.Run("and shown: "+name, func(t *testing.T) {
			number, told := rings(t, lines)
			require.Contains(t, told, strings.TrimPrefix(number, "0"))
		})
	}
}

func TestAWithheldNumberIsShownNowhereInTheFallback(t *testing.T) {
	s := open(t, nil)
	require.NoError(t, s.Daemon.Stop())
	agent := s.agent("kcc1", rings)
	calls := 0
	for _, name := range []string{
		"as the standard has it", "without Privacy", "Privacy of the user", "Remote-Party-ID",
	} {
		t.Run(name, func(t *testing.T) {
			number := fmt.Sprintf(revealed, calls)
			calls++
			c := s.rings(rig.CallerOptions{Header: header(withheld[name], number)})
			c.hearsSomething()
			c.getsThrough(agent, calls)
			c.hangsUp()
			require.NoError(t, s.Asterisk.AwaitIdle(s.ctx))
			told, err := agent.Messages()
			require.NoError(t, err)
			require.NotContains(t, told, strings.TrimPrefix(number, "0"), "the agent's phone got the number")
			s.nowhere(number)
		})
	}
}

func TestACallerWhoIsAnonymousInFromAloneKeysTheNumberIn(t *testing.T) {
	s := open(t, nil)
	caller := s.rings(rig.CallerOptions{Header: header(
		[]string{`From: "Anonymous" <sip:anonymous@anonymous.invalid>`, asserted}, "0687654321",
	)})
	caller.hears("nl/menu-aanvraag")
	caller.presses("1")
	caller.hears("nl/offer-callback")
	caller.presses("1")
	caller.hearsWhole("nl/withheld-number")
	caller.hears("nl/enter-number")
	caller.presses("0612345678#")
	caller.hears("nl/confirm-number")
	caller.presses("1")
	caller.confirmed("0612345678", "vergunningen", false)
	require.Empty(t, s.notes("0687654321"), "the number that the trunk revealed is nowhere")
	s.nowhere("0687654321")
	s.atRest()
}

// forwarder are headers with a withheld forwarder.
var forwarder = []string{
	"From: <sip:0612345678@provider.example>", "P-Asserted-Identity: <sip:0612345678@provider.example>",
	"Diversion: <sip:NUMBER@provider.example>;reason=unconditional;privacy=full;screen=no",
	"History-Info: <sip:NUMBER@provider.example?Privacy=history>;index=1, <sip:140570@provider.example;cause=302>;index=1.1",
}

func TestAWithheldForwarderIsShownNowhere(t *testing.T) {
	for name, away := range map[string]bool{"by the daemon": false, "by the fallback": true} {
		t.Run(name, func(t *testing.T) {
			s := open(t, straightToTheContactCentre(nil))
			if away {
				require.NoError(t, s.Daemon.Stop())
			}
			agent := s.agent("kcc1", rings)
			c := s.rings(rig.CallerOptions{To: straight, Header: header(forwarder, "0687654321")})
			c.hearsSomething()
			_, err := agent.AwaitTalk(s.ctx, 1)
			require.NoError(t, err)
			c.hangsUp()
			require.NoError(t, s.Asterisk.AwaitIdle(s.ctx))
			told, err := agent.Messages()
			require.NoError(t, err)
			require.Contains(t, told, "612345678", "the caller is shown")
			require.NotContains(t, told, "687654321", "the agent's phone got the forwarder")
			s.nowhere("0687654321")
		})
	}
}
