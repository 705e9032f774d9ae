package callback

import (
	"context"
	"errors"
	"fmt"

	"github.com/bereikbaar/bereikbaar/call"
)

// followed is how many events are looked at in one go.
const followed = 1000

// Follow takes into the journal what another program changed, from a place in the store's log on, and gives the place where to go on:
// empty is the beginning. Of a note that the journal does not have it takes what must outlive the store: that it was erased, so that an
// old backup does not bring it back; and that it was opened again. On an error it goes on at the same place.
func (k *Keeper) Follow(ctx context.Context, m call.MunicipalityID, after string) (string, error) {
	events, next, err := k.Log(ctx, m, after, followed)
	if err != nil {
		return after, err
	}
	for _, e := range events {
		if err := k.followOne(ctx, m, e); err != nil {
			return after, fmt.Errorf("note %s: %w", e.Note, err)
		}
	}
	return next, nil
}

func (k *Keeper) followOne(ctx context.Context, m call.MunicipalityID, e Event) error {
	done, err := k.turns.take(ctx, onNote(e.Note)) // else it may be on its way into the journal
	if err != nil {
		return err
	}
	defer done()
	kept, err := k.journal.Events(e.Note)
	switch {
	case err != nil:
		return err
	case len(kept) == 0 && (erasure(e) || e.Kind == EventReopened):
		return k.copyHistory(ctx, m, e.Note)
	case len(kept) == 0 || contains(kept, e) || e.Ver <= last(kept):
		return nil
	}
	if _, err := k.catchUp(ctx, m, e.Note); errors.Is(err, ErrStoreDown) {
		return err
	}
	return nil // what cannot be reconciled the next comparison tells
}
