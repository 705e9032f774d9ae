package ivr

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// State is the part of a live call that must outlive the daemon. It is kept on the caller's channel, and so lives as
// long as the call.
type State struct {
	Team      call.TeamID `json:"team,omitempty"`    // whose queue the call waits in, or waited in last
	Since     int64       `json:"since,omitempty"`   // start of its place, milliseconds since 1970 UTC
	Choices   string      `json:"choices,omitempty"` // keys pressed in menus
	Reference string      `json:"note,omitempty"`    // reference of the callback note that the call is about
	NoteID    string      `json:"about,omitempty"`   // its id
	// the caller rings for something else, or may be another person: a note is their own
	Apart   bool         `json:"apart,omitempty"`
	Offers  []call.Offer `json:"offers,omitempty"`  // the offers that are over
	Promise *Promise     `json:"promise,omitempty"` // nil while nothing was promised
}

// Promise is the callback that was promised in this call. The note is durable; how much the caller heard is not known.
type Promise struct {
	Note      string    `json:"note"` // its id
	Reference string    `json:"reference"`
	Deadline  time.Time `json:"deadline"`        // by the clock of the municipality
	Stood     bool      `json:"stood,omitempty"` // the note is from before this call
}

// ParseState reads the text of String. Empty input is the state of a call that has not waited yet.
func ParseState(s string) (State, error) {
	if s == "" {
		return State{}, nil
	}
	var state State
	if err := json.Unmarshal([]byte(s), &state); err != nil {
		return State{}, fmt.Errorf("state of a call: %w", err)
	}
	return state, nil
}

func (s State) String() string {
	text, err := json.Marshal(s)
	if err != nil { // plain fields always marshal
		panic(err)
	}
	return string(text)
}

// since is the start of the place in the team's queue: the earlier one when the call waited for the same team.
func (s State) since(team call.TeamID, now time.Time) time.Time {
	if s.Team == team && s.Since > 0 && s.Since <= now.UnixMilli() {
		return time.UnixMilli(s.Since).UTC()
	}
	return now
}
