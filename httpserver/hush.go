package httpserver

import (
	"sync"
	"time"
)

// Hush keeps a flood of requests from being a flood of lines in a log: of what there is to say about a key, such as an
// address, the first of a while is said, and the rest is counted. Use NewHush. It is safe for use by several
// goroutines.
type Hush struct {
	while time.Duration
	mu    sync.Mutex
	keys  map[string]*hushed
}

type hushed struct {
	said time.Time
	more int // since then
}

// NewHush has said nothing yet.
func NewHush(while time.Duration) *Hush { return &Hush{while: while, keys: map[string]*hushed{}} }

// Say reports whether something is to be said about a key now, and how often it was not since it was said last. When
// too many keys are remembered nothing is said about a new one.
func (h *Hush) Say(key string, now time.Time) (unsaid int, say bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.keys[key]
	if k == nil {
		if !h.room(now) {
			return 0, false
		}
		h.keys[key] = &hushed{said: now}
		return 0, true
	}
	if now.Sub(k.said) < h.while {
		k.more++
		return 0, false
	}
	unsaid, k.said, k.more = k.more, now, 0
	return unsaid, true
}

// room forgets, when there are many, the keys about which nothing has been said for a while.
func (h *Hush) room(now time.Time) bool {
	if len(h.keys) < mostRemembered {
		return true
	}
	for key, k := range h.keys {
		if now.Sub(k.said) >= h.while {
			delete(h.keys, key)
		}
	}
	return len(h.keys) < mostRemembered
}
