package note

import "slices"

// transitions is the whole state machine: from a state, by an event, to a state. Apply checks all else, such as the
// colleague who holds the claim.
var transitions = map[State]map[EventKind]State{
	None: {EventMade: Open, EventPurged: Purged},
	Open: {
		EventClaimed:   Claimed,
		EventReleased:  Open, // a personal note, to the team
		EventRerouted:  Open,
		EventRaised:    Open,
		EventMerged:    Open,
		EventCommented: Open,
		EventWarned:    Open,
		EventOverdue:   Open,
		EventResolved:  Resolved, // settled in a call of the caller
		EventCancelled: Cancelled,
	},
	Claimed: {
		EventRenewed:        Claimed,
		EventReleased:       Open,
		EventAttemptStarted: Calling,
		EventRerouted:       Open,
		EventRaised:         Claimed,
		EventMerged:         Claimed,
		EventCommented:      Claimed,
		EventWarned:         Claimed,
		EventOverdue:        Claimed,
		EventResolved:       Resolved,
		EventCancelled:      Cancelled,
	},
	Calling: {
		EventRenewed:        Calling,
		EventReleased:       Open, // the attempt may have reached the caller: it stays on the note
		EventAttemptDialled: Calling,
		EventAttemptEnded:   Claimed,
		EventRaised:         Calling,
		EventMerged:         Calling,
		EventCommented:      Calling,
		EventWarned:         Calling,
		EventOverdue:        Calling,
		EventCancelled:      Cancelled,
	},
	Resolved:  {EventReopened: Open, EventCommented: Resolved, EventPurged: Purged},
	Cancelled: {EventReopened: Open, EventCommented: Cancelled, EventPurged: Purged},
	Purged:    {},
}

// Next gives the state that an event leads to. An event that is not possible there gives an *IllegalError, which names
// those that are.
func Next(s State, e EventKind) (State, error) {
	to, ok := transitions[s][e]
	if !ok {
		return s, &IllegalError{Note: Note{State: s}, Event: e, Legal: Legal(s)}
	}
	return to, nil
}

// Legal lists the events that are possible in a state, sorted; none for an end state or an unknown one.
func Legal(s State) []EventKind {
	legal := make([]EventKind, 0, len(transitions[s]))
	for e := range transitions[s] {
		legal = append(legal, e)
	}
	slices.Sort(legal)
	return legal
}
