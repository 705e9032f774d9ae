package pages

import (
	"net/http"
	"time"
)

// Reason says why a page of the sign-in is shown again, or at all. The zero value says nothing.
type Reason string

// The reasons.
const (
	ReasonWrong    Reason = "in.wrong"
	ReasonExpired  Reason = "in.expired"
	ReasonOut      Reason = "in.out"
	ReasonProvider Reason = "in.provider"
	ReasonUnknown  Reason = "in.unknown"
	ReasonMany     Reason = "in.many" // with Wait
	ReasonCode     Reason = "code.wrong"
	ReasonShort    Reason = "first.short"
	ReasonDiffer   Reason = "first.differ"
	ReasonUsed     Reason = "first.used"
)

// SignIn is the page to sign in. Its forms lead to POST /sign-in (name, password, to) and POST /sign-in/oidc (to).
type SignIn struct {
	Provider string // as people know it, such as "Gemeente Deventer"; empty for none
	Local    bool   // there are accounts of our own
	Name     string // as it was typed
	To       string // the address to go on to: checked by whoever reads it back
	Why      Reason
	Wait     time.Duration // of ReasonMany
}

// Code is the page for the code of an authenticator. Its form leads to POST /sign-in/code (code, to).
type Code struct {
	To  string
	Why Reason
}

// First is the page for the first sign-in by a link. Its form leads to POST /sign-in/first/{token} (password, again,
// and code where there is a Secret).
type First struct {
	Token  string // of the link; empty when it is no longer good: then only Why is shown
	Name   string // of the account
	Least  int    // characters of a password
	Secret string // for the authenticator, in groups; empty for none
	URL    string // otpauth: the same as an address
	QR     string // the same as an image, as a data: address; empty for none
	Why    Reason
}

// SignIn shows the page to sign in.
func (p *Pages) SignIn(w http.ResponseWriter, r *http.Request, status int, s SignIn) {
	v := p.signing(w, r, status, s.Why)
	if s.Why == ReasonMany {
		v.message.Text = v.say(string(s.Why), v.long(s.Wait))
	}
	v.show(v.signInPage(s))
}

// Code shows the page for the code of an authenticator.
func (p *Pages) Code(w http.ResponseWriter, r *http.Request, status int, c Code) {
	v := p.signing(w, r, status, c.Why)
	v.show(v.codePage(c))
}

// First shows the page for the first sign-in.
func (p *Pages) First(w http.ResponseWriter, r *http.Request, status int, f First) {
	v := p.signing(w, r, status, f.Why)
	v.show(v.firstPage(f))
}

func (p *Pages) signing(w http.ResponseWriter, r *http.Request, status int, why Reason) *visit {
	v := p.visit(w, r)
	v.status = status
	switch why {
	case "":
	case ReasonOut, ReasonExpired:
		v.message = &message{"warning", v.say(string(why))}
	default:
		v.message = &message{"error", v.say(string(why))}
	}
	return v
}
