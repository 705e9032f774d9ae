package callback

import (
	"fmt"
	"slices"
	"strings"
)

// transitions is the whole state machine: from a state, by an event, to a state.
var transitions = map[State]map[EventKind]State{
	None: {EventMade: Open},
	Open: {
		EventClaimed:   Claimed,
		EventRerouted:  Open,
		EventCancelled: Cancelled,
	},
	Claimed: {
		EventReleased:  Open,
		EventRerouted:  Open,
		EventResolved:  Resolved,
		EventCancelled: Cancelled,
	},
	Resolved:  {},
	Cancelled: {},
}

// Next gives the state that an event leads to. An event that is not possible there gives an *IllegalError, which names
// those that are.
func Next(s State, e EventKind) (State, error) {
	to, ok := transitions[s][e]
	if !ok {
		return s, &IllegalError{State: s, Event: e, Legal: Legal(s)}
	}
	return to, nil
}

// Legal lists the events that are possible in a state, sorted; none for a state that is an end or unknown.
func Legal(s State) []EventKind {
	legal := make([]EventKind, 0, len(transitions[s]))
	for e := range transitions[s] {
		legal = append(legal, e)
	}
	slices.Sort(legal)
	return legal
}

// IllegalError says that an event is not possible in a state, and which are.
type IllegalError struct {
	State State
	Event EventKind
	Legal []EventKind
}

// Error names the state, the event, and what is possible instead.
func (e *IllegalError) Error() string {
	state := string(e.State)
	if e.State == None {
		state = "not made"
	}
	if len(e.Legal) == 0 {
		return fmt.Sprintf("a note that is %s cannot be %s: nothing more can happen to it", state, e.Event)
	}
	legal := make([]string, len(e.Legal))
	for i, l := range e.Legal {
		legal[i] = string(l)
	}
	return fmt.Sprintf("a note that is %s cannot be %s: it can be %s", state, e.Event, strings.Join(legal, ", "))
}
