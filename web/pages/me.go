package pages

import (
	"net/http"
	"slices"

	"github.com/bereikbaar/bereikbaar/staff"
)

// self is the page on which somebody sees what is known of them, and says what they may say themselves.
type self struct {
	Fixed staff.Person // what the configuration says
	Phone string       // as it was typed
	Wrong *problem     // with a field; nil for none
}

func (s self) wrong(field string) string { return wrongIn(s.Wrong, field) }

func (p *Pages) me(v *visit) error {
	known, err := p.People.Person(v.Context(), v.m(), v.who.Agent)
	if err != nil {
		return err
	}
	if v.done() != "" {
		v.message = &message{"ok", v.say("saved")}
	}
	return v.render(v.mePage(self{Fixed: known[staff.FromFile], Phone: known[staff.FromPage].Phone}))
}

func (p *Pages) setMe(v *visit) error {
	language, phone := v.PostFormValue("language"), staff.PhoneOf(v.PostFormValue("phone"))
	known, err := p.People.Person(v.Context(), v.m(), v.who.Agent)
	if err != nil {
		return err
	}
	if known[staff.FromFile].Language == "" && !slices.Contains(languages, language) {
		return v.wrongField("language", "refused.request")
	}
	fixed := known[staff.FromFile]
	err = p.People.Change(v.Context(), v.m(), v.who.Agent, func(of *staff.Person) error {
		if fixed.Language == "" {
			of.Language = language
		}
		if fixed.Phone == "" {
			of.Phone = phone
		}
		return nil
	})
	if wrong := v.wrongPerson(err); wrong != nil {
		v.status = wrong.status
		return v.render(v.mePage(self{Fixed: fixed, Phone: phone, Wrong: wrong}))
	}
	if err != nil {
		return err
	}
	return v.redirect("/me?done=1")
}

// stay is what somebody asks for who wants to stay signed in: the request itself renews their session.
func (p *Pages) stay(v *visit) error {
	if v.Request.Header.Get("HX-Request") == "" {
		return v.redirect("/")
	}
	v.status = http.StatusNoContent
	v.WriteHeader(v.status)
	return nil
}
