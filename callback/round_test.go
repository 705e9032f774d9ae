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
)

func round(t *testing.T, f *floor) callback.Round {
	t.Helper()
	r, err := f.list.RoundSince(t.Context(), town, time.Now(), time.Time{})
	require.NoError(t, err)
	return r
}

// now is the time without what no store keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Fault matrix, row 13: a colleague's browser dies in the middle of a claim.
func TestRow13AClaimLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		quiet, calling, busy := f.note(t, now()), f.note(t, now()), f.note(t, now())
		for _, n := range []callback.Note{quiet, calling, busy} {
			_, err := f.list.Claim(t.Context(), by(els, n))
			require.NoError(t, err)
		}
		_, err := f.list.StartAttempt(t.Context(), by(els, calling), "")
		require.NoError(t, err)
		<-time.After(15*time.Minute - time.Millisecond)
		require.Empty(t, round(t, f).Lapsed, "not before its time")
		_, err = f.list.Renew(t.Context(), by(els, busy))
		require.NoError(t, err)
		<-time.After(time.Millisecond)
		r := round(t, f)
		require.Len(t, r.Lapsed, 2)
		require.Equal(t, callback.Open, f.now(t, quiet).State)
		require.Empty(t, f.now(t, quiet).Attempts)
		require.Equal(t, callback.ResultUntold, f.now(t, calling).Attempts[0].Result, "marked tried, because he may have been")
		require.Equal(t, callback.Claimed, f.now(t, busy).State, "who is still there keeps it")
		require.Empty(t, round(t, f).Lapsed)
		_, err = f.list.Claim(t.Context(), by(jan, quiet))
		require.NoError(t, err)
	})
}

// An outage that lasts longer than a lease takes nobody's note from him in the second in which it ends.
func TestWhoCouldNotRenewInAnOutageKeepsHisNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		busy, gone := f.note(t, now()), f.note(t, now())
		overdue := f.note(t, now(), func(n *callback.Note) { n.Warn, n.Deadline = time.Time{}, n.Made.Add(time.Minute) })
		for _, n := range []callback.Note{busy, gone} {
			_, err := f.list.Claim(t.Context(), by(els, n))
			require.NoError(t, err)
		}
		<-time.After(20 * time.Minute) // the lease is a quarter of an hour
		back := time.Now()
		roundSince := func() callback.Round {
			r, err := f.list.RoundSince(t.Context(), town, time.Now(), back)
			require.NoError(t, err)
			return r
		}
		r := roundSince()
		require.Empty(t, r.Lapsed)
		require.Len(t, r.Overdue, 1, "the norm's clock waits for nobody")
		require.Equal(t, overdue.ID, r.Overdue[0].ID)
		<-time.After(time.Minute - time.Millisecond)
		require.Empty(t, roundSince().Lapsed)
		_, err := f.list.Renew(t.Context(), by(els, busy))
		require.NoError(t, err)
		<-time.After(time.Millisecond)
		r = roundSince()
		require.Len(t, r.Lapsed, 1)
		require.Equal(t, gone.ID, r.Lapsed[0].ID)
		require.Equal(t, callback.Claimed, f.now(t, busy).State)
	})
}

func TestWarningAndDeadlineAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		n := f.note(t, now())
		early := f.note(t, now())
		_, err := f.list.Cancel(t.Context(), by(callback.ByCaller, early), "")
		require.NoError(t, err)
		told := make(map[string]int)
		for range 25 * 60 { // a round a minute, a day and an hour long
			r := round(t, f)
			for range r.Warned {
				told["warned"]++
				require.WithinRange(t, time.Now(), n.Warn, n.Warn.Add(time.Minute))
			}
			for range r.Overdue {
				told["overdue"]++
				require.WithinRange(t, time.Now(), n.Deadline, n.Deadline.Add(time.Minute))
			}
			<-time.After(time.Minute)
		}
		require.Equal(t, map[string]int{"warned": 1, "overdue": 1}, told)
		require.Equal(t, callback.MarkedOverdue, f.now(t, n).Mark)
		require.Equal(t, callback.Unmarked, f.now(t, early).Mark, "a closed note's clock stands still")
	})
}

func TestWhatWasMissedInDowntimeIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		n := f.note(t, now())
		bare := f.note(t, now(), func(n *callback.Note) { n.Warn = time.Time{} })
		_, err := f.list.Claim(t.Context(), by(els, n))
		require.NoError(t, err)
		<-time.After(100 * time.Hour) // nobody makes rounds
		first, second, third := round(t, f), round(t, f), round(t, f)
		require.Len(t, first.Lapsed, 1)
		require.Len(t, first.Warned, 1)
		require.Equal(t, bare.ID, first.Overdue[0].ID)
		require.Len(t, second.Overdue, 1)
		require.Equal(t, n.ID, second.Overdue[0].ID)
		require.Zero(t, third)
	})
}

// The note that a round saw is not always the one that is there by the time that it changes it.
func TestARoundDoesNotMindThatAnotherCameFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		n := f.note(t, now())
		_, err := f.list.Claim(t.Context(), by(els, n))
		require.NoError(t, err)
		<-time.After(15 * time.Minute)
		r := &racing{floor: f, times: 1, other: func() {
			_, err := f.list.Renew(t.Context(), by(els, n))
			require.NoError(t, err)
		}}
		got, err := callback.NewWorklist(r, f, nil).RoundSince(t.Context(), town, time.Now(), time.Time{})
		require.NoError(t, err, "she was just in time")
		require.Empty(t, got.Lapsed)
		require.Equal(t, callback.Claimed, f.now(t, n).State)
	})
}

func TestRoundPurgesWhatIsOldEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		n, live := f.note(t, now()), f.note(t, now())
		closed, err := f.list.Cancel(t.Context(), callback.Step{Municipality: town, Note: n.ID, Who: callback.ByCaller, At: now()}, "")
		require.NoError(t, err)
		<-time.After(f.work.Retention)
		require.Zero(t, round(t, f).Purged, "to the day")
		<-time.After(time.Millisecond)
		require.Equal(t, 1, round(t, f).Purged)
		gone := f.now(t, n)
		require.Equal(t, callback.Purged, gone.State)
		require.Zero(t, gone.Number)
		require.Equal(t, closed.Deadline, gone.Deadline, "what figures need stays")
		require.Equal(t, callback.Open, f.now(t, live).State, "a promise stands however old it is")
		require.Zero(t, round(t, f).Purged)

		f.work.Retention = 0
		_, err = f.list.Cancel(t.Context(), callback.Step{Municipality: town, Note: live.ID, Who: callback.ByCaller, At: now()}, "")
		require.NoError(t, err)
		<-time.After(10 * 365 * 24 * time.Hour)
		require.Zero(t, round(t, f).Purged, "0 keeps it for ever")
	})
}

func TestRoundDoesTheOthersWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		bad, good := f.note(t, now()), f.note(t, now())
		<-time.After(12 * time.Hour)
		s := &failing{floor: f, note: bad.ID}
		r, err := callback.NewWorklist(s, f, nil).RoundSince(t.Context(), town, time.Now(), time.Time{})
		require.ErrorIs(t, err, callback.ErrBroken)
		require.Len(t, r.Warned, 1)
		require.Equal(t, good.ID, r.Warned[0].ID)
	})
}

// failing cannot change one note.
type failing struct {
	*floor
	note callback.NoteID
}

func (f *failing) Advance(ctx context.Context, before callback.Note, e callback.Event) (callback.Note, error) {
	if before.ID == f.note {
		return callback.Note{}, fmt.Errorf("%w: field ver", callback.ErrBroken)
	}
	return f.Memory.Advance(ctx, before, e)
}

func TestRoundSaysThatTheStoreIsAway(t *testing.T) {
	f := newFloor()
	f.Fail(errors.New("out of order"))
	r, err := f.list.RoundSince(t.Context(), town, time.Now(), time.Time{})
	require.ErrorIs(t, err, callback.ErrStoreDown)
	require.Zero(t, r)
}

func TestEraseRemovesAPersonByHisNumber(t *testing.T) {
	f := newFloor()
	made := aNote().Made
	number := call.Number{E164: "+31612345678", Kind: call.KindMobile, Country: "NL"}
	his := func(subject string) func(n *callback.Note) {
		return func(n *callback.Note) { n.Number, n.Subject = number, subject }
	}
	open, done, held := f.note(t, made, his("a")), f.note(t, made, his("b")), f.note(t, made, his("c"))
	other := f.note(t, made)
	_, err := f.list.Cancel(t.Context(), by(callback.ByCaller, done), "")
	require.NoError(t, err)
	_, err = f.list.Claim(t.Context(), by(els, held))
	require.NoError(t, err)

	erased, err := f.list.Erase(t.Context(), town, number, piet, made.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 3, erased)
	for _, n := range []callback.Note{open, done, held} {
		after := f.now(t, n)
		require.Equal(t, callback.Purged, after.State)
		require.Zero(t, after.Number)
		events, err := f.Events(t.Context(), town, n.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, "erased on request", events[0].Reason)
		require.Equal(t, piet, events[0].Who, "who did it stays on record")
	}
	require.Equal(t, other, f.now(t, other))
	notes, err := f.ByNumber(t.Context(), town, number, 10)
	require.NoError(t, err)
	require.Empty(t, notes)
	erased, err = f.list.Erase(t.Context(), town, number, piet, made.Add(2*time.Hour))
	require.NoError(t, err)
	require.Zero(t, erased, "there is nothing left of him")
}

func TestEraseTakesMoreThanOneRoundWhenItMust(t *testing.T) {
	f := newFloor()
	for i := range 250 {
		f.note(t, aNote().Made, func(n *callback.Note) { n.Number, n.Subject = aNote().Number, fmt.Sprint(i) })
	}
	erased, err := f.list.Erase(t.Context(), town, aNote().Number, piet, aNote().Made.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 250, erased)
}

func TestEraseSaysWhatItCouldNotDo(t *testing.T) {
	f := newFloor()
	bad := f.note(t, aNote().Made, func(n *callback.Note) { n.Number = aNote().Number })
	good := f.note(t, aNote().Made, func(n *callback.Note) { n.Number, n.Subject = aNote().Number, "rijbewijs" })
	erased, err := callback.NewWorklist(&failing{floor: f, note: bad.ID}, f, nil).Erase(t.Context(), town, aNote().Number, piet, aNote().Made)
	require.ErrorIs(t, err, callback.ErrBroken)
	require.Equal(t, 1, erased)
	require.Equal(t, callback.Purged, f.now(t, good).State)
}
