package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// Benelux allows numbers of the Netherlands and Belgium.
var Benelux = dialling.Policy{Countries: []string{"NL", "BE"}}

// House is a small municipality: its rules, its norm, and a store in memory. Asked has the events that Make was asked
// to store; BeforeMake, when it is set, is called instead of the store's Make.
type House struct {
	*Memory
	Norm       func(team call.TeamID, made time.Time) (callback.Term, error)
	BeforeMake func(ctx context.Context, made note.Event) (note.Note, error)
	Asked      []note.Event
}

// NewHouse gives a house whose norm is a day, with the warning in the middle of it. The norm's times are finer than
// stores keep, and not in UTC.
func NewHouse() *House {
	return &House{
		Memory: NewMemory(),
		Norm: func(_ call.TeamID, made time.Time) (callback.Term, error) {
			made = made.Add(time.Nanosecond).In(time.FixedZone("CET", 3600))
			return callback.Term{Warn: made.Add(12 * time.Hour), Deadline: made.Add(24 * time.Hour)}, nil
		},
	}
}

// Knows implements callback.Rules.
func (h *House) Knows(team call.TeamID) bool { return team == "burgerzaken" || team == "kcc" }

// Policy implements callback.Rules.
func (h *House) Policy(call.MunicipalityID) dialling.Policy { return Benelux }

// Term implements callback.Norm.
func (h *House) Term(team call.TeamID, made time.Time) (callback.Term, error) {
	return h.Norm(team, made)
}

// Make implements note.Store, and remembers what it was asked.
func (h *House) Make(ctx context.Context, made note.Event) (note.Note, error) {
	h.Asked = append(h.Asked, made)
	if h.BeforeMake != nil {
		return h.BeforeMake(ctx, made)
	}
	return h.Memory.Make(ctx, made)
}

// ARequest asks for a note like ANote, at a time that is finer than stores keep.
func ARequest() callback.Request {
	n := ANote()
	return callback.Request{
		Key: n.Key, At: n.Made.Add(456 * time.Microsecond), Who: note.ByCaller, Municipality: n.Municipality,
		Team:   n.Team,
		Number: n.Number, Shown: n.Number, Language: "nl", Call: n.Call, Name: n.Name, Subject: n.Subject,
		Reason: n.Reason,
	}
}

// Floor is where notes are worked: rules, a store in memory, and the work-list on it.
type Floor struct {
	*Memory
	Rules callback.Work
	List  *callback.Worklist
}

// NewFloor gives a floor without notes. A claim holds a quarter of an hour, and a caller may be given up after two
// attempts, in different halves of a day.
func NewFloor() *Floor {
	f := &Floor{Memory: NewMemory(), Rules: callback.Work{
		Location: time.UTC, ContactCentre: "kcc", Lease: 15 * time.Minute, Retention: 365 * 24 * time.Hour,
		Attempts: callback.AttemptPolicy{Least: 2, Parts: []calendar.Clock{Noon}},
	}}
	f.List = callback.NewWorklist(f, f, nil)
	return f
}

// Knows implements callback.WorkRules.
func (f *Floor) Knows(team call.TeamID) bool { return team != "zwembad" && team != "" }

// Work implements callback.WorkRules.
func (f *Floor) Work(call.MunicipalityID) callback.Work { return f.Rules }

// Promise stores a note that was made at a time; each has its own number.
func (f *Floor) Promise(t *testing.T, made time.Time, changes ...func(n *note.Note)) note.Note {
	t.Helper()
	n := ANote()
	counts, err := f.Counts(t.Context(), Town, made)
	require.NoError(t, err)
	nth := counts["burgerzaken"].Made
	n.ID = note.ID(fmt.Sprintf("01JD5V3Z5QXKZ9W7M2R4T6%04d", nth))
	reference, err := note.NewReference(strings.NewReader(fmt.Sprintf("%08d", nth)))
	require.NoError(t, err)
	n.Reference, n.Key = reference, note.Key(n.ID)
	n.Number.E164 = fmt.Sprintf("+316%08d", 10_000_000+nth)
	n.Made, n.Warn, n.Deadline = made, made.Add(12*time.Hour), made.Add(24*time.Hour)
	for _, change := range changes {
		change(&n)
	}
	stored, err := f.Make(t.Context(), note.Made(n, note.ByCaller))
	require.NoError(t, err)
	return stored
}

// Now gives the note as it is in the store now.
func (f *Floor) Now(t *testing.T, n note.Note) note.Note {
	t.Helper()
	n, err := f.Note(t.Context(), Town, n.ID)
	require.NoError(t, err)
	return n
}

// By is a step of an actor, an hour after the note was made.
func By(who note.Actor, n note.Note) callback.Step {
	return callback.Step{Municipality: Town, Note: n.ID, Who: who, At: n.Made.Add(time.Hour)}
}

// CodeOf gives the code of a refusal, empty for no error. Any other error fails the test.
func CodeOf(t *testing.T, err error) dialling.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *dialling.Refusal
	require.ErrorAs(t, err, &refusal)
	require.NotEmpty(t, refusal.Text)
	require.Contains(t, dialling.Codes(), refusal.Code)
	return refusal.Code
}

// Absent are the absences of the town.
func (f *Floor) Absent(t *testing.T) []staff.Absence {
	t.Helper()
	absences, err := f.List.Absences(t.Context(), Town)
	require.NoError(t, err)
	return absences
}

// Noon ends a part of the day.
const Noon = calendar.Clock(12 * 60)
