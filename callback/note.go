// Package callback owns the callback note (terugbelnotitie): what it is, how it moves from state to state, and the promise
// that makes one.
package callback

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// NoteID names a note: a ULID, made with the time of the promise.
type NoteID string

// State is where a note stands. The states are drawn in docs/notes.md.
type State string

// The states of a note. None is the state before the note is made; it is never stored.
const (
	None      State = ""
	Open      State = "open"      // waits in the due list of its team
	Claimed   State = "claimed"   // one colleague works on it; still in the due list
	Resolved  State = "resolved"  // the caller was reached
	Cancelled State = "cancelled" // the caller no longer needs it
)

// States lists the states that a stored note can have.
func States() []State { return []State{Open, Claimed, Resolved, Cancelled} }

// Live reports whether the promise is still to be kept. A live note is in exactly one due list (invariant I4).
func (s State) Live() bool { return s == Open || s == Claimed }

// Key makes a request idempotent: the same key never makes a second note. See CallKey.
type Key string

// CallKey is the key of a request made in a call: Asterisk's system name and the unique id of the caller's channel, which
// together name one call for ever. An empty system name is allowed, as Asterisk allows it.
func CallKey(system string, id call.ID) Key { return Key(system + "/" + string(id)) }

// Note is a promise to call back. Times are UTC, in whole milliseconds. Only events change it, see Apply.
type Note struct {
	ID           NoteID
	Reference    Reference // kenmerk, which the caller hears
	Municipality call.MunicipalityID
	Team         call.TeamID  // whose due list it is in
	Owner        call.TeamID  // the team that answers for the norm; Team at first
	Colleague    call.AgentID // who claimed it; empty unless State is Claimed
	State        State
	Ver          uint64 // the number of events so far, and the fencing token of every change
	Key          Key
	Call         call.ID // in which it was promised; empty when it was not in a call
	Number       call.Number
	Verified     bool   // Number is the one that the caller's own line showed
	Language     string // in which the caller was spoken to, such as "nl"
	Subject      string // what it is about, a word of the configuration
	Reason       string // the caller's story, in free words
	Made         time.Time
	Deadline     time.Time // uiterste terugbeltijd: fixed when the note is made, never changed silently (I9)
}

// String names the note without anything that the caller told.
func (n Note) String() string { return fmt.Sprintf("note %s (%s, team %s)", n.ID, n.State, n.Team) }

// LogValue keeps what the caller told out of logs.
func (n Note) LogValue() slog.Value { return slog.StringValue(n.String()) }
