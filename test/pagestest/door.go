package pagestest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/pages"
)

// noPassword is kept where the hash of a password is: nobody knows one.
const noPassword = "-"

// hashOf is how sessions name the password with which they began.
func hashOf(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// CookieOf is what the browser of a person shows at the door: in this town everybody has a session, until it is ended,
// and needs no password.
func CookieOf(id call.AgentID) *http.Cookie {
	return &http.Cookie{Name: "bereikbaar", Value: tokenOf(id)}
}

// tokenOf is the token of a person's session, in the form of the real ones.
func tokenOf(id call.AgentID) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// idle is how long a session lasts without activity.
const idle = 15 * time.Minute

// door keeps the sessions of the town.
type door struct {
	ended   map[call.AgentID]bool
	left    time.Duration // of every session: half of what activity gives it
	touched int           // how often somebody did something that made a session longer
}

// As serves the pages behind the real sign-in.
func (t *Town) As(p *pages.Pages, change ...func(*signin.Options)) http.Handler {
	options := signin.Options{
		Municipalities: func() []call.MunicipalityID { return []call.MunicipalityID{Deventer} },
		Address:        &url.URL{Scheme: "http", Host: "127.0.0.1"},
		Sessions:       sessions{t}, SignOuts: signOuts{}, Known: known{t}, Forms: p.Forms(), Meter: signInMeter{},
		Local: &signin.Local{Accounts: accounts{}, WithoutCode: true}, Idle: idle, Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&options)
	}
	t.door.left = options.Idle / 2
	in, err := signin.New(options)
	if err != nil {
		panic(err) // the options are those above
	}
	return p.Behind(in)
}

// EndSession ends the session of a person, or lets it be again.
func (t *Town) EndSession(of call.AgentID, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.door.ended[of] = ended
}

// Active is how often somebody did something that made a session longer.
func (t *Town) Active() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.door.touched
}

// sessions implements signin.Sessions: each person has one.
type sessions struct{ *Town }

// Peek implements signin.Sessions.
func (s sessions) Peek(_ context.Context, key string) ([]byte, time.Duration, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range People {
		if signin.SessionKey(tokenOf(id)) != key || s.door.ended[id] {
			continue
		}
		now := time.Now()
		data, err := json.Marshal(map[string]any{"deadline": now.Add(10 * time.Hour), "session": map[string]any{
			"person": id, "municipality": Deventer, "way": "account", "begun": now,
			"password": hashOf(noPassword),
		}})
		return data, s.door.left, true, err
	}
	return nil, 0, false, nil
}

// Touch implements signin.Sessions.
func (s sessions) Touch(context.Context, string, time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.door.touched++
	return nil
}

// Amend implements signin.Sessions.
func (sessions) Amend(context.Context, string, []byte) error { return nil }

// FindCtx implements scs.CtxStore.
func (sessions) FindCtx(context.Context, string) ([]byte, bool, error) { return nil, false, nil }

// CommitCtx implements scs.CtxStore.
func (sessions) CommitCtx(context.Context, string, []byte, time.Time) error { return nil }

// DeleteCtx implements scs.CtxStore.
func (sessions) DeleteCtx(context.Context, string) error { return nil }

// Find implements scs.Store.
func (sessions) Find(string) ([]byte, bool, error) { return nil, false, nil }

// Commit implements scs.Store.
func (sessions) Commit(string, []byte, time.Time) error { return nil }

// Delete implements scs.Store.
func (sessions) Delete(string) error { return nil }

// signOuts implements signin.SignOuts: nobody was signed out everywhere.
type signOuts struct{}

// SignedOut implements signin.SignOuts.
func (signOuts) SignedOut(context.Context, call.MunicipalityID, call.AgentID) (int64, error) {
	return 0, nil
}

// SignOut implements signin.SignOuts.
func (signOuts) SignOut(context.Context, call.MunicipalityID, call.AgentID) error { return nil }

// accounts implements signin.Accounts: everybody has one, whose password nobody knows.
type accounts struct{}

// Account implements signin.Accounts.
func (accounts) Account(_ context.Context, m call.MunicipalityID, id call.AgentID) (signin.Account, bool, error) {
	_, ok := People[id]
	return signin.Account{Person: id, Municipality: m, Password: noPassword}, ok, nil
}

// Accounts implements signin.Accounts.
func (accounts) Accounts(context.Context, call.MunicipalityID) ([]signin.Account, error) {
	return nil, nil
}

// RemoveAccount implements signin.Accounts.
func (accounts) RemoveAccount(context.Context, call.MunicipalityID, call.AgentID) error { return nil }

// ChangeAccount implements signin.Accounts.
func (accounts) ChangeAccount(context.Context, *signin.Account, *signin.Account) error { return nil }

// known implements signin.Known.
type known struct{ *Town }

// Person implements signin.Known.
func (k known) Person(_ context.Context, _ call.MunicipalityID, id call.AgentID) (
	map[staff.Source]staff.Person, error,
) {
	p, ok := k.Town.Person(id)
	if !ok {
		return nil, nil
	}
	return map[staff.Source]staff.Person{staff.FromFile: p}, nil
}

// signInMeter counts nothing.
type signInMeter struct{}

// SignedIn implements signin.Meter.
func (signInMeter) SignedIn(signin.Way) {}

// Refused implements signin.Meter.
func (signInMeter) Refused(signin.Reason) {}

// SignedOut implements signin.Meter.
func (signInMeter) SignedOut(signin.Ending) {}
