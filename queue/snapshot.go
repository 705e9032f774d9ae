package queue

import (
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// Snapshot is a copy of the state at one moment, always in the same order.
type Snapshot struct {
	Teams []TeamSnapshot // by id
}

// TeamSnapshot is how a team stands, for metrics.
type TeamSnapshot struct {
	Team    call.TeamID
	Waiting int             // callers, those for whom a phone rings included
	Oldest  time.Time       // since when the longest waiting of them waits; zero when none does
	Staffed int             // see Machine.Staffed
	Agents  []AgentSnapshot // in the order of Team.Members
}

// AgentSnapshot is what an agent is doing. An agent of several teams stands in each of them.
type AgentSnapshot struct {
	Agent call.AgentID
	State AgentState
	Since time.Time // of the state; zero when it held from the start
	Call  call.ID   // that the phone rings for or the agent talks to, else empty
}

// Count is the number of the team's agents in a state.
func (t TeamSnapshot) Count(state AgentState) int {
	n := 0
	for _, a := range t.Agents {
		if a.State == state {
			n++
		}
	}
	return n
}

// Snapshot copies which callers wait and what every agent does.
func (q *Machine) Snapshot() Snapshot {
	teams := make([]TeamSnapshot, len(q.order))
	for i, w := range q.order {
		teams[i] = TeamSnapshot{
			Team:    w.id,
			Waiting: len(w.callers),
			Oldest:  w.callers.oldest(),
			Staffed: w.staffed.count(),
			Agents:  make([]AgentSnapshot, len(w.members)),
		}
		for j, m := range w.members {
			teams[i].Agents[j] = m.snapshot()
		}
	}
	return Snapshot{Teams: teams}
}

func (m *member) snapshot() AgentSnapshot {
	s := AgentSnapshot{Agent: m.id, State: m.state, Since: m.since}
	switch {
	case m.talk != nil:
		s.Call = m.talk.call
	case m.ring != nil:
		s.Call = m.ring.ID
	}
	return s
}

// oldest is the first caller's: all callers of a team have its priority.
func (l line) oldest() time.Time {
	if len(l) == 0 {
		return time.Time{}
	}
	return l[0].Since
}
