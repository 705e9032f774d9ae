package listing

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/bereikbaar/bereikbaar/note"
)

// mostWords bounds the words by which one name is found.
const mostWords = 10

// Words are the words by which a name is found, sorted: in small letters without accents, so that "José van der
// Ven-Smit" is found as "jose", "ven" and "smit".
func Words(name string) []string {
	bare := strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Mn, c) { // an accent, taken off its letter
			return -1
		}
		return unicode.ToLower(c)
	}, norm.NFKD.String(name))
	words := strings.FieldsFunc(bare, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	slices.Sort(words)
	words = slices.Compact(words)
	return words[:min(len(words), mostWords)]
}

// Called reports whether each of the words begins a word of the name to ask for.
func Called(n note.Note, words []string) bool {
	theirs := Words(n.Name)
	for _, word := range words {
		if !slices.ContainsFunc(theirs, func(w string) bool { return strings.HasPrefix(w, word) }) {
			return false
		}
	}
	return len(words) > 0
}
