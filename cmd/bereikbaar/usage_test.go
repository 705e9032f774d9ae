package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// A command that does not exist fails, wherever in the tree it is asked for.
func TestACommandThatDoesNotExist(t *testing.T) {
	path := townhall.Written(t, townhall.YAML)
	for args, says := range map[string]string{
		"notes resolv":       "did you mean resolve?",
		"notes resolv 12345": "did you mean resolve?",
		"prompts foo":        "bereikbaar prompts has no command \"foo\": there are check, import, render, script",
		"token nieuw":        "There are new",
		"completion sh":      "bash",
		"notse":              "did you mean notes?",
		"help notse":         "did you mean notes?",
		"help notes resolv":  "did you mean resolve?",

		"notse --help":            "did you mean notes?",
		"notes resolv 12345 -h":   "did you mean resolve?",
		"notes -h resolv":         "did you mean resolve?",
		"notes --as x resolv":     "did you mean resolve?",
		"prompts foo --help":      "bereikbaar prompts has no command \"foo\"",
		"notes --json=x":          "invalid argument",
		"help notes list foo":     "bereikbaar notes list has no command \"foo\", nor any other",
		"help help foo":           "bereikbaar help has no command \"foo\"",
		"help completion bash sh": "bereikbaar completion bash has no command \"sh\"",
	} {
		_, err := run(t, path, strings.Fields(args)...)
		require.ErrorContains(t, err, says, args)
		require.Equal(t, 1, exitCode(err))
	}
	var parents func(cmd *cobra.Command)
	parents = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			parents(sub)
		}
		if cmd.HasSubCommands() {
			_, err := run(t, path, append(strings.Fields(cmd.CommandPath())[1:], "bestaat-niet")...)
			require.ErrorContains(t, err, "has no command", cmd.CommandPath())
		}
	}
	parents(root(nil))
	for _, args := range []string{
		"notes", "notes -h", "notes --as x --help", "help notes", "help notes resolve", "notes resolve --help",
	} {
		out, err := run(t, path, strings.Fields(args)...)
		require.NoError(t, err, args)
		require.Contains(t, out, "resolve", args)
	}
	var completed bytes.Buffer
	cmd := root(nil)
	cmd.SetOut(&completed)
	cmd.SetErr(&completed)
	cmd.SetArgs([]string{"__complete", "notes", "--as", "x", "res"})
	require.NoError(t, cmd.Execute())
	require.Contains(t, completed.String(), "resolve", "the shell still knows them")
}

// asks runs a command of notes with typed input, and gives its answer, its messages and its access log.
func (c *counter) asks(typed string, args ...string) (out, problems, access string, err error) {
	c.T.Helper()
	var outs, errs, lines bytes.Buffer
	require.Eventually(c.T, func() bool { // while a busy machine makes Redis slow
		outs.Reset()
		errs.Reset()
		lines.Reset()
		cmd := root(&lines)
		cmd.SetIn(strings.NewReader(typed))
		cmd.SetOut(&outs)
		cmd.SetErr(&errs)
		cmd.SetArgs(append([]string{"notes", "--config", c.Path}, args...))
		err = cmd.ExecuteContext(c.T.Context())
		return exitCode(err) != exitStore
	}, 30*time.Second, 10*time.Millisecond)
	return outs.String(), errs.String(), lines.String(), err
}

func TestANumberIsErasedFromStandardInput(t *testing.T) {
	c := atTheCounter(t)
	c.Note("kcc")
	out, _, access, err := c.asks("\ufeff06\u00a012345678\r\n", "erase", "--as", "els")
	require.NoError(t, err)
	require.Equal(t, "1 notes were erased\n", out)
	require.Contains(t, access, `as=els municipality=deventer did="command erase" count=1 done=true`)
	require.NotContains(t, access, "12345678")
	_, _, _, err = c.asks("0612345678\n0687654321\n", "erase", "--as", "els")
	require.ErrorContains(t, err, "write one number")
	_, _, _, err = c.asks("", "erase", "-", "--as", "els")
	require.ErrorContains(t, err, "empty")
}

func TestPresenceAndRefusedChangesAreWrittenToo(t *testing.T) {
	c := atTheCounter(t)
	n := c.Note("kcc")
	for args, line := range map[string]string{
		"absent kcc1 --as lead1":  `as=lead1 municipality=deventer did="command absent" colleague=kcc1 count=0 done=true`,
		"absent":                  `did="command absent" count=`,
		"present kcc1 --as lead1": `as=lead1 municipality=deventer did="command present" colleague=kcc1 done=true`,
		"claim " + string(n.ID) + " --as kcc1 --ver 7": `did="command claim" notes=` + string(n.ID) + " done=false",
		"reopen " + string(n.ID) + " --as kcc1":        `as=kcc1 municipality=deventer did="command reopen" notes=` + string(n.ID) + " done=false",
	} {
		_, _, access, _ := c.asks("", strings.Fields(args)...)
		require.Contains(t, access, line, args)
	}
}

func TestPeopleWhoDoNotExist(t *testing.T) {
	c := atTheCounter(t)
	id := string(c.Note("kcc").ID)
	for args, says := range map[string]string{
		"claim " + id + " --as nobody":                                  `"nobody" is nobody in`,
		"claim " + id + " --as kcc11":                                   "did you mean kcc1?",
		"absent onbekend --as kcc1":                                     `"onbekend" is nobody in`,
		"present onbekend --as kcc1":                                    `"onbekend" is nobody in`,
		"list --colleague onbekend":                                     `"onbekend" is nobody in`,
		"list --as " + strings.Repeat("a", 5000):                        "--as is not an id",
		"absent --as -x":                                                "--as is not an id",
		"comment " + id + " --text x --as " + strings.Repeat("a", 5000): "--as is not an id",
	} {
		_, _, _, err := c.asks("", strings.Fields(args)...)
		require.ErrorContains(t, err, says, args)
		require.Equal(t, 1, exitCode(err))
	}
	for _, args := range [][]string{{"comment", id, "--text", "x"}, {"show", id}, {"list"}} {
		_, _, access, err := c.asks("", append(args, "--as", "kcc1\nkcc2")...)
		require.ErrorContains(t, err, "--as is not an id", args)
		require.Empty(t, access)
	}
	require.Equal(t, note.Open, c.gives("show", id).State)
}

func TestAListSaysThatItIsCut(t *testing.T) {
	c := atTheCounter(t)
	c.Note("kcc")
	c.Note("kcc")
	for _, args := range []string{"list --limit 1", "list --limit 1 --team kcc", "list --limit 1 --json"} {
		_, problems, _, err := c.asks("", strings.Fields(args)...)
		require.NoError(t, err)
		require.Contains(t, problems, "there are more notes than these 1", args)
		require.Contains(t, problems, "--limit")
	}
	_, problems, _, err := c.asks("", "list", "--limit", "2")
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestNotesNeedNoPasswordOfARI(t *testing.T) {
	c := atTheCounter(t)
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "")
	t.Setenv("BEREIKBAAR_ARI_PASSWORD_FILE", "/nonexistent/ari")
	_, problems, _, err := c.asks("", "list")
	require.NoError(t, err, problems)
}

// The secrets of the pages and of who is told are looked at: a fault there is told, and the telephone goes on.
func TestCheckLooksAtTheSecretsOfParts(t *testing.T) {
	path := townhall.Written(t, townhall.YAML, "agents:", `notify:
  link: https://bel.deventer.nl
  webhooks:
    een: {url: "https://z.nl", secret_file: /nowhere/een}
    twee: {url: "https://z.nl", secret_file: /run/credentials/bereikbaar.service/twee}
agents:`)
	var out, problems bytes.Buffer
	cmd := root(nil)
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	cmd.SetArgs([]string{"check", "--config", path})
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	require.Contains(t, out.String(), "is valid")
	require.Regexp(
		t, `warning: \S+: notify.webhooks.een.secret_file: .*; until then this is switched off: the webhook een`,
		problems.String(),
	)
	require.Regexp(t, `not looked at: \S+: notify.webhooks.twee.secret_file: the password file`, problems.String())
}
