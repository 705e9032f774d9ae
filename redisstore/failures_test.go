package redisstore_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

func TestEveryCommandThatFailsIsTold(t *testing.T) {
	server := redistest.Start(t)
	var failed atomic.Int64
	s := redisstore.Open(counting(server.Addr, &failed))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	n := promise(t, s)
	server.Kill()
	for what, command := range map[string]func() error{
		"a ping":   func() error { return s.Ping(t.Context()) },
		"a list":   func() error { _, err := s.Due(t.Context(), deventer, team, 10); return err },
		"a note":   func() error { _, err := s.Note(t.Context(), deventer, n.ID); return err }, // in a pipeline
		"a script": func() error { return s.TakesWrites(t.Context()) },
		"a change": func() error { _, err := s.Count(t.Context(), today, "1", dials(n.Number.E164)); return err },
	} {
		before := failed.Load()
		require.Error(t, command(), what)
		require.Greater(t, failed.Load(), before, what)
	}
}

func TestAMissingKeyIsNoFailure(t *testing.T) {
	var failed atomic.Int64
	s := redisstore.Open(counting(redistest.Start(t).Addr, &failed))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	inTime(t, "a promise, and what is not there", func() error {
		failed.Store(0)
		if _, _, err := service(s).Promise(t.Context(), request(t)); err != nil { // its script is new to this Redis
			return err
		}
		_, _ = s.ByReference(t.Context(), deventer, "10000004")
		_, _ = s.Events(t.Context(), deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		_, _ = s.Note(gone, deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
		return nil
	})
	require.Zero(t, failed.Load())
}

// counting is a way to a server that counts what fails.
func counting(addr string, failed *atomic.Int64) redisstore.Options {
	o := redistest.As(addr)
	o.Failed = func() { failed.Add(1) }
	return o
}
