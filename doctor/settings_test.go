package doctor

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inEffect are the objects of an Asterisk that is set as we say.
func inEffect() []object {
	var all []object
	for _, r := range []role{roleGlobal, roleReplaces, roleMatch, roleTrunk, rolePhone, roleLogin, roleOther} {
		o := object{
			role: r, section: "of-" + string(r), shown: "the " + string(r), answer: answer{values: map[string]string{}},
		}
		for _, s := range settings {
			if s.role == r {
				o.values[s.key] = map[string]string{"yes": "true", "no": "false", "alaw,g722": "(alaw|g722)"}[s.want]
				if o.values[s.key] == "" {
					o.values[s.key] = s.want
				}
			}
		}
		all = append(all, o)
	}
	return all
}

func objectOf(objects []object, r role) *object {
	for i := range objects {
		if objects[i].role == r {
			return &objects[i]
		}
	}
	return nil
}

func TestEverySettingThatIsNotInEffectIsNamed(t *testing.T) {
	finds(t, judgeSettings(inEffect()), OK, "as deploy/asterisk/pjsip.conf says")
	for _, s := range settings {
		for _, instead := range []string{"", "something else"} {
			if s.want == anything && instead != "" {
				continue
			}
			objects := inEffect()
			objectOf(objects, s.role).values[s.key] = instead
			found := judgeSettings(objects)
			require.Len(t, found, 1, s.key)
			require.NotEqual(t, OK, found[0].Verdict, s.key)
			require.Equal(t, s.verdict, found[0].Verdict)
			require.Contains(t, found[0].Text, s.key+" of the "+string(s.role))
			require.NotEmpty(t, found[0].Mend)
		}
	}
}

func TestASettingThatAsteriskDoesNotTellIsNotCalledRight(t *testing.T) {
	for name, test := range map[string]struct {
		change  func([]object) []object
		verdict Verdict
		words   string
	}{
		"an object of which nothing is told": {func(o []object) []object {
			objectOf(o, rolePhone).err, objectOf(o, rolePhone).values = errors.New("403"), nil
			return o
		}, Warning, "does not tell what is in effect for the phone"},
		"a global section of another name": {func(o []object) []object {
			objectOf(o, roleGlobal).missing, objectOf(o, roleGlobal).values = true, nil
			return o
		}, Warning, "does not tell what is in effect for the global"},
		"no endpoint that is the trunk": {func(o []object) []object {
			objectOf(o, roleTrunk).role = roleOther
			return o
		}, Warning, "which endpoint is the trunk cannot be told"},
		"the sections against Replaces are not there": {func(o []object) []object {
			objectOf(o, roleReplaces).missing, objectOf(o, roleReplaces).values = true, nil
			return o
		}, Wrong, "an INVITE with Replaces"},
	} {
		t.Run(name, func(t *testing.T) { finds(t, judgeSettings(test.change(inEffect())), test.verdict, test.words) })
	}
}

// The table and the file must agree: a line in one alone would never be checked, or be asked for in vain.
func TestTheTableOfSettingsIsWhatTheShippedFileSays(t *testing.T) {
	text, err := os.ReadFile("../deploy/asterisk/pjsip.conf")
	require.NoError(t, err)
	kinds := map[string]role{ // by section and type
		"global global": roleGlobal, "bereikbaar-trunk endpoint": roleTrunk, "bereikbaar-phone endpoint": rolePhone,
		"bereikbaar-phone-aor aor": roleLogin, "bereikbaar-replaces endpoint": roleReplaces,
		"bereikbaar-replaces identify": roleMatch,
	}
	// Not judged: names of each installation's own, and settings without danger.
	own := map[string]bool{
		"user_agent": true, "unidentified_request_count": true, "unidentified_request_period": true,
		"unidentified_request_prune_interval": true, "disallow": true, "deny": true, "endpoint": true,
		"trunk context": true, "phone context": true,
	}
	written, section, kind := map[string]string{}, "", ""
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), ";")
		switch key, value, isLine := strings.Cut(line, "="); {
		case strings.HasPrefix(line, "["):
			section, _, _ = strings.Cut(line[1:], "]")
		case isLine && strings.TrimSpace(key) == "type":
			kind = strings.TrimSpace(value)
		case isLine:
			key, r := strings.TrimSpace(key), kinds[section+" "+kind]
			if r != "" && !own[key] && !own[string(r)+" "+key] {
				written[string(r)+" "+key] = strings.TrimSpace(value)
			}
		}
	}
	judged := map[string]string{}
	for _, s := range settings {
		if s.want != anything && s.role != roleOther {
			judged[string(s.role)+" "+s.key] = s.want
		}
	}
	require.Equal(t, written, judged)
}
