package signin

import (
	"regexp"

	"github.com/bereikbaar/bereikbaar/call"
)

var personID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// ValidID reports whether a text can be the id of a person.
func ValidID(id call.AgentID) bool { return personID.MatchString(string(id)) }
