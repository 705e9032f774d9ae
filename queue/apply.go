package queue

import (
	"maps"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

// Apply takes over a changed configuration. Callers keep their place, conversations go on, phones that ring go on
// ringing. Callers of a team that is gone get TeamGone and no longer wait. An agent's phone stops ringing when they are
// gone or have left the team that it rings for; a conversation is finished. A member whom agents does not hold is
// passed over. phones are the known states, by endpoint: a new agent is not rung while they talk.
func (q *Machine) Apply(
	now time.Time, teams map[call.TeamID]routing.Team, agents map[call.AgentID]routing.Agent,
	phones map[string]PhoneState,
) []Action {
	q.dropTeams(now, teams)
	q.applyAgents(agents, phones)
	q.order = q.order[:0]
	for _, m := range q.members {
		m.queues = m.queues[:0]
	}
	for _, id := range slices.Sorted(maps.Keys(teams)) {
		w := q.queues[id]
		if w == nil {
			w = &queue{id: id}
			q.queues[id] = w
		}
		q.order = append(q.order, w)
		w.team, w.strategy = teams[id], strategyFor(teams[id].Strategy)
		q.applyMembers(w)
	}
	for _, id := range slices.Sorted(maps.Keys(q.members)) {
		m := q.members[id]
		if m.removed && m.talk == nil {
			q.forget(m)
			continue
		}
		m.ringable, m.staffed = false, false // applyMembers cleared the counts; refresh touches queues
		q.refresh(now, m)
	}
	for _, w := range q.order {
		for _, c := range w.callers {
			c.reopen() // another strategy may want more phones for the caller, or fewer
		}
		q.sweep(w)
	}
	return q.settle(now)
}

func (q *Machine) dropTeams(now time.Time, teams map[call.TeamID]routing.Team) {
	for _, w := range q.order {
		if _, stays := teams[w.id]; stays {
			continue
		}
		for _, c := range slices.Clone(w.callers) {
			q.remove(now, c)
			q.act(Action{Kind: TeamGone, Call: c.ID, Team: w.id})
		}
		delete(q.queues, w.id)
	}
}

func (q *Machine) applyAgents(agents map[call.AgentID]routing.Agent, phones map[string]PhoneState) {
	for id, m := range q.members {
		_, stays := agents[id]
		m.removed = !stays
	}
	for _, id := range slices.Sorted(maps.Keys(agents)) {
		m := q.members[id]
		if m == nil {
			m = &member{
				id: id, endpoint: agents[id].Endpoint, slot: q.freeSlot(), phone: standing(phones, agents[id].Endpoint),
			}
			m.timer.member = m
			q.members[id] = m
		}
		if m.endpoint != agents[id].Endpoint { // another phone
			m.endpoint = agents[id].Endpoint
			m.phone, m.doubt, m.doubtUntil, m.forwards = standing(phones, m.endpoint), "", time.Time{}, false
			q.rearm(m)
		}
	}
}

func standing(phones map[string]PhoneState, endpoint string) PhoneState {
	if state, ok := phones[endpoint]; ok {
		return state
	}
	return PhoneUnknown
}

func (q *Machine) freeSlot() int {
	if last := len(q.slots) - 1; last >= 0 {
		slot := q.slots[last]
		q.slots = q.slots[:last]
		return slot
	}
	return len(q.members)
}

// applyMembers makes the queue's members those of its team. The phones of agents who left stop ringing for its callers,
// who forget them: a slot may become another agent's.
func (q *Machine) applyMembers(w *queue) {
	left := w.members
	w.members = nil
	clear(w.ringable)
	clear(w.staffed)
	for _, id := range w.team.Members {
		m := q.members[id]
		if m == nil || m.removed || slices.Contains(w.members, m) {
			continue
		}
		w.members = append(w.members, m)
		m.queues = append(m.queues, w)
	}
	for _, m := range left {
		if slices.Contains(w.members, m) {
			continue
		}
		if m.ring != nil && m.ring.queue == w {
			q.cancelRing(m)
		}
		for _, c := range w.callers {
			c.tried.put(m.slot, false)
		}
	}
}
