package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// stories are moves; the words after a move are all the actions that must follow, in order.
func play(t *testing.T, stories map[string]func(t *testing.T)) {
	t.Helper()
	for name, story := range stories {
		t.Run(name, story)
	}
}

func TestCallersAreServedInOrder(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"a caller is connected, talks, and the agent is free again": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.waitsAt("c1", 1, 1)
			h.answers("anna", "c1", "connect c1 at anna")
			_, _, ok := h.q.Position("c1")
			require.False(t, ok, "a connected caller no longer waits")
			h.is("anna", queue.AgentTalking)
			h.hangsUp("anna")
			h.is("anna", queue.AgentFree)
			h.rests()
		},
		"the moment an agent hangs up the next phone rings": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.joins("c3", "kcc")
			h.waitsAt("c3", 3, 3)
			h.answers("anna", "c1", "connect c1 at anna")
			h.waitsAt("c3", 2, 2)
			h.hangsUp("anna", "ring c2 at anna for 20s")
			h.answers("anna", "c2", "connect c2 at anna")
			h.hangsUp("anna", "ring c3 at anna for 20s")
		},
		"a caller who was taken back after a restart keeps their place": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joinsAs(queue.Caller{ID: "new", Team: "kcc", Since: h.now})
			h.joinsAs(queue.Caller{ID: "old", Team: "kcc", Since: h.now.Add(-time.Minute)})
			h.waitsAt("old", 1, 2)
			h.hangsUp("anna", "ring old at anna for 20s")
		},
		"callers of the same moment go in order of joining": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			for _, id := range []string{"z", "a", "m"} {
				h.joinsAs(queue.Caller{ID: call.ID(id), Team: "kcc", Since: h.now})
			}
			h.waitsAt("z", 1, 3)
			h.waitsAt("a", 2, 3)
			h.waitsAt("m", 3, 3)
		},
		"an agent of two teams serves the longest waiting of both": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"), team("tax", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("tax1", "tax")
			h.passes(time.Second)
			h.joins("kcc1", "kcc")
			h.hangsUp("anna", "ring tax1 at anna for 20s")
		},
		"a team with priority goes first for an agent of two teams": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), func(t *routing.Team) { t.Priority = 5 }), team("tax", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("tax1", "tax")
			h.passes(time.Second)
			h.joins("kcc1", "kcc")
			h.hangsUp("anna", "ring kcc1 at anna for 20s")
			h.answers("anna", "kcc1", "connect kcc1 at anna")
			h.hangsUp("anna", "ring tax1 at anna for 20s")
		},
		"a caller for whom a phone rings keeps their place": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.phone("bram", queue.PhoneOffline)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.waitsAt("c1", 1, 2)
			h.fails("anna", "c1", queue.NoAnswer, "ring c2 at anna for 20s", "nobody_left c1")
			h.waitsAt("c1", 1, 2)
			h.phone("bram", queue.PhoneFree, "ring c1 at bram for 20s")
		},
		"places from before and after a restart compare by the clock on the wall": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.phone("anna", queue.PhoneOffline)
			now := time.Now() // with a monotonic reading; a stored place has none
			h.joinsAs(queue.Caller{ID: "now", Team: "kcc", Since: now}, "nobody_left now")
			h.joinsAs(queue.Caller{ID: "stored", Team: "kcc", Since: now.Round(0)}, "nobody_left stored")
			h.joinsAs(queue.Caller{ID: "earlier", Team: "kcc", Since: now.Round(0).Add(-1)}, "nobody_left earlier")
			h.waitsAt("earlier", 1, 3)
			h.waitsAt("now", 2, 3)
			h.waitsAt("stored", 3, 3)
			h.leaves("earlier")
			h.leaves("stored")
			require.Equal(t, now.Round(0), h.q.Snapshot().Teams[0].Oldest, "a reading of the monotonic clock is kept")
		},
	})
}

func TestLeaving(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"a caller who hangs up stops the phone, which rings for the next at once": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.leaves("c1", "cancel_ring c1 at anna", "ring c2 at anna for 20s")
			h.waitsAt("c2", 1, 1)
		},
		"leaving twice, or without having joined, does nothing": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.leaves("nobody")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.leaves("c1", "cancel_ring c1 at anna")
			h.leaves("c1")
		},
		"leaving from the middle moves the others up": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.joins("c2", "kcc")
			h.joins("c3", "kcc")
			h.leaves("c2")
			h.waitsAt("c3", 2, 2)
		},
		"a caller who leaves between rounds leaves no timer behind": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "nobody_left c1")
			h.leaves("c1")
			h.rests()
		},
		"a caller may come back under the same id": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.leaves("c1", "cancel_ring c1 at anna")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
		},
		"a caller who was transferred waits for another team while the first agent still holds the line": func(
			t *testing.T,
		) {
			h := newHall(t, team("kcc", "anna"), team("tax", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.answers("anna", "c1", "connect c1 at anna")
			h.joins("c1", "tax", "ring c1 at bram for 20s")
			h.answers("bram", "c1", "connect c1 at bram")
			h.hangsUp("anna")
			h.is("bram", queue.AgentTalking)
		},
	})
}

func TestJoinRefuses(t *testing.T) {
	h := newHall(t, team("kcc", "anna"))
	h.joins("c1", "kcc", "ring c1 at anna for 20s")
	for name, test := range map[string]struct {
		caller queue.Caller
		want   error
	}{
		"a call that waits already":         {queue.Caller{ID: "c1", Team: "kcc"}, queue.ErrAlreadyWaiting},
		"a team that does not exist":        {queue.Caller{ID: "c2", Team: "parks"}, queue.ErrUnknownTeam},
		"a call without an id":              {queue.Caller{Team: "kcc"}, queue.ErrNoCall},
		"a call that waits, elsewhere then": {queue.Caller{ID: "c1", Team: "parks"}, queue.ErrUnknownTeam},
	} {
		t.Run(name, func(t *testing.T) {
			actions, err := h.q.Join(h.now, test.caller)
			require.ErrorIs(t, err, test.want)
			require.Empty(t, actions)
			h.waitsAt("c1", 1, 1)
		})
	}
}

func TestAnswering(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"an agent who answers after the caller hung up is dropped": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.leaves("c1", "cancel_ring c1 at anna")
			h.answers("anna", "c1", "drop_agent c1 at anna")
			h.is("anna", queue.AgentFree)
		},
		"an agent who answers too late keeps the ring of the next caller": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.leaves("c1", "cancel_ring c1 at anna", "ring c2 at anna for 20s")
			h.answers("anna", "c1", "drop_agent c1 at anna")
			h.answers("anna", "c2", "connect c2 at anna")
		},
		"an answer that is reported twice changes nothing": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.answers("anna", "c1", "connect c1 at anna")
			h.answers("anna", "c1")
		},
		"an unknown agent is dropped": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.answers("zoe", "c1", "drop_agent c1 at zoe")
		},
		"an end without a conversation changes nothing": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), func(t *routing.Team) { t.WrapUp = time.Minute }))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.hangsUp("anna")
			h.hangsUp("zoe")
			h.is("anna", queue.AgentRinging)
		},
		"a failed ring that was over already changes nothing": func(t *testing.T) {
			h := newHall(
				t, with(team("kcc", "anna"), func(t *routing.Team) { t.MissedLimit, t.MissedPause = 1, time.Minute }),
			)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.leaves("c1", "cancel_ring c1 at anna")
			h.fails("anna", "c1", queue.NoAnswer)
			h.fails("zoe", "c1", queue.NoAnswer)
			h.joins("c2", "kcc", "ring c2 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer)
			h.answers("anna", "c2", "connect c2 at anna")
		},
	})
}

func TestWrapUp(t *testing.T) {
	wrapUp := func(t *routing.Team) { t.WrapUp = 30 * time.Second }
	play(t, map[string]func(t *testing.T){
		"the next phone rings when the wrap-up is over, and not before": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), wrapUp))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.answers("anna", "c1", "connect c1 at anna")
			h.hangsUp("anna")
			h.is("anna", queue.AgentWrapUp)
			next, ok := h.q.NextTick()
			require.True(t, ok)
			require.Equal(t, h.now.Add(30*time.Second), next)
			h.passes(29 * time.Second)
			h.passes(time.Second, "ring c2 at anna for 20s")
			h.rests()
		},
		"an agent in wrap-up counts as staff": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), wrapUp))
			h.adopts("anna", "c0", "kcc")
			h.hangsUp("anna")
			require.Equal(t, 1, h.q.Staffed("kcc"))
			h.joins("c1", "kcc")
		},
		"an agent of two teams wraps up as the team of the conversation says": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), wrapUp), team("tax", "anna"))
			h.joins("tax1", "tax", "ring tax1 at anna for 20s")
			h.answers("anna", "tax1", "connect tax1 at anna")
			h.hangsUp("anna")
			h.is("anna", queue.AgentFree)
		},
		"a late tick does everything that is due": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna", "bram"), wrapUp))
			h.adopts("anna", "a", "kcc")
			h.adopts("bram", "b", "kcc")
			h.joins("c1", "kcc")
			h.joins("c2", "kcc")
			h.hangsUp("anna")
			h.now = h.now.Add(time.Second)
			h.hangsUp("bram")
			h.now = h.now.Add(time.Hour)
			h.follows(h.q.Tick(h.now), []string{"ring c1 at anna for 20s", "ring c2 at bram for 20s"})
			h.rests()
		},
		"a tick before its time does nothing": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), wrapUp))
			h.adopts("anna", "c0", "kcc")
			h.hangsUp("anna")
			h.follows(h.q.Tick(h.now.Add(30*time.Second-1)), nil)
			h.is("anna", queue.AgentWrapUp)
		},
	})
}

func TestAdoptingConversationsAfterARestart(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"the agent is not rung until the conversation is over": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.hangsUp("anna", "ring c1 at anna for 20s")
		},
		"reported twice it changes nothing": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.adopts("anna", "c0", "kcc")
			h.is("anna", queue.AgentTalking)
		},
		"a caller who was joined first waits no longer": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.adopts("bram", "c1", "kcc", "cancel_ring c1 at anna")
			_, _, ok := h.q.Position("c1")
			require.False(t, ok)
			h.is("anna", queue.AgentFree)
		},
		"the very ring that was answered counts as answered": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.adopts("anna", "c1", "kcc")
			h.is("anna", queue.AgentTalking)
			h.answers("anna", "c1")
		},
		"another caller for whom the phone rang goes to another agent": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.adopts("anna", "c0", "kcc", "cancel_ring c1 at anna", "ring c1 at bram for 20s")
		},
		"a wrap-up that was running is over": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), func(t *routing.Team) { t.WrapUp = time.Minute }))
			h.adopts("anna", "c0", "kcc")
			h.hangsUp("anna")
			h.adopts("anna", "c1", "kcc")
			h.rests()
		},
		"for a team that is gone there is no wrap-up": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), func(t *routing.Team) { t.WrapUp = time.Minute }))
			h.adopts("anna", "c0", "parks")
			h.hangsUp("anna")
			h.is("anna", queue.AgentFree)
		},
		"an agent who is gone is not adopted": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("zoe", "c0", "kcc")
			h.hangsUp("zoe")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
		},
	})
}
