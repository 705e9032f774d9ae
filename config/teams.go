package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// shortestAnnounce leaves room for the announcement itself.
const shortestAnnounce = 5 * time.Second

func (b *builder) agents(p *routing.Plan) {
	owners := map[string]string{}
	for _, id := range b.inOrder("agents", slices.Collect(maps.Keys(b.form.Agents))) {
		f, key := b.form.Agents[id], "agents."+id
		if owner, twice := owners[f.Endpoint]; twice && f.Endpoint != "" {
			b.doc.problem(
				key+".endpoint", fmt.Sprintf("%s is the phone of %s already", f.Endpoint, owner),
				"give each agent a phone of their own; one agent may be a member of several teams",
			)
		}
		owners[f.Endpoint] = id
		p.Agents[call.AgentID(id)] = routing.Agent{ID: call.AgentID(id), Endpoint: f.Endpoint}
	}
}

// inOrder sorts names by their lines, so that the later of two is at fault.
func (b *builder) inOrder(section string, names []string) []string {
	slices.SortFunc(names, func(x, y string) int {
		if d := b.doc.line(section+"."+x) - b.doc.line(section+"."+y); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	return names
}

func (b *builder) teams(p *routing.Plan) {
	contacts := map[string]string{} // the municipality by its contact centre
	for id, m := range b.form.Municipalities {
		contacts[m.ContactCentre] = id
	}
	for _, id := range slices.Sorted(maps.Keys(b.form.Teams)) {
		f, key := b.form.Teams[id], "teams."+id
		municipality := b.municipalityAt(key, f.Municipality)
		p.Teams[call.TeamID(id)] = b.team(id, key, municipality)
		b.members(key, f, contacts[id])
		b.reference(key+".overflow", "teams", f.Overflow)
		if f.MaxWait > 0 && f.Overflow == "" {
			b.doc.problem(
				key+".max_wait", "there is no team to which callers go after it",
				"add overflow: with a team, or leave max_wait out",
			)
		}
	}
	b.overflowRounds()
}

func (b *builder) team(id, key, municipality string) routing.Team {
	f := b.form.Teams[id]
	team := routing.Team{
		ID: call.TeamID(id), Name: f.Name, Municipality: call.MunicipalityID(municipality),
		Strategy: routing.Strategy(f.Strategy), Priority: f.Priority, RingTime: f.RingTime, Retry: f.Retry,
		WrapUp:      f.WrapUp,
		MissedLimit: f.MissedLimit, MissedPause: f.MissedPause, Hours: b.teamHours(key, f, municipality),
		Greeting: prompts.ID(f.Greeting),
		Music:    f.Music, Announce: f.Announce, MaxWait: f.MaxWait, Overflow: call.TeamID(f.Overflow),
		Callback: routing.CallbackOffer{Enabled: f.Callback.Enabled, After: f.Callback.After},
	}
	for _, member := range f.Members {
		team.Members = append(team.Members, call.AgentID(member))
	}
	if f.Callback.Key != "" {
		team.Callback.Key = rune(f.Callback.Key[0])
	}
	if f.Announce > 0 && f.Announce < shortestAnnounce {
		b.doc.problem(
			key+".announce", f.Announce.String()+" would leave no time between announcements",
			fmt.Sprintf("write at least %s, or 0s for none", shortestAnnounce),
		)
	}
	return team
}

func (b *builder) teamHours(key string, f teamForm, municipality string) *calendar.Hours {
	exceptions, reasons := b.exceptions(key, f.Exceptions)
	spec := calendar.TeamSpec{
		Hours: b.week(key+".hours", f.Hours), Exceptions: exceptions, Reasons: reasons, OwnDays: f.OwnDays,
		OpenOnHolidays: f.OpenOnHolidays,
		Rule:           calendar.Rule(f.Norm),
	}
	if f.Norm == "" {
		spec.Rule = b.cfg.Norm.Rule
	}
	c := b.calendars[municipality]
	if c == nil || b.doc.spoilt(key+".hours") {
		return nil
	}
	hours, err := c.Team(spec)
	if err != nil {
		b.whenUnreported(key+".hours", err)
		return nil
	}
	return hours
}

// members checks that the team has agents, or at least offers a callback or another team.
func (b *builder) members(key string, f teamForm, contactOf string) {
	first := map[string]bool{}
	for i, member := range f.Members {
		at := fmt.Sprintf("%s.members[%d]", key, i)
		b.reference(at, "agents", member)
		if first[member] && member != "" {
			b.doc.problem(at, member+" is here twice", "keep one of the two")
		}
		first[member] = true
	}
	switch {
	case len(f.Members) > 0 || b.doc.spoilt(key+".members"):
	case contactOf != "":
		b.doc.problem(
			key+".members", "nobody is in it, and callers of "+contactOf+" who press nothing end here",
			"name at least one agent",
		)
	case !f.Callback.Enabled && f.Overflow == "":
		b.doc.problem(
			key+".members", "nobody is in it, and it offers neither a callback nor another team",
			"name agents, set callback.enabled: true, or name a team under overflow",
		)
	default:
		b.doc.warn(
			key+".members", "nobody is in it: its callers get a callback or another team",
			"name agents when there are any",
		)
	}
}

// overflowRounds checks that overflow never brings a call back to a team that it left.
func (b *builder) overflowRounds() {
	for _, id := range slices.Sorted(maps.Keys(b.form.Teams)) {
		if round := circle(id, func(id string) string { return b.form.Teams[id].Overflow }); round != nil && slices.Min(
			round,
		) == id {
			b.doc.problem(
				"teams."+id+".overflow", "callers would go round: "+strings.Join(round, " → "),
				"let one of these teams have no overflow",
			)
		}
	}
}

// circle follows next from start and returns the way when it leads back to start.
func circle(start string, next func(string) string) []string {
	way, seen := []string{start}, map[string]bool{start: true}
	for at := next(start); at != ""; at = next(at) {
		way = append(way, at)
		if at == start {
			return way
		}
		if seen[at] {
			return nil
		}
		seen[at] = true
	}
	return nil
}
