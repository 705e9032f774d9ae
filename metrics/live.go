package metrics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// The values of the label "source".
const (
	sourceQueues = "queues"
	sourceNotes  = "notes"
)

// Queues give the waiting callers and the agents' states; dispatch has them.
type Queues interface {
	Snapshot() []queue.TeamSnapshot
}

// NoteCounter counts notes; the store of callback notes implements it.
type NoteCounter interface {
	Counts(ctx context.Context, m call.MunicipalityID, now time.Time) (map[call.TeamID]note.Count, error)
}

// countNotes counts for every municipality of the plan, and for those that left it and may have notes: their teams all
// count as Elsewhere. One failed count fails the whole: half a count looks like lost notes.
//
// A team that cannot be counted is left out by itself.
func (m *Metrics) countNotes(ctx context.Context, s Sources) (noteCounts, error) {
	plan := m.labels.Load().plan
	all := slices.Collect(maps.Keys(plan.Municipalities))
	if s.Municipalities != nil {
		all = append(all, s.Municipalities()...)
		slices.Sort(all)
		all = slices.Compact(all)
	}
	sum := noteCounts{map[call.TeamID]note.Count{}, map[call.TeamID]bool{}}
	for _, id := range all {
		counts, err := s.Notes.Counts(ctx, id, time.Now())
		var uncounted *note.UncountedError
		if err != nil && !errors.As(err, &uncounted) {
			return noteCounts{}, fmt.Errorf("count the notes of %q: %w", id, err)
		}
		_, there := plan.Municipalities[id]
		for team, c := range counts {
			if !there {
				team = Elsewhere
			}
			sum.of[team] = add(sum.of[team], c)
		}
		if uncounted == nil {
			continue
		}
		for _, team := range uncounted.Teams {
			if !there {
				team = Elsewhere
			}
			sum.unknown[team] = true
		}
	}
	return sum, nil
}

// noteCounts are the counts of teams, and the teams that could not be counted.
type noteCounts struct {
	of      map[call.TeamID]note.Count
	unknown map[call.TeamID]bool
}

func add(a, b note.Count) note.Count {
	return note.Count{
		Live: a.Live + b.Live, Overdue: a.Overdue + b.Overdue,
		Made: a.Made + b.Made, Resolved: a.Resolved + b.Resolved, Cancelled: a.Cancelled + b.Cancelled,
		Reopened: a.Reopened + b.Reopened, Purged: a.Purged + b.Purged,
	}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var (
	descTeamOpen = describe("team_open", "1 while the team is within its opening hours.", "team")
	descAgents   = describe("agents",
		"Agents of a team by what they do now; one who works for several teams counts in each.", "team", "state")
	descStaffed = describe("agents_staffed",
		"Agents of a team whose phone rings now or will once they are free: not paused, not offline.", "team")
	descWaiting = describe(
		"callers_waiting", "Callers in the queue of a team, those whose call rings at an agent included.", "team",
	)
	descLongest = describe(
		"longest_wait_seconds", "How long the caller who waits longest has been in the queue; 0 when nobody waits.",
		"team",
	)

	descNotesOpen = describe(
		"notes_open", "Callback notes that are open or claimed, by the team that owes the call.", "team",
	)
	descNotesOverdue = describe(
		"notes_overdue", "Open or claimed callback notes whose deadline has passed (docs/kpis.md).", "team",
	)
	descNotesMade = describe(
		"notes_made_total", "Callback notes ever made, by their first team, as the store counts them.", "team",
	)
	descNotesResolved = describe(
		"notes_resolved_total", "Callback notes ever resolved by a team, as the store counts them.", "team",
	)
	descNotesCancelled = describe(
		"notes_cancelled_total", "Callback notes ever cancelled at a team, as the store counts them.", "team",
	)

	descNotesReopened = describe(
		"notes_reopened_total",
		"Closed callback notes ever reopened, by the team that has them, as the store counts them.", "team",
	)
	descNotesPurged = describe(
		"notes_purged_total", "Closed callback notes whose personal data was removed, as the store counts them.",
		"team",
	)

	descAge = describe("snapshot_age_seconds",
		"Age of the last figures of a source; its series are missing before the first.",
		"source")
	descCalls   = describe("calls_active", "Calls that are being handled now, from the ring to the end.")
	descPhones  = describe("phones_active", "Agents' phones that ring or talk now for a call.")
	descBacklog = describe(
		"ari_events_waiting", "Events of Asterisk that were read and not yet handled; should stay near 0.",
	)
	descPart = describe(
		"part_up", "1 while a part of the daemon works: the link with Asterisk, Redis, the prompts, the JSON API.",
		"part",
	)
	descFaults = describe(
		"redis_faults",
		"Entries, fields and values in Redis that this program does not write, by the kind of key: must be 0.",
		"index",
	)
	descWeak = describe(
		"part_degraded", "1 while a part of the daemon works but its purpose is at risk; /readyz says how.",
		"part",
	)
)

// live collects the figures that are read from sources at the time of a scrape.
type live struct{ *Metrics }

// Describe lists what live can give.
func (l live) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descTeamOpen, descAgents, descStaffed, descWaiting, descLongest,
		descNotesOpen, descNotesOverdue, descNotesMade, descNotesResolved, descNotesCancelled, descNotesReopened,
		descNotesPurged,
		descAge, descCalls, descPhones, descBacklog, descPart, descWeak, descFaults,
	} {
		descs <- d
	}
}

// Collect gives every source's answer, or its last one when it takes longer than patience.
func (l live) Collect(out chan<- prometheus.Metric) {
	now, plan := time.Now(), l.labels.Load().plan
	for id, team := range plan.Teams {
		open := team.Hours == nil || team.Hours.Open(now)
		out <- gauge(descTeamOpen, boolean(open), string(id))
	}
	s := l.sources.Load()
	if s == nil {
		return
	}
	s.start()
	if s.queues != nil {
		a := s.queues.get()
		out <- gauge(descAge, a.age(now, s.since), sourceQueues)
		collectQueues(out, plan, a)
	}
	if s.notes != nil {
		a := s.notes.get()
		out <- gauge(descAge, a.age(now, s.since), sourceNotes)
		collectNotes(out, plan, a)
	}
	for _, metric := range s.activity.get().value {
		out <- metric
	}
	for _, part := range s.parts {
		state := part.report().State
		out <- gauge(descPart, boolean(state == Up || state == Degraded), part.Name)
		out <- gauge(descWeak, boolean(state == Degraded), part.Name)
	}
}

// activity reads the current activity from the sources that there are.
func (s Sources) activity() []prometheus.Metric {
	var now []prometheus.Metric
	if s.Active != nil {
		calls, phones := s.Active()
		now = append(now, gauge(descCalls, float64(calls)), gauge(descPhones, float64(phones)))
	}
	if s.Faults != nil {
		for index, faults := range s.Faults() {
			now = append(now, gauge(descFaults, float64(faults), index))
		}
	}
	if s.Backlog != nil {
		now = append(now, gauge(descBacklog, float64(s.Backlog())))
	}
	return now
}

func collectQueues(out chan<- prometheus.Metric, plan *routing.Plan, a answer[[]queue.TeamSnapshot]) {
	for _, t := range a.value {
		if _, ok := plan.Teams[t.Team]; !ok { // a snapshot from before a reload
			continue
		}
		team := string(t.Team)
		for _, state := range queue.AgentStates() {
			out <- gauge(descAgents, float64(t.Count(state)), team, string(state))
		}
		out <- gauge(descStaffed, float64(t.Staffed), team)
		out <- gauge(descWaiting, float64(t.Waiting), team)
		longest := 0.0
		if !t.Oldest.IsZero() {
			longest = max(0, a.at.Sub(t.Oldest).Seconds())
		}
		out <- gauge(descLongest, longest, team)
	}
}

// collectNotes gives the notes of teams that left the plan as those of Elsewhere: they are still promises.
func collectNotes(out chan<- prometheus.Metric, plan *routing.Plan, a answer[noteCounts]) {
	if a.at.IsZero() { // no figure is better than a zero that nobody counted
		return
	}
	counts := map[string]note.Count{Elsewhere: {}}
	for id := range plan.Teams {
		counts[string(id)] = a.value.of[id]
	}
	for id, count := range a.value.of {
		if _, ok := plan.Teams[id]; !ok {
			counts[Elsewhere] = add(counts[Elsewhere], count)
		}
	}
	for id := range a.value.unknown {
		if _, ok := plan.Teams[id]; !ok {
			id = Elsewhere
		}
		delete(counts, string(id))
	}
	for team, c := range counts {
		out <- gauge(descNotesOpen, float64(c.Live), team)
		out <- gauge(descNotesOverdue, float64(c.Overdue), team)
		out <- counter(descNotesMade, float64(c.Made), team)
		out <- counter(descNotesResolved, float64(c.Resolved), team)
		out <- counter(descNotesCancelled, float64(c.Cancelled), team)
		out <- counter(descNotesReopened, float64(c.Reopened), team)
		out <- counter(descNotesPurged, float64(c.Purged), team)
	}
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
