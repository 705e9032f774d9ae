package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// straight is a number that leads to the contact centre without a prompt.
const straight = "0570999999"

// rings is a phone that rings for a moment: a caller who goes straight to a queue must have heard something before they
// are heard, because a handset sends to the address that it hears from.
var rings = rig.Behaviour{RingFor: 500 * time.Millisecond}

// hearsSomething waits for the first sound: music that begins softly cannot be recognised yet.
func (c *caller) hearsSomething() {
	c.s.t.Helper()
	c.s.eventually("hear something", func() error {
		if c.LastHeard().IsZero() {
			return errors.New("nothing came in")
		}
		return nil
	})
}

// straightToTheContactCentre are overrides that add straight, with these settings of the team.
func straightToTheContactCentre(settings map[string]any) map[string]any {
	return rig.Overrides(map[string]any{"unknown": map[string]any{"welcome": nil}},
		team("kcc", rig.Overrides(map[string]any{"greeting": nil}, settings)))
}

// openWithThree is a rig whose contact centre has three phones.
func openWithThree(t *testing.T, settings map[string]any) *scene {
	t.Helper()
	overrides := straightToTheContactCentre(
		rig.Overrides(map[string]any{"members": []string{"kcc1", "kcc2", "kcc3"}}, settings),
	)
	overrides["agents"] = map[string]any{"kcc3": map[string]any{"endpoint": "PJSIP/kcc3"}}
	return openWith(t, rig.Options{
		Config: rig.Overrides(rig.AlwaysOpen(), overrides),
		Phones: append(rig.DefaultPhones(), rig.Phone{Name: "kcc3", Context: "from-phones"}),
	})
}

func TestAllPhonesRingAndTheFirstToAnswerHasTheCall(t *testing.T) {
	s := openWithThree(t, map[string]any{"strategy": "ring_all", "ring_time": "30s", "missed_limit": 1})
	var agents []*rig.Agent
	for _, name := range []string{"kcc1", "kcc2", "kcc3"} {
		agents = append(agents, s.agent(name, rig.Behaviour{NeverAnswers: true}))
	}
	lost := make([]int, len(agents))
	for round, first := range []int{1, 0, 2} {
		c := s.rings(rig.CallerOptions{To: straight})
		for _, agent := range agents {
			_, err := agent.AwaitRing(s.ctx, round+1)
			require.NoError(t, err)
		}
		c.hears("music")
		require.NoError(t, agents[first].Answer(s.ctx, round+1))
		c.talksTo(agents[first])
		for i, agent := range agents {
			if i == first {
				continue
			}
			leg, err := agent.AwaitEnd(s.ctx, round+1)
			require.NoError(t, err)
			require.Zero(t, leg.Answered)
			require.False(t, leg.EndedByUs, "the phone was cancelled")
			lost[i]++
			s.eventually("the CANCEL has its reason", func() error {
				messages, err := agent.Messages()
				if err == nil && strings.Count(messages, "Call completed elsewhere") < lost[i] {
					err = errors.New("no reason for each CANCEL")
				}
				return err
			})
		}
		c.hangsUp()
		s.atRest()
		require.Equal(
			t, 3.0, s.metric("bereikbaar_agents_staffed", "team", "kcc"),
			"no missed ring, so no pause",
		)
	}
	require.Equal(t, 3.0, s.offered("kcc", call.OfferAnswered))
}

func TestAnAgentWhoMissesTooManyRingsIsPausedForAWhile(t *testing.T) {
	s := open(t, straightToTheContactCentre(map[string]any{
		"ring_time": "5s", "missed_limit": 2, "missed_pause": "8s", "retry": "1s",
		"callback": map[string]any{"enabled": false},
	}))
	agent := s.agent("kcc1", rig.Behaviour{NeverAnswers: true})
	c := s.rings(rig.CallerOptions{To: straight})
	_, err := agent.AwaitEnd(s.ctx, 2)
	require.NoError(t, err)
	s.eventually(
		"the agent is paused",
		func() error { return equal(1, s.metric("bereikbaar_agents", "team", "kcc", "state", "paused")) },
	)
	require.Zero(t, s.metric("bereikbaar_agents_staffed", "team", "kcc"))
	require.Len(t, agent.Calls(), 2)
	leg, err := agent.AwaitRing(s.ctx, 3)
	require.NoError(t, err, "the pause is over, and a caller waits")
	require.Greater(t, leg.Invited.Sub(agent.Calls()[1].Ended), 7*time.Second)
	require.NoError(t, agent.Answer(s.ctx, 3))
	c.talksTo(agent)
	c.hangsUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
}

func TestACallerWhoWaitsTooLongMovesOnToAnotherTeam(t *testing.T) {
	s := open(t, straightToTheContactCentre(map[string]any{
		"max_wait": "4s", "overflow": "vergunningen", "callback": map[string]any{"enabled": false},
	}))
	busy, other := s.agent("kcc1", rings), s.agent("verg1", rings)
	talking := s.rings(rig.CallerOptions{To: straight, From: "0612345670"})
	talking.hearsSomething()
	talking.getsThrough(busy, 1)
	waiting := s.rings(rig.CallerOptions{To: straight, From: "0612345671"})
	waiting.hears("music")
	waiting.getsThrough(other, 1)
	require.Greater(t, other.Calls()[0].Invited.Sub(waiting.Leg().Invited), 4*time.Second)
	waiting.hangsUp()
	talking.hangsUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferMovedOn))
	require.Equal(t, 1.0, s.offered("vergunningen", call.OfferAnswered))
}

func TestAnAgentOfTwoTeamsHelpsTheOneWithPriorityFirst(t *testing.T) {
	s := open(t, rig.Overrides(straightToTheContactCentre(map[string]any{
		"members": []string{"kcc1"}, "callback": map[string]any{"enabled": false},
	}),
		team("vergunningen", map[string]any{"members": []string{"kcc1"}, "priority": 10, "greeting": nil})))
	agent := s.agent("kcc1", rings)
	talking := s.rings(rig.CallerOptions{To: straight, From: "0612345670"})
	talking.hearsSomething()
	talking.getsThrough(agent, 1)
	early := s.rings(rig.CallerOptions{To: straight, From: "0612345671"})
	early.hears("music")
	late := s.rings(rig.CallerOptions{From: "0612345672"})
	late.hears("nl/menu-aanvraag")
	late.presses("1")
	late.hears("music")

	require.NoError(t, agent.HangUp(s.ctx, 1))
	late.getsThrough(agent, 2)
	require.NoError(t, agent.HangUp(s.ctx, 2))
	early.getsThrough(agent, 3)
	early.hangsUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("vergunningen", call.OfferAnswered))
	require.Equal(t, 2.0, s.offered("kcc", call.OfferAnswered))
}

func TestWaitingCallersHearTheirPlace(t *testing.T) {
	s := open(
		t, straightToTheContactCentre(map[string]any{"announce": "5s", "callback": map[string]any{"enabled": false}}),
	)
	agent := s.agent("kcc1", rings)
	talking := s.rings(rig.CallerOptions{To: straight, From: "0612345670"})
	talking.hearsSomething()
	talking.getsThrough(agent, 1)
	var waiting []*caller
	for i := range 3 {
		c := s.rings(rig.CallerOptions{To: straight, From: fmt.Sprintf("061234568%d", i)})
		c.hears("music")
		waiting = append(waiting, c)
	}
	for i, words := range [][]string{
		{"all-busy", "you-are-next"},
		{"all-busy", "one-caller-before-you"},
		{"all-busy", "there-are", "number-2", "callers-before-you"},
	} {
		for _, word := range words {
			waiting[i].hears("nl/" + word)
		}
		waiting[i].hears("music") // goes on after it
	}
	require.NoError(t, agent.HangUp(s.ctx, 1))
	waiting[0].getsThrough(agent, 2)
	waiting[0].hangsUp()
	waiting[1].getsThrough(agent, 3)
	waiting[2].listened = time.Now()
	waiting[2].hears("nl/you-are-next") // their place has changed
	waiting[1].hangsUp()
	waiting[2].getsThrough(agent, 4)
	waiting[2].hangsUp()
	s.atRest()
}

func TestPhonesThatDoNotExistInAsteriskAreNotRung(t *testing.T) {
	s := openWith(t, rig.Options{Config: rig.Overrides(rig.AlwaysOpen(), rig.Overrides(
		straightToTheContactCentre(map[string]any{
			"strategy": "fixed_order", "members": []string{"spook", "centrale", "kcc2", "kcc1"},
			"callback": map[string]any{"enabled": false},
		}),
		map[string]any{"agents": map[string]any{
			"spook":    map[string]any{"endpoint": "PJSIP/bestaat-niet"},
			"centrale": map[string]any{"endpoint": "PJSIP/1234@bestaat-niet"},
		}}))})
	s.logs("does not exist in Asterisk; it is not rung", "PJSIP/bestaat-niet")
	require.Equal(
		t, 3.0, s.metric("bereikbaar_agents", "team", "kcc", "state", "offline"),
		"nothing is known of the phone behind another switch",
	)
	agent := s.agent("kcc1", rings)
	c := s.rings(rig.CallerOptions{To: straight})
	c.hearsSomething()
	c.getsThrough(agent, 1)
	c.hangsUp()
	s.atRest()
}

// A caller whose line is gone sends no BYE. With the session timers of deploy/asterisk/README.md Asterisk checks the
// line.
func TestACallerWhoVanishedKeepsNoPlace(t *testing.T) {
	s := openWith(t, rig.Options{
		Config: rig.Overrides(
			rig.AlwaysOpen(), straightToTheContactCentre(map[string]any{"callback": map[string]any{"enabled": false}}),
		),
		AsteriskExtra: map[string]string{
			"site/pjsip.conf": "[trunk](+type=endpoint)\ntimers = always\ntimers_sess_expires = 90\n",
		},
	})
	agent := s.agent("kcc1", rings)
	talking := s.rings(rig.CallerOptions{To: straight, From: "0612345670"})
	talking.hearsSomething()
	talking.getsThrough(agent, 1)
	gone := s.rings(rig.CallerOptions{To: straight, From: "0612345671"})
	gone.hears("music")
	next := s.rings(rig.CallerOptions{To: straight, From: "0612345672"})
	next.hears("music")
	require.NoError(t, gone.Vanish())
	s.within(2*time.Minute, "their place is free", func() error { // asked after 45 seconds, given up 32 later
		return equal(1, s.metric("bereikbaar_callers_waiting", "team", "kcc"))
	})
	talking.talksTo(agent) // nobody else is cut off
	require.NoError(t, agent.HangUp(s.ctx, 1))
	next.getsThrough(agent, 2)
	next.hangsUp()
	s.atRest()
}
