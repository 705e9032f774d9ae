package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/plainfile"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
)

// Token lets a person or program use the API. The token itself is known by its hash only. Its visitor has one role in
// each of its teams.
type Token struct {
	access.Visitor
	Expires time.Time // from when it is refused; zero for never

	hash [sha256.Size]byte
}

// tokenPrefix makes a leaked token recognisable, such as one in a repository.
const tokenPrefix = "bkb_"

// NewToken draws a token, from the system's random source when random is nil, and gives the hash that stands in the
// file.
func NewToken(random io.Reader) (token, hash string, err error) {
	if random == nil {
		random = rand.Reader
	}
	var secret [32]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return "", "", fmt.Errorf("draw a token from the random source: %w", err)
	}
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	sum := sha256.Sum256([]byte(token))
	return token, hex.EncodeToString(sum[:]), nil
}

// TokenLine is a token as it stands in the file.
type TokenLine struct {
	Name         string   `yaml:"name"`
	Role         string   `yaml:"role"`
	Agent        string   `yaml:"agent,omitempty"`
	Municipality string   `yaml:"municipality"`
	Teams        []string `yaml:"teams,omitempty,flow"`
	Expires      string   `yaml:"expires,omitempty"` // a date: from the beginning of that day, in UTC
	SHA256       string   `yaml:"sha256"`
}

// Check says what is wrong with a line, nil when nothing is.
func (l TokenLine) Check() error {
	_, err := l.token()
	return err
}

func (l TokenLine) token() (Token, error) {
	role := staff.Role(l.Role)
	t := Token{Visitor: access.Visitor{
		Name: l.Name, Agent: call.AgentID(l.Agent), Municipality: call.MunicipalityID(l.Municipality),
		Roles: map[call.TeamID]staff.Role{},
	}}
	for _, team := range l.Teams {
		t.Roles[call.TeamID(team)] = role
	}
	if role == staff.Admin {
		t.Roles[staff.AllTeams] = role
	}
	switch {
	case !call.IsPersonID(l.Name):
		return t, errors.New("name: use letters, digits, dots, hyphens and underscores, at most 64")
	case !role.AtLeast(staff.Reader):
		return t, fmt.Errorf("role: write one of %v", staff.Roles())
	case role != staff.Reader && !call.IsPersonID(l.Agent):
		return t, errors.New("agent: the id of the person who uses it is missing, or not an id")
	case role == staff.Reader && l.Agent != "":
		return t, errors.New("agent: leave it out: a reader's token cannot act for an agent")
	case !call.IsID(l.Municipality):
		return t, errors.New("municipality: it is missing, or not an id")
	case role == staff.Admin && len(l.Teams) > 0:
		return t, errors.New("teams: an admin sees every team, leave it out")
	case role != staff.Admin && len(l.Teams) == 0:
		return t, errors.New(`teams: name the teams whose notes it sees, or "*" for all`)
	}
	for _, team := range l.Teams {
		if team != string(staff.AllTeams) && !call.IsID(team) {
			return t, errors.New("teams: there is one that is not an id")
		}
	}
	if l.Expires != "" {
		at, err := time.Parse(time.DateOnly, l.Expires)
		if err != nil {
			return t, errors.New("expires: write a date, such as 2027-01-31")
		}
		t.Expires = at
	}
	sum, err := hex.DecodeString(l.SHA256)
	if err != nil || len(sum) != len(t.hash) {
		return t, errors.New("sha256: it is not the hash that bereikbaar token new printed")
	}
	copy(t.hash[:], sum)
	return t, nil
}

// maxTokens bounds the file: each is compared with every token that is shown.
const (
	maxTokens     = 2000
	maxTokensFile = 1 << 20
	// tokensFresh is how old the tokens may be when one is shown: after that a removed token is refused.
	tokensFresh = time.Second
)

// Tokens are the tokens of a file. The file is read again during use: a removed token is refused within a second. A
// changed file that cannot be used is logged, and the tokens stay as they were. It is safe for use by several
// goroutines.
type Tokens struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex
	read   time.Time // when it was looked at last
	raw    []byte
	failed string // what was wrong with it then, so that it is logged once
	tokens []Token
}

// OpenTokens reads the file, which only its owner may read. The error names the first wrong line. The tokens are usable
// even then: they let nobody in until the file is right.
func OpenTokens(path string, log *slog.Logger) (*Tokens, error) {
	t := &Tokens{path: path, log: log, read: time.Now()}
	raw, err := readTokens(path)
	if err == nil {
		t.tokens, err = ParseTokens(raw)
	}
	if err != nil {
		t.failed = err.Error()
		return t, fmt.Errorf("tokens file %s: %w", path, err)
	}
	t.raw = raw
	return t, nil
}

// readTokens reads a file that only its owner can read. A systemd credential will not do: it is a copy, and keeps
// tokens that were removed.
func readTokens(path string) ([]byte, error) {
	raw, err := plainfile.ReadPrivate(path, "", maxTokensFile)
	switch {
	case errors.As(err, &plainfile.ExposedError{}):
		return nil, fmt.Errorf("%w; chmod 0600 it", err)
	case errors.Is(err, plainfile.ErrTooLarge):
		return nil, fmt.Errorf("it is larger than %d bytes", maxTokensFile)
	}
	return raw, err
}

// ParseTokens reads tokens as they stand in the file: a list in YAML, see TokenLine.
func ParseTokens(raw []byte) ([]Token, error) {
	var lines []TokenLine
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&lines); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it is not a list of tokens: %w", err)
	}
	if len(lines) > maxTokens {
		return nil, fmt.Errorf("it has more than %d tokens", maxTokens)
	}
	tokens, names, hashes := make([]Token, len(lines)), map[string]bool{}, map[[sha256.Size]byte]bool{}
	for i, line := range lines {
		t, err := line.token()
		switch {
		case err != nil:
			return nil, fmt.Errorf("token %d of %d: %w", i+1, len(lines), err)
		case names[t.Name]:
			return nil, fmt.Errorf(
				"token %d of %d: name: another has it too, and the log could not tell them apart", i+1, len(lines),
			)
		case hashes[t.hash]:
			return nil, fmt.Errorf(
				"token %d of %d: sha256: another has it too; give each its own token", i+1, len(lines),
			)
		}
		tokens[i], names[t.Name], hashes[t.hash] = t, true, true
	}
	return tokens, nil
}

// Find gives the token that is shown, and false when it is unknown or past its day. It compares with every token, so
// that its duration gives nothing away.
func (t *Tokens) Find(shown string, now time.Time) (Token, bool) {
	sum := sha256.Sum256([]byte(shown))
	var found Token
	match := 0
	for _, candidate := range t.current(now) {
		if subtle.ConstantTimeCompare(candidate.hash[:], sum[:]) == 1 {
			found, match = candidate, 1
		}
	}
	if match == 0 || !found.Expires.IsZero() && !now.Before(found.Expires) {
		return Token{}, false
	}
	return found, true
}

// Colleague reports whether an agent has a token for a team.
func (t *Tokens) Colleague(m call.MunicipalityID, team call.TeamID, agent call.AgentID, now time.Time) bool {
	return slices.ContainsFunc(t.current(now), func(k Token) bool {
		return k.Agent == agent && k.Municipality == m && k.Roles[team] != ""
	})
}

// Knows reports whether an agent has a token that is not past its day.
func (t *Tokens) Knows(m call.MunicipalityID, agent call.AgentID, now time.Time) bool {
	return slices.ContainsFunc(t.current(now), func(k Token) bool {
		return k.Agent == agent && k.Municipality == m && (k.Expires.IsZero() || now.Before(k.Expires))
	})
}

// ErrNobody says that no usable tokens file was read yet.
var ErrNobody = errors.New("nobody may use the API until its tokens file is right")

// InForce looks at the file, and says why the tokens in force are not the file's: a removed one may still be let in. It
// wraps ErrNobody when none are in force.
func (t *Tokens) InForce(now time.Time) error {
	t.current(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.failed == "":
		return nil
	case t.raw == nil:
		return fmt.Errorf("%w: %s", ErrNobody, t.failed)
	}
	return errors.New(t.failed)
}

// current gives the tokens, read again when they are no longer fresh.
func (t *Tokens) current(now time.Time) []Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.read) < tokensFresh && !now.Before(t.read) {
		return t.tokens
	}
	t.read = now
	raw, err := readTokens(t.path)
	if err == nil && t.raw != nil && bytes.Equal(raw, t.raw) {
		t.failed = ""
		return t.tokens
	}
	var fresh []Token
	if err == nil {
		fresh, err = ParseTokens(raw)
	}
	if err != nil {
		if t.failed != err.Error() {
			t.failed = err.Error()
			t.log.Error("the changed tokens file is refused, the tokens stay as they were", "path", t.path, "err", err)
		}
		return t.tokens
	}
	t.raw, t.tokens, t.failed = raw, fresh, ""
	t.log.Info("tokens were read again", "path", t.path, "tokens", len(fresh))
	return t.tokens
}
