package config

import (
	"errors"
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
}

// samples are passwords from examples, and so in every attacker's list.
var samples = []string{
	"asterisk", "bereikbaar", "secret", "password", "wachtwoord", "geheim", "changeme", "change-me", "admin", "ari",
	"redis",
}

func (b *builder) secrets(getenv func(string) string) {
	b.cfg.ARI.Password = b.secret(getenv, secretSource{
		"ari.password_file", "BEREIKBAAR_ARI_PASSWORD", b.form.ARI.PasswordFile, true,
	})
	b.redisSecret(getenv)
	b.smtpSecret(getenv)
	b.hookSecrets(getenv)
	if f := b.form.SignIn; f != nil && f.OIDC != nil && b.cfg.SignIn != nil {
		b.cfg.SignIn.OIDC.ClientSecret = b.secret(getenv, secretSource{
			"sign_in.oidc.client_secret_file", "BEREIKBAAR_OIDC_SECRET", f.OIDC.ClientSecretFile, false,
		})
	}
}

func (b *builder) redisSecret(getenv func(string) string) {
	b.cfg.Redis.Password = b.secret(getenv, secretSource{
		"redis.password_file", "BEREIKBAAR_REDIS_PASSWORD", b.form.Redis.PasswordFile, false,
	})
	if s := b.form.Redis.Sentinel; s != nil {
		b.cfg.Redis.Sentinel.Password = b.secret(getenv, secretSource{
			"redis.sentinel.password_file", "BEREIKBAAR_REDIS_SENTINEL_PASSWORD", s.PasswordFile, false,
		})
	}
	b.tlsFiles(getenv("CREDENTIALS_DIRECTORY"))
}

func (b *builder) secret(getenv func(string) string, from secretSource) Secret {
	direct, byFile := getenv(from.variable), getenv(from.variable+"_FILE")
	switch {
	case direct != "" && byFile != "":
		b.environment(from.variable, "it is set, and "+from.variable+"_FILE too", "set one of the two")
	case direct != "":
		return b.checkedSecret(direct, from.key, func(what, mend string) { b.environment(from.variable, what, mend) })
	case byFile != "":
		return b.secretFile(
			byFile, from.key, getenv, func(what, mend string) { b.environment(from.variable+"_FILE", what, mend) },
		)
	case from.file != "":
		return b.secretFile(
			from.file, from.key, getenv, func(what, mend string) { b.doc.problem(from.key, what, mend) },
		)
	case from.needed && !b.doc.spoilt(from.key) && !b.doc.spoilt(parent(from.key)+".password"):
		b.doc.problem(from.key, "there is no password for "+parent(from.key),
			"name a file here that holds it, or set "+from.variable+" or "+from.variable+"_FILE")
	}
	return Secret{}
}

// environment reports a problem of an environment variable, which has no line.
func (b *builder) environment(variable, what, mend string) {
	b.doc.problems = append(b.doc.problems, Problem{b.doc.file, 0, variable, what, mend})
}

func (b *builder) secretFile(path, key string, getenv func(string) string, report func(what, mend string)) Secret {
	text, what, mend := readSecret(path, getenv("CREDENTIALS_DIRECTORY"))
	if what != "" {
		report(what, mend)
		return Secret{}
	}
	// the byte order mark with which Windows programs begin a file
	return b.checkedSecret(strings.TrimPrefix(text, "\uFEFF"), key, report)
}

func (b *builder) checkedSecret(text, key string, report func(what, mend string)) Secret {
	text = strings.TrimRight(text, "\r\n")
	switch {
	case text == "":
		report("there is no password in it", "write the password in it, on one line")
	case strings.ContainsAny(text, "\r\n\x00"):
		report("it holds more than one line", "write only the password in it")
	case slices.Contains(samples, strings.ToLower(text)):
		report(
			"the password is one that everybody knows from examples",
			"choose a long random one, here and in "+parent(key)+"'s own configuration",
		)
	default:
		return Secret{text}
	}
	return Secret{}
}

// readSecret reads a file that only its owner can read, see plainfile.ReadPrivate.
func readSecret(path, credentials string) (text, what, mend string) {
	const largest = 4096
	if !filepath.IsAbs(path) {
		return "", shown(path) + " is not a full path", "write the path of the password file from the root"
	}
	raw, err := plainfile.ReadPrivate(path, credentials, largest)
	var exposed plainfile.ExposedError
	switch {
	case errors.As(err, &exposed):
		mend = "chmod 0400 or 0600 it, and change the password"
	case errors.Is(err, plainfile.ErrTooLarge):
		return "", "the password file " + shown(path) + " is too large for a password", "name the right file"
	case err != nil:
		mend = "name a file that the daemon's user may read"
	default:
		return string(raw), "", ""
	}
	return "", "the password file " + shown(path) + ": " + err.Error(), mend
}
