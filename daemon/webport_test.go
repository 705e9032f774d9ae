package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Calls are answered while another program has the web port, and the port is taken once it is free.
func TestTheWebPortIsTakenOnceItIsFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	var log bytes.Buffer
	d := daemonWith(
		t, slog.New(slog.NewTextHandler(&log, nil)), withTokens(t), "listen: {web: \""+taken.Addr().String()+"\"}",
	)
	require.False(t, d.web.health(t.Context()).Up)
	require.Contains(t, scraped(t, d), `bereikbaar_part_up{part="api"} 0`)

	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { d.web.serve(ctx) })
	says := func(word string) func() bool {
		return func() bool { return strings.Contains(d.web.health(ctx).Detail, word) }
	}
	require.Eventually(t, says("address already in use"), 30*time.Second, 10*time.Millisecond)
	require.NoError(t, taken.Close())
	require.Eventually(t, func() bool { return d.web.health(ctx).Up }, 30*time.Second, 10*time.Millisecond)
	answer, err := http.Get("http://" + taken.Addr().String() + "/api/openapi.json")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)

	stop()
	work.Wait()
	require.Equal(t, 1, strings.Count(log.String(), "the web port cannot be reached"), "it is told once: %s", &log)
	require.Equal(t, 1, strings.Count(log.String(), "the web port can be reached"), "and that it is over: %s", &log)
}

// withPages is the line of a configuration with pages for people who have local accounts.
const withPages = `sign_in: {address: "http://127.0.0.1:8570", local: {enabled: true}}`

func TestEveryAnswerOfTheSiteIsSecured(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler), withPages)
	for path, status := range map[string]int{
		"/": http.StatusUnauthorized, "/events": http.StatusUnauthorized, "/sign-in": http.StatusOK,
		"/sign-in/code": http.StatusBadRequest, "/nowhere": http.StatusUnauthorized,
	} {
		w := httptest.NewRecorder()
		d.web.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		require.Equal(t, status, w.Code, path)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'", path)
		require.Equal(t, "DENY", w.Header().Get("X-Frame-Options"), path)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"), path)
	}
}

// Streams of changes end with the daemon, and are not cut off when it has waited for them.
func TestStreamsEndBeforeThePort(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	at := free.Addr().String()
	d := daemonWith(t, slog.New(slog.DiscardHandler), withPages, "listen: {web: \""+at+"\"}")
	follows, ended := make(chan struct{}), make(chan struct{})
	d.web.mux.HandleFunc("/stream", func(http.ResponseWriter, *http.Request) {
		changes, cancel := d.feed.Subscribe("deventer")
		defer cancel()
		close(follows)
		for range changes {
		}
		close(ended)
	})
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { d.serveWeb(ctx) })
	require.Eventually(t, func() bool { return d.web.health(ctx).Up }, 30*time.Second, 10*time.Millisecond)
	work.Go(func() {
		if answer, err := http.Get("http://" + at + "/stream"); err == nil {
			_ = answer.Body.Close()
		}
	})
	<-follows
	stop()
	work.Wait()
	select {
	case <-ended:
	default:
		require.Fail(t, "the stream was cut off")
	}
}

func TestTheLongestApplicationThatTheCheckTakesStarts(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler), "ari: {application: "+strings.Repeat("a", 53)+"}")
	require.NotNil(t, d)
}

func TestADaemonWithoutTokensHasNoAPIToBeMissing(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler))
	require.Nil(t, d.web)
	require.NotContains(t, scraped(t, d), `part="api"`)
}

// withTokens is the line of a configuration with an API that lets nobody in.
func withTokens(t *testing.T) string {
	t.Helper()
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(tokens, nil, 0o600))
	return "web: {tokens_file: " + tokens + "}"
}

func TestAStartWithATokensFileThatCannotBeUsedLetsNobodyIn(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler), "web: {tokens_file: /nowhere/tokens.yaml}")
	d.web.setClosed(nil)
	h := d.web.health(t.Context())
	require.True(t, h.Degraded)
	require.Contains(t, h.Detail, "nobody is let in")
	require.NotContains(t, h.Detail, "still count")
}

// A token that is removed from a file is still let in when the daemon cannot use the file.
func TestTokensThatAreNotThoseOfTheFileAreTold(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler), withTokens(t))
	require.True(t, d.web.setClosed(nil))
	file := d.settings.config().Web.TokensFile
	becomes := func(degraded bool) {
		t.Helper()
		require.Eventually(t, func() bool { // the file is looked at once a second
			h := d.web.health(t.Context())
			return h.Up && h.Degraded == degraded && strings.Contains(h.Detail, "tokens file") == degraded
		}, 30*time.Second, 10*time.Millisecond)
	}
	becomes(false)
	require.NoError(t, os.WriteFile(file, []byte("- nonsense"), 0o600))
	becomes(true)
	require.NoError(t, os.WriteFile(file, []byte("[]"), 0o600))
	becomes(false)
	require.NoError(t, os.Chmod(file, 0o644))
	becomes(true)
}
