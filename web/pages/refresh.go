package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
)

// A page keeps itself up to date by background requests, at addresses under /live/. They are nothing that its person
// does: they do not keep a session. One request brings all that may have changed. What the page has at the version of
// the moment is answered by what passes with time alone, which holds nothing of a caller: so the access log names each
// note that somebody was shown, and not every minute again.

const (
	// mostRows bounds the rows that a page asks for at once.
	mostRows = max(perPage, searchMost, heldMost)
	// mostParts bounds the parts of a list that are looked through for what is new in it.
	mostParts = 4
)

// Behind serves everything that browsers see, behind a door: whoever has not signed in sees its forms.
func (p *Pages) Behind(door *signin.SignIn) http.Handler {
	inside, way := p.inside(), door.Handler()
	site := http.NewServeMux()
	for _, path := range []string{"/sign-in", "/sign-in/", "/sign-out"} {
		site.Handle(path, way)
	}
	for _, path := range []string{"/events", "/live/"} {
		site.Handle(path, door.RequiredForStream(inside))
	}
	site.Handle("/", door.Protect(door.Required(inside)))
	mux := http.NewServeMux()
	for _, path := range []string{"/static/", "/favicon.ico"} { // browsers ask for an icon by themselves: there is none
		mux.Handle(path, p.Static())
	}
	mux.Handle("/", p.secured(site)) // also what turns somebody away
	return mux
}

// follow is what a page asks for to stay up to date.
type follow struct {
	ask  string  // the address; empty for a page that stays as it is
	note note.ID // the one note that it shows; empty for a list
}

// follows says the same to the script.
func (v *visit) follows() templ.Attributes {
	a := templ.Attributes{}
	if v.follow.ask != "" {
		a["data-ask"] = v.follow.ask
	}
	if v.follow.note != "" {
		a["data-note"] = string(v.follow.note)
	}
	return a
}

// asks is the address of what may have changed in a list: until is the place where the page ends, empty for the end.
func (c choice) asks(until listing.Cursor) string {
	q := url.Values{
		"list": {"1"}, "only": {c.Only}, "team": {string(c.Team)}, "after": {c.After}, "until": {string(until)},
	}
	for name := range q {
		if q.Get(name) == "" {
			q.Del(name)
		}
	}
	return "/live/rows?" + q.Encode()
}

// had is a note as a page has it.
type had struct {
	id  note.ID
	ver uint64
}

// hads are the notes that a page has: ids and versions, in the order of the page.
func (v *visit) hads() ([]had, error) {
	text := v.FormValue("have")
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > mostRows {
		return nil, v.wrongField("", "refused.request")
	}
	all := make([]had, 0, len(parts))
	for _, part := range parts {
		id, ver, _ := strings.Cut(part, "-")
		n, err := strconv.ParseUint(ver, 10, 64)
		if err != nil || !note.IsID(id) {
			return nil, v.wrongField("", "refused.request")
		}
		all = append(all, had{note.ID(id), n})
	}
	return all, nil
}

// fresher is what may have changed in a list that somebody sees.
type fresher struct {
	choice
	Rows []rowNow
	List bool // it is the work-list, which gets new notes; not what was searched
	New  int  // notes of the choice that the page does not have
}

// rowNow is a row as it is now.
type rowNow struct {
	row
	Same bool // as the page has it: only time has passed
	Gone bool // it is nothing that the person may see
}

// rows gives what may have changed in a list: each row that the page has, in its order, and how many notes are new.
func (p *Pages) rows(v *visit) error {
	have, err := v.hads()
	if err != nil {
		return err
	}
	f := fresher{
		choice: choice{v.FormValue("only"), call.TeamID(v.FormValue("team")), v.FormValue("after")},
		List:   v.FormValue("list") != "",
	}
	var listed []note.Note
	if f.List {
		if f.Team != "" && !v.who.Sees(f.Team) {
			return errGone
		}
		if listed, err = v.between(f.choice, listing.Cursor(v.FormValue("until"))); err != nil {
			return err
		}
		f.New = len(slices.DeleteFunc(slices.Clone(listed), func(n note.Note) bool {
			return !v.who.MayRead(n) || slices.ContainsFunc(have, func(h had) bool { return h.id == n.ID })
		}))
	}
	for _, h := range have {
		r, err := v.rowNow(h, listed)
		if errors.Is(err, note.ErrBroken) { // the page keeps what it has
			continue
		}
		if err != nil {
			return err
		}
		if !r.Same || v.FormValue("times") != "" {
			f.Rows = append(f.Rows, r)
		}
	}
	return v.render(v.fresherRows(f))
}

// rowNow is a row that the page has, as it is now. listed are notes that were read already.
func (v *visit) rowNow(h had, listed []note.Note) (rowNow, error) {
	var n note.Note
	var err error
	if i := slices.IndexFunc(listed, func(n note.Note) bool { return n.ID == h.id }); i >= 0 {
		n = listed[i]
	} else {
		n, err = v.pages.Reader.Note(v.Context(), v.m(), h.id)
	}
	gone := errors.Is(err, note.ErrNoNote) || err == nil && !v.who.MayRead(n)
	switch {
	case gone:
		return rowNow{row: row{Note: note.Note{ID: h.id, Ver: h.ver}}, Gone: true}, nil
	case err != nil:
		return rowNow{}, err
	}
	now := rowNow{row: v.row(n), Same: n.Ver == h.ver}
	if !now.Same {
		v.notes = append(v.notes, n.ID)
	}
	return now, nil
}

// between gives the notes of a choice up to a place, which is included; empty for all.
func (v *visit) between(c choice, until listing.Cursor) ([]note.Note, error) {
	var all []note.Note
	for range mostParts {
		part, err := v.found(c)
		if errors.Is(err, listing.ErrCursor) {
			return nil, v.wrongField("", "refused.request")
		}
		if _, err = v.readable(err); err != nil {
			return nil, err
		}
		for _, n := range part.Notes {
			behind, err := isBehind(n, until)
			if err != nil {
				return nil, v.wrongField("", "refused.request")
			}
			if behind {
				return all, nil
			}
			all = append(all, n)
		}
		if part.Next == "" || part.Next == until {
			break
		}
		c.After = string(part.Next)
	}
	return all, nil
}

// isBehind reports whether a note comes after a place in a list; none does after the end.
func isBehind(n note.Note, place listing.Cursor) (bool, error) {
	score, id, err := place.Parts()
	if err != nil || score == "" {
		return false, err
	}
	at, err := strconv.ParseFloat(score, 64)
	if err != nil {
		return false, err
	}
	its, err := strconv.ParseFloat(listing.Score(n), 64)
	return its > at || its == at && n.ID > id, err
}

// look gives what may have changed on the page of a note.
func (p *Pages) look(v *visit) error {
	n, err := v.find()
	if err != nil {
		return err
	}
	v.message = v.cameOf(n)
	if v.FormValue("ver") == strconv.FormatUint(n.Ver, 10) {
		v.notes = nil
		return v.render(v.noteTimes(noted{Note: n, urgency: v.urgent(n)}))
	}
	page, err := v.page(n)
	if err != nil {
		return err
	}
	return v.render(v.noteNow(page))
}

// before is how many attempts there were before the call that goes on; empty once it is one of them.
func (v *visit) before(n note.Note) string {
	if _, stage := v.pages.Phone.Stage(v.who.Agent); stage != StageDesk {
		return ""
	}
	return strconv.Itoa(len(n.Attempts))
}

// cameOf is what came of the call that the page told of last; nil when it told of none, and while it goes on. The page
// says how many attempts there were before.
func (v *visit) cameOf(n note.Note) *message {
	before, err := strconv.Atoi(v.FormValue("call"))
	_, trying := n.Trying()
	if err != nil || before < 0 || trying || v.stage(n) != "" {
		return nil
	}
	if len(n.Attempts) <= before {
		return &message{"warning", v.say("call.none")}
	}
	last := n.Attempts[len(n.Attempts)-1]
	if last.Ended.IsZero() { // the line is free, and the colleague has not said yet
		return &message{"ok", v.say("now.ended")}
	}
	text := v.say("result." + string(last.Result))
	if last.Line != "" {
		text += " (" + v.line(last.Line, last.Talked) + ")"
	}
	return &message{"ok", v.say("call.ended", lower(text))}
}
