package note

import (
	"fmt"
	"time"
)

// IllegalError says that an event is not possible in the state of its note. A program reads Legal; a person reads how
// the note stands, and what can be done.
type IllegalError struct {
	Note  Note // as far as it is known: Next knows its state only
	Event EventKind
	Legal []EventKind
}

// Error names the event, how the note stands and what can be done. Its times are in the zone of the note's times.
func (e *IllegalError) Error() string {
	return fmt.Sprintf("%s: %s; %s", e.Event, e.Note.Standing(), e.remedy())
}

// Standing says in a few words how the note stands: its colleague and until when, or how it ended.
func (n Note) Standing() string {
	who := string(n.Colleague)
	if who == "" {
		who = "a colleague"
	}
	switch n.State {
	case None:
		return "the note is not made"
	case Open:
		if n.Personal != "" {
			return fmt.Sprintf("the note waits for %s in person", n.Personal)
		}
		return "nobody has claimed the note"
	case Claimed:
		return who + " has the note" + moment(" until ", n.Lease)
	case Calling:
		return who + " is calling the caller and has the note" + moment(" until ", n.Lease)
	case Resolved, Cancelled:
		return fmt.Sprintf("the note was %s", n.State) + moment(" on ", n.Closed)
	case Purged:
		return "the note was closed, and what was personal is removed"
	}
	return fmt.Sprintf("the note is %q, which this program does not know", n.State)
}

// In gives the note with the times of Standing in a zone, for texts that people read; nil changes nothing.
func (n Note) In(clocks *time.Location) Note {
	if clocks != nil {
		n.Lease, n.Closed = n.Lease.In(clocks), n.Closed.In(clocks)
	}
	return n
}

// moment says a time as people read it, to the minute.
func moment(before string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return before + t.Format("2006-01-02 15:04 MST")
}

// remedy is what can be done instead.
func (e *IllegalError) remedy() string {
	state := e.Note.State
	switch {
	case state.Live() && (e.Event == EventReopened || e.Event == EventPurged):
		return "it is live: resolve or cancel it first"
	case state.Held() && e.Event == EventClaimed:
		return "wait until then, or ask them or a team lead to release it"
	}
	switch state {
	case None:
		return "make it first"
	case Open:
		return "claim it first"
	case Claimed:
		return "begin an attempt first"
	case Calling:
		return "the attempt needs its result first"
	case Resolved, Cancelled:
		return "a team lead can reopen it, and anybody of the team can leave a comment"
	case Purged:
		return "nothing can be changed any more: make a new note"
	}
	return "look at it with the version of the program that wrote it"
}

// notTheirs refuses a step that only the note's colleague may take.
func notTheirs(n Note, e Event) *RuleError {
	return rule(e, "%s has it, not %s: wait%s, or ask them or a team lead to release it",
		n.Colleague, e.Who, moment(" until ", n.Lease))
}
