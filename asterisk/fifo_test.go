package asterisk

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestQueueKeepsOrderAndForgetsABurst(t *testing.T) {
	q := newFifo[int]()
	for round := range 3 {
		for i := range 5000 {
			q.put(round + i)
		}
		require.Equal(t, 5000, q.len())
		for i := range 5000 {
			got, ok := q.take(t.Context())
			require.True(t, ok)
			require.Equal(t, round+i, got)
		}
		require.Zero(t, q.len())
		require.LessOrEqual(t, cap(q.items), keepRoom)
	}
}

func TestQueueWithManyWriters(t *testing.T) {
	const writers, each = 8, 1000
	q := newFifo[int]()
	var puts sync.WaitGroup
	for w := range writers {
		puts.Go(func() {
			for i := range each {
				q.put(w*each + i)
			}
		})
	}
	next := make([]int, writers)
	for range writers * each {
		got, ok := q.take(t.Context())
		require.True(t, ok)
		require.Equal(t, next[got/each], got%each, "each writer's items in its own order")
		next[got/each]++
	}
	puts.Wait()
}

func TestReaderWaitsUntilThereIsSomethingOrItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFifo[string]()
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string)
		go func() {
			defer close(got)
			for {
				item, ok := q.take(ctx)
				if !ok {
					return
				}
				got <- item
			}
		}()
		synctest.Wait()
		q.put("a")
		require.Equal(t, "a", <-got)
		synctest.Wait()
		cancel()
		_, open := <-got
		require.False(t, open)
		q.put("b")
		_, ok := q.take(ctx)
		require.False(t, ok, "over is over")
	})
}
