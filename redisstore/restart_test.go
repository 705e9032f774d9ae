package redisstore_test

import (
	"net"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// Redis reads its log as its default user, and drops every transaction that this user may not run: with rights taken
// from it a plain restart lost all notes.
func TestConfirmedNotesAreThereAfterARestart(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			s, past := open(t, server.Addr), raw(t, server.Addr)
			n := promise(t, s)
			for _, end := range []func(){server.Stop, server.Kill, server.Stop} {
				n = advance(t, s, n, claims, releases)
				before := stored(t, past)
				end()
				server.Restart()
				require.Equal(t, before, stored(t, past))
				require.NotContains(t, server.Log(), "CRITICAL")
			}
			require.NoError(t, past.BgRewriteAOF(t.Context()).Err())
			awaitInfo(t, past, "aof_rewrite_in_progress", func(n int64) bool { return n == 0 })
			advance(t, s, n, cancels, purges)
			before := stored(t, past)
			server.Stop()
			server.Restart()
			require.Equal(t, before, stored(t, past))
		})
	}
}

// stored is all that is stored, when it is as it must be.
func stored(t *testing.T, past *redis.Client) redistest.Stored {
	t.Helper()
	all, err := redistest.Audit(t.Context(), past, deventer)
	require.NoError(t, err)
	return all
}

// The default user may do everything, and nobody can log in as it: a connection without a name is asked for one.
func TestNobodyComesInWithoutAName(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			server := redistest.StartKind(t, kind, "bind 127.0.0.1", "port "+port)
			promise(t, open(t, server.Addr))
			for _, addr := range []string{server.Addr, net.JoinHostPort("127.0.0.1", port)} {
				c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, Protocol: 2, DisableIdentity: true})
				t.Cleanup(func() { require.NoError(t, c.Close()) })
				for _, command := range [][]any{
					{"PING"},
					{"INFO"},
					{"DBSIZE"},
					{"GET", "x"},
					{"ACL", "WHOAMI"},
					{"ACL", "LIST"},
					{"CONFIG", "GET", "port"},
					{"EVAL", "return 1", "0"},
					{"SUBSCRIBE", "x"},
					{"PUBLISH", "x", "y"},
					{"COMMAND", "COUNT"},
					{"HELLO", "3"},
					{"MULTI"},
					{"CLIENT", "LIST"},
					{"MONITOR"},
					{"SHUTDOWN"},
					{"SYNC"},
					{"REPLCONF", "ACK", "0"},
					{"FLUSHALL"},
				} {
					require.ErrorContains(t, c.Do(t.Context(), command...).Err(), "NOAUTH", "%v at %s", command, addr)
				}
				for _, command := range [][]any{
					{"AUTH", ""},
					{"AUTH", "x"},
					{"AUTH", "default", ""},
					{"AUTH", "default", "x"},
					{"HELLO", "3", "AUTH", "default", ""},
					{"AUTH", redistest.User, ""},
				} {
					require.ErrorContains(
						t, c.Do(t.Context(), command...).Err(), "WRONGPASS", "%v at %s", command, addr,
					)
				}
			}
			require.Len(t, requireInvariants(t, raw(t, server.Addr)), 1, "and it still runs")
		})
	}
}
