package callback

import (
	"fmt"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// EventKind says what happened to a note.
type EventKind string

// The events in the life of a note.
const (
	EventMade      EventKind = "made"      // the caller was promised a call
	EventClaimed   EventKind = "claimed"   // a colleague took it
	EventReleased  EventKind = "released"  // the colleague gave it back, or his claim lapsed
	EventRerouted  EventKind = "rerouted"  // it went to another team; the deadline stays
	EventResolved  EventKind = "resolved"  // the caller was reached
	EventCancelled EventKind = "cancelled" // the caller withdrew it, or was helped otherwise
)

// EventKinds lists every event.
func EventKinds() []EventKind {
	return []EventKind{EventMade, EventClaimed, EventReleased, EventRerouted, EventResolved, EventCancelled}
}

// Actor is who did something: the caller, the system, or a person by his id (never by name).
type Actor string

// The actors that are not a person of ours.
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

func (a Actor) valid() bool {
	_, person := a.Agent()
	return person || a == ByCaller || a == BySystem
}

// Event is one step in the life of a note: nothing is overwritten, every step is added to the log, and the log replays
// to the notes (invariant I5).
type Event struct {
	Note   NoteID
	Kind   EventKind
	Ver    uint64    // of the note after this event: 1 for made, then one higher each time
	At     time.Time // UTC, whole milliseconds
	Who    Actor
	Team   call.TeamID // rerouted: where to
	Reason string      // why, in the words of who did it
	Made   *Note       // made: the note as promised, without State and Ver; nil for the other kinds
}

// Made is the event with which a note begins.
func Made(n Note, who Actor) Event {
	n.State, n.Ver, n.Colleague = None, 0, ""
	return Event{Note: n.ID, Kind: EventMade, Ver: 1, At: n.Made, Who: who, Made: &n}
}

// Apply gives the note as it is after the event. The event must be the next one of this note and legal in its state; for
// EventMade the note is the zero Note. On an error the note is returned unchanged.
func Apply(n Note, e Event) (Note, error) {
	if e.Ver != n.Ver+1 {
		return n, fmt.Errorf("event %s has version %d where %d comes next", e.Kind, e.Ver, n.Ver+1)
	}
	if n.ID != "" && e.Note != n.ID {
		return n, fmt.Errorf("event %s is of note %s, not of note %s", e.Kind, e.Note, n.ID)
	}
	state, err := Next(n.State, e.Kind)
	if err != nil {
		return n, err
	}
	after, err := effect(n, e)
	if err != nil {
		return n, err
	}
	after.State, after.Ver = state, e.Ver
	return after, nil
}

// effect is what an event changes besides state and version.
func effect(n Note, e Event) (Note, error) {
	switch e.Kind {
	case EventMade:
		if e.Made == nil || e.Made.ID == "" || e.Made.ID != e.Note {
			return n, fmt.Errorf("event made of note %s does not carry that note", e.Note)
		}
		return *e.Made, nil
	case EventClaimed:
		colleague, person := e.Who.Agent()
		if !person {
			return n, fmt.Errorf("event claimed of note %s is by %q: only a person can claim", e.Note, e.Who)
		}
		n.Colleague = colleague
		return n, nil
	case EventRerouted:
		if e.Team == "" {
			return n, fmt.Errorf("event rerouted of note %s names no team: \"not ours\" must say whose", e.Note)
		}
		n.Team, n.Colleague = e.Team, ""
		return n, nil
	default: // released, resolved, cancelled
		n.Colleague = ""
		return n, nil
	}
}

// Replay gives the note that its events, in order, lead to.
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
