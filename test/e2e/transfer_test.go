package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// heldByAColleague has a citizen on the phone of a colleague in a department, who has rung the municipality's own
// number for him and hears the menu.
func (s *scene) heldByAColleague() (citizen *caller, colleague *softphone) {
	s.t.Helper()
	colleague = s.softphone("verg1", 1000)
	citizen = s.ringsFrom("0612345678")
	citizen.hears("nl/menu-aanvraag")
	citizen.presses("1")
	require.NoError(s.t, colleague.AwaitRing(s.ctx, 1))
	require.NoError(s.t, colleague.Answer(s.ctx))
	require.NoError(s.t, citizen.AwaitTone(s.ctx, time.Time{}, colleague.Pitch))
	citizen.listened = time.Now()
	colleague.dials("140570")
	colleague.hears("nl/menu-aanvraag")
	return citizen, colleague
}

func TestACitizenIsPutThroughToThePersonWhoTalksWithHisColleague(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	citizen, colleague := s.heldByAColleague()
	colleague.presses("2")
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, s.PutThrough(s.ctx, colleague.Softphone))
	citizen.talksTo(agent)
	s.crashes() // his call and the colleague's both go on: nobody is queued anew, and no phone rings
	require.Equal(t, 2.0, s.metric("bereikbaar_calls_active"))
	require.Zero(t, s.metric("bereikbaar_callers_waiting"))
	require.Equal(t, 1.0, s.metric("bereikbaar_agents", "team", "kcc", "state", "talking"))
	citizen.talksTo(agent)
	require.NoError(t, agent.HangUp(s.ctx, 1))
	citizen.isHungUp()
	s.atRest()
	require.Equal(t, 2.0, s.ended(call.Answered))
}

func TestACitizenIsPutThroughIntoTheQueueAndKeepsThePlaceOfTheColleague(t *testing.T) {
	s := open(t, team("kcc", map[string]any{"callback": map[string]any{"enabled": false}}))
	citizen, colleague := s.heldByAColleague()
	colleague.presses("2")
	colleague.hears("music")
	require.NoError(t, s.PutThrough(s.ctx, colleague.Softphone))
	citizen.hears("music")
	s.crashes()
	require.Equal(t, 1.0, s.metric("bereikbaar_callers_waiting", "team", "kcc"))
	agent := s.agent("kcc1", rings)
	citizen.getsThrough(agent, 1)
	citizen.hangsUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
	require.Equal(t, 2.0, s.ended(call.Answered))
}

func TestACitizenIsPutThroughIntoTheMenuAndHearsItFromTheBeginning(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	citizen, colleague := s.heldByAColleague()
	require.NoError(t, s.PutThrough(s.ctx, colleague.Softphone))
	citizen.hearsWhole("nl/menu-aanvraag")
	citizen.presses("2")
	citizen.getsThrough(agent, 1)
	citizen.hangsUp()
	s.atRest()
	require.Equal(t, 2.0, s.ended(call.Answered))
}

func TestAnAgentPutsACallerThroughWithHisPhone(t *testing.T) {
	s := open(t, straightToTheContactCentre(nil))
	agent, colleague := s.softphone("kcc1", 1000), s.agent("verg1", rings)
	c := s.rings(rig.CallerOptions{To: straight})
	c.hearsSomething()
	require.NoError(t, agent.AwaitRing(s.ctx, 1))
	require.NoError(t, agent.Answer(s.ctx))
	require.NoError(t, c.AwaitTone(s.ctx, time.Time{}, agent.Pitch))
	require.NoError(t, agent.PutThroughTo("verg1"))
	c.getsThrough(colleague, 1)
	s.eventually(
		"the agent is free",
		func() error { return equal(1, s.metric("bereikbaar_agents", "team", "kcc", "state", "free")) },
	)
	s.crashes()
	c.talksTo(colleague)
	require.Equal(t, 1.0, s.metric("bereikbaar_calls_active"), "whom the caller was put through to is no caller")
	require.Zero(t, s.metric("bereikbaar_callers_waiting"))
	require.Equal(t, 1.0, s.metric("bereikbaar_agents", "team", "kcc", "state", "free"))
	require.NoError(t, colleague.HangUp(s.ctx, 1))
	c.isHungUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
}

func TestACallerWhomAnAgentPutsThroughToNobodyComesBack(t *testing.T) {
	s := open(t, nil)
	agent := s.softphone("kcc1", 1000)
	s.agent("verg1", rig.Behaviour{Refuses: 486})
	c := s.ringsFrom("0612345678")
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	require.NoError(t, agent.AwaitRing(s.ctx, 1))
	require.NoError(t, agent.Answer(s.ctx))
	require.NoError(t, c.AwaitTone(s.ctx, time.Time{}, agent.Pitch))
	c.listened = time.Now()
	require.NoError(t, agent.PutThroughTo("verg1"))
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	require.NoError(t, agent.AwaitRing(s.ctx, 2))
	require.NoError(t, agent.Answer(s.ctx))
	again := time.Now()
	require.NoError(t, c.AwaitTone(s.ctx, again, agent.Pitch))
	c.hangsUp()
	s.atRest()
}
