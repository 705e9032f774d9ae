package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

func TestAnsweredByTheContactCentre(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{RingFor: 500 * time.Millisecond})

	caller := s.rings(rig.CallerOptions{})
	caller.hearsWhole("nl/welkom-deventer")
	caller.hearsWhole("nl/menu-andere-vraag") // and stays on the line
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	caller.talksTo(agent)
	require.NoError(t, agent.HangUp(s.ctx, 1))
	caller.isHungUp()

	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
	require.Equal(t, 1.0, s.ended(call.Answered))
}

func TestAnsweredByTheDepartment(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("verg1", rig.Behaviour{RingFor: 300 * time.Millisecond})

	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("1") // while the menu is spoken
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	caller.talksTo(agent)
	caller.hangsUp()
	_, err = agent.AwaitEnd(s.ctx, 1)
	require.NoError(t, err)

	s.atRest()
	require.Equal(t, 1.0, s.offered("vergunningen", call.OfferAnswered))
}

func TestTwoMenusDeep(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})

	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("3")
	caller.hears("nl/menu-afval")
	caller.presses("1")
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	caller.hangsUp()
	s.atRest()

	caller = s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("32") // typed ahead
	caller.hearsWhole("nl/naar-olst-wijhe")
	caller.isHungUp()
	s.atRest()
	require.Equal(t, 1.0, s.ended(call.OtherMunicipality))
}

func TestWrongKeysAndSilenceEndAtAPerson(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})

	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("9")
	caller.hearsWhole("nl/wrong-choice")
	caller.hears("nl/menu-aanvraag")
	caller.presses("#*")
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	caller.hangsUp()
	s.atRest()
}

func TestADialledNumberThatNobodyConfigured(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	caller := s.rings(rig.CallerOptions{To: "0570999999"})
	caller.hears("nl/welkom-deventer")
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	caller.hangsUp()
	s.atRest()
}

func TestAnUnansweredPhoneIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]rig.Behaviour{
		"no answer":               {NeverAnswers: true},
		"busy":                    {Refuses: 486},
		"declined":                {Refuses: 603},
		"dead phone":              {Dead: true},
		"server error":            {Refuses: 500},
		"temporarily unavailable": {Refuses: 480},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, team("kcc", map[string]any{"strategy": "fixed_order"}))
			s.agent("kcc1", first)
			second := s.agent("kcc2", rig.Behaviour{})
			caller := s.rings(rig.CallerOptions{})
			caller.hears("nl/menu-aanvraag")
			caller.presses("2")
			_, err := second.AwaitTalk(s.ctx, 1)
			require.NoError(t, err)
			caller.talksTo(second)
			caller.hangsUp()
			s.atRest()
			require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
		})
	}
}

// An agent who hangs up before the two are connected is rung anew; the caller waits on.
func TestAnAgentWhoAnswersAndHangsUpAtOnceEndsTheCall(t *testing.T) {
	s := open(t, nil)
	// any sooner, the two are not connected yet
	s.agent("kcc1", rig.Behaviour{TalkFor: 300 * time.Millisecond})
	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("2")
	caller.isHungUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered), "for a moment")
	require.Equal(t, 1.0, s.ended(call.Answered))
}

func TestAPhoneThatVanishedIsNotRung(t *testing.T) {
	s := open(t, straightToTheContactCentre(nil))
	agent := s.agent("kcc1", rig.Behaviour{})
	s.agentIsFree("kcc")
	require.NoError(t, agent.Unplug())
	s.eventually("the phone counts as offline", func() error {
		return equal(0, s.metric("bereikbaar_agents_staffed", "team", "kcc"))
	})
	c := s.rings(rig.CallerOptions{To: straight})
	c.hears("nl/offer-callback") // at once
	c.hangsUp()
	s.atRest()
}

func TestAPhoneThatIsInUseIsNotRung(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	colleague := s.agent("verg1", rig.Behaviour{})
	// A call of the agent's own, outside of Bereikbaar.
	_, err := s.Asterisk.CLI(s.ctx, "channel originate PJSIP/kcc1 application Wait 60")
	require.NoError(t, err)
	_, err = agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	s.eventually("the phone counts as in use", func() error {
		if s.metric("bereikbaar_agents", "team", "kcc", "state", "in_use") != 1 {
			return errors.New("not yet")
		}
		return nil
	})

	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("2")
	caller.hears("music")
	require.Len(t, agent.Calls(), 1, "no second call to a phone that is in use")
	require.NoError(t, agent.HangUp(s.ctx, 1))
	_, err = agent.AwaitTalk(s.ctx, 2)
	require.NoError(t, err, "a free agent is rung at once")
	caller.talksTo(agent)
	caller.hangsUp()
	require.Empty(t, colleague.Calls())
	s.atRest()
}
