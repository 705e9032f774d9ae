package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
)

func TestAPartThatHangsDoesNotHoldUpTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		began := time.Now()
		report := examine(t.Context(), time.Minute, []probe{
			{"disk", func(context.Context) []Finding { <-release; return nil }},
			{"daemon", func(context.Context) []Finding { return []Finding{{Check: "daemon", Verdict: OK}} }},
		})
		require.Equal(t, time.Minute, time.Since(began))
		close(release)
		require.Equal(t, Wrong, report.Verdict)
		require.Equal(t, []string{"disk", "daemon"}, []string{report.Findings[0].Check, report.Findings[1].Check})
	})
}

func TestTheHealthPageIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		words  string
	}{
		"ready": {200, `{"state":"ready","parts":[]}`, "takes calls"},
		"not ready": {
			503, `{"state":"not_ready","parts":[{"name":"ari","state":"down","needed":true}]}`, "ari is down",
		},
		"another program": {200, `<html>hello</html>`, "not the health page"},
		"JSON of another": {404, `{"message":"no"}`, "status 404"},
		"an endless page": {200, strings.Repeat("[", pageLimit+1), "not the health page"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "/readyz", r.URL.Path)
				w.WriteHeader(c.status)
				_, err := w.Write([]byte(c.body))
				assert.NoError(t, err)
			}))
			defer server.Close()
			found := judgeDaemon(askDaemon(t.Context(), strings.TrimPrefix(server.URL, "http://")))
			require.Len(t, found, 1)
			require.Contains(t, found[0].Text, c.words)
		})
	}
}

func TestVersionIsAskedWithThePasswordAndNotElsewhere(t *testing.T) {
	elsewhere := httptest.NewServer(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the password went elsewhere") }),
	)
	defer elsewhere.Close()
	var user, asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ = r.BasicAuth()
		asked = r.URL.Path
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}))
	defer server.Close()
	_, status, err := askVersion(t.Context(), config.ARI{
		URL: strings.Replace(server.URL, "http", "ws", 1) + "/pbx/ari/events", Username: "ari",
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, status)
	require.Equal(t, "ari", user)
	require.Equal(t, "/pbx/ari/asterisk/info", asked)
}

// All forms of ari.url that the configuration takes.
func TestEveryFormOfTheAddressIsAsked(t *testing.T) {
	for url, want := range map[string]string{
		"ws://127.0.0.1:8088/ari/events":   "http://127.0.0.1:8088/ari/asterisk/info",
		"wss://pbx.example/ari/events/":    "https://pbx.example/ari/asterisk/info",
		"http://127.0.0.1:8088/ari":        "http://127.0.0.1:8088/ari/asterisk/info",
		"http://127.0.0.1:8088/ari/events": "http://127.0.0.1:8088/ari/asterisk/info",
		"https://pbx.example/eigen/ari/":   "https://pbx.example/eigen/ari/asterisk/info",
	} {
		got, err := infoURL(url)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestAsterisksClockIsComparedWithTheMiddleOfTheAnswer(t *testing.T) {
	now := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	require.Equal(t, 5*time.Second, skewOf(`{"ping":"pong","timestamp":"2026-03-29T03:30:05.000+0200"}`, now))
	require.Zero(t, skewOf(`{"ping":"pong"}`, now))
	require.Zero(t, skewOf(`<html>`, now))
}

func TestADirectoryThatAsteriskCannotEnterIsFound(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "prompts")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && info.Mode().Perm()&0o001 == 0 {
			require.NoError(t, os.Chmod(at, info.Mode().Perm()|0o001)) // the test's own directories
		}
		if at == top {
			break
		}
	}
	before := closedDirectory(dir)
	require.NoError(t, os.Chmod(filepath.Join(top, "a"), 0o750))
	if before == "" { // else something above is closed already, and is found first
		require.Equal(t, filepath.Join(top, "a"), closedDirectory(dir))
	}
	require.Empty(t, closedDirectory("/"))
}

func TestTheReportIsReadableByPeopleAndPrograms(t *testing.T) {
	report := NewReport([]Finding{
		{Check: "redis", Verdict: OK, Text: "it answers"},
		{Check: "clock", Verdict: Warning, Text: "it drifts\n\x1b[31m badly", Mend: "Run a time service"},
	})
	var out bytes.Buffer
	require.NoError(t, report.Print(&out))
	require.Equal(t, "ok       redis            it answers\n"+
		"warning  clock            it drifts [31m badly\n"+
		"                          -> Run a time service\n"+
		"\n1 ok, 1 warnings, 0 wrong\n", out.String())
	text, err := json.Marshal(report)
	require.NoError(t, err)
	require.Contains(
		t, string(text), `{"verdict":"warning","findings":[{"check":"redis","verdict":"ok","text":"it answers"}`,
	)
}
