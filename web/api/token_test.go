package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/web/api"
)

var aHash = strings.Repeat("ab", 32)

func TestATokenIsFreshAndKnownByItsHash(t *testing.T) {
	one, hash, err := api.NewToken(nil)
	require.NoError(t, err)
	other, _, err := api.NewToken(nil)
	require.NoError(t, err)
	require.NotEqual(t, one, other)
	require.Regexp(t, `^bkb_[A-Za-z0-9_-]{43}$`, one)
	sum := sha256.Sum256([]byte(one))
	require.Equal(t, hex.EncodeToString(sum[:]), hash)
	_, _, err = api.NewToken(strings.NewReader("short"))
	require.ErrorContains(t, err, "random source")
}

func TestWhatMayStandInATokensFile(t *testing.T) {
	good := "- {name: cem, role: agent, agent: cem, municipality: deventer, teams: [vergunningen], sha256: " + aHash + "}\n"
	tests := map[string]struct{ text, fault string }{
		"one token":               {good, ""},
		"nobody":                  {"", ""},
		"an empty list":           {"[]", ""},
		"no list":                 {"name: cem", "not a list of tokens"},
		"a key that is not known": {strings.Replace(good, "role", "rol", 1), "field rol not found"},
		"no name":                 {strings.Replace(good, "name: cem", `name: ""`, 1), "token 1 of 1: name"},
		"a role that is none": {
			strings.Replace(good, "role: agent", "role: boss", 1), "role: write one of [reader agent lead admin]",
		},
		"an agent without an id": {strings.Replace(good, "agent: cem, ", "", 1), "agent: the id"},
		"a reader with an id":    {strings.Replace(good, "role: agent", "role: reader", 1), "leave it out"},
		"no municipality":        {strings.Replace(good, "municipality: deventer, ", "", 1), "municipality"},
		"no teams":               {strings.Replace(good, "teams: [vergunningen], ", "", 1), "teams: name"},
		"a team that is none":    {strings.Replace(good, "[vergunningen]", "['{x}']", 1), "teams: there is one"},
		"an admin with teams":    {strings.Replace(good, "role: agent", "role: admin", 1), "an admin sees every team"},
		"an end":                 {strings.Replace(good, "sha256", "expires: 2027-01-31, sha256", 1), ""},
		"an end that is none": {
			strings.Replace(good, "sha256", "expires: soon, sha256", 1), "expires: write a date",
		},
		"a hash that is short": {strings.Replace(good, aHash, "abcd", 1), "sha256"},
		"the token itself":     {strings.Replace(good, aHash, "bkb_x", 1), "sha256"},
		"a name twice": {
			good + strings.Replace(good, aHash, strings.Repeat("cd", 32), 1), "token 2 of 2: name",
		},
		"a token twice": {good + strings.Replace(good, "name: cem", "name: bram", 1), "token 2 of 2: sha256"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := api.ParseTokens([]byte(test.text))
			if test.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.fault)
			require.NotContains(t, err.Error(), aHash)
		})
	}
}

func TestATokensFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	_, err := api.OpenTokens(path, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, os.ErrNotExist)
	for mode, fine := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o660: false} {
		require.NoError(t, os.WriteFile(path, []byte("[]"), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		_, err := api.OpenTokens(path, slog.New(slog.DiscardHandler))
		if fine {
			require.NoError(t, err, mode)
		} else {
			require.ErrorContains(t, err, "chmod 0600", mode)
		}
		require.NoError(t, os.Remove(path))
	}
	_, err = api.OpenTokens(filepath.Dir(path), slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "not a regular file")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err = api.OpenTokens(path, slog.New(slog.DiscardHandler)) // which waits for nobody
	require.ErrorContains(t, err, "not a regular file")
}

func TestATokenCountsUntilItsDay(t *testing.T) {
	token, hash, err := api.NewToken(nil)
	require.NoError(t, err)
	line := api.TokenLine{
		Name: "cem", Role: "agent", Agent: "cem", Municipality: "deventer", Teams: []string{"kcc"},
		Expires: "2027-01-31", SHA256: hash,
	}
	tokens := saved(t, line)
	end := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	who, ok := tokens.Find(token, end.Add(-time.Second))
	require.True(t, ok)
	require.Equal(t, "cem", who.Name)
	_, ok = tokens.Find(token, end)
	require.False(t, ok)
	for _, wrong := range []string{"", hash, token + "x", token[:len(token)-1], strings.ToLower(token)} {
		_, ok = tokens.Find(wrong, end.Add(-time.Second))
		require.False(t, ok)
	}
}

func saved(t *testing.T, lines ...api.TokenLine) *api.Tokens {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	text, err := yaml.Marshal(lines)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	tokens, err := api.OpenTokens(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return tokens
}

func TestTheFileIsReadAgain(t *testing.T) {
	token, hash, err := api.NewToken(nil)
	require.NoError(t, err)
	line := api.TokenLine{Name: "wall", Role: "reader", Municipality: "deventer", Teams: []string{"kcc"}, SHA256: hash}
	path, log, now := filepath.Join(t.TempDir(), "tokens.yaml"), &logged{}, time.Now()
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	with, err := yaml.Marshal([]api.TokenLine{line})
	require.NoError(t, err)
	tokens, err := api.OpenTokens(path, slog.New(slog.NewTextHandler(log, nil)))
	require.ErrorIs(t, err, os.ErrNotExist)
	known := func() bool {
		now = now.Add(2 * time.Second)
		_, ok := tokens.Find(token, now)
		return ok
	}
	inForce := func() error { return tokens.InForce(now) }
	require.False(t, known())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, inForce(), "no such file")
	write("[]")
	require.False(t, known())
	require.NoError(t, inForce())
	write(string(with))
	require.True(t, known(), "a token that was put in counts")
	write("- broken")
	require.True(t, known(), "a file that is broken changes nothing")
	require.True(t, known())
	require.ErrorContains(t, inForce(), "not a list of tokens")
	require.Equal(t, 1, strings.Count(log.String(), "refused, the tokens stay"), "and is told once")
	require.NoError(t, os.Remove(path))
	require.True(t, known(), "nor does one that is gone")
	require.ErrorContains(t, inForce(), "no such file")
	write(string(with))
	require.True(t, known())
	require.NoError(t, inForce(), "the file is as it was")
	write("[]")
	now = now.Add(2 * time.Second)
	require.NoError(t, inForce(), "the first request reads the file")
	require.False(t, known(), "a removed token is refused")
	require.NoError(t, os.Chmod(path, 0o644))
	now = now.Add(2 * time.Second)
	require.ErrorContains(t, inForce(), "chmod 0600", "also when nobody shows a token")
}

func TestWrongTokens(t *testing.T) {
	d := open(t)
	tests := map[string]string{
		"none":             "",
		"another scheme":   "Basic " + d.tokens["cem"],
		"the word alone":   "Bearer",
		"an unknown token": "Bearer bkb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"a very long one":  "Bearer " + strings.Repeat("a", 5000),
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			got := d.asks("", http.MethodGet, "/api/me", "", "Authorization", header)
			_ = got.problem(t, http.StatusUnauthorized, "token")
			require.Contains(t, got.Header.Get("WWW-Authenticate"), `Bearer realm="bereikbaar"`)
		})
	}
	require.Equal(
		t, 200, d.asks("", http.MethodGet, "/api/me", "", "Authorization", "bearer "+d.tokens["cem"]).StatusCode,
	)
	require.NotContains(t, d.log.String(), "AAAA", "the shown token is not logged")
}

func TestWhoGuessesTokensIsNotListenedTo(t *testing.T) {
	d := open(t)
	guess := func(from string) int {
		return d.asks(
			"", http.MethodGet, "/api/me", "", "Authorization", "Bearer guess", "X-Forwarded-For", "9.9.9.9, "+from,
		).StatusCode
	}
	refused := 0
	for range 30 {
		if guess("192.0.2.7") == http.StatusTooManyRequests {
			refused++
		}
	}
	require.GreaterOrEqual(t, refused, 10)
	got := d.asks("", http.MethodGet, "/api/me", "", "X-Forwarded-For", "192.0.2.7")
	_ = got.problem(t, http.StatusTooManyRequests, "too_many")
	require.Equal(t, "6", got.Header.Get("Retry-After"))
	require.Equal(t, 401, guess("192.0.2.8"), "another address is")
	require.Equal(t, 200, d.asks("cem", http.MethodGet, "/api/me", "", "X-Forwarded-For", "192.0.2.7").StatusCode,
		"who has a token does not suffer by a neighbour whose token ran out")
	require.Equal(t, 401, guess("2001:db8:1:1::1"))
	for i := range 30 {
		guess(fmt.Sprintf("2001:db8:1:1::%d", i+2))
	}
	require.Equal(t, 429, guess("2001:db8:1:ff::1"), "one network is one address")
	require.Equal(t, 401, guess("2001:db8:1:100::1"))
}

func TestWhoAmI(t *testing.T) {
	d := open(t)
	require.JSONEq(t, `{"name":"cem","role":"agent","agent":"cem","municipality":"deventer","teams":["vergunningen"]}`,
		string(d.asks("cem", http.MethodGet, "/api/me", "").body))
	require.JSONEq(t, `{"name":"admin","role":"admin","agent":"ada","municipality":"deventer","teams":["*"]}`,
		string(d.asks("admin", http.MethodGet, "/api/me", "").body))
}
