package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Account lets a person in without a provider. Neither their password nor a link to it is kept, only hashes. The secret
// of their codes is.
type Account struct {
	Person       call.AgentID
	Municipality call.MunicipalityID
	Made         time.Time // UTC, whole seconds

	Password string // a PHC string of argon2id; empty until they chose one
	Secret   string // of their codes, in base32; empty for none
	UsedStep int64  // the last time step whose code was taken, see matchCode

	Link  string    // the SHA-256 of the first-run link's secret, in hexadecimal; empty when there is none to use
	Until time.Time // when the link ends; UTC, whole seconds
}

// ErrChanged is returned for an account that somebody else changed, made or removed first.
var ErrChanged = errors.New("the account was changed meanwhile: look again")

// Accounts keeps local accounts. Errors wrap ErrChanged, note.ErrStoreDown or note.ErrBroken.
type Accounts interface {
	// Account gives the account of a person, false when they have none.
	Account(ctx context.Context, m call.MunicipalityID, id call.AgentID) (Account, bool, error)
	// Accounts gives all: those that can be read, also when the error says that others are broken.
	Accounts(ctx context.Context, m call.MunicipalityID) ([]Account, error)
	// ChangeAccount keeps after in place of before, and not when another is there by now. A nil before makes the
	// account.
	ChangeAccount(ctx context.Context, before, after *Account) error
	// RemoveAccount removes an account, also one that is broken.
	RemoveAccount(ctx context.Context, m call.MunicipalityID, id call.AgentID) error
}

// accountForm is how an account is stored.
type accountForm struct {
	Version  int    `json:"v"`
	Made     int64  `json:"made"` // seconds since 1970
	Password string `json:"password,omitempty"`
	Secret   string `json:"secret,omitempty"`
	UsedStep int64  `json:"used_step,omitempty"`
	Link     string `json:"link,omitempty"`
	Until    int64  `json:"until,omitempty"` // seconds since 1970
}

const accountVersion = 1

// EncodeAccount gives the text in which an account is stored under its person.
func EncodeAccount(a Account) string {
	f := accountForm{
		Version: accountVersion, Made: a.Made.Unix(), Password: a.Password, Secret: a.Secret, UsedStep: a.UsedStep,
		Link: a.Link,
	}
	if !a.Until.IsZero() {
		f.Until = a.Until.Unix()
	}
	text, _ := json.Marshal(f) // texts and numbers can always be written
	return string(text)
}

// DecodeAccount reads it. The error wraps note.ErrBroken, and does not quote the text.
func DecodeAccount(m call.MunicipalityID, id call.AgentID, text string) (Account, error) {
	var f accountForm
	switch err := json.Unmarshal([]byte(text), &f); {
	case err != nil:
		return Account{}, fmt.Errorf("the account of %s is not JSON: %w", id, note.ErrBroken)
	case f.Version != accountVersion:
		return Account{}, fmt.Errorf("the account of %s has version %d, not %d: %w", id, f.Version, accountVersion,
			note.ErrBroken)
	}
	a := Account{
		Person: id, Municipality: m, Made: time.Unix(f.Made, 0).UTC(), Password: f.Password, Secret: f.Secret,
		UsedStep: f.UsedStep, Link: f.Link,
	}
	if f.Until != 0 {
		a.Until = time.Unix(f.Until, 0).UTC()
	}
	return a, nil
}

// LinkLasts is how long a first-run link works.
const LinkLasts = 72 * time.Hour

// linkSplit stands between person and secret in a link. No id has it.
const linkSplit = "~"

// NewLink draws a first-run link for an account: whoever has it chooses the password. It replaces an earlier link. The
// password and the codes stay as they are until it is used. token is for the address, see FirstRunPath; it is not kept.
func NewLink(a Account, now time.Time) (after Account, token string) {
	secret := randomText()
	a.Link, a.Until = linkHash(secret), now.UTC().Truncate(time.Second).Add(LinkLasts)
	return a, string(a.Person) + linkSplit + secret
}

// FirstRunPath is the path of the page that a first-run link opens.
func FirstRunPath(token string) string { return "/sign-in/first/" + token }

// splitToken gives the person and the hash of a link, false for what cannot be one.
func splitToken(token string) (call.AgentID, string, bool) {
	id, secret, ok := strings.Cut(token, linkSplit)
	return call.AgentID(id), linkHash(secret), ok && ValidID(call.AgentID(id)) && len(secret) == randomLength
}

func linkHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
