package redisstore_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// Row 4 of the fault matrix: Redis is killed while notes are made and worked, after as many confirmations as the seed
// says.
func TestRedisIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	const seeds = 50
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	confirmed, stored := 0, 0
	for seed := range uint64(seeds) {
		_ = past.Ping(ctx) // the first over a connection that the kill before broke
		require.NoError(t, past.FlushAll(ctx).Err())
		told := workUntilKilled(t, server, 1+rand.New(rand.NewPCG(seed, 4)).IntN(120))
		server.Restart()
		_ = past.Ping(ctx)
		stored += requireKept(t, past, told)
		confirmed += len(told)
	}
	t.Logf("%d steps confirmed, %d notes stored, %d kills", confirmed, stored, seeds)
}

// requireKept checks the invariants, and that every confirmed step is in the history of its note as it was confirmed.
// It gives the number of notes.
func requireKept(t *testing.T, past *redis.Client, told []note.Note) int {
	t.Helper()
	stored, err := redistest.Audit(ctx, past, deventer)
	require.NoError(t, err)
	for _, n := range told {
		events := stored.Events[n.ID]
		require.GreaterOrEqual(t, len(events), int(n.Ver), "I1: the confirmed steps are there")
		was, err := note.Replay(events[:n.Ver])
		require.NoError(t, err)
		storetest.RequireSame(t, n, was, "I1: as it was confirmed")
	}
	return len(stored.Notes)
}

// workUntilKilled lets callers and colleagues work at once, kills the server in the midst of it, and gives every note
// as it was confirmed.
func workUntilKilled(t *testing.T, server *redistest.Server, enough int) []note.Note {
	t.Helper()
	const callers, colleagues = 10, 6
	s := open(t, server.Addr)
	told, killed := make(chan note.Note, callers+colleagues), make(chan struct{})
	var wait sync.WaitGroup
	until := func(work func()) {
		wait.Go(func() {
			for {
				select {
				case <-killed:
					return
				default:
					work()
				}
			}
		})
	}
	for range callers {
		until(func() {
			r := request(t)
			for range 2 { // each caller asks twice, as after a lost reply
				if n, _, err := service(s).Promise(ctx, r); err == nil {
					told <- n
				}
			}
		})
	}
	for i := range colleagues {
		random := rand.New(rand.NewPCG(uint64(i), 5))
		until(func() { workOne(s, random, told) })
	}
	go func() {
		wait.Wait()
		close(told)
	}()
	var confirmed []note.Note
	for n := range told {
		if confirmed = append(confirmed, n); len(confirmed) == enough {
			server.Kill()
			close(killed)
		}
	}
	return confirmed
}

// workOne takes one of the notes that are due and works it to its end, as far as others and Redis let it.
func workOne(s *redisstore.Store, random *rand.Rand, told chan<- note.Note) {
	due, err := s.Due(ctx, deventer, team, 20)
	if err != nil || len(due) == 0 {
		return
	}
	n := due[random.IntN(len(due))]
	for _, next := range []func(note.Note) note.Event{claims, rings, reaches, resolves} {
		e := next(n)
		after, err := s.Advance(ctx, n, e)
		if errors.Is(err, note.ErrStoreDown) {
			after, err = s.Advance(ctx, n, e) // asked again, as after a lost reply
		}
		if err != nil {
			return
		}
		n = after
		told <- n
	}
}

// Row 5 of the fault matrix: the confirmation comes later, and every confirmed note is there. Redis is killed while it
// waits for its disk; without appendfsync always it would have confirmed unwritten notes.
func TestTheDiskIsSlow(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	const slow = 30 * time.Millisecond
	for range 3 {
		server.SetDisk(slow)
		_ = past.Ping(ctx) // the first over a connection that the restart broke
		began := time.Now()
		told := workUntilKilled(t, server, 100)
		require.Greater(t, time.Since(began), slow)
		server.SetDisk(0)
		_ = past.Ping(ctx)
		requireKept(t, past, told)
	}
}

func TestTheDiskIsTooSlowToWaitFor(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.SetDisk(time.Second)
	s := open(t, server.Addr)
	r := request(t)
	_, _, err := service(s).Promise(ctx, r)
	require.ErrorIs(t, err, note.ErrStoreDown, "it is not said to be kept")
	server.SetDisk(0)
	n, err := storetest.Patiently(func() (note.Note, error) { return storetest.Just(service(s).Promise(ctx, r)) })
	require.NoError(t, err)
	stored := requireInvariants(t, raw(t, server.Addr))
	require.Len(t, stored, 1, "asked again: one note")
	storetest.RequireSame(t, n, stored[n.ID])
}
