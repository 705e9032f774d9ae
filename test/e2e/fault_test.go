package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// waitsForTheContactCentre lets a caller choose the contact centre and wait with music.
func (c *caller) waitsForTheContactCentre() {
	c.s.t.Helper()
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	c.hears("music")
}

// As operating.md says, under "Stopping for good".
func TestTheDaemonIsStoppedForGood(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	talking := s.talking(agent)
	c := s.rings(rig.CallerOptions{})
	c.hears("nl/menu-aanvraag")
	require.NoError(t, s.Daemon.Stop())

	channels, err := s.Asterisk.CLI(s.ctx, "core show channels concise")
	require.NoError(t, err)
	var waiting []string
	for line := range strings.Lines(channels) {
		if channel := strings.Split(line, "!"); len(channel) == 14 && channel[5] == "Stasis" && channel[12] == "" {
			waiting = append(waiting, channel[0])
		}
	}
	require.Len(t, waiting, 1, channels)
	_, err = s.Asterisk.CLI(s.ctx, "channel redirect "+waiting[0]+" bereikbaar-fallback,s,1")
	require.NoError(t, err)
	phrase, err := c.AwaitPhrase(s.ctx, c.listened, true, "nl/fallback", "nl/fallback-again")
	require.NoError(t, err)
	require.True(t, phrase.Is("nl/fallback-again"), "no second welcome: %s", phrase)
	c.hears("music")
	c.hangsUp()
	talking.talksTo(agent)
	require.NoError(t, s.Daemon.Restart(s.ctx))
	talking.hangsUp()
	s.atRest()
}

func TestTheDaemonIsKilledWithCallersWaitingAndTalking(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	talking := s.talking(agent)
	var waiting []*caller
	for i := range 4 {
		c := s.rings(rig.CallerOptions{From: fmt.Sprintf("061234568%d", i)})
		c.waitsForTheContactCentre()
		waiting = append(waiting, c)
	}
	inMenu := s.rings(rig.CallerOptions{From: "0612345690"})
	inMenu.hears("nl/menu-aanvraag")

	require.NoError(t, s.Daemon.Kill())
	talking.talksTo(agent) // nobody is cut off
	late := s.rings(rig.CallerOptions{From: "0612345699"})
	late.hears("nl/fallback") // a new call gets the fallback
	late.hangsUp()
	require.NoError(t, s.Daemon.Restart(s.ctx))

	talking.talksTo(agent)
	inMenu.listened = time.Now()
	inMenu.hears("nl/menu-aanvraag") // the menu once more
	inMenu.hangsUp()
	require.Equal(t, 4.0, s.metric("bereikbaar_callers_waiting", "team", "kcc"))
	require.Equal(t, 1.0, s.metric("bereikbaar_agents", "team", "kcc", "state", "talking"))
	require.NoError(t, agent.HangUp(s.ctx, 1))
	talking.isHungUp()
	for i, c := range waiting { // in the order in which they came
		_, err := agent.AwaitTalk(s.ctx, i+2)
		require.NoError(t, err)
		c.talksTo(agent)
		require.NoError(t, agent.HangUp(s.ctx, i+2))
		c.isHungUp()
	}
	s.atRest()
	require.Equal(t, 5.0, s.offered("kcc", call.OfferAnswered))
}

func TestAnAgentHangsUpWhileTheDaemonIsAway(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	c := s.rings(rig.CallerOptions{})
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	c.getsThrough(agent, 1)
	require.NoError(t, s.Daemon.Kill())
	require.NoError(t, agent.HangUp(s.ctx, 1))
	require.NoError(t, s.Daemon.Restart(s.ctx))
	c.isHungUp() // as with a running daemon
	s.atRest()
	s.agentIsFree("kcc")
	require.Len(t, agent.Calls(), 1)
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
	require.Equal(t, 1.0, s.ended(call.Answered))
	s.isHelped(agent, 2)
	s.atRest()
}

func TestCallersInMenusAndAnnouncementsHearMusicWhenTheDaemonStops(t *testing.T) {
	s := open(t, team("kcc", map[string]any{"announce": "5s", "callback": map[string]any{"enabled": false}}))
	inMenu := s.rings(rig.CallerOptions{From: "0612345670"})
	inMenu.hears("nl/menu-aanvraag")
	told := s.rings(rig.CallerOptions{From: "0612345671"})
	told.hears("nl/menu-aanvraag")
	told.presses("2")
	told.hears("nl/all-busy")
	require.NoError(t, s.Daemon.Stop())
	inMenu.hears("music")
	told.hears("music")
	require.NoError(t, s.Daemon.Restart(s.ctx))
	inMenu.hears("nl/menu-aanvraag")
	require.Equal(t, 1.0, s.metric("bereikbaar_callers_waiting", "team", "kcc"))
	inMenu.hangsUp()
	told.hangsUp()
	s.atRest()
}

func TestTheDaemonIsStoppedInAnOrderlyWay(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{NeverAnswers: true})
	c := s.rings(rig.CallerOptions{})
	c.waitsForTheContactCentre()
	_, err := agent.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, s.Daemon.Stop())
	_, err = agent.AwaitEnd(s.ctx, 1)
	require.NoError(t, err, "no phone rings for a daemon that is gone")
	s.agent("kcc1", rig.Behaviour{})
	require.NoError(t, s.Daemon.Restart(s.ctx))
	s.eventually(
		"the caller is connected",
		func() error { return equal(1, s.metric("bereikbaar_agents", "team", "kcc", "state", "talking")) },
	)
	c.hangsUp()
	s.atRest()
}

func TestRedisIsKilledAndComesBack(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	first := s.rings(rig.CallerOptions{From: "0612345678"})
	first.hears("nl/menu-aanvraag")
	first.presses("1")
	first.hears("nl/offer-callback")
	first.presses("1")
	first.hears("nl/confirm-number")
	first.presses("1")
	kept := first.confirmed("0612345678", "vergunningen", true)

	require.NoError(t, s.Redis.Kill())
	second := s.rings(rig.CallerOptions{From: "0687654321"})
	second.hears("nl/menu-aanvraag")
	second.presses("1")
	second.hears("nl/offer-callback")
	second.presses("1")
	second.hears("nl/confirm-number")
	second.presses("1")
	reference := second.isPromised() // by the journal
	third := s.rings(rig.CallerOptions{})
	third.hears("nl/menu-aanvraag")
	third.presses("2")
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err, "calls are answered and routed without Redis")
	third.hangsUp()

	require.NoError(t, s.Redis.Restart(s.ctx))
	require.Equal(t, kept, s.notes("0612345678")[0], "the confirmed note is still there")
	s.storedOnce("0687654321", reference)
	require.Equal(t, 0.0, s.metric("bereikbaar_journal_notes_restored_total"), "Redis lost nothing that it had")
	s.atRest()
	require.Equal(t, 2.0, s.ended(call.CallbackPromised))
}

func TestAsteriskIsKilledAndComesBack(t *testing.T) {
	s := open(t, nil)
	s.agent("kcc2", rig.Behaviour{NeverAnswers: true}) // not kcc1: an agent who misses too many rings is paused
	c := s.rings(rig.CallerOptions{})
	c.waitsForTheContactCentre()
	require.NoError(t, s.Asterisk.Kill())
	s.eventually(
		"the daemon lets go of the call",
		func() error { return equal(0, s.metric("bereikbaar_part_up", "part", "ari")) },
	)
	require.NoError(t, s.Asterisk.Restart(s.ctx))
	require.NoError(t, s.Daemon.AwaitReady(s.ctx))
	s.eventually("the call is over", func() error { return equal(0, s.metric("bereikbaar_calls_active")) })
	agent := s.agent("kcc1", rig.Behaviour{})
	again := s.rings(rig.CallerOptions{})
	again.hears("nl/menu-aanvraag")
	again.presses("2")
	_, err := agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	again.hangsUp()
	s.atRest()
}

func TestASecondDaemonIsRefused(t *testing.T) {
	s := open(t, nil)
	output, err := s.Daemon.Run(s.ctx, "serve", "--config", s.Daemon.ConfigFile)
	require.Error(t, err)
	require.Contains(t, output, "another bereikbaar")
	agent := s.agent("kcc1", rig.Behaviour{})
	c := s.rings(rig.CallerOptions{})
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	_, err = agent.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	c.hangsUp()
	s.atRest()
}

func TestThirtyCallersAndThreeAgentsKeepTheirOrder(t *testing.T) {
	s := openWithThree(t, map[string]any{"callback": map[string]any{"enabled": false}})
	var callers []*rig.Caller
	for i := range 30 {
		c, err := s.Call(s.ctx, rig.CallerOptions{To: straight, From: fmt.Sprintf("06123456%02d", i)})
		require.NoError(t, err)
		s.eventually(
			"the caller waits",
			func() error { return equal(float64(i+1), s.metric("bereikbaar_callers_waiting", "team", "kcc")) },
		)
		callers = append(callers, c)
	}
	var agents []*rig.Agent
	for _, name := range []string{"kcc1", "kcc2", "kcc3"} {
		agents = append(agents, s.agent(name, rig.Behaviour{}))
	}
	for first := 0; first < len(callers); first += len(agents) { // three are helped at a time, first come first served
		next := []string{}
		for i := range agents {
			next = append(next, fmt.Sprintf("+316123456%02d", first+i)) // as an agent sees it
		}
		helped := []string{}
		for _, agent := range agents {
			leg, err := agent.AwaitTalk(s.ctx, first/len(agents)+1)
			require.NoError(t, err)
			from, err := agent.Callers()
			require.NoError(t, err)
			helped = append(helped, from[leg.CallID])
		}
		require.ElementsMatch(t, next, helped)
		var together sync.WaitGroup
		for i, agent := range agents {
			caller := callers[first+slices.Index(next, helped[i])]
			together.Go(func() {
				// A caller whose agent hangs up before the two are connected keeps their place, and is helped once
				// more.
				assert.NoError(t, caller.MakeHeard(s.ctx, agent.Handset, 440))
				assert.NoError(t, agent.HangUp(s.ctx, first/len(agents)+1))
				assert.NoError(t, caller.AwaitEnd(s.ctx))
			})
		}
		together.Wait()
	}
	s.atRest()
	require.Equal(t, 30.0, s.offered("kcc", call.OfferAnswered))
}
