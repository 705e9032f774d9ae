package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
	"github.com/bereikbaar/bereikbaar/test/root"
)

func TestAStormOfKeysEndsAtAPerson(t *testing.T) {
	s := open(t, team("kcc", map[string]any{"ring_time": "1m"}))
	agent := s.agent("kcc1", rig.Behaviour{NeverAnswers: true})
	c := s.rings(rig.CallerOptions{})
	c.hears("nl/welkom-deventer")
	c.presses(strings.Repeat("4567890*#ABCD089", 4)) // 64, none of them in the menu
	require.NoError(t, agent.Answer(s.ctx, 1))
	c.talksTo(agent)
	c.presses("1234567890*#") // to the agent, not to the daemon
	c.talksTo(agent)
	c.hangsUp()
	s.atRest()
	require.Equal(t, 1.0, s.ended(call.Answered))
}

func TestTwoKeysAtOnceAreNotAnAnswerToTheNextQuestion(t *testing.T) {
	s := open(t, nil)
	c := s.rings(rig.CallerOptions{From: "0612345678"})
	c.hears("nl/menu-aanvraag")
	c.presses("11") // the department, where nobody is
	c.hearsWhole("nl/offer-callback")
	c.hears("nl/offer-callback-again")
	c.hangsUp()
	s.atRest()
	require.Empty(t, s.notes("0612345678"), "the caller did not ask for a note")
}

func TestKeysThatOrdinaryTelephonesDoNotHave(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	c := s.rings(rig.CallerOptions{Withheld: true})
	for _, key := range []string{"A", "D"} {
		c.hears("nl/menu-aanvraag")
		c.presses(key)
		c.hearsWhole("nl/wrong-choice")
	}
	c.hears("nl/menu-aanvraag")
	c.presses("1")
	c.hears("nl/offer-callback")
	c.presses("1")
	for _, keyed := range []string{"06A2345678#", "012345678901234567890123"} { // letters; more than any number has
		c.hears("nl/enter-number")
		c.presses(keyed)
		c.hearsWhole("nl/unusable-number")
	}
	c.hears("nl/enter-number")
	c.presses("#")
	c.hearsWhole("nl/entry-failed")
	c.hears("music")
	c.hangsUp()
	s.isHelped(agent, 1)
	s.atRest()
	require.Zero(t, s.metric("bereikbaar_notes_promised_total"))
}

func TestAPromptIsMissingAndTheCallGoesOn(t *testing.T) {
	prompts := copyOfPrompts(t)
	s := openWith(t, rig.Options{Config: rig.AlwaysOpen(), PromptsDir: prompts})
	agent := s.agent("kcc1", rig.Behaviour{})
	for _, id := range []string{"menu-aanvraag", "searching-agent"} {
		files, err := filepath.Glob(filepath.Join(prompts, "*", "nl", id+".*"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			require.NoError(t, os.Remove(file))
		}
	}
	c := s.rings(rig.CallerOptions{})
	c.hearsWhole("nl/welkom-deventer")
	c.hears("nl/menu-andere-gemeente") // without the prompt before it
	c.presses("2")
	c.getsThrough(agent, 1)
	c.hangsUp()
	s.atRest()
	require.Equal(t, 2.0, s.metric("bereikbaar_prompts_missing_total"))

	require.NoError(t, os.RemoveAll(filepath.Join(prompts, "rendered"))) // all of them
	silent := s.rings(rig.CallerOptions{})
	silent.getsThroughUnheard(agent, 2)
	silent.hangsUp()
	s.atRest()
	s.readyzAnswers(200, "degraded", "bereikbaar prompts render")
	require.Equal(t, 2.0, s.ended(call.Answered))
}

// getsThroughUnheard is getsThrough for a caller without any sound yet: they are not heard before the agent speaks.
func (c *caller) getsThroughUnheard(agent *rig.Agent, n int) {
	c.s.t.Helper()
	_, err := agent.AwaitTalk(c.s.ctx, n)
	require.NoError(c.s.t, err)
	c.s.eventually("the two are connected", func() error {
		return equal(1, c.s.metric("bereikbaar_agents", "team", "kcc", "state", "talking"))
	})
}

// copyOfPrompts is the test's own copy of the rendered prompts.
func copyOfPrompts(t *testing.T) string {
	t.Helper()
	cache, err := root.CacheDir()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "prompts")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	err = os.CopyFS(dir, os.DirFS(filepath.Join(cache, "prompts")))
	if !errors.Is(err, fs.ErrNotExist) { // on a new machine the rig renders them
		require.NoError(t, err)
	}
	return dir
}

func TestCallersWithOddNumbersAndNames(t *testing.T) {
	s := open(t, straightToTheContactCentre(nil))
	agent := s.agent("kcc1", rig.Behaviour{TalkFor: 100 * time.Millisecond})
	odd := []rig.CallerOptions{
		{From: "0612345678", Name: `<script>alert("x")</script>`},
		{From: "0612345678", Name: `Robert'), DROP TABLE callers --`},
		{From: "0612345678", Name: "Ёлка Ünïçødé 😀"},
		{From: "0612345678", Name: strings.Repeat("Jan ", 200)},
		{From: "0612345678", Name: `back\slash "quote"`},
		{From: "jan.jansen", Name: "Jan Jansen"}, // a caller with a SIP name
		{From: "anonymous"},
		{From: "anonymous", Withheld: true, Name: "Anonymous"},
		{From: "Restricted"},
		{From: "unknown"},
		{From: "+"},
		{From: "0"},
		{From: "112"},
		{From: strings.Repeat("9", 40)},
		{From: "+" + strings.Repeat("31", 60)},
		{From: "%2B31612345678"},
		{From: "0031612345678"},
		{From: "*31*0612345678"},
		{From: "0612345678,1"},
		{From: "+881612345678"},
	}
	for i := range odd {
		odd[i].To = straight
	}
	callers, err := s.Callers(s.ctx, 20, odd...)
	require.NoError(t, err)
	for i, c := range callers {
		_, err := c.AwaitAnswer(s.ctx)
		require.NoError(t, err, "%+v", odd[i])
		require.NoError(t, c.AwaitEnd(s.ctx))
		require.False(t, c.Leg().EndedByUs, "%+v", odd[i])
	}
	s.atRest()
	require.Len(t, agent.Calls(), len(odd))
	require.Equal(t, float64(len(odd)), s.offered("kcc", call.OfferAnswered))
	log := s.log()
	for _, private := range []string{"0612345678", "612345678", "ansen", "script", "DROP", "Jan ", "99999"} {
		require.NotContains(t, log, private)
	}
}

func TestOddDialledNumbers(t *testing.T) {
	s := open(t, straightToTheContactCentre(nil))
	agent := s.agent("kcc1", rig.Behaviour{TalkFor: 100 * time.Millisecond})
	answered := []string{
		"+", "00", "0", "112", "140571", "+31140570999", strings.Repeat("1", 40),
		strings.Repeat("0", 200), // of which Asterisk keeps 79
	}
	for i, number := range answered {
		c, err := s.Call(s.ctx, rig.CallerOptions{To: number})
		require.NoError(t, err)
		_, err = c.AwaitAnswer(s.ctx)
		require.NoError(t, err, number)
		_, err = agent.AwaitEnd(s.ctx, i+1)
		require.NoError(t, err, number)
		require.NoError(t, c.AwaitEnd(s.ctx))
	}
	for _, number := range []string{"gemeente", "s", "*21", "%00"} { // no number: Asterisk itself refuses
		c, err := s.Call(s.ctx, rig.CallerOptions{To: number})
		require.NoError(t, err)
		_, err = c.AwaitAnswer(s.ctx)
		require.ErrorContains(t, err, "refused", number)
	}
	// one number in all its notations
	for _, number := range []string{"140570", "0140570", "+31140570", "0031140570"} {
		c := s.rings(rig.CallerOptions{To: number})
		c.hears("nl/welkom-deventer")
		c.hangsUp()
	}
	s.atRest()
	require.Equal(t, float64(len(answered)), s.offered("kcc", call.OfferAnswered))
	require.NotContains(t, s.log(), strings.Repeat("1", 40))
}
