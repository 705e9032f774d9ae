package asterisk

import "time"

const (
	// keyRoom is how many keys are kept for a call that does not read them; garbage beyond it is dropped.
	keyRoom = 64
	// onePress is the time within which the same key counts as one press: a line can report one press as a tone, as an
	// RTP event and as an INFO. Callers who press a key twice on purpose take longer (docs/operating.md, step 5).
	onePress = 300 * time.Millisecond
	// stillDown is the least pause between two presses of one key. It matters for keys that are held long: an INFO
	// comes when the key is let go, and sounds for as long again.
	stillDown = 100 * time.Millisecond
)

// Keys implements ivr.Line.
func (l *Line) Keys() <-chan rune { return l.keys }

// pressed takes a key from an event; it never waits.
func (l *Line) pressed(e Event) {
	if !l.presses.take(keyPress{key: e.Digit(), released: e.Time(), held: e.Held()}) {
		return
	}
	select {
	case l.keys <- e.Digit():
	default:
	}
}

// keyPress is one key as Asterisk reports it.
type keyPress struct {
	key      rune
	released time.Time // by Asterisk's clock
	held     time.Duration
}

// presses are the latest press of each key on one line. The zero value is a line without a press.
type presses map[rune]keyPress

// take reports whether k is a press of its own, and notes it if so. A repeat does not count as the latest press: a
// caller who presses on and on is heard every onePress.
func (p *presses) take(k keyPress) bool {
	if before, ok := (*p)[k.key]; ok && k.repeats(before) {
		return false
	}
	if *p == nil {
		*p = presses{}
	}
	(*p)[k.key] = k
	return true
}

// repeats reports whether this is the press before it, reported again: in another way by the line, or by Asterisk.
// Asterisk sounds keys that follow each other within 45 ms again, and reports a key that comes meanwhile a second time
// afterwards (channel.c; seen on 22.10.1 with a phone that dials for its user).
func (k keyPress) repeats(before keyPress) bool {
	if k.released.IsZero() || k.released.Before(before.released) { // no time, or the clock was set back
		return false
	}
	since := k.released.Sub(before.released)
	return since < onePress || since-k.held < stillDown
}
