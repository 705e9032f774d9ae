package api_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// onItsPort is the API on the daemon's own port with its limits.
func onItsPort(t *testing.T, change ...func(*api.Options)) *desk {
	t.Helper()
	d, api := unreached(t, change...)
	l, err := httpserver.Listen(t.Context(), "listen.web", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(t.Context(), l, api, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, <-done)
	})
	d.url = "http://" + l.Addr().String()
	return d
}

// slowBody begins a request on a socket of its own, and sends one byte of its body.
func (d *desk) slowBody(who, path string, headers ...string) net.Conn {
	d.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	require.NoError(d.t, err)
	d.t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n%s\r\n{",
		path, d.tokens[who], strings.Join(headers, ""))
	require.NoError(d.t, err)
	return c
}

func TestSlowBodiesHoldUpNobodyElse(t *testing.T) {
	d := onItsPort(t)
	n := d.note(permits)
	var slow []net.Conn
	for range 40 {
		slow = append(slow, d.slowBody("cem", "/api/notes/"+string(n.ID)+"/comment", "If-Match: \"1\"\r\n"),
			d.slowBody("cem", "/api/notes", "Idempotency-Key: k\r\n"), d.slowBody("cem", "/api/colleagues/cem/absent"))
	}
	began := time.Now()
	require.Equal(t, http.StatusOK, d.asks("wallboard", http.MethodGet, "/api/teams/vergunningen/notes", "").StatusCode)
	require.Equal(t, http.StatusOK, d.changes("dirkje", n, "claim", "").StatusCode)
	require.Less(t, time.Since(began), 4*time.Second, "nobody waits for a turn")

	refused, late := 0, 0
	for _, c := range slow {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		got, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		got.Body.Close()
		switch got.StatusCode {
		case http.StatusTooManyRequests:
			refused++
		case http.StatusRequestTimeout:
			late++
		default:
			require.Fail(t, "neither too many nor too late", got.Status)
		}
	}
	require.Equal(t, 64, late, "the limit of one token")
	require.Equal(t, len(slow)-64, refused)
	require.Equal(
		t, http.StatusOK, d.asks("cem", http.MethodGet, "/api/me", "").StatusCode, "and then the token is as before",
	)
}

func TestATokenThatAsksMuchHoldsUpNobodyElse(t *testing.T) {
	begun, let := make(chan struct{}, 100), make(chan struct{})
	d := open(t, func(o *api.Options) { o.Reader = slow{o.Reader, begun, let} })
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() { d.asks("cem", http.MethodGet, "/api/teams/vergunningen/notes", "") })
	}
	for range 8 {
		<-begun
	}
	require.Equal(t, http.StatusOK, d.asks("dirkje", http.MethodGet, "/api/me", "").StatusCode)
	require.Empty(t, begun, "eight of one token at a time")
	close(let)
	asking.Wait()
}

// stuck is a reader that takes nothing.
type stuck struct {
	*httptest.ResponseRecorder
	begun chan<- struct{}
	let   <-chan struct{}
}

func (s stuck) Write(p []byte) (int, error) {
	s.begun <- struct{}{}
	<-s.let
	return s.ResponseRecorder.Write(p)
}

// A turn is for the store: a slow reader has given it back.
func TestSlowReadersHoldUpNobodyElse(t *testing.T) {
	d, api := unreached(t)
	asks := func(who string, w http.ResponseWriter) {
		r := httptest.NewRequest(http.MethodGet, "/api/me", nil)
		r.Header.Set("Authorization", "Bearer "+d.tokens[who])
		api.ServeHTTP(w, r)
	}
	begun, let := make(chan struct{}), make(chan struct{})
	var reading sync.WaitGroup
	for i := range 30 {
		who := []string{"cem", "dirkje", "anouk"}[i%3]
		reading.Go(func() { asks(who, stuck{httptest.NewRecorder(), begun, let}) })
	}
	for range 30 {
		<-begun
	}
	got := httptest.NewRecorder()
	asks("cem", got)
	require.Equal(t, http.StatusOK, got.Code)
	close(let)
	reading.Wait()
}

// Two exports run at a time, and one of a token.
func TestAnExportThatIsReadSlowlyLeavesTheOtherToOthers(t *testing.T) {
	begun, let := make(chan struct{}), make(chan struct{})
	d, api := unreached(t)
	d.note(permits)
	asks := func(who string, w http.ResponseWriter) {
		r := httptest.NewRequest(http.MethodGet, "/api/export", nil)
		r.Header.Set("Authorization", "Bearer "+d.tokens[who])
		api.ServeHTTP(w, r)
	}
	var reading sync.WaitGroup
	for range 3 {
		reading.Go(func() { asks("lead", stuck{httptest.NewRecorder(), begun, let}) })
	}
	<-begun
	got := httptest.NewRecorder()
	asks("admin", got)
	require.Equal(t, http.StatusOK, got.Code)
	text, err := io.ReadAll(got.Result().Body)
	require.NoError(t, err)
	require.Contains(t, string(text), caller)
	close(let)
	all := wait(&reading)
	for finished := false; !finished; {
		select {
		case <-begun: // the next of the lead's
		case <-all:
			finished = true
		}
	}
}

// wait closes a channel when all are done.
func wait(group *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	return done
}
