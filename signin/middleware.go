package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
)

// Guest is the person of a session.
type Guest struct {
	Person staff.Person  // merged over all that know them
	Left   time.Duration // until their session ends when they do nothing
	Last   time.Time     // when it ends, whatever they do; UTC
}

// Visitor is the guest, for questions about rights.
func (g Guest) Visitor() access.Visitor {
	return access.Visitor{
		Name: string(g.Person.ID), Agent: g.Person.ID, Municipality: g.Person.Municipality, Roles: g.Person.Roles,
	}
}

// Required lets through only people who are signed in, and notes that they are there. The context of the request has
// the person, as visitor, person and session: access.From and its neighbours give them.
//
// Somebody who is not signed in is sent to the form, and back to this page afterwards. What they typed is not lost:
//
//   - A request of htmx, or of a script that does not ask for HTML, gets 401 with an application/problem+json of code
//     "session". The header Sign-In has the address of the form that leads back to the page. The page keeps what was
//     typed, and lets the person sign in in another window.
//   - A form that was posted without script gets a page with status 401. It says that nothing was done, and that the
//     form can be sent again (by reloading this answer) after signing in in another window.
//
// While Redis is away, or when too many sessions are checked at once, the answer is 503.
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
	ctx = access.WithPerson(access.With(ctx, g.Visitor()), g.Person)
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
	if token == "" {
		return Guest{}, errNoSession
	}
	var is stored
	var left time.Duration
	if err := s.checking(ctx, func() (err error) {
		is, left, err = s.begun(ctx, token)
		return err
	}); err != nil {
		return Guest{}, err
	}
	if ending, err := s.vouch(ctx, token, is); err != nil { // it may wait for the provider
		return Guest{}, err
	} else if ending != "" {
		return Guest{}, s.over(r, is.Session, ending)
	}
	var guest Guest
	err := s.checking(ctx, func() (err error) {
		guest, err = s.guest(ctx, token, is, left, active)
		return err
	})
	if err == nil && len(guest.Person.Roles) == 0 {
		err = s.over(r, is.Session, WithoutRole)
	}
	return guest, err
}

const (
	// checksAtOnce bounds the sessions that are checked at once: a quarter of the connections to Redis, which callers
	// share.
	checksAtOnce = 16
	// checkTurn is how long a request waits for its turn.
	checkTurn = 2 * time.Second
)

// errManyChecks is returned when a session did not get its turn to be checked.
var errManyChecks = fmt.Errorf("too many sessions are checked at once: %w", note.ErrStoreDown)

// checking asks Redis about a session when it is its turn.
func (s *SignIn) checking(ctx context.Context, ask func() error) error {
	timer := time.NewTimer(checkTurn)
	defer timer.Stop()
	select {
	case s.checks <- struct{}{}:
		defer func() { <-s.checks }()
		return ask()
	case <-timer.C:
		return errManyChecks
	case <-ctx.Done():
		return errManyChecks
	}
}

// begun gives the session of a token, unless its person was signed out everywhere since it began.
func (s *SignIn) begun(ctx context.Context, token string) (stored, time.Duration, error) {
	is, left, err := s.peek(ctx, token)
	if err != nil {
		return stored{}, 0, err
	}
	count, err := s.SignOuts.SignedOut(ctx, is.Session.Municipality, is.Session.Person)
	switch {
	case err != nil:
		return stored{}, 0, fmt.Errorf("look whether a session still counts: %w", err)
	case count != is.Session.SignOuts:
		return stored{}, 0, errNoSession
	}
	return is, left, nil
}

// guest gives the person of a session that counts, and makes it longer when they did something and have a role.
func (s *SignIn) guest(ctx context.Context, token string, is stored, left time.Duration, active bool) (Guest, error) {
	person, err := s.person(ctx, is.Session)
	if err == nil && active && len(person.Roles) > 0 {
		left, err = s.touch(ctx, token, is, left)
	}
	return Guest{Person: person, Left: left, Last: is.Deadline.UTC()}, err
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
		s.unchecked(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case isPartial(r):
		w.Header().Set(HeaderSignIn, on)
		const over = "the session has ended: nothing was done; sign in again"
		p := httpserver.NewProblem(http.StatusUnauthorized, "session", over)
		httpserver.AnswerProblem(w, p.Status, p, 0)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set(HeaderSignIn, on)
		s.write(w, r, http.StatusUnauthorized, 0, s.Forms.Told(r, Told{SessionOver: true, On: on}))
	default:
		redirect(w, r, on)
	}
}

// unchecked answers a request whose session cannot be checked now.
func (s *SignIn) unchecked(w http.ResponseWriter, r *http.Request, err error) {
	if about, say := s.say(r, "session"); say {
		s.Log.Error("a session could not be checked", append(about, "err", err)...)
	}
	reason := StoreDown
	if errors.Is(err, errManyChecks) {
		reason = Busy
	}
	if isPartial(r) {
		p := httpserver.NewProblem(statusOf(reason), string(reason), "sessions cannot be checked now: try again")
		httpserver.AnswerProblem(w, p.Status, p, waitOf(reason))
		return
	}
	s.tell(w, r, reason, hereOf(r))
}
