package queue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// converses has a free agent speak with a number of callers, for the same time each.
func (h *hall) converses(agent call.AgentID, team call.TeamID, times int, long time.Duration) {
	h.t.Helper()
	for i := range times {
		id := call.ID(fmt.Sprintf("%s-%d-%s", agent, i, h.now))
		ring := fmt.Sprintf("ring %s at %s for 20s", id, agent)
		h.joins(id, team, ring)
		h.answers(agent, id, fmt.Sprintf("connect %s at %s", id, agent))
		h.now = h.now.Add(long)
		h.hangsUp(agent)
		h.now = h.now.Add(h.teams[team].WrapUp)
		h.follows(h.q.Tick(h.now), nil)
	}
}

func (h *hall) expects(id call.ID, want time.Duration) {
	h.t.Helper()
	got, ok := h.q.ExpectedWait(h.now, id)
	require.True(h.t, ok, "no ground for an estimate")
	require.Equal(h.t, want, got.Round(time.Millisecond))
}

func (h *hall) expectsNothing(id call.ID) {
	h.t.Helper()
	_, ok := h.q.ExpectedWait(h.now, id)
	require.False(h.t, ok)
}

func TestExpectedWait(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"there is no ground before a few conversations": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.converses("anna", "kcc", 2, time.Minute)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.expectsNothing("c1")
			h.expectsNothing("nobody")
		},
		"each caller ahead is a turn": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.converses("anna", "kcc", 3, time.Minute)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.joins("c2", "kcc")
			h.expects("c1", time.Minute)
			h.expects("c2", 2*time.Minute)
		},
		"wrap-up counts": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), func(t *routing.Team) { t.WrapUp = 30 * time.Second }))
			h.converses("anna", "kcc", 3, time.Minute)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.expects("c1", 90*time.Second)
		},
		"more staff is less waiting, and an offline agent is no staff": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram", "carla"))
			h.phone("carla", queue.PhoneOffline)
			h.phone("bram", queue.PhoneOffline)
			h.converses("anna", "kcc", 3, time.Minute)
			h.adopts("anna", "a", "kcc")
			h.adopts("bram", "b", "kcc")
			h.joins("c1", "kcc")
			h.expects("c1", 30*time.Second)
			h.hangsUp("bram")
			h.expects("c1", time.Minute)
			h.phone("anna", queue.PhoneOffline)
			h.hangsUp("anna", "nobody_left c1")
			h.expectsNothing("c1")
		},
		"an agent shared with another team that has callers counts half": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"), team("tax", "anna"))
			h.phone("bram", queue.PhoneOffline)
			h.converses("anna", "kcc", 3, time.Minute)
			h.phone("bram", queue.PhoneFree)
			h.adopts("anna", "a", "kcc")
			h.adopts("bram", "b", "kcc")
			h.joins("c1", "kcc")
			h.expects("c1", 30*time.Second)
			h.joins("t1", "tax")
			h.expects("c1", 40*time.Second)
			h.expectsNothing("t1")
		},
		"a caller for whom a phone rings waits no more, and is no turn for others": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.converses("anna", "kcc", 3, time.Minute)
			h.joins("c1", "kcc", "ring "+"c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.expects("c1", 0)
			h.expects("c2", time.Minute)
		},
		"it follows the pace of the day": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.converses("anna", "kcc", 20, time.Minute)
			h.converses("anna", "kcc", 1, 21*time.Minute)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.expects("c1", 2*time.Minute)
		},
		"yesterday's pace is no ground": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.converses("anna", "kcc", 10, time.Hour/2)
			h.passes(12*time.Hour + time.Second)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.expectsNothing("c1")
			h.leaves("c1")
			h.hangsUp("anna")
			h.converses("anna", "kcc", 3, time.Minute)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.expects("c1", time.Minute)
		},
		"an adopted conversation says nothing": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			for range 5 {
				h.adopts("anna", "c0", "kcc")
				h.passes(time.Minute)
				h.hangsUp("anna")
			}
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.expectsNothing("c1")
		},
		"a clock that is set back gives no negative wait": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.converses("anna", "kcc", 3, -time.Minute)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.expects("c1", 0)
		},
	})
}

func TestSnapshot(t *testing.T) {
	h := newHall(t,
		with(team("kcc", "carla", "bram", "anna"), func(t *routing.Team) {
			t.WrapUp, t.MissedLimit, t.MissedPause = time.Minute, 1, time.Hour
		}),
		team("archive"), team("tax", "anna", "dirk", "els", "faya"))
	h.passes(time.Second)
	start := h.now
	h.phone("dirk", queue.PhoneOffline)
	h.phone("els", queue.PhoneInUse)
	h.joins("k0", "kcc", "ring k0 at carla for 20s")
	h.fails("carla", "k0", queue.NoAnswer, "ring k0 at bram for 20s")
	h.leaves("k0", "cancel_ring k0 at bram")
	h.adopts("bram", "c0", "kcc")
	h.passes(time.Second)
	h.hangsUp("bram")
	h.joins("k1", "kcc", "ring k1 at anna for 20s")
	h.passes(time.Second)
	h.joins("k2", "kcc")
	h.joins("t1", "tax", "ring t1 at faya for 20s")
	h.answers("faya", "t1", "connect t1 at faya")
	h.joins("a1", "archive", "nobody_left a1")
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	anna := queue.AgentSnapshot{Agent: "anna", State: queue.AgentRinging, Since: at(1), Call: "k1"}
	got := h.q.Snapshot()
	require.Equal(t, queue.Snapshot{Teams: []queue.TeamSnapshot{
		{Team: "archive", Waiting: 1, Oldest: at(2), Agents: []queue.AgentSnapshot{}},
		{Team: "kcc", Waiting: 2, Oldest: at(1), Staffed: 2, Agents: []queue.AgentSnapshot{
			{Agent: "carla", State: queue.AgentPaused, Since: start},
			{Agent: "bram", State: queue.AgentWrapUp, Since: at(1)},
			anna,
		}},
		{Team: "tax", Staffed: 3, Agents: []queue.AgentSnapshot{
			anna,
			{Agent: "dirk", State: queue.AgentOffline, Since: start},
			{Agent: "els", State: queue.AgentInUse, Since: start},
			{Agent: "faya", State: queue.AgentTalking, Since: at(2), Call: "t1"},
		}},
	}}, got)
	require.Equal(t, 1, got.Teams[1].Count(queue.AgentPaused))
	require.Zero(t, got.Teams[1].Count(queue.AgentFree))
	for _, team := range got.Teams {
		for _, agent := range team.Agents {
			require.Contains(t, queue.AgentStates(), agent.State)
		}
	}
}

func TestActionsAsText(t *testing.T) {
	for want, action := range map[string]queue.Action{
		"ring c1 at anna for 20s": {Kind: queue.Ring, Call: "c1", Agent: "anna", Team: "kcc", For: 20 * time.Second},
		"cancel_ring c1 at anna":  {Kind: queue.CancelRing, Call: "c1", Agent: "anna"},
		"connect c1 at anna":      {Kind: queue.Connect, Call: "c1", Agent: "anna", Team: "kcc"},
		"drop_agent c1 at anna":   {Kind: queue.DropAgent, Call: "c1", Agent: "anna"},
		"nobody_left c1":          {Kind: queue.NobodyLeft, Call: "c1", Team: "kcc"},
		"team_gone c1":            {Kind: queue.TeamGone, Call: "c1", Team: "kcc"},
		`unknown action "dance"`:  {Kind: "dance"},
	} {
		require.Equal(t, want, action.String())
	}
}
