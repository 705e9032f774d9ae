package metrics

import (
	"context"
	"sync"
	"time"
)

// patience is how long a reader waits for a new answer of a source.
const patience = 250 * time.Millisecond

// recent keeps the last answer of a source that may be slow or silent, so that no reader waits longer than patience. At
// most one question is out at a time, however many readers there are.
type recent[T any] struct {
	ask   func(context.Context) (T, error)
	fresh time.Duration // an answer younger than this is given again
	limit time.Duration // after which a question is given up

	mu     sync.Mutex
	answer answer[T]
	done   chan struct{} // closed when the question that is out is answered; nil when none is out
	asked  time.Time     // when the question that is out, or the last one, was put
}

// answer is what a source said last.
type answer[T any] struct {
	value  T
	at     time.Time // zero while it never gave a value
	silent time.Time // since when a question is out that was not answered in time; zero for none
}

func newRecent[T any](fresh, limit time.Duration, ask func(context.Context) (T, error)) *recent[T] {
	return &recent[T]{ask: ask, fresh: fresh, limit: limit}
}

// age is how old the value is at now, in seconds; before the first value it counts from since.
func (a answer[T]) age(now, since time.Time) float64 {
	if !a.at.IsZero() {
		since = a.at
	}
	return max(0, now.Sub(since).Seconds())
}

// start puts a question unless the last answer is fresh or a question is out.
func (r *recent[T]) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin()
}

func (r *recent[T]) begin() {
	now := time.Now()
	if r.done != nil || (!r.asked.IsZero() && now.Sub(r.asked) < r.fresh) {
		return
	}
	done := make(chan struct{})
	r.done, r.asked = done, now
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), r.limit)
		defer cancel()
		value, err := r.ask(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done = nil
		if err == nil {
			r.answer.value, r.answer.at = value, time.Now()
		}
	}()
}

// get gives the newest answer within patience of the question.
func (r *recent[T]) get() answer[T] {
	r.mu.Lock()
	r.begin()
	done, left := r.done, time.Until(r.asked.Add(patience))
	r.mu.Unlock()
	if done != nil {
		limit := time.NewTimer(max(left, 0))
		defer limit.Stop()
		select {
		case <-done:
		case <-limit.C:
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.answer
	if r.done != nil && time.Since(r.asked) >= patience {
		a.silent = r.asked
	}
	return a
}
