package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLinesOfADialplanThatFollowARedirect(t *testing.T) {
	for line, want := range map[string][]string{
		"exten => kcc1,1,Dial(PJSIP/kcc1,30)":                                {"Dial"},
		"exten => kcc1,1,Dial(PJSIP/kcc1,30,i)":                              nil,
		"exten => kcc1,1,Dial(PJSIP/kcc1)":                                   {"Dial"},
		"same => n,Dial(PJSIP/a&PJSIP/b,30,tL(60000:10000)i)":                nil,
		"same => n,Dial(PJSIP/a,30,U(dim,i))":                                {"Dial"},
		"same => n,Dial(${IF($[1=1]?PJSIP/a,30,i)})":                         {"Dial"},
		"same => n,Dial(PJSIP/a,30,${OPTIONS})":                              {"Dial"},
		"same => n,ExecIf($[1]?Dial(PJSIP/a,30):Queue(kcc,i))":               {"Dial"},
		"same => n,Queue(kcc-fallback,i,,,300)":                              nil,
		"same => n,Queue(kcc-fallback,,,,300)":                               {"Queue"},
		"same => n,queue(kcc)":                                               {"queue"},
		"same => n,RetryDial(x,1,2,PJSIP/a,30)":                              {"RetryDial"},
		"same => n,RetryDial(x,1,2,PJSIP/a,30,i)":                            nil,
		"same => n,Page(PJSIP/a&PJSIP/b,i)":                                  nil,
		"same => n,Set(X=${DIALSTATUS})":                                     nil,
		"same => n,Stasis(bereikbaar,caller,${EXTEN},${CALLERID(num-pres)})": nil,
	} {
		require.Equal(t, want, followers(line), line)
	}
}

func TestTheDialplanIsJudged(t *testing.T) {
	finds(t, judgeDialplan(readDialplan(t.TempDir(), "bereikbaar")), Warning, "could not be read")
	finds(t, judgeDialplan(readDialplan("../deploy/asterisk", "bereikbaar")), OK, "follows no redirect")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(
		filepath.Join(dir, "extensions.conf"), []byte("[a]\n#include more.conf\n;exten => x,1,Dial(PJSIP/x)\n"), 0o600,
	))
	require.NoError(t, os.WriteFile(
		filepath.Join(dir, "more.conf"), []byte("\nexten => x,1,Dial(PJSIP/x,30) ; an i\n"), 0o600,
	))
	finds(t, judgeDialplan(readDialplan(dir, "bereikbaar")), Wrong, "more.conf:2 Dial()")
}

// installed writes a dialplan that was there before, with ours after a change.
func installed(t *testing.T, theirs string, change func(ours string) string) dialplanFacts {
	t.Helper()
	ours, err := os.ReadFile("../deploy/asterisk/bereikbaar-extensions.conf")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(
		t, os.WriteFile(filepath.Join(dir, "extensions.conf"), []byte(theirs+"\n#include ours.conf\n"), 0o600),
	)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ours.conf"), []byte(change(string(ours))), 0o600))
	return readDialplan(dir, "bereikbaar")
}

func TestADialplanOfAnOlderVersionIsNamed(t *testing.T) {
	without := func(line string) func(string) string {
		return func(ours string) string {
			require.Contains(t, ours, line)
			return strings.Replace(ours, line, "", 1)
		}
	}
	upTo := func(context string) func(string) string {
		return func(ours string) string {
			before, after, found := strings.Cut(ours, "["+context+"]")
			require.True(t, found)
			_, rest, _ := strings.Cut(after, "\n[")
			return before + "[" + rest
		}
	}
	asIs := func(ours string) string { return ours }
	for name, test := range map[string]struct {
		facts   dialplanFacts
		verdict Verdict
		words   string
	}{
		"as it is shipped": {
			installed(t, "[in]\nexten => 140570,1,Goto(bereikbaar,${EXTEN},1)", asIs), OK, "as shipped",
		},
		"written in another way": {installed(t, "", func(ours string) string {
			return strings.ReplaceAll(ours, " same => n,", "same =>   n,") + "exten => 1,1,NoOp()\n; more\n"
		}), OK, "as shipped"},
		"no [bereikbaar-privacy]": {
			installed(t, "", upTo("bereikbaar-privacy")), Wrong,
			"[bereikbaar-privacy] is missing: numbers that callers withhold",
		},
		"nobody goes there": {
			installed(t, "", without("exten => _[+0-9]!,1,Gosub(bereikbaar-privacy,s,1)")), Wrong,
			`the first missing line is "exten => _[+0-9]!,1,Gosub(`,
		},
		"Remote-Party-ID is not asked": {
			installed(t, "", without(` same => n,GotoIf(${REGEX("privacy=(full|uri)" ${party})}?forget)`)), Wrong,
			"[bereikbaar-privacy] differs from this version's",
		},
		"no [bereikbaar-unanswered]": {
			installed(t, "", upTo("bereikbaar-unanswered")), Wrong, "[bereikbaar-unanswered] is missing",
		},
		"another music": {
			installed(t, "", without(" same => n,Set(CHANNEL(musicclass)=bereikbaar)")), Warning,
			"[bereikbaar-fallback] differs",
		},
		"past it": {
			installed(t, "[in]\nexten => 140570,1,Stasis(bereikbaar,caller,${EXTEN},${CALLERID(num-pres)})", asIs),
			Wrong, "at extensions.conf:2",
		},
		"another application": {readDialplan("../deploy/asterisk", "balie"), Wrong, "Stasis(balie,caller,"},
	} {
		t.Run(name, func(t *testing.T) { finds(t, judgeDialplan(test.facts), test.verdict, test.words) })
	}
}

func TestEachShippedContextIsAskedFor(t *testing.T) {
	for _, s := range shippedDialplan {
		require.NotEqual(t, OK, s.changed, s.context)
		have := shippedContexts("bereikbaar")
		require.Empty(t, judgeContexts(have, "bereikbaar"))
		have[s.context] = have[s.context][1:]
		finds(t, judgeContexts(have, "bereikbaar"), s.changed, "["+s.context+"] differs")
		delete(have, s.context)
		finds(t, judgeContexts(have, "bereikbaar"), Wrong, "["+s.context+"] is missing")
	}
}
