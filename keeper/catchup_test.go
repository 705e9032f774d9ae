package keeper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestCatchUpWhileTheStoreIsAway(t *testing.T) {
	g := newGuard()
	g.store.Fail(errors.New("connection refused"))
	n := g.promise(t)
	g.promise(t)
	_, err := g.CatchUp(t.Context(), "")
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.Equal(t, 2, g.watch.behind)
	g.restart()
	require.Equal(t, 2, g.watch.behind, "a new daemon knows from the journal what the store never had")
	require.Equal(t, 2, g.Behind())
	g.store.Fail(nil)
	g.catchUp(t, 2)
	g.requireStored(t, n)
	g.catchUp(t, 0)
	require.Zero(t, g.watch.restored, "nothing was lost: no alarm")
	g.restart()
	require.Zero(t, g.watch.behind)

	g.store.Memory = storetest.NewMemory()
	g.catchUp(t, 2)
	require.Equal(t, 2, g.watch.restored, "the store lost notes that it had, whichever daemon gave them")
}

// A note counts as behind when the daemon was killed before it could record that the store has it, or the reply was
// lost.
func TestANoteThatMayBeStoredIsBehindUntilItIsSeen(t *testing.T) {
	g := newGuard()
	g.store.lose = 1
	n := g.promise(t)
	g.requireStored(t, n)
	g.restart()
	require.Equal(t, 1, g.watch.behind)
	g.catchUp(t, 0)
	require.Zero(t, g.watch.restored)
	g.restart()
	require.Zero(t, g.watch.behind)
}

// unhurried answers for so many notes, and cancels its caller's context with the last of them.
type unhurried struct {
	*weak
	notes int
	end   func()
	asked []note.ID
}

func (u *unhurried) Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error) {
	u.asked = append(u.asked, id)
	if u.notes--; u.notes == 0 {
		u.end()
	}
	return u.weak.Note(ctx, m, id)
}

func TestAComparisonThatIsCutShortGoesOn(t *testing.T) {
	g := newGuard()
	minutes := 0
	promise := func() note.ID {
		t.Helper()
		minutes++
		request := g.request()
		request.At = storetest.Now().Add(time.Duration(minutes) * time.Minute)
		n, _, err := g.service.Promise(t.Context(), request)
		require.NoError(t, err)
		return n.ID
	}
	var old, fresh []note.ID
	for range 5 {
		old = append(old, promise())
	}
	g.store.Fail(errors.New("connection refused"))
	for range 2 {
		fresh = append(fresh, promise())
	}
	g.store.Fail(nil)
	store := &unhurried{weak: g.store}
	g.restart()
	g.Keeper = keeper.New(store, g.journal, g.watch)
	part := func(from note.ID, notes int) keeper.CaughtUp {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store.asked, store.notes, store.end = nil, notes, cancel
		to, err := g.CatchUp(ctx, from)
		require.NoError(t, err, "the end of ctx is no error")
		return to
	}

	require.Equal(t, keeper.CaughtUp{Mended: 1}, part("", 1))
	require.Equal(t, fresh[1:], store.asked, "the newest of those that are behind comes first")
	require.Equal(t, keeper.CaughtUp{Mended: 1, Next: old[2]}, part("", 3))
	require.Equal(t, append(fresh[:1:1], old[:2]...), store.asked)
	require.Equal(t, keeper.CaughtUp{Next: old[4]}, part(old[2], 2))
	require.Equal(t, old[2:4], store.asked)
	require.Equal(t, keeper.CaughtUp{Done: true}, part(old[4], 0))
	require.Equal(t, append(old[4:5:5], fresh...), store.asked)
	g.store.Fail(errors.New("connection refused"))
	to, err := g.CatchUp(t.Context(), old[3])
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.Equal(t, keeper.CaughtUp{Next: old[3]}, to)
}
