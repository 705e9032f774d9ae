package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Exports gives the notes of a store in memory in batches of two, see export.Notes.
type Exports struct{ *Memory }

// Teams gives the teams that ever had a note.
func (s Exports) Teams(ctx context.Context, m call.MunicipalityID) ([]call.TeamID, error) {
	counts, err := s.Counts(ctx, m, time.Now())
	return slices.Sorted(maps.Keys(counts)), err
}

// EachLive gives the live notes of the teams that are wanted.
func (s Exports) EachLive(
	ctx context.Context, m call.MunicipalityID, wanted func(call.TeamID) bool, take func([]note.Note) error,
) error {
	teams, err := s.Teams(ctx, m)
	problems := []error{err}
	for _, team := range teams {
		if wanted(team) {
			notes, err := s.Due(ctx, m, team, 1000)
			problems = append(problems, batches(notes, err, take))
		}
	}
	return errors.Join(problems...)
}

// EachClosed gives the notes that were closed in a period.
func (s Exports) EachClosed(
	ctx context.Context, m call.MunicipalityID, from, until time.Time, take func([]note.Note) error,
) error {
	notes, err := s.ClosedBefore(ctx, m, until, 1000)
	notes = slices.DeleteFunc(notes, func(n note.Note) bool { return n.Closed.Before(from) })
	return batches(notes, err, take)
}

func batches(notes []note.Note, err error, take func([]note.Note) error) error {
	for batch := range slices.Chunk(notes, 2) {
		if err := take(batch); err != nil {
			return err
		}
	}
	return err
}
