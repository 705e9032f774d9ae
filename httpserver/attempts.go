package httpserver

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Limit is how many attempts may fail at once, and how often after that.
type Limit struct {
	AtOnce int
	Every  time.Duration
}

// mostRemembered bounds the keys of each limit that are remembered.
const mostRemembered = 10_000

// Attempts counts failed attempts by limit and key, such as an address. Keys are to be short: thousands are remembered.
// Use NewAttempts. It is safe for use by several goroutines.
type Attempts struct {
	mu      sync.Mutex
	buckets map[Limit]map[string]*bucket
}

// bucket holds the attempts of one key.
type bucket struct {
	failed float64   // those that failed, less what the time has taken since
	at     time.Time // of that
	open   int       // those under way
}

// NewAttempts has seen none.
func NewAttempts() *Attempts { return &Attempts{buckets: map[Limit]map[string]*bucket{}} }

// Attempt is one that is under way. It counts until it has ended, so attempts beside each other cannot outrun the
// limit. One that succeeds leaves no trace.
type Attempt struct {
	of    *Attempts
	in    map[Limit]*bucket
	ended bool
}

// Begin begins an attempt under each of its limits, false when one of them is reached: then it counts nowhere. End it
// with Succeeded, Failed or FailedUnder.
func (a *Attempts) Begin(now time.Time, of map[Limit]string) (*Attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := &Attempt{of: a, in: map[Limit]*bucket{}}
	for kind, key := range of {
		b := a.bucket(kind, key, now)
		if b.full(kind) {
			return nil, false
		}
		one.in[kind] = b
	}
	for _, b := range one.in {
		b.open++
	}
	return one, true
}

// Succeeded ends the attempt as if it had not been.
func (one *Attempt) Succeeded() { one.FailedUnder() }

// Failed ends the attempt, and counts it, unless it has ended: it may be deferred.
func (one *Attempt) Failed() { one.FailedUnder(slices.Collect(maps.Keys(one.in))...) }

// FailedUnder ends the attempt, and counts it under some of its limits.
func (one *Attempt) FailedUnder(kinds ...Limit) {
	one.of.mu.Lock()
	defer one.of.mu.Unlock()
	if one.ended {
		return
	}
	one.ended = true
	for kind, b := range one.in {
		b.open--
		if slices.Contains(kinds, kind) {
			b.failed++
		}
	}
}

// Reached reports whether a limit lets no further attempt of a key begin now.
func (a *Attempts) Reached(kind Limit, key string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.buckets[kind][key]
	if b == nil {
		return false
	}
	b.drain(kind, now)
	return b.full(kind)
}

// full reports whether one attempt more would be too many.
func (b *bucket) full(kind Limit) bool { return b.failed+float64(b.open)+1 > float64(kind.AtOnce) }

// drain takes out what the time takes.
func (b *bucket) drain(kind Limit, now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.failed, b.at = max(0, b.failed-passed.Seconds()/kind.Every.Seconds()), now
	}
}

func (a *Attempts) bucket(kind Limit, key string, now time.Time) *bucket {
	of := a.buckets[kind]
	if of == nil {
		of = map[string]*bucket{}
		a.buckets[kind] = of
	}
	b := of[key]
	if b == nil {
		forget(of, kind, now)
		b = &bucket{at: now}
		of[key] = b
	}
	b.drain(kind, now)
	return b
}

// forget makes room: keys of which nothing counts any more go first, and all when that does not help.
func forget(of map[string]*bucket, kind Limit, now time.Time) {
	if len(of) < mostRemembered {
		return
	}
	for key, b := range of {
		if b.drain(kind, now); b.failed == 0 && b.open == 0 {
			delete(of, key)
		}
	}
	if len(of) >= mostRemembered {
		clear(of) // attempts under way end in buckets of their own
	}
}
