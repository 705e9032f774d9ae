package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestRoundsOfRinging(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"after an agent who does not answer the next is rung": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.passes(20 * time.Second)
			h.fails("anna", "c1", queue.NoAnswer, "ring c1 at bram for 20s")
			h.passes(time.Hour)
			h.fails("bram", "c1", queue.NoAnswer, "nobody_left c1")
		},
		"after the retry all are tried again, with one NobodyLeft": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "ring c1 at bram for 20s")
			h.fails("bram", "c1", queue.NoAnswer, "nobody_left c1")
			h.passes(5*time.Second - 1)
			h.passes(1, "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "ring c1 at bram for 20s")
			h.fails("bram", "c1", queue.NoAnswer, "nobody_left c1")
		},
		"while an agent talks there is no NobodyLeft": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.adopts("bram", "c0", "kcc")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer)
			h.hangsUp("bram", "ring c1 at bram for 20s")
			h.fails("bram", "c1", queue.NoAnswer, "nobody_left c1")
		},
		"an agent who missed is tried again after the retry though another talks on": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.adopts("bram", "c0", "kcc")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer)
			h.passes(5*time.Second, "ring c1 at anna for 20s")
		},
		"other agents' rings do not put the retry off": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram", "carla"))
			h.adopts("bram", "c0", "kcc")
			h.adopts("carla", "c9", "kcc")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer)
			h.passes(3 * time.Second)
			h.phone("carla", queue.PhoneOffline)
			h.passes(2*time.Second, "ring c1 at anna for 20s")
		},
		"an agent who missed one caller is rung for the next in line": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.fails("anna", "c1", queue.Declined, "ring c2 at anna for 20s", "nobody_left c1")
			h.fails("anna", "c2", queue.Declined, "nobody_left c2")
		},
		"an agent who comes back during the retry is rung at once": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.phone("bram", queue.PhoneOffline)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "nobody_left c1")
			h.phone("bram", queue.PhoneFree, "ring c1 at bram for 20s")
		},
		"an agent of two teams who missed one serves the other": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"), team("tax", "anna"))
			h.joins("kcc1", "kcc", "ring kcc1 at anna for 20s")
			h.joins("tax1", "tax")
			h.fails("anna", "kcc1", queue.NoAnswer, "ring tax1 at anna for 20s", "nobody_left kcc1")
			h.answers("anna", "tax1", "connect tax1 at anna")
			h.passes(5 * time.Second)
			h.hangsUp("anna", "ring kcc1 at anna for 20s")
		},
		"a team without a retry does not dial in a tight loop": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), func(t *routing.Team) { t.Retry = 0 }))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.Declined, "nobody_left c1")
			h.passes(time.Second - 1)
			h.passes(1, "ring c1 at anna for 20s")
		},
	})
}

func TestNobodyLeft(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"a team without agents": func(t *testing.T) {
			h := newHall(t, team("parks"))
			h.joins("c1", "parks", "nobody_left c1")
			h.passes(time.Hour)
		},
		"all are offline or paused": func(t *testing.T) {
			h := newHall(
				t,
				with(
					team("kcc", "bram", "anna"),
					func(t *routing.Team) { t.MissedLimit, t.MissedPause = 1, 2*time.Hour },
				),
			)
			h.phone("anna", queue.PhoneOffline)
			h.joins("c0", "kcc", "ring c0 at bram for 20s")
			h.fails("bram", "c0", queue.NoAnswer, "nobody_left c0")
			h.leaves("c0")
			require.Zero(t, h.q.Staffed("kcc"))
			h.joins("c1", "kcc", "nobody_left c1")
			h.passes(time.Hour)
			h.phone("anna", queue.PhoneFree, "ring c1 at anna for 20s")
		},
		"the last one goes while callers wait": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.adopts("anna", "a", "kcc")
			h.adopts("bram", "b", "kcc")
			h.joins("c1", "kcc")
			h.joins("c2", "kcc")
			h.phone("anna", queue.PhoneOffline)
			h.phone("bram", queue.PhoneOffline)
			h.hangsUp("anna")
			h.hangsUp("bram", "nobody_left c1", "nobody_left c2")
		},
		"the last one who had not been tried goes": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.adopts("bram", "b", "kcc")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer)
			h.phone("bram", queue.PhoneOffline)
			h.hangsUp("bram", "nobody_left c1")
		},
		"not while a phone still rings for the caller": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.phone("bram", queue.PhoneOffline)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.phone("anna", queue.PhoneOffline)
			require.Zero(t, h.q.Staffed("kcc"))
			h.fails("anna", "c1", queue.Unreachable, "nobody_left c1")
		},
		"not said again in the round when an agent comes and goes": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.phone("anna", queue.PhoneOffline)
			h.joins("c1", "kcc", "nobody_left c1")
			h.phone("anna", queue.PhoneInUse)
			h.phone("anna", queue.PhoneOffline)
			h.passes(5 * time.Second)
			h.phone("anna", queue.PhoneInUse)
			h.phone("anna", queue.PhoneOffline)
		},
		"said again in a later round": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.phone("anna", queue.PhoneOffline)
			h.joins("c1", "kcc", "nobody_left c1")
			h.phone("anna", queue.PhoneInUse)
			h.passes(5 * time.Second)
			h.phone("anna", queue.PhoneOffline, "nobody_left c1")
		},
		"an agent whose phone is in another call may still get free": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.phone("anna", queue.PhoneInUse)
			require.Equal(t, 1, h.q.Staffed("kcc"))
			h.joins("c1", "kcc")
			h.phone("anna", queue.PhoneFree, "ring c1 at anna for 20s")
		},
	})
	require.Zero(t, newHall(t).q.Staffed("parks"), "a team that does not exist")
}

func TestMissedRings(t *testing.T) {
	limit := func(t *routing.Team) { t.MissedLimit, t.MissedPause, t.Retry = 2, time.Minute, time.Second }
	miss := func(h *hall, id call.ID, why queue.RingFailure) {
		h.joins(id, "kcc", "ring "+string(id)+" at anna for 20s")
		h.fails("anna", id, why, "nobody_left "+string(id))
		h.leaves(id)
	}
	play(t, map[string]func(t *testing.T){
		"the second in a row pauses, for as long as the team says": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), limit))
			miss(h, "c1", queue.NoAnswer)
			h.is("anna", queue.AgentFree)
			miss(h, "c2", queue.Declined)
			h.is("anna", queue.AgentPaused)
			require.Zero(t, h.q.Staffed("kcc"))
			h.joins("c3", "kcc", "nobody_left c3")
			h.passes(time.Minute - 1)
			h.passes(1, "ring c3 at anna for 20s")
			h.fails("anna", "c3", queue.NoAnswer, "nobody_left c3")
			h.is("anna", queue.AgentFree)
		},
		"an answer in between starts the count anew": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), limit))
			miss(h, "c1", queue.NoAnswer)
			h.joins("c2", "kcc", "ring c2 at anna for 20s")
			h.answers("anna", "c2", "connect c2 at anna")
			h.hangsUp("anna")
			miss(h, "c3", queue.NoAnswer)
			h.is("anna", queue.AgentFree)
		},
		"a caller who hangs up first is not a missed ring": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), limit))
			miss(h, "c1", queue.NoAnswer)
			h.joins("c2", "kcc", "ring c2 at anna for 20s")
			h.leaves("c2", "cancel_ring c2 at anna")
			h.is("anna", queue.AgentFree)
		},
		"busy and dead phones and our own faults are not missed rings": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), limit))
			for _, why := range []queue.RingFailure{
				queue.Busy, queue.Unreachable, queue.Fault, "a word from later", queue.Busy,
			} {
				h.joins("c1", "kcc", "ring c1 at anna for 20s")
				h.fails("anna", "c1", why, "nobody_left c1")
				h.leaves("c1")
				h.passes(time.Second)
				h.is("anna", queue.AgentFree)
			}
		},
		"a phone that dies or is taken while it rings was not missed": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), limit))
			for _, state := range []queue.PhoneState{queue.PhoneOffline, queue.PhoneInUse, queue.PhoneInUse} {
				h.joins("c1", "kcc", "ring c1 at anna for 20s")
				h.phone("anna", state)
				h.fails("anna", "c1", queue.NoAnswer, "nobody_left c1")
				h.leaves("c1")
				h.phone("anna", queue.PhoneFree)
				h.is("anna", queue.AgentFree)
			}
		},
		"no limit never pauses": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), func(t *routing.Team) { t.MissedPause = time.Minute }))
			for range 10 {
				miss(h, "c1", queue.NoAnswer)
			}
			h.is("anna", queue.AgentFree)
		},
	})
}

func TestAPhoneThatForwardsItsCalls(t *testing.T) {
	limit := func(t *routing.Team) { t.MissedLimit, t.MissedPause, t.Retry = 2, time.Minute, 5*time.Second }
	play(t, map[string]func(t *testing.T){
		"is named so, is not dialled for each waiting caller, and is rung again after the retry": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), limit))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.fails("anna", "c1", queue.Forwarded, "nobody_left c1")
			h.is("anna", queue.AgentForwarded)
			require.Equal(t, 1, h.q.Staffed("kcc"), "as after any missed ring")
			h.passes(5*time.Second, "ring c1 at anna for 20s")
			h.answers("anna", "c1", "connect c1 at anna")
			h.hangsUp("anna", "ring c2 at anna for 20s")
		},
		"is paused like one that is not answered": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna"), limit))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.Forwarded, "nobody_left c1")
			h.passes(5*time.Second, "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.Forwarded, "nobody_left c1")
			h.is("anna", queue.AgentPaused)
			require.Zero(t, h.q.Staffed("kcc"))
			h.leaves("c1")
			h.passes(time.Minute)
			h.is("anna", queue.AgentForwarded)
		},
		"is free when it says so itself, or fails otherwise": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			for _, then := range []func(){
				func() { h.phone("anna", queue.PhoneOffline); h.phone("anna", queue.PhoneFree) },
				func() {
					h.passes(time.Minute)
					h.joins("c2", "kcc", "ring c2 at anna for 20s")
					h.fails("anna", "c2", queue.NoAnswer, "nobody_left c2")
					h.leaves("c2")
				},
			} {
				h.joins("c1", "kcc", "ring c1 at anna for 20s")
				h.fails("anna", "c1", queue.Forwarded, "nobody_left c1")
				h.leaves("c1")
				h.is("anna", queue.AgentForwarded)
				then()
				h.is("anna", queue.AgentFree)
			}
		},
	})
}

func TestPhones(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"a busy phone is not dialled for each waiting caller": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.fails("anna", "c1", queue.Busy, "nobody_left c1")
			h.is("anna", queue.AgentInUse)
			h.joins("c3", "kcc")
			h.passes(5*time.Second, "ring c1 at anna for 20s")
			h.is("anna", queue.AgentRinging)
		},
		"a busy phone that reports free rings for the next": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.fails("anna", "c1", queue.Busy, "nobody_left c1")
			h.phone("anna", queue.PhoneFree, "ring c2 at anna for 20s")
		},
		"with a dead phone as the only one every caller gets NobodyLeft": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.fails("anna", "c1", queue.Unreachable, "nobody_left c1", "nobody_left c2")
			h.is("anna", queue.AgentOffline)
			require.Zero(t, h.q.Staffed("kcc"))
			h.passes(5*time.Second, "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.Unreachable, "nobody_left c1", "nobody_left c2")
		},
		"a phone that goes offline while it rings for us rings on until its ring ends": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.phone("anna", queue.PhoneInUse)
			h.is("anna", queue.AgentRinging)
			h.phone("anna", queue.PhoneOffline)
			h.is("anna", queue.AgentRinging)
			h.answers("anna", "c1", "connect c1 at anna")
		},
		"a phone that goes offline during the conversation counts after it": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.phone("anna", queue.PhoneOffline)
			h.is("anna", queue.AgentTalking)
			require.Equal(t, 1, h.q.Staffed("kcc"))
			h.joins("c1", "kcc")
			h.hangsUp("anna", "nobody_left c1")
			h.is("anna", queue.AgentOffline)
			h.phone("anna", queue.PhoneFree, "ring c1 at anna for 20s")
		},
		"a phone that went offline and came back during the conversation rings after it": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.phone("anna", queue.PhoneOffline)
			h.joins("c1", "kcc")
			h.phone("anna", queue.PhoneFree)
			h.hangsUp("anna", "ring c1 at anna for 20s")
		},
		"an extension behind another exchange reports nothing and is rung": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.phone("anna", queue.PhoneOffline)
			h.phone("anna", queue.PhoneUnknown)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
		},
		"a doubt about a phone may outlast a wrap-up": func(t *testing.T) {
			kcc := with(
				team("kcc", "anna", "bram"), func(t *routing.Team) { t.WrapUp, t.Retry = 10*time.Second, time.Minute },
			)
			h := newHall(t, kcc)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.Busy, "ring c1 at bram for 20s")
			h.leaves("c1", "cancel_ring c1 at bram")
			h.adopts("anna", "c2", "kcc")
			h.hangsUp("anna")
			h.passes(10 * time.Second)
			h.is("anna", queue.AgentInUse)
			h.passes(50 * time.Second)
			h.is("anna", queue.AgentFree)
			h.rests()
		},
		"a timer that moves forward comes before those of others": func(t *testing.T) {
			h := newHall(t,
				with(team("kcc", "anna"), func(t *routing.Team) { t.WrapUp, t.Retry = 10*time.Second, time.Minute }),
				with(team("tax", "bram"), func(t *routing.Team) { t.WrapUp = 30 * time.Second }))
			h.adopts("bram", "c2", "tax")
			h.hangsUp("bram")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.Busy, "nobody_left c1")
			h.leaves("c1")
			h.adopts("anna", "c3", "kcc")
			h.hangsUp("anna")
			next, ok := h.q.NextTick()
			require.True(t, ok)
			require.Equal(t, h.now.Add(10*time.Second), next)
		},
		"a phone without an agent is passed over": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.phone("zoe", queue.PhoneFree)
		},
	})
}
