package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Sessions keeps sessions. Their keys are hashes of tokens, made by SessionKey. Errors wrap note.ErrStoreDown.
type Sessions interface {
	scs.CtxStore
	// Peek gives a session and how long it has, without making it longer; false when there is none.
	Peek(ctx context.Context, key string) (data []byte, left time.Duration, found bool, err error)
	// Touch lets a session that is still there end in a while from now.
	Touch(ctx context.Context, key string, left time.Duration) error
	// Amend replaces the data of a session that is still there. It ends when it would have.
	Amend(ctx context.Context, key string, data []byte) error
}

// SignOuts counts how often a person was signed out everywhere: a session from before does not count. Errors wrap
// note.ErrStoreDown or note.ErrBroken.
type SignOuts interface {
	// SignedOut gives the count of a person, 0 at first.
	SignedOut(ctx context.Context, m call.MunicipalityID, id call.AgentID) (int64, error)
	// SignOut adds one.
	SignOut(ctx context.Context, m call.MunicipalityID, id call.AgentID) error
}

// SessionKey is the key under which the session of a token is kept.
func SessionKey(token string) string { // as scs hashes it, which does not export its function
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// session is what is kept of a session.
type session struct {
	Person       call.AgentID        `json:"person"`
	Municipality call.MunicipalityID `json:"municipality"`
	Way          Way                 `json:"way"`
	SignOuts     int64               `json:"sign_outs"` // of the person when it began
	Begun        time.Time           `json:"begun"`
	Password     string              `json:"password,omitempty"` // of an account: the hash of the stored hash
	Vouched      *vouched            `json:"provider,omitempty"` // nil for an account
}

// stored is the whole of it.
type stored struct {
	Deadline time.Time `json:"deadline"` // when it ends at the latest
	Session  session   `json:"session"`
}

// inSCS is the one value that scs holds of a session.
const inSCS = "session"

// codec writes sessions for scs as JSON, so that an operator can read them.
type codec struct{}

// Encode implements scs.Codec.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	s, ok := values[inSCS].(session)
	if !ok {
		return nil, errors.New("a session without a person is not kept")
	}
	return json.Marshal(stored{deadline, s})
}

// Decode implements scs.Codec.
func (codec) Decode(data []byte) (time.Time, map[string]any, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return time.Time{}, nil, fmt.Errorf("a session is not JSON: %w", note.ErrBroken)
	}
	return s.Deadline, map[string]any{inSCS: s.Session}, nil
}

const (
	cookieName = "bereikbaar"
	hostPrefix = "__Host-" // browsers take it only from this host, over https, for every path
)

func (s *SignIn) cookie(name string) string {
	if secure(s.Address) {
		return hostPrefix + name
	}
	return name
}

// manager sets scs up. It draws tokens, keeps their hashes and writes cookies. Its LoadAndSave is not used: that writes
// the whole session back after every request. So a request that began before the person signed out would bring the
// session back to life, and one that began before a refresh would bring back a used refresh token.
func (s *SignIn) manager() *scs.SessionManager {
	// Not scs.New: that starts a goroutine for a store in memory, which nothing stops safely.
	m := &scs.SessionManager{Store: s.Sessions, HashTokenInStore: true, Codec: codec{}}
	m.IdleTimeout, m.Lifetime = s.Idle, s.Most
	m.Cookie = scs.SessionCookie{
		Name: s.cookie(cookieName), Path: "/", Secure: secure(s.Address), HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // the provider sends people back from another site
	}
	return m
}

// token is the token of the request's session. It is empty for none, and for a text that was never drawn: that costs
// Redis nothing.
func (s *SignIn) token(r *http.Request) string {
	c, err := r.Cookie(s.scs.Cookie.Name)
	if err != nil || !isToken(c.Value) {
		return ""
	}
	return c.Value
}

// isToken reports whether scs can have drawn a token: 32 bytes.
func isToken(text string) bool {
	if len(text) != randomLength {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil
}

// start begins a session with a token of its own, whatever token the browser showed.
func (s *SignIn) start(w http.ResponseWriter, r *http.Request, began session, tokens *tokens) error {
	ctx, err := s.scs.Load(r.Context(), s.token(r))
	if errors.Is(err, note.ErrBroken) {
		ctx, err = s.scs.Load(r.Context(), "")
	}
	if err != nil {
		return err
	}
	if err := s.scs.RenewToken(ctx); err != nil { // and removes the earlier session
		return fmt.Errorf("renew the token of a session: %w", err)
	}
	if tokens != nil {
		if began.Vouched.Sealed, err = tokens.seal(s.scs.Token(ctx)); err != nil {
			return err
		}
	}
	s.scs.Put(ctx, inSCS, began)
	token, end, err := s.scs.Commit(ctx)
	if err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	s.scs.WriteSessionCookie(ctx, w, token, end)
	return nil
}

// end ends the session of a request, if it has one.
func (s *SignIn) end(w http.ResponseWriter, r *http.Request) error {
	if err := s.drop(r.Context(), s.token(r)); err != nil {
		return err
	}
	s.scs.WriteSessionCookie(r.Context(), w, "", time.Time{})
	return nil
}

func (s *SignIn) drop(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	if err := s.Sessions.DeleteCtx(ctx, SessionKey(token)); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// errNoSession is returned for a request that nobody is signed in for.
var errNoSession = errors.New("nobody is signed in")

// peek gives the session of a token without making it longer. The error is errNoSession, or of the store.
func (s *SignIn) peek(ctx context.Context, token string) (stored, time.Duration, error) {
	if token == "" {
		return stored{}, 0, errNoSession
	}
	data, left, found, err := s.Sessions.Peek(ctx, SessionKey(token))
	if err != nil {
		return stored{}, 0, fmt.Errorf("look at a session: %w", err)
	}
	var is stored
	if !found || json.Unmarshal(data, &is) != nil || left <= 0 {
		return stored{}, 0, errNoSession
	}
	left = min(left, time.Until(is.Deadline))
	if left <= 0 {
		return stored{}, 0, errNoSession
	}
	return is, left, nil
}

// touchAfter is the part of the idle time after which activity is written down: not every request needs a write.
const touchAfter = 60

// touch makes a session longer, because its person did something.
func (s *SignIn) touch(ctx context.Context, token string, is stored, left time.Duration) (time.Duration, error) {
	whole := min(s.Idle, time.Until(is.Deadline))
	if whole-left < s.Idle/touchAfter {
		return left, nil
	}
	if err := s.Sessions.Touch(ctx, SessionKey(token), whole); err != nil {
		return left, fmt.Errorf("extend a session: %w", err)
	}
	return whole, nil
}
