package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// readyzAnswers waits for the status of /readyz and words of its body.
func (s *scene) readyzAnswers(status int, words ...string) {
	s.t.Helper()
	s.eventually("/readyz", func() error {
		got, body, err := s.Daemon.Get(s.ctx, "/readyz")
		if err != nil {
			return err
		}
		for _, word := range words {
			if !strings.Contains(body, word) {
				return fmt.Errorf("/readyz answers %s", body)
			}
		}
		return equal(float64(status), float64(got))
	})
}

// isHelped lets a caller ring and be helped by an agent of the contact centre, as the agent's n-th call.
func (s *scene) isHelped(agent *rig.Agent, n int) {
	s.t.Helper()
	c := s.rings(rig.CallerOptions{From: "0687654320"})
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	c.getsThrough(agent, n)
	c.hangsUp()
}

// asksForANote lets a caller ask for a note of the department, where nobody is, and confirm their number.
func (s *scene) asksForANote(from string) *caller {
	s.t.Helper()
	c := s.rings(rig.CallerOptions{From: from})
	c.hears("nl/menu-aanvraag")
	c.presses("1")
	c.hears("nl/offer-callback")
	c.presses("1")
	c.hears("nl/confirm-number")
	c.presses("1")
	return c
}

func TestAWrongPasswordOfARIIsReportedAndSeldomRetried(t *testing.T) {
	s := openWith(t, rig.Options{Config: rig.AlwaysOpen(), Without: []rig.Part{rig.TheDaemon}})
	right := s.Daemon.ARIPassword
	s.Daemon.ARIPassword = "dit-is-niet-het-wachtwoord"
	began := time.Now()
	require.NoError(t, s.Daemon.Launch())
	s.logs(`refuses user \"bereikbaar\"`, "give the daemon the password that the user has in ari.conf")
	s.readyzAnswers(http.StatusServiceUnavailable, "not_ready", "refuses user")
	require.NotContains(t, s.log(), s.Daemon.ARIPassword)

	c := s.rings(rig.CallerOptions{}) // callers are helped all the same
	c.hears("nl/fallback")
	c.hears("music")
	c.hangsUp()
	require.NoError(t, s.Asterisk.AwaitIdle(s.ctx))
	require.True(t, s.Daemon.Process().Running())
	refused := s.metric("bereikbaar_ari_connection_losses_total", "reason", "refused")
	require.LessOrEqual(
		t, refused, 1+time.Since(began).Minutes()*2, "one each half minute: Asterisk takes many for an attack",
	)
	require.NoError(t, s.Daemon.Stop(), "it stops in an orderly way")

	s.Daemon.ARIPassword = right
	require.NoError(t, s.Daemon.Start(s.ctx))
	s.measure()
	s.isHelped(s.agent("kcc1", rig.Behaviour{}), 1)
	s.atRest()
}

func TestAsteriskIsAwayAtTheStart(t *testing.T) {
	s := openWith(t, rig.Options{Config: rig.AlwaysOpen(), Without: []rig.Part{rig.TheAsterisk, rig.TheDaemon}})
	require.NoError(t, s.Daemon.Launch())
	s.logs("no link to Asterisk", "is Asterisk running, and does http.conf listen there?")
	s.readyzAnswers(http.StatusServiceUnavailable, "not_ready")
	status, _, err := s.Daemon.Get(s.ctx, "/healthz")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "a restart would not help")

	require.NoError(t, s.Asterisk.Start(s.ctx))
	require.NoError(t, s.Daemon.AwaitReady(s.ctx))
	s.measure()
	s.isHelped(s.agent("kcc1", rig.Behaviour{}), 1)
	s.atRest()
}

func TestRedisIsAwayAtTheStart(t *testing.T) {
	s := openWith(t, rig.Options{Config: rig.AlwaysOpen(), Without: []rig.Part{rig.TheRedis}})
	s.readyzAnswers(http.StatusOK, "degraded", `"redis","state":"down"`)
	agent := s.agent("kcc1", rig.Behaviour{})
	s.isHelped(agent, 1)
	c := s.asksForANote("0612345678")
	reference := c.isPromised()
	s.atRest()
	require.Equal(t, 1.0, s.metric("bereikbaar_journal_notes_behind"))

	require.NoError(t, s.Redis.Start(s.ctx))
	s.storedOnce("0612345678", reference)
	s.readyzAnswers(http.StatusOK, `"ready"`)
	s.asksForANote("0687654321").confirmed("0687654321", "vergunningen", true)
	s.atRest()
}

func TestARedisThatMayLoseNotesIsReportedAndServesOn(t *testing.T) {
	s := openWith(t, rig.Options{Config: rig.AlwaysOpen(), Without: []rig.Part{rig.TheDaemon}})
	_, err := s.Redis.CLI(s.ctx, "CONFIG", "SET", "appendfsync", "everysec")
	require.NoError(t, err)
	require.NoError(t, s.Daemon.Start(s.ctx))
	s.measure()
	s.readyzAnswers(http.StatusOK, `"state":"degraded","parts"`, `"redis","state":"degraded"`, "appendfsync")
	s.logs("Redis is not as promises need it", "Set appendfsync always")
	require.Equal(t, 1.0, s.metric("bereikbaar_part_degraded", "part", "redis"))
	s.asksForANote("0612345678").confirmed("0612345678", "vergunningen", true)

	_, err = s.Redis.CLI(s.ctx, "CONFIG", "SET", "appendfsync", "always")
	require.NoError(t, err)
	s.readyzAnswers(http.StatusOK, `"ready"`)
	require.Equal(
		t, 1, strings.Count(s.log(), `"Redis is not as promises need it" setting=appendfsync`), "each is logged once",
	)
	s.atRest()
}

func TestCallsAreAnsweredWithoutTheAPI(t *testing.T) {
	s := open(t, map[string]any{"listen": map[string]any{"web": "192.0.2.1:8570"}}) // no address of this machine
	s.readyzAnswers(
		http.StatusOK, `"state":"degraded","parts"`, `"api","state":"down"`, "cannot assign requested address",
	)
	s.logs("the web port cannot be reached", "listen.web")
	s.isHelped(s.agent("kcc1", rig.Behaviour{}), 1)
	s.atRest()
}

func TestRedisIsFrozenAndTheCallerHearsAtOnce(t *testing.T) {
	s := open(t, nil)
	require.NoError(t, s.Redis.Process().Freeze())
	c := s.asksForANote("0612345678")
	asked := time.Now()
	c.hears("nl/call-back-by")
	require.Less(t, c.listened.Sub(asked), 3*time.Second, "half a second, and what speaking and hearing take here")
	reference := c.isPromised()
	agent := s.agent("kcc1", rig.Behaviour{})
	s.isHelped(agent, 1)

	require.NoError(t, s.Redis.Process().Thaw())
	s.readyzAnswers(http.StatusOK, `"ready"`)
	s.storedOnce("0612345678", reference) // also when Redis executes requests from before the freeze
	s.asksForANote("0687654321").confirmed("0687654321", "vergunningen", true)
	s.atRest()
	require.Equal(t, 2.0, s.ended(call.CallbackPromised))
}

func TestTheDaemonIsFrozenAndThawed(t *testing.T) {
	t.Parallel()
	for name, frozen := range map[string]time.Duration{
		"shorter than the link takes":       1500 * time.Millisecond,
		"longer than the link takes it for": 10 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			agent := s.agent("kcc1", rig.Behaviour{})
			talking := s.talking(agent)
			var waiting []*caller
			for i := range 3 {
				c := s.rings(rig.CallerOptions{From: fmt.Sprintf("061234568%d", i)})
				c.waitsForTheContactCentre()
				waiting = append(waiting, c)
			}

			require.NoError(t, s.Daemon.Process().Freeze())
			began := time.Now()
			require.NoError(t, waiting[1].HangUp(s.ctx))
			unheard, err := s.Call(s.ctx, rig.CallerOptions{From: "0612345690"})
			require.NoError(t, err)
			require.NoError(t, agent.HangUp(s.ctx, 1))
			require.NoError(t, waiting[0].AwaitSound(s.ctx, began, frozen), "the others go on hearing music")
			require.NoError(t, s.Daemon.Process().Thaw())

			talking.isHungUp()
			waiting[0].getsThrough(agent, 2)
			_, err = unheard.AwaitAnswer(s.ctx)
			require.NoError(t, err)
			late := &caller{Caller: unheard, s: s}
			late.hears("nl/menu-aanvraag", "nl/fallback")
			late.hangsUp()
			require.NoError(t, agent.HangUp(s.ctx, 2))
			waiting[2].getsThrough(agent, 3)
			waiting[2].hangsUp()
			s.atRest()
			require.NoError(t, s.Daemon.AwaitReady(s.ctx))
		})
	}
}

func TestAsteriskIsRestartedWithCallersInMenus(t *testing.T) {
	s := open(t, nil)
	for i := range 3 {
		c := s.rings(rig.CallerOptions{From: fmt.Sprintf("061234568%d", i)})
		c.hears("nl/menu-aanvraag")
	}
	require.NoError(t, s.Asterisk.Restart(s.ctx))
	s.eventually("the calls are over", func() error {
		return errors.Join(
			equal(0, s.metric("bereikbaar_calls_active")), equal(1, s.metric("bereikbaar_part_up", "part", "ari")),
		)
	})
	s.isHelped(s.agent("kcc1", rig.Behaviour{}), 1)
	s.atRest()
	require.Equal(t, 3.0, s.ended(call.HungUpInMenu), "each is in the figures")
}
