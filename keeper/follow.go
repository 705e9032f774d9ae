package keeper

import (
	"context"
	"errors"
	"fmt"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// followed is how many events are looked at in one go.
const followed = 1000

// Follow takes into the journal what another program changed, from a place in the store's log on, and gives the next
// place; empty is the beginning. Of a note that the journal does not have it takes what must outlive the store: its
// erasure, so that an old backup does not bring it back, and its reopening. Notes whose history cannot be read are in
// the error and hold up no others. When the store or the journal fails, the place stays.
func (k *Keeper) Follow(ctx context.Context, m call.MunicipalityID, after string) (string, error) {
	events, next, err := k.Log(ctx, m, after, followed)
	if err != nil {
		return after, err
	}
	var problems []error
	for _, e := range events {
		err := k.followOne(ctx, m, e)
		switch {
		case unreadable(err):
			problems = append(problems, fmt.Errorf("note %s: %w", e.Note, err))
		case err != nil:
			return after, fmt.Errorf("note %s: %w", e.Note, err)
		}
	}
	return next, errors.Join(problems...)
}

func (k *Keeper) followOne(ctx context.Context, m call.MunicipalityID, e note.Event) error {
	done, err := k.turns.take(ctx, onNote(e.Note)) // else it may be on its way into the journal
	if err != nil {
		return err
	}
	defer done()
	kept, err := k.journal.Events(e.Note)
	switch {
	case err != nil:
		return err
	case len(kept) == 0 && (erasure(e) || e.Kind == note.EventReopened):
		err := k.copyHistory(ctx, m, e.Note)
		if erasure(e) && e.Base != nil && unreadable(err) {
			return k.purged(m, e) // it holds all that is left of the note
		}
		return err
	case len(kept) == 0 || contains(kept, e) || e.Ver <= note.Version(kept):
		return nil
	}
	if _, err := k.catchUp(ctx, m, e.Note); errors.Is(err, note.ErrStoreDown) {
		return err
	}
	return nil // the next comparison reports a note that cannot be reconciled
}

// unreadable reports whether an error is about one note, so that others need not fail.
func unreadable(err error) bool {
	return !errors.Is(err, note.ErrStoreDown) && (errors.Is(err, note.ErrBroken) || errors.Is(err, note.ErrNoNote))
}
