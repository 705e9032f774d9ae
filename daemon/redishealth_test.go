package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// scripted is a Redis with the answers of a test.
type scripted struct {
	away     error
	identity string
	problems []redisstore.Problem
	checks   int
}

func (s *scripted) Ping(context.Context) error               { return s.away }
func (s *scripted) Identity(context.Context) (string, error) { return s.identity, s.away }
func (s *scripted) Check(context.Context) []redisstore.Problem {
	s.checks++
	return s.problems
}

// Attest says that everything was kept.
func (s *scripted) Attest(_ context.Context, p redisstore.Proof) (redisstore.Proof, error) {
	p.Kept = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	return p, nil
}

func watching(t *testing.T, store watchedStore) (*storeWatch, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	return newStoreWatch(
		store, Witness{filepath.Join(t.TempDir(), "witness.json")}, slog.New(slog.NewTextHandler(&log, nil)),
	), &log
}

var (
	noLog   = redisstore.Problem{Setting: "appendonly", Grave: true, Text: "it is off", Mend: "Set it"}
	slowish = redisstore.Problem{Setting: "latency", Text: "60ms", Mend: "Move it"}
)

func TestWhatEndangersPromisesIsToldOnceAndShownAsLongAsItLasts(t *testing.T) {
	redis := &scripted{identity: "a", problems: []redisstore.Problem{noLog, slowish}}
	w, log := watching(t, redis)
	now := time.Now()
	for range 3 {
		w.look(t.Context(), now)
	}
	require.Equal(t, 1, strings.Count(log.String(), "setting=appendonly"), log)
	require.Contains(t, log.String(), "level=ERROR")
	require.Equal(t, 1, strings.Count(log.String(), "setting=latency"), log)
	h := w.health(t.Context())
	require.True(t, h.Up, "calls and notes go on")
	require.True(t, h.Degraded)
	require.Equal(t, "appendonly: it is off", h.Detail, "a warning is no reason to be degraded")

	redis.problems = []redisstore.Problem{slowish}
	w.look(t.Context(), now)
	require.Contains(t, log.String(), `msg="a problem with Redis is solved" setting=appendonly`)
	h = w.health(t.Context())
	require.True(t, h.Up)
	require.False(t, h.Degraded)
	require.Empty(t, h.Detail)

	redis.problems = []redisstore.Problem{noLog}
	w.look(t.Context(), now.Add(storeCheckedEvery))
	require.Equal(t, 3, strings.Count(log.String(), "setting=appendonly"), "it came back, and is told anew: %s", log)
}

func TestRedisIsCheckedWhenItIsAnotherOneAndNowAndThen(t *testing.T) {
	redis := &scripted{identity: "a"}
	w, _ := watching(t, redis)
	now := time.Now()
	for _, step := range []struct {
		what     string
		identity string
		away     error
		after    time.Duration
		checks   int
	}{
		{"the first", "a", nil, 0, 1},
		{"the same", "a", nil, storeSeenEvery, 1},
		{"a restarted one", "b", nil, storeSeenEvery, 2},
		{"it is away", "b", errors.New("refused"), storeSeenEvery, 2},
		{"it is back", "b", nil, storeSeenEvery, 3},
		{"a moment later", "b", nil, storeCheckedEvery - time.Second, 3},
		{"now and then", "b", nil, time.Second, 4},
	} {
		now = now.Add(step.after)
		redis.identity, redis.away = step.identity, step.away
		w.look(t.Context(), now)
		require.Equal(t, step.checks, redis.checks, step.what)
	}
}

func TestRedisAwayIsDownSinceItWentWhateverWasWrongWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		redis := &scripted{identity: "a", problems: []redisstore.Problem{noLog}}
		w, _ := watching(t, redis)
		w.look(t.Context(), time.Now())
		<-time.After(time.Minute)
		weak := w.health(t.Context())
		require.Equal(t, time.Now().UTC(), weak.Since)
		<-time.After(time.Minute)
		require.Equal(t, weak, w.health(t.Context()))
		redis.away = errors.New("connection refused")
		gone := w.health(t.Context())
		require.False(t, gone.Up)
		require.False(t, gone.Degraded)
		require.Equal(t, "connection refused", gone.Detail)
		require.Equal(t, time.Now().UTC(), gone.Since)
	})
}

// The real thing: a Redis that loses what it confirmed answers every ping.
func TestARedisThatKeepsNothingIsNotReady(t *testing.T) {
	server := redistest.Start(t, "appendonly no")
	store := redisstore.Open(redistest.As(server.Addr))
	t.Cleanup(func() { store.Close() })
	w, log := watching(t, store)
	found := func(want bool) func() bool { // a busy machine may need more than the store waits
		return func() bool {
			w.look(t.Context(), time.Now())
			h := w.health(t.Context())
			return h.Up && h.Degraded == want && strings.Contains(h.Detail, "appendonly") == want
		}
	}
	require.Eventually(t, found(true), 30*time.Second, 10*time.Millisecond, "%s", log)
	require.Contains(t, log.String(), "setting=appendonly")
	server.Restart("appendonly yes")
	require.Eventually(t, func() bool {
		w.look(t.Context(), time.Now())
		h := w.health(t.Context())
		return h.Degraded && !strings.Contains(h.Detail, "appendonly") && strings.Contains(
			h.Detail, "Redis lost what it had confirmed",
		)
	}, 30*time.Second, 10*time.Millisecond, "%s", log)
	server.Restart()
	require.Eventually(t, found(false), 30*time.Second, 10*time.Millisecond, "%s", log)
	server.Restart("replicaof 127.0.0.1 1")
	require.Eventually(t, func() bool {
		w.look(t.Context(), time.Now())
		return strings.Contains(w.health(t.Context()).Detail, `this Redis is a "slave"`)
	}, 30*time.Second, 10*time.Millisecond, "%s", log)
}

// A Redis that drops what scripts wrote when it starts answers every ping and has every setting right.
func TestARedisThatForgetsAtARestartIsNotReady(t *testing.T) {
	server := redistest.Prepare(t, "", redistest.Redis)
	good, err := redistest.ShippedUsers()
	require.NoError(t, err)
	bad := strings.Replace(
		good, "user default off resetpass ~* &* +@all", "user default off resetpass resetkeys resetchannels -@all", 1,
	)
	require.NotEqual(t, good, bad)
	require.NoError(t, server.SetUsers(bad))
	server.Restart()
	store := redisstore.Open(redistest.As(server.Addr))
	t.Cleanup(func() { store.Close() })
	w, log := watching(t, store)
	now := time.Now()
	looks := func() metrics.Health { // a busy machine may need more than the store waits
		before, err := w.witness.Read()
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			now = now.Add(storeCheckedEvery)
			w.look(t.Context(), now)
			after, err := w.witness.Read()
			return err == nil && after.Seq > before.Seq && w.health(t.Context()).Up
		}, 30*time.Second, 10*time.Millisecond, "%s", log)
		return w.health(t.Context())
	}
	h := looks()
	require.False(t, h.Degraded, "nothing is known to be wrong: %s", h.Detail)
	require.Contains(t, log.String(), "it is not proven yet that Redis keeps what it confirms")
	server.Stop()
	server.Restart()
	h = looks()
	require.True(t, h.Degraded)
	require.Contains(t, h.Detail, "Redis lost what it had confirmed when it was restarted")
	require.Contains(t, log.String(), "whether its default user lacks rights")
	again := newStoreWatch(store, w.witness, w.log)
	require.Eventually(t, func() bool {
		again.look(t.Context(), now)
		return again.health(t.Context()).Degraded
	}, 30*time.Second, 10*time.Millisecond, "another daemon knows it too")

	require.NoError(t, server.SetUsers(good))
	server.Stop()
	server.Restart()
	h = looks()
	require.False(t, h.Degraded, h.Detail)
	require.Contains(t, log.String(), `msg="a problem with Redis is solved" setting=durability`)
}
