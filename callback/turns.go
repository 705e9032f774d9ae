package callback

import (
	"context"
	"fmt"
	"sync"
)

// turns lets one at a time work on a note in both places, store and journal: who compares the two must not write down what another
// has just removed. The zero value is ready.
type turns struct {
	mu    sync.Mutex
	notes map[NoteID]*turn // those that somebody works on, or waits for
}

type turn struct {
	busy  chan struct{} // holds one
	users int
}

// take waits for the turn to work on a note, at most until ctx ends: the error wraps ErrStoreDown then. done gives it to the next.
func (t *turns) take(ctx context.Context, id NoteID) (done func(), err error) {
	t.mu.Lock()
	if t.notes == nil {
		t.notes = make(map[NoteID]*turn)
	}
	mine := t.notes[id]
	if mine == nil {
		mine = &turn{busy: make(chan struct{}, 1)}
		t.notes[id] = mine
	}
	mine.users++
	t.mu.Unlock()
	select {
	case mine.busy <- struct{}{}:
		return func() { <-mine.busy; t.leave(id, mine) }, nil
	case <-ctx.Done():
		t.leave(id, mine)
		return nil, fmt.Errorf("%w: others work on note %s: %w", ErrStoreDown, id, context.Cause(ctx))
	}
}

func (t *turns) leave(id NoteID, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(t.notes, id)
	}
}
