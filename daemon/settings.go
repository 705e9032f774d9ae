package daemon

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/routing"
)

// Settings is the current configuration, as the parts ask for it.
type Settings struct{ current atomic.Pointer[config.Config] }

// NewSettings begins with a configuration; a reload replaces it.
func NewSettings(cfg *config.Config) *Settings {
	s := &Settings{}
	s.replace(cfg)
	return s
}

func (s *Settings) replace(cfg *config.Config) { s.current.Store(cfg) }
func (s *Settings) config() *config.Config     { return s.current.Load() }
func (s *Settings) plan() *routing.Plan        { return s.config().Plan }

// Knows implements callback.Rules.
func (s *Settings) Knows(team call.TeamID) bool {
	_, ok := s.plan().Teams[team]
	return ok
}

// Policy implements callback.Rules.
func (s *Settings) Policy(m call.MunicipalityID) dialling.Policy {
	cfg := s.config()
	town, limits, caps := cfg.Plan.Municipalities[m], cfg.Callbacks.Limits, cfg.Callbacks.Caps
	policy := dialling.Policy{Countries: town.CallbackCountries, Clocks: time.UTC, Caps: dialling.Caps{
		Target: caps.Target, Colleague: caps.Colleague, Day: caps.Day,
	}}
	if town.Location != nil { // nil for one that is not in the configuration: none of its numbers is rung back
		policy.Clocks = town.Location
		policy.Limits = dialling.Limits{Caller: limits.Caller, Target: limits.Target, Day: limits.Day}
	}
	return policy
}

// Term implements callback.Norm.
func (s *Settings) Term(team call.TeamID, made time.Time) (callback.Term, error) {
	t, ok := s.plan().Teams[team]
	if !ok {
		return callback.Term{}, fmt.Errorf("team %q is not in the configuration", team)
	}
	deadline, err := t.Hours.Deadline(made)
	if err != nil {
		return callback.Term{}, err
	}
	return callback.Term{Warn: t.Hours.Warning(deadline, s.config().Callbacks.WarnAfter), Deadline: deadline.At}, nil
}

// Work implements callback.WorkRules. A municipality that is no longer in the configuration may still have notes: they
// keep the shared rules, but have no contact centre, and their times of day are in UTC.
func (s *Settings) Work(id call.MunicipalityID) callback.Work {
	cfg := s.config()
	m, c := cfg.Plan.Municipalities[id], cfg.Callbacks
	location := m.Location
	if location == nil {
		location = time.UTC
	}
	return callback.Work{
		Location: location, ContactCentre: m.ContactCentre, Lease: c.Lease,
		Attempts: callback.AttemptPolicy{Least: c.Attempts.Least, Parts: c.Attempts.Parts}, Retention: c.Retention,
	}
}

// Next implements api.Directory. A team that is no longer in the configuration has no hours to try it in.
func (s *Settings) Next(n note.Note, now time.Time) time.Time {
	team, ok := s.plan().Teams[n.Team]
	if !ok {
		return time.Time{}
	}
	next, _ := s.Work(n.Municipality).Attempts.Suggest(n, team.Hours, now)
	return next
}

// Teams implements api.Directory.
func (s *Settings) Teams(m call.MunicipalityID) []call.TeamID {
	var teams []call.TeamID
	for id, t := range s.plan().Teams {
		if t.Municipality == m {
			teams = append(teams, id)
		}
	}
	slices.Sort(teams)
	return teams
}

// HasTeam implements api.Directory.
func (s *Settings) HasTeam(m call.MunicipalityID, team call.TeamID) bool {
	t, ok := s.plan().Teams[team]
	return ok && t.Municipality == m
}

// InTeam implements api.Directory.
func (s *Settings) InTeam(m call.MunicipalityID, team call.TeamID, colleague call.AgentID) bool {
	return s.HasTeam(m, team) && slices.Contains(s.plan().Teams[team].Members, colleague)
}

// Clocks implements api.Directory.
func (s *Settings) Clocks(m call.MunicipalityID) *time.Location { return s.Work(m).Location }

// Language implements api.Directory.
func (s *Settings) Language(m call.MunicipalityID) string {
	return string(s.plan().Municipalities[m].Language)
}

// Languages implements api.Directory.
func (s *Settings) Languages() []string { return names(prompts.Languages()) }

// linkObserver counts what happens on the link with Asterisk.
type linkObserver struct{ ari *metrics.ARI }

func (o linkObserver) EventSkipped(reason asterisk.SkipReason) { o.ari.EventSkipped(string(reason)) }
func (o linkObserver) LinkUp()                                 { o.ari.LinkUp() }
func (o linkObserver) LinkLost(reason asterisk.LossReason)     { o.ari.LinkLost(string(reason)) }
func (o linkObserver) CommandDone(command string, status int, took time.Duration) {
	o.ari.CommandDone(command, status, took)
}

func names[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// RedisOptions are the options of a store, from the configuration.
func RedisOptions(c config.Redis) redisstore.Options {
	options := redisstore.Options{Addr: c.Address, Username: c.Username, Password: c.Password.Reveal(), DB: c.Database}
	if c.Encrypted {
		options.TLS = c.TLS.Client
	}
	if s := c.Sentinel; s != nil {
		options.Sentinel = &redisstore.Sentinel{
			Addrs: s.Addresses, Master: s.Master, Username: s.Username, Password: s.Password.Reveal(),
		}
		if s.Encrypted {
			options.Sentinel.TLS = c.TLS.Client
		}
	}
	return options
}
