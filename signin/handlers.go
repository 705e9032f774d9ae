package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/staff"
)

const (
	// longestForm bounds what a form sends: anybody may send one.
	longestForm = 16 << 10
	// stepLasts is how long a person has for the code after the password.
	stepLasts = 5 * time.Minute
)

// Handler serves the addresses under /sign-in, and /sign-out. The headers of pages are the site's, see httpserver.Page.
func (s *SignIn) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathSignIn, s.showSignIn)
	mux.HandleFunc("POST "+pathSignIn, s.takePassword)
	mux.HandleFunc("GET "+pathCode, s.showCode)
	mux.HandleFunc("POST "+pathCode, s.takeCode)
	mux.HandleFunc("GET "+pathFirst, s.opened(s.showFirst))
	mux.HandleFunc("POST "+pathFirst, s.takeFirst)
	mux.HandleFunc("GET "+pathProvider, s.toProvider)
	mux.HandleFunc("GET "+pathCallback, s.opened(s.fromProvider))
	mux.HandleFunc("POST "+pathSignOut, s.signOut)
	guarded := s.Protect(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, longestForm)
		guarded.ServeHTTP(w, r)
	})
}

// Protect refuses what another site makes a browser send. Everything that changes something goes through it.
func (s *SignIn) Protect(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	// A proxy that changes Host would make our own forms look foreign.
	if err := guard.AddTrustedOrigin(s.Address.Scheme + "://" + s.Address.Host); err != nil {
		panic("signin: the address was checked: " + err.Error())
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refused(r, CrossOrigin, "")
		s.tell(w, r, CrossOrigin, home)
	}))
	return guard.Handler(next)
}

// opened refuses a page that another site makes a browser fetch without opening it, as an image say. The provider's way
// back is a link from another site that is opened.
func (s *SignIn) opened(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			s.refused(r, CrossOrigin, "")
			s.tell(w, r, CrossOrigin, home)
			return
		}
		next(w, r)
	}
}

func (s *SignIn) signInForm(r *http.Request, f SignInForm) SignInForm {
	if f.Next == "" {
		f.Next = LocalPath(r.FormValue("next"))
	}
	f.Accounts = s.Local != nil
	if s.OIDC != nil {
		f.Provider, f.Name = pathProvider, s.OIDC.Name
		if f.Next != home {
			f.Provider += "?" + url.Values{"next": {f.Next}}.Encode()
		}
	}
	return f
}

func (s *SignIn) formAgain(w http.ResponseWriter, r *http.Request, f SignInForm) {
	f = s.signInForm(r, f)
	f.Wait = waitOf(f.Reason)
	s.write(w, r, statusOf(f.Reason), f.Wait, s.Forms.SignIn(r, f))
}

func (s *SignIn) showSignIn(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Look(r); err == nil {
		redirect(w, r, LocalPath(r.FormValue("next")))
		return
	}
	s.formAgain(w, r, SignInForm{})
}

// redirect goes to a page of this site.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// find gives the account of an id, in whichever municipality it is. The municipality is the account's.
func (s *SignIn) find(ctx context.Context, id call.AgentID) (Account, bool, error) {
	if !ValidID(id) {
		return Account{}, false, nil
	}
	for _, m := range s.Municipalities() {
		a, found, err := s.Local.Accounts.Account(ctx, m, id)
		if err != nil {
			return Account{}, false, fmt.Errorf("find an account: %w", err)
		}
		if found {
			return a, true, nil
		}
	}
	return Account{}, false, nil
}

// passed is what the browser holds between password and code.
type passed struct {
	Person       call.AgentID        `json:"person"`
	Municipality call.MunicipalityID `json:"municipality"`
	Password     string              `json:"password"` // the hash of the stored hash: a changed password begins anew
	Next         string              `json:"next"`
}

const asPassed = "passed"

func (s *SignIn) takePassword(w http.ResponseWriter, r *http.Request) {
	ctx, now, id := r.Context(), time.Now(), IDOf(r.PostFormValue("id"))
	if s.Local == nil {
		http.NotFound(w, r)
		return
	}
	again := SignInForm{ID: r.PostFormValue("id")}
	if len(again.ID) > 2*64 {
		again.ID = ""
	}
	try, ok := s.limits.Begin(now, passwordLimits(r, id))
	if !ok {
		again.Reason = TooMany
		s.refused(r, TooMany, "")
		s.formAgain(w, r, again)
		return
	}
	defer try.Failed() // unless it has succeeded
	a, there, err := s.find(ctx, id)
	if err != nil {
		try.Succeeded()
		again.Reason = s.fault(r, err)
		s.formAgain(w, r, again)
		return
	}
	hash := a.Password
	if hash == "" { // nobody learns from the time it takes whether there is an account
		hash = s.bogus
	}
	password := r.PostFormValue("password")
	if len(password) > 4*MostPassword {
		password = ""
	}
	right, err := s.checkPassword(ctx, password, hash)
	switch {
	case errors.Is(err, errBusy):
		try.FailedUnder(limitAddress, limitNetwork) // whoever keeps others waiting has a bound, too
		again.Reason = Busy
		s.refused(r, Busy, "")
		s.formAgain(w, r, again)
		return
	case err != nil:
		s.Log.Error("the password of an account cannot be compared: give the person a new first-run link",
			"person", a.Person, "municipality", a.Municipality, "err", err)
	}
	if !right || !there || a.Password == "" {
		again.Reason = WrongPassword
		s.refused(r, WrongPassword, a.Person) // what was typed may be a password
		s.formAgain(w, r, again)
		return
	}
	try.Succeeded()
	switch next := LocalPath(r.PostFormValue("next")); {
	case a.Secret != "" && !s.Local.WithoutCode:
		sealed := s.sealer.seal(
			asPassed, passed{a.Person, a.Municipality, linkHash(a.Password), next}, now.Add(stepLasts),
		)
		s.setStep(w, stepPassed, sealed, stepLasts)
		redirect(w, r, pathCode)
	case !s.Local.WithoutCode:
		again.Reason = NoCode
		s.refused(r, NoCode, a.Person)
		s.formAgain(w, r, again)
	default:
		s.letIn(w, r, a, next)
	}
}

// The cookies of steps.
const (
	stepPassed   = "passed"
	stepProvider = "provider"
)

func (s *SignIn) setStep(w http.ResponseWriter, step, value string, lasts time.Duration) {
	c := &http.Cookie{
		Name: s.cookie(cookieName + "-" + step), Value: value, Path: "/", MaxAge: int(lasts.Seconds()),
		Secure: secure(s.Address), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *SignIn) step(r *http.Request, step string) string {
	c, err := r.Cookie(s.cookie(cookieName + "-" + step))
	if err != nil {
		return ""
	}
	return c.Value
}

// passedAccount gives the account whose password was right a moment ago.
func (s *SignIn) passedAccount(r *http.Request) (Account, string, error) {
	var p passed
	if s.Local == nil {
		return Account{}, home, errSeal
	}
	if err := s.sealer.open(asPassed, s.step(r, stepPassed), time.Now(), &p); err != nil {
		return Account{}, home, err
	}
	a, found, err := s.Local.Accounts.Account(r.Context(), p.Municipality, p.Person)
	if err != nil {
		return Account{}, home, fmt.Errorf("find an account: %w", err)
	}
	if !found || linkHash(a.Password) != p.Password || a.Secret == "" {
		return Account{}, home, errSeal
	}
	return a, LocalPath(p.Next), nil
}

// fromPassword begins anew.
func (s *SignIn) fromPassword(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, errSeal) {
		s.formAgain(w, r, SignInForm{Reason: s.fault(r, err)})
		return
	}
	s.refused(r, TooLate, "")
	s.formAgain(w, r, SignInForm{Reason: TooLate})
}

func (s *SignIn) showCode(w http.ResponseWriter, r *http.Request) {
	if _, _, err := s.passedAccount(r); err != nil {
		s.fromPassword(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, 0, s.Forms.Code(r, CodeForm{}))
}

func (s *SignIn) codeAgain(w http.ResponseWriter, r *http.Request, f CodeForm) {
	f.Wait = waitOf(f.Reason)
	if f.Reason == TooMany {
		f.Wait = limitCode.Every
	}
	s.write(w, r, statusOf(f.Reason), f.Wait, s.Forms.Code(r, f))
}

func (s *SignIn) takeCode(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	a, next, err := s.passedAccount(r)
	if err != nil {
		s.fromPassword(w, r, err)
		return
	}
	of := addressLimits(r)
	of[limitCode] = string(a.Municipality) + " " + string(a.Person)
	try, ok := s.limits.Begin(now, of)
	if !ok {
		s.refused(r, TooMany, a.Person)
		s.codeAgain(w, r, CodeForm{Reason: TooMany})
		return
	}
	defer try.Failed()
	taken, reason := s.useCode(r.Context(), a, r.PostFormValue("code"), now)
	switch {
	case reason == "":
		try.Succeeded()
		s.setStep(w, stepPassed, "", 0)
		s.letIn(w, r, taken, next)
	default:
		if reason == StoreDown {
			try.Succeeded()
		}
		s.refused(r, reason, a.Person)
		s.codeAgain(w, r, CodeForm{Reason: reason})
	}
}

// useCode takes a code of an account, once: of two who show the same code at once, one is refused.
func (s *SignIn) useCode(ctx context.Context, a Account, code string, now time.Time) (Account, Reason) {
	step, ok := matchCode(a.Secret, code, a.UsedStep, now)
	if !ok {
		return a, WrongCode
	}
	after := a
	after.UsedStep = step
	switch err := s.Local.Accounts.ChangeAccount(ctx, &a, &after); {
	case errors.Is(err, ErrChanged):
		return a, WrongCode
	case err != nil:
		s.Log.Error("an account could not be changed", "person", a.Person, "municipality", a.Municipality, "err", err)
		return a, StoreDown
	}
	return after, ""
}

// letIn begins the session of a person whose account is proven.
func (s *SignIn) letIn(w http.ResponseWriter, r *http.Request, a Account, next string) {
	began := session{Person: a.Person, Municipality: a.Municipality, Way: ByAccount, Password: linkHash(a.Password)}
	s.begin(w, r, began, nil, next)
}

// begin begins the session of a person who has proven who they are, when they have a role.
func (s *SignIn) begin(w http.ResponseWriter, r *http.Request, began session, tokens *tokens, next string) {
	ctx := r.Context()
	person, err := s.person(ctx, began)
	if err == nil && len(person.Roles) == 0 {
		s.refused(r, NoRole, began.Person)
		s.tell(w, r, NoRole, pathSignIn)
		return
	}
	if err == nil {
		began.SignOuts, err = s.SignOuts.SignedOut(ctx, began.Municipality, began.Person)
	}
	began.Begun = time.Now().UTC().Truncate(time.Second)
	if err == nil {
		err = s.start(w, r, began, tokens)
	}
	if err != nil {
		s.tell(w, r, s.fault(r, err), withNext(next))
		return
	}
	s.Meter.SignedIn(began.Way)
	s.audit(r, "signed in", "person", began.Person, "municipality", began.Municipality, "by", began.Way)
	redirect(w, r, next)
}

// person joins what is known of the person of a session. What the provider once said of their roles counts only as long
// as it vouches for them.
func (s *SignIn) person(ctx context.Context, of session) (staff.Person, error) {
	known, err := s.Known.Person(ctx, of.Municipality, of.Person)
	if err != nil {
		return staff.Person{}, fmt.Errorf("look up a person: %w", err)
	}
	p := staff.Merge(known)
	if of.Way != ByProvider {
		p = staff.MergeUnvouched(known)
	}
	p.ID, p.Municipality = of.Person, of.Municipality
	return p, nil
}

func (s *SignIn) signOut(w http.ResponseWriter, r *http.Request) {
	of, how, err := s.leaving(r)
	someone := err == nil
	if err == nil || errors.Is(err, errNoSession) {
		err = s.checking(r.Context(), func() error { return s.end(w, r) })
	}
	if err != nil { // they must not think that they are signed out
		s.tell(w, r, s.fault(r, err), home)
		return
	}
	if someone {
		s.Meter.SignedOut(how)
		s.audit(r, "signed out", "person", of.Person, "municipality", of.Municipality, "how", how)
	}
	w.Header().Set("Clear-Site-Data", `"cache"`)
	redirect(w, r, pathSignIn)
}

// leaving gives the session of somebody who signs out, after ending all their others when they ask for that: only a
// session that still counts ends others.
func (s *SignIn) leaving(r *http.Request) (of session, how Ending, err error) {
	ctx := r.Context()
	if r.PostFormValue("everywhere") == "" {
		err = s.checking(ctx, func() error {
			is, _, err := s.peek(ctx, s.token(r))
			of = is.Session
			return err
		})
		return of, ByPerson, err
	}
	guest, err := s.Look(r)
	if err != nil {
		return of, Everywhere, err
	}
	of = session{Person: guest.Person.ID, Municipality: guest.Person.Municipality}
	return of, Everywhere, s.SignOuts.SignOut(ctx, of.Municipality, of.Person)
}

// fault logs an error that is not the person's, and gives the reason to tell them.
func (s *SignIn) fault(r *http.Request, err error) Reason {
	reason := StoreDown
	if errors.Is(err, errManyChecks) {
		reason = Busy
	}
	if about, say := s.say(r, "fault at "+r.Pattern); say {
		s.Log.Error("somebody could not sign in or out", append(about, "request", r.Pattern, "err", err)...)
	}
	s.refused(r, reason, "")
	return reason
}

// refused counts and logs a refusal. id is empty unless it is known to be one: what was typed may be a password.
func (s *SignIn) refused(r *http.Request, reason Reason, id call.AgentID) {
	s.Meter.Refused(reason)
	what := []any{"reason", reason}
	if id != "" {
		what = append(what, "person", id)
	}
	if reason.floods() {
		more, say := s.say(r, string(reason)+" "+string(id))
		if !say {
			return
		}
		what = append(what, more...)
	}
	s.audit(r, "sign-in refused", what...)
}

// floods reports whether no limit bounds how often a reason comes up.
func (reason Reason) floods() bool {
	return slices.Contains([]Reason{
		TooMany, Busy, StoreDown, ProviderDown, TooLate, LinkUsed, WeakPassword, NotTheSame, WrongState, CrossOrigin,
	}, reason)
}

// hushFor is how long the log is silent about what it has said of an address.
const hushFor = time.Minute

// say reports whether something about the address of a request is to be logged now, and with what: how often it was not
// since the last time.
func (s *SignIn) say(r *http.Request, what string) (about []any, say bool) {
	unsaid, say := s.hush.Say(httpserver.Client(r)+" "+what, time.Now())
	if unsaid > 0 {
		about = []any{"unlogged_before", unsaid}
	}
	return about, say
}

func (s *SignIn) audit(r *http.Request, what string, about ...any) {
	s.Log.Info(what, append(about, "address", httpserver.Client(r))...) //nolint:sloglint // constants of this package
}
