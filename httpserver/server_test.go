package httpserver_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bereikbaar/bereikbaar/httpserver"
)

var quiet = slog.New(slog.DiscardHandler)

func TestAnAddressThatCannotBeListenedOn(t *testing.T) {
	taken, err := httpserver.Listen(t.Context(), "listen.web", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, err = httpserver.Listen(t.Context(), "listen.web", taken.Addr().String())
	require.ErrorContains(t, err, "free the port or set another address")
	_, err = httpserver.Listen(t.Context(), "listen.web", "no address")
	require.ErrorContains(t, err, `listen.web: listen on "no address"`)
}

func TestServeEndsWithItsContextAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	l, err := httpserver.Listen(t.Context(), "listen.web", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(ctx, l, http.NotFoundHandler(), quiet) }()

	idle, err := net.Dial("tcp", l.Addr().String()) // a silent client
	require.NoError(t, err)
	defer idle.Close()
	answer, err := http.Get("http://" + l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNotFound, answer.StatusCode)

	stop()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.Fail(t, "Serve did not end")
	}
	require.NoError(t, idle.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = idle.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "a client that is still there is cut off")
	http.DefaultClient.CloseIdleConnections()
}

func TestServeSaysWhyItStoppedByItself(t *testing.T) {
	l, err := httpserver.Listen(t.Context(), "listen.web", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	err = httpserver.Serve(t.Context(), l, http.NotFoundHandler(), quiet)
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorContains(t, err, l.Addr().String())
}

// Anybody who can reach a port may open silent connections. These must not take the memory that calls need, nor keep
// others out for longer than their time limit.
func TestSilentConnectionsAreBounded(t *testing.T) {
	const most = 2000
	l, err := httpserver.Listen(t.Context(), "listen.web", "127.0.0.1:0")
	require.NoError(t, err)
	var inside atomic.Int64
	let := make(chan struct{})
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside.Add(1)
		<-let
	})
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { _ = httpserver.Serve(ctx, l, handler, quiet) })
	t.Cleanup(func() {
		stop()
		serving.Wait()
	})
	for range most + 100 {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return inside.Load() == most }, 30*time.Second, 10*time.Millisecond)
	require.Never(t, func() bool { return inside.Load() > most }, 100*time.Millisecond, 10*time.Millisecond)
	close(let)
	require.Eventually(
		t, func() bool { return inside.Load() == most+100 }, 30*time.Second, 10*time.Millisecond,
		"the others are served then",
	)
}

// Nor may connections that stay open after one request, or without one, keep others out.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	const within = 30 * time.Second // the server gives up silence after five, and those that asked once after a minute
	for name, said := range map[string]string{"asked once": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "never asked": ""} {
		t.Run(name, func(t *testing.T) {
			l, err := httpserver.Listen(t.Context(), "listen.web", "127.0.0.1:0")
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			var serving sync.WaitGroup
			serving.Go(func() { _ = httpserver.Serve(ctx, l, http.NotFoundHandler(), quiet) })
			t.Cleanup(func() {
				stop()
				serving.Wait()
			})
			for range 2100 {
				c, err := net.Dial("tcp", l.Addr().String())
				require.NoError(t, err)
				t.Cleanup(func() { c.Close() })
				_, _ = io.WriteString(c, said) // the first ones are closed by now
			}
			client := http.Client{Timeout: within, Transport: &http.Transport{DisableKeepAlives: true}}
			answer, err := client.Get("http://" + l.Addr().String())
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
		})
	}
}
