package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

const tooLong = 500 * time.Millisecond // for a caller who waits for an answer

// inTime checks that f is well and takes less than tooLong. It may try again: a busy machine slows it now and then, but
// a slow f is slow every time.
func inTime(t *testing.T, what string, f func() error) {
	t.Helper()
	var took time.Duration
	var err error
	for range 6 {
		start := time.Now()
		err = f()
		if took = time.Since(start); err == nil && took < tooLong {
			return
		}
	}
	t.Fatalf("%s: took %s, %v", what, took, err)
}

// requireDown checks that a promise is refused in time because of the store, and with a word that helps the operator.
func requireDown(t *testing.T, s *redisstore.Store, mend string) {
	t.Helper()
	inTime(t, "a promise that cannot be made", func() error {
		n, _, err := service(s).Promise(t.Context(), request(t))
		switch {
		case !errors.Is(err, note.ErrStoreDown) || !strings.Contains(err.Error(), mend):
			return fmt.Errorf("not the error that says %q: %w", mend, err)
		case strings.Contains(err.Error(), digits) || n.ID != "":
			return fmt.Errorf("it tells too much: %w", err)
		}
		return nil
	})
}

func TestRedisRefuses(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	before := promise(t, s)
	server.Kill()
	requireDown(t, s, "is Redis running")
	_, err := s.Note(t.Context(), deventer, before.ID)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.NotErrorIs(t, err, note.ErrNoNote, "away is not the same as not there")

	server.Restart()
	after := promise(t, s)
	notes := requireInvariants(t, raw(t, server.Addr))
	require.Contains(t, notes, before.ID, "I1")
	require.Contains(t, notes, after.ID)
}

func TestRedisIsFrozen(t *testing.T) {
	server := redistest.Start(t)
	for name, addr := range map[string]string{
		"with a connection that stands": server.Addr,
		"with a connection to make":     redistest.NewProxy(t, server).Addr,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, addr)
			if addr == server.Addr {
				promise(t, s)
			}
			server.Freeze()
			requireDown(t, s, "frozen")
			requireDown(t, s, "frozen")
			requireReadsDown(t, s)
			server.Thaw()
			promise(t, s)
			requireInvariants(t, raw(t, server.Addr))
		})
	}
}

// requireReadsDown checks that reads fail in time, too.
func requireReadsDown(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := t.Context()
	for name, read := range map[string]func() error{
		"ping":         func() error { return s.Ping(ctx) },
		"note":         func() error { _, err := s.Note(ctx, deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB"); return err },
		"by reference": func() error { _, err := s.ByReference(ctx, deventer, "10000004"); return err },
		"due":          func() error { _, err := s.Due(ctx, deventer, team, 10); return err },
		"events":       func() error { _, err := s.Events(ctx, deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB"); return err },
		"counts":       func() error { _, err := s.Counts(ctx, deventer, promised); return err },
	} {
		inTime(t, name, func() error {
			if err := read(); !errors.Is(err, note.ErrStoreDown) {
				return fmt.Errorf("not down: %w", err)
			}
			return nil
		})
	}
}

// requireTakesNoWrites checks that a Redis that answers reads is known to take no writes, and why.
func requireTakesNoWrites(t *testing.T, s *redisstore.Store, mend string) {
	t.Helper()
	inTime(t, "a look whether it takes writes", func() error {
		if _, err := s.Identity(t.Context()); err != nil {
			return fmt.Errorf("it does not answer: %w", err)
		}
		if err := s.TakesWrites(t.Context()); !errors.Is(err, note.ErrStoreDown) || !strings.Contains(
			err.Error(), mend,
		) {
			return fmt.Errorf("not the error that says %q: %w", mend, err)
		}
		return nil
	})
}

// requireTakesWrites checks that it does again.
func requireTakesWrites(t *testing.T, s *redisstore.Store) {
	t.Helper()
	inTime(t, "a look whether it takes writes", func() error { return s.TakesWrites(t.Context()) })
}

func TestASlowRedisIsNotWaitedForAgainAtEveryStep(t *testing.T) {
	proxy := redistest.NewProxy(t, redistest.Start(t))
	s := open(t, proxy.Addr)
	promise(t, s)
	inTime(t, "three slow steps", func() error {
		for _, command := range []string{"smembers", "hgetall", "zcard"} {
			proxy.Slow(command, 250*time.Millisecond)
		}
		defer proxy.Forget()
		if _, err := s.Counts(t.Context(), deventer, promised); !errors.Is(err, note.ErrStoreDown) {
			return fmt.Errorf("not down: %w", err)
		}
		return nil
	})
}

func TestASlowDiskIsWaitedForAWhile(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	s := open(t, proxy.Addr)
	promise(t, s)
	proxy.Slow("evalsha", 200*time.Millisecond)
	promise(t, s)
	require.Len(t, requireInvariants(t, raw(t, server.Addr)), 2)
}

func TestManyCallersMeetAFrozenRedis(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	server.Freeze()
	var wait sync.WaitGroup
	told := make(chan time.Duration, 50) // more callers than there are connections
	for range cap(told) {
		r := request(t)
		wait.Go(func() {
			start := time.Now()
			if _, _, err := service(s).Promise(context.Background(), r); errors.Is(err, note.ErrStoreDown) {
				told <- time.Since(start)
			}
		})
	}
	wait.Wait()
	server.Thaw()
	require.Len(t, told, cap(told), "every one of them is told")
	close(told)
	// so many at once take time of a busy machine: what matters is that they do not wait for each other
	for took := range told {
		require.Less(t, took, 4*tooLong)
	}
}

func TestReplyIsLostAfterTheScriptRan(t *testing.T) {
	t.Run("the connection breaks: asked again, one note, confirmed", func(t *testing.T) {
		server := redistest.Start(t)
		proxy := redistest.NewProxy(t, server)
		s := open(t, proxy.Addr)
		promise(t, s)
		proxy.LoseReply("evalsha")
		n := promise(t, s)
		require.Zero(t, proxy.Pending(), "the fault did happen")
		notes := requireInvariants(t, raw(t, server.Addr))
		require.Len(t, notes, 2)
		require.Equal(t, n, notes[n.ID])
	})
	t.Run("the reply never comes: not confirmed, and asked again it is that one note", func(t *testing.T) {
		server := redistest.Start(t)
		proxy := redistest.NewProxy(t, server)
		s := open(t, proxy.Addr)
		promise(t, s)
		proxy.HoldReply("evalsha")
		r := request(t)
		_, _, err := service(s).Promise(t.Context(), r)
		require.ErrorIs(t, err, note.ErrStoreDown, "I8: no confirmation before it is known to be durable")
		require.Zero(t, proxy.Pending())
		made := requireInvariants(t, raw(t, server.Addr))
		require.Len(t, made, 2, "the script did run")
		n, _, err := service(s).Promise(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, made[n.ID], n)
		require.Len(t, requireInvariants(t, raw(t, server.Addr)), 2)
	})
}

func TestRedisRestartsBetweenTwoCalls(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	for range 3 {
		promise(t, s) // over a connection that the restart before has broken
		server.Restart()
	}
	require.Len(t, requireInvariants(t, raw(t, server.Addr)), 3)
}

func TestScriptsAreForgotten(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	promise(t, s)
	require.NoError(t, raw(t, server.Addr).ScriptFlush(t.Context()).Err())
	promise(t, s)
	require.Len(t, requireInvariants(t, raw(t, server.Addr)), 2)
}

func TestTroubleThatPasses(t *testing.T) {
	for _, trouble := range []string{
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"TRYAGAIN Multiple keys request during rehashing of slot",
		"CLUSTERDOWN The cluster is down",
		"BUSY Redis is busy running a script.",
		"ERR max number of clients reached",
	} {
		t.Run(trouble, func(t *testing.T) {
			server := redistest.Start(t)
			proxy := redistest.NewProxy(t, server)
			s := open(t, proxy.Addr)
			proxy.Answer("evalsha", trouble)
			proxy.Answer("evalsha", trouble)
			promise(t, s)
			require.Zero(t, proxy.Pending())
			require.Len(t, requireInvariants(t, raw(t, server.Addr)), 1)
		})
	}
}

func TestRedisIsStillLoading(t *testing.T) {
	t.Parallel()
	// It looks at its connections after each kilobyte that it reads: some sixteen keys of this size.
	server := redistest.Start(t, "loading-process-events-interval-bytes 1024", "rdbcompression no")
	s := open(t, server.Addr)
	before := promise(t, s)
	c := raw(t, server.Addr)
	const fill = `for i = 1, 40000 do redis.call('SET', 'filler' .. i, string.rep('x', 64)) end return 1`
	require.NoError(t, c.Eval(t.Context(), fill, nil).Err())
	require.NoError(t, c.BgRewriteAOF(t.Context()).Err())
	awaitInfo(t, c, "aof_base_size", func(size int64) bool { return size > 40000*64 })

	server.Begin("key-load-delay 500") // microseconds for each key: twenty seconds in all, unless it is told to hurry
	awaitLoading(t, server)
	requireDown(t, s, "still reading its data")
	requireTakesNoWrites(t, s, "still reading its data")
	inTime(t, "a look at it", func() error {
		problems := s.Check(t.Context())
		if len(problems) != 1 || !strings.Contains(problems[0].String(), "still reading its data") {
			return fmt.Errorf("not the one problem: %v", problems)
		}
		return nil
	})
	require.NoError(t, raw(t, server.Addr).ConfigSet(t.Context(), "key-load-delay", "0").Err())
	server.AwaitReady()
	promise(t, s)
	const empty = `for i = 1, 40000 do redis.call('DEL', 'filler' .. i) end return 1`
	require.NoError(t, raw(t, server.Addr).Eval(t.Context(), empty, nil).Err())
	require.Contains(t, requireInvariants(t, raw(t, server.Addr)), before.ID)
}

func TestRedisIsAReplica(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	n := promise(t, s)
	c := raw(t, server.Addr)
	require.NoError(t, c.ReplicaOf(t.Context(), "127.0.0.1", "1").Err())
	requireDown(t, s, "read-only replica")
	requireTakesNoWrites(t, s, "read-only replica")
	got, err := s.Note(t.Context(), deventer, n.ID)
	require.NoError(t, err, "a replica can still be read")
	require.Equal(t, n, got)
	require.NoError(t, c.ReplicaOf(t.Context(), "NO", "ONE").Err())
	promise(t, s)
	requireTakesWrites(t, s)
	require.Len(t, requireInvariants(t, c), 2)
}

func TestMemoryIsFull(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	before := promise(t, s)
	c := raw(t, server.Addr)
	require.NoError(t, c.ConfigSet(t.Context(), "maxmemory", "1000000").Err())
	requireDown(t, s, "maxmemory")
	requireTakesNoWrites(t, s, "maxmemory")
	require.Len(t, requireInvariants(t, c), 1, "nothing was written halfway, nothing was evicted")
	require.NoError(t, c.ConfigSet(t.Context(), "maxmemory", "0").Err())
	after := promise(t, s)
	requireTakesWrites(t, s)
	notes := requireInvariants(t, c)
	require.Contains(t, notes, before.ID)
	require.Contains(t, notes, after.ID)
}

func TestTheDiskCannotBeWritten(t *testing.T) {
	server := redistest.Start(t, "save 3600 1")
	s := open(t, server.Addr)
	promise(t, s)
	c := raw(t, server.Addr)
	breakSnapshots(t, server, c)
	requireDown(t, s, "cannot write to disk")
	requireTakesNoWrites(t, s, "cannot write to disk")
	require.Len(t, requireInvariants(t, c), 1)
}

func TestTheRedisUserIsRefused(t *testing.T) {
	server := redistest.Start(t)
	wrong := redisstore.Open(redisstore.Options{Addr: server.Addr, Username: redistest.User, Password: "mis"})
	t.Cleanup(func() { require.NoError(t, wrong.Close()) })
	requireDown(t, wrong, "refuses the user or password")
	nameless := redisstore.Open(redisstore.Options{Addr: server.Addr})
	t.Cleanup(func() { require.NoError(t, nameless.Close()) })
	requireDown(t, nameless, "wants a user and password")
	promise(t, open(t, server.Addr))
}

func TestTheStoreIsClosed(t *testing.T) {
	s := redisstore.Open(redistest.As(redistest.Start(t).Addr))
	promise(t, s)
	require.NoError(t, s.Close())
	requireDown(t, s, "")
}

func TestOneKeyFromManySidesIsOneNote(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	r := request(t)
	var wait sync.WaitGroup
	notes := make([]note.Note, 64)
	for i := range notes {
		wait.Go(func() {
			err := note.ErrStoreDown
			for errors.Is(err, note.ErrStoreDown) { // on a busy machine one may have to ask again
				notes[i], _, err = service(s).Promise(context.Background(), r)
			}
		})
	}
	wait.Wait()
	stored := requireInvariants(t, raw(t, server.Addr))
	require.Len(t, stored, 1)
	for _, n := range notes {
		require.Equal(t, stored[n.ID], n, "everybody hears the same reference and deadline")
	}
}
