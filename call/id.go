package call

import "strings"

// maxID is how long an id may be, in bytes.
const maxID = 64

// IsID reports whether a text can be the id of a municipality, a team or a colleague: letters, digits, hyphens,
// underscores and full stops, as the configuration allows them. Braces must stay out: they would move a note to another
// hash slot of Redis.
func IsID(s string) bool {
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.", c))
	})
}

// IsPersonID reports whether somebody can be given an id: one that begins with a letter or a digit. What is stored
// under other ids is still read, see IsID.
func IsPersonID(s string) bool { return IsID(s) && !strings.ContainsRune("-_.", rune(s[0])) }
