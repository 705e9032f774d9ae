package note

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
)

// EventKind says what happened to a note.
type EventKind string

// The events in the life of a note.
const (
	EventMade     EventKind = "made"     // the caller was promised a call
	EventClaimed  EventKind = "claimed"  // a colleague took it
	EventRenewed  EventKind = "renewed"  // they still work on it: their lease runs anew
	EventReleased EventKind = "released" // it went back to the team, see ReleaseCause
	// the caller is about to be called: written before the first digit is dialled
	EventAttemptStarted EventKind = "attempt_started"
	// the line's result; the colleague's result follows
	EventAttemptDialled EventKind = "attempt_dialled"
	EventAttemptEnded   EventKind = "attempt_ended" // the colleague's result
	EventRerouted       EventKind = "rerouted"      // it went to another team; the deadline stays
	EventRaised         EventKind = "raised"        // its priority was raised
	EventMerged         EventKind = "merged"        // the caller asked again for the same: a repeat contact
	EventCommented      EventKind = "commented"     // a comment for the next colleague
	EventWarned         EventKind = "warned"        // the warning point of the norm has passed
	EventOverdue        EventKind = "overdue"       // the deadline has passed
	EventResolved       EventKind = "resolved"      // done, see Outcome
	EventCancelled      EventKind = "cancelled"     // the caller withdrew it, or was helped otherwise
	EventReopened       EventKind = "reopened"      // it was not done after all; the deadline stays
	EventPurged         EventKind = "purged"        // personal content was removed, with the earlier events
)

// EventKinds lists every event.
func EventKinds() []EventKind {
	return []EventKind{
		EventMade, EventClaimed, EventRenewed, EventReleased, EventAttemptStarted, EventAttemptDialled,
		EventAttemptEnded, EventRerouted,
		EventRaised, EventMerged, EventCommented, EventWarned, EventOverdue, EventResolved, EventCancelled,
		EventReopened, EventPurged,
	}
}

// Leases reports whether the event gives its colleague a lease: only then has it a Hold and an Until.
func (k EventKind) Leases() bool { return k == EventClaimed || k == EventRenewed }

// ReleaseCause is why a note went back to its team.
type ReleaseCause string

// The causes of a release.
const (
	ReleaseByHand ReleaseCause = "by_hand" // the colleague, or their team lead, gave it back
	ReleaseLapsed ReleaseCause = "lapsed"  // the lease ran out
	ReleaseAbsent ReleaseCause = "absent"  // the colleague became absent: their personal notes go to the team too
)

// ReleaseCauses lists every cause.
func ReleaseCauses() []ReleaseCause {
	return []ReleaseCause{ReleaseByHand, ReleaseLapsed, ReleaseAbsent}
}

// MaxPriority is the highest priority of a note: raising it further changes nothing.
const MaxPriority = 15

// Actor is the author of a step: the caller, the system, or a member of staff by id (never by name).
type Actor string

// The actors that are not staff.
const (
	ByCaller Actor = "caller"
	BySystem Actor = "system"

	agentPrefix = "agent:"
)

// ByAgent is the actor for an agent or colleague.
func ByAgent(id call.AgentID) Actor { return Actor(agentPrefix + string(id)) }

// Agent gives the agent or colleague, and false when it was not one.
func (a Actor) Agent() (call.AgentID, bool) {
	id, ok := strings.CutPrefix(string(a), agentPrefix)
	return call.AgentID(id), ok && id != ""
}

// ours reports whether it is a member of staff or the system.
func (a Actor) ours() bool {
	_, person := a.Agent()
	return person || a == BySystem
}

// CheckPresence gives a *RuleError for an actor who cannot know whether a colleague is present.
func (a Actor) CheckPresence() error {
	if a.ours() {
		return nil
	}
	return &RuleError{Event: EventReleased, Text: fmt.Sprintf(
		"only staff or the system can say that a colleague is absent or present, not %q", a)}
}

// Valid reports whether it is the caller, the system or a member of staff.
func (a Actor) Valid() bool {
	return a.ours() || a == ByCaller
}

// EventID names an event, so that an event that is stored twice is recognised: a ULID.
type EventID string

// Event is one step in the life of a note: nothing is overwritten, every step is added to the log, and the log replays
// to the notes (invariant I5). A field whose comment names kinds is empty for all others.
type Event struct {
	ID     EventID
	Note   ID
	Kind   EventKind
	Ver    uint64    // of the note after this event: 1 for made, then one higher each time
	At     time.Time // UTC, whole milliseconds
	Who    Actor
	Reason string      // why, in the actor's words; for commented the comment itself
	Team   call.TeamID // rerouted: where to
	Owner  call.TeamID // rerouted: the team that answers for the norm from now on; empty when it stays
	// merged, attempt_*: the call, or the key of a merged request without a call; optional
	Call    call.ID
	Cause   ReleaseCause       // released
	Hold    time.Duration      // claimed, renewed: how long the lease runs
	Until   time.Time          // claimed, renewed: when it ends; set by the store, by its own clock
	Line    attempt.LineResult // attempt_dialled, attempt_ended
	Talked  time.Duration      // attempt_dialled, attempt_ended
	Result  attempt.Result     // attempt_ended
	Outcome Outcome            // resolved
	NormMet bool               // resolved
	Base    *Note              // made: the note as promised; purged: what remains of it
}

// Made is the event with which a note begins. It carries the promise, and nothing that later events give.
func Made(n Note, who Actor) Event {
	n.State, n.Ver, n.Colleague, n.Lease, n.Stints, n.Attempts, n.Earlier = None, 0, "", time.Time{}, nil, nil, 0
	n.Mark, n.Priority, n.Repeats, n.Reroutes = Unmarked, 0, 0, 0
	n.Outcome, n.NormMet, n.Closed = "", false, time.Time{}
	return Event{ID: EventID(n.ID), Note: n.ID, Kind: EventMade, Ver: 1, At: n.Made, Who: who, Base: &n}
}

// RuleError says that a rule refuses an event that the state of its note allows.
type RuleError struct {
	Event EventKind
	Text  string // for people; nothing that the caller told
}

// Error names the event and the rule.
func (e *RuleError) Error() string { return fmt.Sprintf("%s: %s", e.Event, e.Text) }

// Apply gives the note as it is after the event. The event must be the next one of this note, legal in its state, and
// keep the rules of domain.md ("The life of a callback note"); for EventMade the note is the zero Note, and for
// EventPurged it may be. On an error, which is an *IllegalError or a *RuleError when the event is at fault, the note is
// returned unchanged.
func Apply(n Note, e Event) (Note, error) {
	first := n.State == None && e.Kind == EventPurged // the earlier events are gone
	if e.Ver != n.Ver+1 && !first {
		return n, fmt.Errorf("event %s has version %d where %d comes next", e.Kind, e.Ver, n.Ver+1)
	}
	if n.ID != "" && e.Note != n.ID {
		return n, fmt.Errorf("event %s is of note %s, not of note %s", e.Kind, e.Note, n.ID)
	}
	state, err := Next(n.State, e.Kind)
	if err != nil {
		return n, &IllegalError{Note: n, Event: e.Kind, Legal: Legal(n.State)}
	}
	if err := allowed(n, e); err != nil {
		return n, err
	}
	after := effect(n, e)
	after.State, after.Ver = state, e.Ver
	if !state.Held() {
		after.Colleague, after.Lease = "", time.Time{}
	}
	return after, nil
}

// allowed checks the rules beyond the state machine.
func allowed(n Note, e Event) error {
	colleague, person := e.Who.Agent()
	switch e.Kind {
	case EventMade, EventPurged:
		if e.Base == nil || e.Base.ID == "" || e.Base.ID != e.Note {
			return rule(e, "it does not carry note %s", e.Note)
		}
	case EventClaimed:
		switch {
		case !person:
			return rule(e, "only a person can claim, not %q", e.Who)
		case n.Personal != "" && n.Personal != colleague:
			return rule(e, "it is for %s in person: it must be released to the team first", n.Personal)
		}
		return allowedLease(e)
	case EventRenewed, EventAttemptStarted, EventAttemptDialled, EventAttemptEnded:
		return allowedToHolder(n, e)
	case EventReleased:
		switch {
		case n.State == Open && n.Personal == "":
			return rule(e, "nobody has it")
		case e.Cause == ReleaseAbsent:
			return e.Who.CheckPresence()
		}
	case EventRerouted:
		switch e.Team {
		case "":
			return rule(e, "\"not ours\" must say whose it is: name a team")
		case n.Team:
			return rule(e, "it is team %s's already", n.Team)
		}
		if e.Reason == "" {
			return rule(e, "say why: a reason is needed")
		}
	case EventCommented:
		if e.Reason == "" {
			return rule(e, "there is no comment")
		}
	case EventWarned, EventOverdue:
		if next, _, _ := n.NextMark(); next != e.Kind && n.Mark != Unmarked {
			return rule(e, "it is marked already")
		}
	case EventResolved:
		return allowedToResolve(n, e)
	default: // the state machine decides
	}
	return nil
}

func allowedToHolder(n Note, e Event) error {
	if colleague, _ := e.Who.Agent(); colleague != n.Colleague {
		return notTheirs(n, e)
	}
	if e.Kind == EventRenewed {
		return allowedLease(e)
	}
	if e.Kind == EventAttemptDialled && e.Line == attempt.LineUnknown {
		return rule(e, "say what the line reported")
	}
	if e.Kind == EventAttemptEnded && e.Result == "" {
		return rule(e, "say what came of it")
	}
	return nil
}

// allowedLease refuses a lease that would end as it begins.
func allowedLease(e Event) error {
	if e.Hold <= 0 {
		return rule(e, "a lease needs a length")
	}
	return nil
}

func allowedToResolve(n Note, e Event) error {
	colleague, person := e.Who.Agent()
	switch {
	case e.Outcome == Settled:
		return nil // by anybody who spoke to the caller
	case n.State == Open:
		return rule(e, "nobody has claimed it, so that only the caller's own word (%s) resolves it", Settled)
	case !person || colleague != n.Colleague:
		return notTheirs(n, e)
	case e.Outcome == Reached && !reached(n):
		return rule(e, "no attempt has reached the caller")
	case e.Outcome == Reached || e.Outcome == Unreached:
		return nil
	}
	return rule(e, "say how: %s, %s or %s", Reached, Settled, Unreached)
}

func reached(n Note) bool {
	for _, a := range n.Tries() {
		if a.Result == attempt.Reached {
			return true
		}
	}
	return false
}

func rule(e Event, format string, args ...any) *RuleError {
	return &RuleError{Event: e.Kind, Text: fmt.Sprintf(format, args...)}
}

// effect applies an allowed event, except to state and version.
func effect(n Note, e Event) Note {
	switch e.Kind {
	case EventMade:
		n = *e.Base
		n.Stints = []Stint{{Team: n.Team, From: n.Made}}
	case EventPurged:
		n = *e.Base
	case EventClaimed:
		n.Colleague, _ = e.Who.Agent()
		n.Lease = e.Until
	case EventRenewed:
		n.Lease = e.Until
	case EventReleased:
		n.Attempts = abandoned(n, e.At)
		if e.Cause == ReleaseAbsent || n.State == Open {
			n.Personal = ""
		}
	case EventAttemptStarted:
		colleague, _ := e.Who.Agent()
		n.Attempts = append(n.Attempts[:len(n.Attempts):len(n.Attempts)], attempt.Attempt{Began: e.At, By: colleague})
	case EventAttemptDialled:
		n.Attempts = dialled(n.Attempts, e)
	case EventAttemptEnded:
		n.Attempts = ended(n.Attempts, attempt.Attempt{Ended: e.At, Line: e.Line, Talked: e.Talked, Result: e.Result})
	case EventRerouted:
		n = rerouted(n, e)
	case EventMerged:
		n.Repeats++
		n.Priority = min(n.Priority+1, MaxPriority)
	case EventRaised:
		n.Priority = min(n.Priority+1, MaxPriority)
	case EventWarned:
		n.Mark = MarkedWarned
	case EventOverdue:
		n.Mark = MarkedOverdue
	case EventResolved:
		n.Outcome, n.NormMet = e.Outcome, e.NormMet
		n = closed(n, e.At)
	case EventCancelled:
		n.Attempts = abandoned(n, e.At)
		n = closed(n, e.At)
	case EventReopened:
		n.Outcome, n.NormMet, n.Closed = "", false, time.Time{}
		n.Earlier = len(n.Attempts)
		n.Stints = append(n.Stints[:len(n.Stints):len(n.Stints)], Stint{Team: n.Team, From: e.At})
	case EventCommented: // it is in the log only
	}
	return n
}

func rerouted(n Note, e Event) Note {
	n.Stints = append(stopped(n.Stints, e.At), Stint{Team: e.Team, From: e.At})
	n.Team, n.Personal = e.Team, ""
	n.Reroutes++
	if e.Owner != "" {
		n.Owner = e.Owner
	}
	return n
}

func closed(n Note, at time.Time) Note {
	n.Closed, n.Stints = at, stopped(n.Stints, at)
	return n
}

// stopped gives the stints with the last one ended.
func stopped(stints []Stint, at time.Time) []Stint {
	stints = append([]Stint(nil), stints...)
	if last := len(stints) - 1; last >= 0 {
		stints[last].Until = at
	}
	return stints
}

// ended gives the attempts with the last one ended.
func ended(attempts []attempt.Attempt, as attempt.Attempt) []attempt.Attempt {
	attempts = append([]attempt.Attempt(nil), attempts...)
	if last := len(attempts) - 1; last >= 0 {
		was := attempts[last]
		as.Began, as.By = was.Began, was.By
		if as.Line == attempt.LineUnknown { // the line's result came before
			as.Line, as.Talked = was.Line, was.Talked
		}
		attempts[last] = as
	}
	return attempts
}

// dialled gives the attempts with the line's result on the last one.
func dialled(attempts []attempt.Attempt, e Event) []attempt.Attempt {
	attempts = append([]attempt.Attempt(nil), attempts...)
	if last := len(attempts) - 1; last >= 0 {
		attempts[last].Line, attempts[last].Talked = e.Line, e.Talked
	}
	return attempts
}

// abandoned gives the attempts with the running one ended as untold.
func abandoned(n Note, at time.Time) []attempt.Attempt {
	if n.State != Calling {
		return n.Attempts
	}
	return ended(n.Attempts, attempt.Attempt{Ended: at, Result: attempt.Untold})
}

// Replay gives the note that results from its events, in order.
func Replay(events []Event) (Note, error) {
	var n Note
	for i, e := range events {
		var err error
		if n, err = Apply(n, e); err != nil {
			return n, fmt.Errorf("event %d of %d: %w", i+1, len(events), err)
		}
	}
	return n, nil
}

// Remains is the event that removes all personal content from a closed note: the number, names, the caller's story, its
// subject (an agent's free words) and how to find it. The data for figures stays, with the actor who asked for the
// purge.
func Remains(n Note, id EventID, at time.Time, who Actor, why string) Event {
	var attempts []attempt.Attempt // nil stays nil, as it is read back
	for _, a := range n.Attempts {
		a.By = ""
		attempts = append(attempts, a)
	}
	rest := Note{
		ID: n.ID, Municipality: n.Municipality, Team: n.Team, Owner: n.Owner, Verified: n.Verified,
		Language: n.Language,
		Made:     n.Made, Warn: n.Warn, Deadline: n.Deadline, Mark: n.Mark, Priority: n.Priority,
		Repeats: n.Repeats, Reroutes: n.Reroutes, Attempts: attempts, Earlier: n.Earlier, Stints: n.Stints,
		Outcome: n.Outcome, NormMet: n.NormMet,
		Closed: n.Closed,
	}
	return Event{ID: id, Note: n.ID, Kind: EventPurged, Ver: n.Ver + 1, At: at, Who: who, Reason: why, Base: &rest}
}

// CheckResult gives a *RuleError for a result that a colleague cannot report.
func CheckResult(r attempt.Result) error {
	if !slices.Contains(attempt.Results(), r) {
		return &RuleError{
			Event: EventAttemptEnded, Text: fmt.Sprintf("say what came of it, one of %v", attempt.Results()),
		}
	}
	return nil
}

// Version is the version of a note with this history: 0 for none.
func Version(events []Event) uint64 {
	if len(events) == 0 {
		return 0
	}
	return events[len(events)-1].Ver
}
