package queue

import "math/bits"

// slots is a set of agents by slot number. For hundreds of agents it is a few words, so that "is there a free phone
// that was not tried for this caller" costs nanoseconds for each of hundreds of callers.
type slots []uint64

const slotBits = 64

func (s slots) has(slot int) bool {
	word := slot / slotBits
	return word < len(s) && s[word]&(1<<(slot%slotBits)) != 0
}

func (s *slots) put(slot int, in bool) {
	word := slot / slotBits
	if in {
		for word >= len(*s) {
			*s = append(*s, 0)
		}
		(*s)[word] |= 1 << (slot % slotBits)
		return
	}
	if word < len(*s) {
		(*s)[word] &^= 1 << (slot % slotBits)
	}
}

// beyond reports whether s holds a slot that other does not.
func (s slots) beyond(other slots) bool {
	for i, word := range s {
		if i < len(other) {
			word &^= other[i]
		}
		if word != 0 {
			return true
		}
	}
	return false
}

func (s slots) count() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

func (s slots) empty() bool { return !s.beyond(nil) }
