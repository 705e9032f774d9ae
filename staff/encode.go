package staff

import (
	"encoding/json"
	"fmt"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// personForm is how a person is stored. Id and municipality are in the names of key and field.
type personForm struct {
	Version  int                  `json:"v"`
	Name     string               `json:"name,omitempty"`
	Email    string               `json:"email,omitempty"`
	Language string               `json:"language,omitempty"`
	Phone    string               `json:"phone,omitempty"`
	Roles    map[call.TeamID]Role `json:"roles,omitempty"`
}

const personVersion = 1

// EncodePerson gives the text in which what a source knows of a person is stored.
func EncodePerson(p Person) string {
	text, _ := json.Marshal(personForm{personVersion, p.Name, p.Email, p.Language, p.Phone, p.Roles}) // plain texts
	return string(text)
}

// DecodePerson reads it. The error wraps note.ErrBroken, and does not quote the text. A role that this version does not
// know is kept: it gives no rights.
func DecodePerson(m call.MunicipalityID, id call.AgentID, text string) (Person, error) {
	var f personForm
	switch err := json.Unmarshal([]byte(text), &f); {
	case err != nil:
		return Person{}, fmt.Errorf("what is known of person %s is not JSON: %w", id, note.ErrBroken)
	case f.Version != personVersion:
		return Person{}, fmt.Errorf("what is known of person %s has version %d, not %d: %w", id, f.Version,
			personVersion, note.ErrBroken)
	}
	for team, role := range f.Roles {
		switch {
		case team == AllTeams:
		case !call.IsID(string(team)):
			return Person{}, fmt.Errorf("person %s has a role in a team that is no id: %w", id, note.ErrBroken)
		case role == Admin:
			return Person{}, fmt.Errorf("person %s is an admin of one team, and there is none such: %w", id, note.ErrBroken)
		}
	}
	return Person{
		ID: id, Municipality: m, Name: f.Name, Email: f.Email, Language: f.Language, Phone: f.Phone, Roles: f.Roles,
	}, nil
}
