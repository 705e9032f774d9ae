package httpserver

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limit is how many attempts may fail at once, and how often after that.
type Limit struct {
	AtOnce int
	Every  time.Duration
}

// mostRemembered bounds the keys of each limit that are remembered.
const mostRemembered = 10_000

// Attempts counts failed attempts by limit and key, such as an address. Use NewAttempts. It is safe for use by several
// goroutines.
type Attempts struct {
	mu   sync.Mutex
	left map[Limit]map[string]*rate.Limiter
}

// NewAttempts has seen none.
func NewAttempts() *Attempts { return &Attempts{left: map[Limit]map[string]*rate.Limiter{}} }

// Attempt is one that is under way: it counts as failed until it has succeeded. So attempts beside each other cannot
// outrun the limit.
type Attempt struct {
	at       time.Time
	reserved []*rate.Reservation
}

// Begin counts an attempt against each of its limits, false when one of them is reached: then it counts nowhere.
func (a *Attempts) Begin(now time.Time, of map[Limit]string) (Attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := Attempt{at: now}
	for kind, key := range of {
		r := a.limiter(kind, key, now).ReserveN(now, 1)
		one.reserved = append(one.reserved, r)
		if !r.OK() || r.DelayFrom(now) > 0 {
			one.Succeeded()
			return Attempt{}, false
		}
	}
	return one, true
}

// Succeeded takes the attempt back.
func (one Attempt) Succeeded() {
	for _, r := range one.reserved {
		r.CancelAt(one.at)
	}
}

// Reached reports whether a limit lets no further attempt of a key begin now.
func (a *Attempts) Reached(kind Limit, key string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := a.left[kind][key]
	return left != nil && left.TokensAt(now) < 1
}

func (a *Attempts) limiter(kind Limit, key string, now time.Time) *rate.Limiter {
	of := a.left[kind]
	if of == nil {
		of = map[string]*rate.Limiter{}
		a.left[kind] = of
	}
	left := of[key]
	if left == nil {
		forget(of, kind, now)
		left = rate.NewLimiter(rate.Every(kind.Every), kind.AtOnce)
		of[key] = left
	}
	return left
}

// forget makes room: keys that were quiet for long go first, and all when that does not help.
func forget(of map[string]*rate.Limiter, kind Limit, now time.Time) {
	if len(of) < mostRemembered {
		return
	}
	for key, left := range of {
		if left.TokensAt(now) >= float64(kind.AtOnce) {
			delete(of, key)
		}
	}
	if len(of) >= mostRemembered {
		clear(of)
	}
}
