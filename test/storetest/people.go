package storetest

import (
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// ANote is a note as promised in a call, with a subject and a reason.
func ANote() note.Note {
	return note.Note{
		ID:           "01JD5V3Z5QXKZ9W7M2R4T6Y8AB",
		Reference:    "10000004",
		Municipality: "deventer",
		Team:         "burgerzaken",
		Owner:        "burgerzaken",
		Key:          note.CallKey("pbx1", "1732300000.17"),
		Call:         "1732300000.17",
		Number:       call.Number{E164: "+31612345678", Kind: call.KindMobile, Country: "NL"},
		Verified:     true,
		Language:     "nl",
		Name:         "José van der Ven",
		Subject:      "paspoort",
		Reason:       "Wanneer is het klaar?\nHet is dringend: zoë wacht.",
		Made:         time.Date(2026, 11, 20, 15, 0, 0, 123_000_000, time.UTC),
		Deadline:     time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC),
	}
}

// The colleagues who work notes.
const (
	Els  = note.Actor("agent:els")
	Jan  = note.Actor("agent:jan")
	Piet = note.Actor("agent:piet")
)

// Town is the municipality of these notes.
const Town call.MunicipalityID = "deventer"

// Now is the time as stores keep it: in UTC, in whole milliseconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
