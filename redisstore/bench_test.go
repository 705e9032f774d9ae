package redisstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

const benchCallers = 64

var nth atomic.Int64

// benchEvent is the n-th note that is asked for; its reference is counted up, so that none is taken.
func benchEvent() note.Event {
	i := nth.Add(1)
	made := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Millisecond)
	// eight bytes are enough
	reference, _ := note.NewReference(bytes.NewReader(binary.BigEndian.AppendUint64(nil, uint64(i))))
	return note.Made(note.Note{
		ID: note.ID(ulid.Make().String()), Reference: reference,
		Municipality: "deventer", Team: call.TeamID(fmt.Sprintf("team%d", i%20)), Owner: "kcc",
		Key: note.Key(fmt.Sprintf("pbx1/%d", i)), Call: call.ID(fmt.Sprint(i)),
		Number:   call.Number{E164: fmt.Sprintf("+316%08d", i), Kind: call.KindMobile, Country: "NL"},
		Verified: true, Language: "nl", Subject: "paspoort", Reason: "Wanneer is het klaar?",
		Made: made, Deadline: made.Add(24 * time.Hour),
	}, note.ByCaller)
}

// BenchmarkMake makes notes through the store, from 64 sides, with appendfsync always.
func BenchmarkMake(b *testing.B) {
	s := redisstore.Open(redistest.As(redistest.Start(b).Addr))
	defer func() { require.NoError(b, s.Close()) }()
	ready := make(chan note.Event, b.N)
	for range b.N {
		ready <- benchEvent()
	}
	run(b, func() error {
		e := <-ready
		_, err := storetest.Patiently(func() (note.Note, error) { return s.Make(context.Background(), e) })
		return err
	})
}

// BenchmarkRawEvalsha runs the same script with arguments that are ready, past the store: the measure that
// BenchmarkMake is held to.
func BenchmarkRawEvalsha(b *testing.B) {
	server := redistest.Start(b)
	c := redis.NewClient(&redis.Options{
		Addr: server.Addr, Username: redistest.Operator, Password: redistest.OperatorPassword, PoolSize: benchCallers,
	})
	defer func() { require.NoError(b, c.Close()) }()
	sha, err := c.ScriptLoad(context.Background(), redisstore.MakeSource).Result()
	require.NoError(b, err)
	type arguments struct {
		keys []string
		args []any
	}
	ready := make(chan arguments, b.N)
	for range b.N {
		e := benchEvent()
		n, err := note.Apply(note.Note{}, e)
		require.NoError(b, err)
		keys, args := redisstore.MakeArguments(n, e, nil)
		ready <- arguments{keys, args}
	}
	run(b, func() error {
		a := <-ready
		_, err := storetest.Patiently(func() (any, error) {
			reply, err := c.EvalSha(context.Background(), sha, a.keys, a.args...).Result()
			// on a busy machine a connection may not come about in time, and what is lost by that counts
			if err != nil {
				err = fmt.Errorf("%w: %w", note.ErrStoreDown, err)
			}
			return reply, err
		})
		return err
	})
}

func run(b *testing.B, keep func() error) {
	b.Helper()
	b.SetParallelism(max(1, benchCallers/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.ReportAllocs()
	var failed atomic.Int64
	var last atomic.Value
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := keep(); err != nil {
				failed.Add(1)
				last.Store(err.Error())
			}
		}
	})
	if failed.Load() > 0 {
		b.Fatalf("%d of %d notes were not made, so this is no measure: %v", failed.Load(), b.N, last.Load())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notes/s")
}
