package signin_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/signin"
)

// watched are sessions that count how many are looked at, and how many at once. While held is locked none goes on.
type watched struct {
	signin.Sessions
	held             sync.RWMutex
	asked, now, most atomic.Int32
}

func (w *watched) Peek(ctx context.Context, key string) ([]byte, time.Duration, bool, error) {
	w.asked.Add(1)
	now := w.now.Add(1)
	defer w.now.Add(-1)
	for most := w.most.Load(); now > most && !w.most.CompareAndSwap(most, now); most = w.most.Load() {
	}
	w.held.RLock()
	defer w.held.RUnlock()
	return w.Sessions.Peek(ctx, key)
}

// shows sends a request with a cookie that somebody made.
func (b *browser) shows(token string) answer {
	b.t.Helper()
	r := b.request("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: token})
	return b.do(r)
}

func TestWhatIsNoTokenCostsRedisNothing(t *testing.T) {
	t.Parallel()
	var seen *watched
	h := begin(t, func(o *signin.Options) {
		seen = &watched{Sessions: o.Sessions}
		o.Sessions = seen
	})
	for _, junk := range []string{
		"x", strings.Repeat("a", 42), strings.Repeat("a", 44), strings.Repeat("*", 43),
		strings.Repeat("a", 42) + "b", // of 32 bytes and two bits more
	} {
		require.Equal(t, http.StatusSeeOther, h.browser().shows(junk).status, junk)
	}
	require.Zero(t, seen.asked.Load())
	require.Equal(t, http.StatusSeeOther, h.browser().shows(strings.Repeat("A", 43)).status)
	require.NotZero(t, seen.asked.Load(), "it could be one")
}

// Anybody can make up tokens. Callers share the connections to Redis with those who do.
func TestSessionsThatAreCheckedAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	var seen *watched
	h := begin(t, func(o *signin.Options) {
		seen = &watched{Sessions: o.Sessions}
		o.Sessions = seen
	})
	seen.held.Lock()
	var all sync.WaitGroup
	var busy, let atomic.Int32
	for range 40 {
		b := h.browser()
		all.Go(func() {
			switch got := b.shows(strings.Repeat("A", 43)); got.status {
			case http.StatusServiceUnavailable:
				if got.said("reason") == "busy" && got.header.Get("Retry-After") != "" {
					busy.Add(1)
				}
			case http.StatusSeeOther:
				let.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return busy.Load() == 24 }, 20*time.Second, 10*time.Millisecond)
	seen.held.Unlock()
	all.Wait()
	require.EqualValues(t, 16, let.Load())
	require.EqualValues(t, 16, seen.most.Load())
}

func TestAFloodOfRefusalsIsNoFloodOfLines(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.browser()
	for range 40 {
		b.from("10.0.0.5", "/sign-in/code", nil) // without a password before
		r := b.request("POST", "/sign-in", nil)
		r.Header.Set("X-Forwarded-For", "10.0.0.5")
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		b.do(r)
	}
	for h.meter.of("refused too_many") < 20 {
		b.from("10.0.0.5", "/sign-in", try("nobody", "x"))
	}
	b.from("10.0.0.6", "/sign-in/code", nil)
	lines := h.log.String()
	require.Equal(t, 40, h.meter.of("refused cross_site"), "each is counted")
	require.Equal(t, 41, h.meter.of("refused too_late"))
	require.Equal(t, 1, strings.Count(lines, "reason=cross_site"))
	require.Equal(t, 1, strings.Count(lines, "reason=too_many"))
	require.Equal(t, 2, strings.Count(lines, "reason=too_late"), "one of each address")
	require.Equal(t, h.meter.of("refused password"), strings.Count(lines, "reason=password"), "these are few")
}
