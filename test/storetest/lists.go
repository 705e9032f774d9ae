package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
)

func events(t *testing.T, s Store, n note.Note) []note.Event {
	t.Helper()
	all, err := s.Events(t.Context(), n.Municipality, n.ID)
	require.NoError(t, err)
	return all
}

func counts(t *testing.T, s Store, now time.Time) map[call.TeamID]note.Count {
	t.Helper()
	all, err := s.Counts(t.Context(), town, now)
	require.NoError(t, err)
	return all
}

// due makes a note with a deadline ms milliseconds later than others, and a priority.
func due(t *testing.T, s Store, ms, priority int, changes ...func(n *note.Note)) note.Note {
	t.Helper()
	n := promised(t, s, append(changes, func(n *note.Note) {
		n.Deadline = n.Deadline.Add(time.Duration(ms) * time.Millisecond)
	})...)
	for range priority {
		n = after(t, s, n, note.EventRaised, els)
	}
	return n
}

func dueInOrder(t *testing.T, s Store) {
	list := func(limit int) []note.ID { return ids(t)(s.Due(t.Context(), town, team, limit)) }
	last, first := due(t, s, 2, note.MaxPriority), due(t, s, 0, 0)
	urgent, old, young := due(t, s, 1, 5), due(t, s, 1, 3), due(t, s, 1, 3)
	elsewhere := promised(t, s, func(n *note.Note) { n.Team, n.Owner = another, another })
	require.Equal(t, idsOf(first, urgent, old, young, last), list(most), "by deadline, then priority, then age")
	require.Equal(t, idsOf(first, urgent), list(2))
	require.Empty(t, list(0))
	require.Empty(t, list(-1))

	young = after(t, s, young, note.EventRaised, els)
	require.Equal(t, idsOf(first, urgent, young, old, last), list(most), "a higher priority goes before")
	for range note.MaxPriority + 2 {
		old = after(t, s, old, note.EventMerged, note.ByCaller)
	}
	require.Equal(t, idsOf(first, old, urgent, young, last), list(most), "and never before an earlier deadline")
	urgent = claimed(t, s, urgent, els)
	require.Contains(t, list(most), urgent.ID, "its owner still has it to do")
	after(t, s, first, note.EventRerouted, els, func(e *note.Event) { e.Team, e.Reason = another, "niet van ons" })
	cancelled(t, s, young, begun.Add(time.Hour))
	require.Equal(t, idsOf(old, urgent, last), list(most))
	require.Equal(
		t, idsOf(first, elsewhere), ids(t)(s.Due(t.Context(), town, another, most)),
		"with the deadline that it had, by age",
	)
}

// pages reads a list page by page, while notes come and go.
func pages(t *testing.T, s Store) {
	var all []note.Note
	for i := range 12 { // most with one deadline and priority, as those of one day have
		team := []call.TeamID{team, another}[i%2]
		all = append(all, due(t, s, i/10, 0, func(n *note.Note) { n.Team, n.Owner = team, team }))
	}
	promised(t, s, func(n *note.Note) { n.Team, n.Owner = "belastingen", "belastingen" })
	promised(t, s, func(n *note.Note) { n.Municipality = other })
	q := listing.Query{Teams: []call.TeamID{team, another, team, "none"}, Limit: 5}
	page, err := s.Page(t.Context(), town, q)
	require.NoError(t, err)
	require.Equal(t, idsOf(all[:5]...), idsOf(page.Notes...))

	cancelled(t, s, all[4], begun.Add(time.Hour)) // the note of the place itself
	cancelled(t, s, all[1], begun.Add(time.Hour))
	late := due(t, s, 0, 0)
	urgent := due(t, s, 0, 1) // before the place: it moves no other
	q.After = page.Next
	page, err = s.Page(t.Context(), town, q)
	require.NoError(t, err)
	require.Equal(t, idsOf(all[5:10]...), idsOf(page.Notes...))
	q.After = page.Next
	page, err = s.Page(t.Context(), town, q)
	require.NoError(t, err)
	require.Equal(t, idsOf(late, all[10], all[11]), idsOf(page.Notes...))
	require.Empty(t, page.Next)

	q.After, q.Limit = "", most
	page, err = s.Page(t.Context(), town, q)
	require.NoError(t, err)
	require.Equal(t, urgent.ID, page.Notes[0].ID)
	require.Len(t, page.Notes, 12)

	for _, forged := range []listing.Cursor{
		"1", "_", "1_x", "-1_" + listing.Cursor(late.ID), "nan_" + listing.Cursor(late.ID),
		"inf_" + listing.Cursor(late.ID),
		"0x1p3_" + listing.Cursor(late.ID), "1e400_" + listing.Cursor(late.ID), listing.At("1", late.ID) + "\n",
	} {
		q.After = forged
		_, err = s.Page(t.Context(), town, q)
		require.ErrorIs(t, err, listing.ErrCursor, "%q", forged)
	}
	page, err = s.Page(t.Context(), town, listing.Query{Limit: 5})
	require.NoError(t, err)
	require.Empty(t, page, "no team, no notes")
}

func filtered(t *testing.T, s Store) {
	today, tomorrow, later := due(t, s, 0, 3), due(t, s, 1, 0), due(t, s, 2, 0)
	mine := claimed(t, s, due(t, s, 1, 0), els)
	theirs := due(t, s, 1, 0, func(n *note.Note) { n.Personal = "els" })
	list := func(change func(q *listing.Query)) []note.ID {
		q := listing.Query{Teams: []call.TeamID{team}, Limit: most}
		change(&q)
		page, err := s.Page(t.Context(), town, q)
		require.NoError(t, err)
		require.Empty(t, page.Next)
		return idsOf(page.Notes...)
	}
	require.Equal(t, idsOf(today, tomorrow, mine, theirs, later), list(func(*listing.Query) {}))
	require.Equal(t, idsOf(today, tomorrow, later), list(func(q *listing.Query) { q.Unassigned = true }))
	require.Equal(t, idsOf(today), list(func(q *listing.Query) { q.Until = tomorrow.Deadline }))
	require.Equal(t, idsOf(today, tomorrow), list(func(q *listing.Query) {
		q.Until, q.Unassigned = later.Deadline, true
	}))
	page, err := s.Page(t.Context(), town, listing.Query{Teams: []call.TeamID{team}, Unassigned: true, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, idsOf(today, tomorrow), idsOf(page.Notes...))
	page, err = s.Page(t.Context(), town, listing.Query{
		Teams: []call.TeamID{team}, Unassigned: true, Limit: 2, After: page.Next,
	})
	require.NoError(t, err)
	require.Equal(t, idsOf(later), idsOf(page.Notes...), "those between are somebody's")
}

func named(t *testing.T, s Store) {
	name := func(name string) func(n *note.Note) { return func(n *note.Note) { n.Name = name } }
	jose, jan := promised(t, s, name("José van der Ven")), promised(t, s, name("Jan de Vries-Vennema"))
	promised(t, s)
	list := func(name string) []note.ID { return ids(t)(s.ByName(t.Context(), town, name, most)) }
	require.Equal(t, idsOf(jan, jose), list("ven"), "the newest first")
	require.Equal(t, idsOf(jose), list("VEN jose"))
	require.Equal(t, idsOf(jan), list("j vries"))
	require.Equal(t, idsOf(jan), ids(t)(s.ByName(t.Context(), town, "ven", 1)))
	require.Empty(t, list("ennema"), "a word is found by its beginning")
	require.Empty(t, list("ven smit"))
	require.Empty(t, list(" - "))
	require.Empty(t, ids(t)(s.ByName(t.Context(), other, "ven", most)))
	jan = cancelled(t, s, jan, begun.Add(time.Hour))
	require.Equal(t, idsOf(jan), list("vries"), "whatever its state")
	_, err := s.Advance(t.Context(), jan, note.Remains(
		jan, next(jan, note.EventPurged, note.BySystem).ID, begun, note.BySystem, "retention",
	))
	require.NoError(t, err)
	require.Empty(t, list("vries"))
}

func numberInOrder(t *testing.T, s Store) {
	old := promised(t, s)
	same := func(later time.Duration) func(n *note.Note) {
		return func(n *note.Note) { n.Number, n.Made, n.Subject = old.Number, begun.Add(later), later.String() }
	}
	newest, middle := promised(t, s, same(2*time.Hour)), promised(t, s, same(time.Hour))
	promised(t, s) // of another caller
	cancelled(t, s, middle, begun.Add(3*time.Hour))
	list := func(limit int) []note.ID { return ids(t)(s.ByNumber(t.Context(), town, old.Number, limit)) }
	require.Equal(t, idsOf(newest, middle, old), list(most), "whatever their state")
	require.Equal(t, idsOf(newest), list(1))
	require.Empty(t, list(0))
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, call.Withheld(), most)))
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, call.Number{}, most)))
}

func foundByTheLine(t *testing.T, s Store) {
	line := call.Number{E164: "+31570693911"}
	n := promised(t, s, func(n *note.Note) { n.Verified, n.Shown = false, line })
	other := promised(t, s, func(n *note.Note) { n.Number.E164, n.Made = line.E164, begun.Add(time.Minute) })
	by := func(number call.Number) []note.ID { return ids(t)(s.ByNumber(t.Context(), town, number, most)) }
	require.Equal(t, idsOf(n), by(n.Number))
	require.Equal(t, idsOf(other, n), by(line), "newest first")
	n = cancelled(t, s, n, begun.Add(time.Hour))
	require.Equal(t, idsOf(other, n), by(line), "whatever its state")
	id := next(n, note.EventPurged, note.BySystem).ID
	e := note.Remains(n, id, begun.Add(2*time.Hour), note.BySystem, "retention")
	_, err := s.Advance(t.Context(), n, e)
	require.NoError(t, err)
	require.Equal(t, idsOf(other), by(line))
	require.Empty(t, by(n.Number))
}

func separate(t *testing.T, s Store) {
	first := promised(t, s)
	apart := func(n *note.Note) { n.Number, n.Separate = first.Number, true }
	second, third := promised(t, s, apart), promised(t, s, apart)
	require.Len(t, idsOf(first, second, third), 3)
	var open *note.OpenError
	_, err := s.Make(t.Context(), aPromise(t, func(n *note.Note) { n.Number = first.Number }))
	require.ErrorAs(t, err, &open)
	require.Equal(t, first.ID, open.Note.ID)
	cancelled(t, s, first, begun.Add(time.Hour))
	promised(t, s, func(n *note.Note) { n.Number = first.Number }) // separate notes are in no other's way
	moved := after(t, s, second, note.EventRerouted, els, func(e *note.Event) {
		e.Team, e.Reason = another, "niet van ons"
	})
	requireStored(t, s, moved)
	requireStored(t, s, cancelled(t, s, moved, begun.Add(time.Hour)))
}

func heldInOrder(t *testing.T, s Store) {
	forEls := func(n *note.Note) { n.Personal = "els" }
	first, personal, third := promised(t, s), promised(t, s, forEls), promised(t, s)
	list := func(limit int) []note.ID { return ids(t)(s.Held(t.Context(), town, "els", limit)) }
	require.Equal(t, idsOf(personal), list(most))
	third, first = claimed(t, s, third, els), claimed(t, s, first, els)
	personal = claimed(t, s, personal, els)
	require.Equal(t, idsOf(first, personal, third), list(most))
	require.Equal(t, idsOf(first, personal), list(2))
	require.Empty(t, list(0))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "jan", most)))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "", most)), "notes without an owner are in no list")

	third = after(t, s, third, note.EventAttemptStarted, els)
	byHand := func(e *note.Event) { e.Cause = note.ReleaseByHand }
	absent := func(e *note.Event) { e.Cause = note.ReleaseAbsent }
	after(t, s, first, note.EventReleased, els, byHand)
	personal = after(t, s, personal, note.EventReleased, els, byHand)
	require.Equal(t, idsOf(personal, third), list(most), "it is still for that colleague")
	after(t, s, personal, note.EventReleased, els, absent)
	after(t, s, third, note.EventReleased, note.BySystem, absent)
	require.Empty(t, list(most))
}

func marksInOrder(t *testing.T, s Store) {
	warn := func(after time.Duration) func(n *note.Note) {
		return func(n *note.Note) { n.Warn = begun.Add(after) }
	}
	late, early := promised(t, s, warn(2*time.Hour)), promised(t, s, warn(time.Hour))
	bare := promised(t, s, func(n *note.Note) { n.Warn = time.Time{} })
	list := func(at time.Duration) []note.ID {
		return ids(t)(s.Marked(t.Context(), town, begun.Add(at), most))
	}
	require.Empty(t, list(time.Hour-time.Millisecond))
	require.Equal(t, idsOf(early), list(time.Hour), "at the point itself")
	require.Equal(t, idsOf(early, late), list(2*time.Hour))
	require.Equal(t, idsOf(early), ids(t)(s.Marked(t.Context(), town, begun.Add(2*time.Hour), 1)))

	early = after(t, s, early, note.EventWarned, note.BySystem)
	require.Equal(t, idsOf(late), list(2*time.Hour))
	require.Equal(t, idsOf(late), list(73*time.Hour), "at the deadline they are still in time")
	require.Equal(
		t, idsOf(late, early, bare), list(73*time.Hour+time.Millisecond),
		"without a warning point, being overdue is first",
	)
	after(t, s, bare, note.EventOverdue, note.BySystem)
	after(t, s, early, note.EventOverdue, note.BySystem)
	require.Equal(t, idsOf(late), list(1000*time.Hour), "each is raised once")
	late = cancelled(t, s, late, begun.Add(time.Hour))
	require.Empty(t, list(1000*time.Hour))
	after(t, s, late, note.EventReopened, els)
	require.Equal(t, idsOf(late), list(1000*time.Hour), "live again, its clock runs on")
	require.Equal(t, int64(3), counts(t, s, begun.Add(74*time.Hour))[team].Overdue)
	require.Zero(t, counts(t, s, begun.Add(73*time.Hour))[team].Overdue, "at the deadline itself there is still time")
}

func closedInOrder(t *testing.T, s Store) {
	second := cancelled(t, s, promised(t, s), begun.Add(2*time.Hour))
	settled := after(
		t, s, promised(t, s), note.EventResolved, els,
		func(e *note.Event) { e.Outcome, e.At = note.Settled, begun.Add(time.Hour) },
	)
	reopened := cancelled(t, s, promised(t, s), begun.Add(time.Hour))
	after(t, s, reopened, note.EventReopened, els)
	promised(t, s)
	list := func(before time.Duration, limit int) []note.ID {
		return ids(t)(s.ClosedBefore(t.Context(), town, begun.Add(before), limit))
	}
	require.Empty(t, list(time.Hour, most), "before, not at")
	require.Equal(t, idsOf(settled), list(time.Hour+time.Millisecond, most))
	require.Equal(t, idsOf(settled, second), list(3*time.Hour, most))
	require.Equal(t, idsOf(settled), list(3*time.Hour, 1))
	require.Empty(t, list(3*time.Hour, 0))
	since := func(after time.Duration, limit int) []note.ID {
		return ids(t)(s.ClosedSince(t.Context(), town, begun.Add(after), limit))
	}
	require.Equal(t, idsOf(second, settled), since(time.Hour, most), "at that moment, too")
	require.Equal(t, idsOf(second), since(time.Hour+time.Millisecond, most))
	require.Equal(t, idsOf(second), since(0, 1))
	require.Empty(t, since(3*time.Hour, most))
}

func ledger(t *testing.T, s Store) {
	requireBalance := func(want note.Count) {
		t.Helper()
		var sum note.Count
		for _, c := range counts(t, s, begun) {
			sum.Live, sum.Made, sum.Purged = sum.Live+c.Live, sum.Made+c.Made, sum.Purged+c.Purged
			sum.Resolved += c.Resolved
			sum.Cancelled += c.Cancelled
			sum.Reopened += c.Reopened
		}
		require.Equal(t, want, sum)
		require.Equal(t, sum.Made, sum.Live+sum.Resolved+sum.Cancelled-sum.Reopened)
	}
	requireBalance(note.Count{})
	first, second := promised(t, s), promised(t, s)
	requireBalance(note.Count{Live: 2, Made: 2})
	first = after(
		t, s, first, note.EventRerouted, els, func(e *note.Event) { e.Team, e.Reason = another, "niet van ons" },
	)
	requireBalance(note.Count{Live: 2, Made: 2})
	require.Equal(t, note.Count{Live: 1}, counts(t, s, begun)[another])
	require.Equal(t, note.Count{Live: 1, Made: 2}, counts(t, s, begun)[team])
	first = claimed(t, s, first, els)
	first = after(t, s, first, note.EventResolved, els, func(e *note.Event) { e.Outcome = note.Settled })
	second = cancelled(t, s, second, begun.Add(time.Hour))
	requireBalance(note.Count{Made: 2, Resolved: 1, Cancelled: 1})
	second = after(t, s, second, note.EventReopened, els)
	requireBalance(note.Count{Live: 1, Made: 2, Resolved: 1, Cancelled: 1, Reopened: 1})
	second = cancelled(t, s, second, begun.Add(2*time.Hour))
	for _, n := range []note.Note{first, second} {
		_, err := s.Advance(
			t.Context(), n,
			note.Remains(n, next(n, note.EventPurged, note.BySystem).ID, begun, note.BySystem, "retention"),
		)
		require.NoError(t, err)
	}
	requireBalance(note.Count{Made: 2, Resolved: 1, Cancelled: 2, Reopened: 1, Purged: 2})
	require.Equal(t, note.Count{Resolved: 1, Purged: 1}, counts(t, s, begun)[another])
}

func logInOrder(t *testing.T, s Store) {
	t.Helper()
	one, other := promised(t, s), promised(t, s)
	claimed(t, s, one, note.ByAgent("els"))
	gone := cancelled(t, s, other, other.Made.Add(time.Hour))
	read := func(after string, limit int) (kinds []note.EventKind, next string) {
		events, next, err := s.Log(t.Context(), one.Municipality, after, limit)
		require.NoError(t, err)
		for _, e := range events {
			kinds = append(kinds, e.Kind)
		}
		return kinds, next
	}
	kinds, next := read("", 3)
	require.Equal(t, []note.EventKind{note.EventMade, note.EventMade, note.EventClaimed}, kinds)
	kinds, next = read(next, 3)
	require.Equal(t, []note.EventKind{note.EventCancelled}, kinds)
	kinds, end := read(next, 3)
	require.Empty(t, kinds)
	require.Equal(t, next, end)
	after(t, s, gone, note.EventPurged, note.ByAgent("els"), func(e *note.Event) {
		*e = note.Remains(gone, e.ID, e.At, e.Who, "asked")
	})
	kinds, _ = read(end, 3)
	require.Equal(t, []note.EventKind{note.EventPurged}, kinds)
	kinds, _ = read("", 10)
	require.Equal(
		t, []note.EventKind{note.EventMade, note.EventClaimed, note.EventPurged}, kinds,
		"events before a purge are gone",
	)
	events, _, err := s.Log(t.Context(), "another", "", 10)
	require.NoError(t, err)
	require.Empty(t, events, "each municipality has its own")
}
