package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

const slow = 150 * time.Millisecond // of a disk that hangs: less than what is waited for

// Row 3 of the fault matrix, for every event in the life of a note.
func TestReplyIsLostAfterAnEventWasStored(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	s, past := open(t, proxy.Addr), raw(t, server.Addr)
	advance(t, s, promise(t, s), raises) // Redis knows the script from here on
	held := make(map[note.EventKind]bool)
	for name, life := range lives {
		t.Run(name, func(t *testing.T) {
			n := promise(t, s)
			for _, next := range life {
				e := next(n)
				ask := func() (note.Note, error) { return s.Advance(ctx, n, e) }
				if held[e.Kind] {
					proxy.LoseReply("evalsha") // the store asks again by itself
				} else {
					held[e.Kind] = true
					proxy.HoldReply("evalsha")
					_, err := ask()
					require.ErrorIs(
						t, err, note.ErrStoreDown, "I8: %s is not confirmed before it is known to be stored", e.Kind,
					)
					require.Equal(t, n.Ver+1, requireInvariants(t, past)[n.ID].Ver, "the script did run")
				}
				after, err := storetest.Patiently(ask)
				require.NoError(t, err, e.Kind)
				require.Zero(t, proxy.Pending(), "the fault did happen")
				require.Equal(t, n.Ver+1, after.Ver, "one event")
				storetest.RequireSame(t, after, requireInvariants(t, past)[n.ID])
				n = after
			}
		})
	}
	require.Len(t, held, len(note.EventKinds())-1, "every event but made, which has a test of its own")
}

func TestAReplyIsLostAndAnotherCameFirst(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	s := open(t, proxy.Addr)
	advance(t, s, promise(t, s), raises) // Redis knows the script from here on
	n := promise(t, s)
	e := raises(n)
	proxy.HoldReply("evalsha")
	_, err := s.Advance(ctx, n, e)
	require.ErrorIs(t, err, note.ErrStoreDown)
	later := open(t, server.Addr)
	now := advance(t, later, requireInvariants(t, raw(t, server.Addr))[n.ID], raises, claims, raises)
	got, err := insist(func() (note.Note, error) { return s.Advance(ctx, n, e) })
	require.NoError(t, err, "it was stored, and others followed")
	storetest.RequireSame(t, now, got)
	_, err = s.Advance(ctx, n, raises(n))
	var stale *note.StaleError
	require.ErrorAs(t, err, &stale, "another event of the same moment is refused")
	storetest.RequireSame(t, now, requireInvariants(t, raw(t, server.Addr))[n.ID], "nothing was changed")
}

// Row 9 of the fault matrix.
func TestTroubleThatPassesWhileANoteIsWorked(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	s, past := open(t, proxy.Addr), raw(t, server.Addr)
	for _, trouble := range []string{
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"BUSY Redis is busy running a script.",
	} {
		t.Run(trouble, func(t *testing.T) {
			n := promise(t, s)
			proxy.Answer("evalsha", trouble)
			proxy.Answer("evalsha", trouble)
			n = advance(t, s, n, claims)
			require.Zero(t, proxy.Pending())
			storetest.RequireSame(t, n, requireInvariants(t, past)[n.ID])
		})
	}
	t.Run("scripts are forgotten", func(t *testing.T) {
		n := promise(t, s)
		for _, next := range []func(note.Note) note.Event{claims, rings, reaches, resolves, purges} {
			require.NoError(t, past.ScriptFlush(ctx).Err())
			n = advance(t, s, n, next)
		}
		storetest.RequireSame(t, n, requireInvariants(t, past)[n.ID])
	})
}

// Rows 1, 2, 8 and 9: an event that cannot be stored is refused in time, with a mend, and nothing was changed.
func TestANoteIsWorkedWhileRedisCannotStoreIt(t *testing.T) {
	for name, test := range map[string]struct {
		trouble func(t *testing.T, server *redistest.Server)
		over    func(t *testing.T, server *redistest.Server)
		says    string
	}{
		"it is away": {
			func(_ *testing.T, server *redistest.Server) { server.Kill() },
			func(_ *testing.T, server *redistest.Server) { server.Restart() }, "is Redis running",
		},
		"it is frozen": {
			func(_ *testing.T, server *redistest.Server) { server.Freeze() },
			func(_ *testing.T, server *redistest.Server) { server.Thaw() }, "frozen",
		},
		"it became a replica": {
			func(t *testing.T, server *redistest.Server) {
				require.NoError(t, raw(t, server.Addr).ReplicaOf(ctx, "127.0.0.1", "1").Err())
			},
			func(t *testing.T, server *redistest.Server) {
				require.NoError(t, raw(t, server.Addr).ReplicaOf(ctx, "NO", "ONE").Err())
			}, "read-only replica",
		},
		"its memory is full": {
			func(t *testing.T, server *redistest.Server) {
				require.NoError(t, raw(t, server.Addr).ConfigSet(ctx, "maxmemory", "1000000").Err())
			},
			func(t *testing.T, server *redistest.Server) {
				require.NoError(t, raw(t, server.Addr).ConfigSet(ctx, "maxmemory", "0").Err())
			}, "maxmemory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s := open(t, server.Addr)
			n := advance(t, s, promise(t, s), claims)
			e := rings(n)
			test.trouble(t, server)
			inTime(t, "an event that cannot be stored", func() error {
				_, err := s.Advance(ctx, n, e)
				if !errors.Is(err, note.ErrStoreDown) || !strings.Contains(err.Error(), test.says) {
					return fmt.Errorf("not the error that says %q: %w", test.says, err)
				}
				return nil
			})
			test.over(t, server)
			after, err := storetest.Patiently(func() (note.Note, error) { return s.Advance(ctx, n, e) })
			require.NoError(t, err)
			require.Equal(t, n.Ver+1, after.Ver)
			storetest.RequireSame(t, after, requireInvariants(t, raw(t, server.Addr))[n.ID])
		})
	}
}

// Row 5: the confirmation comes later.
func TestAnEventWaitsForASlowDisk(t *testing.T) {
	server := redistest.Start(t)
	server.SetDisk(slow)
	s := open(t, server.Addr)
	n := promise(t, s)
	start := time.Now()
	after := advance(t, s, n, claims)
	require.GreaterOrEqual(t, time.Since(start), slow, "nothing is confirmed before it is on the disk")
	storetest.RequireSame(t, after, requireInvariants(t, raw(t, server.Addr))[n.ID])
}
