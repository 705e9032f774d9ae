package note

import (
	"strconv"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
)

// EncodeNote gives the fields in which a note is stored. Empty ones are left out.
func EncodeNote(n Note) map[string]string { return NoteFields(n).byName() }

// Fields are stored fields, name and value in turn, always in the same order: a Redis stream stores names once only
// while their order stays.
type Fields []any

// NoteFields is EncodeNote in a fixed order, for code that passes the fields on.
func NoteFields(n Note) Fields {
	w := writer{fields: make(Fields, 0, 2*mostFields)}
	w.note(n)
	return w.fields
}

// mostFields is more than the fields of a note, or of an event that carries no note.
const mostFields = 37

func (f Fields) byName() map[string]string {
	named := make(map[string]string, len(f)/2)
	for i := 0; i < len(f); i += 2 {
		named[f[i].(string)] = f[i+1].(string)
	}
	return named
}

// writer collects fields that are not empty.
type writer struct {
	fields Fields
	base   bool // they belong to the note that an event carries
}

func (w *writer) note(n Note) {
	w.promise(n)
	w.put(fieldVersion, encodingVersion)
	w.put(fieldState, string(n.State))
	w.put(fieldVer, strconv.FormatUint(n.Ver, 10))
	w.put(fieldColleague, string(n.Colleague))
	w.putTime(fieldClosed, n.Closed)
	w.putMilli(fieldLease, n.Lease)
	w.put(fieldMark, string(n.Mark))
	w.putCount(fieldPriority, int64(n.Priority))
	w.putCount(fieldRepeats, int64(n.Repeats))
	w.putCount(fieldReroutes, int64(n.Reroutes))
	w.put(fieldAttempts, encodeAttempts(n.Attempts))
	w.putCount(fieldEarlier, int64(n.Earlier))
	w.put(fieldStints, encodeStints(n.Stints))
	w.put(fieldOutcome, string(n.Outcome))
	if n.NormMet {
		w.put(fieldNormMet, "true")
	}
}

// promise writes the fields of a new note.
func (w *writer) promise(n Note) {
	w.put(fieldID, string(n.ID))
	w.put(fieldReference, string(n.Reference))
	w.put(fieldMunicipality, string(n.Municipality))
	w.put(fieldTeam, string(n.Team))
	w.put(fieldOwner, string(n.Owner))
	w.put(fieldPersonal, string(n.Personal))
	w.put(fieldKey, string(n.Key))
	w.put(fieldCall, string(n.Call))
	w.put(fieldNumber, n.Number.E164)
	w.put(fieldKind, string(n.Number.Kind))
	w.put(fieldCountry, n.Number.Country)
	w.put(fieldVerified, strconv.FormatBool(n.Verified))
	w.put(fieldShown, n.Shown.E164)
	if n.Separate {
		w.put(fieldSeparate, "true")
	}
	w.put(fieldLanguage, n.Language)
	w.put(fieldName, n.Name)
	w.put(fieldSubject, n.Subject)
	w.put(fieldReason, n.Reason)
	if n.Window != (calendar.Span{}) {
		w.put(fieldWindow, n.Window.String())
	}
	w.putTime(fieldMade, n.Made)
	w.putTime(fieldWarn, n.Warn)
	w.putTime(fieldDeadline, n.Deadline)
}

func (w *writer) put(name, value string) {
	switch {
	case value == "":
	case w.base:
		w.fields = append(w.fields, basePrefix+name, value)
	default:
		w.fields = append(w.fields, name, value)
	}
}

func (w *writer) putTime(name string, t time.Time) { w.put(name, stamp(t)) }

func (w *writer) putMilli(name string, t time.Time) {
	if !t.IsZero() {
		w.put(name, strconv.FormatInt(t.UnixMilli(), 10))
	}
}

func (w *writer) putCount(name string, n int64) {
	if n != 0 {
		w.put(name, strconv.FormatInt(n, 10))
	}
}

// EncodeEvent gives the fields in which an event is stored in a log.
func EncodeEvent(e Event) map[string]string { return EventFields(e).byName() }

// EventFields is EncodeEvent in a fixed order, for code that passes the fields on.
func EventFields(e Event) Fields {
	w := writer{fields: make(Fields, 0, 2*mostFields)}
	w.event(e)
	return w.fields
}

func (w *writer) event(e Event) {
	w.carried(e)
	w.put(fieldVersion, encodingVersion)
	w.put(fieldEventID, string(e.ID))
	w.put(fieldNote, string(e.Note))
	w.put(fieldEvent, string(e.Kind))
	w.put(fieldVer, strconv.FormatUint(e.Ver, 10))
	w.putTime(fieldAt, e.At)
	w.put(fieldWho, string(e.Who))
	w.put(fieldReason, e.Reason)
	w.put(fieldTeam, string(e.Team))
	w.put(fieldOwner, string(e.Owner))
	w.put(fieldCall, string(e.Call))
	w.put(fieldCause, string(e.Cause))
	w.putCount(fieldHold, e.Hold.Milliseconds())
	w.putMilli(fieldUntil, e.Until)
	w.put(fieldLine, string(e.Line))
	w.putCount(fieldTalked, e.Talked.Milliseconds())
	w.put(fieldResult, string(e.Result))
	w.put(fieldOutcome, string(e.Outcome))
	if e.NormMet {
		w.put(fieldNormMet, "true")
	}
}

// carried writes the note that an event carries: as it was made, or what remains when it is purged.
func (w *writer) carried(e Event) {
	if e.Base == nil {
		return
	}
	w.base = true
	defer func() { w.base = false }()
	if e.Kind != EventPurged {
		w.promise(*e.Base)
		return
	}
	purged := *e.Base
	purged.State, purged.Ver = Purged, e.Ver
	w.note(purged)
}
