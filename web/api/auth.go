package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bereikbaar/bereikbaar/web/access"
)

const (
	// failuresAtOnce and failureEvery bound how often an address may show a wrong token.
	failuresAtOnce = 10
	failureEvery   = 6 * time.Second
	// maxFailing bounds the addresses that are remembered.
	maxFailing = 10_000
	maxToken   = 256 // bytes
)

// authenticate finds the token of a request (RFC 6750). An address that showed too many wrong ones gets 429 for a
// while. A right one is let in even then: a desk whose token ran out must not lock out its neighbours.
func (a *API) authenticate(r *http.Request, now time.Time) (access.Visitor, *Problem) {
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	shown = strings.TrimSpace(shown)
	there := strings.EqualFold(scheme, "Bearer") && shown != ""
	if there && len(shown) <= maxToken && len(r.Header.Values("Authorization")) == 1 {
		if who, ok := a.Tokens.Find(shown, now); ok {
			return who.Visitor, nil
		}
	}
	from := client(r)
	p := problem(http.StatusUnauthorized, "token", "the token is not known, or no longer valid")
	p.challenge = `Bearer realm="bereikbaar", error="invalid_token"`
	switch wait := a.failures.wait(from, now); {
	case wait > 0:
		a.Meter.TokenRefused(refusedTooMany)
		p = problem(
			http.StatusTooManyRequests, "too_many",
			"too many requests without a valid token came from this address: try again in a while",
		)
		p.retry = wait
	case !there:
		a.Meter.TokenRefused(refusedMissing)
		p = problem(http.StatusUnauthorized, "token", "a token is needed: Authorization: Bearer …")
		p.challenge = `Bearer realm="bereikbaar"`
	default:
		a.failures.add(from, now)
		a.Meter.TokenRefused(refusedUnknown)
		a.Log.Warn("a token was refused", "address", from)
	}
	return access.Visitor{}, &p
}

// client is the address that a request came from. Behind a proxy on this machine it is the last of X-Forwarded-For,
// which the proxy wrote; a client may have written the others.
func client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if forwarded := r.Header.Values("X-Forwarded-For"); addr.IsLoopback() && len(forwarded) > 0 {
		all := strings.Split(forwarded[len(forwarded)-1], ",")
		if told, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1])); err == nil {
			addr = told
		}
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() { // one customer has a whole /64
		if block, err := addr.Prefix(64); err == nil {
			return block.String()
		}
	}
	return addr.String()
}

// failures counts wrong tokens per address.
type failures struct {
	mu    sync.Mutex
	since map[string]*rate.Limiter
}

func newFailures() *failures { return &failures{since: make(map[string]*rate.Limiter)} }

// wait is how long an address is blocked; 0 when it is not.
func (f *failures) wait(from string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.since[from]
	if left == nil || left.TokensAt(now) >= 1 {
		return 0
	}
	return failureEvery
}

func (f *failures) add(from string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.since[from]
	if left == nil {
		f.forget(now)
		left = rate.NewLimiter(rate.Every(failureEvery), failuresAtOnce)
		f.since[from] = left
	}
	left.AllowN(now, 1)
}

// forget makes room: addresses that were quiet for long go first, and all when that does not help.
func (f *failures) forget(now time.Time) {
	if len(f.since) < maxFailing {
		return
	}
	for from, left := range f.since {
		if left.TokensAt(now) >= failuresAtOnce {
			delete(f.since, from)
		}
	}
	if len(f.since) >= maxFailing {
		clear(f.since)
	}
}
