package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

func events(t *testing.T, s callback.WorkStore, n callback.Note) []callback.Event {
	t.Helper()
	all, err := s.Events(t.Context(), n.Municipality, n.ID)
	require.NoError(t, err)
	return all
}

func counts(t *testing.T, s callback.WorkStore, now time.Time) map[call.TeamID]callback.Count {
	t.Helper()
	all, err := s.Counts(t.Context(), town, now)
	require.NoError(t, err)
	return all
}

// due makes a note with a deadline so many milliseconds later than others, and a priority.
func due(t *testing.T, s callback.WorkStore, ms, priority int) callback.Note {
	t.Helper()
	n := promised(t, s, func(n *callback.Note) { n.Deadline = n.Deadline.Add(time.Duration(ms) * time.Millisecond) })
	for range priority {
		n = after(t, s, n, callback.EventRaised, els)
	}
	return n
}

func dueInOrder(t *testing.T, s callback.WorkStore) {
	list := func(limit int) []callback.NoteID { return ids(t)(s.Due(t.Context(), town, team, limit)) }
	last, first := due(t, s, 2, callback.MaxPriority), due(t, s, 0, 0)
	urgent, old, young := due(t, s, 1, 5), due(t, s, 1, 3), due(t, s, 1, 3)
	elsewhere := promised(t, s, func(n *callback.Note) { n.Team, n.Owner = another, another })
	require.Equal(t, idsOf(first, urgent, old, young, last), list(most), "by deadline, then priority, then age")
	require.Equal(t, idsOf(first, urgent), list(2))
	require.Empty(t, list(0))
	require.Empty(t, list(-1))

	young = after(t, s, young, callback.EventRaised, els)
	require.Equal(t, idsOf(first, urgent, young, old, last), list(most), "a higher priority goes before")
	for range callback.MaxPriority + 2 {
		old = after(t, s, old, callback.EventMerged, callback.ByCaller)
	}
	require.Equal(t, idsOf(first, old, urgent, young, last), list(most), "and never before an earlier deadline")
	urgent = claimed(t, s, urgent, els)
	require.Contains(t, list(most), urgent.ID, "who has it still has it to do")
	after(t, s, first, callback.EventRerouted, els, func(e *callback.Event) { e.Team, e.Reason = another, "niet van ons" })
	cancelled(t, s, young, begun.Add(time.Hour))
	require.Equal(t, idsOf(old, urgent, last), list(most))
	require.Equal(t, idsOf(first, elsewhere), ids(t)(s.Due(t.Context(), town, another, most)), "with the deadline that it had, by age")
}

func numberInOrder(t *testing.T, s callback.WorkStore) {
	old := promised(t, s)
	same := func(later time.Duration) func(n *callback.Note) {
		return func(n *callback.Note) { n.Number, n.Made, n.Subject = old.Number, begun.Add(later), later.String() }
	}
	newest, middle := promised(t, s, same(2*time.Hour)), promised(t, s, same(time.Hour))
	promised(t, s) // of another caller
	cancelled(t, s, middle, begun.Add(3*time.Hour))
	list := func(limit int) []callback.NoteID { return ids(t)(s.ByNumber(t.Context(), town, old.Number, limit)) }
	require.Equal(t, idsOf(newest, middle, old), list(most), "whatever their state")
	require.Equal(t, idsOf(newest), list(1))
	require.Empty(t, list(0))
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, call.Withheld(), most)))
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, call.Number{}, most)))
}

func foundByTheLine(t *testing.T, s callback.WorkStore) {
	line := call.Number{E164: "+31570693911"}
	n := promised(t, s, func(n *callback.Note) { n.Verified, n.Shown = false, line })
	other := promised(t, s, func(n *callback.Note) { n.Number.E164, n.Made = line.E164, begun.Add(time.Minute) })
	by := func(number call.Number) []callback.NoteID { return ids(t)(s.ByNumber(t.Context(), town, number, most)) }
	require.Equal(t, idsOf(n), by(n.Number))
	require.Equal(t, idsOf(other, n), by(line), "newest first")
	n = cancelled(t, s, n, begun.Add(time.Hour))
	require.Equal(t, idsOf(other, n), by(line), "whatever its state")
	id := next(n, callback.EventPurged, callback.BySystem).ID
	e := callback.Remains(n, id, begun.Add(2*time.Hour), callback.BySystem, "retention")
	_, err := s.Advance(t.Context(), n, e)
	require.NoError(t, err)
	require.Equal(t, idsOf(other), by(line))
	require.Empty(t, by(n.Number))
}

func separate(t *testing.T, s callback.WorkStore) {
	first := promised(t, s)
	apart := func(n *callback.Note) { n.Number, n.Separate = first.Number, true }
	second, third := promised(t, s, apart), promised(t, s, apart)
	require.Len(t, idsOf(first, second, third), 3)
	var open *callback.OpenError
	_, err := s.Make(t.Context(), aPromise(t, func(n *callback.Note) { n.Number = first.Number }))
	require.ErrorAs(t, err, &open)
	require.Equal(t, first.ID, open.Note.ID)
	cancelled(t, s, first, begun.Add(time.Hour))
	promised(t, s, func(n *callback.Note) { n.Number = first.Number }) // those that stand apart are in nobody's way
	moved := after(t, s, second, callback.EventRerouted, els, func(e *callback.Event) {
		e.Team, e.Reason = another, "niet van ons"
	})
	requireStored(t, s, moved)
	requireStored(t, s, cancelled(t, s, moved, begun.Add(time.Hour)))
}

func heldInOrder(t *testing.T, s callback.WorkStore) {
	forEls := func(n *callback.Note) { n.Personal = "els" }
	first, personal, third := promised(t, s), promised(t, s, forEls), promised(t, s)
	list := func(limit int) []callback.NoteID { return ids(t)(s.Held(t.Context(), town, "els", limit)) }
	require.Equal(t, idsOf(personal), list(most))
	third, first = claimed(t, s, third, els), claimed(t, s, first, els)
	personal = claimed(t, s, personal, els)
	require.Equal(t, idsOf(first, personal, third), list(most))
	require.Equal(t, idsOf(first, personal), list(2))
	require.Empty(t, list(0))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "jan", most)))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "", most)), "what is nobody's is held by nobody")

	third = after(t, s, third, callback.EventAttemptStarted, els)
	byHand := func(e *callback.Event) { e.Cause = callback.ReleaseByHand }
	absent := func(e *callback.Event) { e.Cause = callback.ReleaseAbsent }
	after(t, s, first, callback.EventReleased, els, byHand)
	personal = after(t, s, personal, callback.EventReleased, els, byHand)
	require.Equal(t, idsOf(personal, third), list(most), "it is still for her")
	after(t, s, personal, callback.EventReleased, els, absent)
	after(t, s, third, callback.EventReleased, callback.BySystem, absent)
	require.Empty(t, list(most))
}

func marksInOrder(t *testing.T, s callback.WorkStore) {
	warn := func(after time.Duration) func(n *callback.Note) {
		return func(n *callback.Note) { n.Warn = begun.Add(after) }
	}
	late, early := promised(t, s, warn(2*time.Hour)), promised(t, s, warn(time.Hour))
	bare := promised(t, s, func(n *callback.Note) { n.Warn = time.Time{} })
	list := func(at time.Duration) []callback.NoteID {
		return ids(t)(s.Marked(t.Context(), town, begun.Add(at), most))
	}
	require.Empty(t, list(time.Hour-time.Millisecond))
	require.Equal(t, idsOf(early), list(time.Hour), "at the point itself")
	require.Equal(t, idsOf(early, late), list(2*time.Hour))
	require.Equal(t, idsOf(early), ids(t)(s.Marked(t.Context(), town, begun.Add(2*time.Hour), 1)))

	early = after(t, s, early, callback.EventWarned, callback.BySystem)
	require.Equal(t, idsOf(late), list(2*time.Hour))
	require.Equal(t, idsOf(late), list(73*time.Hour), "at the deadline they are still in time")
	require.Equal(t, idsOf(late, early, bare), list(73*time.Hour+time.Millisecond), "without a warning point, being overdue is first")
	after(t, s, bare, callback.EventOverdue, callback.BySystem)
	after(t, s, early, callback.EventOverdue, callback.BySystem)
	require.Equal(t, idsOf(late), list(1000*time.Hour), "each is told once")
	late = cancelled(t, s, late, begun.Add(time.Hour))
	require.Empty(t, list(1000*time.Hour))
	after(t, s, late, callback.EventReopened, els)
	require.Equal(t, idsOf(late), list(1000*time.Hour), "live again, its clock runs on")
	require.Equal(t, int64(3), counts(t, s, begun.Add(74*time.Hour))[team].Overdue)
	require.Zero(t, counts(t, s, begun.Add(73*time.Hour))[team].Overdue, "at the deadline itself there is still time")
}

func closedInOrder(t *testing.T, s callback.WorkStore) {
	second := cancelled(t, s, promised(t, s), begun.Add(2*time.Hour))
	settled := after(t, s, promised(t, s), callback.EventResolved, els, func(e *callback.Event) { e.Outcome, e.At = callback.Settled, begun.Add(time.Hour) })
	reopened := cancelled(t, s, promised(t, s), begun.Add(time.Hour))
	after(t, s, reopened, callback.EventReopened, els)
	promised(t, s)
	list := func(before time.Duration, limit int) []callback.NoteID {
		return ids(t)(s.ClosedBefore(t.Context(), town, begun.Add(before), limit))
	}
	require.Empty(t, list(time.Hour, most), "before, not at")
	require.Equal(t, idsOf(settled), list(time.Hour+time.Millisecond, most))
	require.Equal(t, idsOf(settled, second), list(3*time.Hour, most))
	require.Equal(t, idsOf(settled), list(3*time.Hour, 1))
	require.Empty(t, list(3*time.Hour, 0))
}

func ledger(t *testing.T, s callback.WorkStore) {
	requireBalance := func(want callback.Count) {
		t.Helper()
		var sum callback.Count
		for _, c := range counts(t, s, begun) {
			sum.Live, sum.Made, sum.Purged = sum.Live+c.Live, sum.Made+c.Made, sum.Purged+c.Purged
			sum.Resolved, sum.Cancelled, sum.Reopened = sum.Resolved+c.Resolved, sum.Cancelled+c.Cancelled, sum.Reopened+c.Reopened
		}
		require.Equal(t, want, sum)
		require.Equal(t, sum.Made, sum.Live+sum.Resolved+sum.Cancelled-sum.Reopened)
	}
	requireBalance(callback.Count{})
	first, second := promised(t, s), promised(t, s)
	requireBalance(callback.Count{Live: 2, Made: 2})
	first = after(t, s, first, callback.EventRerouted, els, func(e *callback.Event) { e.Team, e.Reason = another, "niet van ons" })
	requireBalance(callback.Count{Live: 2, Made: 2})
	require.Equal(t, callback.Count{Live: 1}, counts(t, s, begun)[another])
	require.Equal(t, callback.Count{Live: 1, Made: 2}, counts(t, s, begun)[team])
	first = claimed(t, s, first, els)
	first = after(t, s, first, callback.EventResolved, els, func(e *callback.Event) { e.Outcome = callback.Settled })
	second = cancelled(t, s, second, begun.Add(time.Hour))
	requireBalance(callback.Count{Made: 2, Resolved: 1, Cancelled: 1})
	second = after(t, s, second, callback.EventReopened, els)
	requireBalance(callback.Count{Live: 1, Made: 2, Resolved: 1, Cancelled: 1, Reopened: 1})
	second = cancelled(t, s, second, begun.Add(2*time.Hour))
	for _, n := range []callback.Note{first, second} {
		_, err := s.Advance(t.Context(), n, callback.Remains(n, next(n, callback.EventPurged, callback.BySystem).ID, begun, callback.BySystem, "retention"))
		require.NoError(t, err)
	}
	requireBalance(callback.Count{Made: 2, Resolved: 1, Cancelled: 2, Reopened: 1, Purged: 2})
	require.Equal(t, callback.Count{Resolved: 1, Purged: 1}, counts(t, s, begun)[another])
}

func logInOrder(t *testing.T, s callback.WorkStore) {
	t.Helper()
	one, other := promised(t, s), promised(t, s)
	claimed(t, s, one, callback.ByAgent("els"))
	gone := cancelled(t, s, other, other.Made.Add(time.Hour))
	read := func(after string, limit int) (kinds []callback.EventKind, next string) {
		events, next, err := s.Log(t.Context(), one.Municipality, after, limit)
		require.NoError(t, err)
		for _, e := range events {
			kinds = append(kinds, e.Kind)
		}
		return kinds, next
	}
	kinds, next := read("", 3)
	require.Equal(t, []callback.EventKind{callback.EventMade, callback.EventMade, callback.EventClaimed}, kinds)
	kinds, next = read(next, 3)
	require.Equal(t, []callback.EventKind{callback.EventCancelled}, kinds)
	kinds, end := read(next, 3)
	require.Empty(t, kinds)
	require.Equal(t, next, end)
	after(t, s, gone, callback.EventPurged, callback.ByAgent("els"), func(e *callback.Event) {
		*e = callback.Remains(gone, e.ID, e.At, e.Who, "asked")
	})
	kinds, _ = read(end, 3)
	require.Equal(t, []callback.EventKind{callback.EventPurged}, kinds)
	kinds, _ = read("", 10)
	require.Equal(
		t, []callback.EventKind{callback.EventMade, callback.EventClaimed, callback.EventPurged}, kinds,
		"what was before a purge is gone",
	)
	events, _, err := s.Log(t.Context(), "another", "", 10)
	require.NoError(t, err)
	require.Empty(t, events, "each municipality has its own")
}
