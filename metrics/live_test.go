package metrics_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

func snapshotAt(now time.Time) []queue.TeamSnapshot {
	return []queue.TeamSnapshot{
		{
			Team: "kcc", Waiting: 2, Oldest: now.Add(-90 * time.Second), Staffed: 2,
			Agents: []queue.AgentSnapshot{
				{Agent: "kcc1", State: queue.AgentTalking},
				{Agent: "kcc2", State: queue.AgentTalking},
				{Agent: "kcc3", State: queue.AgentOffline},
			},
		},
		{Team: "vergunningen", Agents: []queue.AgentSnapshot{{Agent: "verg1", State: queue.AgentPaused}}},
		{Team: "gone", Waiting: 9, Oldest: now.Add(-time.Hour)},
	}
}

func TestQueuesAndAgents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc", "vergunningen")
		require.NoError(t, m.Watch(metrics.Sources{
			Queues:  queues(func() []queue.TeamSnapshot { return snapshotAt(time.Now()) }),
			Active:  func() (int, int) { return 3, 2 },
			Backlog: func() int { return 4 },
		}))
		require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP bereikbaar_agents Agents of a team by what they do now; one who works for several teams counts in each.
# TYPE bereikbaar_agents gauge
bereikbaar_agents{state="forwarded",team="kcc"} 0
bereikbaar_agents{state="forwarded",team="vergunningen"} 0
bereikbaar_agents{state="free",team="kcc"} 0
bereikbaar_agents{state="in_use",team="kcc"} 0
bereikbaar_agents{state="offline",team="kcc"} 1
bereikbaar_agents{state="paused",team="kcc"} 0
bereikbaar_agents{state="ringing",team="kcc"} 0
bereikbaar_agents{state="talking",team="kcc"} 2
bereikbaar_agents{state="wrap_up",team="kcc"} 0
bereikbaar_agents{state="free",team="vergunningen"} 0
bereikbaar_agents{state="in_use",team="vergunningen"} 0
bereikbaar_agents{state="offline",team="vergunningen"} 0
bereikbaar_agents{state="paused",team="vergunningen"} 1
bereikbaar_agents{state="ringing",team="vergunningen"} 0
bereikbaar_agents{state="talking",team="vergunningen"} 0
bereikbaar_agents{state="wrap_up",team="vergunningen"} 0
# HELP bereikbaar_agents_staffed Agents of a team whose phone rings now or will once they are free: not paused, not offline.
# TYPE bereikbaar_agents_staffed gauge
bereikbaar_agents_staffed{team="kcc"} 2
bereikbaar_agents_staffed{team="vergunningen"} 0
# HELP bereikbaar_ari_events_waiting Events of Asterisk that were read and not yet handled; should stay near 0.
# TYPE bereikbaar_ari_events_waiting gauge
bereikbaar_ari_events_waiting 4
# HELP bereikbaar_callers_waiting Callers in the queue of a team, those whose call rings at an agent included.
# TYPE bereikbaar_callers_waiting gauge
bereikbaar_callers_waiting{team="kcc"} 2
bereikbaar_callers_waiting{team="vergunningen"} 0
# HELP bereikbaar_calls_active Calls that are being handled now, from the ring to the end.
# TYPE bereikbaar_calls_active gauge
bereikbaar_calls_active 3
# HELP bereikbaar_longest_wait_seconds How long the caller who waits longest has been in the queue; 0 when nobody waits.
# TYPE bereikbaar_longest_wait_seconds gauge
bereikbaar_longest_wait_seconds{team="kcc"} 90
bereikbaar_longest_wait_seconds{team="vergunningen"} 0
# HELP bereikbaar_phones_active Agents' phones that ring or talk now for a call.
# TYPE bereikbaar_phones_active gauge
bereikbaar_phones_active 2
`), "bereikbaar_calls_active", "bereikbaar_phones_active", "bereikbaar_agents", "bereikbaar_agents_staffed",
			"bereikbaar_ari_events_waiting", "bereikbaar_callers_waiting", "bereikbaar_longest_wait_seconds"))
		require.NotContains(t, exposition(t, reg), `team="gone"`)
	})
}

func TestATeamIsOpenByItsOwnHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock starts on Saturday 1 January 2000, midnight UTC
		plan := planOf("always", "monday")
		plan.Teams["monday"] = routing.Team{ID: "monday", Hours: openOn(t, time.Monday)}
		reg := pedant()
		_, err := metrics.New(reg, options(plan))
		require.NoError(t, err)
		open := func() (always, monday float64) {
			all := read(t, exposition(t, reg))
			return sum(all, "bereikbaar_team_open", "team", "always"), sum(
				all, "bereikbaar_team_open", "team", "monday",
			)
		}
		always, monday := open()
		require.Equal(t, []float64{1, 0}, []float64{always, monday}, "on Saturday")
		pass(2*24*time.Hour + 10*time.Hour)
		always, monday = open()
		require.Equal(t, []float64{1, 1}, []float64{always, monday}, "on Monday at ten")
		pass(8 * time.Hour)
		_, monday = open()
		require.InDelta(t, 0, monday, 0, "on Monday at six")
	})
}

func TestNotesOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := planOf("kcc", "vergunningen")
		plan.Municipalities["olst-wijhe"] = routing.Municipality{ID: "olst-wijhe"}
		reg := pedant()
		m, err := metrics.New(reg, options(plan))
		require.NoError(t, err)
		require.NoError(t, m.Watch(metrics.Sources{Notes: notes(
			func(_ context.Context, id call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				if id == "olst-wijhe" {
					return map[call.TeamID]note.Count{"kcc": {Live: 1, Made: 1}}, nil
				}
				return map[call.TeamID]note.Count{
					"kcc":   {Live: 3, Overdue: 1, Made: 9, Resolved: 4, Cancelled: 2},
					"gone":  {Live: 2, Overdue: 2, Made: 2},
					"gone2": {Live: 1, Made: 1},
				}, nil
			})}))
		got := exposition(t, reg)
		for _, line := range []string{
			`bereikbaar_notes_open{team="kcc"} 4`,
			`bereikbaar_notes_overdue{team="kcc"} 1`,
			`bereikbaar_notes_made_total{team="kcc"} 10`,
			`bereikbaar_notes_resolved_total{team="kcc"} 4`,
			`bereikbaar_notes_cancelled_total{team="kcc"} 2`,
			`bereikbaar_notes_open{team="vergunningen"} 0`,
			`bereikbaar_notes_made_total{team="vergunningen"} 0`,
			`bereikbaar_notes_open{team="(other)"} 3`, // a promise of a team that left the plan is still owed
			`bereikbaar_notes_overdue{team="(other)"} 2`,
			`bereikbaar_snapshot_age_seconds{source="notes"} 0`,
		} {
			requireLine(t, got, line)
		}
	})
}

func TestNotesOfAMunicipalityThatLeftAreStillPromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		counts := map[call.MunicipalityID]map[call.TeamID]note.Count{
			"deventer": {"kcc": {Live: 3, Made: 3}, "gone": {Live: 1, Made: 1}},
			// its kcc is another one than ours
			"raalte": {"kcc": {Live: 2, Overdue: 2, Made: 5}, "raalte-kcc": {Live: 4, Made: 4}},
		}
		require.NoError(t, m.Watch(metrics.Sources{
			Notes: notes(func(_ context.Context, id call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				return counts[id], nil
			}),
			Municipalities: func() []call.MunicipalityID { return []call.MunicipalityID{"deventer", "raalte"} },
		}))
		got := exposition(t, reg)
		for _, line := range []string{
			`bereikbaar_notes_open{team="kcc"} 3`,
			`bereikbaar_notes_overdue{team="kcc"} 0`,
			`bereikbaar_notes_open{team="(other)"} 7`,
			`bereikbaar_notes_overdue{team="(other)"} 2`,
			`bereikbaar_notes_made_total{team="(other)"} 10`,
		} {
			requireLine(t, got, line)
		}
	})
}

func TestASlowStoreHoldsUpNoScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		var frozen atomic.Bool
		asked := make(chan struct{}, 100)
		release := make(chan struct{})
		require.NoError(t, m.Watch(metrics.Sources{Notes: notes(
			func(context.Context, call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				asked <- struct{}{}
				if frozen.Load() { // a client that does not even honour its context
					<-release
				}
				return map[call.TeamID]note.Count{"kcc": {Live: 5}}, nil
			})}))
		requireLine(t, exposition(t, reg), `bereikbaar_notes_open{team="kcc"} 5`)

		frozen.Store(true)
		pass(10 * time.Second)
		before := time.Now()
		got := exposition(t, reg)
		require.LessOrEqual(t, time.Since(before), 250*time.Millisecond)
		requireLine(t, got, `bereikbaar_notes_open{team="kcc"} 5`, "the last that is known")
		requireLine(t, got, `bereikbaar_snapshot_age_seconds{source="notes"} 10`, "and how old it is")

		for range 20 {
			before := time.Now()
			exposition(t, reg)
			require.Zero(t, time.Since(before), "a question that is out is waited for once")
		}
		require.Len(t, asked, 2, "however many read, one question is out")

		frozen.Store(false)
		close(release)
		synctest.Wait()
		requireLine(t, exposition(t, reg), `bereikbaar_snapshot_age_seconds{source="notes"} 0`)
	})
}

func TestNotesThatWereNeverCountedAreNotZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		require.NoError(t, m.Watch(metrics.Sources{Notes: notes(
			func(ctx context.Context, _ call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})}))
		pass(time.Minute)
		got := exposition(t, reg)
		require.NotContains(t, got, "bereikbaar_notes_open")
		require.NotContains(t, got, "bereikbaar_notes_made_total")
		requireLine(t, got, `bereikbaar_snapshot_age_seconds{source="notes"} 60`)
		pass(10 * time.Second) // the question is given up by its own limit
	})
}

func TestOneMunicipalityThatCannotBeCountedKeepsTheOldFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := planOf("kcc")
		plan.Municipalities["olst-wijhe"] = routing.Municipality{}
		reg := pedant()
		m, err := metrics.New(reg, options(plan))
		require.NoError(t, err)
		broken := false
		require.NoError(t, m.Watch(metrics.Sources{Notes: notes(
			func(_ context.Context, id call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				if broken && id == "olst-wijhe" {
					return nil, errors.New("broken")
				}
				return map[call.TeamID]note.Count{"kcc": {Live: 2}}, nil
			})}))
		requireLine(t, exposition(t, reg), `bereikbaar_notes_open{team="kcc"} 4`)
		broken = true
		pass(5 * time.Second)
		got := exposition(t, reg)
		requireLine(t, got, `bereikbaar_notes_open{team="kcc"} 4`)
		requireLine(t, got, `bereikbaar_snapshot_age_seconds{source="notes"} 5`)
	})
}

func TestAScrapeWaitsForAllSlowSourcesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		slow := func(context.Context) metrics.Health {
			pass(time.Second)
			return metrics.Health{Up: true}
		}
		require.NoError(t, m.Watch(metrics.Sources{
			Queues: queues(func() []queue.TeamSnapshot { pass(time.Second); return nil }),
			Notes: notes(func(context.Context, call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				pass(time.Second)
				return nil, nil
			}),
			Active:  func() (int, int) { pass(time.Second); return 0, 0 },
			Backlog: func() int { pass(time.Second); return 0 },
			Parts: []metrics.Part{
				{Name: "ari", Health: slow}, {Name: "redis", Health: slow}, {Name: "prompts", Health: slow},
			},
		}))
		before := time.Now()
		exposition(t, reg)
		require.LessOrEqual(t, time.Since(before), 300*time.Millisecond)
		pass(3 * time.Second)
	})
}

func TestPartsShowWhetherTheyAreUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		require.NoError(t, m.Watch(metrics.Sources{Parts: []metrics.Part{
			part("ari", true, metrics.Health{Up: true}),
			part("redis", false, metrics.Health{Detail: "connection refused"}),
			part("api", false, metrics.Health{Up: true, Degraded: true, Detail: "its file is refused"}),
		}}))
		got := exposition(t, reg)
		for _, line := range []string{
			`bereikbaar_part_up{part="api"} 1`, `bereikbaar_part_degraded{part="api"} 1`,
			`bereikbaar_part_degraded{part="ari"} 0`, `bereikbaar_part_degraded{part="redis"} 0`,
		} {
			requireLine(t, got, line)
		}
		requireLine(t, got, `bereikbaar_part_up{part="ari"} 1`)
		requireLine(t, got, `bereikbaar_part_up{part="redis"} 0`)
		require.NotContains(t, got, "connection refused", "details are for the health page")
	})
}

func TestManyScrapersAskTheStoreNoMoreThanOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		var asked atomic.Int64
		require.NoError(t, m.Watch(metrics.Sources{Notes: notes(
			func(context.Context, call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				return map[call.TeamID]note.Count{"kcc": {Live: asked.Add(1)}}, nil
			})}))
		for range 10 {
			requireLine(t, exposition(t, reg), `bereikbaar_notes_open{team="kcc"} 1`)
		}
		pass(3 * time.Second)
		requireLine(t, exposition(t, reg), `bereikbaar_notes_open{team="kcc"} 2`)
	})
}

func TestWatchRefusesPartsThatCannotBeTold(t *testing.T) {
	fine := func(context.Context) metrics.Health { return metrics.Health{} }
	for name, s := range map[string]metrics.Sources{
		"no name":     {Parts: []metrics.Part{{Health: fine}}},
		"no text":     {Parts: []metrics.Part{{Name: "\xff", Health: fine}}},
		"no health":   {Parts: []metrics.Part{{Name: "ari"}}},
		"twice":       {Parts: []metrics.Part{{Name: "ari", Health: fine}, {Name: "ari", Health: fine}}},
		"a nil pulse": {Pulses: []*metrics.Pulse{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			m, reg := newMetrics(t, "kcc")
			require.ErrorContains(t, m.Watch(s), "metrics: ")
			require.NotContains(t, exposition(t, reg), "bereikbaar_part_up")
		})
	}
}

// One team that cannot be counted takes no other's figures with it, and has none itself: a zero would pass for kept
// promises.
func TestATeamThatCannotBeCountedHasNoFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc", "vergunningen")
		require.NoError(t, m.Watch(metrics.Sources{
			Notes: notes(func(context.Context, call.MunicipalityID) (map[call.TeamID]note.Count, error) {
				return map[call.TeamID]note.Count{"kcc": {Live: 2, Made: 5}},
					&note.UncountedError{Teams: []call.TeamID{"vergunningen", "archief"}, Err: note.ErrBroken}
			}),
			Faults: func() map[string]int { return map[string]int{"due": 3, "note": 0} },
		}))
		got := exposition(t, reg)
		requireLine(t, got, `bereikbaar_notes_open{team="kcc"} 2`)
		requireLine(t, got, `bereikbaar_snapshot_age_seconds{source="notes"} 0`)
		require.NotContains(t, got, `bereikbaar_notes_open{team="vergunningen"}`)
		require.NotContains(t, got, `bereikbaar_notes_made_total{team="vergunningen"}`)
		require.NotContains(t, got, `bereikbaar_notes_open{team="(other)"}`, "archief left the plan")
		requireLine(t, got, `bereikbaar_redis_faults{index="due"} 3`)
		requireLine(t, got, `bereikbaar_redis_faults{index="note"} 0`)
	})
}
