package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/staff"
)

// setup is what the browser holds while a person sets their account up.
type setup struct {
	Link   string `json:"link"` // the hash of the link
	Secret string `json:"secret"`
}

const (
	asSetup    = "setup"
	setupLasts = time.Hour
)

// linked gives the account that a first-run link is for. The reason is empty when the link works.
func (s *SignIn) linked(r *http.Request) (Account, staff.Person, Reason) {
	now := time.Now()
	if s.Local == nil {
		return Account{}, staff.Person{}, LinkUsed
	}
	id, hash, ok := splitToken(r.PathValue("token"))
	if !ok {
		s.refused(r, LinkUsed, "")
		return Account{}, staff.Person{}, LinkUsed
	}
	try, ok := s.limits.Begin(now, map[httpserver.Limit]string{limitLink: httpserver.Client(r)})
	if !ok {
		s.refused(r, TooMany, "")
		return Account{}, staff.Person{}, TooMany
	}
	defer try.Failed()
	a, found, err := s.find(r.Context(), id)
	switch {
	case err != nil:
		try.Succeeded()
		return Account{}, staff.Person{}, s.fault(r, err)
	case !found, a.Link == "", subtle.ConstantTimeCompare([]byte(a.Link), []byte(hash)) != 1, !now.Before(a.Until):
		s.refused(r, LinkUsed, a.Person)
		return Account{}, staff.Person{}, LinkUsed
	}
	try.Succeeded()
	person, err := s.person(r.Context(), session{Person: a.Person, Municipality: a.Municipality, Way: ByAccount})
	if err != nil {
		return Account{}, staff.Person{}, s.fault(r, err)
	}
	return a, person, ""
}

// showFirst shows the form, and uses nothing up: programs that look at mail open links, too.
func (s *SignIn) showFirst(w http.ResponseWriter, r *http.Request) {
	a, person, reason := s.linked(r)
	if reason != "" {
		s.tell(w, r, reason, pathSignIn)
		return
	}
	s.firstForm(w, r, a, person, newSecret(), FirstForm{})
}

func (s *SignIn) firstForm(
	w http.ResponseWriter, r *http.Request, a Account, person staff.Person, secret string, f FirstForm,
) {
	f.Called, f.ID, f.Least, f.Until = person.Called(), string(a.Person), LeastPassword, a.Until
	if !s.Local.WithoutCode {
		drawn, err := enrolment(secret, "Bereikbaar", f.ID)
		if err != nil {
			s.Log.Error("a QR code could not be drawn", "err", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		f.Enrolment = &drawn
		f.Setup = s.sealer.seal(asSetup, setup{a.Link, secret}, time.Now().Add(setupLasts))
	}
	f.Wait = waitOf(f.Reason)
	s.write(w, r, statusOf(f.Reason), f.Wait, s.Forms.First(r, f))
}

// takeFirst uses the link up: the account has the chosen password and codes from then on, and every earlier session of
// the person ends.
func (s *SignIn) takeFirst(w http.ResponseWriter, r *http.Request) {
	a, person, reason := s.linked(r)
	if reason != "" {
		s.tell(w, r, reason, pathSignIn)
		return
	}
	ctx, now := r.Context(), time.Now()
	after := a
	after.Link, after.Until, after.Secret, after.UsedStep = "", time.Time{}, "", 0
	secret := newSecret()
	if !s.Local.WithoutCode {
		var has setup
		if s.sealer.open(asSetup, r.PostFormValue("setup"), now, &has) != nil || has.Link != a.Link {
			s.refused(r, TooLate, a.Person)
			s.firstForm(w, r, a, person, secret, FirstForm{Reason: TooLate})
			return
		}
		secret = has.Secret
	}
	password := r.PostFormValue("password")
	if problem := CheckPassword(password, person); problem != "" {
		s.refused(r, WeakPassword, a.Person)
		s.firstForm(w, r, a, person, secret, FirstForm{Reason: WeakPassword, Problem: problem})
		return
	}
	if password != r.PostFormValue("again") {
		s.refused(r, NotTheSame, a.Person)
		s.firstForm(w, r, a, person, secret, FirstForm{Reason: NotTheSame})
		return
	}
	if !s.Local.WithoutCode {
		step, ok := matchCode(secret, r.PostFormValue("code"), 0, now)
		if !ok {
			s.refused(r, WrongCode, a.Person)
			s.firstForm(w, r, a, person, secret, FirstForm{Reason: WrongCode})
			return
		}
		after.Secret, after.UsedStep = secret, step
	}
	done, err := s.turn(ctx)
	if err != nil {
		s.refused(r, Busy, a.Person)
		s.firstForm(w, r, a, person, secret, FirstForm{Reason: Busy})
		return
	}
	after.Password, err = hashPassword(password)
	done()
	if err == nil {
		err = s.setUp(ctx, a, after)
	}
	if errors.Is(err, ErrChanged) { // somebody else used the link first
		s.refused(r, LinkUsed, a.Person)
		s.tell(w, r, LinkUsed, pathSignIn)
		return
	}
	if err != nil {
		s.firstForm(w, r, a, person, secret, FirstForm{Reason: s.fault(r, err)})
		return
	}
	s.audit(r, "password and codes were set by a first-run link", "person", a.Person, "municipality", a.Municipality)
	s.letIn(w, r, after, home)
}

// setUp ends every session of a person, and then uses their link up: when the first fails, the link still works. A
// session that begins in between is of the old password, and ends with it. Whoever sends the form twice keeps the
// session of the first.
func (s *SignIn) setUp(ctx context.Context, before, after Account) error {
	now, _, err := s.Local.Accounts.Account(ctx, before.Municipality, before.Person)
	if err != nil {
		return fmt.Errorf("find an account: %w", err)
	}
	if now.Link != before.Link {
		return ErrChanged
	}
	if err := s.SignOuts.SignOut(ctx, before.Municipality, before.Person); err != nil {
		return fmt.Errorf("sign a person out everywhere: %w", err)
	}
	return s.Local.Accounts.ChangeAccount(ctx, &before, &after)
}
