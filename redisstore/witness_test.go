package redisstore_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// attested looks several times, as a daemon does in as many minutes.
func attested(t *testing.T, s *redisstore.Store, p redisstore.Proof, looks int) redisstore.Proof {
	t.Helper()
	answers(t, s)
	for range looks {
		var err error
		p, err = s.Attest(t.Context(), p)
		require.NoError(t, err)
	}
	return p
}

// answers waits until no connection to the run before is left.
func answers(t *testing.T, s *redisstore.Store) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, 10*time.Second, time.Millisecond)
}

// loses takes the witness away and lets another run of the server answer, as a restart after which its log was not read
// does.
func loses(t *testing.T, server *redistest.Server) {
	t.Helper()
	server.Empty()
	server.Stop()
	server.Restart()
}

// The first look after a loss must leave it to be seen: by the next look, when its reply is lost, and by the other of
// two daemons.
func TestALossStaysToBeSeenUntilItIsKnown(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	s := open(t, proxy.Addr)
	mine := attested(t, s, redisstore.Proof{}, 5)
	theirs := attested(t, s, redisstore.Proof{}, 1)
	loses(t, server)

	script, err := os.ReadFile("witness.lua")
	require.NoError(t, err)
	require.NoError(t, raw(t, server.Addr).ScriptLoad(t.Context(), string(script)).Err())
	answers(t, s)
	proxy.LoseReply("evalsha")
	unanswered, err := s.Attest(t.Context(), mine)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.Equal(t, mine, unanswered)
	seen := attested(t, s, mine, 1)
	require.False(t, seen.Lost.IsZero())
	require.True(t, seen.Kept.IsZero())
	other := attested(t, s, theirs, 1)
	require.False(t, other.Lost.IsZero(), "the standby saw it too")

	server.Stop()
	server.Restart()
	for _, p := range []redisstore.Proof{seen, other} {
		p = attested(t, s, p, 1)
		require.True(t, p.Lost.IsZero())
		require.False(t, p.Kept.IsZero())
	}
}

// Two daemons, of which one stands by, count on from each other's number and see no loss where none is.
func TestTwoDaemonsShareTheWitness(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.Addr)
	var one, two redisstore.Proof
	for range 3 {
		one, two = attested(t, s, one, 3), attested(t, s, two, 1)
		server.Stop()
		server.Restart()
	}
	for _, p := range []redisstore.Proof{attested(t, s, one, 1), attested(t, s, two, 1)} {
		require.True(t, p.Lost.IsZero())
		require.False(t, p.Kept.IsZero())
	}
}

// A false alarm is as bad as a missed one: a restart at once after the first look, and in the midst of a rewrite of the
// log, loses nothing.
func TestTheWitnessGivesNoFalseAlarm(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			s, past := open(t, server.Addr), raw(t, server.Addr)
			var p redisstore.Proof
			for i, end := range []func(){server.Kill, server.Stop, server.Kill, server.Stop, server.Kill} {
				p = attested(t, s, p, 1)
				require.True(t, p.Lost.IsZero(), "%+v", p)
				require.Equal(t, i > 0, !p.Kept.IsZero(), "%+v", p)
				if i > 0 {
					require.NoError(t, past.BgRewriteAOF(t.Context()).Err())
				}
				end()
				server.Restart()
				answers(t, open(t, server.Addr))
				require.Eventually(
					t, func() bool { return past.Ping(t.Context()).Err() == nil }, 10*time.Second, time.Millisecond,
				)
			}
			p = attested(t, s, p, 1)
			require.True(t, p.Lost.IsZero(), "%+v", p)
		})
	}
}
