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

var Benelux = dialling.Policy{Countries: []string{"NL", "BE"}}

// house is a small municipality: its rules, its norm, and a store in memory. make goes before the store's Make when it
// is set.
type House struct {
	*Memory
	Norm       func(team call.TeamID, made time.Time) (callback.Term, error)
	BeforeMake func(ctx context.Context, made note.Event) (note.Note, error)
	Asked      []note.Event
}

func NewHouse() *House {
	return &House{
		Memory: NewMemory(),
		Norm: func(_ call.TeamID, made time.Time) (callback.Term, error) {
			made = made.Add(time.Nanosecond).In(time.FixedZone("CET", 3600))
			return callback.Term{Warn: made.Add(12 * time.Hour), Deadline: made.Add(24 * time.Hour)}, nil
		},
	}
}

func (h *House) Knows(team call.TeamID) bool { return team == "burgerzaken" || team == "kcc" }

func (h *House) Policy(call.MunicipalityID) dialling.Policy { return Benelux }

func (h *House) Term(team call.TeamID, made time.Time) (callback.Term, error) {
	return h.Norm(team, made)
}

func (h *House) Make(ctx context.Context, made note.Event) (note.Note, error) {
	h.Asked = append(h.Asked, made)
	if h.BeforeMake != nil {
		return h.BeforeMake(ctx, made)
	}
	return h.Memory.Make(ctx, made)
}

func ARequest() callback.Request {
	n := ANote()
	return callback.Request{
		Key: n.Key, At: n.Made.Add(456 * time.Microsecond), Who: note.ByCaller, Municipality: n.Municipality,
		Team:   n.Team,
		Number: n.Number, Shown: n.Number, Language: "nl", Call: n.Call, Subject: n.Subject, Reason: n.Reason,
	}
}

// floor is where notes are worked: rules and a store in memory.
type Floor struct {
	*Memory
	Rules callback.Work
	List  *callback.Worklist
}

func NewFloor() *Floor {
	f := &Floor{Memory: NewMemory(), Rules: callback.Work{
		Location: time.UTC, ContactCentre: "kcc", Lease: 15 * time.Minute, Retention: 365 * 24 * time.Hour,
		Attempts: callback.AttemptPolicy{Least: 2, Parts: []calendar.Clock{Noon}},
	}}
	f.List = callback.NewWorklist(f, f, nil)
	return f
}

func (f *Floor) Knows(team call.TeamID) bool { return team != "zwembad" && team != "" }

func (f *Floor) Work(call.MunicipalityID) callback.Work { return f.Rules }

// note promises a note, made at a time; each has its own number.
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

func (f *Floor) Now(t *testing.T, n note.Note) note.Note {
	t.Helper()
	n, err := f.Note(t.Context(), Town, n.ID)
	require.NoError(t, err)
	return n
}

// by is a step of an actor, an hour after the note was made.
func By(who note.Actor, n note.Note) callback.Step {
	return callback.Step{Municipality: Town, Note: n.ID, Who: who, At: n.Made.Add(time.Hour)}
}

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

// noon is a part of the day's end.
const Noon = calendar.Clock(12 * 60)
