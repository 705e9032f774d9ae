package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A slow reader costs a connection for at most writeLimit; an export has limits of its own.
const (
	headerLimit   = 5 * time.Second
	readLimit     = 10 * time.Second
	writeLimit    = 30 * time.Second
	idleLimit     = time.Minute
	headerBytes   = 1 << 14
	shutdownLimit = 3 * time.Second
)

// Listen opens the port of the API.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("web: listen on %q: %w; free the port or set another address under listen.web", address, err)
	}
	return l, nil
}

// Serve serves h on l until ctx ends, and closes l. It returns nil after ctx has ended, else why it stopped. Requests that are
// being worked get a moment to end.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(stopped)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			server.Close() // what is left is cut off
		}
	})
	err := server.Serve(l)
	if !release() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("web: serve on %s: %w", l.Addr(), err)
}
