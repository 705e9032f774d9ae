package pages

import (
	"net/http"
	"slices"
)

func (p *Pages) me(v *visit) error {
	if v.FormValue("done") != "" {
		v.message = &message{"ok", v.say("me.saved")}
	}
	return v.render(v.mePage())
}

func (p *Pages) setMe(v *visit) error {
	language := v.PostFormValue("language")
	if !slices.Contains(languages, language) {
		return v.wrongField("language", "refused.request")
	}
	if err := p.People.SetLanguage(v.Context(), v.m(), v.who.Agent, language); err != nil {
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
