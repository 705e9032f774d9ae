package staff_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

func TestWhatSourcesKnowOfAPersonIsJoined(t *testing.T) {
	type roles = map[call.TeamID]staff.Role
	tests := map[string]struct {
		known map[staff.Source]staff.Person
		want  staff.Person
	}{
		"known to the file only": {
			map[staff.Source]staff.Person{
				staff.FromFile: {ID: "cem", Phone: "PJSIP/cem", Roles: roles{"kcc": staff.Agent}},
			},
			staff.Person{ID: "cem", Phone: "PJSIP/cem", Roles: roles{"kcc": staff.Agent}},
		},
		"the file's field stands, another's fills a gap": {
			map[staff.Source]staff.Person{
				staff.FromFile:   {ID: "cem", Name: "Cem Kaya"},
				staff.FromPage:   {ID: "cem", Name: "C. Kaya", Phone: "PJSIP/cem"},
				staff.FromSignIn: {ID: "cem", Name: "Kaya, Cem", Email: "c.kaya@example.nl"},
			},
			staff.Person{ID: "cem", Name: "Cem Kaya", Phone: "PJSIP/cem", Email: "c.kaya@example.nl", Roles: roles{}},
		},
		"the file's role stands, also when another gives more": {
			map[staff.Source]staff.Person{
				staff.FromFile:   {ID: "cem", Roles: roles{"kcc": staff.Reader}},
				staff.FromSignIn: {ID: "cem", Roles: roles{"kcc": staff.Lead, "vergunningen": staff.Agent}},
			},
			staff.Person{ID: "cem", Roles: roles{"kcc": staff.Reader, "vergunningen": staff.Agent}},
		},
		"of a page's and a sign-in's role the higher counts": {
			map[staff.Source]staff.Person{
				staff.FromPage:   {ID: "cem", Roles: roles{"kcc": staff.Lead, "x": staff.Reader}},
				staff.FromSignIn: {ID: "cem", Roles: roles{"kcc": staff.Agent, "x": staff.Agent}},
			},
			staff.Person{ID: "cem", Roles: roles{"kcc": staff.Lead, "x": staff.Agent}},
		},
		"known to nobody": {nil, staff.Person{Roles: roles{}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, staff.Merge(test.known))
		})
	}
}

func TestAnAdminIsOneForAllTeams(t *testing.T) {
	_, err := staff.DecodePerson("deventer", "teun", `{"v":1,"roles":{"kcc":"admin"}}`)
	require.ErrorIs(t, err, note.ErrBroken)
	_, err = staff.DecodePerson("deventer", "teun", `{"v":1,"roles":{"*":"admin","kcc":"lead"}}`)
	require.NoError(t, err)
}
