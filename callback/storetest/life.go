package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// longLife takes a note through every event that there is; after each, the store has the note and its events lead to it.
func longLife(t *testing.T, s callback.WorkStore) {
	n := promised(t, s, func(n *callback.Note) { n.Personal = "piet" })
	told := func(reason string) func(e *callback.Event) { return func(e *callback.Event) { e.Reason = reason } }
	cause := func(c callback.ReleaseCause) func(e *callback.Event) {
		return func(e *callback.Event) { e.Cause = c }
	}
	n = after(t, s, n, callback.EventReleased, jan, cause(callback.ReleaseAbsent))
	require.Empty(t, n.Personal)
	n = claimed(t, s, n, els)
	n = after(t, s, n, callback.EventRenewed, els, holding(2*time.Hour))
	n = after(t, s, n, callback.EventAttemptStarted, els, func(e *callback.Event) { e.Call = "1732300000.18" })
	n = after(t, s, n, callback.EventMerged, callback.ByCaller, told("Ik wacht nog."))
	n = after(t, s, n, callback.EventAttemptEnded, els, func(e *callback.Event) {
		e.Line, e.Talked, e.Result = callback.LineAnswered, 1500*time.Millisecond, callback.ResultVoicemail
	})
	n = after(t, s, n, callback.EventRerouted, els, func(e *callback.Event) { e.Team, e.Reason = another, "niet van ons" })
	n = after(t, s, n, callback.EventRaised, jan, told("spoed"))
	n = after(t, s, n, callback.EventWarned, callback.BySystem)
	n = claimed(t, s, n, jan)
	n = after(t, s, n, callback.EventAttemptStarted, jan)
	n = after(t, s, n, callback.EventReleased, jan, cause(callback.ReleaseByHand))
	require.Equal(t, callback.ResultUntold, n.Attempts[1].Result)
	n = after(t, s, n, callback.EventOverdue, callback.BySystem)
	n = after(t, s, n, callback.EventRerouted, jan, func(e *callback.Event) { e.Team, e.Owner, e.Reason = "kcc", "kcc", "ook niet" })
	n = claimed(t, s, n, els)
	n = after(t, s, n, callback.EventAttemptStarted, els)
	n = after(t, s, n, callback.EventAttemptEnded, els, func(e *callback.Event) { e.Result = callback.ResultReached })
	n = after(t, s, n, callback.EventResolved, els, func(e *callback.Event) { e.Outcome, e.NormMet = callback.Reached, true })
	n = after(t, s, n, callback.EventCommented, jan, told("Hij belde nog even om te bedanken."))
	n = after(t, s, n, callback.EventReopened, jan, told("toch niet"))
	require.Empty(t, n.Tries(), "he is tried anew")
	n = claimed(t, s, n, jan)
	n = after(t, s, n, callback.EventAttemptStarted, jan)
	require.Len(t, n.Tries(), 1)
	n = after(t, s, n, callback.EventCancelled, callback.ByCaller)
	require.Equal(t, begun.Add(73*time.Hour), n.Deadline, "whatever happened")
	got, err := s.Advance(t.Context(), n, callback.Remains(n, next(n, callback.EventPurged, callback.BySystem).ID, begun, callback.BySystem, "retention"))
	require.NoError(t, err)
	require.Equal(t, callback.Purged, got.State)
	requireStored(t, s, got)
	require.Equal(t, int64(1), counts(t, s, begun)["kcc"].Purged)
}

func stale(t *testing.T, s callback.WorkStore) {
	old := promised(t, s)
	now := claimed(t, s, old, els)
	_, err := s.Advance(t.Context(), old, next(old, callback.EventClaimed, jan, holding(time.Hour)))
	var was *callback.StaleError
	require.ErrorAs(t, err, &was)
	require.Equal(t, callback.StaleError{Note: old.ID, Saw: 1, Now: 2}, *was)
	requireStored(t, s, now)

	released := after(t, s, now, callback.EventReleased, els, func(e *callback.Event) { e.Cause = callback.ReleaseByHand })
	taken := claimed(t, s, released, jan)
	_, err = s.Advance(t.Context(), now, next(now, callback.EventAttemptStarted, els))
	require.ErrorAs(t, err, &was)
	require.Equal(t, callback.StaleError{Note: old.ID, Saw: 2, Now: 4}, *was)
	requireStored(t, s, taken)
}

func repeated(t *testing.T, s callback.WorkStore) {
	n := promised(t, s)
	claim := next(n, callback.EventClaimed, els, holding(time.Hour))
	first, err := s.Advance(t.Context(), n, claim)
	require.NoError(t, err)
	second, err := s.Advance(t.Context(), n, claim)
	require.NoError(t, err, "a reply may have been lost")
	require.Equal(t, first, second, "the lease too")
	requireStored(t, s, first)

	later := after(t, s, first, callback.EventRaised, jan)
	later = after(t, s, later, callback.EventRaised, jan)
	again, err := s.Advance(t.Context(), n, claim)
	require.NoError(t, err)
	require.Equal(t, later, again, "as it is by now")
	requireStored(t, s, later)
	require.Len(t, events(t, s, n), 4)

	cancel := next(later, callback.EventCancelled, callback.ByCaller)
	for range 3 {
		_, err = s.Advance(t.Context(), later, cancel)
		require.NoError(t, err)
	}
	require.Equal(t, int64(1), counts(t, s, begun)[team].Cancelled)
}

func refused(t *testing.T, s callback.WorkStore) {
	n := promised(t, s)
	_, err := s.Advance(t.Context(), n, next(n, callback.EventAttemptEnded, els))
	var illegal *callback.IllegalError
	require.ErrorAs(t, err, &illegal)
	_, err = s.Advance(t.Context(), n, next(n, callback.EventRerouted, els))
	var rule *callback.RuleError
	require.ErrorAs(t, err, &rule)
	requireStored(t, s, n)
	n = cancelled(t, s, n, begun.Add(time.Hour))
	_, err = s.Advance(t.Context(), n, next(n, callback.EventClaimed, els, holding(time.Hour)))
	require.ErrorAs(t, err, &illegal)
	requireStored(t, s, n)
	require.Equal(t, map[call.TeamID]callback.Count{team: {Made: 1, Cancelled: 1}}, counts(t, s, begun))
}

func leased(t *testing.T, s callback.WorkStore) {
	const hold = 6 * time.Hour
	n := promised(t, s)
	n = after(t, s, n, callback.EventClaimed, els, holding(hold), func(e *callback.Event) { e.Until = begun })
	require.Greater(t, n.Lease.Sub(begun), hold-time.Hour, "whatever the event says")
	require.Equal(t, n.Lease.Truncate(time.Millisecond), n.Lease)
	require.Equal(t, n.Lease, events(t, s, n)[1].Until)
	renewed := after(t, s, n, callback.EventRenewed, els, holding(2*hold))
	require.WithinRange(t, renewed.Lease, n.Lease.Add(hold), n.Lease.Add(hold+10*time.Minute))
	shorter := after(t, s, renewed, callback.EventRenewed, els, holding(time.Hour))
	require.True(t, shorter.Lease.Before(n.Lease), "a lease runs anew, it is not added to")
	open := after(t, s, shorter, callback.EventReleased, els, func(e *callback.Event) { e.Cause = callback.ReleaseByHand })
	require.Zero(t, open.Lease)
}

func lapsed(t *testing.T, s callback.WorkStore) {
	long, short, shorter := promised(t, s), promised(t, s), promised(t, s)
	promised(t, s) // which nobody claims
	lapse := func(n callback.Note) callback.Event {
		return next(n, callback.EventReleased, callback.BySystem, func(e *callback.Event) { e.Cause = callback.ReleaseLapsed })
	}
	long = claimed(t, s, long, els)
	_, err := s.Advance(t.Context(), long, lapse(long))
	var held *callback.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, callback.HeldError{Note: long.ID, Until: long.Lease}, *held)
	requireStored(t, s, long)

	shorter = after(t, s, shorter, callback.EventClaimed, els, holding(20*time.Millisecond))
	short = after(t, s, short, callback.EventClaimed, jan, holding(time.Minute))
	short = after(t, s, short, callback.EventRenewed, jan, holding(40*time.Millisecond))
	require.Eventually(t, func() bool {
		notes, err := s.Lapsed(t.Context(), town, most)
		return err == nil && len(notes) == 2
	}, time.Minute, 5*time.Millisecond)
	require.Equal(t, idsOf(shorter, short), ids(t)(s.Lapsed(t.Context(), town, most)), "in order of time")
	require.Equal(t, idsOf(shorter), ids(t)(s.Lapsed(t.Context(), town, 1)))
	for _, n := range []callback.Note{short, shorter} {
		open, err := s.Advance(t.Context(), n, lapse(n))
		require.NoError(t, err)
		require.Equal(t, callback.Open, open.State)
		requireStored(t, s, open)
	}
	require.Empty(t, ids(t)(s.Lapsed(t.Context(), town, most)))
}

func claimedByMany(t *testing.T, s callback.WorkStore) {
	const many = 16
	n := promised(t, s)
	errs := make([]error, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			who := callback.ByAgent(call.AgentID(fmt.Sprintf("colleague%d", i)))
			_, errs[i] = s.Advance(t.Context(), n, next(n, callback.EventClaimed, who, holding(time.Hour)))
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		var stale *callback.StaleError
		if err == nil {
			won++
		} else {
			require.ErrorAs(t, err, &stale)
		}
	}
	require.Equal(t, 1, won)
	require.Len(t, events(t, s, n), 2)
}

func nothingThere(t *testing.T, s callback.WorkStore) {
	e := aPromise(t)
	n, err := callback.Apply(callback.Note{}, e)
	require.NoError(t, err)
	_, byID := s.Note(t.Context(), town, n.ID)
	_, byReference := s.ByReference(t.Context(), town, n.Reference)
	_, history := s.Events(t.Context(), town, n.ID)
	_, advanced := s.Advance(t.Context(), n, next(n, callback.EventRaised, els))
	for _, err := range []error{byID, byReference, history, advanced} {
		require.ErrorIs(t, err, callback.ErrNoNote)
		require.False(t, errors.Is(err, callback.ErrBroken) || errors.Is(err, callback.ErrStoreDown))
	}
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, n.Number, most)))
	require.Empty(t, ids(t)(s.Due(t.Context(), town, team, most)))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "els", most)))
	require.Empty(t, ids(t)(s.Lapsed(t.Context(), town, most)))
	require.Empty(t, ids(t)(s.Marked(t.Context(), town, begun, most)))
	require.Empty(t, ids(t)(s.ClosedBefore(t.Context(), town, begun, most)))
	require.Empty(t, counts(t, s, begun))
}

func purged(t *testing.T, s callback.WorkStore) {
	n := promised(t, s, func(n *callback.Note) {
		n.Personal, n.Subject, n.Reason = "els", "Zwaantje", "Mijn dochter heet Zwaantje."
	})
	n = claimed(t, s, n, els)
	n = after(t, s, n, callback.EventCommented, els, func(e *callback.Event) { e.Reason = "Zwaantje belde terug." })
	n = after(t, s, n, callback.EventAttemptStarted, els)
	n = cancelled(t, s, n, begun.Add(time.Hour))
	e := callback.Remains(n, next(n, callback.EventPurged, callback.BySystem).ID, begun.Add(2*time.Hour), callback.BySystem, "retention")
	gone, err := s.Advance(t.Context(), n, e)
	require.NoError(t, err)
	requireStored(t, s, gone)
	require.Equal(t, []callback.Event{e}, events(t, s, n), "the earlier ones went with it")

	again, err := s.Advance(t.Context(), n, e)
	require.NoError(t, err, "a reply may have been lost")
	require.Equal(t, gone, again)
	printed := fmt.Sprint(callback.EncodeNote(gone), callback.EncodeEvent(events(t, s, n)[0]))
	for _, personal := range []string{n.Number.E164, string(n.Reference), "Zwaantje", "els", string(n.Key)} {
		require.NotContains(t, printed, personal, "what is stored still holds it")
	}
	_, err = s.ByReference(t.Context(), town, n.Reference)
	require.ErrorIs(t, err, callback.ErrNoNote)
	require.Empty(t, ids(t)(s.ByNumber(t.Context(), town, n.Number, most)))
	require.Empty(t, ids(t)(s.Held(t.Context(), town, "els", most)))
	require.Empty(t, ids(t)(s.ClosedBefore(t.Context(), town, begun.Add(1000*time.Hour), most)))
	fresh, err := s.Make(t.Context(), aPromise(t, func(f *callback.Note) { f.Key, f.Number, f.Reference = n.Key, n.Number, n.Reference }))
	require.NoError(t, err)
	require.NotEqual(t, n.ID, fresh.ID, "nothing of him is known")
}
