package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// reloads waits until so many changes of the configuration had this result.
func (s *scene) reloads(result string, n float64) {
	s.t.Helper()
	s.eventually("reloads: "+result, func() error {
		return equal(n, s.metric("bereikbaar_config_reloads_total", "result", result))
	})
}

// configured changes the configuration of the running daemon and waits until it is in force.
func (s *scene) configured(overrides map[string]any) {
	s.t.Helper()
	before := s.metric("bereikbaar_config_reloads_total", "result", "ok")
	require.NoError(s.t, s.Daemon.Configure(rig.Overrides(rig.AlwaysOpen(), overrides)))
	s.reloads("ok", before+1)
}

func TestABrokenConfigurationIsRefusedAndTheOldOneStays(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{})
	good, err := os.ReadFile(s.Daemon.ConfigFile)
	require.NoError(t, err)
	lines := strings.Split(string(good), "\n")
	at := -1
	for i, line := range lines {
		if strings.Contains(line, "ring_time:") {
			at = i
			break
		}
	}
	require.Positive(t, at)
	lines[at] = strings.Replace(lines[at], "3s", "drie", 1)

	require.NoError(t, s.Daemon.WriteConfig([]byte(strings.Join(lines, "\n")))) // the daemon notices it by itself
	s.reloads("refused", 1)
	s.logs("is refused, the old one stays", fmt.Sprintf("bereikbaar.yaml:%d: teams.", at+1), "drie")
	require.Zero(t, s.metric("bereikbaar_config_last_reload_successful"))
	require.NoError(t, s.Daemon.Reload()) // and on SIGHUP
	s.reloads("refused", 2)

	for n, broken := range []string{"", "teams: [", "\x00\xff", "teams: {}\n", strings.Repeat("a: &a [*a]\n", 100)} {
		require.NoError(t, s.Daemon.WriteConfig([]byte(broken)))
		s.reloads("refused", float64(3+n))
	}
	require.NoError(t, os.Remove(s.Daemon.ConfigFile))
	require.NoError(t, s.Daemon.Reload())
	s.eventually("a file that is gone is refused", func() error {
		if s.metric("bereikbaar_config_reloads_total", "result", "refused") < 8 {
			return fmt.Errorf("not yet")
		}
		return nil
	})

	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("2")
	caller.getsThrough(agent, 1)
	caller.hangsUp()
	s.atRest()

	require.NoError(t, s.Daemon.WriteConfig(good))
	require.NoError(t, s.Daemon.Reload())
	s.eventually("the mended file is taken", func() error {
		return equal(1, s.metric("bereikbaar_config_last_reload_successful"))
	})
	s.atRest()
}

func TestAReloadIsForTheNextCallAndTheRunningOneFinishesOnTheOldPlan(t *testing.T) {
	s := open(t, nil)
	kcc, permits := s.agent("kcc2", rig.Behaviour{}), s.agent("verg1", rig.Behaviour{})
	before := s.rings(rig.CallerOptions{From: "0612345670"})
	before.hears("nl/menu-aanvraag")

	s.configured(map[string]any{
		"menus": map[string]any{"keuze": map[string]any{"options": map[string]any{
			"1": map[string]any{"team": "kcc"}, "2": map[string]any{"team": "vergunningen"},
		}}},
		"teams": map[string]any{"kcc": map[string]any{"members": []string{"kcc2"}}},
	})
	before.presses("2") // as in the old menu: the contact centre
	before.getsThrough(kcc, 1)

	after := s.rings(rig.CallerOptions{From: "0612345671"})
	after.hears("nl/menu-aanvraag")
	after.presses("2")
	after.getsThrough(permits, 1)
	after.hangsUp()
	before.talksTo(kcc)
	before.hangsUp()
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAnswered))
	require.Equal(t, 1.0, s.offered("vergunningen", call.OfferAnswered))
}

// withoutPermits takes the permits department out of the plan.
func withoutPermits() map[string]any {
	return map[string]any{
		"menus": map[string]any{"keuze": map[string]any{"options": map[string]any{"1": nil}}},
		"teams": map[string]any{"vergunningen": nil},
	}
}

func TestATeamIsRemovedWhileCallersWaitForItAndOthersChooseIt(t *testing.T) {
	patient := team("kcc", map[string]any{"ring_time": "1m"})
	s := open(t, patient)
	s.agent("verg1", rig.Behaviour{NeverAnswers: true})
	kcc := s.agent("kcc1", rig.Behaviour{NeverAnswers: true})
	waiting := s.rings(rig.CallerOptions{From: "0612345670"})
	waiting.hears("nl/menu-aanvraag")
	waiting.presses("1")
	waiting.hears("music")
	choosing := s.rings(rig.CallerOptions{From: "0612345671"})
	choosing.hears("nl/menu-aanvraag")

	s.configured(rig.Overrides(patient, withoutPermits()))
	_, err := kcc.AwaitRing(s.ctx, 1)
	require.NoError(t, err, "the waiting caller goes to the contact centre")
	choosing.presses("1") // as in their menu
	require.NoError(t, kcc.Answer(s.ctx, 1))
	waiting.talksTo(kcc)
	waiting.hangsUp()
	_, err = kcc.AwaitRing(s.ctx, 2)
	require.NoError(t, err, "and so does the late chooser")
	require.NoError(t, kcc.Answer(s.ctx, 2))
	choosing.talksTo(kcc)
	choosing.hangsUp()
	s.atRest()
	require.Zero(t, s.ended(call.Failed)+s.ended(call.Fallback))
}

func TestAnAgentIsTakenOutOfThePlanWhileTalking(t *testing.T) {
	s := open(t, nil)
	leaves := s.agent("kcc1", rig.Behaviour{})
	caller := s.talking(leaves)

	s.configured(map[string]any{
		"agents": map[string]any{"kcc1": nil},
		"teams":  map[string]any{"kcc": map[string]any{"members": []string{"kcc2"}}},
	})
	stays := s.agent("kcc2", rig.Behaviour{})
	caller.talksTo(leaves) // the call goes on
	caller.hangsUp()
	next := s.rings(rig.CallerOptions{From: "0612345671"})
	next.hears("nl/menu-aanvraag")
	next.presses("2")
	next.getsThrough(stays, 1)
	next.hangsUp()
	s.atRest()
	require.Len(t, leaves.Calls(), 1, "and is not rung any more")
}
