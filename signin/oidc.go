package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// OIDC is the municipality's own provider of identities (OpenID Connect).
type OIDC struct {
	Issuer       string // as the provider writes it
	ClientID     string
	ClientSecret string   // empty for a public client
	Scopes       []string // beside openid
	Name         string   // for people, on the button; may be empty
	Claims       Claims
	// Groups gives the roles of the people of a group.
	Groups       map[string]map[call.TeamID]staff.Role
	Municipality call.MunicipalityID // of all of them
	// Client is for requests to the provider; nil for one that waits five seconds.
	Client *http.Client
}

const (
	providerLimit = 5 * time.Second
	// discoverAgain is how soon a provider that did not answer is asked anew.
	discoverAgain = 5 * time.Second
	// awayLasts is how long a person has at the provider.
	awayLasts = 10 * time.Minute
	asAway    = "away"
)

// algorithms are the signatures that are taken. Those with a shared key are not among them: our secret, or the
// provider's public key, must not make a token.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// provider is the provider as it described itself. It may be away when the daemon starts.
type provider struct {
	mu     sync.Mutex
	ready  *ready
	failed time.Time
	err    error
}

type ready struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth2   oauth2.Config
}

// client puts the HTTP client of the provider into a context.
func (s *SignIn) client(ctx context.Context) context.Context {
	client := s.OIDC.Client
	if client == nil {
		client = &http.Client{Timeout: providerLimit}
	}
	return oidc.ClientContext(ctx, client)
}

// discovered gives the provider, and asks it to describe itself when it has not yet.
func (s *SignIn) discovered(ctx context.Context) (*ready, error) {
	p := &s.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready != nil {
		return p.ready, nil
	}
	if time.Since(p.failed) < discoverAgain {
		return nil, p.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerLimit) // others wait for it, too
	defer cancel()
	found, err := oidc.NewProvider(s.client(ctx), s.OIDC.Issuer)
	if err != nil {
		p.failed, p.err = time.Now(), fmt.Errorf("ask the provider of identities to describe itself: %w", err)
		s.Log.Error("nobody can sign in by the provider: is it up, and is sign_in.oidc.issuer as it writes it?",
			"issuer", s.OIDC.Issuer, "err", clipped(err.Error()))
		return nil, p.err
	}
	var says struct {
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
	}
	_ = found.Claims(&says) // it was read before
	taken := slices.DeleteFunc(slices.Clone(algorithms), func(a string) bool {
		return !slices.Contains(says.Algorithms, a)
	})
	if len(taken) == 0 {
		taken = []string{oidc.RS256}
	}
	endpoint := found.Endpoint()
	endpoint.AuthStyle = authStyle(s.OIDC.ClientSecret, says.Methods)
	p.ready = &ready{
		provider: found,
		verifier: found.Verifier(&oidc.Config{ClientID: s.OIDC.ClientID, SupportedSigningAlgs: taken}),
		oauth2: oauth2.Config{
			ClientID: s.OIDC.ClientID, ClientSecret: s.OIDC.ClientSecret, Endpoint: endpoint,
			RedirectURL: s.Address.JoinPath(pathCallback).String(),
			Scopes:      append([]string{oidc.ScopeOpenID}, s.OIDC.Scopes...),
		},
	}
	return p.ready, nil
}

// authStyle is how the provider takes our secret. Left to itself, the library tries both ways, and sends the code
// twice.
func authStyle(secret string, methods []string) oauth2.AuthStyle {
	switch {
	case secret == "":
		return oauth2.AuthStyleInParams
	case len(methods) == 0 || slices.Contains(methods, "client_secret_basic"): // the default of the standard
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// clipped keeps what a server said short.
func clipped(text string) string {
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}

// away is what the browser holds while its person is at the provider.
type away struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE
	Next     string `json:"next"`
}

func (s *SignIn) toProvider(w http.ResponseWriter, r *http.Request) {
	if s.OIDC == nil {
		http.NotFound(w, r)
		return
	}
	p, err := s.discovered(r.Context())
	if err != nil {
		s.refused(r, ProviderDown, "")
		s.formAgain(w, r, SignInForm{Reason: ProviderDown})
		return
	}
	a := away{randomText(), randomText(), oauth2.GenerateVerifier(), LocalPath(r.FormValue("next"))}
	s.setStep(w, stepProvider, s.sealer.seal(asAway, a, time.Now().Add(awayLasts)), awayLasts)
	http.Redirect(w, r, p.oauth2.AuthCodeURL(
		a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier),
	), http.StatusSeeOther)
}

// denied is an error with the reason to tell the person.
type denied struct {
	reason Reason
	err    error
}

func (d *denied) Error() string { return string(d.reason) + ": " + d.err.Error() }
func (d *denied) Unwrap() error { return d.err }

func deny(reason Reason, format string, args ...any) error {
	return &denied{reason, fmt.Errorf(format, args...)}
}

func (s *SignIn) fromProvider(w http.ResponseWriter, r *http.Request) {
	if s.OIDC == nil {
		http.NotFound(w, r)
		return
	}
	var a away
	if s.sealer.open(asAway, s.step(r, stepProvider), time.Now(), &a) != nil {
		// It does not count: it guesses nothing, and another site can make a colleague's browser send it.
		const from = "this browser was not sent to the provider from here, or too long ago"
		s.answerRefused(w, r, &denied{WrongState, errors.New(from)}, home)
		return
	}
	try, ok := s.limits.Begin(time.Now(), addressLimits(r))
	if !ok {
		s.refused(r, TooMany, "")
		s.formAgain(w, r, SignInForm{Reason: TooMany})
		return
	}
	defer try.Failed()
	s.setStep(w, stepProvider, "", 0)
	next := LocalPath(a.Next)
	began, tokens, err := s.identify(r, a)
	var refusal *denied
	switch {
	case errors.As(err, &refusal):
		if refusal.reason == ProviderDown {
			try.Succeeded()
		}
		s.answerRefused(w, r, refusal, next)
	case err != nil:
		try.Succeeded()
		s.formAgain(w, r, SignInForm{Reason: s.fault(r, err), Next: next})
	default:
		try.Succeeded()
		s.begin(w, r, began, tokens, next)
	}
}

// answerRefused tells a person that the provider's answer does not let them in.
func (s *SignIn) answerRefused(w http.ResponseWriter, r *http.Request, why *denied, next string) {
	if about, say := s.say(r, "answer "+string(why.reason)); say {
		s.Log.Warn("the provider's answer was refused", append(
			about, "reason", why.reason, "err", clipped(why.err.Error()),
		)...)
	}
	s.refused(r, why.reason, "")
	s.formAgain(w, r, SignInForm{Reason: why.reason, Next: next})
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// identify reads the provider's answer. The error is a *denied, or of the store.
func (s *SignIn) identify(r *http.Request, a away) (session, *tokens, error) {
	if err := s.answered(r, a); err != nil {
		return session{}, nil, err
	}
	p, err := s.discovered(r.Context())
	if err != nil {
		return session{}, nil, deny(ProviderDown, "%w", err)
	}
	ctx := s.client(r.Context())
	token, err := p.oauth2.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return session{}, nil, failedExchange(err)
	}
	said, err := s.verified(ctx, p, token)
	if err != nil {
		return session{}, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(said.token.Nonce), []byte(a.Nonce)) != 1 {
		return session{}, nil, deny(WrongToken, "its nonce is not ours")
	}
	v, claims, err := s.firstClaims(ctx, p, token, said)
	if err != nil {
		return session{}, nil, err
	}
	person, ok := s.OIDC.personOf(claims)
	if !ok {
		return session{}, nil, deny(
			WrongID, "the claim %s cannot be an id: it needs letters, digits, dots, hyphens, underscores, at most 64",
			s.OIDC.Claims.ID,
		)
	}
	if err := s.keep(ctx, person); err != nil {
		return session{}, nil, err
	}
	began := session{Person: person.ID, Municipality: person.Municipality, Way: ByProvider, Vouched: v}
	return began, &tokens{token.RefreshToken, token.AccessToken, token.Expiry}, nil
}

// answered checks that the answer is to the question of this browser, and is read for the first time.
func (s *SignIn) answered(r *http.Request, a away) error {
	if subtle.ConstantTimeCompare([]byte(r.FormValue("state")), []byte(a.State)) != 1 {
		return deny(WrongState, "the state is not that of this browser")
	}
	if !s.once(a.State) {
		return deny(WrongState, "the answer was used before")
	}
	if issuer := r.FormValue("iss"); issuer != "" && issuer != s.OIDC.Issuer { // RFC 9207
		return deny(WrongState, "the answer is another provider's")
	}
	if code := r.FormValue("error"); code != "" {
		if !errorCode.MatchString(code) {
			code = "an error that is no word"
		}
		return deny(ProviderDenied, "it answered %s", code)
	}
	if r.FormValue("code") == "" {
		return deny(WrongState, "there is no code in the answer")
	}
	return nil
}

// mostStates bounds the states that are remembered as used. The provider takes a code once, whatever we remember.
const mostStates = 10_000

// once reports whether a state is used for the first time.
func (s *SignIn) once(state string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.states == nil || len(s.states) >= mostStates {
		for state, until := range s.states {
			if now.After(until) {
				delete(s.states, state)
			}
		}
		if s.states == nil || len(s.states) >= mostStates {
			s.states = map[string]time.Time{}
		}
	}
	if _, used := s.states[state]; used {
		return false
	}
	s.states[state] = now.Add(awayLasts)
	return true
}

// failedExchange sorts errors of the token endpoint.
func failedExchange(err error) error {
	if said, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		code := said.ErrorCode
		if !errorCode.MatchString(code) {
			code = "no reason"
		}
		status := 0
		if said.Response != nil {
			status = said.Response.StatusCode
		}
		switch {
		case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
			return deny(ProviderDown, "its token endpoint answered %d", status)
		case code == "invalid_client", code == "unauthorized_client":
			return deny(ProviderDown, "it answered %s: see sign_in.oidc.client_id and its secret", code)
		}
		return deny(WrongToken, "its token endpoint answered %d with %s", status, code)
	}
	if isTransport(err) {
		return deny(ProviderDown, "%w", err)
	}
	return deny(WrongToken, "the answer of its token endpoint cannot be read")
}

func isTransport(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// said is an ID token that was checked, and its claims.
type said struct {
	token  *oidc.IDToken
	claims claimSet
}

// verified checks the ID token of an answer: signature and its algorithm, issuer, audience, party and expiry.
func (s *SignIn) verified(ctx context.Context, p *ready, answer *oauth2.Token) (said, error) {
	raw, _ := answer.Extra("id_token").(string)
	if raw == "" {
		return said{}, deny(WrongToken, "there is no ID token in the answer")
	}
	token, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		if isTransport(err) {
			return said{}, deny(ProviderDown, "%w", err)
		}
		return said{}, deny(WrongToken, "%w", err)
	}
	claims, err := readClaims(token.Claims)
	if err != nil {
		return said{}, deny(WrongToken, "its claims cannot be read")
	}
	party, named := claims["azp"]
	if named && party != s.OIDC.ClientID || !named && len(token.Audience) > 1 {
		return said{}, deny(WrongToken, "it was issued to another party")
	}
	if token.Subject == "" {
		return said{}, deny(WrongToken, "it names nobody")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(answer.AccessToken); err != nil {
			return said{}, deny(WrongToken, "the access token is another one's")
		}
	}
	return said{token, claims}, nil
}

// userInfo asks the provider about the person of an access token. The error is a *denied.
func (s *SignIn) userInfo(ctx context.Context, p *ready, token *oauth2.Token, subject string) (claimSet, error) {
	info, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	switch {
	case err != nil && (strings.HasPrefix(err.Error(), "401") || strings.HasPrefix(err.Error(), "403")):
		return nil, deny(ProviderDenied, "its userinfo endpoint refuses the access token")
	case err != nil:
		return nil, deny(ProviderDown, "ask its userinfo endpoint: %w", err)
	case info.Subject != subject:
		return nil, deny(WrongToken, "its userinfo endpoint tells of another person")
	}
	claims, err := readClaims(info.Claims)
	if err != nil {
		return nil, deny(WrongToken, "what its userinfo endpoint says cannot be read")
	}
	return claims, nil
}

// keep keeps what the provider says of a person, when that is new, or what was kept cannot be read.
func (s *SignIn) keep(ctx context.Context, p staff.Person) error {
	known, err := s.Known.Person(ctx, p.Municipality, p.ID)
	if err != nil && !errors.Is(err, note.ErrBroken) {
		return fmt.Errorf("look up a person: %w", err)
	}
	if before, ok := known[staff.FromSignIn]; ok && samePerson(before, p) {
		return nil
	}
	if err := s.People.SavePerson(ctx, staff.FromSignIn, p); err != nil {
		return fmt.Errorf("keep what the provider says of a person: %w", err)
	}
	return nil
}
