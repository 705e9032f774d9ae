// Package note owns the callback note (terugbelnotitie): what it is, and how it moves from state to state.
package note

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
)

// ID names a note: a ULID, made with the time of the promise.
type ID string

// State is where a note stands. The states are drawn in docs/notes.md.
type State string

// The states of a note. None is the state before the note is made; it is never stored.
const (
	None      State = ""
	Open      State = "open"      // waits in the due list of its team
	Claimed   State = "claimed"   // one colleague works on it, for as long as the lease runs
	Calling   State = "calling"   // claimed, and an attempt to reach the caller goes on
	Resolved  State = "resolved"  // done, see Outcome
	Cancelled State = "cancelled" // the caller no longer needs it
	Purged    State = "purged"    // closed, without personal content: only what figures need remains
)

// States lists the states that a stored note can have.
func States() []State { return []State{Open, Claimed, Calling, Resolved, Cancelled, Purged} }

// Live reports whether the promise is still to be kept. A live note is in exactly one due list (invariant I4).
func (s State) Live() bool { return s == Open || s.Held() }

// Held reports whether a colleague has it, under a lease.
func (s State) Held() bool { return s == Claimed || s == Calling }

// Outcome is how a note was resolved.
type Outcome string

// The outcomes of a resolved note (domain.md, "Attempts").
const (
	Reached   Outcome = "reached"   // a colleague spoke to the caller
	Settled   Outcome = "settled"   // by the caller's own word, in another call
	Unreached Outcome = "unreached" // given up: the attempt policy was met
)

// Outcomes lists every outcome.
func Outcomes() []Outcome { return []Outcome{Reached, Settled, Unreached} }

// Mark is the last point of the norm's clock that was recorded.
type Mark string

// The marks of a note.
const (
	Unmarked      Mark = ""
	MarkedWarned  Mark = "warned"  // the warning point has passed
	MarkedOverdue Mark = "overdue" // the deadline has passed
)

// Key makes a request idempotent: the same key never makes a second note. See CallKey.
type Key string

// CallKey is the key of a request made in a call: Asterisk's system name and the unique id of the caller's channel,
// which together name one call for ever. An empty system name is allowed, as Asterisk allows it.
func CallKey(system string, id call.ID) Key { return Key(system + "/" + string(id)) }

// Note is a promise to call back. Times are UTC, in whole milliseconds. Only events change it, see Apply. A purged note
// has no Reference, Key, Call, Number, Name, Subject, Reason, Window and no names of colleagues.
type Note struct {
	ID           ID
	Reference    Reference // kenmerk, which the caller hears
	Municipality call.MunicipalityID
	Team         call.TeamID  // the team whose due list it is in
	Owner        call.TeamID  // the team that answers for the norm; Team at first
	Personal     call.AgentID // the colleague that it is for; empty when anybody of the team may take it
	Colleague    call.AgentID // the colleague who claimed it; empty unless State is Held
	Lease        time.Time    // the end of the claim, by the clock of the store; zero unless State is Held
	State        State
	Ver          uint64 // the number of events so far, and the fencing token of every change
	Key          Key
	Call         call.ID // the call in which it was promised; empty for none
	Number       call.Number
	Verified     bool          // Number is the one that the caller's own line showed
	Shown        call.Number   // the number that the line showed, if another: digits only; the caller is known by both
	Separate     bool          // about something else than the number's other notes: never merged
	Language     string        // the caller's, such as "nl"
	Name         string        // of the person to ask for, as they gave it; empty for none
	Subject      string        // what it is about, in a word or two
	Reason       string        // the caller's story, in free words
	Window       calendar.Span // when the caller would like to be called, on any day; zero for whenever
	Made         time.Time
	Warn         time.Time // the warning point of the norm; zero for none
	Deadline     time.Time // uiterste terugbeltijd: fixed when the note is made, never changed silently (I9)
	Mark         Mark
	Priority     int // from 0; among notes with one deadline the higher comes first
	Repeats      int // repeat contacts that were merged into it
	Reroutes     int // how often a team said "not ours"
	Attempts     []attempt.Attempt
	Earlier      int     // how many of Attempts precede the last reopening: they no longer count
	Stints       []Stint // the teams that had it: each team's share of the time
	Outcome      Outcome // empty unless State is Resolved, or Purged after it
	NormMet      bool    // it was resolved within the norm
	Closed       time.Time
}

// Stint is the time that a note was with a team: for one stretch.
type Stint struct {
	Team        call.TeamID
	From, Until time.Time // UTC; Until is zero while it goes on
}

// Tries gives the attempts that count: those since the note was last reopened. Earlier ones were about the matter that
// was closed then.
func (n Note) Tries() []attempt.Attempt { return n.Attempts[min(n.Earlier, len(n.Attempts)):] }

// Trying gives the attempt that goes on, and false when none does: as far as is known a colleague rings or speaks with
// the caller.
func (n Note) Trying() (attempt.Attempt, bool) {
	if n.State != Calling || len(n.Attempts) == 0 {
		return attempt.Attempt{}, false
	}
	last := n.Attempts[len(n.Attempts)-1]
	return last, last.Line == attempt.LineUnknown
}

// Matter is a subject in the form for comparison: agents write it freely, and "Paspoort " equals "paspoort".
func Matter(subject string) string {
	return strings.ToLower(strings.Join(strings.Fields(subject), " "))
}

// SameAs reports whether both notes promise the same: a call to one number, by one team, about one matter. Only one
// such note is live at a time (reliability.md, "Abuse"). A separate note is never the same.
func (n Note) SameAs(other Note) bool {
	return !n.Separate && !other.Separate && n.Number.E164 == other.Number.E164 &&
		n.Team == other.Team && Matter(n.Subject) == Matter(other.Subject)
}

// NextMark gives the event that the norm's clock raises next and when, false when there is none left.
func (n Note) NextMark() (EventKind, time.Time, bool) {
	switch {
	case !n.State.Live() || n.Mark == MarkedOverdue:
		return "", time.Time{}, false
	case n.Mark == Unmarked && !n.Warn.IsZero():
		return EventWarned, n.Warn, true
	default:
		return EventOverdue, n.Deadline.Add(time.Millisecond), true // at the deadline itself it is still in time
	}
}

// InTime reports whether the norm was met at a moment: at the deadline itself it was. A moment counts in whole
// milliseconds, as events keep it.
func (n Note) InTime(done time.Time) bool { return !done.Truncate(time.Millisecond).After(n.Deadline) }

// Numbers are the caller's known numbers: the one to ring back, and the one that the line showed.
func (n Note) Numbers() []call.Number {
	if !n.Shown.Known() || n.Shown.E164 == n.Number.E164 {
		return []call.Number{n.Number}
	}
	return []call.Number{n.Number, n.Shown}
}

// Holder is the colleague who claimed the note, else the one that it is for; empty when anybody may take it.
func (n Note) Holder() call.AgentID {
	switch {
	case !n.State.Live():
		return ""
	case n.State.Held():
		return n.Colleague
	default:
		return n.Personal
	}
}

// String names the note without anything that the caller told.
func (n Note) String() string { return fmt.Sprintf("note %s (%s, team %s)", n.ID, n.State, n.Team) }

// LogValue keeps what the caller told out of logs.
func (n Note) LogValue() slog.Value { return slog.StringValue(n.String()) }
