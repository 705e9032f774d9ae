package rig

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// withoutDaemon is for the rig's own tests: Asterisk alone, with its fallback and three prompts.
func withoutDaemon(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "rendered", "nl"), 0o755))
	for i, id := range []string{"fallback", "not-reachable", "goodbye"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rendered", "nl", id+".alaw"), noise(uint32(i), 30), 0o644))
	}
	return Options{PromptsDir: dir, Without: []Part{ThePrompts, TheDaemon}}
}

// newRig starts a rig for one test. When the test fails its directory stays, and the log names it.
func newRig(t *testing.T, o Options) (*Rig, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	r, err := Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			r.Keep()
			t.Logf("logs and traces are in %s", r.Dir)
		}
		require.NoError(t, r.Close())
	})
	return r, ctx
}

func TestACallerIsHelpedByTheFallbackWhenTheDaemonIsAway(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	agent, err := r.Agent(ctx, "kcc1", Behaviour{RingFor: 300 * time.Millisecond})
	require.NoError(t, err)

	caller, err := r.Call(ctx, CallerOptions{})
	require.NoError(t, err)
	answered, err := caller.AwaitAnswer(ctx)
	require.NoError(t, err)
	require.Less(t, answered, time.Second)
	_, err = caller.AwaitPhrase(ctx, time.Time{}, true, "nl/fallback")
	require.NoError(t, err)

	_, err = agent.AwaitTalk(ctx, 1)
	require.NoError(t, err)
	require.Less(t, caller.Heard().Silence(), 0.5, "the waiting caller hears prompts or music")

	talk := time.Now()
	require.NoError(t, caller.Speak(ctx, Tone(440, time.Second)))
	require.NoError(t, agent.AwaitTone(ctx, talk, 440))
	require.NoError(t, agent.HangUp(ctx, 1))
	require.NoError(t, caller.AwaitEnd(ctx))
	require.False(t, caller.Leg().EndedByUs)
	require.NoError(t, r.Asterisk.AwaitIdle(ctx))

	errors, err := r.Asterisk.Messages("ERROR")
	require.NoError(t, err)
	require.Empty(t, errors)
}

func TestAnUnansweredFallbackCallerIsNeverLeftInSilence(t *testing.T) {
	t.Parallel()
	o := withoutDaemon(t)
	o.AsteriskExtra = map[string]string{"site/globals.conf": "BEREIKBAAR_FALLBACK_WAIT = 3"}
	r, ctx := newRig(t, o)
	_, err := r.Agent(ctx, "kcc1", Behaviour{Refuses: 486})
	require.NoError(t, err)
	_, err = r.Agent(ctx, "kcc2", Behaviour{Dead: true})
	require.NoError(t, err)

	caller, err := r.Call(ctx, CallerOptions{Withheld: true})
	require.NoError(t, err)
	require.NoError(t, caller.AwaitEnd(ctx))
	require.False(t, caller.Leg().EndedByUs)
	heard := names(caller.Phrases())
	require.Len(t, heard, 4)
	require.Equal(t, "nl/fallback", heard[0])
	require.Contains(t, heard[1], "music/")
	require.Equal(t, []string{"nl/not-reachable", "nl/goodbye"}, heard[2:])
	require.Less(t, caller.Heard().LongestSilence(), time.Second)
	require.NoError(t, r.Asterisk.AwaitIdle(ctx))
}

func TestAFallbackCallerHearsAsterisksOwnSoundsWithoutPrompts(t *testing.T) {
	t.Parallel()
	o := withoutDaemon(t)
	o.PromptsDir = t.TempDir()
	r, ctx := newRig(t, o)

	caller, err := r.Call(ctx, CallerOptions{})
	require.NoError(t, err)
	require.NoError(t, caller.AwaitSound(ctx, time.Time{}, time.Second))
	music, err := caller.AwaitPhrase(ctx, time.Time{}, false, "music")
	require.NoError(t, err)
	require.Greater(t, music.From.Sub(caller.Leg().Answered), time.Second, "there were words before the music")
}

func TestTwoRigsStandSideBySide(t *testing.T) {
	t.Parallel()
	one, ctx := newRig(t, withoutDaemon(t))
	two, _ := newRig(t, withoutDaemon(t))
	require.NotEqual(t, one.Asterisk.SIP, two.Asterisk.SIP)

	for _, r := range []*Rig{one, two} {
		caller, err := r.Call(ctx, CallerOptions{})
		require.NoError(t, err)
		_, err = caller.AwaitAnswer(ctx)
		require.NoError(t, err)
		calls, err := r.Asterisk.CLI(ctx, "core show calls")
		require.NoError(t, err)
		require.Contains(t, calls, "1 active call")
		require.NoError(t, caller.HangUp(ctx))
	}
}

func TestRedisKeepsWhatItConfirmedWhenItIsKilled(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, Options{Without: []Part{TheAsterisk, ThePrompts, TheDaemon}})
	for _, setting := range [][2]string{
		{"appendonly", "yes"}, {"appendfsync", "always"}, {"maxmemory-policy", "noeviction"},
	} {
		value, err := r.Redis.CLI(ctx, "CONFIG", "GET", setting[0])
		require.NoError(t, err)
		require.Equal(t, setting[0]+"\n"+setting[1], value)
	}
	_, err := r.Redis.CLI(ctx, "SET", "note", "promised")
	require.NoError(t, err)

	require.NoError(t, r.Redis.Kill())
	_, err = r.Redis.CLI(ctx, "GET", "note")
	require.Error(t, err, "it is gone")
	require.NoError(t, r.Redis.Restart(ctx))

	n, err := r.Redis.CLI(ctx, "GET", "note")
	require.NoError(t, err)
	require.Equal(t, "promised", n)
}

func TestADirectoryIsUsedAgainAndItsDataAreThere(t *testing.T) {
	t.Parallel()
	o := withoutDaemon(t)
	o.Dir, o.Prometheus = t.TempDir(), time.Second
	first, ctx := newRig(t, o)
	_, err := first.Agent(ctx, "kcc1", Behaviour{})
	require.NoError(t, err)
	_, err = first.Redis.CLI(ctx, "SET", "note", "promised")
	require.NoError(t, err)
	_, err = Start(ctx, o)
	require.ErrorContains(t, err, "in use")
	require.NoError(t, first.Close())

	second, _ := newRig(t, o)
	n, err := second.Redis.CLI(ctx, "GET", "note")
	require.NoError(t, err)
	require.Equal(t, "promised", n)
	_, err = second.Agent(ctx, "kcc1", Behaviour{})
	require.NoError(t, err)
}

func TestAsteriskComesBackAfterACrash(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	require.NoError(t, r.Asterisk.Kill())
	_, err := r.Asterisk.CLI(ctx, "core show channels")
	require.Error(t, err, "it is gone")
	require.NoError(t, r.Asterisk.Restart(ctx))

	caller, err := r.Call(ctx, CallerOptions{})
	require.NoError(t, err)
	_, err = caller.AwaitAnswer(ctx)
	require.NoError(t, err)
}

func TestAPartThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	without := []Part{ThePrompts, TheDaemon}
	for name, test := range map[string]struct {
		options Options
		reason  string
	}{
		"an address of another machine": {Options{Address: "192.0.2.1"}, "is the address one of this machine?"},
		"text for a file that is not shipped": {
			Options{AsteriskExtra: map[string]string{"nonsense.conf": ""}}, "no file of deploy/asterisk",
		},
		"a switch that ends at once": {
			Options{AsteriskExtra: map[string]string{"modules.conf": "require = no_such_module.so\n"}},
			"asterisk ended",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := test.options
			o.Without = without
			if o.Dir == "" {
				o.Dir = t.TempDir()
			}
			_, err := Start(t.Context(), o)
			require.ErrorContains(t, err, test.reason)
			require.Empty(t, processesUsing(t, o.Dir))
		})
	}
}

// helperVariable marks the helper process of TestNothingIsLeftBehind.
const helperVariable = "RIG_TEST_HELPER"

// TestMain lets this test program be the killed process of TestNothingIsLeftBehind.
func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "" {
		os.Exit(m.Run())
	}
	helper()
}

// helper starts a rig with a caller and an agent, names its directory, and waits to be killed.
func helper() {
	ctx := context.Background()
	r, err := Start(ctx, Options{Without: []Part{ThePrompts, TheDaemon}})
	if err == nil {
		_, err = r.Agent(ctx, "kcc1", Behaviour{})
	}
	if err == nil {
		_, err = r.Call(ctx, CallerOptions{})
	}
	if err != nil {
		os.Stdout.WriteString("error: " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString(r.Dir + "\n")
	select {}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	t.Run("after Close", func(t *testing.T) {
		ctx := t.Context()
		r, err := Start(ctx, withoutDaemon(t))
		require.NoError(t, err)
		_, err = r.Agent(ctx, "kcc1", Behaviour{})
		require.NoError(t, err)
		_, err = r.Call(ctx, CallerOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, processesUsing(t, r.Dir))

		require.NoError(t, r.Close())
		require.Empty(t, processesUsing(t, r.Dir))
		require.NoDirExists(t, r.Dir)
		require.NoError(t, r.Close(), "twice is once")
	})
	t.Run("after kill -9 of the process that started it", func(t *testing.T) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), helperVariable+"=1")
		output, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		dir, err := bufio.NewReader(output).ReadString('\n')
		require.NoError(t, err)
		dir = strings.TrimSpace(dir)
		require.DirExists(t, dir)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
		require.GreaterOrEqual(t, len(processesUsing(t, dir)), 4, "Redis, Asterisk, caller, agent")

		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		require.Eventually(
			t, func() bool { return len(processesUsing(t, dir)) == 0 }, 5*time.Second, 20*time.Millisecond,
		)
		mounts, err := os.ReadFile("/proc/self/mounts")
		require.NoError(t, err)
		require.NotContains(t, string(mounts), dir)
	})
}

// processesUsing are the processes whose working directory is under dir or that have it among their arguments.
func processesUsing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		arguments, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		cwd, _ := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		if strings.Contains(string(arguments), dir) || strings.Contains(cwd, dir) {
			found = append(found, strings.ReplaceAll(string(arguments), "\x00", " "))
		}
	}
	return found
}
