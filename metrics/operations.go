package metrics

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes bounds how many slow readers can cost memory at a time.
const maxScrapes = 8

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
	_ = json.NewEncoder(w).Encode(s) // the reader is gone: nobody to tell
}
