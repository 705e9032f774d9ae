package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// atTheDoor is a counter whose configuration has local accounts and people.
func atTheDoor(t *testing.T) *counter {
	t.Helper()
	c := atTheCounter(t)
	text, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.Path, append(text, []byte(`
sign_in: {address: "https://bel.deventer.nl", local: {enabled: true}}
people:
  anouk: {name: Anouk de Vries, roles: {kcc: lead}}
`)...), 0o600))
	t.Cleanup(func() {
		_, err := redistest.AuditAt(context.Background(), c.Redis.Addr, "deventer")
		require.NoError(t, err)
	})
	return c
}

// accounts runs a command of account, and gives its answer, its messages and its access log.
func (c *counter) accounts(args ...string) (out, problems, access string, err error) {
	c.T.Helper()
	var outs, errs, lines bytes.Buffer
	require.Eventually(c.T, func() bool { // while a busy machine makes Redis slow
		outs.Reset()
		errs.Reset()
		lines.Reset()
		cmd := root(&lines)
		cmd.SetOut(&outs)
		cmd.SetErr(&errs)
		cmd.SetArgs(append([]string{"account", "--config", c.Path}, args...))
		err = cmd.ExecuteContext(c.T.Context())
		return exitCode(err) != exitStore
	}, 30*time.Second, 10*time.Millisecond)
	return outs.String(), errs.String(), lines.String(), err
}

func TestAnAccountIsMadeMendedAndRemoved(t *testing.T) {
	c := atTheDoor(t)
	out, problems, access, err := c.accounts("new", "Anouk", "--as", "els")
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Regexp(t, `^The link for anouk alone. It works once, until \w{3} \d+ \w{3} \d\d:\d\d:\n\n`+
		`https://bel\.deventer\.nl/sign-in/first/anouk~[A-Za-z0-9_-]{43}\n$`, out)
	require.Contains(t, access, `msg="access to accounts"`)
	require.Contains(t, access, `as=els municipality=deventer did="command account new" person=anouk done=true`)
	require.NotContains(t, access, strings.Split(out, "~")[1][:43])

	_, _, _, err = c.accounts("new", "anouk", "--as", "els")
	require.ErrorIs(t, err, errAccountThere)
	require.Equal(t, exitConflict, exitCode(err))
	out, _, _, err = c.accounts("list")
	require.NoError(t, err)
	require.Regexp(t, `anouk +Anouk de Vries +kcc=lead +the link works until`, out)

	first, _, err := c.Store.Account(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	set := first
	set.Password, set.Secret, set.Link, set.Until = "$argon2id$x", "ABC", "", time.Time{}
	require.NoError(t, c.Store.ChangeAccount(t.Context(), &first, &set))
	var shown []accountShown
	out, _, _, err = c.accounts("list", "--json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(out), &shown))
	require.True(t, shown[0].Password && shown[0].Code)
	require.NotContains(t, out, "argon2id")
	require.NotContains(t, out, "ABC")

	var link firstRun
	out, _, _, err = c.accounts("link", "anouk", "--as", "els", "--json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(out), &link))
	require.Contains(t, link.Link, "/sign-in/first/anouk~")
	again, _, err := c.Store.Account(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	require.Equal(t, "$argon2id$x", again.Password, "until the link is used")
	require.WithinDuration(t, time.Now().Add(72*time.Hour), again.Until, time.Minute)

	_, _, access, err = c.accounts("lock", "anouk", "--as", "els")
	require.NoError(t, err)
	require.Contains(t, access, `did="command account lock" person=anouk done=true`)
	locked, _, err := c.Store.Account(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	require.Empty(t, locked.Password+locked.Secret+locked.Link)
	out, _, _, err = c.accounts("list")
	require.NoError(t, err)
	require.Contains(t, out, "locked")

	count, err := c.Store.SignedOut(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	require.EqualValues(t, 1, count)
	_, _, _, err = c.accounts("sign-out", "anouk", "--as", "els")
	require.NoError(t, err)
	_, _, _, err = c.accounts("remove", "anouk", "--as", "els")
	require.NoError(t, err)
	count, err = c.Store.SignedOut(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	require.EqualValues(t, 3, count)
	_, found, err := c.Store.Account(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	require.False(t, found)
	for _, args := range []string{"remove anouk", "link anouk", "lock anouk"} {
		_, _, _, err = c.accounts(append(strings.Fields(args), "--as", "els")...)
		require.ErrorIs(t, err, errNoAccount, args)
		require.Equal(t, exitNoNote, exitCode(err), args)
	}
}

func TestTheFirstAdministratorIsMadeAtTheMachine(t *testing.T) {
	c := atTheDoor(t)
	_, problems, _, err := c.accounts(
		"new", "els", "--name", "Els Jansen", "--role", "*=admin", "--role", "kcc=lead", "--as", "els",
	)
	require.NoError(t, err)
	require.Empty(t, problems)
	known, err := c.Store.Person(t.Context(), "deventer", "els")
	require.NoError(t, err)
	require.Equal(t, staff.Person{
		ID: "els", Municipality: "deventer", Name: "Els Jansen",
		Roles: map[call.TeamID]staff.Role{"*": staff.Admin, "kcc": staff.Lead},
	}, known[staff.FromPage])
	_, problems, _, err = c.accounts("new", "piet", "--as", "els")
	require.NoError(t, err)
	require.Contains(t, problems, "piet has no role in any team yet")
}

func TestAccountCommandsThatAreRefused(t *testing.T) {
	c := atTheDoor(t)
	for args, says := range map[string]string{
		"new anouk":                           "--as is missing",
		"link anouk":                          "--as is missing",
		"lock anouk":                          "--as is missing",
		"remove anouk":                        "--as is missing",
		"sign-out anouk":                      "--as is missing",
		"roles anouk":                         "--as is missing",
		"roles a@b --as els":                  "that is not an id",
		"roles anouk --as els":                "take all of them away with --none",
		"roles a --none --role *=lead --as b": "--role and --none are two things",
		"roles anouk --as els --role kc=lead": `"kc" is not in`,
		"new a@b --as els":                    "that is not an id",
		"sign-out a@b --as els":               "that is not an id",
		"remove a~b --as els":                 "that is not an id",
		"new anouk --as els --role kcc":       "write TEAM=ROLE",
		"new anouk --as els --role kcc=boss":  "write TEAM=ROLE",
		"new anouk --as els --role kc=lead":   `"kc" is not in`,
		"new anouk --as els --role kcc=admin": "write *=admin",
		"new":                                 "accepts 1 arg",
		"nieuw":                               "did you mean new?",
	} {
		_, _, access, err := c.accounts(strings.Fields(args)...)
		require.ErrorContains(t, err, says, args)
		require.Equal(t, 1, exitCode(err), args)
		require.Empty(t, access, args)
	}
	without := atTheCounter(t)
	for _, args := range []string{"new anouk --as els", "link anouk --as els"} {
		_, _, _, err := without.accounts(strings.Fields(args)...)
		require.ErrorContains(t, err, "there are no local accounts in", args)
	}
	c.Redis.Kill()
	var out bytes.Buffer
	cmd := root(&out)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs([]string{"account", "--config", c.Path, "new", "anouk", "--as", "els"})
	require.Equal(t, exitStore, exitCode(cmd.ExecuteContext(t.Context())))
	c.Redis.Restart()
}

func TestALinkOfTheCommandOpensTheAccount(t *testing.T) {
	c := atTheDoor(t)
	out, _, _, err := c.accounts("new", "anouk", "--as", "els", "--json")
	require.NoError(t, err)
	var link firstRun
	require.NoError(t, json.Unmarshal([]byte(out), &link))
	a, _, err := c.Store.Account(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	require.NotContains(t, signin.EncodeAccount(a), strings.Split(link.Link, "~")[1], "only its hash is kept")

	at, err := url.Parse(link.Link)
	require.NoError(t, err)
	shown := &shownForms{}
	door, err := signin.New(signin.Options{
		Municipalities: func() []call.MunicipalityID { return []call.MunicipalityID{"deventer"} },
		Address:        &url.URL{Scheme: "http", Host: "127.0.0.1:8570"},
		Sessions:       c.Store.Sessions(), SignOuts: c.Store, Known: c.Store, People: c.Store,
		Local: &signin.Local{Accounts: c.Store, WithoutCode: true}, Idle: time.Minute, Most: time.Hour,
		Forms: shown, Meter: shown, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	role := staff.Person{
		ID: "anouk", Municipality: "deventer", Roles: map[call.TeamID]staff.Role{"kcc": staff.Lead},
	}
	require.NoError(t, c.Store.SavePerson(t.Context(), staff.FromPage, role)) // as the file has it
	const chosen = "vier paarden in de regen"
	opens := func(method string) int {
		form := url.Values{"password": {chosen}, "again": {chosen}}.Encode()
		r := httptest.NewRequestWithContext(t.Context(), method, at.Path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		door.Handler().ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusOK, opens(http.MethodGet))
	require.Equal(t, "anouk", shown.first.ID)
	require.Equal(t, http.StatusSeeOther, opens(http.MethodPost))
	require.Equal(t, http.StatusGone, opens(http.MethodGet), "it works once")
	a, _, err = c.Store.Account(t.Context(), "deventer", "anouk")
	require.NoError(t, err)
	require.Contains(t, a.Password, "$argon2id$")
}

// shownForms are forms of signing in of which only the last is looked at.
type shownForms struct{ first signin.FirstForm }

func (*shownForms) Render(context.Context, io.Writer) error               { return nil }
func (f *shownForms) SignIn(*http.Request, signin.SignInForm) signin.Page { return f }
func (f *shownForms) Code(*http.Request, signin.CodeForm) signin.Page     { return f }
func (f *shownForms) Told(*http.Request, signin.Told) signin.Page         { return f }
func (f *shownForms) First(_ *http.Request, form signin.FirstForm) signin.Page {
	f.first = form
	return f
}
func (*shownForms) SignedIn(signin.Way)     {}
func (*shownForms) Refused(signin.Reason)   {}
func (*shownForms) SignedOut(signin.Ending) {}

// Whoever left must not find their roles again when they get an account once more.
func TestARemovedAccountLeavesNoRoles(t *testing.T) {
	c := atTheDoor(t)
	_, _, _, err := c.accounts("new", "els", "--name", "Els Jansen", "--role", "*=admin", "--as", "cem")
	require.NoError(t, err)
	out, _, _, err := c.accounts("remove", "els", "--as", "cem")
	require.NoError(t, err)
	require.Equal(t, "els has no account any more, and no roles or phone from pages\n", out)
	_, problems, _, err := c.accounts("new", "els", "--as", "cem")
	require.NoError(t, err)
	require.Contains(t, problems, "els has no role in any team yet")
	known, err := c.Store.Person(t.Context(), "deventer", "els")
	require.NoError(t, err)
	require.Empty(t, known)
}

func TestRolesAreGivenAndTakenAtTheMachine(t *testing.T) {
	c := atTheDoor(t)
	before := staff.Person{
		ID: "els", Municipality: "deventer", Name: "Els Jansen", Phone: "PJSIP/els",
		Roles: map[call.TeamID]staff.Role{"*": staff.Admin},
	}
	require.NoError(t, c.Store.SavePerson(t.Context(), staff.FromPage, before))
	page := func() (staff.Person, bool) {
		known, err := c.Store.Person(t.Context(), "deventer", "els")
		require.NoError(t, err)
		p, ok := known[staff.FromPage]
		return p, ok
	}
	require.NoError(t, c.Store.SavePerson(t.Context(), staff.FromSignIn, staff.Person{
		ID: "piet", Municipality: "deventer", Roles: map[call.TeamID]staff.Role{"*": staff.Admin},
	}))
	out, _, access, err := c.accounts("roles", "Els", "--role", "kcc=lead", "--as", "cem")
	require.NoError(t, err)
	require.Equal(t, "els is given on pages: kcc=lead\n", out)
	require.Contains(t, access, `did="command account roles" person=els done=true`)
	after := before
	after.Roles = map[call.TeamID]staff.Role{"kcc": staff.Lead}
	is, _ := page()
	require.Equal(t, after, is, "in place of the earlier ones; the rest stays")
	_, _, _, err = c.accounts("roles", "els", "--none", "--as", "cem")
	require.NoError(t, err)
	is, _ = page()
	require.Empty(t, is.Roles)
	require.Equal(t, "PJSIP/els", is.Phone)

	past := redistest.Client(c.Redis.Addr)
	defer past.Close()
	require.NoError(t, past.HSet(t.Context(), "bereikbaar:{deventer}:people", "page:els", "?").Err())
	_, _, _, err = c.accounts("roles", "els", "--role", "kcc=agent", "--as", "cem")
	require.NoError(t, err, "what cannot be read is written anew")
	is, _ = page()
	require.Equal(t, map[call.TeamID]staff.Role{"kcc": staff.Agent}, is.Roles)
	_, _, _, err = c.accounts("roles", "els", "--none", "--as", "cem")
	require.NoError(t, err)
	_, there := page()
	require.False(t, there, "nothing is left to keep")
}

// The mend that the daemon's log names.
func TestABrokenAccountIsRemovedAndMadeAnew(t *testing.T) {
	c := atTheDoor(t)
	past := redistest.Client(c.Redis.Addr)
	defer past.Close()
	require.NoError(t, past.HSet(t.Context(), "bereikbaar:{deventer}:accounts", "anouk", "?").Err())
	_, _, _, err := c.accounts("new", "anouk", "--as", "els")
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, "bereikbaar account remove, bereikbaar account new")
	_, _, _, err = c.accounts("remove", "anouk", "--as", "els")
	require.NoError(t, err)
	_, _, _, err = c.accounts("new", "anouk", "--as", "els")
	require.NoError(t, err)
}

// A command that failed must not leave rights behind for an account that somebody else makes.
func TestACommandThatFailedGrantsNothing(t *testing.T) {
	c := atTheDoor(t)
	past := redistest.Client(c.Redis.Addr)
	defer past.Close()
	user := func(rules ...any) {
		require.NoError(t, past.Do(t.Context(), append([]any{"ACL", "SETUSER", redistest.User}, rules...)...).Err())
	}
	user("-evalsha", "-eval") // an account cannot be made
	var out bytes.Buffer
	cmd := root(&out)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs([]string{"account", "--config", c.Path, "new", "els", "--role", "*=admin", "--as", "cem"})
	require.Error(t, cmd.ExecuteContext(t.Context()))
	user("+evalsha", "+eval")
	known, err := c.Store.Person(t.Context(), "deventer", "els")
	require.NoError(t, err)
	require.Empty(t, known)
}

// Without an administrator nobody gives roles on pages any more: that is asked for, and told.
func TestTheLastAdministratorStaysOne(t *testing.T) {
	c := atTheDoor(t)
	_, problems, _, err := c.accounts("roles", "els", "--role", "*=admin", "--as", "cem")
	require.NoError(t, err)
	require.Empty(t, problems)
	_, _, _, err = c.accounts("roles", "els", "--role", "kcc=lead", "--as", "cem")
	require.ErrorIs(t, err, errLastAdmin)
	known, err := c.Store.Person(t.Context(), "deventer", "els")
	require.NoError(t, err)
	require.Equal(t, map[call.TeamID]staff.Role{"*": staff.Admin}, known[staff.FromPage].Roles)
	_, problems, _, err = c.accounts("roles", "anouk", "--role", "*=admin", "--as", "cem")
	require.NoError(t, err)
	require.Empty(t, problems)
	_, problems, _, err = c.accounts("roles", "els", "--role", "kcc=lead", "--as", "cem")
	require.NoError(t, err, "there is another")
	require.Empty(t, problems)
	_, problems, _, err = c.accounts("roles", "anouk", "--none", "--as", "cem")
	require.NoError(t, err)
	require.Contains(t, problems, "anouk was the last administrator")
}

func TestSomebodyWhomNobodyKnowsIsNotSignedOut(t *testing.T) {
	c := atTheDoor(t)
	out, _, _, err := c.accounts("sign-out", "anuok", "--as", "els")
	require.ErrorIs(t, err, errNobody)
	require.Equal(t, exitNoNote, exitCode(err))
	require.Empty(t, out)
	count, err := c.Store.SignedOut(t.Context(), "deventer", "anuok")
	require.NoError(t, err)
	require.Zero(t, count)
	require.NoError(t, c.Store.SavePerson(t.Context(), staff.FromSignIn, staff.Person{
		ID: "piet", Municipality: "deventer", Name: "Piet",
	}))
	_, _, _, err = c.accounts("new", "cem", "--as", "els")
	require.NoError(t, err)
	for _, id := range []string{"anouk", "piet", "cem"} { // of the file, a provider, and an account
		_, _, _, err = c.accounts("sign-out", id, "--as", "els")
		require.NoError(t, err, id)
	}
}
