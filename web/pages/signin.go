package pages

import (
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/signin"
)

// Forms are the pages of signing in, see signin.Forms.
type Forms struct{ pages *Pages }

// Forms gives the pages of signing in.
func (p *Pages) Forms() Forms { return Forms{p} }

// SignIn implements signin.Forms.
func (f Forms) SignIn(r *http.Request, form signin.SignInForm) signin.Page {
	v := f.pages.visit(nil, r)
	v.tell(form.Reason, form.Wait)
	return v.signInPage(form)
}

// Code implements signin.Forms.
func (f Forms) Code(r *http.Request, form signin.CodeForm) signin.Page {
	v := f.pages.visit(nil, r)
	v.tell(form.Reason, form.Wait)
	return v.codePage(form)
}

// First implements signin.Forms.
func (f Forms) First(r *http.Request, form signin.FirstForm) signin.Page {
	v := f.pages.visit(nil, r)
	v.tell(form.Reason, form.Wait)
	if form.Reason == signin.WeakPassword {
		v.message = &message{"error", v.say("weak."+string(form.Problem), form.Least)}
	}
	return v.firstPage(form)
}

// Told implements signin.Forms.
func (f Forms) Told(r *http.Request, t signin.Told) signin.Page {
	v := f.pages.visit(nil, r)
	if t.SessionOver {
		v.message = &message{"warning", v.say("in.over")}
	} else {
		v.tell(t.Reason, 0)
	}
	return v.toldPage(t)
}

// tell says on top of a page why somebody was not let in.
func (v *visit) tell(why signin.Reason, wait time.Duration) {
	switch why {
	case "":
	case signin.TooMany:
		v.message = &message{"error", v.say("why.too_many", v.long(max(wait, time.Minute)))}
	default:
		v.message = &message{"error", v.say("why." + string(why))}
	}
}

// provider names the provider in a button.
func (v *visit) provider(name string) string {
	if name == "" {
		return v.say("in.provider")
	}
	return name
}
