package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
)

// Keeping counts how promises are kept: by the journal and the store, by the norm's clock, and by refused dials. It
// implements keeper.Observer.
type Keeping struct {
	label    func(call.TeamID) string
	failures prometheus.Counter
	behind   prometheus.Gauge
	apart    prometheus.Gauge
	restored prometheus.Counter
	diverged prometheus.Counter
	lapsed   *prometheus.CounterVec
	warned   *prometheus.CounterVec
	overdue  *prometheus.CounterVec
	refused  *prometheus.CounterVec
}

func newKeeping(r *registration, label func(call.TeamID) string) *Keeping {
	k := &Keeping{
		label: label,
		failures: r.counter(
			"journal_failures_total", "Notes or changes that the journal on this machine could not write or clear.",
		),
		behind: r.gauge(
			"journal_notes_behind",
			"Callback notes that were confirmed and are in the journal only: Redis does not have them yet.",
		),
		apart: r.gauge("journal_notes_apart",
			"Callback notes that could not be reconciled with Redis while it answers: "+
				"their history differs or cannot be read; manual check needed."),
		restored: r.counter(
			"journal_notes_restored_total",
			"Callback notes that Redis had lost, or lost events of, restored from the journal.",
		),
		diverged: r.counter(
			"journal_notes_diverged_total",
			"Callback notes whose history in Redis differs from the confirmed one: manual check needed.",
		),
		lapsed: r.counterVec(
			"notes_lapsed_total", "Claims on callback notes that ran out, by the team that has the note.", "team",
		),
		warned: r.counterVec(
			"notes_warned_total", "Callback notes whose warning point passed before they were closed.", "team",
		),
		overdue: r.counterVec(
			"notes_became_overdue_total", "Callback notes whose deadline passed before they were closed.", "team",
		),
		refused: r.counterVec("dials_refused_total",
			"Callbacks that were not dialled, by reason (docs/kpis.md).", "reason"),
	}
	for _, code := range dialling.Reasons() {
		k.refused.WithLabelValues(string(code))
	}
	return k
}

// start makes every series of a team, at 0.
func (k *Keeping) start(team string) {
	k.lapsed.WithLabelValues(team)
	k.warned.WithLabelValues(team)
	k.overdue.WithLabelValues(team)
}

// JournalFailed implements keeper.Observer. The keeper logs the error.
func (k *Keeping) JournalFailed(error) { k.failures.Inc() }

// Behind implements keeper.Observer.
func (k *Keeping) Behind(notes int) { k.behind.Set(float64(notes)) }

// Apart implements keeper.Observer.
func (k *Keeping) Apart(notes int) { k.apart.Set(float64(notes)) }

// Restored implements keeper.Observer.
func (k *Keeping) Restored(notes int) { k.restored.Add(float64(notes)) }

// Diverged implements keeper.Observer.
func (k *Keeping) Diverged(note.ID) { k.diverged.Inc() }

// Round counts the notes that lapsed, were warned of or became overdue.
func (k *Keeping) Round(r callback.Round) {
	for _, counted := range []struct {
		notes []note.Note
		by    *prometheus.CounterVec
	}{{r.Lapsed, k.lapsed}, {r.Warned, k.warned}, {r.Overdue, k.overdue}} {
		for _, n := range counted.notes {
			counted.by.WithLabelValues(k.label(n.Team)).Inc()
		}
	}
}

// DialRefused counts a callback that was not dialled.
func (k *Keeping) DialRefused(code dialling.Reason) { k.refused.WithLabelValues(string(code)).Inc() }
