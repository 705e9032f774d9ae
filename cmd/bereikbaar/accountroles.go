package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

func rolesCommand(o *sessionOptions) *cobra.Command {
	var roles []string
	var none bool
	cmd := &cobra.Command{
		Use:   "roles PERSON",
		Short: "Set the roles that a person is given on pages; with --none take them away",
		Long: "Set the roles that a person is given on pages, in place of those that they were given there; with\n" +
			"--none take these away. Roles of the configuration (people) go before them, and those of the provider\n" +
			"count beside them. It needs no account, and writes anew what pages say when that cannot be read.\n" +
			"The last administrator stays one, but for --none.",
		Example: "  bereikbaar account roles els --role '*=admin' --as anouk\n" +
			"  bereikbaar account roles els --none --as anouk",
		Args: cobra.ExactArgs(1),
		RunE: forPerson(o, func(b *session, id call.AgentID) error {
			switch {
			case none && len(roles) > 0:
				return errTwoRoles
			case !none && len(roles) == 0:
				return errNoRoles
			}
			given, err := b.roles(roles)
			if err != nil {
				return err
			}
			last, err := b.lastAdmin(id, given)
			if err == nil && last && !none {
				err = errLastAdmin
			}
			if err != nil {
				return err
			}
			err = b.giveRoles(id, given)
			if err == nil && last {
				b.cmd.PrintErrf("%s was the last administrator: nobody can give roles on pages until "+
					"somebody is given *=admin here\n", id)
			}
			return b.changed("roles", id, "is given on pages: "+rolesText(given), err)
		}),
	}
	cmd.Flags().StringArrayVar(&roles, "role", nil, roleHelp)
	cmd.Flags().BoolVar(&none, "none", false, "take all roles away that pages gave")
	return cmd
}

// lastAdmin reports whether a person is an administrator, and nobody is once pages give them these roles. Of what
// cannot be read nothing is known.
func (b *session) lastAdmin(id call.AgentID, roles map[call.TeamID]staff.Role) (bool, error) {
	all, err := b.store.People(b.cmd.Context(), b.town.ID)
	if err != nil && !errors.Is(err, note.ErrBroken) {
		return false, err
	}
	everybody := map[call.AgentID]map[staff.Source]staff.Person{}
	for of, known := range all {
		if !b.cfg.Foreign(b.town.ID, of) {
			everybody[of] = known
		}
	}
	for of, file := range b.cfg.PeopleOf(b.town.ID) {
		everybody[of] = staff.WithFile(everybody[of], file, true)
	}
	before, after := false, false
	for of, known := range everybody {
		is := isAdmin(known)
		if of == id {
			before = is
			page := known[staff.FromPage]
			page.Roles = roles
			known[staff.FromPage] = page
			is = isAdmin(known)
		}
		after = after || is
	}
	return before && !after, nil
}

func isAdmin(known map[staff.Source]staff.Person) bool {
	return staff.Merge(known).Roles[staff.AllTeams] == staff.Admin
}

// giveRoles sets the roles of a person on pages, and leaves the rest of what pages say. Of whom nothing is left is
// forgotten.
func (b *session) giveRoles(id call.AgentID, roles map[call.TeamID]staff.Role) error {
	known, err := b.store.Person(b.cmd.Context(), b.town.ID, id)
	if err != nil && !errors.Is(err, note.ErrBroken) {
		return err
	}
	p := known[staff.FromPage]
	p.ID, p.Municipality, p.Roles = id, b.town.ID, roles
	if len(roles) == 0 && p.Name == "" && p.Phone == "" {
		return b.store.RemovePerson(b.cmd.Context(), staff.FromPage, b.town.ID, id)
	}
	return b.store.SavePerson(b.cmd.Context(), staff.FromPage, p)
}

const roleHelp = "TEAM=ROLE: reader, agent or lead; *=ROLE for all, admin too"

// roles reads the options --role.
func (b *session) roles(texts []string) (map[call.TeamID]staff.Role, error) {
	roles := map[call.TeamID]staff.Role{}
	for _, text := range texts {
		team, role, _ := strings.Cut(text, "=")
		id, as := call.TeamID(team), staff.Role(role)
		switch {
		case !as.AtLeast(staff.Reader):
			return nil, fmt.Errorf("--role %q: write TEAM=ROLE with one of %s", text, listed(staff.Roles()))
		case id == staff.AllTeams:
		case as == staff.Admin:
			return nil, errors.New("--role: an admin is one for every team: write *=admin")
		case !b.settings.HasTeam(b.town.ID, id):
			return nil, unknown("role", team, b.cfg.Path, b.settings.Teams(b.town.ID))
		}
		roles[id] = as
	}
	return roles, nil
}

func rolesText(roles map[call.TeamID]staff.Role) string {
	var texts []string
	for _, team := range slices.Sorted(maps.Keys(roles)) {
		texts = append(texts, string(team)+"="+string(roles[team]))
	}
	if texts == nil {
		return "none"
	}
	return strings.Join(texts, " ")
}
