package note

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long the texts of a note may be.
const (
	MaxKey     = 200  // characters
	MaxName    = 100  // runes
	MaxSubject = 100  // runes
	MaxReason  = 2000 // runes
)

// Valid reports whether the key can be one. It refuses a CallKey without a call, too: such keys would make all callers
// share one note.
func (k Key) Valid() bool {
	s := string(k)
	return s != "" && len(s) <= MaxKey && !strings.HasSuffix(s, "/") &&
		!strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

// IsText reports whether people can have written it: at most so many runes, and no control characters but tabs and
// line ends.
func IsText(s string, runes int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= runes &&
		!strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' })
}
