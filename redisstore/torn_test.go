package redisstore_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// A kill in the middle of a write leaves half a note in Redis's log. Redis itself would go on behind it, and bring it
// to life at the start after the next: so the log is cut at many places, and after each the notes must be whole for two
// starts.
func TestALogThatWasTornInTheMiddleOfANote(t *testing.T) {
	t.Parallel()
	// of about 2000 bytes; primes, so that they fall on every part of a command
	for kind, step := range map[redistest.Kind]int{
		redistest.Redis: 83, redistest.TestingRedis: 331, redistest.TestingValkey: 331,
	} {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			isWholeWhereverItIsTorn(t, redistest.StartKind(t, kind), step)
		})
	}
}

func isWholeWhereverItIsTorn(t *testing.T, server *redistest.Server, step int) {
	t.Helper()
	s := open(t, server.Addr)
	confirmed := promise(t, s)
	file := filepath.Join(server.Dir(), "appendonlydir", "appendonly.aof.1.incr.aof")
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	promise(t, s)
	both, err := os.ReadFile(file)
	require.NoError(t, err)
	for cut := len(first) + 1; cut < len(both); cut += step {
		server.Kill()
		require.NoError(t, os.WriteFile(file, both[:cut], 0o600))
		server.Restart()
		notes := requireInvariants(t, raw(t, server.Addr))
		require.Len(t, notes, 1, "cut at %d", cut)
		require.Equal(t, confirmed, notes[confirmed.ID])
		after := promise(t, open(t, server.Addr))
		server.Restart()
		notes = requireInvariants(t, raw(t, server.Addr))
		require.Len(t, notes, 2, "cut at %d", cut)
		require.Equal(t, after, notes[after.ID])
	}
}

// Wherever the last write is torn, in the line that ends it too, it is cut off and nothing else is.
func TestEveryTornEndIsCut(t *testing.T) {
	t.Parallel()
	for kind, all := range map[redistest.Kind]bool{
		redistest.Redis: true, redistest.TestingRedis: false, redistest.TestingValkey: false,
	} {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			file := filepath.Join(server.Dir(), "appendonlydir", "appendonly.aof.1.incr.aof")
			write := func() []byte {
				const twice = `redis.call('HSET', KEYS[1], 'f', 'v') return redis.call('XADD', KEYS[2], '*', 'f', 'EXEC')`
				require.NoError(t, raw(t, server.Addr).Eval(t.Context(), twice, []string{"h", "s"}).Err())
				log, err := os.ReadFile(file)
				require.NoError(t, err)
				return log
			}
			first, both := write(), write()
			server.Kill()
			const every, end = 29, 4 // bytes
			for cut := len(first) + 1; cut < len(both); cut++ {
				// to enter the private root takes a while
				if near := len(both)-cut <= end; !near && (!all || (len(both)-cut)%every != 0) {
					continue
				}
				require.NoError(t, os.WriteFile(file, both[:cut], 0o600))
				require.NoError(t, server.BeforeStart(), "%q", both[:cut])
				left, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, first, left, "%q", both[:cut])
			}
		})
	}
}

// Damage elsewhere is not cut: whole notes follow it.
func TestALogThatIsDamagedInItsMiddleIsLeftToPeople(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	promise(t, s)
	file := filepath.Join(server.Dir(), "appendonlydir", "appendonly.aof.1.incr.aof")
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	promise(t, s)
	promise(t, s)
	server.Kill()
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for name, damaged := range map[string][]byte{
		"half a note in the middle":  slices.Concat(first, whole[len(first):len(first)+700], whole[len(first):]),
		"a hole":                     slices.Concat(first, bytes.Repeat([]byte{0}, 512), whole[len(first)+512:]),
		"the first note is cut away": whole[700:],
	} {
		require.NoError(t, os.WriteFile(file, damaged, 0o600))
		out, err := exec.Command("../deploy/redis/before-start", server.Manifest()).CombinedOutput()
		require.Error(t, err, "%s: %s", name, out)
		require.Contains(t, string(out), "see redis-check-aof", name)
		after, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, damaged, after, "%s: nothing is touched", name)
	}
	t.Run("nor is a log that is not one", func(t *testing.T) {
		require.NoError(t, os.WriteFile(server.Manifest(), []byte("nonsense\n"), 0o600))
		out, err := exec.Command("../deploy/redis/before-start", server.Manifest()).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "restore it from a backup")
	})
}

// A log that was rewritten begins with a snapshot. Nothing of that is ever cut, and a server that cannot read it does
// not start.
func TestTheSnapshotThatALogBeginsWithIsNotCut(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			past := raw(t, server.Addr)
			n := promise(t, open(t, server.Addr))
			require.NoError(t, past.BgRewriteAOF(t.Context()).Err())
			awaitInfo(t, past, "aof_rewrite_in_progress", func(n int64) bool { return n == 0 })
			server.Restart()
			require.Equal(t, n, requireInvariants(t, past)[n.ID])

			server.Kill()
			file := filepath.Join(server.Dir(), "appendonlydir", "appendonly.aof.2.base.rdb")
			whole, err := os.ReadFile(file)
			require.NoError(t, err)
			half := whole[:len(whole)/2]
			require.NoError(t, os.WriteFile(file, half, 0o600))
			server.Begin()
			<-server.Ended()
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, half, after)
			require.NoError(t, os.WriteFile(file, whole, 0o600))
			server.Restart()
			require.Equal(t, n, requireInvariants(t, past)[n.ID])
		})
	}
}
