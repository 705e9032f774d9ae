package notify

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// stored is the form in which an outbox keeps an item. Its id and lane are where it lies.
type stored struct {
	V     int    `json:"v"`
	Kind  string `json:"kind"`
	To    string `json:"to"`
	Note  string `json:"note,omitempty"`
	Team  string `json:"team,omitempty"`
	At    int64  `json:"at"` // ms
	Tries int    `json:"tries,omitempty"`
}

const storedVersion = 1

// EncodeItem gives the stored form of an item.
func EncodeItem(i Item) string {
	text, _ := json.Marshal(stored{ // its parts can always be written
		storedVersion, string(i.Kind), i.To, string(i.Note), string(i.Team), i.At.UnixMilli(), i.Tries,
	})
	return string(text)
}

// latestMilli is the last moment of the year 9999: the JSON of a webhook holds no later one.
const latestMilli = 253402300799999

// storedID is what an id may be: it becomes a header.
var storedID = regexp.MustCompile(`^ntf_[0-9a-f]{1,64}$`)

// DecodeItem reads the stored form of an item. Its error wraps note.ErrBroken.
func DecodeItem(lane Lane, id, text string) (Item, error) {
	if !storedID.MatchString(id) {
		return Item{}, fmt.Errorf("the id of an item is not one of ours: %w", note.ErrBroken)
	}
	var s stored
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Item{}, fmt.Errorf("item %s cannot be read: %w", id, note.ErrBroken)
	}
	i := Item{
		ID: id, Kind: Kind(s.Kind), Lane: lane, To: s.To, Note: note.ID(s.Note), Team: call.TeamID(s.Team),
		At: time.UnixMilli(s.At).UTC(), Tries: s.Tries,
	}
	switch {
	case s.V != storedVersion:
		return Item{}, fmt.Errorf("item %s is of another version: %w", id, note.ErrBroken)
	case !slices.Contains(Kinds(), i.Kind), i.To == "", i.Tries < 0, i.Kind != Daily && i.Note == "",
		s.At < 0, s.At > latestMilli:
		return Item{}, fmt.Errorf("item %s is not whole: %w", id, note.ErrBroken)
	}
	return i, nil
}
