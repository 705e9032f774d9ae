// Package turns bounds the requests of programs and people that are worked at a time: callers share the machine and the
// connections to Redis with them, and come first.
package turns

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// AtOnce is how many requests are worked at a time: a quarter of the connections to Redis.
	AtOnce = 16
	// ExportsAtOnce bounds exports, which take long and have turns of their own.
	ExportsAtOnce = 2
	// Wait is how long a request waits for its turn.
	Wait = 5 * time.Second
	// MostOfOne bounds the requests of one token or person that are read, wait or are worked: each may hold a body in
	// memory.
	MostOfOne = 64
)

// ErrMany is returned when too many requests of one token or person are not over yet.
var ErrMany = errors.New("too many requests of one token or person are not over yet")

// Turns bounds the requests that are worked at a time, and gives one token or person half of them: a busy or slow
// client holds up no other. It is safe for use by several goroutines.
type Turns struct {
	all  chan struct{}
	each int // of one token or person

	mu     sync.Mutex
	shares map[string]*Share // by name; those that ask now
}

// Share is what one token or person has of the turns.
type Share struct {
	turns chan struct{}
	here  int // requests that are read, wait or are worked
}

// New gives so many turns.
func New(atOnce int) *Turns {
	return &Turns{all: make(chan struct{}, atOnce), each: atOnce / 2, shares: map[string]*Share{}}
}

// Enter lets a request be read; leave must be called when it is over. The error is ErrMany.
func (t *Turns) Enter(name string) (mine *Share, leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine = t.shares[name]
	if mine == nil {
		mine = &Share{turns: make(chan struct{}, t.each)}
		t.shares[name] = mine
	}
	if mine.here >= MostOfOne {
		return nil, nil, ErrMany
	}
	mine.here++
	return mine, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.here--; mine.here == 0 {
			delete(t.shares, name)
		}
	}, nil
}

// Take waits for a turn: first among the requests of the token or person, then among all. It waits no longer than Wait;
// the error is that of a context.
func (t *Turns) Take(ctx context.Context, mine *Share) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, Wait)
	defer cancel()
	select {
	case mine.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case t.all <- struct{}{}:
	case <-ctx.Done():
		<-mine.turns
		return nil, ctx.Err()
	}
	return sync.OnceFunc(func() {
		<-t.all
		<-mine.turns
	}), nil
}
