package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
)

func TestWhenTheJournalIsCompared(t *testing.T) {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	another := errors.New("another history")
	var c comparison
	for _, step := range []struct {
		what   string
		after  time.Duration // the start
		with   string
		behind int
		from   note.ID // when it is due
		due    bool
		to     keeper.CaughtUp // and how it ends then
		err    error
	}{
		{what: "at the start", with: "one", due: true, to: keeper.CaughtUp{Next: "b"}},
		{
			what: "it was cut short: on it goes", after: time.Second, with: "one", due: true, from: "b",
			to: keeper.CaughtUp{Next: "d"},
		},
		{
			what: "another Redis has to be compared from the beginning", after: 2 * time.Second, with: "two", due: true,
			to: keeper.CaughtUp{Next: "c"},
		},
		{
			what: "it goes round", after: 3 * time.Second, with: "two", due: true, from: "c",
			to: keeper.CaughtUp{Done: true},
		},
		{what: "all is well", after: time.Minute, with: "two"},
		{
			what: "a note is behind, and Redis goes away again", after: 2 * time.Minute, with: "two", behind: 1,
			due: true, err: note.ErrStoreDown,
		},
		{
			what: "it is still behind", after: 2*time.Minute + time.Second, with: "two", behind: 1, due: true,
			to: keeper.CaughtUp{Done: true},
		},
		{what: "nothing points to a loss", after: 2*time.Minute + compareEvery, with: "two"},
		{
			what: "now and then", after: 2*time.Minute + time.Second + compareEvery, with: "two", due: true,
			to: keeper.CaughtUp{Done: true}, err: another,
		},
		{what: "people must mend one", after: 13 * time.Minute, with: "two", behind: 0},
		{
			what: "which is looked for again soon", after: 13*time.Minute + time.Second, with: "two", due: true,
			to: keeper.CaughtUp{Done: true},
		},
		{what: "it is mended", after: 15 * time.Minute, with: "two"},
	} {
		now := start.Add(step.after)
		require.Equal(t, step.due, c.due(step.with, step.behind, now), step.what)
		if step.due {
			require.Equal(t, step.from, c.from, step.what)
			c.came(step.to, step.err, now)
		}
	}
	require.True(t, c.wentRound())
	c.due("three", 0, start)
	require.False(t, c.wentRound(), "nothing is pruned before this one was seen to have it")
}

func TestANoteThatPeopleMustMendIsNotLookedForEverySecond(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	var c comparison
	require.True(t, c.due("one", 1, now))
	c.came(keeper.CaughtUp{Done: true}, errors.New("another history"), now)
	require.False(t, c.due("one", 0, now.Add(time.Second)))
	require.True(t, c.due("one", 1, now.Add(time.Second)), "another is behind")
	require.True(t, c.due("one", 0, now.Add(lookAgain)))
}

func TestWhenTheJournalsFileIsCompacted(t *testing.T) {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	full := errors.New("disk full")
	var file tidiness
	for _, step := range []struct {
		what   string
		after  time.Duration // the start
		erased int
		due    bool
		err    error
	}{
		{what: "at the start, for what the daemon before left", due: true, err: full},
		{what: "not every second", after: time.Second},
		{what: "again soon: only success counts", after: lookAgain, due: true},
		{what: "not for what is merely pruned", after: lookAgain + time.Minute},
		{what: "at once for who asked", after: 3 * time.Minute, erased: 2, due: true, err: full},
		{what: "again soon", after: 3*time.Minute + lookAgain, erased: 2, due: true},
		{what: "done", after: 6 * time.Minute, erased: 2},
		{what: "what is pruned within the hour", after: 4*time.Minute + compactEvery, erased: 2, due: true},
	} {
		now := start.Add(step.after)
		require.Equal(t, step.due, file.due(step.erased, now), step.what)
		if step.due {
			file.tried(step.erased, now, step.err)
		}
	}
}

// Nobody can renew a claim while Redis answers but takes no writes: it is away, and claims wait a minute after it too.
func TestNoClaimLapsesBecauseRedisTookNoWrites(t *testing.T) {
	c := atTheOffice(t)
	n := c.Note("kcc")
	require.Eventually(t, func() bool {
		id := note.EventID(ulid.Make().String())
		claimed, err := c.Store.Advance(t.Context(), n, note.Event{
			ID: id, Note: n.ID, Ver: n.Ver + 1, At: time.Now().UTC().Truncate(time.Millisecond),
			Kind: note.EventClaimed,
			Who:  note.ByAgent("kcc1"), Hold: time.Millisecond,
		})
		return err == nil && claimed.State == note.Claimed
	}, 30*time.Second, 10*time.Millisecond)
	d := daemonWith(t, slog.New(slog.DiscardHandler), c.RedisLine())
	now := time.Now()
	k := d.newRounds()
	k.outage = outage{} // for an hour it has been well
	state := func() note.State {
		var stored note.Note
		require.Eventually(t, func() bool {
			var err error
			stored, err = c.Store.Note(t.Context(), n.Municipality, n.ID)
			return err == nil
		}, 30*time.Second, 10*time.Millisecond)
		return stored.State
	}
	until := func(lasts bool) { // a busy machine may need more than the store waits
		require.Eventually(t, func() bool {
			k.tick(t.Context(), now)
			return k.outage.lasts == lasts
		}, 30*time.Second, 10*time.Millisecond)
	}
	c.Redis.Restart("replicaof 127.0.0.1 1")
	until(true)
	require.Equal(t, note.Claimed, state())
	now = now.Add(time.Hour)
	c.Redis.Restart("replicaof no one")
	until(false)
	require.Equal(t, now, k.outage.over)
	require.Equal(t, note.Claimed, state(), "they get the chance to renew it")
	now = now.Add(59 * time.Second)
	until(false)
	require.Equal(t, note.Claimed, state())
	now = now.Add(time.Second)
	require.Eventually(t, func() bool {
		k.tick(t.Context(), now)
		return state() == note.Open
	}, 30*time.Second, 10*time.Millisecond)
}

func TestWhenRedisCameBack(t *testing.T) {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	away := errors.New("connection refused")
	var o outage
	for i, step := range []struct {
		what string
		err  error
		over int // seconds after the start; 0 for never
		away int // seconds
	}{
		{what: "it answers at the start: it was not away"},
		{what: "and still does"},
		{what: "it is away", err: away},
		{what: "still", err: away},
		{what: "it is back", over: 4, away: 2},
		{what: "and stays", over: 4},
		{what: "it is away again", err: away, over: 4},
		{what: "and back", over: 7, away: 1},
	} {
		length := o.heard(step.err, start.Add(time.Duration(i)*time.Second))
		require.Equal(t, time.Duration(step.away)*time.Second, length, step.what)
		if step.over == 0 {
			require.Zero(t, o.over, step.what)
			continue
		}
		require.Equal(t, start.Add(time.Duration(step.over)*time.Second), o.over, step.what)
	}
}

// The log says once that Redis is back: how long it was away, and how many notes it was given.
func TestTheReturnOfRedisIsLoggedOnce(t *testing.T) {
	c := atTheOffice(t)
	var log bytes.Buffer
	d := daemonWith(
		t, slog.New(slog.NewTextHandler(&log, nil)), c.RedisLine()+"\ncallbacks: {limits: {caller: 0, target: 0}}",
	)
	now, returns := time.Now(), 0
	k := d.newRounds()
	tick := func() bool {
		away := !k.outage.since.IsZero()
		k.tick(t.Context(), now)
		if away && !k.outage.lasts { // a busy machine may let it be away more often than this test does
			returns++
		}
		return k.outage.lasts
	}
	until := func(lasts bool) {
		require.Eventually(t, func() bool { return tick() == lasts }, 30*time.Second, 10*time.Millisecond)
	}
	const back, another = "Redis is back", "another Redis answers"
	until(false)
	require.Equal(t, returns, strings.Count(log.String(), back), "at the start nothing is back")
	c.Redis.Kill()
	until(true)
	c.Notes = d.notes.Service
	for range 3 {
		c.Note("kcc")
	}
	now = now.Add(90 * time.Second)
	c.Redis.Restart()
	until(false)
	for range 5 {
		now = now.Add(time.Second)
		tick()
	}
	until(false)
	require.Equal(t, returns, strings.Count(log.String(), back), log.String())
	require.Contains(t, log.String(), "away=1m30s notes=3")

	c.Redis.Restart() // between two looks
	returns = 0
	log.Reset()
	for range 3 {
		now = now.Add(time.Second)
		until(false)
	}
	require.Equal(t, returns, strings.Count(log.String(), back), log.String())
	if returns == 0 {
		require.Equal(t, 1, strings.Count(log.String(), another), log.String())
	}
}
