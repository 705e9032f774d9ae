package queue_test

import (
	"testing"
	"time"

	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestLongestIdle(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"agents take turns, counted from the end of their last conversation": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.answers("anna", "c1", "connect c1 at anna")
			h.joins("c2", "kcc", "ring c2 at bram for 20s")
			h.answers("bram", "c2", "connect c2 at bram")
			h.passes(time.Second)
			h.hangsUp("bram")
			h.passes(time.Second)
			h.hangsUp("anna")
			h.joins("c3", "kcc", "ring c3 at bram for 20s")
		},
		"a missed ring makes no agent less idle": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.adopts("bram", "c0", "kcc")
			h.hangsUp("bram")
			h.passes(time.Minute)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "ring c1 at bram for 20s")
			h.leaves("c1", "cancel_ring c1 at bram")
			h.joins("c2", "kcc", "ring c2 at anna for 20s")
		},
		"of several who get free at once the longest idle is rung": func(t *testing.T) {
			h := newHall(t,
				with(team("all", "anna", "bram"), func(t *routing.Team) { t.Strategy = queue.RingAll }),
				team("kcc", "anna", "bram"))
			h.adopts("anna", "c0", "kcc")
			h.passes(time.Second)
			h.hangsUp("anna")
			h.joins("a1", "all", "ring a1 at anna for 20s", "ring a1 at bram for 20s")
			h.joins("k1", "kcc")
			h.leaves("a1", "cancel_ring a1 at anna", "cancel_ring a1 at bram", "ring k1 at bram for 20s")
		},
	})
}

func TestFixedOrder(t *testing.T) {
	fixed := func(t *routing.Team) { t.Strategy = queue.FixedOrder }
	play(t, map[string]func(t *testing.T){
		"the first of the list is rung whenever they are free": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "zoe", "anna"), fixed))
			h.joins("c1", "kcc", "ring c1 at zoe for 20s")
			h.answers("zoe", "c1", "connect c1 at zoe")
			h.joins("c2", "kcc", "ring c2 at anna for 20s")
			h.passes(time.Second)
			h.hangsUp("zoe")
			h.joins("c3", "kcc", "ring c3 at zoe for 20s")
		},
		"then down the list": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "zoe", "anna", "mo"), fixed))
			h.joins("c1", "kcc", "ring c1 at zoe for 20s")
			h.fails("zoe", "c1", queue.NoAnswer, "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "ring c1 at mo for 20s")
		},
	})
}

func TestRingAll(t *testing.T) {
	all := func(t *routing.Team) { t.Strategy = queue.RingAll }
	play(t, map[string]func(t *testing.T){
		"everybody's phone rings and the first to answer has the call": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna", "bram", "carla"), all))
			h.joins("c1", "kcc", "ring c1 at anna for 20s", "ring c1 at bram for 20s", "ring c1 at carla for 20s")
			h.answers("bram", "c1", "connect c1 at bram", "cancel_ring c1 at anna", "cancel_ring c1 at carla")
			h.answers("carla", "c1", "drop_agent c1 at carla")
			h.is("anna", queue.AgentFree)
			h.is("carla", queue.AgentFree)
		},
		"the phones that stop ring for the next caller": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna", "bram", "carla"), all))
			h.joins("c1", "kcc", "ring c1 at anna for 20s", "ring c1 at bram for 20s", "ring c1 at carla for 20s")
			h.joins("c2", "kcc")
			h.answers("anna", "c1", "connect c1 at anna",
				"cancel_ring c1 at bram", "cancel_ring c1 at carla",
				"ring c2 at bram for 20s", "ring c2 at carla for 20s")
		},
		"a phone that gets free meanwhile rings too": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna", "bram"), all))
			h.adopts("bram", "c0", "kcc")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			h.hangsUp("bram", "ring c1 at bram for 20s")
		},
		"a phone that declined rings for the next, the others ring on": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna", "bram"), all))
			h.joins("c1", "kcc", "ring c1 at anna for 20s", "ring c1 at bram for 20s")
			h.joins("c2", "kcc")
			h.fails("anna", "c1", queue.Declined, "ring c2 at anna for 20s")
			h.fails("bram", "c1", queue.Declined, "ring c2 at bram for 20s", "nobody_left c1")
		},
		"all miss and are rung again together after the retry": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna", "bram"), all))
			h.joins("c1", "kcc", "ring c1 at anna for 20s", "ring c1 at bram for 20s")
			h.fails("anna", "c1", queue.NoAnswer)
			h.fails("bram", "c1", queue.NoAnswer, "nobody_left c1")
			h.passes(5*time.Second, "ring c1 at anna for 20s", "ring c1 at bram for 20s")
		},
		"a caller who leaves stops all phones": func(t *testing.T) {
			h := newHall(t, with(team("kcc", "anna", "bram"), all))
			h.joins("c1", "kcc", "ring c1 at anna for 20s", "ring c1 at bram for 20s")
			h.leaves("c1", "cancel_ring c1 at anna", "cancel_ring c1 at bram")
			h.rests()
		},
	})
}
