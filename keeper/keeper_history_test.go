package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestADifferentHistoryIsReportedAndNothingIsChanged(t *testing.T) {
	beside := func(t *testing.T, g *guard, n note.Note, who note.Actor, more int) {
		t.Helper()
		list := callback.NewWorklist(g.store, storetest.NewFloor(), nil) // another program, without the journal
		_, err := list.Claim(t.Context(), storetest.By(who, n))
		require.NoError(t, err)
		for range more {
			_, err = list.Raise(t.Context(), storetest.By(who, n), "")
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
			n := g.claim(t, g.promise(t), storetest.Els)
			for range test.ours {
				_, err := g.list.Raise(t.Context(), storetest.By(storetest.Els, n), "")
				require.NoError(t, err)
			}
			journal, err := g.journal.Events(n.ID)
			require.NoError(t, err)
			g.setBack(t, n.ID, 1)
			beside(t, g, n, storetest.Jan, test.theirs)
			store, err := g.store.Events(t.Context(), storetest.Town, n.ID)
			require.NoError(t, err)

			mended, err := g.CatchUp(t.Context(), "")
			require.ErrorContains(t, err, "another history")
			require.ErrorContains(t, err, string(n.ID))
			require.Zero(t, mended.Mended)
			require.Equal(t, []note.ID{n.ID}, g.watch.diverged)
			require.Equal(t, 1, g.watch.apart, "a manual check is needed")
			require.Zero(t, g.watch.behind, "the store answers: the note is not behind")
			after, err := g.store.Events(t.Context(), storetest.Town, n.ID)
			require.NoError(t, err)
			require.Equal(t, store, after)
			kept, err := g.journal.Events(n.ID)
			require.NoError(t, err)
			require.Equal(t, journal, kept)
			_, err = g.CatchUp(t.Context(), "")
			require.ErrorContains(t, err, "another history", "the histories still differ")
			require.Equal(t, []note.ID{n.ID}, g.watch.diverged, "and it is told once, not with every comparison")
		})
	}
	t.Run("another note has its key", func(t *testing.T) {
		g := newGuard()
		request := g.request()
		g.journal.Fail(errors.New("disk full"))
		g.store.lose = 1
		_, _, err := g.service.Promise(t.Context(), request)
		require.ErrorIs(t, err, note.ErrStoreDown, "made, and not confirmed")
		g.journal.Fail(nil)
		g.store.Fail(errors.New("connection refused"))
		confirmed, _, err := g.service.Promise(t.Context(), request)
		require.NoError(t, err)
		g.store.Fail(nil)
		_, err = g.CatchUp(t.Context(), "")
		require.ErrorContains(t, err, "its idempotency key has note")
		require.Equal(t, []note.ID{confirmed.ID}, g.watch.diverged)
		require.Equal(t, 1, g.watch.apart)
		require.Zero(t, g.watch.behind)
		seen, err := g.Note(t.Context(), storetest.Town, confirmed.ID)
		require.NoError(t, err, "and a request for it is answered: only the journal has it")
		require.Equal(t, confirmed, seen)
		g.restart()
		require.Equal(t, 1, g.watch.behind, "the next daemon does not forget it, before it has compared")
		events, err := g.journal.Events(confirmed.ID)
		require.NoError(t, err)
		require.Len(t, events, 1, "the confirmed event is kept for a manual check")
	})
}

func TestTheJournalFollowsAnotherProgram(t *testing.T) {
	g := newGuard()
	worked, erased := g.promise(t), g.promise(t)
	list := callback.NewWorklist(g.store, storetest.NewFloor(), nil)
	_, err := list.Claim(t.Context(), storetest.By(storetest.Jan, worked))
	require.NoError(t, err)
	worked, err = list.Resolve(t.Context(), storetest.By(storetest.Jan, worked), note.Settled, "")
	require.NoError(t, err)
	_, err = list.Erase(t.Context(), storetest.Town, erased.Number, storetest.Piet, storetest.Now())
	require.NoError(t, err)

	g.catchUp(t, 0)
	events, err := g.journal.Events(worked.ID)
	require.NoError(t, err)
	kept, err := note.Replay(events)
	require.NoError(t, err)
	require.Equal(t, worked, kept)
	events, err = g.journal.Events(erased.ID)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, note.EventPurged, events[0].Kind, "nothing personal is left in the journal either")
	_, ok, err := g.journal.ByKey(storetest.Town, erased.Key)
	require.NoError(t, err)
	require.False(t, ok)
}

// A note that people must mend holds up no other, and is no longer reported when it is mended.
func TestANoteThatCannotBeReadIsApartUntilItCan(t *testing.T) {
	g := newGuard()
	n, other := g.promise(t), g.promise(t)
	s := &illegible{weak: g.store, note: n.ID}
	g.Keeper = keeper.New(s, g.journal, g.watch)
	_, err := g.CatchUp(t.Context(), "")
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, string(n.ID))
	require.Equal(t, 1, g.watch.apart)
	require.Zero(t, g.watch.behind)
	require.Zero(t, g.Behind())

	g.store.Fail(errors.New("connection refused"))
	h := storetest.NewHouse()
	waits, _, err := callback.NewService(g.work(), h, h, nil).Promise(t.Context(), g.request())
	require.NoError(t, err)
	require.Equal(t, 1, g.watch.behind)
	require.Equal(t, 1, g.watch.apart)
	g.store.Fail(nil)
	s.asked = 0
	_, err = g.ByNumber(t.Context(), storetest.Town, other.Number, 10)
	require.NoError(t, err)
	require.Zero(t, s.asked, "a note for a manual check holds up no caller")
	require.Zero(t, g.watch.behind)
	g.requireStored(t, waits)

	s.note = ""
	g.catchUp(t, 0)
	require.Zero(t, g.watch.restored)
	require.Empty(t, g.watch.diverged)
}

// A note whose history cannot be read holds up no later erasure, and its own erasure is kept.
func TestAHistoryThatCannotBeReadHoldsUpNoErasure(t *testing.T) {
	g := newGuard()
	h := storetest.NewHouse()
	// another program's
	service, list := callback.NewService(g.store, h, h, nil), callback.NewWorklist(g.store, storetest.NewFloor(), nil)
	made := func() note.Note {
		n, _, err := service.Promise(t.Context(), g.request())
		require.NoError(t, err)
		return n
	}
	reopened, erased, after := made(), made(), made()
	_, err := list.Cancel(t.Context(), storetest.By(storetest.Jan, reopened), "")
	require.NoError(t, err)
	reopened, err = g.store.Note(t.Context(), storetest.Town, reopened.ID)
	require.NoError(t, err)
	_, err = list.Reopen(t.Context(), storetest.By(storetest.Piet, reopened), "by mistake")
	require.NoError(t, err)
	for _, n := range []note.Note{erased, after} {
		_, err := list.Erase(t.Context(), storetest.Town, n.Number, storetest.Piet, storetest.Now())
		require.NoError(t, err)
	}
	for _, broken := range []note.Note{reopened, erased} {
		g.journal = storetest.NewJournal()
		g.Keeper = keeper.New(&illegible{weak: g.store, note: broken.ID}, g.journal, g.watch)
		next, err := g.Follow(t.Context(), storetest.Town, "")
		if broken.ID == reopened.ID {
			require.ErrorIs(t, err, note.ErrBroken, "the problem is reported")
			require.ErrorContains(t, err, string(broken.ID))
		} else {
			require.NoError(t, err, "an erased note needs no history")
		}
		for _, n := range []note.Note{erased, after} {
			events, err := g.journal.Events(n.ID)
			require.NoError(t, err)
			require.Len(t, events, 1, "the erasure is kept")
			require.Equal(t, note.EventPurged, events[0].Kind)
		}
		again, err := g.Follow(t.Context(), storetest.Town, next)
		require.NoError(t, err)
		require.Equal(t, next, again)
	}
}

// illegible cannot read one note.
type illegible struct {
	*weak
	note  note.ID
	asked int // for that one
}

func (s *illegible) Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error) {
	if id == s.note {
		s.asked++
		return note.Note{}, note.ErrBroken
	}
	return s.weak.Note(ctx, m, id)
}

func (s *illegible) Events(ctx context.Context, m call.MunicipalityID, id note.ID) ([]note.Event, error) {
	if id == s.note {
		return nil, note.ErrBroken
	}
	return s.weak.Events(ctx, m, id)
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
		n = g.claim(t, n, storetest.Els)
		g.journal.Fail(nil)
		n, err := g.list.Comment(t.Context(), storetest.By(storetest.Els, n), "weer ruimte")
		require.NoError(t, err)
		events, err := g.journal.Events(n.ID)
		require.NoError(t, err)
		require.Len(t, events, 3, "the journal takes missed events from the store")
	})
	t.Run("neither can: nothing is confirmed", func(t *testing.T) {
		g := newGuard()
		g.journal.Fail(full)
		g.store.Fail(errors.New("connection refused"))
		_, _, err := g.service.Promise(t.Context(), g.request())
		require.ErrorIs(t, err, note.ErrStoreDown)
		require.ErrorIs(t, err, full)
		require.Zero(t, g.watch.behind)
		_, err = g.CatchUp(t.Context(), "")
		require.ErrorIs(t, err, full)
		_, err = g.Prune(t.Context(), storetest.Now(), 0)
		require.ErrorIs(t, err, full)
	})
}

func TestAMergedRequestLeavesNothingInTheJournal(t *testing.T) {
	g := newGuard()
	request := g.request()
	n, _, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	request.Key, request.Call = "pbx1/another", "another"
	merged, _, err := g.service.Promise(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, n.ID, merged.ID)
	notes, err := g.journal.Notes()
	require.NoError(t, err)
	require.Equal(t, []keeper.JournalNote{{Municipality: storetest.Town, Note: n.ID, Ver: 2}}, notes)
}

// A note that is being made is not restored beside the one that it merges into. A note that never reached the store was
// not lost.
func TestCatchUpWaitsForANoteThatIsBeingMade(t *testing.T) {
	for name, test := range map[string]struct {
		lost          bool // the store never gets the request
		notes, mended int
	}{
		"it is merged":               {notes: 1},
		"it never reaches the store": {lost: true, notes: 2, mended: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGuard()
				request := g.request()
				n, _, err := g.service.Promise(t.Context(), request)
				require.NoError(t, err)
				came := make(chan keeper.CaughtUp, 1)
				s := &during{weak: g.store, do: func() error {
					go func() {
						c, err := g.CatchUp(t.Context(), "")
						assert.NoError(t, err)
						came <- c
					}()
					synctest.Wait()
					if test.lost {
						return fmt.Errorf("%w: connection reset", note.ErrStoreDown)
					}
					return nil
				}}
				g.Keeper = keeper.New(s, g.journal, g.watch)
				h := storetest.NewHouse()
				request.Key, request.Call = "pbx1/another", "another"
				promised, _, err := callback.NewService(g.work(), h, h, nil).Promise(t.Context(), request)
				require.NoError(t, err)
				require.Equal(t, test.lost, n.ID != promised.ID)
				require.Equal(t, keeper.CaughtUp{Mended: test.mended, Done: true}, <-came)
				counts, err := g.Counts(t.Context(), storetest.Town, storetest.Now())
				require.NoError(t, err)
				require.Equal(t, int64(test.notes), counts["burgerzaken"].Made)
				require.Zero(t, g.watch.restored)
				require.Zero(t, g.watch.behind)
			})
		})
	}
}

// during does something while a note is being made, which fails when that does.
type during struct {
	*weak
	do func() error
}

func (d *during) Make(ctx context.Context, made note.Event) (note.Note, error) {
	if err := d.do(); err != nil {
		return note.Note{}, err
	}
	return d.weak.Make(ctx, made)
}

// meanwhile does something once, during the reading of a note or, the second time, of a history from the store.
type meanwhile struct {
	*weak
	events, note func()
	read         int
}

func (m *meanwhile) Events(ctx context.Context, town call.MunicipalityID, id note.ID) ([]note.Event, error) {
	events, err := m.weak.Events(ctx, town, id)
	if m.read++; m.read == 2 { // this reading is written to the journal
		m.once(&m.events)
	}
	return events, err
}

func (m *meanwhile) Note(ctx context.Context, town call.MunicipalityID, id note.ID) (note.Note, error) {
	n, err := m.weak.Note(ctx, town, id)
	m.once(&m.note)
	return n, err
}

// once begins it and lets it come as far as it can.
func (m *meanwhile) once(do *func()) {
	if begin := *do; begin != nil {
		*do = nil
		go begin()
		synctest.Wait()
	}
}

func TestANoteErasedDuringAComparisonDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		n := g.promise(t)
		beside := callback.NewWorklist(g.store, storetest.NewFloor(), nil) // another program, without the journal
		_, err := beside.Cancel(t.Context(), storetest.By(storetest.Els, n), "")
		require.NoError(t, err)
		s := &meanwhile{weak: g.store}
		g.Keeper = keeper.New(s, g.journal, g.watch)
		erased := make(chan int, 1)
		s.events = func() {
			count, err := callback.NewWorklist(g.work(), storetest.NewFloor(), nil).Erase(
				t.Context(), storetest.Town, n.Number, storetest.Piet, storetest.Now(),
			)
			assert.NoError(t, err)
			erased <- count
		}
		g.catchUp(t, 0)
		require.Equal(t, 1, <-erased)
		kept, err := g.journal.Events(n.ID)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Equal(t, note.EventPurged, kept[0].Kind)
	})
}

func TestANoteReopenedDuringPruningStaysInTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		n := g.promise(t)
		n, err := g.list.Cancel(t.Context(), storetest.By(storetest.Els, n), "")
		require.NoError(t, err)
		s := &meanwhile{weak: g.store}
		g.Keeper = keeper.New(s, g.journal, g.watch)
		reopened := make(chan note.Note, 1)
		s.note = func() {
			n, err := callback.NewWorklist(g.work(), storetest.NewFloor(), nil).Reopen(
				t.Context(), storetest.By(storetest.Els, n), "een vergissing",
			)
			assert.NoError(t, err)
			reopened <- n
		}
		_, err = g.Prune(t.Context(), storetest.Now().Add(100*time.Hour), time.Hour)
		require.NoError(t, err)
		n = <-reopened
		kept, err := g.journal.Events(n.ID)
		require.NoError(t, err)
		whole, err := note.Replay(kept)
		require.NoError(t, err)
		require.Equal(t, n, whole, "all of it, in either order")
	})
}

func TestANumberIsFoundInNotesThatOnlyTheJournalHas(t *testing.T) {
	g := newGuard()
	g.store.Fail(errors.New("connection refused"))
	n := g.promise(t)
	_, err := g.ByNumber(t.Context(), storetest.Town, n.Number, 10)
	require.ErrorIs(t, err, note.ErrStoreDown)
	_, err = g.list.Erase(t.Context(), storetest.Town, n.Number, storetest.Piet, storetest.Now())
	require.ErrorIs(t, err, note.ErrStoreDown, "the answer must not be that nothing is left")

	g.store.Fail(nil)
	found, err := g.ByNumber(t.Context(), storetest.Town, n.Number, 10)
	require.NoError(t, err)
	require.Equal(t, []note.Note{n}, found)
	require.Zero(t, g.Behind())

	g.store.Fail(errors.New("connection refused"))
	n = g.promise(t)
	g.store.Fail(nil)
	erased, err := g.list.Erase(t.Context(), storetest.Town, n.Number, storetest.Piet, storetest.Now())
	require.NoError(t, err)
	require.Equal(t, 1, erased)
	g.catchUp(t, 0)
	kept, err := g.journal.Events(n.ID)
	require.NoError(t, err)
	require.Len(t, kept, 1, "nothing personal comes back from the journal")
	require.Equal(t, note.EventPurged, kept[0].Kind)
}

func TestPruneForgetsOnlyOldClosedStoredNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keep = 72 * time.Hour
		g := newGuard()
		cancel := func(n note.Note) {
			t.Helper()
			_, err := g.list.Cancel(
				t.Context(),
				callback.Step{Municipality: storetest.Town, Note: n.ID, Who: storetest.Els, At: storetest.Now()}, "",
			)
			require.NoError(t, err)
		}
		open, old, lost := g.promise(t), g.promise(t), g.promise(t)
		cancel(old)
		cancel(lost)
		<-time.After(keep)
		young := g.promise(t)
		cancel(young)
		pruned, err := g.Prune(t.Context(), time.Now().Add(-time.Millisecond), keep)
		require.NoError(t, err)
		require.Zero(t, pruned, "not before its time")

		g.store.Fail(errors.New("connection refused"))
		_, err = g.Prune(t.Context(), time.Now(), keep)
		require.ErrorIs(t, err, note.ErrStoreDown, "nothing is forgotten without a look in the store")
		g.store.Fail(nil)
		g.store.Memory = without(t, g.store.Memory, lost.ID, open, old, young)
		pruned, err = g.Prune(t.Context(), time.Now(), keep)
		require.NoError(t, err)
		require.Equal(t, 1, pruned)
		notes, err := g.journal.Notes()
		require.NoError(t, err)
		var kept []note.ID
		for _, n := range notes {
			kept = append(kept, n.Note)
		}
		require.ElementsMatch(t, []note.ID{open.ID, lost.ID, young.ID}, kept)
		g.catchUp(t, 1)
	})
}

// without gives a store that has all notes but one.
func without(t *testing.T, from *storetest.Memory, lost note.ID, notes ...note.Note) *storetest.Memory {
	t.Helper()
	m := storetest.NewMemory()
	for _, n := range notes {
		require.NotEqual(t, lost, n.ID)
		events, err := from.Events(t.Context(), storetest.Town, n.ID)
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
