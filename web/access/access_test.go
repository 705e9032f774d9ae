package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
)

func TestAVisitorsRoleOverANote(t *testing.T) {
	type roles = map[call.TeamID]staff.Role
	open := note.Note{Municipality: "deventer", Team: "vergunningen", State: note.Open}
	claimed := note.Note{Municipality: "deventer", Team: "vergunningen", State: note.Claimed, Colleague: "cem"}
	visitor := func(agent call.AgentID, of roles) access.Visitor {
		return access.Visitor{Name: "x", Agent: agent, Municipality: "deventer", Roles: of}
	}
	neighbour := visitor("cem", roles{staff.AllTeams: staff.Admin})
	neighbour.Municipality = "raalte"
	tests := map[string]struct {
		who  access.Visitor
		note note.Note
		role staff.Role
	}{
		"a lead of its team": {visitor("l", roles{"vergunningen": staff.Lead}), open, staff.Lead},
		"a lead of another team who reads this one": {
			visitor("l", roles{"kcc": staff.Lead, "vergunningen": staff.Reader}), open, staff.Reader,
		},
		"a lead of another team": {visitor("l", roles{"kcc": staff.Lead}), open, ""},
		"an agent for all teams": {visitor("a", roles{"*": staff.Agent}), open, staff.Agent},
		"an agent for all, lead of this one": {
			visitor("a", roles{"*": staff.Agent, "vergunningen": staff.Lead}), open, staff.Lead,
		},
		"the holder, of another team": {visitor("cem", roles{"kcc": staff.Agent}), claimed, staff.Agent},
		"the holder, who works for another team and reads this one": {
			visitor("cem", roles{"kcc": staff.Agent, "vergunningen": staff.Reader}), claimed, staff.Agent,
		},
		"the holder, who only reads by now": {
			visitor("cem", roles{"vergunningen": staff.Reader}), claimed, staff.Reader,
		},
		"the holder, without a role by now":     {visitor("cem", nil), claimed, ""},
		"a program without a name, none of its": {visitor("", roles{"kcc": staff.Reader}), open, ""},
		"an admin of another municipality":      {neighbour, claimed, ""},
		"an unknown role":                       {visitor("x", roles{"vergunningen": "boss"}), open, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.role, test.who.Over(test.note))
			require.Equal(t, test.role != "", test.who.MayRead(test.note))
			require.Equal(t, test.role.AtLeast(staff.Agent), test.who.MaySeeNumber(test.note))
		})
	}
}
