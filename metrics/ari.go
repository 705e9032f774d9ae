package metrics

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// noStatus is the label value for a command that got no answer.
const noStatus = "none"

// ARI counts what happens on the link with Asterisk. Its methods take the reasons and names of the transport as plain
// text, and use a limited number as labels.
type ARI struct {
	connections prometheus.Counter
	losses      *prometheus.CounterVec
	dropped     prometheus.Counter
	refused     prometheus.Counter
	skipped     *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	errors      *prometheus.CounterVec

	reasons, skips, commands names
}

func newARI(r *registration, o Options) *ARI {
	a := &ARI{
		connections: r.counter("ari_connections_total",
			"Times that the link with Asterisk was made; each after the first is a reconnect."),
		losses: r.counterVec("ari_connection_losses_total",
			"Times that the link with Asterisk was lost or could not be made, by reason.", "reason"),
		dropped: r.counter("ari_events_dropped_total",
			"Events of Asterisk that did not reach their call: a fault of ours, must be 0."),
		refused: r.counter("ari_channels_refused_total",
			"Channels that came to the application and are nobody's call: hung up. Must be 0."),
		skipped: r.counterVec("ari_events_skipped_total",
			"Messages of Asterisk that were not handled, by reason: unknown, malformed, too long.", "reason"),
		duration: r.histogramVec("ari_command_duration_seconds",
			"Time from asking Asterisk to its answer, or to giving up, by command.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}, "command"),
		errors: r.counterVec("ari_command_errors_total",
			"Commands to Asterisk that failed, by HTTP status; none is no answer in time. "+
				"404 and 412 are callers who hung up first.",
			"status"),
	}
	for _, reason := range o.LinkLosses {
		a.losses.WithLabelValues(a.reasons.label(reason))
	}
	for _, reason := range o.EventSkips {
		a.skipped.WithLabelValues(a.skips.label(reason))
	}
	for _, status := range []string{noStatus, "400", "403", "404", "409", "412", "422", "500"} {
		a.errors.WithLabelValues(status)
	}
	return a
}

// LinkUp counts a link that was made.
func (a *ARI) LinkUp() { a.connections.Inc() }

// LinkLost counts a link that was lost or could not be made.
func (a *ARI) LinkLost(reason string) { a.losses.WithLabelValues(a.reasons.label(reason)).Inc() }

// EventDropped counts an event that was read and did not reach its call, which must never happen.
func (a *ARI) EventDropped() { a.dropped.Inc() }

// ChannelRefused counts a channel that came to our application and was neither a caller, by the dialplan, nor a phone
// of ours.
func (a *ARI) ChannelRefused() { a.refused.Inc() }

// EventSkipped counts a message that was not handled.
func (a *ARI) EventSkipped(reason string) { a.skipped.WithLabelValues(a.skips.label(reason)).Inc() }

// CommandDone counts one command: its name, the HTTP status of the answer (0 for none), and how long it took.
func (a *ARI) CommandDone(command string, status int, took time.Duration) {
	a.duration.WithLabelValues(a.commands.label(command)).Observe(max(took, 0).Seconds())
	switch {
	case status >= 400 && status <= 599:
		a.errors.WithLabelValues(strconv.Itoa(status)).Inc()
	case status < 200 || status > 599:
		a.errors.WithLabelValues(noStatus).Inc()
	}
}

// namesLimit is far more than there are commands or reasons, and far less than there are calls.
const namesLimit = 64

// names bounds the values of a label, should anything but a name ever be passed: the first ones stay as they are, later
// ones become Elsewhere. The zero value is ready.
type names struct {
	mu    sync.RWMutex
	known map[string]bool
}

func (n *names) label(name string) string {
	n.mu.RLock()
	known := n.known[name]
	n.mu.RUnlock()
	if known {
		return name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.known[name] && (len(n.known) >= namesLimit || checkName(name) != nil) {
		return Elsewhere
	}
	if n.known == nil {
		n.known = map[string]bool{}
	}
	n.known[name] = true
	return name
}
