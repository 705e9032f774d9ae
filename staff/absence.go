// Package staff owns what is known of the municipality's own people: who is absent, since when, and who said so.
package staff

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Absence says that a colleague is absent until they are set present. It concerns notes only, not whose phone rings.
type Absence struct {
	Colleague call.AgentID
	Since     time.Time  // UTC, whole milliseconds
	By        note.Actor // the source of the report
}

// Presence keeps the absences of colleagues. Errors wrap ErrStoreDown or ErrBroken.
type Presence interface {
	// SetAbsent keeps an absence, and replaces an earlier one.
	SetAbsent(ctx context.Context, m call.MunicipalityID, a Absence) error
	// SetPresent ends the absence of a colleague, if there is one.
	SetPresent(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) error
	// Absence gives the absence of a colleague, and false when they are present. Another's broken absence is no error.
	Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (Absence, bool, error)
	// Absences gives the absences by colleague: those that can be read, also when the error says that others are
	// broken.
	Absences(ctx context.Context, m call.MunicipalityID) ([]Absence, error)
}

// absentSince is how the time of an absence is stored: RFC 3339 in UTC with milliseconds.
const absentSince = "2006-01-02T15:04:05.000Z07:00"

// EncodeAbsence gives the text in which an absence is stored under its colleague.
func EncodeAbsence(a Absence) string { return a.Since.UTC().Format(absentSince) + " " + string(a.By) }

// DecodeAbsence reads it. The error wraps ErrBroken.
func DecodeAbsence(colleague call.AgentID, text string) (Absence, error) {
	since, by, _ := strings.Cut(text, " ")
	at, err := time.Parse(absentSince, since)
	if err != nil || !note.Actor(by).Valid() {
		return Absence{}, fmt.Errorf("the absence of %s is not a time and an actor: %w", colleague, note.ErrBroken)
	}
	return Absence{Colleague: colleague, Since: at.UTC(), By: note.Actor(by)}, nil
}

// Reason says in a history why a note is not for its colleague.
func (a Absence) Reason() string {
	return fmt.Sprintf(
		"asked for %s in person, who is absent since %s, says %s", a.Colleague, a.Since.Format(absentSince), a.By,
	)
}
