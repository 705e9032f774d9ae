// Package metrics owns what operations sees: every Prometheus collector, and whether the daemon is alive and ready.
package metrics

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

const namespace = "bereikbaar"

// Elsewhere is the label value for what belongs to no team or municipality of the plan: a name that comes from outside
// never becomes a label. No configured name can be equal to it.
const Elsewhere = "(other)"

// Options say what is measured.
type Options struct {
	// Plan names the teams and municipalities. Their series exist at 0 from the start, because Prometheus cannot see
	// the first step of a counter that was not there before.
	Plan *routing.Plan
	// AnswerThreshold is T of the service level (domain.md, "KPIs, exactly"). It is fixed for the life of the process:
	// a counter whose meaning changes half-way is worth nothing.
	AnswerThreshold time.Duration
	// ShortAbandon is S, up to which a caller who hangs up does not count against a team. Fixed like AnswerThreshold.
	ShortAbandon time.Duration
	// Version is the released version of the daemon; empty takes what the Go toolchain wrote into the binary.
	Version string
	// EventSkips and LinkLosses are the reasons that the transport to Asterisk knows, so that they start at 0.
	EventSkips, LinkLosses []string
	// Operations of the JSON API and TokenRefusals, the reasons to refuse a request's token, so that they start at 0.
	// Others become Elsewhere.
	Operations, TokenRefusals []string
	// SignInWays, SignInRefusals and SessionEndings are those of the pages. Others become Elsewhere.
	SignInWays, SignInRefusals, SessionEndings []string
	// Notifications are the values of the labels of notifications. Others become Elsewhere.
	Notifications NotificationLabels
}

func (o Options) validate() error {
	switch {
	case o.ShortAbandon < 0:
		return fmt.Errorf("metrics: short abandon threshold %s: give 0 or more", o.ShortAbandon)
	case o.AnswerThreshold <= o.ShortAbandon:
		return fmt.Errorf("metrics: answer threshold %s: give more than the short abandon threshold %s",
			o.AnswerThreshold, o.ShortAbandon)
	}
	return checkNames(o.Plan)
}

// Metrics holds the collectors. Its methods are safe for concurrent use and never wait for anything.
type Metrics struct {
	ARI     *ARI
	API     *API
	SignIn  *SignIn
	Notify  *Notify
	Redis   *Redis
	Notes   *Notes
	Keeping *Keeping
	Rings   *Rings
	Config  *Config

	contacts contacts
	prompts  prometheus.Counter // spoken parts without a file
	sources  atomic.Pointer[sources]

	applying sync.Mutex // one reload at a time
	labels   atomic.Pointer[labels]
}

// labels are the series that exist. A set is never changed, only replaced.
type labels struct {
	plan           *routing.Plan
	teams          map[call.TeamID]*team
	municipalities map[call.MunicipalityID]map[call.Outcome]prometheus.Counter
	elsewhere      map[call.Outcome]prometheus.Counter
}

// New makes the collectors and registers them, with those of the Go runtime and the process, on reg. It fails for
// thresholds or a plan that cannot be measured, and when reg already has one of the collectors.
func New(reg prometheus.Registerer, o Options) (*Metrics, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := &registration{to: reg}
	m := &Metrics{
		ARI:      newARI(r, o),
		API:      newAPI(r, o),
		SignIn:   newSignIn(r, o),
		Notify:   newNotify(r, o.Notifications),
		Redis:    newRedis(r),
		Config:   newConfig(r),
		contacts: newContacts(r, o.AnswerThreshold, o.ShortAbandon),
		prompts: r.counter("prompts_missing_total",
			"Parts of a spoken text that were left out of a call because there is no sound file for them."),
	}
	m.Notes = newNotes(r, m.teamLabel)
	m.Notes.start(Elsewhere)
	m.Keeping = newKeeping(r, m.teamLabel)
	m.Keeping.start(Elsewhere)
	m.Rings = newRings(r, m.teamLabel)
	m.Rings.start(Elsewhere)
	m.labels.Store(&labels{
		plan:           o.Plan,
		teams:          map[call.TeamID]*team{},
		municipalities: map[call.MunicipalityID]map[call.Outcome]prometheus.Counter{},
		elsewhere:      m.contacts.outcomes(Elsewhere),
	})
	r.add(live{m})
	r.add(collectors.NewGoCollector())
	r.add(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.gauge(
		"answer_threshold_seconds", "T of the service level: a call answered within it counts as answered in time.",
	).
		Set(o.AnswerThreshold.Seconds())
	r.gauge(
		"short_abandon_threshold_seconds",
		"S of reachability: a caller who hangs up within it does not count against a team.",
	).
		Set(o.ShortAbandon.Seconds())
	r.gaugeVec("build_info", "Always 1: which build runs.", "version", "revision", "go_version").
		WithLabelValues(build(o.Version)...).Set(1)
	if r.err != nil {
		return nil, fmt.Errorf("metrics: register: %w", r.err)
	}
	if err := m.Apply(o.Plan); err != nil {
		return nil, err
	}
	return m, nil
}

// Apply takes over the teams and municipalities of a reloaded plan. Counters of a team that left stay until the process
// ends, because calls that run finish on the plan they began with; its gauges go at once. It fails, and changes
// nothing, for a name that cannot be a label.
func (m *Metrics) Apply(plan *routing.Plan) error {
	if err := checkNames(plan); err != nil {
		return err
	}
	m.applying.Lock()
	defer m.applying.Unlock()
	before := m.labels.Load()
	after := &labels{
		plan:           plan,
		teams:          maps.Clone(before.teams),
		municipalities: maps.Clone(before.municipalities),
		elsewhere:      before.elsewhere,
	}
	for id := range plan.Teams {
		if after.teams[id] == nil {
			after.teams[id] = m.contacts.team(string(id))
			m.Notes.start(string(id))
			m.Keeping.start(string(id))
			m.Rings.start(string(id))
		}
	}
	for id := range plan.Municipalities {
		if after.municipalities[id] == nil {
			after.municipalities[id] = m.contacts.outcomes(string(id))
		}
	}
	m.labels.Store(after)
	return nil
}

func checkNames(plan *routing.Plan) error {
	if plan == nil {
		return errors.New("metrics: no plan: give the one that the configuration made")
	}
	for id := range plan.Teams {
		if err := checkName(string(id)); err != nil {
			return fmt.Errorf("metrics: team %q: %w", id, err)
		}
	}
	for id := range plan.Municipalities {
		if err := checkName(string(id)); err != nil {
			return fmt.Errorf("metrics: municipality %q: %w", id, err)
		}
	}
	return nil
}

// checkName says whether a name can be a label value of its own.
func checkName(name string) error {
	if name == "" || name == Elsewhere || !utf8.ValidString(name) {
		return errors.New("not a name for a label: give letters, digits, - and _")
	}
	return nil
}

// teamLabel is the name of a team as it may stand in a label.
func (m *Metrics) teamLabel(id call.TeamID) string {
	if m.labels.Load().teams[id] == nil {
		return Elsewhere
	}
	return string(id)
}

// PromptMissing counts a part of a spoken text that was left out for want of a sound file. The log and bereikbaar
// doctor name it: a label would have a value for every sound.
func (m *Metrics) PromptMissing(prompts.Language, prompts.ID) { m.prompts.Inc() }

// build gives the values of the labels of bereikbaar_build_info.
func build(version string) []string {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if version == "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if version == "" {
		version = "unknown"
	}
	return []string{version, revision, runtime.Version()}
}
