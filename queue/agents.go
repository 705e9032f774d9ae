package queue

import (
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// AgentState is what an agent is doing, as metrics show it. docs/states.md draws the transitions.
type AgentState string

// The states of an agent. Where several are true the first of this order counts.
const (
	AgentTalking   AgentState = "talking"   // in a conversation that came from here
	AgentRinging   AgentState = "ringing"   // their phone rings for a caller
	AgentWrapUp    AgentState = "wrap_up"   // nawerktijd
	AgentPaused    AgentState = "paused"    // after too many missed rings
	AgentOffline   AgentState = "offline"   // their phone is not registered or could not be reached
	AgentInUse     AgentState = "in_use"    // their phone is in a call that is not ours
	AgentForwarded AgentState = "forwarded" // their phone sent the last call elsewhere; it rings again after Team.Retry
	AgentFree      AgentState = "free"      // their phone may ring
)

// AgentStates lists every state, for metrics that must exist from the start.
func AgentStates() []AgentState {
	return []AgentState{
		AgentTalking, AgentRinging, AgentWrapUp, AgentPaused, AgentOffline, AgentInUse, AgentForwarded, AgentFree,
	}
}

// talk is a conversation.
type talk struct {
	call    call.ID
	queue   *queue // nil when it was adopted for a team that no longer exists
	since   time.Time
	adopted bool // began before we looked: its length says nothing
}

// member is an agent at work.
type member struct {
	id       call.AgentID
	endpoint string
	slot     int
	queues   []*queue // of the teams that the agent is a member of
	removed  bool     // no longer in the configuration, but still talking

	ring        *caller // for whom the phone rings
	talk        *talk
	wrapUntil   time.Time
	pausedUntil time.Time // for missed rings
	misses      int       // in a row
	phone       PhoneState
	doubt       PhoneState // what a failed ring said of the phone, until doubtUntil or the phone's next report
	doubtUntil  time.Time
	// the phone sent the last call elsewhere and reported nothing since; it rests until doubtUntil
	forwards    bool
	talkedUntil time.Time // end of the last conversation; zero when there was none
	timer       timer     // the first of the moments above

	ringable bool // as last counted in queues, like the rest below
	staffed  bool
	state    AgentState
	since    time.Time // of state
}

func (m *member) phoneNow() PhoneState {
	if m.doubt != "" {
		return m.doubt
	}
	return m.phone
}

func (m *member) stateNow() AgentState {
	switch {
	case m.talk != nil:
		return AgentTalking
	case m.ring != nil:
		return AgentRinging
	case !m.wrapUntil.IsZero():
		return AgentWrapUp
	case !m.pausedUntil.IsZero():
		return AgentPaused
	}
	switch m.phoneNow() {
	case PhoneOffline:
		return AgentOffline
	case PhoneInUse:
		return AgentInUse
	case PhoneFree, PhoneUnknown:
	}
	if m.forwards {
		return AgentForwarded
	}
	return AgentFree
}

// canBeStaffed reports whether the phone could ring now or once the agent gets free. During a conversation the phone's
// reports do not count: a phone that loses its registration then is usually back before the end.
func (m *member) canBeStaffed() bool {
	return !m.removed && m.pausedUntil.IsZero() && (m.talk != nil || m.phoneNow() != PhoneOffline)
}

// refresh counts the agent anew in their queues, after any change.
func (q *Machine) refresh(now time.Time, m *member) {
	state := m.stateNow()
	ringable := !m.removed && (state == AgentFree || state == AgentForwarded && m.doubtUntil.IsZero())
	staffed := m.canBeStaffed()
	if state != m.state {
		m.state, m.since = state, now
	}
	if ringable != m.ringable || staffed != m.staffed {
		for _, w := range m.queues {
			w.ringable.put(m.slot, ringable)
			w.staffed.put(m.slot, staffed)
			if ringable && !m.ringable {
				q.touch(w)
			}
			if m.staffed && !staffed {
				q.sweep(w)
			}
		}
	}
	m.ringable, m.staffed = ringable, staffed
}

// rearm sets the agent's timer to the first end of a wrap-up, pause or doubt.
func (q *Machine) rearm(m *member) {
	var first time.Time
	for _, at := range [...]time.Time{m.wrapUntil, m.pausedUntil, m.doubtUntil} {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	q.timers.arm(&m.timer, first)
}

// expire ends the wrap-up, pause and doubt that are over by now.
func (q *Machine) expire(now time.Time, m *member) {
	for _, at := range [...]*time.Time{&m.wrapUntil, &m.pausedUntil, &m.doubtUntil} {
		if !at.After(now) {
			*at = time.Time{}
		}
	}
	if m.doubtUntil.IsZero() {
		m.doubt = ""
	}
	q.rearm(m)
	q.refresh(now, m)
}

// Phone takes in a report of an agent's phone. A ring or conversation that goes on is not touched: it ends by its own
// event. Calls that came from here must not be reported as PhoneInUse: a phone of which that is known when Ended is called
// does not ring until PhoneFree is reported.
func (q *Machine) Phone(now time.Time, agent call.AgentID, state PhoneState) []Action {
	m := q.members[agent]
	if m == nil {
		return nil
	}
	m.phone, m.doubt, m.doubtUntil, m.forwards = state, "", time.Time{}, false
	q.rearm(m)
	q.refresh(now, m)
	return q.settle(now)
}
