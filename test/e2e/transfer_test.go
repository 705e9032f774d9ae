package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// heldByAColleague has a resident on hold with a colleague; the colleague has rung the municipality's own number for
// them and hears the menu.
func (s *scene) heldByAColleague() (resident *caller, colleague *softphone) {
	s.t.Helper()
	colleague = s.softphone("verg1", 1000)
	resident = s.ringsFrom("0612345678")
	resident.hears("nl/menu-aanvraag")
	resident.presses("1")
	require.NoError(s.t, colleague.AwaitRing(s.ctx, 1))
	require.NoError(s.t, colleague.Answer(s.ctx))
	require.NoError(s.t, resident.AwaitTone(s.ctx, time.Time{}, colleague.Pitch))
	resident.listened = time.Now()
	colleague.dials("140570")
	colleague.hears("nl/menu-aanvraag")
	return resident, colleague
}

func TestAResidentIsTransferredToTheAgentWhoTalksWithTheColleague(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	resident, colleague := s.heldByAColleague()
	colleague.presses("2")
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, s.PutThrough(s.ctx, colleague.Softphone))
	resident.talksTo(agent)
	s.crashes() // both calls go on: no new place in the queue, and no phone rings
	require.Equal(t, 2.0, s.metric("bereikbaar_calls_active"))
	require.Zero(t, s.metric("bereikbaar_callers_waiting"))
	require.Equal(t, 1.0, s.metric("bereikbaar_agents", "team", "kcc", "state", "talking"))
	resident.talksTo(agent)
	require.NoError(t, agent.HangUp(s.ctx, 1))
	resident.isHungUp()
	s.atRest()
	require.Equal(t, 2.0, s.ended(call.Answered))
}

func TestAResidentIsTransferredIntoTheQueueAndKeepsThePlaceOfTheColleague(t *testing.T) {
	s := open(t, team("kcc", map[string]any{"callback": map[string]any{"enabled": false}}))
	resident, colleague := s.heldByAColleague()
	colleague.presses("2")
	colleague.hears("music")
	require.NoError(t, s.PutThrough(s.ctx, colleague.Softphone))
	resident.hears("music")
	s.crashes()
	require.Equal(t, 1.0, s.metric("bereikbaar_callers_waiting", "team", "kcc"))
	agent := s.agent("kcc1", rings)
	resident.getsThrough(agent, 1)
	resident.hangsUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
	require.Equal(t, 2.0, s.ended(call.Answered))
}

func TestAResidentIsTransferredIntoTheMenuAndHearsItFromTheBeginning(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	resident, colleague := s.heldByAColleague()
	require.NoError(t, s.PutThrough(s.ctx, colleague.Softphone))
	resident.hearsWhole("nl/menu-aanvraag")
	resident.presses("2")
	resident.getsThrough(agent, 1)
	resident.hangsUp()
	s.atRest()
	require.Equal(t, 2.0, s.ended(call.Answered))
}

func TestAnAgentTransfersACallerWithTheirPhone(t *testing.T) {
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
	require.Equal(t, 1.0, s.metric("bereikbaar_calls_active"), "the target of the transfer is no caller")
	require.Zero(t, s.metric("bereikbaar_callers_waiting"))
	require.Equal(t, 1.0, s.metric("bereikbaar_agents", "team", "kcc", "state", "free"))
	require.NoError(t, colleague.HangUp(s.ctx, 1))
	c.isHungUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
}

func TestACallerComesBackFromATransferThatNobodyAnswers(t *testing.T) {
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
