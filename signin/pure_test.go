package signin_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

// The vectors of RFC 6238, appendix B, for SHA-1, and of RFC 4226, appendix D.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037",
		20000000000: "65353130",
	} {
		require.Equal(t, want, signin.CodeAt(secret, at/30, 8))
	}
	for counter, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		require.Equal(t, want, signin.CodeAt(secret, int64(counter), 6))
	}
}

func TestACodeCountsOnceAndForOneStepOfDrift(t *testing.T) {
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	key, now := []byte("12345678901234567890"), time.Unix(1234567890, 0)
	current := now.Unix() / 30
	for steps, ok := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		step, right := signin.MatchCode(secret, signin.CodeAt(key, current+steps, 6), 0, now)
		require.Equal(t, ok, right, "%d steps off", steps)
		if ok {
			require.Equal(t, current+steps, step)
			_, right = signin.MatchCode(secret, signin.CodeAt(key, current+steps, 6), step, now)
			require.False(t, right, "a second time")
		}
	}
	_, right := signin.MatchCode(secret, signin.CodeAt(key, current, 6), current+1, now)
	require.False(t, right, "one that is older than the last")
	code := signin.CodeAt(key, current, 6)
	_, right = signin.MatchCode(secret, " "+code[:3]+" "+code[3:]+" ", 0, now)
	require.True(t, right, "as people type it")
	for _, wrong := range []string{"", "000000", code[:5], code + "0", "+" + code[1:], "１２３４５６"} {
		_, right = signin.MatchCode(secret, wrong, 0, now)
		require.False(t, right, wrong)
	}
	_, right = signin.MatchCode("", signin.CodeAt(nil, current, 6), 0, now)
	require.False(t, right, "without a secret no code is right")
}

func TestAPasswordIsHashedAsWeSay(t *testing.T) {
	hash, err := signin.HashPassword(password)
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=47104,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
	again, err := signin.HashPassword(password)
	require.NoError(t, err)
	require.NotEqual(t, hash, again)
	for typed, want := range map[string]bool{password: true, password + " ": false, "": false} {
		same, err := signin.SamePassword(typed, hash)
		require.NoError(t, err)
		require.Equal(t, want, same, typed)
	}
	composed, err := signin.HashPassword("café aan de haven")
	require.NoError(t, err)
	same, err := signin.SamePassword("café aan de haven", composed)
	require.NoError(t, err)
	require.True(t, same, "the accent as another keyboard writes it")
	// A vector of the reference implementation's tests.
	same, err = signin.SamePassword(
		"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	)
	require.NoError(t, err)
	require.True(t, same)
	for name, bad := range map[string]string{
		"none": "", "another kind": "$2a$10$abcdefghijklmnopqrstuu",
		"too much memory":      "$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"too long":             "$argon2id$v=19$m=65536,t=4000000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"twice ours, and some": "$argon2id$v=19$m=98304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"more rounds":          "$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"more cores":           "$argon2id$v=19$m=65536,t=2,p=3$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"no sum":               "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$",
	} {
		same, err := signin.SamePassword("password", bad)
		require.Error(t, err, name)
		require.False(t, same, name)
	}
}

func TestPasswordsThatMayNotBeChosen(t *testing.T) {
	p := staff.Person{
		ID: "adevries", Name: "Anouk de Vries", Email: "anouk.devries@deventer.nl", Municipality: "deventer",
	}
	for typed, want := range map[string]signin.PasswordProblem{
		password:                         "",
		"correct horse battery":          "",
		"alleenkleineletters":            "", // no rules of composition
		"пароль из слов тут":             "",
		"kort genoeg":                    signin.TooShort,
		"":                               signin.TooShort,
		strings.Repeat("x", 257):         signin.TooLong,
		"adevriesadevries":               signin.OwnName,
		"Anouk-Vries-2026":               signin.OwnName,
		"anouk.devries1!":                signin.OwnName,
		"Deventer2026!":                  signin.OwnName,
		"Welkom2026!!":                   signin.TooCommon,
		"wachtwoord1234":                 signin.TooCommon,
		"bereikbaar-01":                  signin.TooCommon,
		"aaaaaaaaaaaaaa":                 signin.Repetitive,
		"abababababababab":               signin.Repetitive,
		"vier paarden\x00in de regen":    signin.NotText,
		"vier paarden\nin de regen":      signin.NotText,
		"vier paarden \xff in de regen":  signin.NotText,
		"adevries rijdt op vier paarden": "", // enough is left
	} {
		require.Equal(t, want, signin.CheckPassword(typed, p), "%q", typed)
	}
}

func TestOnlyPagesOfThisSiteAreReturnedTo(t *testing.T) {
	for _, fine := range []string{
		"/", "/notes/12345674", "/team/kcc?open=1&x=a%20b", "/notes/new?number=%2B31612345678",
		"/people/Cem.Kaya#phone",
		"/notes/12345674?next=https://deventer.nl/", "/?a=//b",
	} {
		require.Equal(t, fine, signin.LocalPath(fine))
	}
	for _, bad := range []string{
		"", "notes", "https://evil.example/", "//evil.example", "///evil.example", "////evil.example/%2e%2e", `/\evil.example`,
		`\\evil.example`, `\/evil.example`, `/\/evil.example`, "/%2Fevil.example", "/%2f%2fevil.example", "/%5Cevil.example",
		"/%5cevil.example", "/%252Fevil.example", "/%25252Fevil.example", "/%2525252Fevil.example", "/\tevil.example",
		"/\t/evil.example",
		"/\n/evil.example", "/\r\nSet-Cookie: a=b", "/%0d%0aSet-Cookie:a=b", "/%09/evil.example", "/x\x00y",
		"/.//evil.example",
		"/..//evil.example", "/a/../..//evil.example", "/./", "javascript:alert(1)", "/javascript:alert(1)\\",
		"data:text/html,x",
		"/\u200b/evil.example", " /notes", "/ /evil.example", "/sign-in", "/sign-in?next=/", "/sign-in/oidc",
		"/sign-out",
		"/%73ign-out",
		"/" + strings.Repeat("a", 3000), "/%zz", "http:/evil.example", "http:evil.example", "?x", "#x", "//", "/%",
		"@evil.example",
	} {
		got := signin.LocalPath(bad)
		require.Equal(t, "/", got, "%q", bad)
	}
}

// Whatever is asked for, a browser that reads the answer stays on this site.
func FuzzOnlyPagesOfThisSiteAreReturnedTo(f *testing.F) {
	for _, seed := range []string{"/", "//x", `/\x`, "/%2Fx", "/a?b#c", "/\t/x"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://bel.deventer.nl/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := signin.LocalPath(next)
		at, err := base.Parse(got)
		require.NoError(t, err)
		require.Equal(t, base.Host, at.Host)
		require.Equal(t, "https", at.Scheme)
		// As browsers read it: they drop tabs and line ends, and take \ for /.
		read := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(got)
		require.True(t, read[0] == '/' && !strings.HasPrefix(read, "//"), "%q", got)
		require.Equal(t, got, signin.LocalPath(got))
	})
}

func TestAnAccountIsStoredAndRead(t *testing.T) {
	made := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	a := signin.Account{
		Person: "els", Municipality: "deventer", Made: made, Password: "$argon2id$…", Secret: "ABC", UsedStep: 7,
		Link: "00", Until: made.Add(time.Hour),
	}
	got, err := signin.DecodeAccount("deventer", "els", signin.EncodeAccount(a))
	require.NoError(t, err)
	require.Equal(t, a, got)
	for _, bad := range []string{"", "x", `{"v":2}`, `{}`, "[]"} {
		_, err := signin.DecodeAccount("deventer", "els", bad)
		require.ErrorContains(t, err, "els", bad)
	}
}

func TestAnIDIsFoldedWithinASCIIOnly(t *testing.T) {
	for typed, want := range map[string]call.AgentID{"Anouk": "anouk", " Cem.Kaya\n": "cem.kaya"} {
		require.Equal(t, want, signin.IDOf(typed))
	}
	for name, typed := range map[string]string{
		"the Kelvin sign": "anou\u212a", "a capital I with a dot": "\u0130rem", "half a letter": "anouk\xff",
	} {
		require.False(t, signin.ValidID(signin.IDOf(typed)), name)
	}
}
