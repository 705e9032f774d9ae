package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/bereikbaar/bereikbaar/staff"
)

const (
	// vouchAfter is how old the provider's word may be before it is asked again, vouchLasts how old it may be at all.
	// In between a provider that is away ends nobody's session.
	vouchAfter = 5 * time.Minute
	vouchLasts = 10 * time.Minute
	// vouchAgain is how soon a provider that did not answer is asked again about one session.
	vouchAgain = 15 * time.Second
	// mostRefreshes is how many sessions are remembered as being asked about before those at rest are dropped.
	mostRefreshes = 1000
)

// vouched is what is kept of the provider's word for the person of a session.
type vouched struct {
	Subject string    `json:"subject"` // who they are at the provider
	Checked time.Time `json:"checked"` // when it was asked last
	// Until is when the session ends because the provider cannot be asked again; zero when it can.
	Until time.Time `json:"until,omitzero"`
	// FromUserInfo says that the groups come from the userinfo endpoint, and not from the ID token.
	FromUserInfo bool   `json:"from_userinfo,omitempty"`
	Sealed       []byte `json:"sealed,omitempty"` // tokens
}

// tokens are what the provider is asked with. Only the browser's own token opens them.
type tokens struct {
	Refresh    string    `json:"refresh,omitempty"`
	Access     string    `json:"access,omitempty"`
	AccessEnds time.Time `json:"access_ends,omitzero"` // zero when the provider did not say
}

func (t tokens) seal(token string) ([]byte, error) {
	gcm, err := cipherOf(token)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("write tokens: %w", err)
	}
	return gcm.Seal(nil, nil, text, nil), nil
}

func openTokens(token string, sealed []byte) (tokens, error) {
	var t tokens
	gcm, err := cipherOf(token)
	if err != nil {
		return t, err
	}
	text, err := gcm.Open(nil, nil, sealed, nil)
	if err != nil {
		return t, fmt.Errorf("open the tokens of a session: %w", err)
	}
	return t, json.Unmarshal(text, &t)
}

// firstClaims gives all that the provider says of a person at sign-in, and how it can be asked again: with a refresh
// token, else at its userinfo endpoint when that tells the groups, else not at all. The error is a *denied.
func (s *SignIn) firstClaims(ctx context.Context, p *ready, token *oauth2.Token, is said) (*vouched, claimSet, error) {
	now := time.Now()
	v, claims := &vouched{Subject: is.token.Subject, Checked: now.UTC()}, is.claims
	_, has := claims.has(s.OIDC.Claims.Groups)
	if p.provider.UserInfoEndpoint() != "" && (!s.OIDC.complete(claims) || token.RefreshToken == "") {
		info, err := s.userInfo(ctx, p, token, v.Subject)
		if err != nil {
			return nil, nil, err
		}
		_, tells := info.has(s.OIDC.Claims.Groups)
		v.FromUserInfo = !has || tells && token.RefreshToken == ""
		claims = joined(claims, info, v.FromUserInfo)
	}
	if token.RefreshToken == "" && !v.FromUserInfo {
		v.Until = now.Add(vouchLasts).UTC()
		if is.token.Expiry.Before(v.Until) {
			v.Until = is.token.Expiry.UTC()
		}
	}
	return v, claims, nil
}

// refresh lets one request at a time ask about a session: many providers take a refresh token once, and end everything
// when it comes twice.
type refresh struct {
	sync.Mutex
	used  int       // by requests, under the mutex of SignIn
	tried time.Time // when the provider did not answer last
}

func (s *SignIn) refreshOf(key string) *refresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.refreshes[key]
	if f == nil {
		if len(s.refreshes) >= mostRefreshes {
			maps.DeleteFunc(s.refreshes, func(_ string, f *refresh) bool { return f.used == 0 })
		}
		f = &refresh{}
		s.refreshes[key] = f
	}
	f.used++
	return f
}

func (s *SignIn) release(f *refresh) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.used--
}

// vouch asks the provider again about the person of a session, when its word has become old. It gives how the session
// has ended, empty when it goes on. The error is of the store.
func (s *SignIn) vouch(ctx context.Context, token string, is stored) (Ending, error) {
	if is.Session.Way != ByProvider {
		return s.vouchAccount(ctx, is.Session)
	}
	v := is.Session.Vouched
	switch {
	case s.OIDC == nil || v == nil || s.OIDC.Municipality != is.Session.Municipality:
		return NotExtended, nil
	case !v.Until.IsZero():
		if left := time.Until(v.Until); left <= 0 || left > vouchLasts { // the clock was wrong, and is right by now
			return NotExtended, nil
		}
		return "", nil
	case within(v.Checked, vouchAfter):
		return "", nil
	}
	f := s.refreshOf(SessionKey(token))
	defer s.release(f)
	f.Lock()
	defer f.Unlock()
	// Another request may have asked meanwhile.
	is, _, err := s.peek(ctx, token)
	if errors.Is(err, errNoSession) {
		return NotExtended, nil
	}
	if err != nil {
		return "", err
	}
	v = is.Session.Vouched
	if within(v.Checked, vouchAfter) {
		return "", nil
	}
	if time.Since(f.tried) >= vouchAgain {
		err = s.askAgain(context.WithoutCancel(ctx), token, is) // a browser that leaves must not lose a refresh token
		var refusal *denied
		switch {
		case err == nil:
			return "", nil
		case !errors.As(err, &refusal):
			return "", err
		case refusal.reason != ProviderDown:
			s.Log.Warn("the provider no longer vouches for a person", "person", is.Session.Person,
				"err", clipped(refusal.err.Error()))
			return NotExtended, nil
		}
		f.tried = time.Now()
		s.Log.Warn("the provider does not answer about a person who is signed in: they are signed out when that lasts",
			"person", is.Session.Person, "err", clipped(refusal.err.Error()))
	}
	if !within(v.Checked, vouchLasts) {
		return NotExtended, nil
	}
	return "", nil
}

// within reports whether a moment was less than a while ago. One that has not come yet was not: the clock was wrong.
func within(then time.Time, limit time.Duration) bool {
	ago := time.Since(then)
	return ago >= 0 && ago < limit
}

// vouchAccount ends the session of an account that was removed or locked, or has another password by now.
func (s *SignIn) vouchAccount(ctx context.Context, of session) (Ending, error) {
	if s.Local == nil {
		return NotExtended, nil
	}
	a, found, err := s.Local.Accounts.Account(ctx, of.Municipality, of.Person)
	if err != nil {
		return "", fmt.Errorf("look whether an account is still there: %w", err)
	}
	if !found || a.Password == "" || linkHash(a.Password) != of.Password {
		return NotExtended, nil
	}
	return "", nil
}

// askAgain asks the provider about the person of a session, and keeps what it says. The error is a *denied, or of the
// store.
func (s *SignIn) askAgain(ctx context.Context, token string, is stored) error {
	p, err := s.discovered(ctx)
	if err != nil {
		return deny(ProviderDown, "%w", err)
	}
	v := *is.Session.Vouched
	has, err := openTokens(token, v.Sealed)
	if err != nil {
		return deny(WrongToken, "%w", err)
	}
	// The limit is the provider's alone: what it said at the last moment is kept all the same.
	asking, cancel := context.WithTimeout(s.client(ctx), providerLimit)
	defer cancel()
	claims, now, err := s.askedClaims(asking, p, v, has)
	// A used refresh token is worth nothing: the new one is kept, whatever comes of the rest.
	if now != has {
		if v.Sealed, err = sealedAfter(now, token, err); v.Sealed == nil {
			return err
		}
	}
	person, ok := s.OIDC.personOf(claims)
	switch {
	case err != nil:
	case !ok || person.ID != is.Session.Person:
		err = deny(WrongToken, "the person's id has changed")
	default:
		if err = s.keep(ctx, person); err == nil {
			v.Checked = time.Now().UTC()
		}
	}
	if now == has && err != nil {
		return err
	}
	is.Session.Vouched = &v
	data, _ := json.Marshal(is) // it was read from JSON
	if amended := s.Sessions.Amend(ctx, SessionKey(token), data); amended != nil {
		return errors.Join(fmt.Errorf("keep the provider's word: %w", amended), err)
	}
	return err
}

// sealedAfter seals tokens, and keeps an earlier error.
func sealedAfter(t tokens, token string, before error) ([]byte, error) {
	sealed, err := t.seal(token)
	if err != nil {
		return nil, errors.Join(err, before)
	}
	return sealed, before
}

// askedClaims asks the provider with the tokens, and gives its claims and the tokens to ask with next.
func (s *SignIn) askedClaims(ctx context.Context, p *ready, v vouched, has tokens) (claimSet, tokens, error) {
	token := &oauth2.Token{AccessToken: has.Access, Expiry: has.AccessEnds, TokenType: "Bearer"}
	var claims claimSet
	if has.Refresh != "" {
		// A source with nothing but a refresh token always asks.
		fresh, err := p.oauth2.TokenSource(ctx, &oauth2.Token{RefreshToken: has.Refresh}).Token()
		if err != nil {
			return nil, has, failedExchange(err)
		}
		token = fresh
		has = tokens{fresh.RefreshToken, fresh.AccessToken, fresh.Expiry}
		if raw, _ := fresh.Extra("id_token").(string); raw != "" {
			is, err := s.verified(ctx, p, fresh)
			if err != nil {
				return nil, has, err
			}
			if is.token.Subject != v.Subject {
				return nil, has, deny(WrongToken, "the refreshed ID token is of another person")
			}
			claims = is.claims
		}
	}
	fromToken := claims != nil && !v.FromUserInfo // without the claim of the groups the person is in none
	if fromToken && (s.OIDC.complete(claims) || p.provider.UserInfoEndpoint() == "") {
		return claims, has, nil
	}
	if p.provider.UserInfoEndpoint() == "" {
		return nil, has, deny(ProviderDenied, "it does not tell the groups again")
	}
	info, err := s.userInfo(ctx, p, token, v.Subject)
	if err != nil {
		return nil, has, err
	}
	if fromToken {
		delete(info, s.OIDC.Claims.Groups)
		return joined(claims, info, false), has, nil
	}
	if _, tells := info.has(s.OIDC.Claims.Groups); !tells && !v.FromUserInfo {
		return nil, has, deny(ProviderDenied, "it does not tell the groups again")
	}
	return joined(claims, info, true), has, nil
}

// joined gives what an ID token and the userinfo endpoint say. Where both say something, that counts which tells the
// groups.
func joined(token, info claimSet, infoFirst bool) claimSet {
	if infoFirst {
		return info.over(token)
	}
	return token.over(info)
}

func samePerson(a, b staff.Person) bool {
	return a.ID == b.ID && a.Municipality == b.Municipality && a.Name == b.Name && a.Email == b.Email &&
		a.Language == b.Language && a.Phone == b.Phone && maps.Equal(a.Roles, b.Roles)
}
