package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The values of the label "status" of requests to the JSON API: the class of the HTTP status, which is what alerts ask
// for, while the access log has each one.
const (
	statusDone       = "2xx"
	statusRedirected = "3xx"
	statusRefused    = "4xx"
	statusFailed     = "5xx"
	statusCutOff     = "cut_off" // the answer broke off halfway, and the client notices
)

// API counts requests to the JSON API. Names that were not in Options become Elsewhere: a client's text is never a
// label. It implements api.Meter.
type API struct {
	requests         *prometheus.CounterVec
	duration         *prometheus.HistogramVec
	refused          *prometheus.CounterVec
	waiting, working prometheus.Gauge

	operations, refusals map[string]bool
}

func newAPI(r *registration, o Options) *API {
	a := &API{
		requests: r.counterVec("api_requests_total",
			"Requests to the JSON API, by operation and class of HTTP status; cut_off broke off halfway. "+
				"Operation (other) reached none: no valid token, or nothing there.", "operation", "status"),
		duration: r.histogramVec("api_request_duration_seconds",
			"Time from a request to the JSON API to its answer, waiting for a turn included, by operation.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}, "operation"),
		refused: r.counterVec("api_tokens_refused_total",
			"Requests to the JSON API without a valid token, by reason: missing, unknown (or out of date), too_many.",
			"reason"),
		operations: map[string]bool{Elsewhere: true},
		refusals:   map[string]bool{},
	}
	inFlight := r.gaugeVec("api_requests_in_flight",
		"Requests to the JSON API that wait for their turn or are being worked, by state.", "state")
	a.waiting, a.working = inFlight.WithLabelValues("waiting"), inFlight.WithLabelValues("working")
	for _, operation := range o.Operations {
		a.operations[operation] = true
	}
	for operation := range a.operations {
		a.duration.WithLabelValues(operation)
		for _, status := range []string{statusDone, statusRedirected, statusRefused, statusFailed, statusCutOff} {
			a.requests.WithLabelValues(operation, status)
		}
	}
	for _, reason := range o.TokenRefusals {
		a.refusals[reason] = true
		a.refused.WithLabelValues(reason)
	}
	return a
}

// Answered counts a request that is over: its operation, the HTTP status of its answer (0 when it was cut off), and its
// duration.
func (a *API) Answered(operation string, status int, took time.Duration) {
	operation = known(a.operations, operation)
	a.requests.WithLabelValues(operation, statusClass(status)).Inc()
	a.duration.WithLabelValues(operation).Observe(max(took, 0).Seconds())
}

// TokenRefused counts a request without a valid token.
func (a *API) TokenRefused(reason string) {
	a.refused.WithLabelValues(known(a.refusals, reason)).Inc()
}

// Waits counts the requests that wait for their turn: by 1 more, or by -1 fewer.
func (a *API) Waits(by int) { a.waiting.Add(float64(by)) }

// Works counts the requests that are being worked: by 1 more, or by -1 fewer.
func (a *API) Works(by int) { a.working.Add(float64(by)) }

func known(names map[string]bool, name string) string {
	if names[name] {
		return name
	}
	return Elsewhere
}

func statusClass(status int) string {
	switch status / 100 {
	case 2:
		return statusDone
	case 3:
		return statusRedirected
	case 4:
		return statusRefused
	case 5:
		return statusFailed
	default:
		return statusCutOff
	}
}
