package metrics

import (
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
)

// The values of the label "reason" beside the codes of callback.
const (
	refusedStore = "store_down" // the note could not be stored; the caller was offered a person
	refusedOther = "other"
)

// Notes counts what callers were told about callback notes by telephone. The number of notes is read from the store,
// which outlives this process.
type Notes struct {
	label    func(call.TeamID) string
	promised *prometheus.CounterVec
	refused  *prometheus.CounterVec
	repeated *prometheus.CounterVec
}

func newNotes(r *registration, label func(call.TeamID) string) *Notes {
	return &Notes{
		label: label,
		promised: r.counterVec("notes_promised_total",
			"Callback notes promised by telephone, each once: durable, "+
				"and confirmed to the caller unless they hung up first.",
			"team"),
		refused: r.counterVec("notes_refused_total",
			"Requests for a callback by telephone that did not become a note, by reason.", "team", "reason"),
		repeated: r.counterVec("notes_repeat_contacts_total",
			"Calls of a caller who rang again about a live callback note, or asked for the same again, "+
				"by the team that has it (docs/kpis.md).", "team"),
	}
}

// start makes every series of a team, at 0.
func (n *Notes) start(team string) {
	n.promised.WithLabelValues(team)
	n.repeated.WithLabelValues(team)
	for _, code := range dialling.Codes() {
		n.refused.WithLabelValues(team, string(code))
	}
	n.refused.WithLabelValues(team, refusedStore)
	n.refused.WithLabelValues(team, refusedOther)
}

// Promised counts a note that was made by telephone.
func (n *Notes) Promised(team call.TeamID) { n.promised.WithLabelValues(n.label(team)).Inc() }

// Repeated counts a caller who rang again about their note, which a team has.
func (n *Notes) Repeated(team call.TeamID) { n.repeated.WithLabelValues(n.label(team)).Inc() }

// Refused counts a request for a callback that failed with err, as callback gave it.
func (n *Notes) Refused(team call.TeamID, err error) {
	n.refused.WithLabelValues(n.label(team), refusalReason(err)).Inc()
}

func refusalReason(err error) string {
	var refusal *dialling.Refusal
	switch {
	case errors.Is(err, note.ErrStoreDown):
		return refusedStore
	case errors.As(err, &refusal) && slices.Contains(dialling.Codes(), refusal.Code):
		return string(refusal.Code)
	default:
		return refusedOther
	}
}
