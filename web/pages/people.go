package pages

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

// mostName bounds the name of a person, in characters.
const mostName = 80

// crowd is the page with everybody.
type crowd struct {
	All    []staff.Person // by name
	Unread bool           // some cannot be read
	ID     string         // of somebody new, as it was typed
	Wrong  *problem
}

func (c crowd) wrong(field string) string { return wrongIn(c.Wrong, field) }

// wrongIn is the mistake in a field; empty for none.
func wrongIn(p *problem, field string) string {
	if p == nil || p.field != field {
		return ""
	}
	return p.text
}

func (p *Pages) showPeople(v *visit) error {
	if id := v.done(); signin.ValidID(call.AgentID(id)) {
		v.message = &message{"ok", v.say("person.forgotten", id)}
	}
	return v.showCrowd(crowd{})
}

func (v *visit) showCrowd(c crowd) error {
	all, err := v.pages.People.People(v.Context(), v.m())
	if c.Unread, err = v.readable(err); err != nil {
		return err
	}
	for _, known := range all {
		c.All = append(c.All, staff.Merge(known))
	}
	slices.SortFunc(c.All, byName)
	return v.render(v.peoplePage(c))
}

// newPerson leads to the page of somebody who is not known yet: there they get roles.
func (p *Pages) newPerson(v *visit) error {
	typed := v.PostFormValue("id")
	id := signin.IDOf(typed)
	if !signin.ValidID(id) {
		wrong := v.wrongField("id", "person.badid")
		v.status = wrong.status
		return v.showCrowd(crowd{ID: typed, Wrong: wrong})
	}
	return v.redirect(personHref(id))
}

// byName puts people in the order in which they are looked for.
func byName(a, b staff.Person) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a.Called()), strings.ToLower(b.Called())), cmp.Compare(a.ID, b.ID))
}

func personHref(id call.AgentID) string { return "/people/" + url.PathEscape(string(id)) }

// one is the page of a person.
type one struct {
	staff.Person // as pages know them
	Known        map[staff.Source]staff.Person
	Is           staff.Person // merged
	Teams        []call.TeamID
	Wrong        *problem
}

// version names what pages know of a person: a page that was made before a change is told so.
func version(of staff.Person) string {
	sum := sha256.Sum256([]byte(staff.EncodePerson(of)))
	return hex.EncodeToString(sum[:8])
}

func (o one) wrong(field string) string { return wrongIn(o.Wrong, field) }

// fixed is what the configuration says of a role; empty when it says nothing.
func (o one) fixed(team call.TeamID) staff.Role { return o.Known[staff.FromFile].Roles[team] }

// given is what the provider of identities says of a role; empty when it says nothing.
func (o one) given(team call.TeamID) staff.Role { return o.Known[staff.FromSignIn].Roles[team] }

// choices are the roles that may be given in a team.
func choices(team call.TeamID) []staff.Role {
	all := staff.Roles()
	if team == staff.AllTeams {
		return all
	}
	return all[:len(all)-1] // an admin is one for every team
}

// seenOne joins what is known of the person whom the address names, also of one whom nobody knows yet.
func (v *visit) seenOne() (one, error) {
	id := call.AgentID(v.PathValue("person"))
	if !signin.ValidID(id) || signin.IDOf(string(id)) != id {
		return one{}, errGone
	}
	v.about = id
	known, err := v.pages.People.Person(v.Context(), v.m(), id)
	if err != nil {
		return one{}, err
	}
	is := staff.Merge(known)
	is.ID, is.Municipality = id, v.m()
	o := one{Person: known[staff.FromPage], Known: known, Is: is}
	o.Teams = append([]call.TeamID{staff.AllTeams}, v.allTeams()...)
	for _, from := range known { // also in teams that left the configuration
		for team := range from.Roles {
			if !slices.Contains(o.Teams, team) {
				o.Teams = append(o.Teams, team)
			}
		}
	}
	return o, nil
}

func (p *Pages) showPerson(v *visit) error {
	o, err := v.seenOne()
	if err != nil {
		return err
	}
	if v.done() != "" {
		v.message = &message{"ok", v.say("saved")}
	}
	return v.render(v.personPage(o))
}

func (p *Pages) setPerson(v *visit) error {
	o, err := v.seenOne()
	if err != nil {
		return err
	}
	id := o.Is.ID
	saw := v.PostFormValue("saw")
	err = v.readPerson(&o)
	if err == nil {
		err = p.People.Change(v.Context(), v.m(), id, func(of *staff.Person) error {
			if saw != version(*of) {
				return &problem{http.StatusConflict, v.say("person.changed"), "roles"}
			}
			of.Name, of.Phone, of.Roles = o.Name, o.Phone, o.Roles
			return nil
		})
	}
	if wrong := v.wrongPerson(err); wrong != nil {
		o.Wrong, v.status = wrong, wrong.status
		return v.render(v.personPage(o))
	}
	if err != nil {
		return err
	}
	return v.redirect(personHref(id) + "?done=1")
}

// readPerson takes what the form says. What the configuration says of a person stays as it is.
func (v *visit) readPerson(o *one) error {
	file := o.Known[staff.FromFile]
	if file.Name == "" {
		o.Name = strings.TrimSpace(v.PostFormValue("name"))
	}
	if file.Phone == "" {
		o.Phone = staff.PhoneOf(v.PostFormValue("phone"))
	}
	if utf8.RuneCountInString(o.Name) > mostName || strings.ContainsFunc(o.Name, unicode.IsControl) {
		return v.wrongField("name", "err.long", mostName)
	}
	before := o.Roles
	o.Roles = map[call.TeamID]staff.Role{}
	for _, team := range o.Teams {
		role := staff.Role(v.PostFormValue("role-" + string(team)))
		switch {
		case o.fixed(team) != "": // also when it was removed from the configuration since the page was shown
			if has := before[team]; has != "" {
				o.Roles[team] = has
			}
		case role == "":
		case !slices.Contains(choices(team), role):
			return v.wrongField("roles", "refused.request")
		default:
			o.Roles[team] = role
		}
	}
	after := maps.Clone(o.Known)
	after[staff.FromPage] = o.Person
	if o.Is.ID == v.who.Agent && !staff.Merge(after).Roles[staff.AllTeams].AtLeast(staff.Admin) {
		return v.wrongField("roles", "person.self")
	}
	return nil
}

func (p *Pages) forgetPerson(v *visit) error {
	o, err := v.seenOne()
	if err != nil {
		return err
	}
	id := o.Is.ID
	delete(o.Known, staff.FromPage)
	if id == v.who.Agent && !staff.Merge(o.Known).Roles[staff.AllTeams].AtLeast(staff.Admin) {
		o.Wrong = v.wrongField("roles", "person.self")
		v.status = o.Wrong.status
		return v.render(v.personPage(o))
	}
	if err := p.People.Forget(v.Context(), v.m(), id); err != nil {
		return err
	}
	return v.redirect("/people?done=" + url.QueryEscape(string(id)))
}

// wrongPerson puts an error into words at the field that is at fault; nil when no field is.
func (v *visit) wrongPerson(err error) *problem {
	var known *problem
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, staff.ErrPhone):
		return v.wrongField("phone", "err.phone")
	case errors.Is(err, staff.ErrPhoneTaken):
		return v.wrongField("phone", "err.phonetaken")
	case errors.Is(err, staff.ErrForeign):
		return v.wrongField("roles", "person.foreign")
	case errors.Is(err, staff.ErrPhoneUnasked):
		return &problem{http.StatusServiceUnavailable, v.say("dial.exchange"), "phone"}
	}
	return nil
}

// roleName is a role in words; of none, that there is none.
func (v *visit) roleName(r staff.Role) string {
	if r == "" {
		return v.say("role.none")
	}
	return v.say("role." + string(r))
}

// otherwise says what holds when a field is left empty.
func (v *visit) otherwise(value string) string {
	if value == "" {
		return ""
	}
	return v.say("person.otherwise", value)
}

// teamOrAll names a team, or all of them.
func (v *visit) teamOrAll(t call.TeamID) string {
	if t == staff.AllTeams {
		return v.say("list.allteams")
	}
	return v.team(t)
}
