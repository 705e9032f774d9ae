package signin

import (
	"encoding/json"
	"strings"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/staff"
)

// Claims names the claims of the provider. A name with dots that no claim has is a path, as in realm_access.roles.
type Claims struct {
	ID     string // the person's id here; the provider must not let people change it themselves
	Name   string
	Email  string
	Groups string // a list of texts, or one
}

// claimSet is what the provider says of a person.
type claimSet map[string]any

// has gives the value of a claim.
func (c claimSet) has(name string) (any, bool) {
	if value, ok := c[name]; ok {
		return value, true
	}
	var at any = map[string]any(c)
	for part := range strings.SplitSeq(name, ".") {
		of, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = of[part]; !ok {
			return nil, false
		}
	}
	return at, true
}

const longestClaim = 200 // bytes of a name or address

// text gives a claim that is a text; empty for any other, and for one that is too long or not for people's eyes.
func (c claimSet) text(name string) string {
	value, _ := c.has(name)
	text, _ := value.(string)
	text = strings.TrimSpace(text)
	if len(text) > longestClaim || strings.ContainsFunc(text, isControl) {
		return ""
	}
	return text
}

// id gives a claim that is an id; empty for one with a blank around it, which is another person's at the provider.
func (c claimSet) id(name string) call.AgentID {
	value, _ := c.has(name)
	text, _ := value.(string)
	if strings.TrimSpace(text) != text {
		return ""
	}
	return IDOf(text)
}

// texts gives a claim that is a list of texts, or one text.
func (c claimSet) texts(name string) []string {
	value, _ := c.has(name)
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var texts []string
		for _, v := range value {
			if text, ok := v.(string); ok {
				texts = append(texts, text)
			}
		}
		return texts
	}
	return nil
}

// over gives c, with what only under has.
func (c claimSet) over(under claimSet) claimSet {
	all := claimSet{}
	for name, value := range under {
		all[name] = value
	}
	for name, value := range c {
		all[name] = value
	}
	return all
}

// complete reports whether claims tell all that is asked of the provider. Many put little into ID tokens.
func (o *OIDC) complete(c claimSet) bool {
	for _, name := range []string{o.Claims.ID, o.Claims.Name, o.Claims.Email, o.Claims.Groups} {
		if _, has := c.has(name); !has {
			return false
		}
	}
	return true
}

// readClaims reads claims with the function that go-oidc gives for it.
func readClaims(into func(any) error) (claimSet, error) {
	var raw json.RawMessage
	if err := into(&raw); err != nil {
		return nil, err
	}
	var c claimSet
	err := json.Unmarshal(raw, &c)
	return c, err
}

// personOf gives the person of claims, as far as the provider knows them.
func (o *OIDC) personOf(c claimSet) (staff.Person, bool) {
	p := staff.Person{
		ID: c.id(o.Claims.ID), Municipality: o.Municipality, Name: c.text(o.Claims.Name),
		Email: c.text(o.Claims.Email), Roles: map[call.TeamID]staff.Role{},
	}
	for _, group := range c.texts(o.Claims.Groups) {
		for team, role := range o.Groups[group] {
			p.Roles[team] = p.Roles[team].Higher(role)
		}
	}
	return p, ValidID(p.ID)
}
