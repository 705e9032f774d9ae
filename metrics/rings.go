package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
)

// Rings counts phones that rang for a call of a queue and did not become a conversation.
type Rings struct {
	label  func(call.TeamID) string
	failed *prometheus.CounterVec
}

func newRings(r *registration, label func(call.TeamID) string) *Rings {
	return &Rings{label: label, failed: r.counterVec("rings_failed_total",
		"Phones that were rung for a caller of a team and did not become a conversation, by reason; "+
			"forwarded is a phone that sent the call elsewhere, which is never followed (docs/kpis.md).",
		"team", "reason")}
}

// start makes every series of a team, at 0.
func (r *Rings) start(team string) {
	for _, reason := range queue.RingFailures() {
		r.failed.WithLabelValues(team, string(reason))
	}
}

// Failed counts one such phone.
func (r *Rings) Failed(team call.TeamID, why queue.RingFailure) {
	r.failed.WithLabelValues(r.label(team), string(why)).Inc()
}
