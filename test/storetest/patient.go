package storetest

import (
	"context"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// patient repeats an operation when the store did not answer. All operations of a store may be repeated.
type patient struct{ store Store }

func (p patient) Make(ctx context.Context, made note.Event) (note.Note, error) {
	return Patiently(func() (note.Note, error) { return p.store.Make(ctx, made) })
}

func (p patient) Restore(ctx context.Context, made note.Event) (note.Note, error) {
	return Patiently(func() (note.Note, error) { return p.store.Restore(ctx, made) })
}

func (p patient) Advance(ctx context.Context, before note.Note, e note.Event) (note.Note, error) {
	return Patiently(func() (note.Note, error) { return p.store.Advance(ctx, before, e) })
}

func (p patient) Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error) {
	return Patiently(func() (note.Note, error) { return p.store.Note(ctx, m, id) })
}

func (p patient) ByReference(ctx context.Context, m call.MunicipalityID, r note.Reference) (note.Note, error) {
	return Patiently(func() (note.Note, error) { return p.store.ByReference(ctx, m, r) })
}

func (p patient) ByNumber(ctx context.Context, m call.MunicipalityID, n call.Number, limit int) ([]note.Note, error) {
	return Patiently(func() ([]note.Note, error) { return p.store.ByNumber(ctx, m, n, limit) })
}

func (p patient) Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]note.Note, error) {
	return Patiently(func() ([]note.Note, error) { return p.store.Due(ctx, m, team, limit) })
}

func (p patient) Page(ctx context.Context, m call.MunicipalityID, q listing.Query) (listing.Page, error) {
	return Patiently(func() (listing.Page, error) { return p.store.Page(ctx, m, q) })
}

func (p patient) ByName(ctx context.Context, m call.MunicipalityID, name string, limit int) ([]note.Note, error) {
	return Patiently(func() ([]note.Note, error) { return p.store.ByName(ctx, m, name, limit) })
}

func (p patient) Held(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, limit int) (
	[]note.Note, error,
) {
	return Patiently(func() ([]note.Note, error) { return p.store.Held(ctx, m, colleague, limit) })
}

func (p patient) Lapsed(ctx context.Context, m call.MunicipalityID, limit int) ([]note.Note, error) {
	return Patiently(func() ([]note.Note, error) { return p.store.Lapsed(ctx, m, limit) })
}

func (p patient) Marked(ctx context.Context, m call.MunicipalityID, now time.Time, limit int) ([]note.Note, error) {
	return Patiently(func() ([]note.Note, error) { return p.store.Marked(ctx, m, now, limit) })
}

func (p patient) ClosedBefore(ctx context.Context, m call.MunicipalityID, t time.Time, limit int) ([]note.Note, error) {
	return Patiently(func() ([]note.Note, error) { return p.store.ClosedBefore(ctx, m, t, limit) })
}

func (p patient) ClosedSince(ctx context.Context, m call.MunicipalityID, t time.Time, limit int) ([]note.Note, error) {
	return Patiently(func() ([]note.Note, error) { return p.store.ClosedSince(ctx, m, t, limit) })
}

func (p patient) Log(
	ctx context.Context, m call.MunicipalityID, after string, limit int,
) (events []note.Event, next string, err error) {
	events, err = Patiently(func() (found []note.Event, err error) {
		found, next, err = p.store.Log(ctx, m, after, limit)
		return found, err
	})
	return events, next, err
}

func (p patient) Events(ctx context.Context, m call.MunicipalityID, id note.ID) ([]note.Event, error) {
	return Patiently(func() ([]note.Event, error) { return p.store.Events(ctx, m, id) })
}

func (p patient) Counts(ctx context.Context, m call.MunicipalityID, now time.Time) (map[call.TeamID]note.Count, error) {
	return Patiently(func() (map[call.TeamID]note.Count, error) { return p.store.Counts(ctx, m, now) })
}

func (p patient) Count(ctx context.Context, day dialling.Day, once string, limits []dialling.Limit) (
	dialling.Limit, error,
) {
	return Patiently(func() (dialling.Limit, error) { return p.store.Count(ctx, day, once, limits) })
}

func (p patient) TakeBack(ctx context.Context, day dialling.Day, once string) error {
	_, err := Patiently(func() (string, error) { return once, p.store.TakeBack(ctx, day, once) })
	return err
}

func (p patient) Full(ctx context.Context, day dialling.Day, limits []dialling.Limit) (dialling.Limit, error) {
	return Patiently(func() (dialling.Limit, error) { return p.store.Full(ctx, day, limits) })
}

func (p patient) SetAbsent(ctx context.Context, m call.MunicipalityID, a staff.Absence) error {
	_, err := Patiently(func() (staff.Absence, error) { return a, p.store.SetAbsent(ctx, m, a) })
	return err
}

func (p patient) SetPresent(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) error {
	_, err := Patiently(func() (call.AgentID, error) { return colleague, p.store.SetPresent(ctx, m, colleague) })
	return err
}

func (p patient) Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (
	staff.Absence, bool, error,
) {
	type found struct {
		staff.Absence
		absent bool
	}
	got, err := Patiently(func() (found, error) {
		a, absent, err := p.store.Absence(ctx, m, colleague)
		return found{a, absent}, err
	})
	return got.Absence, got.absent, err
}

func (p patient) Absences(ctx context.Context, m call.MunicipalityID) ([]staff.Absence, error) {
	return Patiently(func() ([]staff.Absence, error) { return p.store.Absences(ctx, m) })
}
