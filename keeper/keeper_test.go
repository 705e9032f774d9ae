package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// weak is a store that fails as stores do: it stays silent until the caller gives up, or makes the change and loses the
// reply.
type weak struct {
	*storetest.Memory
	silent bool
	lose   int // so many replies
}

func (w *weak) fault(ctx context.Context) error {
	if !w.silent {
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("%w: %w", note.ErrStoreDown, ctx.Err())
}

func (w *weak) lost(n note.Note, err error) (note.Note, error) {
	if err == nil && w.lose > 0 {
		w.lose--
		return note.Note{}, fmt.Errorf("%w: the reply was lost", note.ErrStoreDown)
	}
	return n, err
}

func (w *weak) Make(ctx context.Context, made note.Event) (note.Note, error) {
	if err := w.fault(ctx); err != nil {
		return note.Note{}, err
	}
	return w.lost(w.Memory.Make(ctx, made))
}

func (w *weak) Advance(ctx context.Context, before note.Note, e note.Event) (note.Note, error) {
	if err := w.fault(ctx); err != nil {
		return note.Note{}, err
	}
	return w.lost(w.Memory.Advance(ctx, before, e))
}

func (w *weak) Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error) {
	if err := w.fault(ctx); err != nil {
		return note.Note{}, err
	}
	return w.Memory.Note(ctx, m, id)
}

// watch remembers a keeper's reports.
type watch struct {
	journal  []error
	behind   int
	apart    int
	restored int
	diverged []note.ID
}

func (w *watch) JournalFailed(err error) { w.journal = append(w.journal, err) }
func (w *watch) Behind(notes int)        { w.behind = notes }
func (w *watch) Apart(notes int)         { w.apart = notes }
func (w *watch) Restored(notes int)      { w.restored += notes }
func (w *watch) Diverged(id note.ID)     { w.diverged = append(w.diverged, id) }

// guard is a keeper with its parts.
type guard struct {
	*keeper.Keeper
	store   *weak
	journal *storetest.Journal
	watch   *watch
	service *callback.Service
	list    *callback.Worklist
	calls   int
}

func newGuard() *guard {
	g := &guard{store: &weak{Memory: storetest.NewMemory()}, journal: storetest.NewJournal()}
	g.restart()
	return g
}

// restart is a new daemon on the old one's journal and store.
func (g *guard) restart() {
	g.watch = &watch{}
	g.Keeper = keeper.New(g.store, g.journal, g.watch)
	h, f := storetest.NewHouse(), storetest.NewFloor()
	g.service = callback.NewService(g.work(), h, h, nil)
	g.list = callback.NewWorklist(g.work(), f, nil)
}

// work is the store, its notes by way of the keeper.
func (g *guard) work() callback.WorkStore {
	return callback.Joined{Notes: g.Keeper, Tally: g.store, Presence: g.store}
}

// request asks for a note in a new call of a new caller.
func (g *guard) request() callback.Request {
	g.calls++
	r := storetest.ARequest()
	r.Call = call.ID(fmt.Sprintf("1732300000.%d", g.calls))
	r.Key = note.CallKey("pbx1", r.Call)
	r.Number = call.Number{E164: fmt.Sprintf("+316%08d", 10_000_000+g.calls)}
	r.At = storetest.Now()
	return r
}

func (g *guard) promise(t *testing.T) note.Note {
	t.Helper()
	n, _, err := g.service.Promise(t.Context(), g.request())
	require.NoError(t, err)
	return n
}

func (g *guard) claim(t *testing.T, n note.Note, who note.Actor) note.Note {
	t.Helper()
	n, err := g.list.Claim(t.Context(), storetest.By(who, n))
	require.NoError(t, err)
	return n
}

func (g *guard) requireStored(t *testing.T, want note.Note) {
	t.Helper()
	got, err := g.store.Memory.Note(t.Context(), storetest.Town, want.ID)
	require.NoError(t, err)
	want.Lease, got.Lease = time.Time{}, time.Time{}
	require.Equal(t, want, got)
}

func (g *guard) catchUp(t *testing.T, mended int) {
	t.Helper()
	got, err := g.CatchUp(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, keeper.CaughtUp{Mended: mended, Done: true}, got)
	require.Zero(t, g.watch.behind)
	require.Zero(t, g.watch.apart)
}

func TestAPromiseIsInTheJournalAndInTheStore(t *testing.T) {
	g := newGuard()
	n := g.promise(t)
	g.requireStored(t, n)
	n, err := g.list.Raise(t.Context(), storetest.By(storetest.Els, g.claim(t, n, storetest.Els)), "")
	require.NoError(t, err)
	events, err := g.journal.Events(n.ID)
	require.NoError(t, err)
	stored, err := g.store.Events(t.Context(), storetest.Town, n.ID)
	require.NoError(t, err)
	require.Equal(t, stored, events)
	kept, err := note.Replay(events)
	require.NoError(t, err)
	require.Equal(t, n, kept, "with the lease that the store gave")
	g.catchUp(t, 0)
	require.Equal(t, &watch{}, g.watch, "nothing to report")

	another := g.promise(t)
	g.restart()
	require.Zero(t, g.Behind(), "the next daemon knows that the store has it")
	g.store.Memory = storetest.NewMemory()
	g.catchUp(t, 2)
	g.requireStored(t, another)
	require.Equal(t, 2, g.watch.restored)
}

// Fault matrix, rows 1 and 2.
func TestRow1And2TheJournalConfirmsWithinHalfASecond(t *testing.T) {
	for name, fail := range map[string]func(g *guard){
		"the store refuses":   func(g *guard) { g.store.Fail(errors.New("connection refused")) },
		"the store is silent": func(g *guard) { g.store.silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard()
				fail(g)
				start, request := time.Now(), g.request()
				n, _, err := g.service.Promise(t.Context(), request)
				require.NoError(t, err)
				require.Less(t, time.Since(start), 500*time.Millisecond)
				require.Equal(t, 1, g.watch.behind)

				start = time.Now()
				again, _, err := g.service.Promise(t.Context(), request)
				require.NoError(t, err)
				require.Equal(t, n, again, "asked again in the same call: the same promise")
				require.Less(t, time.Since(start), 500*time.Millisecond)
				bounded, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = g.list.Claim(bounded, storetest.By(storetest.Els, n))
				require.ErrorIs(t, err, note.ErrStoreDown, "a claim is refused: two could have it")

				g.store.Fail(nil)
				g.store.silent = false
				seen, err := g.Note(t.Context(), storetest.Town, n.ID)
				require.NoError(t, err)
				require.Equal(t, n, seen, "a caller with the reference gets an answer")
				_, err = g.list.Claim(t.Context(), storetest.By(storetest.Els, n))
				require.ErrorIs(t, err, note.ErrStoreDown)
				require.ErrorContains(t, err, "not stored yet")
				g.catchUp(t, 1)
				g.requireStored(t, n)
				require.Zero(t, g.watch.restored, "it was known to be missing: no alarm")
				g.claim(t, n, storetest.Els)
			})
		})
	}
}

// Fault matrix, row 3.
func TestRow3AReplyIsLost(t *testing.T) {
	g := newGuard()
	g.store.lose = 1
	request := g.request()
	n, _, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	again, _, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, n, again)
	g.catchUp(t, 0)
	counts, err := g.Counts(t.Context(), storetest.Town, storetest.Now())
	require.NoError(t, err)
	require.Equal(t, int64(1), counts["burgerzaken"].Made)

	g.store.lose = 1
	_, err = g.list.Claim(t.Context(), storetest.By(storetest.Els, n))
	require.ErrorIs(t, err, note.ErrStoreDown)
	claimed, err := g.Note(t.Context(), storetest.Town, n.ID)
	require.NoError(t, err)
	require.Equal(t, call.AgentID("els"), claimed.Colleague, "it was done, and the reply was lost")
	n, err = g.list.Comment(t.Context(), storetest.By(storetest.Els, n), "verder")
	require.NoError(t, err)
	events, err := g.journal.Events(n.ID)
	require.NoError(t, err)
	require.Len(t, events, 3, "the journal has the event whose reply was lost")
	g.catchUp(t, 0)
	require.Empty(t, g.watch.diverged)
}

func TestTheSameChangeAskedTwiceIsOneChange(t *testing.T) {
	g := newGuard()
	n := g.promise(t)
	e := note.Event{
		ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AD", Note: n.ID, Kind: note.EventRaised, Ver: 2, At: storetest.Now(),
		Who: storetest.Els,
	}
	first, err := g.Advance(t.Context(), n, e)
	require.NoError(t, err)
	second, err := g.Advance(t.Context(), n, e)
	require.NoError(t, err)
	require.Equal(t, first, second)
	events, err := g.journal.Events(n.ID)
	require.NoError(t, err)
	require.Len(t, events, 2)
}

// Fault matrix, row 7: the store comes back empty.
func TestRow7TheStoreComesBackEmpty(t *testing.T) {
	g := newGuard()
	open, claimed, done, gone := g.promise(t), g.promise(t), g.promise(t), g.promise(t)
	claimed = g.claim(t, claimed, storetest.Els)
	claimed, err := g.list.StartAttempt(t.Context(), storetest.By(storetest.Els, claimed), "")
	require.NoError(t, err)
	g.claim(t, done, storetest.Jan)
	done, err = g.list.Resolve(t.Context(), storetest.By(storetest.Jan, done), note.Settled, "")
	require.NoError(t, err)
	_, err = g.list.Erase(t.Context(), storetest.Town, gone.Number, storetest.Piet, storetest.Now())
	require.NoError(t, err)

	g.store.Memory = storetest.NewMemory()
	g.catchUp(t, 3)
	require.Equal(t, 3, g.watch.restored, "an alarm")
	for _, n := range []note.Note{open, claimed, done} {
		g.requireStored(t, n)
	}
	_, err = g.Note(t.Context(), storetest.Town, gone.ID)
	require.ErrorIs(t, err, note.ErrNoNote, "an erased note does not come back")
	g.catchUp(t, 0)
	require.Equal(t, 3, g.watch.restored, "reported once")
	counts, err := g.Counts(t.Context(), storetest.Town, storetest.Now())
	require.NoError(t, err)
	require.Equal(t, note.Count{Made: 3, Live: 2, Resolved: 1}, counts["burgerzaken"])
}

// setBack gives the store as it was after so many events of a note.
func (g *guard) setBack(t *testing.T, id note.ID, ver int) {
	t.Helper()
	events, err := g.store.Events(t.Context(), storetest.Town, id)
	require.NoError(t, err)
	g.setBackTo(t, events[:ver])
}

func (g *guard) setBackTo(t *testing.T, events []note.Event) {
	t.Helper()
	g.store.Memory = storetest.NewMemory()
	n, err := g.store.Restore(t.Context(), events[0])
	require.NoError(t, err)
	for _, e := range events[1:] {
		n, err = g.store.Advance(t.Context(), n, e)
		require.NoError(t, err)
	}
}

// An erased note must not come back with an old state of the store, be it live there or closed.
func TestRow6APurgedNoteIsPurgedAgain(t *testing.T) {
	for name, ver := range map[string]int{"the store has it live": 1, "the store has it closed": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard()
				n := g.promise(t)
				n, err := g.list.Cancel(t.Context(), storetest.By(storetest.Els, n), "")
				require.NoError(t, err)
				events, err := g.store.Events(t.Context(), storetest.Town, n.ID)
				require.NoError(t, err)
				erased, err := g.list.Erase(t.Context(), storetest.Town, n.Number, storetest.Els, storetest.Now())
				require.NoError(t, err)
				require.Equal(t, 1, erased)
				require.Equal(t, 1, g.Erased())
				g.setBackTo(t, events[:ver])
				g.catchUp(t, 1)
				after, err := g.store.Note(t.Context(), storetest.Town, n.ID)
				require.NoError(t, err)
				require.Equal(t, note.Purged, after.State)
				require.Empty(t, after.Number)
				g.catchUp(t, 0)
				require.Empty(t, g.watch.diverged)
			})
		})
	}
}

// Fault matrix, row 6: a replica that lagged behind took over.
func TestRow6TheStoreIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		n := g.promise(t)
		n = g.claim(t, n, storetest.Els)
		_, err := g.list.StartAttempt(t.Context(), storetest.By(storetest.Els, n), "")
		require.NoError(t, err)
		<-time.After(time.Hour)
		r, err := g.list.RoundSince(t.Context(), storetest.Town, time.Now(), time.Time{})
		require.NoError(t, err)
		require.Len(t, r.Lapsed, 1)
		n = g.claim(t, r.Lapsed[0], storetest.Jan)
		g.setBack(t, n.ID, 2)

		other := g.promise(t)
		other = g.claim(t, other, storetest.Els)
		g.setBack(t, n.ID, 2) // the other event is not in it

		old := storetest.By(storetest.Els, n)
		old.Ver = 2
		_, err = g.list.Release(t.Context(), old, "")
		var stale *note.StaleError
		require.ErrorAs(t, err, &stale, "a confirmed change stands")
		g.requireStored(t, n)
		require.Equal(t, 1, g.watch.restored, "a change of a note that was set back mends it")
		g.catchUp(t, 1)
		g.requireStored(t, other)
		require.Equal(t, 2, g.watch.restored)
		require.Empty(t, g.watch.diverged)
		_, err = g.list.Resolve(t.Context(), storetest.By(storetest.Jan, n), note.Settled, "")
		require.NoError(t, err)
	})
}
