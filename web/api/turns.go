package api

import (
	"context"
	"net/http"
	"sync"
)

const (
	// atOnce bounds the requests that are worked at a time, a quarter of the connections to Redis: callers share those,
	// and come first.
	atOnce = 16
	// exportsAtOnce bounds exports, which take long.
	exportsAtOnce = 2
	// mostOfToken bounds the requests of one token that are read, wait or are worked: each may hold a body in memory.
	mostOfToken = 64
)

// turns bounds the requests that are worked at a time, and gives one token half of them: a busy or slow client holds up
// no other.
type turns struct {
	all  chan struct{}
	each int // of one token

	mu     sync.Mutex
	tokens map[string]*share // by the token's name; those that ask now
}

// share is what one token has of the turns.
type share struct {
	turns chan struct{}
	here  int // requests that are read, wait or are worked
}

func newTurns(atOnce int) *turns {
	return &turns{all: make(chan struct{}, atOnce), each: atOnce / 2, tokens: map[string]*share{}}
}

// enter lets a request of a token be read; leave must be called when it is over. It is refused when too many of the
// token's requests are here.
func (t *turns) enter(token string) (mine *share, leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine = t.tokens[token]
	if mine == nil {
		mine = &share{turns: make(chan struct{}, t.each)}
		t.tokens[token] = mine
	}
	if mine.here >= mostOfToken {
		return nil, nil, problem(
			http.StatusTooManyRequests, "busy", "%d requests with this token are not over yet: wait for their answers",
			mine.here,
		)
	}
	mine.here++
	return mine, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.here--; mine.here == 0 {
			delete(t.tokens, token)
		}
	}, nil
}

// take waits for a turn: first among the requests of the token, then among all.
func (t *turns) take(ctx context.Context, mine *share) (done func(), err error) {
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
	return func() {
		<-t.all
		<-mine.turns
	}, nil
}
