package redisstore_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/redisstore/redistest"
)

// Row 4 of the fault matrix: Redis is killed while notes are made and worked, after as many confirmations as the seed says.
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

// requireKept checks the invariants, and that every step that somebody was told of is in the history of its note as he was told.
// It gives the number of notes.
func requireKept(t *testing.T, past *redis.Client, told []callback.Note) int {
	t.Helper()
	stored, err := redistest.Audit(ctx, past, deventer)
	require.NoError(t, err)
	for _, n := range told {
		events := stored.Events[n.ID]
		require.GreaterOrEqual(t, len(events), int(n.Ver), "I1: what was confirmed is there")
		was, err := callback.Replay(events[:n.Ver])
		require.NoError(t, err)
		requireSame(t, n, was, "I1: as it was confirmed")
	}
	return len(stored.Notes)
}

// workUntilKilled lets callers and colleagues work at once, kills the server in the midst of it, and gives every note that
// somebody was told of, as he was told.
func workUntilKilled(t *testing.T, server *redistest.Server, enough int) []callback.Note {
	t.Helper()
	const callers, colleagues = 10, 6
	s := open(t, server.Addr)
	told, killed := make(chan callback.Note, callers+colleagues), make(chan struct{})
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
			for range 2 { // each caller asks twice, as a lost reply makes him do
				if n, err := service(s).Promise(ctx, r); err == nil {
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
	var confirmed []callback.Note
	for n := range told {
		if confirmed = append(confirmed, n); len(confirmed) == enough {
			server.Kill()
			close(killed)
		}
	}
	return confirmed
}

// workOne takes one of the notes that are due and works it to its end, as far as others and Redis let it.
func workOne(s *redisstore.Store, random *rand.Rand, told chan<- callback.Note) {
	due, err := s.Due(ctx, deventer, team, 20)
	if err != nil || len(due) == 0 {
		return
	}
	n := due[random.IntN(len(due))]
	for _, next := range []func(callback.Note) callback.Event{claims, rings, reaches, resolves} {
		e := next(n)
		after, err := s.Advance(ctx, n, e)
		if errors.Is(err, callback.ErrStoreDown) {
			after, err = s.Advance(ctx, n, e) // a lost reply makes him ask again
		}
		if err != nil {
			return
		}
		n = after
		told <- n
	}
}

// Row 5 of the fault matrix. A disk that hangs in fsync stops Redis where it stands, because it replies only after it: so it
// is stopped here, again and again, and killed at the end.
func TestTheDiskIsSlow(t *testing.T) {
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	s := open(t, server.Addr)
	promise(t, s)

	const hangs = 8
	stop := make(chan struct{})
	told := make(chan callback.Note, 10_000)
	var wait sync.WaitGroup
	for i := range 8 {
		random := rand.New(rand.NewPCG(uint64(i), 6))
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if n, err := service(s).Promise(ctx, request(t)); err == nil {
					told <- n
				}
				workOne(s, random, told)
			}
		})
	}
	for range hangs {
		before := len(told)
		server.FreezeFor(slow)
		await(t, "it goes on after it hung", func() bool { return len(told) > before+20 })
	}
	server.Kill()
	close(stop)
	wait.Wait()
	close(told)
	var confirmed []callback.Note
	for n := range told {
		confirmed = append(confirmed, n)
	}
	server.Restart()
	_ = past.Ping(ctx)
	requireKept(t, past, confirmed)
	t.Logf("%d steps confirmed over %d hangs", len(confirmed), hangs)
}
