package notify

import (
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// kindOf says as what an event is told, false when it is not. A note that moves on is new to its next team, and one
// that is reopened is back in the list.
func kindOf(e note.Event) (Kind, bool) {
	switch e.Kind {
	case note.EventMade, note.EventRerouted, note.EventReopened:
		return NewNote, true
	case note.EventWarned:
		return Warning, true
	case note.EventOverdue:
		return Overdue, true
	default:
		return "", false
	}
}

// itemsOf gives what an event is to whom. n is its note as it is now.
func itemsOf(receivers []Receiver, e note.Event, n note.Note) []Item {
	kind, told := kindOf(e)
	if !told {
		return nil
	}
	team := n.Team
	if e.Kind == note.EventRerouted {
		team = e.Team
	}
	var items []Item
	for _, to := range receivers {
		if !slices.Contains(to.Kinds, kind) || !concerns(to, n, team) {
			continue
		}
		items = append(items, Item{
			ID: itemID(string(e.ID), to.Name), Kind: kind, Lane: to.Lane, To: to.Name, Note: n.ID, Team: team, At: e.At,
		})
	}
	return items
}

// concerns reports whether a receiver is told of a note that a team has.
func concerns(to Receiver, n note.Note, team call.TeamID) bool {
	if to.Municipality != n.Municipality {
		return false
	}
	if len(to.Teams) > 0 {
		return slices.Contains(to.Teams, team)
	}
	return to.Person != "" && (n.Holder() == to.Person || n.Personal == to.Person)
}

// lists gives the teams whose lists a receiver is told; "" is for a person's own.
func (to Receiver) lists() []call.TeamID {
	if len(to.Teams) == 0 {
		return []call.TeamID{""}
	}
	return to.Teams
}

// daily gives what is told at an opening: a list per team, or one of a person's own notes when own's hours open. told
// is how far it was told, by place; the moves go with the items.
func daily(receivers []Receiver, told map[string]string, hours map[call.TeamID]*calendar.Hours, own call.TeamID,
	now time.Time,
) ([]Move, []Item) {
	var moves []Move
	var items []Item
	for _, to := range receivers {
		if !slices.Contains(to.Kinds, Daily) {
			continue
		}
		for _, team := range to.lists() {
			at := team
			if at == "" {
				at = own
			}
			open := hours[at]
			if open == nil || !open.Open(now) {
				continue
			}
			place, day := "daily:"+string(team)+":"+to.Name, calendar.DateOf(now, open.Location()).String()
			if told[place] >= day {
				continue
			}
			moves = append(moves, Move{Place: place, From: told[place], To: day})
			items = append(items, Item{
				ID: itemID(place+day, to.Name), Kind: Daily, Lane: to.Lane, To: to.Name, Team: team, At: now.UTC(),
			})
		}
	}
	return moves, items
}

// moot reports whether an item need not be told any more. n is its note as it is now. A program that follows along is
// told also of what is done by now.
func moot(i Item, to Receiver, n note.Note) bool {
	switch {
	case !concerns(to, n, n.Team): // it is no business of theirs any more
		return true
	case i.Lane.Channel() == Webhook:
		return false
	case !n.State.Live(), n.Team != i.Team:
		return true
	case i.Kind == Warning:
		return n.Mark == note.MarkedOverdue // that is told by itself
	}
	return false
}

// The pauses between tries: the first, and the longest. They double.
const (
	firstPause = 5 * time.Second
	itemPause  = 15 * time.Minute
	lanePause  = time.Minute
)

// pause is how long to wait after so many tries: half of it by chance, from 0 up to 1, so that not all come at once.
func pause(tries int, longest time.Duration, chance float64) time.Duration {
	whole := longest
	if shift := max(tries-1, 0); shift < 20 {
		whole = min(firstPause<<shift, longest)
	}
	return whole/2 + time.Duration(chance*float64(whole/2))
}
