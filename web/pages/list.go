package pages

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

const (
	perPage    = 50
	searchMost = 50
	heldMost   = 200
	// looked bounds the notes of a number, a name or a colleague that are read to find those that the person may see.
	looked = 1001
)

// only are the filters of the work-list, in the order in which they are shown.
var only = []string{"all", "mine", "today", "overdue", "unassigned"}

// row is a note in a list.
type row struct {
	note.Note
	urgency
	Has   string
	Best  string
	Claim bool // the person may take it
}

func (v *visit) row(n note.Note) row {
	return row{n, v.urgent(n), v.has(n), v.best(n), v.may(n, "claim")}
}

// choice is which notes of the work-list somebody wants to see.
type choice struct {
	Only  string // of only
	Team  call.TeamID
	After string
}

// address is the work-list with a choice.
func (c choice) address() string {
	q := url.Values{}
	if c.Only != "" && c.Only != "all" {
		q.Set("only", c.Only)
	}
	if c.Team != "" {
		q.Set("team", string(c.Team))
	}
	if c.After != "" {
		q.Set("after", c.After)
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}

func (c choice) with(which string) choice { return choice{which, c.Team, ""} }

// worklist is a page of the work-list.
type worklist struct {
	choice
	Rows   []row
	Next   string        // address of the next page; empty for none
	Cut    int           // so many are shown of more that have no next page; 0 for all
	Teams  []call.TeamID // to choose from
	Unread bool
}

// further is what the link to the next page says: a page may be empty and go on all the same.
func (l worklist) further() string {
	if len(l.Rows) == 0 {
		return "list.further"
	}
	return "list.more"
}

func (p *Pages) list(v *visit) error {
	c := choice{v.FormValue("only"), call.TeamID(v.FormValue("team")), v.FormValue("after")}
	if !slices.Contains(only, c.Only) {
		c.Only = "all"
	}
	teams := v.teams()
	if c.Team != "" && !v.who.Sees(c.Team) {
		return errGone
	}
	found, err := v.found(c)
	if errors.Is(err, listing.ErrCursor) {
		return v.redirect(c.with(c.Only).address()) // an address that somebody made up, or of another version
	}
	unread, err := v.readable(err)
	if err != nil {
		return err
	}
	l := worklist{choice: c, Teams: teams, Unread: unread}
	l.Rows, l.Cut = v.rows(found.Notes, heldMost)
	if found.Next != "" {
		l.Next = choice{c.Only, c.Team, string(found.Next)}.address()
	}
	v.follow.ask = l.asks(found.Next)
	if _, ok := acts[v.done()]; ok { // it led here because the note is nothing that they see any more
		v.message = &message{"ok", v.say("done.away")}
	}
	return v.render(v.listPage(l))
}

// rows are the first notes of a list that the person may see. cut is their number when there are more.
func (v *visit) rows(notes []note.Note, most int) (rows []row, cut int) {
	for _, n := range notes {
		if !v.who.MayRead(n) { // also when a store gives more than was asked for
			continue
		}
		if len(rows) == most {
			return rows, most
		}
		rows = append(rows, v.row(n))
		v.notes = append(v.notes, n.ID)
	}
	return rows, 0
}

// teams are those whose notes the person sees.
func (v *visit) teams() []call.TeamID {
	teams := slices.DeleteFunc(v.pages.Directory.Teams(v.m()), func(t call.TeamID) bool { return !v.who.Sees(t) })
	slices.SortFunc(teams, func(a, b call.TeamID) int { return cmp.Compare(v.team(a), v.team(b)) })
	return teams
}

// found gives the notes of a choice.
func (v *visit) found(c choice) (listing.Page, error) {
	if c.Only == "mine" {
		notes, err := v.pages.Lists.Held(v.Context(), v.m(), v.who.Agent, looked)
		notes = slices.DeleteFunc(notes, func(n note.Note) bool { return c.Team != "" && n.Team != c.Team })
		slices.SortStableFunc(notes, func(a, b note.Note) int {
			return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(b.Priority, a.Priority))
		})
		return listing.Page{Notes: notes}, err
	}
	q := listing.Query{Teams: v.seen(), After: listing.Cursor(c.After), Limit: perPage}
	if c.Team != "" {
		q.Teams = []call.TeamID{c.Team}
	}
	local := v.at.In(v.clocks)
	switch c.Only {
	case "unassigned":
		q.Unassigned = true
	case "today":
		// a deadline at midnight is that of the day before it
		tomorrow := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, v.clocks)
		q.Until = tomorrow.Add(time.Second).UTC()
	case "overdue":
		q.Until = v.at
	}
	return v.pages.Lists.Page(v.Context(), v.m(), q)
}

// seen are the teams whose notes the person sees. Teams that left the configuration are seen by those who have a role
// in each.
func (v *visit) seen() []call.TeamID {
	teams := v.teams()
	for team := range v.who.Roles {
		if team != staff.AllTeams && v.who.Sees(team) && !slices.Contains(teams, team) {
			teams = append(teams, team)
		}
	}
	return teams
}

// searching is a search and what was found.
type searching struct {
	Query string
	Rows  []row
	Cut   int    // so many are shown of more; 0 for all
	Wrong string // why nothing was looked for
}

func (p *Pages) search(v *visit) error {
	s := searching{Query: strings.TrimSpace(v.FormValue("q"))}
	if s.Query == "" {
		return v.redirect("/")
	}
	reference, unreferred := note.ParseReference(s.Query)
	if unreferred == nil {
		n, err := p.Reader.ByReference(v.Context(), v.m(), reference)
		switch {
		case err == nil && v.who.MayRead(n):
			return v.redirect(href(n))
		case err != nil && !errors.Is(err, note.ErrNoNote):
			return err
		}
		// eight digits may be a number, too
	}
	number, err := call.ParseTyped(s.Query)
	var notes []note.Note
	switch {
	case err == nil && !v.who.Highest().AtLeast(staff.Agent): // they would find notes by how long it takes
	case err == nil:
		notes, err = p.Lists.ByNumber(v.Context(), v.m(), number, looked)
		// people who may not see a number must not find out by a search whose note it is
		notes = slices.DeleteFunc(notes, func(n note.Note) bool { return !v.who.MaySeeNumber(n) })
	case len(listing.Words(s.Query)) > 0 && unreferred != nil:
		notes, err = p.Lists.ByName(v.Context(), v.m(), s.Query, looked)
	default:
		if unreferred != nil {
			s.Wrong = v.say("search.how")
		}
		return v.render(v.searchPage(s))
	}
	if _, err := v.readable(err); err != nil {
		return err
	}
	s.Rows, s.Cut = v.rows(notes, searchMost)
	v.follow.ask = "/live/rows"
	return v.render(v.searchPage(s))
}
