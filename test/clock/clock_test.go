// Package clock_test holds row 23 of the fault matrix where it needs a real Redis: clocks that are an hour off, and put
// right.
//
// A wrong clock changes little, because each time comes from one clock only:
//
//   - The deadline is counted by the daemon's clock, once, when the note is made, and is stored. An hour matters around
//     midnight only, see calendar/. No clock moves the deadline afterwards (I9).
//   - Leases run by the clock of Redis: a daemon whose clock is off does not change when a claim lapses.
//   - Warnings and overdue notes are raised by the daemon's clock: an hour early, or an hour late, and once.
//
// The daemon's own clock cannot be moved with libfaketime: a Go program asks the kernel, not the C library. Its time is
// an argument here, as everywhere, and cmd/bereikbaar runs its commands in simulated time.
package clock_test

import (
	"context"
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the machine's zones

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

const (
	deventer = call.MunicipalityID("deventer")
	kcc      = call.TeamID("kcc")
	lease    = 20 * time.Minute
	// slack is the time that a slow machine may take between two looks at a clock; it is far less than the clocks'
	// hour.
	slack = 5 * time.Minute
)

// town is the configuration of these tests.
type town struct{ hours *calendar.Hours }

func newTown(t *testing.T) town {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	week := calendar.Week{}
	for day := time.Monday; day <= time.Friday; day++ {
		week[day] = []calendar.Span{{From: 9 * 60, To: 17 * 60}}
	}
	c, err := calendar.New(calendar.Spec{Location: loc, Hours: week})
	require.NoError(t, err)
	hours, err := c.Team(calendar.TeamSpec{})
	require.NoError(t, err)
	return town{hours}
}

func (town) Knows(team call.TeamID) bool { return team == kcc }

func (town) Policy(call.MunicipalityID) dialling.Policy {
	return dialling.Policy{Countries: []string{"NL"}}
}

func (town) Work(call.MunicipalityID) callback.Work {
	return callback.Work{Location: time.UTC, ContactCentre: kcc, Lease: lease}
}

func (w town) Term(_ call.TeamID, made time.Time) (callback.Term, error) {
	d, err := w.hours.Deadline(made)
	return callback.Term{Deadline: d.At, Warn: w.hours.Warning(d, 0.5)}, err
}

// office are the notes of the town on their own Redis.
type office struct {
	town
	redis    *redistest.Server
	store    *redisstore.Store
	service  *callback.Service
	worklist *callback.Worklist
}

func open(t *testing.T) *office {
	t.Helper()
	o := &office{town: newTown(t), redis: redistest.Start(t)}
	o.store = redisstore.Open(redistest.As(o.redis.Addr))
	t.Cleanup(func() {
		o.store.Close()
		_, err := redistest.AuditAt(context.Background(), o.redis.Addr, deventer)
		require.NoError(t, err, "the invariants hold, whatever the clock did")
	})
	o.service = callback.NewService(o.store, o.town, o.town, nil)
	o.worklist = callback.NewWorklist(o.store, o.town, nil)
	return o
}

// promise makes a note at a moment on the daemon's clock, for the n-th caller.
func (o *office) promise(t *testing.T, at time.Time, n int) note.Note {
	t.Helper()
	number, err := call.ParseNumber(fmt.Sprintf("+316123456%02d", n))
	require.NoError(t, err)
	r := callback.Request{
		Key: note.CallKey("pbx1", call.ID(fmt.Sprintf("call.%d", n))), At: at, Who: note.BySystem,
		Municipality: deventer, Team: kcc, Number: number, Shown: number, Language: "nl",
	}
	var promised note.Note
	o.eventually(t, func() (err error) { promised, _, err = o.service.Promise(t.Context(), r); return err })
	return promised
}

// eventually retries while the connections notice the restart of Redis.
func (o *office) eventually(t *testing.T, do func() error) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool { err = do(); return err == nil }, time.Minute, 20*time.Millisecond)
	require.NoError(t, err)
}

func (o *office) note(t *testing.T, id note.ID) note.Note {
	t.Helper()
	var n note.Note
	o.eventually(t, func() (err error) { n, err = o.store.Note(t.Context(), deventer, id); return err })
	return n
}

func (o *office) round(t *testing.T, now time.Time) callback.Round {
	t.Helper()
	var r callback.Round
	o.eventually(t, func() (err error) {
		r, err = o.worklist.RoundSince(t.Context(), deventer, now, time.Time{})
		return err
	})
	return r
}

// setClock moves the clock of Redis and checks that it moved.
func (o *office) setClock(t *testing.T, off time.Duration) {
	t.Helper()
	o.redis.SetClock(off)
	probe := o.promise(t, time.Now(), 90+int(off/time.Hour))
	claimed, err := o.worklist.Claim(t.Context(), o.step(probe, time.Now()))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(off+lease), claimed.Lease, slack, "the clock of Redis is off by %s", off)
	_, err = o.worklist.Cancel(t.Context(), o.step(claimed, time.Now()), "a probe")
	require.NoError(t, err)
}

func (o *office) step(n note.Note, at time.Time) callback.Step {
	return callback.Step{Municipality: deventer, Note: n.ID, Ver: n.Ver, Who: note.ByAgent("anouk"), At: at}
}

// moments are the daemon's clock when a note is made, and the deadline, by hand.
var moments = []struct{ made, due string }{
	{"2026-02-06T15:00:00Z", "2026-02-09T16:00:00Z"}, // a Friday at four
	{"2026-02-05T22:30:00Z", "2026-02-06T16:00:00Z"}, // half an hour before Friday
	// half an hour into it, as on a clock that is an hour fast
	{"2026-02-05T23:30:00Z", "2026-02-09T16:00:00Z"},
	{"2026-03-29T00:59:59Z", "2026-03-30T15:00:00Z"}, // a second before the clocks skip an hour
	{"2026-03-29T01:00:00Z", "2026-03-30T15:00:00Z"}, // at the skip
	{"2026-10-25T00:30:00Z", "2026-10-26T16:00:00Z"}, // the first 02:30
	{"2026-10-25T01:30:00Z", "2026-10-26T16:00:00Z"}, // the second 02:30
	{"2025-12-31T23:30:00Z", "2026-01-02T16:00:00Z"}, // half an hour into the new year
}

func TestDeadlinesIgnoreTheClockOfRedis(t *testing.T) {
	o := open(t)
	made := map[note.ID]string{}
	n := 0
	for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
		o.setClock(t, off)
		for _, m := range moments {
			at, err := time.Parse(time.RFC3339, m.made)
			require.NoError(t, err)
			n++
			promised := o.promise(t, at, n)
			require.Equal(t, m.due, promised.Deadline.Format(time.RFC3339), "made at %s, Redis off by %s", m.made, off)
			made[promised.ID] = m.due
		}
	}
	o.redis.SetClock(0)
	for id, due := range made {
		require.Equal(t, due, o.note(t, id).Deadline.Format(time.RFC3339), "after the clock was put right")
	}
	due, err := o.store.Due(t.Context(), deventer, kcc, 100)
	require.NoError(t, err)
	require.Len(t, due, len(made))
	for i := 1; i < len(due); i++ {
		require.False(
			t, due[i].Deadline.Before(due[i-1].Deadline),
			"the list is by deadline, whatever clock the notes were made under",
		)
	}
}

// A claim holds by the clock of Redis alone, so that daemons whose clocks differ agree on the owner.
func TestADaemonWithAWrongClockTakesNoClaimAway(t *testing.T) {
	o := open(t)
	now := time.Now()
	n := o.promise(t, now, 1)
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		claimed, err := o.worklist.Claim(t.Context(), o.step(o.note(t, n.ID), now.Add(off)))
		require.NoError(t, err)
		require.WithinDuration(
			t, time.Now().Add(lease), claimed.Lease, slack, "by the clock of Redis, not the daemon's",
		)
		require.Empty(t, o.round(t, time.Now().Add(off)).Lapsed)
		require.Equal(t, note.Claimed, o.note(t, n.ID).State)
		_, err = o.worklist.Release(t.Context(), o.step(claimed, now.Add(off)), "done")
		require.NoError(t, err)
	}
	require.Equal(t, n.Deadline, o.note(t, n.ID).Deadline)
}

// Putting the clock of Redis right shifts the end of a lease by as much. Until then the note keeps its owner, and its
// deadline does not change.
func TestPuttingTheClockOfRedisRightMovesLeasesAndNothingElse(t *testing.T) {
	for name, test := range map[string]struct {
		off    time.Duration
		lapses bool
	}{
		"it was an hour fast: the claim holds an hour longer": {time.Hour, false},
		"it was an hour slow: the claim lapses at once":       {-time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.setClock(t, test.off)
			now := time.Now()
			n := o.promise(t, now, 1)
			claimed, err := o.worklist.Claim(t.Context(), o.step(n, now))
			require.NoError(t, err)
			require.WithinDuration(t, now.Add(test.off+lease), claimed.Lease, slack)
			require.Empty(t, o.round(t, now).Lapsed, "while the clock is wrong the claim holds as long as it should")

			o.redis.SetClock(0)
			lapsed := o.round(t, now).Lapsed
			after := o.note(t, n.ID)
			require.Equal(t, n.Deadline, after.Deadline)
			if !test.lapses {
				require.Empty(t, lapsed)
				require.Equal(t, note.Claimed, after.State)
				return
			}
			require.Len(t, lapsed, 1)
			require.Equal(t, note.Open, after.State)
			_, err = o.worklist.Renew(t.Context(), o.step(claimed, now))
			var stale *note.StaleError
			require.ErrorAs(t, err, &stale, "the previous owner is refused")
		})
	}
}

// A daemon whose clock is off raises a warning and an overdue mark an hour early or late, once: not again when the
// clock is put right.
func TestMarksAreRaisedOnceWhateverTheClockDoes(t *testing.T) {
	o := open(t)
	made, err := time.Parse(time.RFC3339, "2026-02-06T15:00:00Z")
	require.NoError(t, err)
	n := o.promise(t, made, 1)
	warn, err := time.Parse(time.RFC3339, "2026-02-09T11:30:00Z")
	require.NoError(t, err)
	require.Equal(t, warn, n.Warn)

	require.Empty(t, o.round(t, warn.Add(-time.Minute)).Warned)
	require.Len(t, o.round(t, warn.Add(-time.Minute).Add(time.Hour)).Warned, 1, "an hour fast: raised an hour early")
	require.Empty(t, o.round(t, warn).Warned, "put right: not raised again")
	require.Empty(t, o.round(t, n.Deadline.Add(-time.Hour)).Overdue, "an hour slow: raised an hour late")
	require.Empty(t, o.round(t, n.Deadline).Overdue, "at the deadline itself it is in time")
	require.Len(t, o.round(t, n.Deadline.Add(time.Millisecond)).Overdue, 1)
	require.Empty(t, o.round(t, n.Deadline.Add(-time.Hour)).Overdue, "back an hour: not raised again")
	require.Equal(t, n.Deadline, o.note(t, n.ID).Deadline)
}
