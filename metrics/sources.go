package metrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
)

// Sources are what the gauges and the health pages read. Any of them may be left out.
type Sources struct {
	Queues Queues
	Notes  NoteCounter
	// Municipalities gives those that may have notes and are no longer in the plan; it may give those of the plan too.
	Municipalities func() []call.MunicipalityID

	Parts  []Part
	Pulses []*Pulse
	// Active counts the calls that are handled and the phones that ring or talk for them.
	Active func() (calls, phones int)
	// Backlog is how many events of Asterisk were read and not yet handled.
	Backlog func() int
	// Faults counts the faults in Redis by the kind of key, kinds without a fault included.
	Faults func() map[string]int
}

// How long the answers of sources are used and when a question is given up. A scrape waits for all of them at once.
const (
	liveFresh  = 0 // memory is read anew: readiness must match what a scrape shows
	partsFresh = time.Second
	notesFresh = 2 * time.Second
	partLimit  = time.Second
	notesLimit = 2 * time.Second
	// liveLimit is the time after which queues that give no answer are stuck.
	liveLimit = 5 * time.Second
)

// sources are Sources behind the caches that keep a slow one from holding up a reader.
type sources struct {
	since    time.Time
	queues   *recent[[]queue.TeamSnapshot]
	notes    *recent[noteCounts]
	activity *recent[[]prometheus.Metric]
	parts    []watchedPart
	pulses   []*Pulse
}

type watchedPart struct {
	Part
	health *recent[Health]
}

// Watch sets the sources, once they exist. It fails for a part without a name, or with one that is there already.
func (m *Metrics) Watch(s Sources) error {
	for _, pulse := range s.Pulses {
		if pulse == nil {
			return errors.New("metrics: a pulse that is nil: make it with NewPulse")
		}
	}
	w := &sources{since: time.Now(), pulses: s.Pulses}
	seen := map[string]bool{}
	for _, part := range s.Parts {
		if checkName(part.Name) != nil || part.Health == nil || seen[part.Name] {
			return fmt.Errorf(
				"metrics: part %q: give each part a name of its own and a way to ask for its health", part.Name,
			)
		}
		seen[part.Name] = true
		ask := func(ctx context.Context) (Health, error) { return part.Health(ctx), nil }
		fresh := partsFresh
		if part.InMemory {
			fresh = liveFresh
		}
		w.parts = append(w.parts, watchedPart{part, newRecent(fresh, partLimit, ask)})
	}
	w.activity = newRecent(liveFresh, liveLimit, func(context.Context) ([]prometheus.Metric, error) {
		return s.activity(), nil
	})
	if s.Queues != nil {
		w.queues = newRecent(liveFresh, liveLimit, func(context.Context) ([]queue.TeamSnapshot, error) {
			return s.Queues.Snapshot(), nil
		})
	}
	if s.Notes != nil {
		w.notes = newRecent(notesFresh, notesLimit, func(ctx context.Context) (noteCounts, error) {
			return m.countNotes(ctx, s)
		})
	}
	m.sources.Store(w)
	return nil
}

// start puts the questions to all sources, so that a reader of them all waits for the slowest and not for the sum.
func (s *sources) start() {
	s.activity.start()
	if s.queues != nil {
		s.queues.start()
	}
	if s.notes != nil {
		s.notes.start()
	}
	for _, part := range s.parts {
		part.health.start()
	}
}
