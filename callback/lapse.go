package callback

import (
	"context"
	"time"

	"github.com/bereikbaar/bereikbaar/note"
)

// renewFirst is how long the store must have answered before claims lapse: while it was away nobody could renew, and by
// then a colleague with the shortest lease that can be configured has renewed it.
const renewFirst = time.Minute

// lapse opens the notes whose claim has run out.
func (w *Worklist) lapse(ctx context.Context, s Step, problems *[]error) []note.Note {
	var done []note.Note
	lapsed, err := w.store.Lapsed(ctx, s.Municipality, aRound)
	*problems = append(*problems, err)
	for _, n := range lapsed {
		after, err := w.commit(ctx, s, n, func(note.Note) (note.Event, error) {
			return note.Event{Kind: note.EventReleased, Cause: note.ReleaseLapsed}, nil
		})
		if kept(err, problems) {
			done = append(done, after)
		}
	}
	return done
}
