package notify

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Notes is what messages are made of, see note.Reader.
type Notes interface {
	Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error)
	Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]note.Note, error)
	Held(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, limit int) ([]note.Note, error)
}

// Town knows the people and teams of municipalities.
type Town interface {
	// Contact gives the mail address and language of a person, each empty when it is not known. Error: wraps
	// note.ErrStoreDown.
	Contact(ctx context.Context, m call.MunicipalityID, id call.AgentID) (address, language string, err error)
	TeamName(m call.MunicipalityID, team call.TeamID) string
	Language(m call.MunicipalityID) string
	Clocks(m call.MunicipalityID) *time.Location
}

// dropError says that an item is not to be told.
type dropError struct{ why Drop }

func (e dropError) Error() string { return "not to be told: " + string(e.why) }

// editor makes messages of items.
type editor struct {
	notes Notes
	town  Town
}

// message makes the message of an item. Error: dropError, or one that wraps note.ErrStoreDown.
func (d editor) message(ctx context.Context, m call.MunicipalityID, r Rules, i Item, now time.Time) (Message, error) {
	to, ok := r.find(i.To)
	if !ok || to.Lane != i.Lane || to.Municipality != m || !slices.Contains(to.Kinds, i.Kind) ||
		i.Kind == Daily && !slices.Contains(to.lists(), i.Team) {
		return Message{}, dropError{NoReceiver}
	}
	notes, err := d.read(ctx, m, i, to)
	if err != nil {
		return Message{}, err
	}
	said := Message{ID: i.ID, Kind: i.Kind, At: i.At}
	if i.Lane.Channel() == Webhook {
		said.Data = d.data(m, r, i, notes, now)
		return said, nil
	}
	said.Address, said.Language = to.Address, to.Language
	if to.Person != "" {
		address, language, err := d.town.Contact(ctx, m, to.Person)
		if err != nil {
			return Message{}, err
		}
		said.Address, said.Language = or(to.Address, address), or(to.Language, language)
	}
	if said.Address == "" {
		return Message{}, dropError{NoAddress}
	}
	said.Language = or(said.Language, d.town.Language(m))
	v := view{rules: r, language: said.Language, clocks: d.town.Clocks(m), now: now}
	if i.Team != "" {
		v.team = or(d.town.TeamName(m, i.Team), string(i.Team))
	}
	if i.Kind == Daily {
		said.Subject, said.Body = listText(notes, v)
	} else {
		said.Subject, said.Body = noteText(i.Kind, notes[0], v)
	}
	return said, nil
}

func or(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// mostListed bounds the notes that are read for a list.
const mostListed = 1000

// read gives the note of an item, or the notes of its list.
func (d editor) read(ctx context.Context, m call.MunicipalityID, i Item, to Receiver) ([]note.Note, error) {
	if i.Kind != Daily {
		n, err := d.notes.Note(ctx, m, i.Note)
		switch {
		case errors.Is(err, note.ErrNoNote), err == nil && n.State == note.Purged:
			return nil, dropError{Gone}
		case errors.Is(err, note.ErrBroken):
			return nil, dropError{Unreadable}
		case err != nil:
			return nil, err
		case moot(i, to, n):
			return nil, dropError{Moot}
		}
		return []note.Note{n}, nil
	}
	ask := func() ([]note.Note, error) { return d.notes.Due(ctx, m, i.Team, mostListed) }
	if i.Team == "" {
		ask = func() ([]note.Note, error) { return d.notes.Held(ctx, m, to.Person, mostListed) }
	}
	notes, err := ask()
	if err != nil && !errors.Is(err, note.ErrIncomplete) { // a broken note is shown elsewhere
		return nil, err
	}
	if len(notes) == 0 {
		return nil, dropError{Moot}
	}
	slices.SortStableFunc(notes, func(a, b note.Note) int { return a.Deadline.Compare(b.Deadline) })
	return notes, nil
}

// told is the body of a webhook.
type told struct {
	Type      string    `json:"type"` // note.new, note.warning, note.overdue, notes.daily
	Timestamp time.Time `json:"timestamp"`
	Data      toldData  `json:"data"`
}

type toldData struct {
	Municipality string     `json:"municipality"`
	Team         string     `json:"team"` // at the event
	Note         *toldNote  `json:"note,omitempty"`
	Notes        []toldNote `json:"notes,omitempty"` // of notes.daily
}

// toldNote is a note as it is when the message is sent.
type toldNote struct {
	ID        string    `json:"id"`
	Reference string    `json:"reference"`
	Team      string    `json:"team"`
	State     string    `json:"state"`
	Made      time.Time `json:"made"`
	Deadline  time.Time `json:"deadline"`
	Overdue   bool      `json:"overdue"`
	Link      string    `json:"link"`

	Number  string `json:"number,omitempty"`
	Name    string `json:"name,omitempty"`
	Subject string `json:"subject,omitempty"`
	Story   string `json:"story,omitempty"`
}

func (d editor) data(m call.MunicipalityID, r Rules, i Item, notes []note.Note, now time.Time) []byte {
	says := told{
		Type: "note." + string(i.Kind), Timestamp: i.At,
		Data: toldData{Municipality: string(m), Team: string(i.Team)},
	}
	if i.Kind == Daily {
		says.Type = "notes." + string(Daily)
		for _, n := range notes {
			says.Data.Notes = append(says.Data.Notes, toldOf(r, n, now))
		}
	} else {
		one := toldOf(r, notes[0], now)
		says.Data.Note = &one
	}
	data, _ := json.Marshal(says) // its parts can always be written
	return data
}

func toldOf(r Rules, n note.Note, now time.Time) toldNote {
	one := toldNote{
		ID: string(n.ID), Reference: string(n.Reference), Team: string(n.Team), State: string(n.State), Made: n.Made,
		Deadline: n.Deadline, Overdue: n.State.Live() && !n.InTime(now), Link: link(r, n),
	}
	if r.Number {
		one.Number = n.Number.E164
	}
	if r.Story {
		one.Name, one.Subject, one.Story = n.Name, n.Subject, n.Reason
	}
	return one
}
