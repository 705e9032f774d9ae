// Package noteview owns how a callback note looks outside the program: as JSON, as a row of CSV, and as a table for
// people.
package noteview

import (
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Note is a callback note as programs get it, in JSON. Times are UTC, RFC 3339. Empty fields are left out, except those
// that programs always read.
type Note struct {
	ID           note.ID             `json:"id"`
	Reference    note.Reference      `json:"reference,omitempty"`
	Municipality call.MunicipalityID `json:"municipality"`
	Team         call.TeamID         `json:"team"`
	Owner        call.TeamID         `json:"owner"`
	Personal     call.AgentID        `json:"personal,omitempty"`
	Colleague    call.AgentID        `json:"colleague,omitempty"`
	Lease        time.Time           `json:"lease_until,omitzero"`
	State        note.State          `json:"state"`
	Ver          uint64              `json:"ver"`
	Number       string              `json:"number,omitempty"` // E.164, or masked
	Masked       bool                `json:"number_masked,omitempty"`
	Verified     bool                `json:"number_verified"`
	// the number that the line showed, if another; masked like the number
	Shown    string    `json:"number_shown,omitempty"`
	Separate bool      `json:"separate,omitempty"` // beside other notes for the number
	Language string    `json:"language"`
	Name     string    `json:"name,omitempty"` // of the person to ask for
	Subject  string    `json:"subject,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Window   string    `json:"window,omitempty"` // such as 09:00-12:00
	Call     call.ID   `json:"call,omitempty"`
	Made     time.Time `json:"made"`
	Warn     time.Time `json:"warn,omitzero"`
	Deadline time.Time `json:"deadline"`
	Mark     note.Mark `json:"mark,omitempty"`
	Priority int       `json:"priority"`
	Repeats  int       `json:"repeats"`
	Reroutes int       `json:"reroutes"`
	Attempts []Attempt `json:"attempts"`
	Stints   []Stint   `json:"stints"`
	// the best next moment to try the caller; of a live note
	NextAttempt time.Time        `json:"next_attempt,omitzero"`
	Outcome     note.Outcome     `json:"outcome,omitempty"`
	NormMet     *bool            `json:"norm_met,omitempty"` // of a note with an outcome
	Closed      time.Time        `json:"closed,omitzero"`
	Legal       []note.EventKind `json:"legal"`                    // the events that its state allows
	History     []Event          `json:"history,omitempty"`        // first to last; only where it was asked for
	Unread      bool             `json:"history_unread,omitempty"` // events that cannot be read are missing
}

// Attempt is one try to reach the caller.
type Attempt struct {
	Began    time.Time          `json:"began"`
	Ended    time.Time          `json:"ended,omitzero"`
	By       call.AgentID       `json:"by,omitempty"`
	Line     attempt.LineResult `json:"line,omitempty"`
	TalkedMS int64              `json:"talked_ms"`
	Result   attempt.Result     `json:"result,omitempty"`
	Earlier  bool               `json:"earlier,omitempty"` // before the note was reopened: it no longer counts
}

// Stint is the time that a note was with a team, for one stretch.
type Stint struct {
	Team  call.TeamID `json:"team"`
	From  time.Time   `json:"from"`
	Until time.Time   `json:"until,omitzero"`
}

// Event is one step in the life of a note.
type Event struct {
	Ver      uint64             `json:"ver"`
	Event    note.EventKind     `json:"event"`
	At       time.Time          `json:"at"`
	Who      note.Actor         `json:"who"`
	Reason   string             `json:"reason,omitempty"`
	Team     call.TeamID        `json:"team,omitempty"`
	Owner    call.TeamID        `json:"owner,omitempty"`
	Call     call.ID            `json:"call,omitempty"`
	Cause    note.ReleaseCause  `json:"cause,omitempty"`
	Until    time.Time          `json:"lease_until,omitzero"`
	Line     attempt.LineResult `json:"line,omitempty"`
	TalkedMS int64              `json:"talked_ms,omitempty"`
	Result   attempt.Result     `json:"result,omitempty"`
	Outcome  note.Outcome       `json:"outcome,omitempty"`
	NormMet  *bool              `json:"norm_met,omitempty"`
}

// Look is how a reader sees notes.
type Look struct {
	// numbers in full; else masked, for readers who may know the note and not the number
	Digits bool
	// the best next moment to try a caller, see callback.AttemptPolicy; zero for none
	Next func(n note.Note) time.Time
}

// Of shows a note.
func (l Look) Of(n note.Note) Note {
	v := Note{
		ID: n.ID, Reference: n.Reference, Municipality: n.Municipality, Team: n.Team, Owner: n.Owner,
		Personal:  n.Personal,
		Colleague: n.Colleague, Lease: n.Lease, State: n.State, Ver: n.Ver, Verified: n.Verified, Separate: n.Separate,
		Language: n.Language, Name: n.Name, Subject: n.Subject, Reason: n.Reason, Call: n.Call,
		Made: n.Made, Warn: n.Warn,
		Deadline: n.Deadline, Mark: n.Mark,
		Priority: n.Priority, Repeats: n.Repeats, Reroutes: n.Reroutes, Attempts: make([]Attempt, len(n.Attempts)),
		Stints: make([]Stint, len(n.Stints)), NextAttempt: l.Next(n), Outcome: n.Outcome, Closed: n.Closed,
		Legal: note.Legal(n.State),
	}
	v.Number, v.Shown = l.number(n.Number), l.number(n.Shown)
	v.Masked = n.Number.Known() && !l.Digits
	if n.Window != (calendar.Span{}) {
		v.Window = n.Window.String()
	}
	v.NormMet = met(n.Outcome, n.NormMet)
	for i, a := range n.Attempts {
		v.Attempts[i] = Attempt{a.Began, a.Ended, a.By, a.Line, a.Talked.Milliseconds(), a.Result, i < n.Earlier}
	}
	for i, s := range n.Stints {
		v.Stints[i] = Stint(s)
	}
	return v
}

func (l Look) number(n call.Number) string {
	switch {
	case !n.Known():
		return ""
	case l.Digits:
		return n.E164
	default:
		return n.String()
	}
}

// History shows the events of a note. What the made event carries stands on the note itself.
func History(events []note.Event) []Event {
	history := make([]Event, len(events))
	for i, e := range events {
		history[i] = Event{
			Ver: e.Ver, Event: e.Kind, At: e.At, Who: e.Who, Reason: e.Reason, Team: e.Team, Owner: e.Owner,
			Call:  e.Call,
			Cause: e.Cause, Until: e.Until, Line: e.Line, TalkedMS: e.Talked.Milliseconds(), Result: e.Result,
			Outcome: e.Outcome, NormMet: met(e.Outcome, e.NormMet),
		}
	}
	return history
}

// met is nil without an outcome.
func met(outcome note.Outcome, is bool) *bool {
	if outcome == "" {
		return nil
	}
	return &is
}
