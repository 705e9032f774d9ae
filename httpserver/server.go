// Package httpserver serves a handler on a port of its own, such that a reader who is slow or silent costs little and
// holds up nobody.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// A slow reader costs a connection for at most writeLimit; a handler that needs longer sets its own write deadline.
const (
	headerLimit   = 5 * time.Second
	readLimit     = 10 * time.Second
	writeLimit    = 10 * time.Second
	idleLimit     = time.Minute
	headerBytes   = 1 << 14
	shutdownLimit = 2 * time.Second
)

// mostConnections bounds what everybody who can reach a port may cost the calls, without a token: some 20 kB each.
// Whoever comes then waits for one to end, which the limits above see to. Of more than manyConnections the one that is
// idle longest is closed.
const (
	mostConnections = 2000
	manyConnections = 1500
)

// Listen opens a TCP port. The error names the setting in which the address stands.
func Listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: listen on %q: %w; free the port or set another address", setting, address, err)
	}
	return l, nil
}

// Serve serves h on l until ctx ends, and closes l. It returns nil after ctx has ended, else why it stopped. Requests
// that are being answered get a moment to end; who then is left is cut off.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerBytes,
		ConnState:         newIdle(manyConnections).changed,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(stopped)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			server.Close()
		}
	})
	err := server.Serve(netutil.LimitListener(l, mostConnections))
	if !release() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", l.Addr(), err)
}
