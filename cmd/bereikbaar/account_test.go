package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
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
}
