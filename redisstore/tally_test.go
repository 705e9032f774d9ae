package redisstore_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

var today = dialling.Day{Municipality: deventer, Date: "2026-11-20"}

// dials are the limits of one call out: ten to a number, and a hundred in all.
func dials(number string) []dialling.Limit {
	return []dialling.Limit{{What: "dialled-number", Of: number, Most: 10}, {What: "dialled", Most: 100}}
}

func counts(t *testing.T, s *redisstore.Store, once string, limits []dialling.Limit) dialling.Limit {
	t.Helper()
	full, err := storetest.Patiently(func() (dialling.Limit, error) { return s.Count(ctx, today, once, limits) })
	require.NoError(t, err)
	return full
}

// A crash loop, of the daemon or of Redis, must not reset the counts that guard against fraud.
func TestCountsOutliveEveryRestart(t *testing.T) {
	server := redistest.Start(t)
	limits := dials("+31612345678")
	for i := range 10 {
		s := open(t, server.Addr) // of a daemon that has just started
		require.Zero(t, counts(t, s, fmt.Sprint(i), limits))
		if i == 5 {
			server.Restart()
		}
	}
	require.Equal(t, limits[0], counts(t, open(t, server.Addr), "one too many", limits))
	require.Zero(t, counts(t, open(t, server.Addr), "to another", dials("+31687654321")))
}

func TestOf64SidesAtTheCapTenCount(t *testing.T) {
	server := redistest.Start(t)
	// of several daemons
	stores := []*redisstore.Store{open(t, server.Addr), open(t, server.Addr), open(t, server.Addr)}
	limits := dials("+31612345678")
	var counted, refused atomic.Int64
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := range 64 {
		wait.Go(func() {
			<-start
			full, err := storetest.Patiently(func() (dialling.Limit, error) {
				return stores[i%len(stores)].Count(ctx, today, fmt.Sprint(i), limits)
			})
			switch {
			case err != nil:
				t.Errorf("side %d: %v", i, err)
			case full == dialling.Limit{}:
				counted.Add(1)
			case full == limits[0]:
				refused.Add(1)
			}
		})
	}
	close(start)
	wait.Wait()
	require.EqualValues(t, 10, counted.Load())
	require.EqualValues(t, 54, refused.Load())
	all, err := raw(t, server.Addr).HGet(ctx, tag+"day:2026-11-20", "dialled").Int()
	require.NoError(t, err)
	require.Equal(t, 10, all, "refused ones counted nowhere")
}

func TestCountsShowNoNumbersAndGo(t *testing.T) {
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	require.Zero(t, counts(t, open(t, server.Addr), "api/els/+31612345678", dials("+31612345678")))
	key := tag + "day:2026-11-20"
	require.Equal(t, []string{key}, keysIn(t, past))
	fields, err := past.HGetAll(ctx, key).Result()
	require.NoError(t, err)
	require.Len(t, fields, 3)
	require.NotContains(t, fmt.Sprint(fields), "612345678")
	left, err := past.TTL(ctx, key).Result()
	require.NoError(t, err)
	require.InDelta(t, 48, left.Hours(), 0.1)
	require.Greater(t, left, 47*time.Hour)
	requireInvariants(t, past)
}

func TestCountsThatCannotBeRead(t *testing.T) {
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	s, key := open(t, server.Addr), tag+"day:2026-11-20"
	require.NoError(t, past.HSet(ctx, key, "dialled", "many").Err())
	_, err := s.Count(ctx, today, "1", dials("+31612345678"))
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, "dialled is not a count")
	require.NoError(t, past.Del(ctx, key).Err())
	require.NoError(t, past.Set(ctx, key, "x", 0).Err())
	_, err = s.Full(ctx, today, dials("+31612345678"))
	require.ErrorIs(t, err, note.ErrBroken)
	server.Kill()
	_, err = s.Count(ctx, today, "1", dials("+31612345678"))
	require.ErrorIs(t, err, note.ErrStoreDown)
}
