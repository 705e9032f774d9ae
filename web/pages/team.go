package pages

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/export"
)

// teamMost bounds the live notes of a team that its page counts.
const teamMost = 1000

// teamDay is the page on which a lead sees how their team stands today.
type teamDay struct {
	Team     call.TeamID
	Teams    []call.TeamID // those that the person leads
	Live     int
	Closed   int // today
	Overdue  int
	Due      int    // today, from now on
	WillMiss string // in words
	More     bool   // there are more notes than were counted
	Unread   bool   // some notes cannot be read
	People   []colleague
	Hours    []hour
	From     string // of the period that is offered for an export: this month; as 2006-01-02
	Until    string // its last day
}

// colleague is how one of the team stands today.
type colleague struct {
	staff.Person
	Absent string // since when, in words; empty when they are present
	Holds  int    // live notes of the team
	Due    int    // of those: overdue, or due today
	Closed int    // notes of the team, today
}

// hour is what is due and what was closed in an hour of today.
type hour struct {
	From   string
	Due    int // live notes whose deadline lies in it
	Closed int
}

func (p *Pages) showTeam(v *visit) error {
	t := teamDay{Team: call.TeamID(v.FormValue("team"))}
	for _, id := range v.teams() {
		if v.leads(id) {
			t.Teams = append(t.Teams, id)
		}
	}
	switch {
	case t.Team == "" && len(t.Teams) > 0:
		t.Team = t.Teams[0]
	case !slices.Contains(t.Teams, t.Team):
		return errGone
	}
	live, closed, err := v.today(&t)
	if err != nil {
		return err
	}
	t.sum(v, live, closed)
	local := v.at.In(v.clocks)
	t.From, t.Until = local.AddDate(0, 0, 1-local.Day()).Format(time.DateOnly), local.Format(time.DateOnly)
	if t.People, err = v.colleagues(t.Team, live, closed); err != nil {
		return err
	}
	if v.done() != "" {
		v.message = &message{"ok", v.say("saved")}
	}
	return v.render(v.teamPage(t))
}

// leads reports whether the person leads a team.
func (v *visit) leads(team call.TeamID) bool { return v.who.In(team).AtLeast(staff.Lead) }

// midnight is the beginning of today, and the end.
func (v *visit) midnight() (from, to time.Time) {
	local := v.at.In(v.clocks)
	from = time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, v.clocks)
	return from, time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, v.clocks)
}

// today reads the live notes of a team, and those that it closed today.
func (v *visit) today(t *teamDay) (live, closed []note.Note, err error) {
	q := listing.Query{Teams: []call.TeamID{t.Team}, Limit: 200}
	for {
		page, err := v.pages.Lists.Page(v.Context(), v.m(), q)
		unread, err := v.readable(err)
		if err != nil {
			return nil, nil, err
		}
		t.Unread = t.Unread || unread
		live = append(live, page.Notes...)
		if q.After = page.Next; page.Next == "" {
			break
		}
		if len(live) >= teamMost {
			t.More = true
			break
		}
	}
	from, _ := v.midnight()
	err = v.pages.Exports.EachClosed(v.Context(), v.m(), from, v.at, func(notes []note.Note) error {
		for _, n := range notes {
			if n.Team == t.Team {
				closed = append(closed, n)
			}
		}
		return nil
	})
	unread, err := v.readable(err)
	t.Unread = t.Unread || unread
	return live, closed, err
}

// sum counts the notes of the day.
func (t *teamDay) sum(v *visit, live, closed []note.Note) {
	from, to := v.midnight()
	hours := map[int]*hour{}
	at := func(when time.Time) *hour {
		h := when.In(v.clocks).Hour()
		if hours[h] == nil {
			hours[h] = &hour{From: strconv.Itoa(h)}
		}
		return hours[h]
	}
	t.Live, t.Closed = len(live), len(closed)
	for _, n := range live {
		switch {
		case !n.Deadline.After(v.at):
			t.Overdue++
		case !n.Deadline.After(to): // a deadline at midnight is that of the day before it
			t.Due++
			at(n.Deadline.Add(-time.Second)).Due++
		}
	}
	for _, n := range closed {
		at(n.Closed).Closed++
	}
	for _, h := range slices.Sorted(maps.Keys(hours)) {
		t.Hours = append(t.Hours, *hours[h])
	}
	clock := note.Note{Team: t.Team, Municipality: v.m()}
	miss, known := callback.Day{
		Overdue: t.Overdue, Due: t.Due, Closed: t.Closed,
		Worked: v.pages.Directory.Worked(clock, from, v.at), Left: v.pages.Directory.Worked(clock, v.at, to),
	}.WillMiss()
	switch {
	case !known:
		t.WillMiss = v.say("team.early")
	case miss == 0:
		t.WillMiss = v.say("team.enough")
	default:
		t.WillMiss = v.count("team.miss", miss)
	}
}

// colleagues are those with a role in a team, and those who have notes of it all the same, by name.
func (v *visit) colleagues(team call.TeamID, live, closed []note.Note) ([]colleague, error) {
	known, err := v.pages.People.People(v.Context(), v.m())
	if _, err = v.readable(err); err != nil {
		return nil, err
	}
	absences, err := v.pages.Work.Absences(v.Context(), v.m())
	if _, err = v.readable(err); err != nil {
		return nil, err
	}
	away := map[call.AgentID]string{}
	for _, a := range absences {
		away[a.Colleague] = v.when(a.Since)
	}
	all := map[call.AgentID]*colleague{}
	of := func(id call.AgentID) *colleague {
		if all[id] == nil {
			is := staff.Merge(known[id])
			is.ID = id
			all[id] = &colleague{Person: is, Absent: away[id]}
		}
		return all[id]
	}
	for id, from := range known {
		if staff.Merge(from).Roles[team].AtLeast(staff.Agent) || v.pages.Directory.InTeam(v.m(), team, id) {
			of(id)
		}
	}
	_, to := v.midnight()
	for _, n := range live {
		if id := n.Holder(); id != "" {
			c := of(id)
			if c.Holds++; !n.Deadline.After(to) {
				c.Due++
			}
		}
	}
	for _, n := range closed {
		if n.Colleague != "" {
			of(n.Colleague).Closed++
		}
	}
	inOrder := make([]colleague, 0, len(all))
	for _, c := range all {
		inOrder = append(inOrder, *c)
	}
	slices.SortFunc(inOrder, func(a, b colleague) int { return byName(a.Person, b.Person) })
	return inOrder, nil
}

// setAbsence is for a colleague of a team that the person leads.
func (p *Pages) setAbsence(v *visit) error {
	team, id := call.TeamID(v.PostFormValue("team")), call.AgentID(v.PostFormValue("colleague"))
	if !v.leads(team) || !p.Directory.HasTeam(v.m(), team) {
		return errGone
	}
	known, err := p.People.Person(v.Context(), v.m(), id)
	if err != nil {
		return err
	}
	if !staff.Merge(known).Roles[team].AtLeast(staff.Agent) && !p.Directory.InTeam(v.m(), team, id) {
		return errGone
	}
	v.about = id
	if v.PostFormValue("absent") != "" {
		_, err = p.Work.Absent(v.Context(), v.m(), id, note.ByAgent(v.who.Agent), v.at)
	} else {
		err = p.Work.Present(v.Context(), v.m(), id, note.ByAgent(v.who.Agent))
	}
	if err != nil {
		return err
	}
	return v.redirect("/team?done=1&team=" + url.QueryEscape(string(team)))
}

// exportTeam sends the notes of a team that the person leads: the live ones, or those that were closed in a period.
func (p *Pages) exportTeam(v *visit) error {
	c := export.Choice{Team: call.TeamID(v.FormValue("team")), Clocks: v.clocks, Look: noteview.Look{
		Digits: true, Next: func(n note.Note) time.Time { return p.Directory.Next(n, v.at) },
	}}
	if !v.leads(c.Team) || !p.Directory.HasTeam(v.m(), c.Team) {
		return errGone
	}
	var err error
	if c.Form, err = noteview.FormOf(v.FormValue("format"), ""); err != nil {
		return v.wrongField("format", "refused.request")
	}
	if c.Closed = v.FormValue("what") == "closed"; c.Closed {
		from, until := v.FormValue("from"), v.FormValue("until")
		c.From, err = time.ParseInLocation(time.DateOnly, from, v.clocks)
		last, wrong := time.ParseInLocation(time.DateOnly, until, v.clocks)
		c.Until = last.AddDate(0, 0, 1)
		if err != nil || wrong != nil || !c.From.Before(c.Until) || c.Until.Sub(c.From) > export.LongestPeriod {
			return v.wrongField("from", "team.period")
		}
	}
	p.audit(v, "export begins") // a daemon that ends halfway writes no second line
	_, begun, err := export.Send(v.Context(), v.ResponseWriter, p.Exports, v.who, c)
	if begun {
		if v.status = http.StatusOK; err != nil {
			p.Log.Error("an export was cut off", "person", v.who.Name, "err", err)
			panic(http.ErrAbortHandler) // the browser must notice that it has no end
		}
		return nil
	}
	if errors.Is(err, noteview.ErrRows) {
		return v.wrongField("format", "team.rows")
	}
	return err
}
