package keeper

import (
	"context"
	"fmt"
	"sync"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// turns lets one goroutine at a time work on the same note or key in store and journal: a comparison must not write
// what another has just removed, and a confirmation from the journal must know the store's answer. The zero value is
// ready.
type turns struct {
	mu sync.Mutex
	on map[string]*turn // notes and keys that are in use, or waited for
}

// onNote names the turn of a note.
func onNote(id note.ID) string { return "note " + string(id) }

// onKey names the turn of the requests with a key.
func onKey(m call.MunicipalityID, key note.Key) string { return "key " + string(m) + " " + string(key) }

type turn struct {
	busy  chan struct{} // holds one
	users int
}

// take waits for a turn, at most until ctx ends: the error wraps ErrStoreDown then. done gives it to the next.
func (t *turns) take(ctx context.Context, what string) (done func(), err error) {
	t.mu.Lock()
	if t.on == nil {
		t.on = make(map[string]*turn)
	}
	mine := t.on[what]
	if mine == nil {
		mine = &turn{busy: make(chan struct{}, 1)}
		t.on[what] = mine
	}
	mine.users++
	t.mu.Unlock()
	select {
	case mine.busy <- struct{}{}:
		return func() { <-mine.busy; t.leave(what, mine) }, nil
	case <-ctx.Done():
		t.leave(what, mine)
		return nil, fmt.Errorf("%w: no turn on %s: %w", note.ErrStoreDown, what, context.Cause(ctx))
	}
}

func (t *turns) leave(what string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(t.on, what)
	}
}
