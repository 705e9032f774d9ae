package queue

import (
	"container/heap"
	"time"
)

// timer is the end of a caller's pause between rounds, or of an agent's wrap-up, pause or doubt. Exactly one of caller
// and member is set.
type timer struct {
	at     time.Time
	pos    int
	armed  bool
	caller *caller
	member *member
}

// timers is a heap by moment, with the position kept in each timer so that one can be moved or taken out.
type timers []*timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].pos, t[j].pos = i, j
}

// Push is for container/heap.
func (t *timers) Push(x any) {
	one := x.(*timer) //nolint:forcetypeassert // only arm pushes
	one.pos = len(*t)
	*t = append(*t, one)
}

// Pop is for container/heap.
func (t *timers) Pop() any {
	last := len(*t) - 1
	one := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	return one
}

// arm sets the timer to a moment; the zero time takes it out.
func (t *timers) arm(one *timer, at time.Time) {
	switch {
	case at.IsZero() && one.armed:
		heap.Remove(t, one.pos)
		one.armed = false
	case at.IsZero():
	case one.armed:
		one.at = at
		heap.Fix(t, one.pos)
	default:
		one.at, one.armed = at, true
		heap.Push(t, one)
	}
}

// due takes out the first timer that has run out; nil when there is none.
func (t *timers) due(now time.Time) *timer {
	if len(*t) == 0 || (*t)[0].at.After(now) {
		return nil
	}
	one := (*t)[0]
	t.arm(one, time.Time{})
	return one
}

// NextTick is when Tick must be called at the latest, and false when no timer is armed. It changes with every event.
func (q *Machine) NextTick() (time.Time, bool) {
	if len(q.timers) == 0 {
		return time.Time{}, false
	}
	return q.timers[0].at, true
}

// Tick ends the wrap-ups, pauses and retries that are over. A late Tick does everything that became due before it.
func (q *Machine) Tick(now time.Time) []Action {
	var rounds []*caller
	for t := q.timers.due(now); t != nil; t = q.timers.due(now) {
		if t.caller != nil {
			rounds = append(rounds, t.caller)
		} else {
			q.expire(now, t.member)
		}
	}
	for _, c := range rounds { // after the agents, so that a new round sees every agent who is free now
		q.startRound(c)
	}
	return q.settle(now)
}
