package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
)

// Guest is the person of a session.
type Guest struct {
	Person staff.Person // merged over all that know them
	Way    Way
	Left   time.Duration // until their session ends when they do nothing
	Last   time.Time     // when it ends, whatever they do; UTC
}

// Visitor is the guest, for questions about rights.
func (g Guest) Visitor() access.Visitor {
	return access.Visitor{
		Name: string(g.Person.ID), Agent: g.Person.ID, Municipality: g.Person.Municipality, Roles: g.Person.Roles,
	}
}

type guestKey struct{}

// GuestOf gives the person that Required put into the context, false when there is none.
func GuestOf(ctx context.Context) (Guest, bool) {
	g, ok := ctx.Value(guestKey{}).(Guest)
	return g, ok
}

// Required lets through only people who are signed in, and notes that they are there. The context of the request has
// the person, as visitor, person and session: access.From and its neighbours give them, and GuestOf.
//
// Somebody who is not signed in is sent to the form, and back to this page afterwards. What they typed is not lost:
//
//   - A request of htmx, or of a script that does not ask for HTML, gets 401 with an application/problem+json of code
//     "session". The header Sign-In has the address of the form that leads back to the page. The page keeps what was
//     typed, and lets the person sign in in another window.
//   - A form that was posted without script gets a page with status 401. It says that nothing was done, and that the
//     form can be sent again (by reloading this answer) after signing in in another window.
//
// While Redis is away the answer is 503.
func (s *SignIn) Required(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guest, err := s.active(r)
		if err != nil {
			s.turnAway(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(withGuest(r.Context(), guest)))
	})
}

// RequiredForStream is Required for streams, which do not count as activity: a page that is left alone must not keep
// its session. A stream asks Look from time to time, every minute say, and ends when that gives an error.
func (s *SignIn) RequiredForStream(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guest, err := s.Look(r)
		if err != nil {
			s.turnAway(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(withGuest(r.Context(), guest)))
	})
}

func withGuest(ctx context.Context, g Guest) context.Context {
	ctx = access.WithPerson(access.With(context.WithValue(ctx, guestKey{}, g), g.Visitor()), g.Person)
	return access.WithSession(ctx, access.Session{Ends: time.Now().UTC().Add(g.Left), Last: g.Last})
}

// active is Look for a request by which the person does something.
func (s *SignIn) active(r *http.Request) (Guest, error) { return s.look(r, true) }

// Look gives the person of a request as they are now, without counting it as activity. The error wraps ErrNotSignedIn,
// note.ErrStoreDown or note.ErrBroken.
func (s *SignIn) Look(r *http.Request) (Guest, error) { return s.look(r, false) }

// ErrNotSignedIn is returned for a request without a session, or with one that has ended.
var ErrNotSignedIn = errNoSession

func (s *SignIn) look(r *http.Request, active bool) (Guest, error) {
	ctx, token := r.Context(), s.token(r)
	is, left, err := s.peek(ctx, token)
	if err != nil {
		return Guest{}, err
	}
	of := is.Session
	count, err := s.SignOuts.SignedOut(ctx, of.Municipality, of.Person)
	if err != nil {
		return Guest{}, fmt.Errorf("look whether a session still counts: %w", err)
	}
	if count != of.SignOuts {
		return Guest{}, errNoSession
	}
	if ending, err := s.vouch(ctx, token, is); err != nil {
		return Guest{}, err
	} else if ending != "" {
		return Guest{}, s.over(r, of, ending)
	}
	person, err := s.person(ctx, of)
	if err != nil {
		return Guest{}, err
	}
	if len(person.Roles) == 0 {
		return Guest{}, s.over(r, of, WithoutRole)
	}
	if active {
		if left, err = s.touch(ctx, token, is, left); err != nil {
			return Guest{}, err
		}
	}
	return Guest{Person: person, Way: of.Way, Left: left, Last: is.Deadline.UTC()}, nil
}

// over ends a session that no longer counts.
func (s *SignIn) over(r *http.Request, of session, how Ending) error {
	if err := s.drop(r.Context(), s.token(r)); err != nil {
		return err
	}
	s.Meter.SignedOut(how)
	s.audit(r, "signed out", "person", of.Person, "municipality", of.Municipality, "how", how)
	return errNoSession
}

// isPartial reports whether a script asks, which shows the answer in a part of its page or reads it.
func isPartial(r *http.Request) bool {
	return r.Header.Get("HX-Request") == "true" || !strings.Contains(r.Header.Get("Accept"), "text/html")
}

// HeaderSignIn names the form that leads back to the page, in an answer with status 401.
const HeaderSignIn = "Sign-In"

// turnAway answers a request that nobody is signed in for, see Required.
func (s *SignIn) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	on := withNext(hereOf(r))
	if !errors.Is(err, errNoSession) {
		s.Log.Error("a session could not be checked", "err", err)
		if isPartial(r) {
			answerProblem(w, http.StatusServiceUnavailable, "store", "sessions cannot be checked now: try again")
			return
		}
		told := s.Forms.Told(r, Told{Reason: StoreDown, On: hereOf(r)})
		s.write(w, r, http.StatusServiceUnavailable, retryLater, told)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case isPartial(r):
		w.Header().Set(HeaderSignIn, on)
		answerProblem(w, http.StatusUnauthorized, "session", "the session has ended: nothing was done; sign in again")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set(HeaderSignIn, on)
		s.write(w, r, http.StatusUnauthorized, 0, s.Forms.Told(r, Told{SessionOver: true, On: on}))
	default:
		redirect(w, r, on)
	}
}

// answerProblem sends a problem in the form of package api.
func answerProblem(w http.ResponseWriter, status int, code, detail string) {
	text, _ := json.Marshal(struct { // texts and numbers can always be written
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(status), status, detail, code})
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryLater.Seconds())))
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that hung up needs no answer
}
