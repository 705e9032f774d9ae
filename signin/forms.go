package signin

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Page is a page that is ready to be written, such as a templ.Component.
type Page interface {
	Render(ctx context.Context, w io.Writer) error
}

// Forms makes the pages of signing in. Language and look are theirs; r is for what the browser prefers.
type Forms interface {
	SignIn(r *http.Request, f SignInForm) Page
	Code(r *http.Request, f CodeForm) Page
	First(r *http.Request, f FirstForm) Page
	// Told is a page with one message and one way on.
	Told(r *http.Request, t Told) Page
}

// SignInForm asks for id and password, and offers the provider. It posts the fields id, password and next to
// /sign-in; the provider's link is Provider. At least one of the two is there.
type SignInForm struct {
	Reason   Reason        // why it is shown again; empty at first
	Wait     time.Duration // before another attempt, with TooMany
	ID       string        // as it was typed
	Next     string        // a page of this site, for the field next
	Accounts bool          // there are local accounts
	Provider string        // the link that leads to the provider; empty for none
	Name     string        // of the provider, for people; may be empty
}

// CodeForm asks for the code of the authenticator. It posts the field code to /sign-in/code.
type CodeForm struct {
	Reason Reason
	Wait   time.Duration
}

// FirstForm lets a person choose a password and set up their authenticator. It posts the fields password, again, code
// and setup to its own address. A page of it never has the password filled in.
type FirstForm struct {
	Reason  Reason
	Problem PasswordProblem // with WeakPassword
	Wait    time.Duration
	Called  string // the person, as colleagues call them
	ID      string // with which they sign in
	Least   int    // characters of a password
	// Enrolment is what the authenticator needs; nil when the house works without codes.
	Enrolment *Enrolment
	Setup     string // for the hidden field setup
	Until     time.Time
}

// Told is a message.
type Told struct {
	Reason Reason
	// SessionOver says that a form came after its session had ended: nothing was done. The person signs in in another
	// window and sends the form again, so the browser must keep it: the page leads there by a link that opens a new
	// one.
	SessionOver bool
	On          string // the address to go on to, of this site
}

// The addresses.
const (
	pathSignIn   = "/sign-in"
	pathCode     = "/sign-in/code"
	pathProvider = "/sign-in/oidc"
	pathCallback = "/sign-in/oidc/callback"
	pathFirst    = "/sign-in/first/{token}"
	pathSignOut  = "/sign-out"
)

// write sends a page whole or not at all.
func (s *SignIn) write(w http.ResponseWriter, r *http.Request, status int, wait time.Duration, page Page) {
	var text bytes.Buffer
	if err := page.Render(r.Context(), &text); err != nil {
		s.Log.Error("a page of signing in could not be made", "err", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	if wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	}
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // a browser that left needs no page
}

// statusOf is the status of a page that is shown for a reason.
func statusOf(reason Reason) int {
	switch reason {
	case "":
		return http.StatusOK
	case TooMany:
		return http.StatusTooManyRequests
	case Busy, StoreDown:
		return http.StatusServiceUnavailable
	case ProviderDown:
		return http.StatusBadGateway
	case LinkUsed:
		return http.StatusGone
	case NoRole, NoCode, ProviderDenied, WrongToken, WrongID, CrossOrigin:
		return http.StatusForbidden
	case WrongState, TooLate:
		return http.StatusBadRequest
	case WrongPassword, WrongCode:
		return http.StatusUnauthorized
	case WeakPassword, NotTheSame:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError // a reason that was forgotten here
}

// retryLater is how soon to try again what was refused because too much came, or a server is away.
const retryLater = 30 * time.Second

// waitOf is how soon to try again after a page that is shown for a reason; 0 when waiting does not help.
func waitOf(reason Reason) time.Duration {
	switch reason {
	case TooMany, Busy, StoreDown, ProviderDown:
		return retryLater
	default:
		return 0
	}
}

// tell sends a page with one message and one way on.
func (s *SignIn) tell(w http.ResponseWriter, r *http.Request, reason Reason, on string) {
	s.write(w, r, statusOf(reason), waitOf(reason), s.Forms.Told(r, Told{Reason: reason, On: on}))
}
