package queue

import (
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

const (
	handlingEnough = 3  // conversations before a caller hears an estimate
	handlingMemory = 20 // conversations that the moving average looks back on
	handlingStale  = 12 * time.Hour
)

// handling is the moving average of how long a conversation keeps an agent of a team, wrap-up included.
type handling struct {
	mean    time.Duration
	samples int // up to handlingMemory
	last    time.Time
}

// add takes in a conversation that ended. The first ones weigh equally; after handlingMemory old ones fade.
func (h *handling) add(now time.Time, took time.Duration) {
	if h.stale(now) { // yesterday's pace says nothing of today's
		*h = handling{}
	}
	h.samples = min(h.samples+1, handlingMemory)
	h.mean += (max(took, 0) - h.mean) / time.Duration(h.samples)
	h.last = now
}

func (h *handling) stale(now time.Time) bool { return now.Sub(h.last) > handlingStale }

// ExpectedWait estimates how much longer a caller waits for a phone to ring. With S agents whom a conversation keeps
// for H each, one gets free every H/S. The caller needs as many such moments as there are callers ahead, plus one. It
// is 0 when a phone rings for the caller, and false without ground: the call does not wait, nobody is staffed, or the
// team had fewer than three conversations of late. An agent counts in equal shares for each of their teams that has
// callers waiting.
func (q *Machine) ExpectedWait(now time.Time, id call.ID) (time.Duration, bool) {
	c := q.callers[id]
	if c == nil {
		return 0, false
	}
	if len(c.rings) > 0 {
		return 0, true
	}
	h := &c.queue.handling
	if h.samples < handlingEnough || h.stale(now) {
		return 0, false
	}
	agents := c.queue.share()
	if agents == 0 {
		return 0, false
	}
	turns := float64(c.queue.open.ahead(c) + 1)
	return time.Duration(turns * float64(h.mean) / agents), true
}

// share is the number of staffed agents that the queue can count on.
func (w *queue) share() float64 {
	agents := 0.0
	for _, m := range w.members {
		if !m.staffed {
			continue
		}
		wanted := 0
		for _, other := range m.queues {
			if len(other.callers) > 0 {
				wanted++
			}
		}
		agents += 1 / float64(max(wanted, 1))
	}
	return agents
}
