package staff

import "slices"

// Role is what a person or program may do with the notes of a team. Each role includes those before it.
type Role string

// The roles, from the least to the most.
const (
	Reader Role = "reader" // sees the notes, with masked numbers
	Agent  Role = "agent"  // works them
	Lead   Role = "lead"   // works their colleagues' too: releases, reopens, marks absent, exports
	Admin  Role = "admin"  // for every team, and erases
)

// Roles lists the roles, from the least to the most.
func Roles() []Role { return []Role{Reader, Agent, Lead, Admin} }

// AtLeast reports whether the role includes least. An unknown role, or none, includes none.
func (r Role) AtLeast(least Role) bool {
	mine := slices.Index(Roles(), r)
	return mine >= 0 && mine >= slices.Index(Roles(), least)
}

// Higher gives the role of the two that includes the other: empty when neither is a role.
func (r Role) Higher(other Role) Role {
	mine, theirs := slices.Index(Roles(), r), slices.Index(Roles(), other)
	if max(mine, theirs) < 0 {
		return ""
	}
	return Roles()[max(mine, theirs)]
}
