package callback

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Erase removes what is personal from every note of a number, on the request of the person (AVG, article 17): those to
// ring it back, and those that were asked for from it. Live notes are cancelled first: nobody can be called back then.
// It says how many were erased; the others are in the error.
func (w *Worklist) Erase(
	ctx context.Context, m call.MunicipalityID, number call.Number, who note.Actor, now time.Time,
) (int, error) {
	erased := 0
	for {
		before := erased
		notes, err := w.store.ByNumber(ctx, m, number, aRound)
		problems := []error{err}
		for _, n := range notes {
			if n.State.Live() {
				n, err = w.advance(ctx, Step{Municipality: m, Note: n.ID, Who: who, At: now}, func(note.Note) (
					note.Event, error,
				) {
					return note.Event{Kind: note.EventCancelled, Reason: "erased on request"}, nil
				})
				if err != nil {
					problems = append(problems, err)
					continue
				}
			}
			if err = w.purge(ctx, n, now, who, "erased on request"); err != nil {
				problems = append(problems, err)
				continue
			}
			erased++
		}
		if len(notes) < aRound || erased == before { // the others are still in the list
			return erased, errors.Join(problems...)
		}
	}
}

func (w *Worklist) purge(ctx context.Context, n note.Note, at time.Time, who note.Actor, why string) error {
	at = at.UTC().Truncate(time.Millisecond)
	id, err := ulid.New(ulid.Timestamp(at), w.random)
	if err != nil {
		return err
	}
	_, err = w.store.Advance(ctx, n, note.Remains(n, note.EventID(id.String()), at, who, why))
	return err
}
