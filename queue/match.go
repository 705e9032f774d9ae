package queue

import (
	"slices"
	"time"
)

// minRetry keeps a phone that fails at once from being dialled in a tight loop when a team's Retry is 0.
const minRetry = time.Second

func (w *queue) retryAfter() time.Duration { return max(w.team.Retry, minRetry) }

// settle matches callers with free phones after an event, and hands over the actions. Before every event no free phone
// stands beside a caller who could have it. So it looks only at what the event changed: queues in which a phone got
// free or a caller wants one again (touched), and queues that lost an agent who could have answered (swept).
func (q *Machine) settle(now time.Time) []Action {
	for c := q.first(); c != nil; c = q.first() {
		q.ringFor(now, c)
	}
	for _, w := range q.touched {
		w.touched = false
	}
	for _, c := range q.seekers {
		q.exhaust(now, c)
	}
	for _, w := range q.swept {
		w.swept = false
		for _, c := range w.open {
			q.exhaust(now, c)
		}
	}
	clear(q.seekers) // the callers may be gone: free their memory
	q.touched, q.seekers, q.swept = q.touched[:0], q.seekers[:0], q.swept[:0]
	actions := q.actions
	q.actions = nil
	return actions
}

// first is the caller to serve now, over all touched queues; nil when there is none. So an agent of several teams who
// gets free serves the first of all their callers.
func (q *Machine) first() *caller {
	var best *caller
	for _, w := range q.touched {
		if c := w.first(); c != nil && (best == nil || c.compare(best) < 0) {
			best = c
		}
	}
	return best
}

// first is the queue's first open caller for whom a phone can ring.
func (w *queue) first() *caller {
	if w.ringable.empty() {
		return nil
	}
	for _, c := range w.open {
		if w.ringable.beyond(c.tried) {
			return c
		}
	}
	return nil
}

// touch has the queue's callers matched in settle.
func (q *Machine) touch(w *queue) {
	if !w.touched {
		w.touched = true
		q.touched = append(q.touched, w)
	}
}

// sweep has settle check whether the queue's callers have nobody left.
func (q *Machine) sweep(w *queue) {
	if !w.swept {
		w.swept = true
		q.swept = append(q.swept, w)
	}
}

// seek has settle look for a phone for the caller, and check whether nobody is left.
func (q *Machine) seek(c *caller) {
	q.seekers = append(q.seekers, c)
	q.touch(c.queue)
}

// ringFor rings the phones that the team's strategy picks. There is at least one candidate.
func (q *Machine) ringFor(now time.Time, c *caller) {
	w := c.queue
	q.candidates = q.candidates[:0]
	for _, m := range w.members {
		if m.ringable && !c.tried.has(m.slot) {
			q.candidates = append(q.candidates, candidate{agent: m.id, idleSince: m.talkedUntil})
		}
	}
	for _, agent := range w.strategy.pick(q.candidates) {
		m := q.members[agent]
		c.rings = append(c.rings, m)
		m.ring = c
		q.refresh(now, m)
		q.act(Action{Kind: Ring, Call: c.ID, Agent: m.id, Team: w.id, For: w.team.RingTime})
	}
	c.reopen()
}

// exhaust gives NobodyLeft, once a round, when no phone is left for the caller, and arms the end of the round.
func (q *Machine) exhaust(now time.Time, c *caller) {
	if !c.open || len(c.rings) > 0 {
		return
	}
	if !c.told && !c.queue.staffed.beyond(c.tried) {
		c.told = true
		q.act(Action{Kind: NobodyLeft, Call: c.ID, Team: c.queue.id})
	}
	if !c.retry.armed && (c.told || !c.tried.empty()) {
		q.timers.arm(&c.retry, now.Add(c.queue.retryAfter()))
	}
}

// startRound lets every phone be tried for the caller again. While nobody is staffed NobodyLeft is not repeated.
func (q *Machine) startRound(c *caller) {
	clear(c.tried)
	c.told = c.told && c.queue.staffed.empty()
	q.seek(c)
}

// endRing unties an agent and the caller for whom their phone rang. Refresh the agent after it.
func (q *Machine) endRing(m *member) {
	c := m.ring
	m.ring = nil
	c.rings = slices.DeleteFunc(c.rings, func(other *member) bool { return other == m })
	c.reopen()
	if c.open {
		q.seek(c)
	}
}

// cancelRing stops the agent's phone, if it rings; that is no missed ring. Refresh the agent after it.
func (q *Machine) cancelRing(m *member) {
	if m.ring == nil {
		return
	}
	q.act(Action{Kind: CancelRing, Call: m.ring.ID, Agent: m.id})
	q.endRing(m)
}

// remove takes the caller out of the machine and stops every phone that rings for them.
func (q *Machine) remove(now time.Time, c *caller) {
	c.waiting = false
	c.queue.callers.remove(c)
	c.reopen()
	q.timers.arm(&c.retry, time.Time{})
	delete(q.callers, c.ID)
	for len(c.rings) > 0 {
		m := c.rings[0]
		q.cancelRing(m)
		q.refresh(now, m)
	}
}

func (q *Machine) act(a Action) { q.actions = append(q.actions, a) }
