package ivr

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// State is what must outlive the daemon of a live call. It is kept on the caller's channel, and so lives exactly as
// long as the call.
type State struct {
	Team      call.TeamID `json:"team,omitempty"`    // whose queue the call waits in, or waited in last
	Since     int64       `json:"since,omitempty"`   // from when its place counts, milliseconds since 1970 UTC
	Choices   string      `json:"choices,omitempty"` // keys pressed in menus
	Reference string      `json:"note,omitempty"`    // reference of the callback note that the call is about
	NoteID    string      `json:"about,omitempty"`   // its id
	// they ring for something else, or may be another: a note is their own
	Apart   bool         `json:"apart,omitempty"`
	Offers  []call.Offer `json:"offers,omitempty"`  // to teams, that are over
	Promise *Promise     `json:"promise,omitempty"` // nil while he was promised nothing
}

// Promise is what the caller was promised in this call. The note is durable; what he heard of it is not known.
type Promise struct {
	Note      string    `json:"note"` // its id
	Reference string    `json:"reference"`
	Deadline  time.Time `json:"deadline"`        // by the clock of the municipality
	Stood     bool      `json:"stood,omitempty"` // he had the note before this call
}

// ParseState reads what String wrote. Empty input is the state of a call that waited for nobody yet.
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

// since is when the place in the team's queue counts from: kept from before when the call waited for the same team.
func (s State) since(team call.TeamID, now time.Time) time.Time {
	if s.Team == team && s.Since > 0 && s.Since <= now.UnixMilli() {
		return time.UnixMilli(s.Since).UTC()
	}
	return now
}
