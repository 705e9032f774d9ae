package callback_test

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
	"github.com/bereikbaar/bereikbaar/callback/storetest"
)

// weak is a store that fails as stores do: it is silent until the caller gives up, or does as it was asked and its reply is lost.
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
	return fmt.Errorf("%w: %w", callback.ErrStoreDown, ctx.Err())
}

func (w *weak) lost(n callback.Note, err error) (callback.Note, error) {
	if err == nil && w.lose > 0 {
		w.lose--
		return callback.Note{}, fmt.Errorf("%w: the reply was lost", callback.ErrStoreDown)
	}
	return n, err
}

func (w *weak) Make(ctx context.Context, made callback.Event) (callback.Note, error) {
	if err := w.fault(ctx); err != nil {
		return callback.Note{}, err
	}
	return w.lost(w.Memory.Make(ctx, made))
}

func (w *weak) Advance(ctx context.Context, before callback.Note, e callback.Event) (callback.Note, error) {
	if err := w.fault(ctx); err != nil {
		return callback.Note{}, err
	}
	return w.lost(w.Memory.Advance(ctx, before, e))
}

func (w *weak) Note(ctx context.Context, m call.MunicipalityID, id callback.NoteID) (callback.Note, error) {
	if err := w.fault(ctx); err != nil {
		return callback.Note{}, err
	}
	return w.Memory.Note(ctx, m, id)
}

// watch remembers what a keeper told.
type watch struct {
	journal  []error
	behind   int
	restored int
	diverged []callback.NoteID
}

func (w *watch) JournalFailed(err error)     { w.journal = append(w.journal, err) }
func (w *watch) Behind(notes int)            { w.behind = notes }
func (w *watch) Restored(notes int)          { w.restored += notes }
func (w *watch) Diverged(id callback.NoteID) { w.diverged = append(w.diverged, id) }

// guard is a keeper, and all that it stands on.
type guard struct {
	*callback.Keeper
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

// restart is a new daemon on what the old one left.
func (g *guard) restart() {
	g.watch = &watch{}
	g.Keeper = callback.NewKeeper(g.store, g.journal, g.watch)
	h, f := newHouse(), newFloor()
	g.service = callback.NewService(g.Keeper, h, h, nil)
	g.list = callback.NewWorklist(g.Keeper, f, nil)
}

// request asks for a note in a call of its own, of a caller of his own.
func (g *guard) request() callback.Request {
	g.calls++
	r := aRequest()
	r.Call = call.ID(fmt.Sprintf("1732300000.%d", g.calls))
	r.Key = callback.CallKey("pbx1", r.Call)
	r.Number = call.Number{E164: fmt.Sprintf("+316%08d", 10_000_000+g.calls)}
	r.At = now()
	return r
}

func (g *guard) promise(t *testing.T) callback.Note {
	t.Helper()
	n, err := g.service.Promise(t.Context(), g.request())
	require.NoError(t, err)
	return n
}

func (g *guard) claim(t *testing.T, n callback.Note, who callback.Actor) callback.Note {
	t.Helper()
	n, err := g.list.Claim(t.Context(), by(who, n))
	require.NoError(t, err)
	return n
}

func (g *guard) requireStored(t *testing.T, want callback.Note) {
	t.Helper()
	got, err := g.store.Memory.Note(t.Context(), town, want.ID)
	require.NoError(t, err)
	want.Lease, got.Lease = time.Time{}, time.Time{}
	require.Equal(t, want, got)
}

func (g *guard) catchUp(t *testing.T, mended int) {
	t.Helper()
	got, err := g.CatchUp(t.Context())
	require.NoError(t, err)
	require.Equal(t, mended, got)
	require.Zero(t, g.watch.behind)
}

func TestAPromiseIsInTheJournalAndInTheStore(t *testing.T) {
	g := newGuard()
	n := g.promise(t)
	g.requireStored(t, n)
	n = g.claim(t, n, els)
	events, err := g.journal.Events(n.ID)
	require.NoError(t, err)
	kept, err := callback.Replay(events)
	require.NoError(t, err)
	require.Equal(t, n, kept, "with the lease that the store gave")
	g.catchUp(t, 0)
	require.Equal(t, &watch{}, g.watch, "nothing to tell")
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
				n, err := g.service.Promise(t.Context(), request)
				require.NoError(t, err)
				require.Less(t, time.Since(start), 500*time.Millisecond)
				require.Equal(t, 1, g.watch.behind)

				start = time.Now()
				again, err := g.service.Promise(t.Context(), request)
				require.NoError(t, err)
				require.Equal(t, n, again, "asked again in the same call: the same promise")
				require.Less(t, time.Since(start), 500*time.Millisecond)
				bounded, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = g.list.Claim(bounded, by(els, n))
				require.ErrorIs(t, err, callback.ErrStoreDown, "a claim is refused: two could have it")

				g.store.Fail(nil)
				g.store.silent = false
				seen, err := g.Note(t.Context(), town, n.ID)
				require.NoError(t, err)
				require.Equal(t, n, seen, "who has his reference is answered")
				_, err = g.list.Claim(t.Context(), by(els, n))
				require.ErrorIs(t, err, callback.ErrStoreDown)
				require.ErrorContains(t, err, "not stored yet")
				g.catchUp(t, 1)
				g.requireStored(t, n)
				require.Zero(t, g.watch.restored, "it was known to be missing: no alarm")
				g.claim(t, n, els)
			})
		})
	}
}

// Fault matrix, row 3.
func TestRow3AReplyIsLost(t *testing.T) {
	g := newGuard()
	g.store.lose = 1
	request := g.request()
	n, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	again, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, n, again)
	g.catchUp(t, 0)
	counts, err := g.Counts(t.Context(), town, now())
	require.NoError(t, err)
	require.Equal(t, int64(1), counts["burgerzaken"].Made)

	g.store.lose = 1
	_, err = g.list.Claim(t.Context(), by(els, n))
	require.ErrorIs(t, err, callback.ErrStoreDown)
	claimed, err := g.Note(t.Context(), town, n.ID)
	require.NoError(t, err)
	require.Equal(t, call.AgentID("els"), claimed.Colleague, "it was done, and nobody was told")
	n, err = g.list.Comment(t.Context(), by(els, n), "verder")
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
	e := callback.Event{ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AD", Note: n.ID, Kind: callback.EventRaised, Ver: 2, At: now(), Who: els}
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
	claimed = g.claim(t, claimed, els)
	claimed, err := g.list.StartAttempt(t.Context(), by(els, claimed), "")
	require.NoError(t, err)
	g.claim(t, done, jan)
	done, err = g.list.Resolve(t.Context(), by(jan, done), callback.Settled, "")
	require.NoError(t, err)
	_, err = g.list.Erase(t.Context(), town, gone.Number, piet, now())
	require.NoError(t, err)

	g.store.Memory = storetest.NewMemory()
	g.catchUp(t, 3)
	require.Equal(t, 3, g.watch.restored, "an alarm")
	for _, n := range []callback.Note{open, claimed, done} {
		g.requireStored(t, n)
	}
	_, err = g.Note(t.Context(), town, gone.ID)
	require.ErrorIs(t, err, callback.ErrNoNote, "who was erased does not come back")
	g.catchUp(t, 0)
	require.Equal(t, 3, g.watch.restored, "told once")
	counts, err := g.Counts(t.Context(), town, now())
	require.NoError(t, err)
	require.Equal(t, callback.Count{Made: 3, Live: 2, Resolved: 1}, counts["burgerzaken"])
}

// setBack gives the store as it was after so many events of a note.
func (g *guard) setBack(t *testing.T, id callback.NoteID, ver int) {
	t.Helper()
	events, err := g.store.Events(t.Context(), town, id)
	require.NoError(t, err)
	g.store.Memory = storetest.NewMemory()
	n, err := g.store.Restore(t.Context(), events[0])
	require.NoError(t, err)
	for _, e := range events[1:ver] {
		n, err = g.store.Advance(t.Context(), n, e)
		require.NoError(t, err)
	}
}

// Fault matrix, row 6: a replica that lagged behind took over.
func TestRow6TheStoreIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		n := g.promise(t)
		n = g.claim(t, n, els)
		n, err := g.list.StartAttempt(t.Context(), by(els, n), "")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		r, err := g.list.Round(t.Context(), town, time.Now())
		require.NoError(t, err)
		require.Len(t, r.Lapsed, 1)
		n = g.claim(t, r.Lapsed[0], jan)
		g.setBack(t, n.ID, 2)

		other := g.promise(t)
		other = g.claim(t, other, els)
		g.setBack(t, n.ID, 2) // which has not even heard of the other

		old := by(els, n)
		old.Ver = 2
		_, err = g.list.Release(t.Context(), old, "")
		var stale *callback.StaleError
		require.ErrorAs(t, err, &stale, "nobody changes what was confirmed otherwise")
		g.requireStored(t, n)
		require.Equal(t, 1, g.watch.restored, "who touches a note that was set back has it mended")
		g.catchUp(t, 1)
		g.requireStored(t, other)
		require.Equal(t, 2, g.watch.restored)
		require.Empty(t, g.watch.diverged)
		_, err = g.list.Resolve(t.Context(), by(jan, n), callback.Settled, "")
		require.NoError(t, err)
	})
}

func TestADifferentHistoryIsToldAndNothingIsChanged(t *testing.T) {
	beside := func(t *testing.T, g *guard, n callback.Note, who callback.Actor, more int) {
		t.Helper()
		list := callback.NewWorklist(g.store, newFloor(), nil) // another program, without the journal
		_, err := list.Claim(t.Context(), by(who, n))
		require.NoError(t, err)
		for range more {
			_, err = list.Raise(t.Context(), by(who, n), "")
			require.NoError(t, err)
		}
	}
	for name, test := range map[string]struct{ ours, theirs int }{
		"the journal is further": {2, 0},
		"they are equally far":   {1, 1},
		"the store is further":   {0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuard()
			n := g.claim(t, g.promise(t), els)
			for range test.ours {
				_, err := g.list.Raise(t.Context(), by(els, n), "")
				require.NoError(t, err)
			}
			journal, err := g.journal.Events(n.ID)
			require.NoError(t, err)
			g.setBack(t, n.ID, 1)
			beside(t, g, n, jan, test.theirs)
			store, err := g.store.Events(t.Context(), town, n.ID)
			require.NoError(t, err)

			mended, err := g.CatchUp(t.Context())
			require.ErrorContains(t, err, "another history")
			require.ErrorContains(t, err, string(n.ID))
			require.Zero(t, mended)
			require.Equal(t, []callback.NoteID{n.ID}, g.watch.diverged)
			require.Equal(t, 1, g.watch.behind)
			after, err := g.store.Events(t.Context(), town, n.ID)
			require.NoError(t, err)
			require.Equal(t, store, after)
			kept, err := g.journal.Events(n.ID)
			require.NoError(t, err)
			require.Equal(t, journal, kept)
		})
	}
	t.Run("another note has its key", func(t *testing.T) {
		g := newGuard()
		request := g.request()
		g.journal.Fail(errors.New("disk full"))
		g.store.lose = 1
		_, err := g.service.Promise(t.Context(), request)
		require.ErrorIs(t, err, callback.ErrStoreDown, "made, and not confirmed")
		g.journal.Fail(nil)
		g.store.Fail(errors.New("connection refused"))
		confirmed, err := g.service.Promise(t.Context(), request)
		require.NoError(t, err)
		g.store.Fail(nil)
		_, err = g.CatchUp(t.Context())
		require.ErrorContains(t, err, "its key has note")
		require.Equal(t, []callback.NoteID{confirmed.ID}, g.watch.diverged)
		events, err := g.journal.Events(confirmed.ID)
		require.NoError(t, err)
		require.Len(t, events, 1, "what was confirmed is kept for people to look at")
	})
}

func TestTheJournalFollowsWhatAnotherProgramDid(t *testing.T) {
	g := newGuard()
	worked, erased := g.promise(t), g.promise(t)
	list := callback.NewWorklist(g.store, newFloor(), nil)
	_, err := list.Claim(t.Context(), by(jan, worked))
	require.NoError(t, err)
	worked, err = list.Resolve(t.Context(), by(jan, worked), callback.Settled, "")
	require.NoError(t, err)
	_, err = list.Erase(t.Context(), town, erased.Number, piet, now())
	require.NoError(t, err)

	g.catchUp(t, 0)
	events, err := g.journal.Events(worked.ID)
	require.NoError(t, err)
	kept, err := callback.Replay(events)
	require.NoError(t, err)
	require.Equal(t, worked, kept)
	events, err = g.journal.Events(erased.ID)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, callback.EventPurged, events[0].Kind, "nothing personal is left in the journal either")
	_, ok, err := g.journal.ByKey(town, erased.Key)
	require.NoError(t, err)
	require.False(t, ok)
}

// Fault matrix, row 11.
func TestRow11TheJournalFails(t *testing.T) {
	full := errors.New("no space left on device")
	t.Run("the store alone confirms", func(t *testing.T) {
		g := newGuard()
		g.journal.Fail(full)
		n := g.promise(t)
		g.requireStored(t, n)
		require.ErrorIs(t, errors.Join(g.watch.journal...), full)
		n = g.claim(t, n, els)
		g.journal.Fail(nil)
		n, err := g.list.Comment(t.Context(), by(els, n), "weer ruimte")
		require.NoError(t, err)
		events, err := g.journal.Events(n.ID)
		require.NoError(t, err)
		require.Len(t, events, 3, "the journal takes what it missed from the store")
	})
	t.Run("neither can: nothing is confirmed", func(t *testing.T) {
		g := newGuard()
		g.journal.Fail(full)
		g.store.Fail(errors.New("connection refused"))
		_, err := g.service.Promise(t.Context(), g.request())
		require.ErrorIs(t, err, callback.ErrStoreDown)
		require.ErrorIs(t, err, full)
		require.Zero(t, g.watch.behind)
		_, err = g.CatchUp(t.Context())
		require.ErrorIs(t, err, full)
		_, err = g.Prune(t.Context(), now(), 0)
		require.ErrorIs(t, err, full)
	})
}

func TestWhatIsMergedLeavesNothingInTheJournal(t *testing.T) {
	g := newGuard()
	request := g.request()
	n, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	request.Key, request.Call = "pbx1/another", "another"
	merged, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, n.ID, merged.ID)
	notes, err := g.journal.Notes()
	require.NoError(t, err)
	require.Equal(t, []callback.Kept{{Municipality: town, Note: n.ID, Ver: 2}}, notes)
}

// A note that is being made is not restored beside the one that it merges into.
func TestCatchUpLeavesWhatIsBeingMade(t *testing.T) {
	g := newGuard()
	request := g.request()
	n, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	s := &during{weak: g.store, do: func() { _, err = g.CatchUp(t.Context()) }}
	g.Keeper = callback.NewKeeper(s, g.journal, g.watch)
	h := newHouse()
	request.Key, request.Call = "pbx1/another", "another"
	merged, promised := callback.NewService(g.Keeper, h, h, nil).Promise(t.Context(), request)
	require.NoError(t, promised)
	require.NoError(t, err)
	require.Equal(t, n.ID, merged.ID)
	counts, err := g.Counts(t.Context(), town, now())
	require.NoError(t, err)
	require.Equal(t, int64(1), counts["burgerzaken"].Made)
	require.Zero(t, g.watch.restored)
}

// during does something while a note is being made.
type during struct {
	*weak
	do func()
}

func (d *during) Make(ctx context.Context, made callback.Event) (callback.Note, error) {
	d.do()
	return d.weak.Make(ctx, made)
}

func TestCatchUpWhileTheStoreIsAway(t *testing.T) {
	g := newGuard()
	g.store.Fail(errors.New("connection refused"))
	n := g.promise(t)
	g.promise(t)
	_, err := g.CatchUp(t.Context())
	require.ErrorIs(t, err, callback.ErrStoreDown)
	require.Equal(t, 2, g.watch.behind)
	g.restart()
	g.store.Fail(nil)
	g.catchUp(t, 2)
	g.requireStored(t, n)
	g.catchUp(t, 0)
}

func TestPruneForgetsOnlyWhatIsClosedOldAndStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keep = 72 * time.Hour
		g := newGuard()
		cancel := func(n callback.Note) {
			t.Helper()
			_, err := g.list.Cancel(t.Context(), callback.Step{Municipality: town, Note: n.ID, Who: els, At: now()}, "")
			require.NoError(t, err)
		}
		open, old, lost := g.promise(t), g.promise(t), g.promise(t)
		cancel(old)
		cancel(lost)
		time.Sleep(keep)
		young := g.promise(t)
		cancel(young)
		pruned, err := g.Prune(t.Context(), time.Now().Add(-time.Millisecond), keep)
		require.NoError(t, err)
		require.Zero(t, pruned, "not before its time")

		g.store.Fail(errors.New("connection refused"))
		_, err = g.Prune(t.Context(), time.Now(), keep)
		require.ErrorIs(t, err, callback.ErrStoreDown, "nothing is forgotten unseen")
		g.store.Fail(nil)
		g.store.Memory = without(t, g.store.Memory, lost.ID, open, old, young)
		pruned, err = g.Prune(t.Context(), time.Now(), keep)
		require.NoError(t, err)
		require.Equal(t, 1, pruned)
		notes, err := g.journal.Notes()
		require.NoError(t, err)
		var kept []callback.NoteID
		for _, n := range notes {
			kept = append(kept, n.Note)
		}
		require.ElementsMatch(t, []callback.NoteID{open.ID, lost.ID, young.ID}, kept)
		g.catchUp(t, 1)
	})
}

// without gives a store that has all notes but one.
func without(t *testing.T, from *storetest.Memory, lost callback.NoteID, notes ...callback.Note) *storetest.Memory {
	t.Helper()
	m := storetest.NewMemory()
	for _, n := range notes {
		require.NotEqual(t, lost, n.ID)
		events, err := from.Events(t.Context(), town, n.ID)
		require.NoError(t, err)
		stored, err := m.Restore(t.Context(), events[0])
		require.NoError(t, err)
		for _, e := range events[1:] {
			stored, err = m.Advance(t.Context(), stored, e)
			require.NoError(t, err)
		}
	}
	return m
}
