package signin

import (
	"strings"
	"unicode"

	"github.com/bereikbaar/bereikbaar/call"
)

// ValidID reports whether a text can be the id of a person.
func ValidID(id call.AgentID) bool { return call.IsPersonID(string(id)) }

// IDOf is the id that a person types, or that their provider claims: telephones begin with a capital, and directories
// disagree about them, so it is folded to small letters. It need not be valid. Letters outside ASCII stay as they are:
// some of them fold to one inside, and would make another person's id (the Kelvin sign becomes k).
func IDOf(typed string) call.AgentID {
	typed = strings.TrimSpace(typed)
	if strings.ContainsFunc(typed, func(c rune) bool { return c > unicode.MaxASCII }) {
		return call.AgentID(typed)
	}
	return call.AgentID(strings.ToLower(typed))
}
