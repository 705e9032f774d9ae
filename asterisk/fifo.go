package asterisk

import (
	"context"
	"sync"
)

// keepRoom is how many places an emptied queue keeps; the memory of a longer burst is given back.
const keepRoom = 1024

// fifo is an unbounded queue with one reader. Putting never waits, so a slow reader holds up no writer.
type fifo[T any] struct {
	wake chan struct{} // holds one token when something was put

	mu    sync.Mutex
	items []T
	head  int // the next item to take
}

func newFifo[T any]() *fifo[T] { return &fifo[T]{wake: make(chan struct{}, 1)} }

func (f *fifo[T]) put(item T) {
	f.mu.Lock()
	f.items = append(f.items, item)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // the reader has been told already
	}
}

// take waits for the next item; ok is false when ctx ended first.
func (f *fifo[T]) take(ctx context.Context) (item T, ok bool) {
	for {
		if ctx.Err() != nil {
			return item, false
		}
		if item, ok = f.pop(); ok {
			return item, true
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
		}
	}
}

func (f *fifo[T]) pop() (item T, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head == len(f.items) {
		return item, false
	}
	var none T
	item, f.items[f.head] = f.items[f.head], none
	f.head++
	if f.head == len(f.items) {
		f.head = 0
		if cap(f.items) > keepRoom {
			f.items = nil
		}
		f.items = f.items[:0]
	}
	return item, true
}

func (f *fifo[T]) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.items) - f.head
}
