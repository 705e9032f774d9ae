package asterisk

import "time"

// keyRoom is how many keys are kept for a call that does not read them; garbage beyond it is dropped.
const keyRoom = 64

// Keys implements ivr.Line.
func (l *Line) Keys() <-chan rune { return l.keys }

// pressed takes a key from the events; it never waits.
func (l *Line) pressed(e Event) {
	key := keyPress{key: e.Digit(), released: e.Time(), held: e.Held()}
	if key.repeats(l.lastKey) {
		return
	}
	l.lastKey = key
	select {
	case l.keys <- key.key:
	default:
	}
}

// keyPress is one key as Asterisk told of it.
type keyPress struct {
	key      rune
	released time.Time
	held     time.Duration
}

// repeats reports whether this is Asterisk telling of the key before it once more. When keys follow each other within
// 45 ms it lets them sound again, and tells of a key that comes during that a second time when it is done (channel.c;
// seen on 22.10.1 with a phone that dials for its user). A person cannot have held a key for longer than it was since he
// let go of it.
func (k keyPress) repeats(before keyPress) bool {
	since := k.released.Sub(before.released)
	return k.key == before.key && since >= 0 && since < k.held
}
