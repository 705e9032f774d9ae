// Package access owns who may see and do what with callback notes: one answer for programs and for people in a browser.
package access

import (
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// Visitor is a person or program that asks, and their rights.
type Visitor struct {
	Name         string       // in the log: of the token, or the id of the person
	Agent        call.AgentID // in whose name they change notes; empty for one that only reads
	Municipality call.MunicipalityID
	// Roles are by team, see staff.AllTeams.
	Roles map[call.TeamID]staff.Role
}

// Highest is the most that they may do anywhere; empty when they may do nothing.
func (v Visitor) Highest() staff.Role {
	var highest staff.Role
	for _, role := range v.Roles {
		highest = highest.Higher(role)
	}
	return highest
}

// In is their role in a team; empty when they do not belong to it.
func (v Visitor) In(team call.TeamID) staff.Role {
	return v.Roles[staff.AllTeams].Higher(v.Roles[team])
}

// Sees reports whether they see the notes of a team.
func (v Visitor) Sees(team call.TeamID) bool { return v.In(team).AtLeast(staff.Reader) }

// Over gives the visitor's role for a note: their role in its team. A colleague who has a note may work it, also when
// they do not belong to its team, as long as they work notes at all. It is empty when the note does not exist for them.
func (v Visitor) Over(n note.Note) staff.Role {
	if n.Municipality != v.Municipality {
		return ""
	}
	role := v.In(n.Team)
	if v.Agent != "" && n.Holder() == v.Agent && v.Highest().AtLeast(staff.Agent) {
		role = role.Higher(staff.Agent)
	}
	return role
}

// MayRead reports whether a note exists for them.
func (v Visitor) MayRead(n note.Note) bool { return v.Over(n).AtLeast(staff.Reader) }

// MaySeeNumber reports whether they may see whom to call. A reader need not.
func (v Visitor) MaySeeNumber(n note.Note) bool { return v.Over(n).AtLeast(staff.Agent) }

// MayCall reports whether they may be put through to a note's caller: their own phone is rung, so the claim is theirs.
func (v Visitor) MayCall(n note.Note) bool { return n.State == note.Claimed && n.Colleague == v.Agent }

// MayMove reports whether they may give a note to others: nobody has it, they have it, or they lead its team.
func (v Visitor) MayMove(n note.Note) bool {
	holder := n.Holder()
	return holder == "" || holder == v.Agent || v.Over(n).AtLeast(staff.Lead)
}
