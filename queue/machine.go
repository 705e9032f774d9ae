// Package queue owns the waiting callers, and decides which agent's phone rings next: one pure machine over all teams. Events go in with
// the time at which they happened, the actions to carry out come back. It waits for nothing, logs nothing and does no
// I/O.
package queue

import (
	"errors"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

// Errors of Join.
var (
	ErrNoCall         = errors.New("the call has no id")
	ErrUnknownTeam    = errors.New("no such team")
	ErrAlreadyWaiting = errors.New("the call is already waiting")
)

// Machine is the state of all callers and agents, over all teams. It decides whose phone rings next. It is pure and has
// one owner at a time: time is an argument, and every method gives the actions to carry out, in order. docs/states.md
// draws its states.
//
// Callers are served by the priority of their team, then by place in the queue, then by order of joining. After every
// event no free phone stands beside a waiting caller, unless it failed for them in this round.
//
// Every Ring ends in exactly one of: a CancelRing given here, or Answered or RingFailed reported here. A report about a
// ring that has ended changes nothing (Answered gives DropAgent).
type Machine struct {
	queues  map[call.TeamID]*queue
	order   []*queue // by team id, for everything that must be deterministic
	members map[call.AgentID]*member
	callers map[call.ID]*caller
	joined  uint64
	slots   []int // free to be used again
	timers  timers

	// what the event at hand changed, see settle
	touched []*queue
	seekers []*caller
	swept   []*queue
	actions []Action

	candidates []candidate // reused by ringFor
}

// New makes the machine. Every phone is unknown, which is taken as free: report the others before the first Join. After
// a restart, adopt conversations by Talking and then join callers in order of Since.
func New(teams map[call.TeamID]routing.Team, agents map[call.AgentID]routing.Agent) *Machine {
	q := &Machine{
		queues:  make(map[call.TeamID]*queue, len(teams)),
		members: make(map[call.AgentID]*member, len(agents)),
		callers: make(map[call.ID]*caller),
	}
	q.Apply(time.Time{}, teams, agents, nil)
	return q
}

// Join puts a caller in the queue of their team. When no agent of the team is staffed the actions hold NobodyLeft.
// Errors: ErrNoCall, ErrUnknownTeam, ErrAlreadyWaiting; then nothing has changed.
func (q *Machine) Join(now time.Time, joining Caller) ([]Action, error) {
	w := q.queues[joining.Team]
	switch {
	case joining.ID == "":
		return nil, fmt.Errorf("join team %q: %w", joining.Team, ErrNoCall)
	case w == nil:
		return nil, fmt.Errorf("call %s: join team %q: %w", joining.ID, joining.Team, ErrUnknownTeam)
	case q.callers[joining.ID] != nil:
		return nil, fmt.Errorf("call %s: join team %q: %w", joining.ID, joining.Team, ErrAlreadyWaiting)
	}
	if joining.Since.IsZero() {
		joining.Since = now
	}
	joining.Since = joining.Since.Round(0) // no monotonic clock: places from before a restart have none either
	q.joined++
	c := &caller{Caller: joining, queue: w, joined: q.joined, waiting: true}
	c.retry.caller = c
	q.callers[c.ID] = c
	w.callers.insert(c)
	c.reopen()
	q.seek(c)
	return q.settle(now), nil
}

// Leave takes out a caller who hung up, took a callback or moved on. Phones that ring for them stop and ring for the
// next. For a call that does not wait it does nothing.
func (q *Machine) Leave(now time.Time, id call.ID) []Action {
	c := q.callers[id]
	if c == nil {
		return nil
	}
	q.remove(now, c)
	return q.settle(now)
}

// Answered reports that an agent picked up. The first one is connected and the other phones that ring for the caller
// stop. A late agent (the caller left, another was first, the ring was cancelled) gets DropAgent.
func (q *Machine) Answered(now time.Time, id call.ID, agent call.AgentID) []Action {
	m := q.members[agent]
	switch {
	case m != nil && m.talk != nil && m.talk.call == id:
		return nil // reported twice
	case m == nil || m.ring == nil || m.ring.ID != id:
		return []Action{{Kind: DropAgent, Call: id, Agent: agent}}
	}
	c := m.ring
	q.act(Action{Kind: Connect, Call: id, Agent: agent, Team: c.queue.id})
	q.converse(now, m, &talk{call: id, queue: c.queue, since: now})
	return q.settle(now)
}

// Talking adopts a conversation after a restart. It overrides the machine's state of the two: the caller no longer
// waits, and another caller for whom the agent's phone rang goes to another agent. A team that no longer exists gives
// no wrap-up; an agent who no longer exists is not adopted.
func (q *Machine) Talking(now time.Time, id call.ID, agent call.AgentID, team call.TeamID) []Action {
	m := q.members[agent]
	if m == nil || (m.talk != nil && m.talk.call == id) {
		return nil
	}
	if m.ring != nil && m.ring.ID != id {
		q.cancelRing(m)
	}
	q.converse(now, m, &talk{call: id, queue: q.queues[team], since: now, adopted: true})
	return q.settle(now)
}

// converse makes the agent talk, and the caller wait no longer.
func (q *Machine) converse(now time.Time, m *member, t *talk) {
	if m.ring != nil {
		q.endRing(m)
	}
	m.talk, m.misses, m.wrapUntil, m.forwards = t, 0, time.Time{}, false
	q.rearm(m)
	q.refresh(now, m)
	if c := q.callers[t.call]; c != nil {
		q.remove(now, c)
	}
}

// RingFailed reports that a ring did not become a conversation. The caller keeps their place; the phone is not tried
// for them again until the next round. Missed rings (no answer, declined or forwarded, by a phone that was there) count
// towards the team's MissedLimit, after which the agent is paused. A phone that is busy, forwards its calls or cannot
// be reached is taken to stay so for the team's Retry or until its next report. Otherwise it would be dialled once for
// each waiting caller.
func (q *Machine) RingFailed(now time.Time, id call.ID, agent call.AgentID, why RingFailure) []Action {
	m := q.members[agent]
	if m == nil || m.ring == nil || m.ring.ID != id {
		return nil
	}
	c := m.ring
	c.tried.put(m.slot, true)
	q.endRing(m)
	m.forwards = false
	switch team := &c.queue.team; {
	case m.phone == PhoneOffline || m.phone == PhoneInUse: // while it rang: its report is the reason
	case why.missed():
		m.misses++
		if team.MissedLimit > 0 && m.misses >= team.MissedLimit {
			m.misses = 0
			if team.MissedPause > 0 {
				m.pausedUntil = now.Add(team.MissedPause)
			}
		}
		if why == Forwarded {
			m.forwards, m.doubt, m.doubtUntil = true, "", now.Add(c.queue.retryAfter())
		}
	case why == Busy:
		m.doubt, m.doubtUntil = PhoneInUse, now.Add(c.queue.retryAfter())
	default:
		m.doubt, m.doubtUntil = PhoneOffline, now.Add(c.queue.retryAfter())
	}
	q.rearm(m)
	q.refresh(now, m)
	return q.settle(now)
}

// Ended reports that an agent's conversation, begun by Connect or Talking, is over and their phone is on the hook. The
// wrap-up starts, or the next ring. Do not report the end of a leg that DropAgent took down.
func (q *Machine) Ended(now time.Time, agent call.AgentID) []Action {
	m := q.members[agent]
	if m == nil || m.talk == nil {
		return nil
	}
	t := m.talk
	m.talk, m.talkedUntil = nil, now
	if w := t.queue; w != nil {
		wrap := max(w.team.WrapUp, 0)
		if !t.adopted {
			w.handling.add(now, now.Sub(t.since)+wrap)
		}
		if wrap > 0 {
			m.wrapUntil = now.Add(wrap)
		}
	}
	if m.removed {
		q.forget(m)
		return nil
	}
	q.rearm(m)
	q.refresh(now, m)
	return q.settle(now)
}

// forget deletes an agent that the configuration no longer has.
func (q *Machine) forget(m *member) {
	q.timers.arm(&m.timer, time.Time{})
	delete(q.members, m.id)
	q.slots = append(q.slots, m.slot)
}

// Staffed is the number of agents of a team whose phone could ring now or once they get free: not paused, phone not
// offline. It is 0 for a team that does not exist.
func (q *Machine) Staffed(team call.TeamID) int {
	w := q.queues[team]
	if w == nil {
		return 0
	}
	return w.staffed.count()
}
