package staff

import (
	"context"
	"maps"
	"slices"

	"github.com/bereikbaar/bereikbaar/call"
)

// AllTeams in roles stands for every team of the municipality. An admin has their role for it.
const AllTeams call.TeamID = "*"

// Person is a colleague: the same one in the API, in pages, in a note's history, in absences, and when they are put
// through to a caller.
type Person struct {
	ID           call.AgentID
	Municipality call.MunicipalityID
	Name         string               // as colleagues call them; empty when nothing but the id is known
	Email        string               // empty for none
	Language     string               // of their pages, such as "nl"; empty for the municipality's
	Phone        string               // as Asterisk dials it, such as "PJSIP/kcc1"; empty for none
	Roles        map[call.TeamID]Role // by team, see AllTeams
}

// Called is how the person is named to people.
func (p Person) Called() string {
	if p.Name != "" {
		return p.Name
	}
	return string(p.ID)
}

// Source is where something about a person is known from.
type Source string

// The sources, the most binding first.
const (
	FromFile   Source = "file"    // the configuration
	FromPage   Source = "page"    // an administrator, or the person themselves
	FromSignIn Source = "sign_in" // the municipality's own directory, at the last sign-in
)

// Sources lists the sources, the most binding first.
func Sources() []Source { return []Source{FromFile, FromPage, FromSignIn} }

// Merge joins what the sources know of one person. Each field is from the most binding source that has it. A role in a
// team is the file's if it names the team, and the higher of the others' otherwise: what operations wrote down stands.
func Merge(known map[Source]Person) Person {
	var p Person
	for _, source := range Sources() {
		from, ok := known[source]
		if !ok {
			continue
		}
		p.ID, p.Municipality = or(p.ID, from.ID), or(p.Municipality, from.Municipality)
		p.Name, p.Email = or(p.Name, from.Name), or(p.Email, from.Email)
		p.Language, p.Phone = or(p.Language, from.Language), or(p.Phone, from.Phone)
	}
	p.Roles = maps.Clone(known[FromFile].Roles)
	if p.Roles == nil {
		p.Roles = map[call.TeamID]Role{}
	}
	for _, source := range []Source{FromPage, FromSignIn} {
		for team, role := range known[source].Roles {
			if _, fixed := known[FromFile].Roles[team]; !fixed {
				p.Roles[team] = p.Roles[team].Higher(role)
			}
		}
	}
	return p
}

// WithFile gives what the sources know of a person, and what the file says when it knows them.
func WithFile(known map[Source]Person, file Person, there bool) map[Source]Person {
	all := map[Source]Person{}
	maps.Copy(all, known)
	if there {
		all[FromFile] = file
	}
	return all
}

// MergeUnvouched is Merge for a person for whom the municipality's directory does not vouch now: what it once said of
// their roles does not count.
func MergeUnvouched(known map[Source]Person) Person {
	all := maps.Clone(known)
	if p, ok := all[FromSignIn]; ok {
		p.Roles = nil
		all[FromSignIn] = p
	}
	return Merge(all)
}

func or[S ~string](first, second S) S {
	if first != "" {
		return first
	}
	return second
}

// Teams lists the teams in which the person has a role, sorted. AllTeams is one of them.
func (p Person) Teams() []call.TeamID { return slices.Sorted(maps.Keys(p.Roles)) }

// People keeps what pages and sign-ins know of persons. The file's own are not kept. Errors wrap note.ErrStoreDown or
// note.ErrBroken.
type People interface {
	// SavePerson keeps what a source knows, in place of what it knew before.
	SavePerson(ctx context.Context, from Source, p Person) error
	// RemovePerson forgets what a source knows of a person, if anything.
	RemovePerson(ctx context.Context, from Source, m call.MunicipalityID, id call.AgentID) error
	// Person gives what each source knows of a person; nothing when nobody knows them. It gives what can be read, also
	// when the error says that the rest is broken.
	Person(ctx context.Context, m call.MunicipalityID, id call.AgentID) (map[Source]Person, error)
	// People gives everybody: those that can be read, also when the error says that others are broken.
	People(ctx context.Context, m call.MunicipalityID) (map[call.AgentID]map[Source]Person, error)
}
