package queue_test

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// model has the rules of the queues once more, plain and slow: it takes in each event, checks every action for it, and
// then checks that none is missing.
type model struct {
	t       require.TestingT
	now     time.Time
	teams   map[call.TeamID]routing.Team
	agents  map[call.AgentID]*modelAgent
	callers map[call.ID]*modelCaller
	joined  int

	mayCancel func(c *modelCaller, agent call.AgentID) bool // whether the event at hand gives a reason
	mayGo     func(c *modelCaller) bool                     // by TeamGone
	connects  *modelTalk                                    // the Connect that must come first
	drops     *modelTalk                                    // the only DropAgent allowed
}

type modelTalk struct {
	call  call.ID
	agent call.AgentID
}

type modelAgent struct {
	id                                 call.AgentID
	gone                               bool
	endpoint                           string
	ring                               *modelCaller
	talk                               call.ID
	talkTeam                           routing.Team
	wrapUntil, pausedUntil, doubtUntil time.Time
	misses                             int
	phone, doubt                       queue.PhoneState
	talkedUntil                        time.Time
	forwards                           bool
}

type modelCaller struct {
	queue.Caller
	joined  int
	rings   map[call.AgentID]bool
	tried   map[call.AgentID]bool
	told    bool
	retryAt time.Time
}

func newModel(t require.TestingT, now time.Time) *model {
	return &model{
		t: t, now: now, teams: map[call.TeamID]routing.Team{},
		agents: map[call.AgentID]*modelAgent{}, callers: map[call.ID]*modelCaller{},
	}
}

func (a *modelAgent) state() queue.AgentState {
	phone := cmp.Or(a.doubt, a.phone)
	switch {
	case a.talk != "":
		return queue.AgentTalking
	case a.ring != nil:
		return queue.AgentRinging
	case !a.wrapUntil.IsZero():
		return queue.AgentWrapUp
	case !a.pausedUntil.IsZero():
		return queue.AgentPaused
	case phone == queue.PhoneOffline:
		return queue.AgentOffline
	case phone == queue.PhoneInUse:
		return queue.AgentInUse
	case a.forwards:
		return queue.AgentForwarded
	default:
		return queue.AgentFree
	}
}

func (a *modelAgent) ringable() bool {
	return a.state() == queue.AgentFree || a.state() == queue.AgentForwarded && a.doubtUntil.IsZero()
}

func (a *modelAgent) staffed() bool {
	return a.pausedUntil.IsZero() && (a.talk != "" || cmp.Or(a.doubt, a.phone) != queue.PhoneOffline)
}

// members are the agents of a team, in its order.
func (m *model) members(team call.TeamID) []*modelAgent {
	var members []*modelAgent
	for _, id := range m.teams[team].Members {
		if a := m.agents[id]; a != nil && !a.gone && !slices.Contains(members, a) {
			members = append(members, a)
		}
	}
	return members
}

func (m *model) staffed(team call.TeamID) []*modelAgent {
	return slices.DeleteFunc(m.members(team), func(a *modelAgent) bool { return !a.staffed() })
}

func (m *model) callersOf(team call.TeamID) []*modelCaller {
	all := slices.SortedFunc(maps.Values(m.callers), m.compare)
	return slices.DeleteFunc(all, func(c *modelCaller) bool { return c.Team != team })
}

func (m *model) compare(a, b *modelCaller) int {
	return cmp.Or(
		-cmp.Compare(m.teams[a.Team].Priority, m.teams[b.Team].Priority),
		a.Since.Compare(b.Since),
		cmp.Compare(a.joined, b.joined),
	)
}

// could lists the agents whose phone could ring for the caller now.
func (m *model) could(c *modelCaller) []*modelAgent {
	if len(c.rings) > 0 && m.teams[c.Team].Strategy != queue.RingAll {
		return nil
	}
	return slices.DeleteFunc(m.members(c.Team), func(a *modelAgent) bool {
		return !a.ringable() || c.tried[a.id]
	})
}

func (m *model) nobodyLeft(c *modelCaller) bool {
	return len(c.rings) == 0 &&
		!slices.ContainsFunc(m.staffed(c.Team), func(a *modelAgent) bool { return !c.tried[a.id] })
}

// checkActions takes in the actions of one event, after the event itself.
func (m *model) checkActions(actions []queue.Action) {
	if m.connects != nil {
		require.NotEmpty(m.t, actions, "an answer that must connect")
		require.Equal(m.t, queue.Connect, actions[0].Kind)
	}
	for _, a := range actions {
		switch a.Kind {
		case queue.Ring:
			m.ring(a)
		case queue.CancelRing:
			c := m.callers[a.Call]
			require.NotNil(m.t, c, "%s for nobody", a)
			require.True(m.t, c.rings[a.Agent], "%s, which does not ring", a)
			require.True(m.t, m.mayCancel != nil && m.mayCancel(c, a.Agent), "%s without a reason", a)
			m.endRing(m.agents[a.Agent])
		case queue.Connect:
			require.Equal(m.t, &modelTalk{a.Call, a.Agent}, m.connects, "%s", a)
			m.connects = nil
			m.converse(a.Call, a.Agent, m.teams[a.Team])
		case queue.DropAgent:
			require.Equal(m.t, &modelTalk{a.Call, a.Agent}, m.drops, "%s", a)
			m.drops = nil
		case queue.NobodyLeft:
			c := m.callers[a.Call]
			require.NotNil(m.t, c, "%s to nobody", a)
			require.False(m.t, c.told, "%s twice in a round", a)
			require.True(m.t, m.nobodyLeft(c), "%s though an agent is", a)
			c.told = true
		case queue.TeamGone:
			c := m.callers[a.Call]
			require.NotNil(m.t, c, "%s to nobody", a)
			require.True(m.t, m.mayGo != nil && m.mayGo(c), "%s though it stays", a)
			require.Empty(m.t, c.rings, "%s while phones ring", a)
			delete(m.callers, a.Call)
		}
	}
	require.Nil(m.t, m.connects, "not connected")
	require.Nil(m.t, m.drops, "not dropped")
	m.mayCancel, m.mayGo = nil, nil
	m.settled()
}

func (m *model) ring(a queue.Action) {
	c := m.callers[a.Call]
	require.NotNil(m.t, c, "%s for nobody", a)
	could := m.could(c)
	at := slices.IndexFunc(could, func(x *modelAgent) bool { return x.id == a.Agent })
	require.GreaterOrEqual(m.t, at, 0, "%s, which must not ring", a)
	team := m.teams[c.Team]
	require.Equal(m.t, queue.Action{
		Kind: queue.Ring, Call: c.ID, Agent: a.Agent, Team: c.Team, For: team.RingTime,
	}, a)
	switch team.Strategy {
	case queue.FixedOrder:
		require.Zero(m.t, at, "%s, not the first of the list", a)
	case queue.LongestIdle:
		for i, other := range could {
			idle := other.talkedUntil.Compare(could[at].talkedUntil)
			require.False(m.t, idle < 0 || idle == 0 && i < at, "%s, though %s is idle longer", a, other.id)
		}
	case queue.RingAll:
	}
	for _, other := range m.callers {
		if m.compare(other, c) < 0 {
			require.NotContains(m.t, m.could(other), could[at], "%s, though %s goes first", a, other.ID)
		}
	}
	could[at].ring = c
	c.rings[a.Agent] = true
}

func (m *model) endRing(a *modelAgent) {
	delete(a.ring.rings, a.id)
	a.ring = nil
}

func (m *model) converse(id call.ID, agent call.AgentID, team routing.Team) {
	a := m.agents[agent]
	if a.ring != nil {
		m.endRing(a)
	}
	a.talk, a.talkTeam, a.misses, a.wrapUntil = id, team, 0, time.Time{}
	a.forwards = false
}

// settled checks that no action is missing, and begins the pauses between rounds.
func (m *model) settled() {
	for id, c := range m.callers {
		require.Empty(m.t, m.could(c), "%s waits beside a free phone", id)
		require.False(m.t, !c.told && m.nobodyLeft(c), "%s got no NobodyLeft", id)
		if len(c.rings) == 0 && c.retryAt.IsZero() && (c.told || len(c.tried) > 0) {
			c.retryAt = m.now.Add(max(m.teams[c.Team].Retry, time.Second))
		}
	}
	for id, a := range m.agents {
		require.False(m.t, a.ring != nil && (m.callers[a.ring.ID] != a.ring || !a.ring.rings[id]),
			"%s rings without a caller", id)
	}
}

// nextTick is the first moment at which a timer runs out.
func (m *model) nextTick() (first time.Time, ok bool) {
	var moments []time.Time
	for _, a := range m.agents {
		moments = append(moments, a.wrapUntil, a.pausedUntil, a.doubtUntil)
	}
	for _, c := range m.callers {
		moments = append(moments, c.retryAt)
	}
	moments = slices.DeleteFunc(moments, time.Time.IsZero)
	if len(moments) == 0 {
		return time.Time{}, false
	}
	return slices.MinFunc(moments, time.Time.Compare), true
}

// checkState compares all readable state of the queues.
func (m *model) checkState(q *queue.Machine) {
	gotAt, gotOK := q.NextTick()
	wantAt, wantOK := m.nextTick()
	require.Equal(m.t, wantOK, gotOK, "whether a tick is due")
	require.True(m.t, wantAt.Equal(gotAt), "next tick at %s, not %s", gotAt, wantAt)
	ids := slices.Sorted(maps.Keys(m.teams))
	snapshot := q.Snapshot().Teams
	require.Len(m.t, snapshot, len(ids))
	for i, id := range ids {
		waiting := m.callersOf(id)
		var oldest time.Time
		for at, c := range waiting {
			if oldest.IsZero() || c.Since.Before(oldest) {
				oldest = c.Since
			}
			pos, of, ok := q.Position(c.ID)
			require.Equal(m.t, []any{at + 1, len(waiting), true}, []any{pos, of, ok}, "position of %s", c.ID)
			wait, _ := q.ExpectedWait(m.now, c.ID)
			require.GreaterOrEqual(m.t, wait, time.Duration(0))
		}
		want := queue.TeamSnapshot{
			Team: id, Waiting: len(waiting), Oldest: oldest, Staffed: len(m.staffed(id)),
			Agents: []queue.AgentSnapshot{},
		}
		for j, a := range m.members(id) {
			shown := queue.AgentSnapshot{Agent: a.id, State: a.state(), Call: a.talk}
			if shown.State == queue.AgentRinging {
				shown.Call = a.ring.ID
			}
			require.Less(m.t, j, len(snapshot[i].Agents))
			shown.Since = snapshot[i].Agents[j].Since
			want.Agents = append(want.Agents, shown)
		}
		require.Equal(m.t, want, snapshot[i])
		require.Equal(m.t, want.Staffed, q.Staffed(id))
	}
}
