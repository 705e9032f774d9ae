package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// asProgram makes this test program the command itself.
const asProgram = "BEREIKBAAR_TEST_AS_PROGRAM"

// TestMain lets a test see the command as a shell does: its two streams, and how it ends.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main() // and exits
	}
	os.Exit(m.Run())
}

// shell runs the command in a process of its own.
func shell(t *testing.T, args ...string) (out, problems string, code int) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "BEREIKBAAR_ARI_PASSWORD=not-asked-for")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// Results go to standard output, for a pipe; problems go to standard error, where people see them all the same.
func TestResultsAndProblemsGoTheirOwnWays(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "prompts")
	path := townhall.Written(
		t, townhall.YAML, "agents:", "redis: {address: \"127.0.0.1:1\"}\nprompts: {directory: "+nowhere+"}\nagents:",
	)
	broken := townhall.Written(t, townhall.YAML, "members: [kcc1]}\n  parttime", "members: [kcc7]}\n  parttime")
	tests := map[string]struct {
		args          string
		code          int
		out, problems string // a part of what is printed there; empty for nothing at all
	}{
		"a configuration with warnings": {
			"check --config " + path, 0, "is valid: numbers 1", "no caller comes here",
		},
		"a configuration that is right":     {"check --config ../../deploy/bereikbaar.yaml", 0, "is valid: ", ""},
		"a configuration that is wrong":     {"check --config " + broken, 1, "", "kcc7"},
		"a configuration that is not there": {"check --config " + c404, 1, "", c404},
		"the version":                       {"version", 0, "bereikbaar ", ""},
		"help":                              {"help notes", 0, "Usage:", ""},
		"help that is asked for with -h":    {"prompts check -h", 0, "Usage:", ""},
		"a deadline":                        {"deadline --team kcc --config " + path, 0, "deadline  ", ""},
		"a deadline of no team":             {"deadline --team gone --config " + path, 1, "", "name one of kcc"},
		"the days of a month":               {"hours --team kcc --config " + path, 0, "09:00-17:00", ""},
		"a number":                          {"number 0612345678 --config " + path, 0, "mobile", ""},
		"a number of a broken plan":         {"number 112 --config " + broken, 1, "", "kcc7"},
		"a token": {
			"token new --name x --agent x --municipality deventer --teams kcc", 0, "bkb_", "",
		},
		"a token for a role that is none": {"token new --name x --role boss", 1, "", "--role: write one of"},
		"what a voice has to record":      {"prompts script nl --config " + path, 0, "welcome", ""},
		"prompts that are not there":      {"prompts check --config " + path, 1, "", "welcome"},
		"a doctor who finds things wrong": {"doctor --asterisk-etc " + nowhere + " --config " + c404, 1, c404, ""},
		"notes of a Redis that is away":   {"notes list --config " + path, exitStore, "", "bereikbaar: "},
		"a command that is none":          {"chekc", 1, "", "did you mean check"},
		"a flag that is none":             {"version --loud", 1, "", "unknown flag"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out, problems, code := shell(t, strings.Fields(test.args)...)
			require.Equal(t, test.code, code, "%s%s", out, problems)
			requirePrinted(t, test.out, out)
			requirePrinted(t, test.problems, problems)
		})
	}
}

func requirePrinted(t *testing.T, want, got string) {
	t.Helper()
	if want == "" {
		require.Empty(t, got)
		return
	}
	require.Contains(t, got, want)
}
