// Package e2e rings a real Bereikbaar: SIPp calls in through a real Asterisk, and the tests recognise the sound that
// comes back.
package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// limit bounds one test.
const limit = 6 * time.Minute

// scene is one test with its own rig.
type scene struct {
	*rig.Rig
	t          *testing.T
	ctx        context.Context
	goroutines float64 // of the daemon at rest
	callers    []*caller
}

// team makes overrides for one team.
func team(id string, settings map[string]any) map[string]any {
	return map[string]any{"teams": map[string]any{id: settings}}
}

// open starts a rig for one test; overrides are laid over rig.AlwaysOpen. After the test all its promises are checked,
// see promisesHold.
func open(t *testing.T, overrides map[string]any) *scene {
	t.Helper()
	return openWith(t, rig.Options{Config: rig.Overrides(rig.AlwaysOpen(), overrides)})
}

func openWith(t *testing.T, o rig.Options) *scene {
	t.Helper()
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	r, err := rig.Start(ctx, o)
	require.NoError(t, err)
	s := &scene{Rig: r, t: t, ctx: ctx}
	t.Cleanup(func() {
		if t.Failed() {
			s.tellWhy()
		}
		err := s.Close()
		// the testing package keeps this function, and all sound with it, until the last test has ended
		s.Rig, s.callers = nil, nil
		require.NoError(t, err)
	})
	t.Cleanup(func() {
		if !t.Failed() {
			s.promisesHold()
		}
	})
	if !slices.Contains(o.Without, rig.TheDaemon) {
		s.measure()
	}
	return s
}

// measure notes how many goroutines the daemon has at rest.
func (s *scene) measure() { s.goroutines = s.metric("go_goroutines") }

// tellWhy keeps the logs of the parts and shows the end of the daemon's.
func (s *scene) tellWhy() {
	s.Keep()
	s.t.Logf("logs and traces are in %s", s.Dir)
	if s.Daemon.Process() != nil {
		log := s.log()
		s.t.Logf("the daemon's log:\n%s", log[max(0, len(log)-6000):])
	}
}

// log is the daemon's log so far.
func (s *scene) log() string {
	s.t.Helper()
	log, err := os.ReadFile(s.Daemon.Process().Log)
	require.NoError(s.t, err)
	return string(log)
}

// logs waits until the daemon's log has all of the texts.
func (s *scene) logs(texts ...string) {
	s.t.Helper()
	s.eventually("the daemon logs it", func() error {
		log := s.log()
		for _, text := range texts {
			if !strings.Contains(log, text) {
				return fmt.Errorf("the log does not hold %q", text)
			}
		}
		return nil
	})
}

// atRest asserts that calls left nothing behind.
func (s *scene) atRest() {
	s.t.Helper()
	require.NoError(s.t, s.Asterisk.AwaitIdle(s.ctx))
	s.eventually("the daemon is at rest", func() error {
		families := s.families()
		for _, name := range []string{
			"bereikbaar_calls_active", "bereikbaar_phones_active", "bereikbaar_callers_waiting",
		} {
			if _, ok := families[name]; !ok {
				return fmt.Errorf("there is no metric %s", name)
			}
			if n := sum(families[name]); n != 0 {
				return fmt.Errorf("%s is %v", name, n)
			}
		}
		if n := sum(families["go_goroutines"]); n > s.goroutines+3 { // scrapes and health checks of the moment
			return fmt.Errorf("%v goroutines, %v at first", n, s.goroutines)
		}
		return nil
	})
	require.Zero(s.t, s.metric("bereikbaar_ari_events_dropped_total"))
}

func (s *scene) families() map[string]*family {
	s.t.Helper()
	var text string
	s.eventually("the daemon gives its metrics", func() (err error) {
		text, err = s.Daemon.Metrics(s.ctx)
		return err
	})
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(s.t, err)
	return families
}

// metric is the sum of a metric over the series whose labels match, given as name, value, name, value.
func (s *scene) metric(name string, labels ...string) float64 {
	s.t.Helper()
	f, ok := s.families()[name]
	require.True(s.t, ok, "there is no metric %s", name)
	return sum(f, labels...)
}

func (s *scene) eventually(what string, try func() error) {
	s.t.Helper()
	s.within(time.Minute, what, try)
}

// within is eventually with another limit.
func (s *scene) within(limit time.Duration, what string, try func() error) {
	s.t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	deadline := time.After(limit)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ticks.C:
		case <-deadline:
			require.NoError(s.t, err, what)
		}
	}
}

// notes are the callback notes of a number, the newest first.
func (s *scene) notes(number string) []note.Note {
	s.t.Helper()
	n, err := call.ParseNumber(number)
	require.NoError(s.t, err)
	store := redisstore.Open(redistest.As(s.Redis.Address))
	defer store.Close()
	var notes []note.Note
	s.eventually("Redis gives the notes", func() (err error) { // a busy machine may exceed the store's time limit
		notes, err = store.ByNumber(s.ctx, "deventer", n, 10)
		return err
	})
	return notes
}

// offered counts a team's offers, by result.
func (s *scene) offered(team string, result call.OfferResult) float64 {
	s.t.Helper()
	return s.metric("bereikbaar_calls_offered_total", "team", team, "result", string(result))
}

// ended counts calls by outcome.
func (s *scene) ended(outcome call.Outcome) float64 {
	s.t.Helper()
	return s.metric("bereikbaar_calls_total", "outcome", string(outcome))
}

func (s *scene) agent(name string, b rig.Behaviour) *rig.Agent {
	s.t.Helper()
	agent, err := s.Agent(s.ctx, name, b)
	require.NoError(s.t, err)
	return agent
}

func (s *scene) rings(o rig.CallerOptions) *caller {
	s.t.Helper()
	c, err := s.Call(s.ctx, o)
	require.NoError(s.t, err)
	_, err = c.AwaitAnswer(s.ctx)
	require.NoError(s.t, err)
	s.callers = append(s.callers, &caller{Caller: c, s: s})
	return s.callers[len(s.callers)-1]
}

// ringsFrom lets a caller ring the municipality.
func (s *scene) ringsFrom(number string) *caller { return s.rings(rig.CallerOptions{From: number}) }

// caller is a caller whose sound the test follows.
type caller struct {
	*rig.Caller
	s        *scene
	listened time.Time // up to here
}

// hears waits until one of the phrases begins, after what was heard before.
func (c *caller) hears(ids ...string) {
	c.s.t.Helper()
	phrase, err := c.AwaitPhrase(c.s.ctx, c.listened, false, ids...)
	require.NoError(c.s.t, err)
	c.listened = phrase.From
}

// hearsWhole waits until one of the phrases has been heard to its end.
func (c *caller) hearsWhole(ids ...string) {
	c.s.t.Helper()
	phrase, err := c.AwaitPhrase(c.s.ctx, c.listened, true, ids...)
	require.NoError(c.s.t, err)
	c.listened = phrase.From
}

// getsThrough waits until the agent has taken the n-th call and asserts that the two hear each other.
func (c *caller) getsThrough(agent *rig.Agent, n int) {
	c.s.t.Helper()
	_, err := agent.AwaitTalk(c.s.ctx, n)
	require.NoError(c.s.t, err)
	c.talksTo(agent)
}

// talking brings a caller through the menu to the agent, as the agent's first call.
func (s *scene) talking(agent *rig.Agent) *caller {
	s.t.Helper()
	c := s.ringsFrom("0612345670")
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	c.getsThrough(agent, 1)
	return c
}

func (c *caller) presses(keys string) {
	c.s.t.Helper()
	require.NoError(c.s.t, c.Press(c.s.ctx, keys))
}

func (c *caller) hangsUp() {
	c.s.t.Helper()
	require.NoError(c.s.t, c.HangUp(c.s.ctx))
}

func (c *caller) isHungUp() {
	c.s.t.Helper()
	require.NoError(c.s.t, c.AwaitEnd(c.s.ctx))
	require.False(c.s.t, c.Leg().EndedByUs, "Asterisk ended the call")
}

// talksTo asserts that caller and agent hear each other.
func (c *caller) talksTo(agent *rig.Agent) {
	c.s.t.Helper()
	require.NoError(c.s.t, c.Converse(c.s.ctx, agent))
}
