package asterisk

import "time"

const (
	// keyRoom is how many keys are kept for a call that does not read them; garbage beyond it is dropped.
	keyRoom = 64
	// onePress is how soon the same key counts as the press before it: a line can tell of one press as a tone, as an
	// RTP event and as an INFO. Callers who press a key twice on purpose take longer (docs/operating.md, step 5).
	onePress = 300 * time.Millisecond
	// stillDown is how long after the end of a key the same key must begin to be another press. It tells for keys that
	// are held long: an INFO comes when the key is let go, and sounds for as long again.
	stillDown = 100 * time.Millisecond
)

// Keys implements ivr.Line.
func (l *Line) Keys() <-chan rune { return l.keys }

// pressed takes a key from the events; it never waits.
func (l *Line) pressed(e Event) {
	if !l.presses.take(keyPress{key: e.Digit(), released: e.Time(), held: e.Held()}) {
		return
	}
	select {
	case l.keys <- e.Digit():
	default:
	}
}

// keyPress is one key as Asterisk told of it.
type keyPress struct {
	key      rune
	released time.Time // by Asterisk's clock
	held     time.Duration
}

// presses are the latest press of each key of one line. The zero value is a line on which none was pressed.
type presses map[rune]keyPress

// take reports whether k is a press of its own, and takes it down if so. What is left out does not count as the latest
// press: who presses on and on is heard every onePress.
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

// repeats reports whether this is the press before it, told once more: by another way on which the line tells of keys,
// or by Asterisk, which lets keys that follow each other within 45 ms sound again, and tells of a key that comes during
// that a second time when it is done (channel.c; seen on 22.10.1 with a phone that dials for its user).
func (k keyPress) repeats(before keyPress) bool {
	if k.released.IsZero() || k.released.Before(before.released) { // no time is told, or the clock was set back
		return false
	}
	since := k.released.Sub(before.released)
	return since < onePress || since-k.held < stillDown
}
