package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// longLife takes a note through every kind of event; after each, the store has the note and its events lead to it.
func longLife(t *testing.T, s Store) {
	n := promised(t, s, func(n *note.Note) { n.Personal = "piet" })
	told := func(reason string) func(e *note.Event) { return func(e *note.Event) { e.Reason = reason } }
	cause := func(c note.ReleaseCause) func(e *note.Event) {
		return func(e *note.Event) { e.Cause = c }
	}
	n = after(t, s, n, note.EventReleased, jan, cause(note.ReleaseAbsent))
	require.Empty(t, n.Personal)
	n = claimed(t, s, n, els)
	n = after(t, s, n, note.EventRenewed, els, holding(2*time.Hour))
	n = after(t, s, n, note.EventAttemptStarted, els, func(e *note.Event) { e.Call = "1732300000.18" })
	n = after(t, s, n, note.EventMerged, note.ByCaller, told("Ik wacht nog."))
	n = after(t, s, n, note.EventAttemptEnded, els, func(e *note.Event) {
		e.Line, e.Talked, e.Result = attempt.LineAnswered, 1500*time.Millisecond, attempt.Voicemail
	})
	n = after(t, s, n, note.EventRerouted, els, func(e *note.Event) { e.Team, e.Reason = another, "niet van ons" })
	n = after(t, s, n, note.EventRaised, jan, told("spoed"))
	n = after(t, s, n, note.EventWarned, note.BySystem)
	n = claimed(t, s, n, jan)
	n = after(t, s, n, note.EventAttemptStarted, jan)
	n = after(t, s, n, note.EventReleased, jan, cause(note.ReleaseByHand))
	require.Equal(t, attempt.Untold, n.Attempts[1].Result)
	n = after(t, s, n, note.EventOverdue, note.BySystem)
	n = after(
		t, s, n, note.EventRerouted, jan, func(e *note.Event) { e.Team, e.Owner, e.Reason = "kcc", "kcc", "ook niet" },
	)
	n = claimed(t, s, n, els)
	n = after(t, s, n, note.EventAttemptStarted, els)
	n = after(t, s, n, note.EventAttemptEnded, els, func(e *note.Event) { e.Result = attempt.Reached })
	n = after(t, s, n, note.EventResolved, els, func(e *note.Event) { e.Outcome, e.NormMet = note.Reached, true })
	n = after(t, s, n, note.EventCommented, jan, told("Hij belde nog even om te bedanken."))
	n = after(t, s, n, note.EventReopened, jan, told("toch niet"))
	require.Empty(t, n.Tries(), "the attempts count anew")
	n = claimed(t, s, n, jan)
	n = after(t, s, n, note.EventAttemptStarted, jan)
	require.Len(t, n.Tries(), 1)
	n = after(t, s, n, note.EventCancelled, note.ByCaller)
	require.Equal(t, begun.Add(73*time.Hour), n.Deadline, "whatever happened")
	got, err := s.Advance(
		t.Context(), n, note.Remains(n, next(n, note.EventPurged, note.BySystem).ID, begun, note.BySystem, "retention"),
	)
	require.NoError(t, err)
	require.Equal(t, note.Purged, got.State)
	requireStored(t, s, got)
	require.Equal(t, int64(1), counts(t, s, begun)["kcc"].Purged)
}

func stale(t *testing.T, s Store) {
	old := promised(t, s)
	now := claimed(t, s, old, els)
	_, err := s.Advance(t.Context(), old, next(old, note.EventClaimed, jan, holding(time.Hour)))
	var was *note.StaleError
	require.ErrorAs(t, err, &was)
	require.Equal(t, note.StaleError{Note: old.ID, Saw: 1, Now: 2}, *was)
	requireStored(t, s, now)

	released := after(t, s, now, note.EventReleased, els, func(e *note.Event) { e.Cause = note.ReleaseByHand })
	taken := claimed(t, s, released, jan)
	_, err = s.Advance(t.Context(), now, next(now, note.EventAttemptStarted, els))
	require.ErrorAs(t, err, &was)
	require.Equal(t, note.StaleError{Note: old.ID, Saw: 2, Now: 4}, *was)
	requireStored(t, s, taken)
}

func repeated(t *testing.T, s Store) {
	n := promised(t, s)
	claim := next(n, note.EventClaimed, els, holding(time.Hour))
	first, err := s.Advance(t.Context(), n, claim)
	require.NoError(t, err)
	second, err := s.Advance(t.Context(), n, claim)
	require.NoError(t, err, "a reply may have been lost")
	require.Equal(t, first, second, "the lease too")
	requireStored(t, s, first)

	later := after(t, s, first, note.EventRaised, jan)
	later = after(t, s, later, note.EventRaised, jan)
	again, err := s.Advance(t.Context(), n, claim)
	require.NoError(t, err)
	require.Equal(t, later, again, "as it is by now")
	requireStored(t, s, later)
	require.Len(t, events(t, s, n), 4)

	cancel := next(later, note.EventCancelled, note.ByCaller)
	for range 3 {
		_, err = s.Advance(t.Context(), later, cancel)
		require.NoError(t, err)
	}
	require.Equal(t, int64(1), counts(t, s, begun)[team].Cancelled)
}

func refused(t *testing.T, s Store) {
	n := promised(t, s)
	_, err := s.Advance(t.Context(), n, next(n, note.EventAttemptEnded, els))
	var illegal *note.IllegalError
	require.ErrorAs(t, err, &illegal)
	_, err = s.Advance(t.Context(), n, next(n, note.EventRerouted, els))
	var rule *note.RuleError
	require.ErrorAs(t, err, &rule)
	requireStored(t, s, n)
	n = cancelled(t, s, n, begun.Add(time.Hour))
	_, err = s.Advance(t.Context(), n, next(n, note.EventClaimed, els, holding(time.Hour)))
	require.ErrorAs(t, err, &illegal)
	requireStored(t, s, n)
	require.Equal(t, map[call.TeamID]note.Count{team: {Made: 1, Cancelled: 1}}, counts(t, s, begun))
}

func leased(t *testing.T, s Store) {
	const hold = 6 * time.Hour
	n := promised(t, s)
	n = after(t, s, n, note.EventClaimed, els, holding(hold), func(e *note.Event) { e.Until = begun })
	require.Greater(t, n.Lease.Sub(begun), hold-time.Hour, "the event's own end does not count")
	require.Equal(t, n.Lease.Truncate(time.Millisecond), n.Lease)
	require.Equal(t, n.Lease, events(t, s, n)[1].Until)
	renewed := after(t, s, n, note.EventRenewed, els, holding(2*hold))
	require.WithinRange(t, renewed.Lease, n.Lease.Add(hold), n.Lease.Add(hold+10*time.Minute))
	shorter := after(t, s, renewed, note.EventRenewed, els, holding(time.Hour))
	require.True(t, shorter.Lease.Before(n.Lease), "a lease runs anew, it is not added to")
	open := after(t, s, shorter, note.EventReleased, els, func(e *note.Event) { e.Cause = note.ReleaseByHand })
	require.Zero(t, open.Lease)
}

func lapsed(t *testing.T, s Store) {
	long, short, shorter := promised(t, s), promised(t, s), promised(t, s)
	promised(t, s) // never claimed
	lapse := func(n note.Note) note.Event {
		return next(n, note.EventReleased, note.BySystem, func(e *note.Event) { e.Cause = note.ReleaseLapsed })
	}
	long = claimed(t, s, long, els)
	_, err := s.Advance(t.Context(), long, lapse(long))
	var held *note.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, note.HeldError{Note: long.ID, Until: long.Lease}, *held)
	requireStored(t, s, long)

	shorter = after(t, s, shorter, note.EventClaimed, els, holding(20*time.Millisecond))
	short = after(t, s, short, note.EventClaimed, jan, holding(time.Minute))
	short = after(t, s, short, note.EventRenewed, jan, holding(40*time.Millisecond))
	require.Eventually(t, func() bool {
		notes, err := s.Lapsed(t.Context(), town, most)
		return err == nil && len(notes) == 2
	}, time.Minute, 5*time.Millisecond)
	require.Equal(t, idsOf(shorter, short), ids(t)(s.Lapsed(t.Context(), town, most)), "in order of time")
	require.Equal(t, idsOf(shorter), ids(t)(s.Lapsed(t.Context(), town, 1)))
	for _, n := range []note.Note{short, shorter} {
		open, err := s.Advance(t.Context(), n, lapse(n))
		require.NoError(t, err)
		require.Equal(t, note.Open, open.State)
		requireStored(t, s, open)
	}
	require.Empty(t, ids(t)(s.Lapsed(t.Context(), town, most)))
}

func claimedByMany(t *testing.T, s Store) {
	const many = 16
	n := promised(t, s)
	errs := make([]error, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			who := note.ByAgent(call.AgentID(fmt.Sprintf("colleague%d", i)))
			_, errs[i] = s.Advance(t.Context(), n, next(n, note.EventClaimed, who, holding(time.Hour)))
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		var stale *note.StaleError
		if err == nil {
			won++
		} else {
			require.ErrorAs(t, err, &stale)
		}
	}
	require.Equal(t, 1, won)
	require.Len(t, events(t, s, n), 2)
}

func nothingThere(t *testing.T, s Store) {
	e := aPromise(t)
	n, err := note.Apply(note.Note{}, e)
	require.NoError(t, err)
	_, byID := s.Note(t.Context(), town, n.ID)
	_, byReference := s.ByReference(t.Context(), town, n.Reference)
	_, history := s.Events(t.Context(), town, n.ID)
	_, advanced := s.Advance(t.Context(), n, next(n, note.EventRaised, els))
	for _, err := range []error{byID, byReference, history, advanced} {
		require.ErrorIs(t, err, note.ErrNoNote)
		require.False(t, errors.Is(err, note.ErrBroken) || errors.Is(err, note.ErrStoreDown))
	}
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, n.Number, most)))
	require.Empty(t, ids(t)(s.Due(t.Context(), town, team, most)))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "els", most)))
	require.Empty(t, ids(t)(s.Lapsed(t.Context(), town, most)))
	require.Empty(t, ids(t)(s.Marked(t.Context(), town, begun, most)))
	require.Empty(t, ids(t)(s.ClosedBefore(t.Context(), town, begun, most)))
	require.Empty(t, counts(t, s, begun))
}

func purged(t *testing.T, s Store) {
	n := promised(t, s, func(n *note.Note) {
		n.Personal, n.Subject, n.Reason = "els", "Zwaantje", "Mijn dochter heet Zwaantje."
	})
	n = claimed(t, s, n, els)
	n = after(t, s, n, note.EventCommented, els, func(e *note.Event) { e.Reason = "Zwaantje belde terug." })
	n = after(t, s, n, note.EventAttemptStarted, els)
	n = cancelled(t, s, n, begun.Add(time.Hour))
	e := note.Remains(
		n, next(n, note.EventPurged, note.BySystem).ID, begun.Add(2*time.Hour), note.BySystem, "retention",
	)
	gone, err := s.Advance(t.Context(), n, e)
	require.NoError(t, err)
	requireStored(t, s, gone)
	require.Equal(t, []note.Event{e}, events(t, s, n), "the earlier ones went with it")

	again, err := s.Advance(t.Context(), n, e)
	require.NoError(t, err, "a reply may have been lost")
	require.Equal(t, gone, again)
	printed := fmt.Sprint(note.EncodeNote(gone), note.EncodeEvent(events(t, s, n)[0]))
	for _, personal := range []string{n.Number.E164, string(n.Reference), "Zwaantje", "els", string(n.Key)} {
		require.NotContains(t, printed, personal, "the store still holds it")
	}
	_, err = s.ByReference(t.Context(), town, n.Reference)
	require.ErrorIs(t, err, note.ErrNoNote)
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, n.Number, most)))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "els", most)))
	require.Empty(t, ids(t)(s.ClosedBefore(t.Context(), town, begun.Add(1000*time.Hour), most)))
	fresh, err := s.Make(
		t.Context(), aPromise(t, func(f *note.Note) { f.Key, f.Number, f.Reference = n.Key, n.Number, n.Reference }),
	)
	require.NoError(t, err)
	require.NotEqual(t, n.ID, fresh.ID, "the caller is unknown")
}
