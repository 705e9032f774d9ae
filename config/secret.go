package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/plainfile"
)

// Secret is a password. It prints as a mask everywhere; only Reveal returns it.
type Secret struct{ value string }

const mask = "[secret]"

// Reveal is the password itself, for the one place that sends it.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is no password.
func (s Secret) Empty() bool { return s.value == "" }

// String masks the password.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return mask
}

// GoString keeps the password out of %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps the password out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the password out of JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secretSource is where a password may come from: the variable, the file that another variable names, or the file that
// the configuration names, in this order.
type secretSource struct {
	key      string // of the configuration
	variable string
	file     string // named by the configuration
	needed   bool
	part     part // that goes without it; the zero value for a secret without which nothing works
}

// part is what a faulty secret switches off.
type part struct {
	name    string // for people
	restart bool   // it is made at the start of the daemon
}

// samples are passwords from examples, and so in every attacker's list.
var samples = []string{
	"asterisk", "bereikbaar", "secret", "password", "wachtwoord", "geheim", "changeme", "change-me", "admin", "ari",
	"redis",
}

func (b *builder) secrets(getenv func(string) string) {
	b.cfg.ARI.Password = b.secret(getenv, secretSource{
		key: "ari.password_file", variable: "BEREIKBAAR_ARI_PASSWORD", file: b.form.ARI.PasswordFile, needed: true,
	})
	b.redisSecret(getenv)
	b.partSecrets(getenv)
}

// partSecrets reads the secrets of the pages and of who is told. Callers come first: a faulty one switches off its own
// part alone.
func (b *builder) partSecrets(getenv func(string) string) {
	b.smtpSecret(getenv)
	b.hookSecrets(getenv)
	b.providerSecret(getenv)
}

// switchOff notes that a part goes without its secret, or without a file beside it. unseen says that the daemon may
// fare better with it than whoever looked now.
func (b *builder) switchOff(of part, p Problem, unseen bool) {
	then := ", and reload the daemon"
	if of.restart {
		then = ", and restart the daemon"
	}
	p.Mend += then
	b.cfg.Off = append(b.cfg.Off, Off{Problem: p, Part: of.name, Restart: of.restart, Unseen: unseen})
}

// wrong reports a fault at a key of the configuration.
func (b *builder) wrong(of part, key, what, mend string, unseen bool) {
	switch {
	case of == (part{}):
		b.doc.problem(key, what, mend)
	case !b.doc.spoilt(key):
		b.switchOff(of, Problem{b.doc.file, b.doc.line(key), key, what, mend}, unseen)
	}
}

// faults counts the parts that are switched off: more of them after a look is a fault that it found.
func (b *builder) faults() int { return len(b.cfg.Off) }

func (b *builder) redisSecret(getenv func(string) string) {
	b.cfg.Redis.Password = b.secret(getenv, secretSource{
		key: "redis.password_file", variable: "BEREIKBAAR_REDIS_PASSWORD", file: b.form.Redis.PasswordFile,
	})
	if s := b.form.Redis.Sentinel; s != nil {
		b.cfg.Redis.Sentinel.Password = b.secret(getenv, secretSource{
			key: "redis.sentinel.password_file", variable: "BEREIKBAAR_REDIS_SENTINEL_PASSWORD", file: s.PasswordFile,
		})
	}
	b.tlsFiles(getenv("CREDENTIALS_DIRECTORY"))
}

// faultFunc reports what is wrong with a secret, see switchOff.
type faultFunc func(what, mend string, unseen bool)

func (b *builder) secret(getenv func(string) string, from secretSource) Secret {
	direct, byFile := getenv(from.variable), getenv(from.variable+"_FILE")
	atKey := func(what, mend string, unseen bool) { b.wrong(from.part, from.key, what, mend, unseen) }
	switch {
	case direct != "" && byFile != "":
		report := b.environment(from.part, from.variable)
		report("it is set, and "+from.variable+"_FILE too", "set one of the two", false)
	case direct != "":
		return b.checkedSecret(direct, from.key, b.environment(from.part, from.variable))
	case byFile != "":
		return b.secretFile(byFile, from.key, getenv, b.environment(from.part, from.variable+"_FILE"))
	case from.file != "":
		return b.secretFile(from.file, from.key, getenv, atKey)
	case from.needed && !b.doc.spoilt(from.key) && !b.doc.spoilt(parent(from.key)+".password"):
		atKey("there is no password for "+parent(from.key),
			"name a file here that holds it, or set "+from.variable+" or "+from.variable+"_FILE", true)
	}
	return Secret{}
}

// environment reports a problem of an environment variable, which has no line.
func (b *builder) environment(of part, variable string) faultFunc {
	return func(what, mend string, unseen bool) {
		p := Problem{b.doc.file, 0, variable, what, mend}
		if of == (part{}) {
			b.doc.problems = append(b.doc.problems, p)
			return
		}
		b.switchOff(of, p, unseen)
	}
}

func (b *builder) secretFile(path, key string, getenv func(string) string, report faultFunc) Secret {
	text, what, mend, unseen := readSecret(path, getenv("CREDENTIALS_DIRECTORY"))
	if what != "" {
		report(what, mend, unseen)
		return Secret{}
	}
	// the byte order mark with which Windows programs begin a file
	return b.checkedSecret(strings.TrimPrefix(text, "\uFEFF"), key, report)
}

func (b *builder) checkedSecret(text, key string, report faultFunc) Secret {
	text = strings.TrimRight(text, "\r\n")
	switch {
	case text == "":
		report("there is no password in it", "write the password in it, on one line", false)
	case strings.ContainsAny(text, "\r\n\x00"):
		report("it holds more than one line", "write only the password in it", false)
	case slices.Contains(samples, strings.ToLower(text)):
		report(
			"the password is one that everybody knows from examples",
			"choose a long random one, here and in "+parent(key)+"'s own configuration", false,
		)
	default:
		return Secret{text}
	}
	return Secret{}
}

// readSecret reads a file that only its owner can read, see plainfile.ReadPrivate. unseen says that it may well be
// there for the daemon: this user may not look, or systemd makes it at the start.
func readSecret(path, credentials string) (text, what, mend string, unseen bool) {
	const largest = 4096
	if !filepath.IsAbs(path) {
		return "", shown(path) + " is not a full path", "write the path of the password file from the root", false
	}
	raw, err := plainfile.ReadPrivate(path, credentials, largest)
	var exposed plainfile.ExposedError
	switch {
	case errors.As(err, &exposed):
		mend = "chmod 0400 or 0600 it, and change the password"
	case errors.Is(err, plainfile.ErrTooLarge):
		return "", "the password file " + shown(path) + " is too large for a password", "name the right file", false
	case err != nil:
		mend = "name a file that the daemon's user may read"
	default:
		return string(raw), "", "", false
	}
	return "", "the password file " + shown(path) + ": " + err.Error(), mend, notForUs(path, err)
}

// notForUs reports whether an error of a file may be one of this user alone.
func notForUs(path string, err error) bool {
	return errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(path, "/run/credentials/")
}
