package callback_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func round(t *testing.T, f *storetest.Floor) callback.Round {
	t.Helper()
	r, err := f.List.RoundSince(t.Context(), storetest.Town, time.Now(), time.Time{})
	require.NoError(t, err)
	return r
}

// Fault matrix, row 13: a colleague's browser dies in the middle of a claim.
func TestRow13AClaimLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		quiet, calling, busy := f.Promise(t, storetest.Now()), f.Promise(t, storetest.Now()), f.Promise(
			t, storetest.Now(),
		)
		for _, n := range []note.Note{quiet, calling, busy} {
			_, err := f.List.Claim(t.Context(), storetest.By(storetest.Els, n))
			require.NoError(t, err)
		}
		_, err := f.List.StartAttempt(t.Context(), storetest.By(storetest.Els, calling), "")
		require.NoError(t, err)
		<-time.After(15*time.Minute - time.Millisecond)
		require.Empty(t, round(t, f).Lapsed, "not before its time")
		_, err = f.List.Renew(t.Context(), storetest.By(storetest.Els, busy))
		require.NoError(t, err)
		<-time.After(time.Millisecond)
		r := round(t, f)
		require.Len(t, r.Lapsed, 2)
		require.Equal(t, note.Open, f.Now(t, quiet).State)
		require.Empty(t, f.Now(t, quiet).Attempts)
		require.Equal(t, attempt.Untold, f.Now(t, calling).Attempts[0].Result, "the caller may have been reached")
		require.Equal(t, note.Claimed, f.Now(t, busy).State, "the colleague who renewed keeps it")
		require.Empty(t, round(t, f).Lapsed)
		_, err = f.List.Claim(t.Context(), storetest.By(storetest.Jan, quiet))
		require.NoError(t, err)
	})
}

// An outage that outlasts a lease takes no note from a colleague in the second in which it ends.
func TestAColleagueWhoCouldNotRenewInAnOutageKeepsTheNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		busy, gone := f.Promise(t, storetest.Now()), f.Promise(t, storetest.Now())
		overdue := f.Promise(
			t, storetest.Now(), func(n *note.Note) { n.Warn, n.Deadline = time.Time{}, n.Made.Add(time.Minute) },
		)
		for _, n := range []note.Note{busy, gone} {
			_, err := f.List.Claim(t.Context(), storetest.By(storetest.Els, n))
			require.NoError(t, err)
		}
		<-time.After(20 * time.Minute) // the lease is a quarter of an hour
		back := time.Now()
		roundSince := func() callback.Round {
			r, err := f.List.RoundSince(t.Context(), storetest.Town, time.Now(), back)
			require.NoError(t, err)
			return r
		}
		r := roundSince()
		require.Empty(t, r.Lapsed)
		require.Len(t, r.Overdue, 1, "the norm's clock goes on")
		require.Equal(t, overdue.ID, r.Overdue[0].ID)
		<-time.After(time.Minute - time.Millisecond)
		require.Empty(t, roundSince().Lapsed)
		_, err := f.List.Renew(t.Context(), storetest.By(storetest.Els, busy))
		require.NoError(t, err)
		<-time.After(time.Millisecond)
		r = roundSince()
		require.Len(t, r.Lapsed, 1)
		require.Equal(t, gone.ID, r.Lapsed[0].ID)
		require.Equal(t, note.Claimed, f.Now(t, busy).State)
	})
}

func TestWarningAndDeadlineAreReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		n := f.Promise(t, storetest.Now())
		early := f.Promise(t, storetest.Now())
		_, err := f.List.Cancel(t.Context(), storetest.By(note.ByCaller, early), "")
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
		require.Equal(t, note.MarkedOverdue, f.Now(t, n).Mark)
		require.Equal(t, note.Unmarked, f.Now(t, early).Mark, "a closed note's clock stands still")
	})
}

func TestARoundMakesUpForDowntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		n := f.Promise(t, storetest.Now())
		bare := f.Promise(t, storetest.Now(), func(n *note.Note) { n.Warn = time.Time{} })
		_, err := f.List.Claim(t.Context(), storetest.By(storetest.Els, n))
		require.NoError(t, err)
		<-time.After(100 * time.Hour) // without rounds
		first, second, third := round(t, f), round(t, f), round(t, f)
		require.Len(t, first.Lapsed, 1)
		require.Len(t, first.Warned, 1)
		require.Equal(t, bare.ID, first.Overdue[0].ID)
		require.Len(t, second.Overdue, 1)
		require.Equal(t, n.ID, second.Overdue[0].ID)
		require.Zero(t, third)
	})
}

// A note may change between a round's look and its change.
func TestARoundAcceptsThatAChangeCameFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		n := f.Promise(t, storetest.Now())
		_, err := f.List.Claim(t.Context(), storetest.By(storetest.Els, n))
		require.NoError(t, err)
		<-time.After(15 * time.Minute)
		r := &racing{Floor: f, times: 1, other: func() {
			_, err := f.List.Renew(t.Context(), storetest.By(storetest.Els, n))
			require.NoError(t, err)
		}}
		got, err := callback.NewWorklist(r, f, nil).RoundSince(t.Context(), storetest.Town, time.Now(), time.Time{})
		require.NoError(t, err, "the renewal was just in time")
		require.Empty(t, got.Lapsed)
		require.Equal(t, note.Claimed, f.Now(t, n).State)
	})
}

func TestRoundPurgesOldNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		n, live := f.Promise(t, storetest.Now()), f.Promise(t, storetest.Now())
		closed, err := f.List.Cancel(
			t.Context(),
			callback.Step{Municipality: storetest.Town, Note: n.ID, Who: note.ByCaller, At: storetest.Now()}, "",
		)
		require.NoError(t, err)
		<-time.After(f.Rules.Retention)
		require.Zero(t, round(t, f).Purged, "to the day")
		<-time.After(time.Millisecond)
		require.Equal(t, 1, round(t, f).Purged)
		gone := f.Now(t, n)
		require.Equal(t, note.Purged, gone.State)
		require.Zero(t, gone.Number)
		require.Equal(t, closed.Deadline, gone.Deadline, "the data for figures stays")
		require.Equal(t, note.Open, f.Now(t, live).State, "a promise stands however old it is")
		require.Zero(t, round(t, f).Purged)

		f.Rules.Retention = 0
		_, err = f.List.Cancel(
			t.Context(),
			callback.Step{Municipality: storetest.Town, Note: live.ID, Who: note.ByCaller, At: storetest.Now()}, "",
		)
		require.NoError(t, err)
		<-time.After(10 * 365 * 24 * time.Hour)
		require.Zero(t, round(t, f).Purged, "0 keeps it for ever")
	})
}

func TestRoundChangesTheOthersWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		bad, good := f.Promise(t, storetest.Now()), f.Promise(t, storetest.Now())
		<-time.After(12 * time.Hour)
		s := &failing{Floor: f, note: bad.ID}
		r, err := callback.NewWorklist(s, f, nil).RoundSince(t.Context(), storetest.Town, time.Now(), time.Time{})
		require.ErrorIs(t, err, note.ErrBroken)
		require.Len(t, r.Warned, 1)
		require.Equal(t, good.ID, r.Warned[0].ID)
	})
}

// failing cannot change one note.
type failing struct {
	*storetest.Floor
	note note.ID
}

func (f *failing) Advance(ctx context.Context, before note.Note, e note.Event) (note.Note, error) {
	if before.ID == f.note {
		return note.Note{}, fmt.Errorf("%w: field ver", note.ErrBroken)
	}
	return f.Memory.Advance(ctx, before, e)
}

func TestRoundSaysThatTheStoreIsAway(t *testing.T) {
	f := storetest.NewFloor()
	f.Fail(errors.New("out of order"))
	r, err := f.List.RoundSince(t.Context(), storetest.Town, time.Now(), time.Time{})
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.Zero(t, r)
}

func TestEraseRemovesAPersonByNumber(t *testing.T) {
	f := storetest.NewFloor()
	made := storetest.ANote().Made
	number := call.Number{E164: "+31612345678", Kind: call.KindMobile, Country: "NL"}
	theirs := func(subject string) func(n *note.Note) {
		return func(n *note.Note) { n.Number, n.Subject = number, subject }
	}
	open, done := f.Promise(t, made, theirs("a")), f.Promise(t, made, theirs("b"))
	held := f.Promise(t, made, theirs("c"))
	other := f.Promise(t, made)
	_, err := f.List.Cancel(t.Context(), storetest.By(note.ByCaller, done), "")
	require.NoError(t, err)
	_, err = f.List.Claim(t.Context(), storetest.By(storetest.Els, held))
	require.NoError(t, err)

	erased, err := f.List.Erase(t.Context(), storetest.Town, number, storetest.Piet, made.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 3, erased)
	for _, n := range []note.Note{open, done, held} {
		after := f.Now(t, n)
		require.Equal(t, note.Purged, after.State)
		require.Zero(t, after.Number)
		events, err := f.Events(t.Context(), storetest.Town, n.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, "erased on request", events[0].Reason)
		require.Equal(t, storetest.Piet, events[0].Who, "the actor stays on record")
	}
	require.Equal(t, other, f.Now(t, other))
	notes, err := f.ByNumber(t.Context(), storetest.Town, number, 10)
	require.NoError(t, err)
	require.Empty(t, notes)
	erased, err = f.List.Erase(t.Context(), storetest.Town, number, storetest.Piet, made.Add(2*time.Hour))
	require.NoError(t, err)
	require.Zero(t, erased, "nothing is left of the person")
}

func TestEraseTakesMoreNotesThanOneRoundTakes(t *testing.T) {
	f := storetest.NewFloor()
	for i := range 250 {
		f.Promise(
			t, storetest.ANote().Made,
			func(n *note.Note) { n.Number, n.Subject = storetest.ANote().Number, fmt.Sprint(i) },
		)
	}
	erased, err := f.List.Erase(
		t.Context(), storetest.Town, storetest.ANote().Number, storetest.Piet, storetest.ANote().Made.Add(time.Hour),
	)
	require.NoError(t, err)
	require.Equal(t, 250, erased)
}

func TestEraseReportsNotesThatItCouldNotErase(t *testing.T) {
	f := storetest.NewFloor()
	bad := f.Promise(t, storetest.ANote().Made, func(n *note.Note) { n.Number = storetest.ANote().Number })
	good := f.Promise(
		t, storetest.ANote().Made, func(n *note.Note) { n.Number, n.Subject = storetest.ANote().Number, "rijbewijs" },
	)
	erased, err := callback.NewWorklist(&failing{Floor: f, note: bad.ID}, f, nil).Erase(
		t.Context(), storetest.Town, storetest.ANote().Number, storetest.Piet, storetest.ANote().Made,
	)
	require.ErrorIs(t, err, note.ErrBroken)
	require.Equal(t, 1, erased)
	require.Equal(t, note.Purged, f.Now(t, good).State)
}
