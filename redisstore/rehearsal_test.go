package redisstore_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// withoutLog are the rules of users with which Redis 7 and 8 may not run what they read from their own log.
func withoutLog(t *testing.T) string {
	t.Helper()
	good, err := redistest.ShippedUsers()
	require.NoError(t, err)
	bad := strings.Replace(
		good, "user default off resetpass ~* &* +@all", "user default off resetpass resetkeys resetchannels -@all", 1,
	)
	require.NotEqual(t, good, bad)
	return bad
}

// rehearses holds a rehearsal, and requires that nothing of it is left and that the running server was not touched.
func rehearses(t *testing.T, server *redistest.Server, as redisstore.Options) error {
	t.Helper()
	dir := filepath.Join(server.Dir(), "tmp") // a test's own, in the private root too
	require.NoError(t, os.MkdirAll(dir, 0o700))
	past := raw(t, server.Addr)
	keys, pid := keysIn(t, past), server.Pid()
	err := redisstore.Rehearsal{Running: as, Dir: dir, Command: server.Program}.Hold(t.Context())
	require.Equal(t, keys, keysIn(t, past))
	require.Equal(t, pid, server.Pid())
	left, readErr := os.ReadDir(dir)
	require.NoError(t, readErr)
	require.Empty(t, left)
	return err
}

func TestARehearsal(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			promise(t, open(t, server.Addr))
			require.NoError(t, rehearses(t, server, redistest.As(server.Addr)))
			require.NoError(t, server.SetUsers(withoutLog(t)))
			err := rehearses(t, server, redistest.As(server.Addr))
			if kind == redistest.TestingValkey { // it reads its log with all rights
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, redisstore.ErrForgets)
			require.ErrorContains(t, err, "as its user default")
		})
	}
}

// An operator's file must neither lead the throwaway server to the running one's place nor keep it from starting.
func TestARehearsalWithAnOperatorsOwnFile(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "own.conf")
	require.NoError(t, os.WriteFile(own, []byte("maxclients 100\n"), 0o600))
	for name, directives := range map[string][]string{
		"another file included":         {"include " + own},
		"a port":                        {"bind 127.0.0.1", "port " + freePort(t)},
		"a file for its process id":     {"pidfile " + filepath.Join(t.TempDir(), "pid")},
		"snapshots":                     {"save 3600 1"},
		"commands that are taken away":  {`rename-command FLUSHALL ""`, `rename-command DEBUG ""`},
		"no way to ask for its setting": {`rename-command CONFIG ""`},
		"a socket for a group":          {"unixsocketperm 770"},
		"supervised":                    {"supervised auto"},
		"another name of its log":       {"appendfilename notes.aof", "appenddirname notes"},
		"a limit to its memory":         {"maxmemory 100mb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, directives...)
			require.NoError(t, rehearses(t, server, redistest.As(server.Addr)))
		})
	}
}

// However it ends: its context is cancelled, or the one before it was killed.
func TestARehearsalLeavesNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	dir := filepath.Join(server.Dir(), "tmp")
	stale := filepath.Join(dir, "bereikbaar-rehearsal-1")
	require.NoError(t, os.MkdirAll(stale, 0o700))
	long := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(stale, long, long))
	for after := time.Millisecond; after < 300*time.Millisecond; after *= 3 {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		err := redisstore.Rehearsal{Running: redistest.As(server.Addr), Dir: dir}.Hold(ctx)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, redisstore.ErrNotRehearsed)
		}
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, l := range left { // it may not have begun
			require.Equal(t, filepath.Base(stale), l.Name())
		}
		programs, err := filepath.Glob("/proc/[0-9]*/cmdline")
		require.NoError(t, err)
		for _, program := range programs {
			line, err := os.ReadFile(program)
			require.False(t, err == nil && strings.Contains(string(line), dir), "%s runs", line)
		}
	}
	require.NoError(t, redisstore.Rehearsal{Running: redistest.As(server.Addr), Dir: dir}.Hold(t.Context()))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "nor of the one before")
}

// Over sentinels the way leads to the primary whatever address is asked for: the throwaway server is reached past them.
func TestARehearsalOfAPrimaryThatSentinelsName(t *testing.T) {
	t.Parallel()
	p := redistest.StartReplicated(t, 3)
	promise(t, pair{p}.open(t))
	require.NoError(t, rehearses(t, p.Servers[0], p.As()))
}

func TestARehearsalThatCannotBeHeldSaysWhy(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	wrong := redistest.As(server.Addr)
	wrong.Password = "mis"
	err := rehearses(t, server, wrong)
	require.ErrorIs(t, err, redisstore.ErrNotRehearsed)
	require.ErrorContains(t, err, "refuses the user or password")
	wrong.Username, wrong.Password = "", ""
	require.ErrorContains(t, rehearses(t, server, wrong), "BEREIKBAAR_REDIS_PASSWORD_FILE or redis.password_file")

	require.NoError(t, os.Rename(server.ConfigFile(), server.ConfigFile()+".away"))
	err = rehearses(t, server, redistest.As(server.Addr))
	require.ErrorIs(t, err, redisstore.ErrNotRehearsed)
	require.ErrorContains(t, err, "on another machine")

	require.NoError(t, os.WriteFile(server.ConfigFile(), []byte("nonsense yes\n"), 0o600))
	err = rehearses(t, server, redistest.As(server.Addr))
	require.ErrorIs(t, err, redisstore.ErrNotRehearsed)
	require.ErrorContains(t, err, "ended at once")
	require.ErrorIs(t, err, redisstore.ErrWouldNotStart)
	require.NoError(t, os.WriteFile(server.ConfigFile(), []byte("appendonly no\n"), 0o600))
	require.ErrorIs(
		t, rehearses(t, server, redistest.As(server.Addr)), redisstore.ErrNotRehearsed, "another than what runs",
	)
}

// What keeps the throwaway server from starting keeps the running one from its next start.
func TestARehearsalTellsOfUsersThatKeepRedisFromStarting(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			users, err := filepath.Glob(filepath.Join(server.Dir(), "*.acl"))
			require.NoError(t, err)
			require.Len(t, users, 1)
			text, err := os.ReadFile(users[0])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(users[0], append(text, "user els on +nonsense\n"...), 0o600))
			err = rehearses(t, server, redistest.As(server.Addr))
			require.ErrorIs(t, err, redisstore.ErrWouldNotStart)
			require.ErrorIs(t, err, redisstore.ErrNotRehearsed)
		})
	}
}
