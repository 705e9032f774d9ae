// Package httpserver serves a handler on a port of its own, so that a slow or silent client costs little and holds up
// nobody.
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

// A slow client holds a connection for at most writeLimit; a handler that needs longer sets its own write deadline.
const (
	headerLimit   = 5 * time.Second
	readLimit     = 10 * time.Second
	writeLimit    = 10 * time.Second
	idleLimit     = time.Minute
	headerBytes   = 1 << 14
	shutdownLimit = 2 * time.Second
)

// mostConnections bounds what clients without a token may cost the calls: some 20 kB each. The next client waits until
// a connection ends, which the limits above see to. Above manyConnections the longest idle one is closed.
const (
	mostConnections = 2000
	manyConnections = 1500
)

// Listen opens a TCP port. The error names the setting of the address.
func Listen(ctx context.Context, setting, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: listen on %q: %w; free the port or set another address", setting, address, err)
	}
	return l, nil
}

// Serve serves h on l until ctx ends, and closes l. It returns nil after ctx has ended, else why it stopped. Requests
// in progress get shutdownLimit to end; then they are cut off.
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
