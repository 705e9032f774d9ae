package redisstore_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// impostor answers INFO in place of Redis, as an attacker who took its port or broke into it.
func impostor(t *testing.T, info map[string]string) redisstore.Options {
	t.Helper()
	var text strings.Builder
	for name, value := range info {
		fmt.Fprintf(&text, "%s:%s\r\n", name, value)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerAs(conn, text.String())
		}
	}()
	return redistest.As(listener.Addr().String())
}

// answerAs answers INFO with a text, and all else as if it were done.
func answerAs(conn net.Conn, info string) {
	defer conn.Close()
	begins := false // the next line but one is the command
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := strings.ToLower(lines.Text())
		switch {
		case strings.HasPrefix(line, "*"):
			begins = true
		case !begins || strings.HasPrefix(line, "$"):
		case line == "hello":
			begins = false
			fmt.Fprint(conn, "-ERR unknown command\r\n")
		case line == "info":
			begins = false
			fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(info), info)
		default:
			begins = false
			fmt.Fprint(conn, "+OK\r\n")
		}
	}
}

// passesFor is a process that seems to run a program.
func passesFor(t *testing.T, program string) string {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	cmd := &exec.Cmd{Path: sleep, Args: []string{program, "60"}}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	})
	return strconv.Itoa(cmd.Process.Pid)
}

// The doctor runs as root. An impostor of Redis may name any file: none of them is run.
func TestARehearsalRunsNothingThatAnImpostorNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	done, program, config := filepath.Join(dir, "done"), filepath.Join(dir, "redis-server"), filepath.Join(
		dir, "redis.conf",
	)
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\ntouch "+done+"\n"), 0o755))
	require.NoError(t, os.WriteFile(config, []byte("port 0\n"), 0o644))
	pipe := filepath.Join(dir, "pipe.conf")
	require.NoError(t, syscall.Mkfifo(pipe, 0o644))
	shared := filepath.Join(dir, "shared")
	require.NoError(t, os.Mkdir(shared, 0o755))
	everybodys := filepath.Join(shared, "redis-server")
	require.NoError(t, os.Link(program, everybodys))
	require.NoError(t, os.Chmod(shared, 0o777)) //nolint:gosec // that is what is refused
	theirs := filepath.Join(dir, "theirs.conf")
	require.NoError(t, os.WriteFile(theirs, []byte("port 0\n"), 0o666)) //nolint:gosec // likewise
	require.NoError(t, os.Chmod(theirs, 0o666))                         //nolint:gosec // likewise
	genuine, err := exec.LookPath("redis-server")
	require.NoError(t, err)
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	for name, test := range map[string]struct{ program, config, says string }{
		"a program of their own":        {program, config, "is not what runs"},
		"one that everybody can change": {everybodys, config, "can be changed by others"},
		"another than they are":         {genuine, config, "is not what runs"},
		"a program that is no server":   {shell, config, "neither Redis nor Valkey"},
		"one that is found by its name": {"/nowhere/sh", config, "neither Redis nor Valkey"},
		"a file that others can change": {genuine, theirs, "can be changed by others"},
		"a pipe for a file":             {genuine, pipe, "is not"},
		"a file without its directory":  {genuine, "redis.conf", "without a configuration file"},
	} {
		t.Run(name, func(t *testing.T) {
			as := impostor(t, map[string]string{
				"executable": test.program, "config_file": test.config, "process_id": passesFor(t, test.program),
			})
			held := make(chan error, 1)
			go func() { held <- redisstore.Rehearsal{Running: as, Dir: t.TempDir()}.Hold(t.Context()) }()
			select {
			case err := <-held:
				require.NoFileExists(t, done, "it was run")
				require.ErrorIs(t, err, redisstore.ErrNotRehearsed)
				require.ErrorContains(t, err, test.says)
			case <-time.After(20 * time.Second):
				t.Fatal("it hangs")
			}
		})
	}
}

// A file that others can change may name modules, which are loaded.
func TestARehearsalNeedsFilesThatNobodyElseCanChange(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	require.NoError(t, os.Chmod(server.Dir(), 0o777)) //nolint:gosec // that is what is refused
	err := rehearses(t, server, redistest.As(server.Addr))
	require.ErrorIs(t, err, redisstore.ErrNotRehearsed)
	require.ErrorContains(t, err, server.Dir()+" can be changed by others")
	require.NoError(t, os.Chmod(server.Dir(), 0o700)) //nolint:gosec // a directory
	require.NoError(t, rehearses(t, server, redistest.As(server.Addr)))
}

// nobody is the account of processes without one of their own.
const nobody = 65534

// Redis's own user may change its file, and so what the rehearsal loads: it has the rights of that user, and no secret
// of ours.
func TestARehearsalHasTheRightsOfTheRedisThatRuns(t *testing.T) {
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "geheim")
	own := os.Geteuid()
	if own == 0 { // only root can be another
		own = nobody
	}
	server := redistest.Prepare(t, "", redistest.Redis)
	require.NoError(t, os.Mkdir(filepath.Join(server.Dir(), "tmp"), 0o755))
	require.NoError(t, server.Configure("port 0", "unixsocket "+server.Addr))
	require.NoError(t, filepath.WalkDir(server.Dir(), func(path string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		return os.Lchown(path, own, -1)
	}))
	cmd, err := server.Command()
	require.NoError(t, err)
	if own != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	})
	past := redis.NewClient(&redis.Options{
		Addr: server.Addr, Username: redistest.Operator, Password: redistest.OperatorPassword,
	})
	t.Cleanup(func() { require.NoError(t, past.Close()) })
	require.Eventually(
		t, func() bool { return past.Ping(t.Context()).Err() == nil }, 20*time.Second, 10*time.Millisecond,
	)

	as, seen := redistest.As(server.Addr), filepath.Join(server.Dir(), "tmp", "seen")
	require.NoError(t, redisstore.Rehearsal{Running: as}.Hold(t.Context()))
	looks := func(program string, args ...string) (*exec.Cmd, error) {
		return exec.Command(
			"sh", append([]string{"-c", `{ id -u; id -G; env; } >"$0"; exec "$@"`, seen, program}, args...)...,
		), nil
	}
	require.NoError(t, redisstore.Rehearsal{Running: as, Command: looks}.Hold(t.Context()))
	text, err := os.ReadFile(seen)
	require.NoError(t, err)
	lines := strings.SplitN(string(text), "\n", 3)
	require.Equal(t, strconv.Itoa(own), lines[0])
	if own == nobody {
		require.Equal(t, strconv.Itoa(nobody), lines[1], "no group of ours either")
	}
	require.NotContains(t, string(text), "geheim")
}
