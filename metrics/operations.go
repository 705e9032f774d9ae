package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// DefaultAddress is where operations look when the configuration names no other place: this machine only.
const DefaultAddress = "127.0.0.1:9570"

// A slow reader costs a connection for at most writeLimit, and at most maxScrapes of them cost memory at a time.
const (
	headerLimit   = 5 * time.Second
	writeLimit    = 10 * time.Second
	idleLimit     = time.Minute
	headerBytes   = 1 << 14
	maxScrapes    = 8
	shutdownLimit = 2 * time.Second
)

// Operations serves /metrics from g, /healthz (is the daemon alive: 200, or 503 when only a restart helps) and /readyz
// (can it take calls: 200 when ready or degraded, else 503). The health pages are JSON.
func (m *Metrics) Operations(g prometheus.Gatherer, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError, // one broken collector must not blind operations
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerWith(w, m.alive()) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answerWith(w, m.ready()) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "bereikbaar: /metrics, /healthz, /readyz")
	})
	return mux
}

func answerWith(w http.ResponseWriter, s standing) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if s.State == NotReady || s.State == Stuck {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(s) // a reader that is gone has nobody to be told to
}

// Listen opens the port of Operations; an empty address is DefaultAddress.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		address = DefaultAddress
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics: listen on %q: %w; free the port or set another address for operations", address, err)
	}
	return l, nil
}

// Serve serves h on l until ctx ends, and closes l. It returns nil after ctx has ended, else why it stopped. Readers that
// are slow or silent are cut off.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       headerLimit,
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
			server.Close() // the readers that are left are cut off, whatever they say
		}
	})
	err := server.Serve(l)
	if !release() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("metrics: serve on %s: %w", l.Addr(), err)
}
