package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/bereikbaar/bereikbaar/staff"
)

// The parameters of argon2id. They do not depend on the machine: a hash costs 46 MiB and one core for some hundredths
// of a second everywhere. The first line of OWASP's list.
const (
	hashTime    = 1
	hashMemory  = 46 << 10 // KiB
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashLength  = 32 // bytes

	// The most that a stored hash may ask for, twice what ours do: it must not take the machine from calls.
	mostTime    = 2 * hashTime
	mostMemory  = 2 * hashMemory
	mostThreads = 2 * hashThreads

	// hashesAtOnce bounds the passwords that are hashed at once: calls need the other core, and the memory.
	hashesAtOnce = 1
	// hashTurn is how long a sign-in waits for its turn.
	hashTurn = 5 * time.Second
)

// The bounds of a password. BIO2 and NIST SP 800-63B want length, and no rules of composition.
const (
	LeastPassword = 12  // characters
	MostPassword  = 256 // characters
)

// hashPassword gives the PHC string of a password.
func hashPassword(password string) (string, error) {
	salt := make([]byte, hashSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	sum := argon2.IDKey(plain(password), salt, hashTime, hashMemory, hashThreads, hashLength)
	return phcOf(salt, sum), nil
}

// bogusHash is one that no password has. To compare with it costs as much as with a real one.
func bogusHash() string {
	salt, sum := make([]byte, hashSalt), make([]byte, hashLength)
	_, _ = rand.Read(salt) // it never fails
	_, _ = rand.Read(sum)
	return phcOf(salt, sum)
}

func phcOf(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// plain is a password as it is hashed: keyboards write the same letter in several ways.
func plain(password string) []byte { return norm.NFKC.Bytes([]byte(password)) }

var errHash = errors.New("the stored hash is not one of argon2id, or asks for too much")

// samePassword reports whether a password has a hash.
func samePassword(password, phc string) (bool, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, errHash
	}
	var version, threads int
	var memory, time uint32
	_, errVersion := fmt.Sscanf(parts[2], "v=%d", &version)
	_, errCost := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads)
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	sum, errSum := base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case errors.Join(errVersion, errCost, errSalt, errSum) != nil, version != argon2.Version,
		len(salt) < 8, len(sum) < 16, len(sum) > 64,
		time < 1, time > mostTime, memory > mostMemory, threads < 1, threads > mostThreads:
		return false, errHash
	}
	has := argon2.IDKey(plain(password), salt, time, memory, uint8(threads), uint32(len(sum)))
	return subtle.ConstantTimeCompare(has, sum) == 1, nil
}

// errBusy is returned when a sign-in did not get its turn.
var errBusy = errors.New("too many sign in at once")

// turn waits for leave to hash a password. Call the function when it is done.
func (s *SignIn) turn(ctx context.Context) (done func(), err error) {
	timer := time.NewTimer(hashTurn)
	defer timer.Stop()
	select {
	case s.hashes <- struct{}{}:
		return func() { <-s.hashes }, nil
	case <-timer.C:
		return nil, errBusy
	case <-ctx.Done():
		return nil, errBusy
	}
}

// checkPassword compares a password with a hash when it is its turn.
func (s *SignIn) checkPassword(ctx context.Context, password, phc string) (bool, error) {
	done, err := s.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return samePassword(password, phc)
}

// PasswordProblems lists why a password may not be chosen.
func PasswordProblems() []PasswordProblem {
	return []PasswordProblem{TooShort, TooLong, OwnName, TooCommon, Repetitive, NotText}
}

// PasswordProblem says why a password may not be chosen.
type PasswordProblem string

// The problems.
const (
	TooShort   PasswordProblem = "short"   // fewer than LeastPassword characters
	TooLong    PasswordProblem = "long"    // more than MostPassword
	OwnName    PasswordProblem = "name"    // little is left of it without the person's own id and name
	TooCommon  PasswordProblem = "common"  // little is left of it without words that everybody tries
	Repetitive PasswordProblem = "repeats" // a few characters again and again
	NotText    PasswordProblem = "text"    // it is not UTF-8, or has control characters
)

const (
	leastRest     = 8 // characters that must be left without names and common words
	leastDistinct = 5 // different characters
)

// common are words that every attacker tries, with the house's own. Longer ones first.
var common = []string{
	"1234567890", "123456789", "12345678", "qwertyuiop", "bereikbaar", "wachtwoord", "gemeente", "password", "geheim",
	"welkom", "welcome", "qwerty", "123456", "azerty", "secret", "admin", "zomer", "winter", "herfst", "lente",
}

// CheckPassword says what is wrong with a password that a person chooses; empty when nothing is. What it is made of is
// theirs to choose.
func CheckPassword(password string, p staff.Person) PasswordProblem {
	text := string(plain(password))
	length := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(password) || strings.ContainsFunc(text, unicode.IsControl):
		return NotText
	case length < LeastPassword:
		return TooShort
	case length > MostPassword:
		return TooLong
	}
	distinct := map[rune]bool{}
	for _, c := range text {
		distinct[c] = true
	}
	if len(distinct) < leastDistinct {
		return Repetitive
	}
	local, _, _ := strings.Cut(p.Email, "@")
	own := append(strings.Fields(p.Name), string(p.ID), local, string(p.Municipality))
	if utf8.RuneCountInString(without(text, own)) < leastRest {
		return OwnName
	}
	if utf8.RuneCountInString(without(text, common)) < leastRest {
		return TooCommon
	}
	return ""
}

// without leaves words of three letters and more out of a text.
func without(text string, words []string) string {
	text = strings.ToLower(text)
	for _, word := range words {
		if word = strings.ToLower(word); utf8.RuneCountInString(word) >= 3 {
			text = strings.ReplaceAll(text, word, "")
		}
	}
	return text
}
