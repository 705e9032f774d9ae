package queue_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

var (
	someTeams  = []call.TeamID{"archive", "kcc", "tax"}
	someAgents = []call.AgentID{"anna", "bram", "carla", "dirk", "els"}
)

// machine plays all events of dispatch and the world, in any order, and has the model check the actions.
type machine struct {
	*model
	q *queue.Machine
}

func genTeams(t *rapid.T) map[call.TeamID]routing.Team {
	seconds := func(name string, of ...int) time.Duration {
		return time.Duration(rapid.SampledFrom(of).Draw(t, name)) * time.Second
	}
	teams := map[call.TeamID]routing.Team{}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(someTeams), 1, 3, rapid.ID).Draw(t, "teams") {
		teams[id] = routing.Team{
			ID:      id,
			Members: rapid.SliceOfN(rapid.SampledFrom(someAgents), 0, 6).Draw(t, "members"),
			Strategy: rapid.SampledFrom([]routing.Strategy{
				queue.LongestIdle, queue.RingAll, queue.FixedOrder,
			}).Draw(t, "strategy"),
			Priority:    rapid.IntRange(0, 1).Draw(t, "priority"),
			RingTime:    seconds("ring time", 10, 20),
			Retry:       seconds("retry", 0, 3, 7),
			WrapUp:      seconds("wrap-up", 0, 5),
			MissedLimit: rapid.IntRange(0, 2).Draw(t, "missed limit"),
			MissedPause: seconds("missed pause", 0, 4),
		}
	}
	return teams
}

func genAgents(t *rapid.T) map[call.AgentID]routing.Agent {
	agents := map[call.AgentID]routing.Agent{}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(someAgents), 2, 5, rapid.ID).Draw(t, "agents") {
		agents[id] = routing.Agent{
			ID: id, Endpoint: rapid.SampledFrom([]string{"desk", "desk", "home"}).Draw(t, "phone"),
		}
	}
	return agents
}

func aCall(t *rapid.T) call.ID {
	return call.ID(fmt.Sprintf("c%d", rapid.IntRange(1, 7).Draw(t, "call")))
}

func anAgent(t *rapid.T) call.AgentID { return rapid.SampledFrom(someAgents).Draw(t, "agent") }

func aTeam(t *rapid.T) call.TeamID { return rapid.SampledFrom(someTeams).Draw(t, "team") }

// ringing picks a phone that rings; ok is false when none does.
func (m *machine) ringing(t *rapid.T) (id call.ID, a *modelAgent, ok bool) {
	var all []*modelAgent
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		if m.agents[id].ring != nil {
			all = append(all, m.agents[id])
		}
	}
	if len(all) == 0 {
		return "", nil, false
	}
	a = rapid.SampledFrom(all).Draw(t, "ringing")
	return a.ring.ID, a, true
}

func (m *machine) join(t *rapid.T) {
	c := queue.Caller{ID: aCall(t), Team: aTeam(t)}
	if rapid.Bool().Draw(t, "taken back") {
		c.Since = m.now.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "ago")) * time.Second)
	}
	if _, known := m.teams[c.Team]; !known || m.callers[c.ID] != nil {
		actions, err := m.q.Join(m.now, c)
		require.Error(t, err)
		require.Empty(t, actions)
		return
	}
	actions, err := m.q.Join(m.now, c)
	require.NoError(t, err)
	if c.Since.IsZero() {
		c.Since = m.now
	}
	m.joined++
	m.callers[c.ID] = &modelCaller{
		Caller: c, joined: m.joined, rings: map[call.AgentID]bool{}, tried: map[call.AgentID]bool{},
	}
	m.checkActions(actions)
}

func (m *machine) leave(t *rapid.T) { m.leaveOf(aCall(t)) }

func (m *machine) leaveOf(id call.ID) {
	m.gone(id, m.q.Leave(m.now, id))
}

// gone lets a caller go, and checks that the phones that ring for them are cancelled first.
func (m *machine) gone(id call.ID, actions []queue.Action) {
	if c := m.callers[id]; c != nil {
		for _, a := range slices.Sorted(maps.Keys(c.rings)) {
			want := queue.Action{Kind: queue.CancelRing, Call: id, Agent: a}
			at := slices.Index(actions, want)
			require.GreaterOrEqual(m.t, at, 0, "a phone that rings on for a caller who is gone")
			actions = slices.Delete(actions, at, at+1)
			m.endRing(m.agents[a])
		}
		delete(m.callers, id)
	}
	m.checkActions(actions)
}

func (m *machine) answer(t *rapid.T) {
	id, a, ok := m.ringing(t)
	if !ok {
		return
	}
	actions := m.q.Answered(m.now, id, a.id)
	team := m.callers[id].Team
	require.NotEmpty(t, actions)
	require.Equal(t, queue.Action{Kind: queue.Connect, Call: id, Agent: a.id, Team: team}, actions[0])
	m.converse(id, a.id, m.teams[team])
	m.gone(id, actions[1:])
}

func (m *machine) answerOfSomebody(t *rapid.T) {
	id, agent := aCall(t), anAgent(t)
	a := m.agents[agent]
	if a != nil && a.ring != nil && a.ring.ID == id {
		return // a proper answer
	}
	if a == nil || a.talk != id {
		m.drops = &modelTalk{id, agent}
	}
	m.checkActions(m.q.Answered(m.now, id, agent))
}

func (m *machine) failure(t *rapid.T) {
	id, a, ok := m.ringing(t)
	if !ok {
		return
	}
	why := rapid.SampledFrom([]queue.RingFailure{
		queue.NoAnswer, queue.NoAnswer, queue.Declined, queue.Forwarded, queue.Busy, queue.Unreachable,
		queue.Fault,
	}).Draw(t, "why")
	c := m.callers[id]
	team := m.teams[c.Team]
	m.endRing(a)
	c.tried[a.id] = true
	a.forwards = false
	switch there := a.phone == queue.PhoneFree || a.phone == queue.PhoneUnknown; {
	case !there:
	case why == queue.NoAnswer || why == queue.Declined || why == queue.Forwarded:
		a.misses++
		if team.MissedLimit > 0 && a.misses >= team.MissedLimit {
			a.misses = 0
			if team.MissedPause > 0 {
				a.pausedUntil = m.now.Add(team.MissedPause)
			}
		}
		if why == queue.Forwarded {
			a.forwards, a.doubt, a.doubtUntil = true, "", m.now.Add(max(team.Retry, time.Second))
		}
	default:
		a.doubt, a.doubtUntil = queue.PhoneOffline, m.now.Add(max(team.Retry, time.Second))
		if why == queue.Busy {
			a.doubt = queue.PhoneInUse
		}
	}
	m.checkActions(m.q.RingFailed(m.now, id, a.id, why))
}

func (m *machine) failureOfSomebody(t *rapid.T) {
	id, agent := aCall(t), anAgent(t)
	if a := m.agents[agent]; a != nil && a.ring != nil && a.ring.ID == id {
		return // a proper failure
	}
	require.Empty(t, m.q.RingFailed(m.now, id, agent, queue.NoAnswer))
}

func (m *machine) end(t *rapid.T) { m.endOf(anAgent(t)) }

func (m *machine) endOf(agent call.AgentID) {
	if a := m.agents[agent]; a != nil && a.talk != "" {
		a.talk, a.talkedUntil = "", m.now
		if a.talkTeam.WrapUp > 0 {
			a.wrapUntil = m.now.Add(a.talkTeam.WrapUp)
		}
		if a.gone {
			delete(m.agents, agent)
		}
	}
	m.checkActions(m.q.Ended(m.now, agent))
}

func (m *machine) phone(t *rapid.T) {
	agent := anAgent(t)
	state := rapid.SampledFrom([]queue.PhoneState{
		queue.PhoneUnknown, queue.PhoneFree, queue.PhoneFree, queue.PhoneInUse, queue.PhoneOffline,
	}).Draw(t, "state")
	if a := m.agents[agent]; a != nil {
		a.phone, a.doubt, a.doubtUntil, a.forwards = state, "", time.Time{}, false
	}
	m.checkActions(m.q.Phone(m.now, agent, state))
}

func (m *machine) talking(t *rapid.T) {
	id, agent, team := aCall(t), anAgent(t), aTeam(t)
	actions := m.q.Talking(m.now, id, agent, team)
	a := m.agents[agent]
	if a == nil || a.talk == id {
		m.checkActions(actions)
		return
	}
	if a.ring != nil && a.ring.ID != id {
		require.Equal(t, queue.Action{Kind: queue.CancelRing, Call: a.ring.ID, Agent: agent}, actions[0])
		actions = actions[1:]
	}
	m.converse(id, agent, m.teams[team])
	m.gone(id, actions)
}

func (m *machine) pass(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "half seconds")) * time.Second / 2)
}

func (m *machine) tick(_ *rapid.T) {
	for _, a := range m.agents {
		for _, at := range []*time.Time{&a.wrapUntil, &a.pausedUntil, &a.doubtUntil} {
			if !at.After(m.now) {
				*at = time.Time{}
			}
		}
		if a.doubtUntil.IsZero() {
			a.doubt = ""
		}
	}
	for _, c := range m.callers {
		if !c.retryAt.IsZero() && !c.retryAt.After(m.now) {
			clear(c.tried)
			c.told = c.told && len(m.staffed(c.Team)) == 0
			c.retryAt = time.Time{}
		}
	}
	m.checkActions(m.q.Tick(m.now))
	if next, ok := m.q.NextTick(); ok {
		require.True(m.t, next.After(m.now), "a tick in the past after a tick")
	}
}

func (m *machine) reload(t *rapid.T) { m.apply(genTeams(t), genAgents(t)) }

func (m *machine) apply(teams map[call.TeamID]routing.Team, agents map[call.AgentID]routing.Agent) {
	before := map[call.AgentID][]call.TeamID{}
	for team := range m.teams {
		for _, a := range m.members(team) {
			before[a.id] = append(before[a.id], team)
		}
	}
	m.teams = teams
	for id, a := range m.agents {
		_, stays := agents[id]
		a.gone = !stays
		if team, there := teams[a.talkTeam.ID]; there {
			a.talkTeam = team
		} else {
			a.talkTeam.ID = "" // the end counts for the old team, not for a later one of that name
		}
	}
	for id, agent := range agents {
		if m.agents[id] == nil {
			m.agents[id] = &modelAgent{id: id, endpoint: agent.Endpoint, phone: queue.PhoneUnknown}
		}
		if a := m.agents[id]; a.endpoint != agent.Endpoint {
			a.endpoint, a.phone, a.doubt, a.doubtUntil = agent.Endpoint, queue.PhoneUnknown, "", time.Time{}
			a.forwards = false
		}
	}
	isMember := func(id call.AgentID, team call.TeamID) bool {
		return slices.Contains(m.members(team), m.agents[id])
	}
	for id, left := range before {
		for _, c := range m.callers {
			if slices.Contains(left, c.Team) && !isMember(id, c.Team) {
				delete(c.tried, id)
			}
		}
	}
	m.mayCancel = func(c *modelCaller, agent call.AgentID) bool { return !isMember(agent, c.Team) }
	m.mayGo = func(c *modelCaller) bool {
		_, stays := m.teams[c.Team]
		return !stays
	}
	m.checkActions(m.q.Apply(m.now, teams, agents, nil))
	for id, a := range m.agents {
		if a.gone && a.talk == "" {
			delete(m.agents, id)
		}
	}
	for id, c := range m.callers {
		require.Contains(m.t, m.teams, c.Team, "%s waits for a team that is gone", id)
		for agent := range c.rings {
			require.True(m.t, isMember(agent, c.Team), "%s rings on for a team that they left", agent)
		}
	}
}

// windDown lets all callers go. After it only a pause or their own phone may keep an agent from being free.
func (m *machine) windDown(t *rapid.T) {
	for _, id := range slices.Sorted(maps.Keys(m.callers)) {
		m.leaveOf(id)
	}
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		m.endOf(id)
	}
	for next, ok := m.q.NextTick(); ok; next, ok = m.q.NextTick() {
		if next.After(m.now) {
			m.now = next
		}
		m.tick(t)
	}
	m.checkState(m.q)
	for _, a := range m.agents {
		require.NotContains(t, []queue.AgentState{
			queue.AgentTalking, queue.AgentRinging, queue.AgentWrapUp,
		}, a.state())
	}
}

func TestQueuesKeepTheirRulesWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{model: newModel(t, nineOClock), q: queue.New(nil, nil)}
		m.apply(genTeams(t), genAgents(t))
		t.Repeat(map[string]func(*rapid.T){
			"":                    func(*rapid.T) { m.checkState(m.q) },
			"join":                m.join,
			"join, too":           m.join,
			"join, as well":       m.join,
			"leave":               m.leave,
			"answer":              m.answer,
			"answer of somebody":  m.answerOfSomebody,
			"failure":             m.failure,
			"failure, too":        m.failure,
			"failure of somebody": m.failureOfSomebody,
			"end":                 m.end,
			"end, too":            m.end,
			"phone":               m.phone,
			"talking":             m.talking,
			"pass":                m.pass,
			"tick":                m.tick,
			"reload":              m.reload,
		})
		m.windDown(t)
	})
}
