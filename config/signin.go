package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/staff"
)

// SignIn says how people sign in to the pages.
type SignIn struct {
	Address *url.URL      // where browsers find the pages: https, or http on a loopback address
	Idle    time.Duration // after which an unused session ends
	Longest time.Duration // after which every session ends

	Local        bool // there are local accounts
	WithoutCodes bool // they need no code; only on a loopback address
	OIDC         *OIDC
}

// OIDC is the municipality's own provider of identities.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret Secret // empty for a public client
	Name         string // for people; empty for none
	Municipality call.MunicipalityID
	Scopes       []string // beside openid
	Claims       Claims
	Groups       map[string]map[call.TeamID]staff.Role // the roles of the people of a group
}

// Claims names the claims of the provider.
type Claims struct{ ID, Name, Email, Groups string }

func (b *builder) signIn() {
	f := b.form.SignIn
	if f == nil {
		return
	}
	s := &SignIn{Idle: f.Idle, Longest: f.Longest, Local: f.Local.Enabled, WithoutCodes: !f.Local.Codes}
	b.cfg.SignIn = s
	b.signInAddress()
	if s.Idle > s.Longest {
		b.doc.problem("sign_in.idle", "it is longer than sign_in.longest", "leave it at 15m")
	}
	if !f.Local.Codes {
		at := s.Address != nil && loopback(s.Address.Hostname())
		switch {
		case !loopback(hostOf(b.cfg.Listen.Web)) || !at && !b.doc.spoilt("sign_in.address"):
			b.doc.problem("sign_in.local.codes", "a password alone would let people in from other machines",
				"leave it out; without codes listen.web and sign_in.address must be on 127.0.0.1")
		case !f.Local.Enabled:
			b.doc.warn("sign_in.local.codes", "there are no local accounts", "leave it out")
		}
	}
	if f.OIDC == nil {
		if !f.Local.Enabled && !b.doc.spoilt("sign_in") && !b.doc.spoilt("sign_in.oidc") {
			b.doc.problem("sign_in", "nobody can sign in", "add local: {enabled: true}, or oidc with a provider")
		}
		return
	}
	s.OIDC = &OIDC{
		Issuer: f.OIDC.Issuer, ClientID: f.OIDC.ClientID, Name: f.OIDC.Name, Scopes: f.OIDC.Scopes,
		Claims: Claims{f.OIDC.Claims.ID, f.OIDC.Claims.Name, f.OIDC.Claims.Email, f.OIDC.Claims.Groups},
	}
}

// signInAddress is where browsers find the pages. Without one it is the port itself, when that is of this machine.
func (b *builder) signInAddress() {
	f, listen := b.form.SignIn, b.cfg.Listen.Web
	switch {
	case b.doc.spoilt("sign_in.address"):
	case f.Address != "":
		b.cfg.SignIn.Address, _ = url.Parse(f.Address) // siteForm has parsed it
	case loopback(hostOf(listen)):
		b.cfg.SignIn.Address = &url.URL{Scheme: "http", Host: listen}
	case !b.doc.spoilt("listen.web"):
		b.doc.problem("sign_in.address", "it is missing, and people come from other machines",
			"add the address that they type, such as address: https://bel.deventer.nl")
	}
}

// providerSecret reads the secret with which the provider knows us.
func (b *builder) providerSecret(getenv func(string) string) {
	f := b.form.SignIn
	if f == nil || f.OIDC == nil || b.cfg.SignIn == nil {
		return
	}
	of, before := part{"signing in by the provider", true}, b.faults()
	if !f.Local.Enabled {
		of.name = "the pages, which nobody can sign in to"
	}
	b.cfg.SignIn.OIDC.ClientSecret = b.secret(getenv, secretSource{
		key: "sign_in.oidc.client_secret_file", variable: "BEREIKBAAR_OIDC_SECRET", file: f.OIDC.ClientSecretFile,
		part: of,
	})
	b.providerOff = b.faults() > before
}

// withoutProvider takes away a provider that is switched off, once all of it is checked, and the pages to which nobody
// can sign in then.
func (b *builder) withoutProvider() {
	if !b.providerOff {
		return
	}
	if b.cfg.SignIn.OIDC = nil; !b.cfg.SignIn.Local {
		b.cfg.SignIn = nil
	}
}

// groups gives the provider's groups their roles.
func (b *builder) groups() {
	if b.cfg.SignIn == nil || b.cfg.SignIn.OIDC == nil {
		return
	}
	const key = "sign_in.oidc"
	o := b.cfg.SignIn.OIDC
	o.Municipality = call.MunicipalityID(b.municipalityAt(key, b.form.SignIn.OIDC.Municipality))
	o.Groups = map[string]map[call.TeamID]staff.Role{}
	for i, f := range b.form.SignIn.OIDC.Groups {
		at := fmt.Sprintf("%s.groups[%d]", key, i)
		if _, twice := o.Groups[f.Name]; twice && f.Name != "" {
			b.doc.problem(at+".name", shown(f.Name)+" is here twice", "put its roles together")
		}
		o.Groups[f.Name] = b.roles(at+".roles", f.Roles, o.Municipality)
	}
	if len(o.Groups) == 0 && len(b.form.People) == 0 {
		b.doc.warn(key, "nobody has a role: those who sign in see nothing until an administrator gives them one",
			"add groups, or roles under people")
	}
}

// roles checks roles by team. The role of an admin is for all teams, and no other is.
func (b *builder) roles(key string, of map[string]string, m call.MunicipalityID) map[call.TeamID]staff.Role {
	roles := map[call.TeamID]staff.Role{}
	for _, team := range slices.Sorted(maps.Keys(of)) {
		at, role := under(key, keyName(team)), staff.Role(of[team])
		roles[call.TeamID(team)] = role
		if team == string(staff.AllTeams) {
			continue
		}
		b.reference(at, "teams", team)
		if role == staff.Admin {
			b.doc.problem(at, "an admin is one for every team", `write "*": admin`)
		}
		if has := b.cfg.Plan.Teams[call.TeamID(team)].Municipality; has != "" && m != "" && has != m {
			b.doc.problem(at, fmt.Sprintf("%s is a team of %s, and this is about people of %s", team, has, m),
				"name a team of "+string(m))
		}
	}
	return roles
}

// people takes over the people of the file. The phone of an agent stays under agents.
func (b *builder) people() {
	if len(b.form.People) > 0 {
		b.cfg.People = map[call.AgentID]staff.Person{}
	}
	owners := map[string]string{}
	for id, f := range b.form.Agents {
		owners[f.Endpoint] = id
	}
	for _, id := range b.inOrder("people", slices.Collect(maps.Keys(b.form.People))) {
		f, key := b.form.People[id], "people."+keyName(id)
		p := staff.Person{
			ID: call.AgentID(id), Municipality: call.MunicipalityID(b.municipalityAt(key, f.Municipality)),
			Name: f.Name, Email: f.Email, Language: f.Language, Phone: f.Phone,
		}
		p.Roles = b.roles(key+".roles", f.Roles, p.Municipality)
		if agent, is := b.cfg.Plan.Agents[p.ID]; is {
			p.Phone = agent.Endpoint
		}
		b.ownPhone(key+".phone", id, f.Phone, owners)
		b.cfg.People[p.ID] = p
	}
}

// ownPhone checks that nobody else has a person's phone: each would be rung for the other's callers. owners are those
// before them.
func (b *builder) ownPhone(key, id, phone string, owners map[string]string) {
	if phone == "" {
		return
	}
	agent, is := b.form.Agents[id]
	switch owner := owners[phone]; {
	case is && agent.Endpoint == phone:
		b.doc.warn(key, "the phone of "+id+" is under agents already", "leave it out here")
	case is:
		b.doc.problem(key, "the phone of "+id+" is under agents already", "leave it out here")
	case owner != "":
		b.doc.problem(key, fmt.Sprintf("%s is the phone of %s already", phone, owner),
			"give each person a phone of their own")
	}
	owners[phone] = id
}

// Person gives what the file says of a person, false when it says nothing. Of somebody who is only an agent it knows
// the phone.
func (c *Config) Person(m call.MunicipalityID, id call.AgentID) (staff.Person, bool) {
	if p, ok := c.People[id]; ok {
		return p, p.Municipality == m
	}
	agent, ok := c.Plan.Agents[id]
	if !ok || !c.works(m, id) {
		return staff.Person{}, false
	}
	return staff.Person{ID: id, Municipality: m, Phone: agent.Endpoint}, true
}

// works reports whether an agent is of a municipality: of one of its teams, or it is the only one.
func (c *Config) works(m call.MunicipalityID, id call.AgentID) bool {
	if _, ok := c.Plan.Municipalities[m]; ok && len(c.Plan.Municipalities) == 1 {
		return true
	}
	for _, t := range c.Plan.Teams {
		if t.Municipality == m && slices.Contains(t.Members, id) {
			return true
		}
	}
	return false
}

// Foreign reports whether the file gives an id to somebody of other municipalities alone. Nobody else of this
// municipality may have it: calls, phones and histories know people by their ids.
func (c *Config) Foreign(m call.MunicipalityID, id call.AgentID) bool {
	if p, ok := c.People[id]; ok {
		return p.Municipality != m
	}
	_, agent := c.Plan.Agents[id]
	return agent && !c.works(m, id)
}

// PeopleOf gives everybody of a municipality of whom the file says something, see Person.
func (c *Config) PeopleOf(m call.MunicipalityID) map[call.AgentID]staff.Person {
	all := map[call.AgentID]staff.Person{}
	for id := range c.People {
		if p, ok := c.Person(m, id); ok {
			all[id] = p
		}
	}
	for id := range c.Plan.Agents {
		if p, ok := c.Person(m, id); ok {
			all[id] = p
		}
	}
	return all
}
