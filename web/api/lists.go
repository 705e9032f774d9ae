package api

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/staff"
)

const (
	standardList = 50
	longestList  = 200
)

// view shows a note as the token may see it.
func (a *API) view(v *exchange, n note.Note) noteview.Note {
	return a.look(v, v.who.MaySeeNumber(n)).Of(n)
}

// look is how the token sees notes.
func (a *API) look(v *exchange, digits bool) noteview.Look {
	return noteview.Look{Digits: digits, Next: func(n note.Note) time.Time { return a.Directory.Next(n, v.at) }}
}

// me is the person or program that a token stands for.
type me struct {
	Name         string              `json:"name"`
	Role         staff.Role          `json:"role"`
	Agent        call.AgentID        `json:"agent,omitempty"`
	Municipality call.MunicipalityID `json:"municipality"`
	Teams        []call.TeamID       `json:"teams"` // "*" for every team
	Call         *Talking            `json:"call,omitempty"`
}

func (a *API) whoAmI(v *exchange) error {
	if err := asked(v.Request); err != nil {
		return err
	}
	teams := slices.Sorted(maps.Keys(v.who.Roles))
	answer := me{v.who.Name, v.who.Highest(), v.who.Agent, v.who.Municipality, teams, nil}
	if talking, ok := a.Phone.Talking(v.who.Agent); ok {
		answer.Call = &talking
	}
	return v.answer(http.StatusOK, answer)
}

// list is notes, and what is to be known about the rest.
type list struct {
	Notes []noteview.Note `json:"notes"`
	More  bool            `json:"more"` // there are more than the limit
	// Unread says that some notes cannot be read: manual check needed.
	Unread bool `json:"unread,omitempty"`
}

func (a *API) listTeam(v *exchange) error {
	limit, err := limitOf(v.Request)
	if err != nil {
		return err
	}
	team := call.TeamID(v.PathValue("team"))
	if err := a.teamThere(v, team); err != nil {
		return err
	}
	v.team = team
	notes, err := a.Reader.Due(v.Context(), v.who.Municipality, team, limit+1)
	return a.answerList(v, notes, err, limit)
}

// teamThere gives the problem of a team that does not exist for the token. One that left the configuration exists as
// long as the store knows notes of it: it may still owe a caller a call.
func (a *API) teamThere(v *exchange, team call.TeamID) error {
	if !v.who.Sees(team) {
		return noSuch("team")
	}
	if a.Directory.HasTeam(v.who.Municipality, team) {
		return nil
	}
	known, err := a.Exports.Teams(v.Context(), v.who.Municipality)
	if err == nil && !slices.Contains(known, team) {
		return noSuch("team")
	}
	return err
}

func (a *API) listColleague(v *exchange) error {
	limit, err := limitOf(v.Request)
	if err != nil {
		return err
	}
	colleague := call.AgentID(v.PathValue("colleague"))
	if !a.answersFor(v, colleague) {
		return noSuch("colleague")
	}
	held, err := a.Reader.Held(v.Context(), v.who.Municipality, colleague, longestList+1)
	var notes []note.Note
	for _, n := range held {
		if v.who.MayRead(n) {
			notes = append(notes, n)
		}
	}
	return a.answerList(v, notes, err, limit)
}

// findNotes gives the notes of a caller who has forgotten their reference, by the number that they are to be called on
// or rang from, or by the name that they gave: the newest first, closed ones too.
func (a *API) findNotes(v *exchange) error {
	if err := asked(v.Request, "number", "name", "limit"); err != nil {
		return err
	}
	limit, err := number(v.Request, "limit", standardList, longestList)
	if err != nil {
		return err
	}
	typed, name := v.URL.Query().Get("number"), v.URL.Query().Get("name")
	var notes []note.Note
	switch {
	case typed != "" && name == "":
		number, bad := call.ParseTyped(typed)
		if bad != nil {
			return problem(
				http.StatusUnprocessableEntity, "number", "the number does not exist or cannot be read: %s", bad,
			)
		}
		notes, err = a.Reader.ByNumber(v.Context(), v.who.Municipality, number, longestList+1)
	case name != "" && typed == "" && note.IsText(name, note.MaxName):
		notes, err = a.Reader.ByName(v.Context(), v.who.Municipality, name, longestList+1)
	default:
		return problem(http.StatusBadRequest, "query", "ask for one number, or for one name of at most %d characters", note.MaxName)
	}
	notes = slices.DeleteFunc(notes, func(n note.Note) bool { return !v.who.MaySeeNumber(n) })
	return a.answerList(v, notes, err, limit)
}

// answersFor reports whether the token is the colleague's own, or that of a lead of one of their teams.
func (a *API) answersFor(v *exchange, colleague call.AgentID) bool {
	if colleague == v.who.Agent {
		return true
	}
	for _, team := range a.Directory.Teams(v.who.Municipality) {
		if v.who.In(team).AtLeast(staff.Lead) && a.colleagueOf(v, team, colleague) {
			return true
		}
	}
	return false
}

// colleagueOf reports whether a colleague works for a team, by the configuration or by their own token.
func (a *API) colleagueOf(v *exchange, team call.TeamID, colleague call.AgentID) bool {
	m := v.who.Municipality
	return a.Directory.InTeam(m, team, colleague) || a.Tokens.Colleague(m, team, colleague, v.at)
}

func limitOf(r *http.Request) (int, error) {
	if err := asked(r, "limit"); err != nil {
		return 0, err
	}
	return number(r, "limit", standardList, longestList)
}

func (a *API) answerList(v *exchange, notes []note.Note, err error, limit int) error {
	if err != nil && !errors.Is(err, note.ErrIncomplete) && (len(notes) == 0 || !errors.Is(err, note.ErrBroken)) {
		return err
	}
	if err != nil {
		a.unread(v, err)
	}
	l := list{Notes: []noteview.Note{}, More: len(notes) > limit, Unread: err != nil}
	for _, n := range notes[:min(len(notes), limit)] {
		l.Notes = append(l.Notes, a.view(v, n))
		v.notes = append(v.notes, n.ID)
	}
	return v.answer(http.StatusOK, l)
}

// unread logs what cannot be read, and again only when it changes: people look at lists all day.
func (a *API) unread(v *exchange, err error) {
	text := err.Error()
	if before, told := a.told.Swap(v.who.Municipality, text); !told || before != text {
		a.Log.Error("some notes or events cannot be read; continuing with the rest", "team", v.team, "err", err)
	}
}

func (a *API) show(v *exchange) error {
	if err := asked(v.Request); err != nil {
		return err
	}
	n, err := a.find(v)
	if err != nil {
		return err
	}
	events, err := a.Reader.Events(v.Context(), n.Municipality, n.ID)
	if err != nil && !errors.Is(err, note.ErrIncomplete) {
		return err
	}
	if err != nil {
		a.unread(v, err)
	}
	if last := len(events) - 1; last >= 0 && events[last].Ver > n.Ver { // it was changed between the two reads
		events = events[:max(0, len(events)-int(events[last].Ver-n.Ver))]
	}
	shown := a.view(v, n)
	shown.History, shown.Unread = noteview.History(events), err != nil
	v.tag(n)
	return v.answer(http.StatusOK, shown)
}

// find gives the note that the path names, by id or by reference, when it exists for the token.
func (a *API) find(v *exchange) (note.Note, error) {
	n, err := listing.Named(v.Context(), a.Reader, v.who.Municipality, v.PathValue("note"))
	if errors.Is(err, note.ErrReference) {
		return note.Note{}, noSuch("note")
	}
	if err != nil {
		return note.Note{}, err
	}
	if !v.who.MayRead(n) {
		return note.Note{}, noSuch("note")
	}
	v.notes = append(v.notes, n.ID)
	return n, nil
}
