package signin

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limit is how many attempts may fail at once, and how often after that.
type limit struct {
	atOnce int
	every  time.Duration
}

var (
	// limitAddress is of one address: a town hall's colleagues may share one.
	limitAddress = limit{20, 6 * time.Second}
	// limitHere is of one account from one address.
	limitHere = limit{5, 30 * time.Second}
	// limitAccount is of one account from all addresses. It is wide, so that strangers do not lock a colleague out.
	limitAccount = limit{50, 10 * time.Second}
	// limitCode is of the codes of one account: its password is known to whoever gets that far, and only a million
	// codes stand between.
	limitCode = limit{5, 5 * time.Minute}
)

// maxLimited bounds the limits of each kind that are remembered.
const maxLimited = 10_000

// limits counts failed attempts.
type limits struct {
	mu   sync.Mutex
	left map[limit]map[string]*rate.Limiter
}

func newLimits() *limits { return &limits{left: map[limit]map[string]*rate.Limiter{}} }

// attempt is one that is under way: it counts as failed until it has succeeded. So attempts beside each other cannot
// outrun the limit.
type attempt struct {
	at       time.Time
	reserved []*rate.Reservation
}

// begin counts an attempt against each of its limits, false when one of them is reached.
func (l *limits) begin(now time.Time, of map[limit]string) (attempt, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := attempt{at: now}
	for kind, key := range of {
		r := l.limiter(kind, key, now).ReserveN(now, 1)
		a.reserved = append(a.reserved, r)
		if !r.OK() || r.DelayFrom(now) > 0 {
			a.succeeded()
			return attempt{}, false
		}
	}
	return a, true
}

// succeeded takes the attempt back.
func (a attempt) succeeded() {
	for _, r := range a.reserved {
		r.CancelAt(a.at)
	}
}

func (l *limits) limiter(kind limit, key string, now time.Time) *rate.Limiter {
	of := l.left[kind]
	if of == nil {
		of = map[string]*rate.Limiter{}
		l.left[kind] = of
	}
	left := of[key]
	if left == nil {
		forget(of, kind, now)
		left = rate.NewLimiter(rate.Every(kind.every), kind.atOnce)
		of[key] = left
	}
	return left
}

// forget makes room: those that were quiet for long go first, and all when that does not help.
func forget(of map[string]*rate.Limiter, kind limit, now time.Time) {
	if len(of) < maxLimited {
		return
	}
	for key, left := range of {
		if left.TokensAt(now) >= float64(kind.atOnce) {
			delete(of, key)
		}
	}
	if len(of) >= maxLimited {
		clear(of)
	}
}
