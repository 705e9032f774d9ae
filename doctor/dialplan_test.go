package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhichLinesOfADialplanFollowATelephone(t *testing.T) {
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
	finds(t, judgeDialplan(readDialplan(t.TempDir())), Warning, "could not be looked at")
	finds(t, judgeDialplan(readDialplan("../deploy/asterisk")), OK, "follows no telephone")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "extensions.conf"), []byte("[a]\n#include more.conf\n;exten => x,1,Dial(PJSIP/x)\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "more.conf"), []byte("\nexten => x,1,Dial(PJSIP/x,30) ; an i\n"), 0o600))
	finds(t, judgeDialplan(readDialplan(dir)), Wrong, "more.conf:2 Dial()")
}
