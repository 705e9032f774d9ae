package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

var nineOClock = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// hall is a contact centre for a story: each move names the actions that must follow.
type hall struct {
	t     *testing.T
	q     *queue.Machine
	now   time.Time
	teams map[call.TeamID]routing.Team
}

// team is a team with plain settings; a story changes them where it matters.
func team(id call.TeamID, members ...call.AgentID) routing.Team {
	return routing.Team{
		ID: id, Members: members, Strategy: queue.LongestIdle,
		RingTime: 20 * time.Second, Retry: 5 * time.Second,
	}
}

func with(t routing.Team, change func(*routing.Team)) routing.Team {
	change(&t)
	return t
}

func newHall(t *testing.T, teams ...routing.Team) *hall {
	t.Helper()
	h := &hall{t: t, now: nineOClock, teams: byID(teams)}
	h.q = queue.New(h.teams, agentsOf(teams))
	return h
}

func byID(teams []routing.Team) map[call.TeamID]routing.Team {
	m := map[call.TeamID]routing.Team{}
	for _, t := range teams {
		m[t.ID] = t
	}
	return m
}

func agentsOf(teams []routing.Team) map[call.AgentID]routing.Agent {
	m := map[call.AgentID]routing.Agent{}
	for _, t := range teams {
		for _, id := range t.Members {
			m[id] = routing.Agent{ID: id, Endpoint: "PJSIP/" + string(id)}
		}
	}
	return m
}

func (h *hall) follows(actions []queue.Action, want []string) {
	h.t.Helper()
	var got []string
	for _, a := range actions {
		got = append(got, a.String())
	}
	require.Equal(h.t, want, got)
}

func (h *hall) joins(id call.ID, team call.TeamID, want ...string) {
	h.t.Helper()
	h.joinsAs(queue.Caller{ID: id, Team: team}, want...)
}

func (h *hall) joinsAs(c queue.Caller, want ...string) {
	h.t.Helper()
	actions, err := h.q.Join(h.now, c)
	require.NoError(h.t, err)
	h.follows(actions, want)
}

func (h *hall) leaves(id call.ID, want ...string) {
	h.t.Helper()
	h.follows(h.q.Leave(h.now, id), want)
}

func (h *hall) answers(agent call.AgentID, id call.ID, want ...string) {
	h.t.Helper()
	h.follows(h.q.Answered(h.now, id, agent), want)
}

func (h *hall) fails(agent call.AgentID, id call.ID, why queue.RingFailure, want ...string) {
	h.t.Helper()
	h.follows(h.q.RingFailed(h.now, id, agent, why), want)
}

func (h *hall) hangsUp(agent call.AgentID, want ...string) {
	h.t.Helper()
	h.follows(h.q.Ended(h.now, agent), want)
}

func (h *hall) phone(agent call.AgentID, s queue.PhoneState, want ...string) {
	h.t.Helper()
	h.follows(h.q.Phone(h.now, agent, s), want)
}

func (h *hall) adopts(agent call.AgentID, id call.ID, team call.TeamID, want ...string) {
	h.t.Helper()
	h.follows(h.q.Talking(h.now, id, agent, team), want)
}

// passes lets time pass, with a Tick at each moment that the queues ask for.
func (h *hall) passes(d time.Duration, want ...string) {
	h.t.Helper()
	end := h.now.Add(d)
	var actions []queue.Action
	for next, ok := h.q.NextTick(); ok && !next.After(end); next, ok = h.q.NextTick() {
		require.True(h.t, next.After(h.now) || next.Equal(h.now), "a tick in the past")
		h.now = next
		actions = append(actions, h.q.Tick(h.now)...)
	}
	h.now = end
	h.follows(actions, want)
}

// reloads takes over other teams, with only the agents that they name.
func (h *hall) reloads(teams []routing.Team, want ...string) {
	h.t.Helper()
	h.teams = byID(teams)
	h.follows(h.q.Apply(h.now, h.teams, agentsOf(teams), nil), want)
}

func (h *hall) waitsAt(id call.ID, pos, of int) {
	h.t.Helper()
	gotPos, gotOf, ok := h.q.Position(id)
	require.True(h.t, ok, "%s does not wait", id)
	require.Equal(h.t, [2]int{pos, of}, [2]int{gotPos, gotOf})
}

func (h *hall) is(agent call.AgentID, want queue.AgentState) {
	h.t.Helper()
	for _, t := range h.q.Snapshot().Teams {
		for _, a := range t.Agents {
			if a.Agent == agent {
				require.Equal(h.t, want, a.State)
				return
			}
		}
	}
	require.Fail(h.t, "no such agent", agent)
}

func (h *hall) rests() {
	h.t.Helper()
	_, ok := h.q.NextTick()
	require.False(h.t, ok, "something is still timed")
}
