package redisstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// lives lead to every state by every event.
var lives = map[string][]func(note.Note) note.Event{
	"claimed and given back": {claims, releases},
	"claimed, renewed, tried, told and done": {
		claims, does(note.EventRenewed, note.ByAgent(els), forLease), rings, hears, reaches, resolves,
	},
	"given back in the middle of an attempt": {claims, rings, releases, claims, rings, reaches, resolves},
	"raised and merged to the top":           {raises, merges, raises, merges, claims, raises},
	"sent on twice, the second time to the contact centre": {
		does(note.EventRerouted, note.ByAgent(els), to("wmo")), claims,
		does(note.EventRerouted, note.ByAgent(els), to("kcc"), func(e *note.Event) { e.Owner = "kcc" }),
	},
	"warned, overdue, and settled in another call": {
		does(note.EventWarned, note.BySystem), claims, does(note.EventOverdue, note.BySystem),
		does(note.EventResolved, note.ByAgent(joost), asSettled),
	},
	"withdrawn while a colleague rings": {
		claims, rings, cancels, does(note.EventCommented, note.ByAgent(els), because("te laat")),
	},
	"opened again and done again": {cancels, reopens, claims, rings, reaches, resolves, reopens},
	"done and purged":             {claims, rings, reaches, resolves, purges},
	"withdrawn and purged":        {claims, cancels, purges},
}

var (
	raises = does(note.EventRaised, note.ByAgent(els))
	merges = does(note.EventMerged, note.ByCaller)
)

func TestALifeIsStoredStepByStep(t *testing.T) {
	for name, life := range lives {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s, c := open(t, server.Addr), raw(t, server.Addr)
			n := promise(t, s)
			for _, next := range life {
				e := next(n)
				after, err := insist(func() (note.Note, error) { return s.Advance(ctx, n, e) })
				require.NoError(t, err)
				storetest.RequireSame(t, after, requireInvariants(t, c)[n.ID], e.Kind)

				again, err := insist(func() (note.Note, error) { return s.Advance(ctx, n, e) })
				require.NoError(t, err, "%s, told twice", e.Kind)
				storetest.RequireSame(t, after, again)
				_, err = s.Advance(ctx, n, next(n))
				var stale *note.StaleError
				require.ErrorAs(t, err, &stale, "%s by another who saw the same", e.Kind)
				require.Equal(t, note.StaleError{Note: n.ID, Saw: n.Ver, Now: after.Ver}, *stale)
				storetest.RequireSame(t, after, requireInvariants(t, c)[n.ID], "nothing was changed")
				n = after
			}
		})
	}
}

func TestALeaseRunsByTheClockOfRedis(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	before := c.Time(ctx).Val().Truncate(time.Millisecond)
	n := advance(t, s, promise(t, s), claims)
	require.False(t, n.Lease.Before(before.Add(storetest.Lease)), "%s", n.Lease)
	require.False(t, n.Lease.After(c.Time(ctx).Val().Add(storetest.Lease)))
	lapsedNotes, err := s.Lapsed(ctx, deventer, 10)
	require.NoError(t, err)
	require.Empty(t, lapsedNotes)
	_, err = s.Advance(ctx, n, event(n, note.EventReleased, note.BySystem, lapsed))
	var held *note.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, note.HeldError{Note: n.ID, Until: n.Lease}, *held)

	advance(t, s, n, does(note.EventRenewed, note.ByAgent(els), func(e *note.Event) { e.Hold = time.Millisecond }))
	await(t, "the lease runs out", func() bool {
		lapsedNotes, err = s.Lapsed(ctx, deventer, 10)
		return err == nil && len(lapsedNotes) == 1
	})
	n = advance(t, s, lapsedNotes[0], does(note.EventReleased, note.BySystem, lapsed))
	require.Equal(t, note.Open, n.State)
	requireInvariants(t, c)
}

func TestAPersonalNoteIsInTheListOfItsColleague(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	personal := promise(t, s, func(r *callback.Request) { r.Personal = els })
	claimed := advance(t, s, promise(t, s, func(r *callback.Request) { r.At = r.At.Add(time.Second) }), claims)
	held, err := s.Held(ctx, deventer, els, 10)
	require.NoError(t, err)
	require.Equal(t, []note.Note{personal, claimed}, held)
	released, err := worklist(s).Absent(ctx, deventer, els, note.ByAgent(joost), promised)
	require.NoError(t, err)
	require.Equal(t, 2, released)
	held, err = s.Held(ctx, deventer, els, 10)
	require.NoError(t, err)
	require.Empty(t, held)
	requireInvariants(t, c)
}

func TestThePriorityOrdersNotesWithOneDeadline(t *testing.T) {
	s := open(t, redistest.Start(t).Addr)
	later := promise(t, s, func(r *callback.Request) { r.At = promised.Add(time.Millisecond) })
	plain, urgent := promise(t, s), promise(t, s)
	for range note.MaxPriority + 2 {
		urgent, later = advance(t, s, urgent, raises), advance(t, s, later, raises)
	}
	due, err := s.Due(ctx, deventer, team, 10)
	require.NoError(t, err)
	require.Equal(t, []note.Note{urgent, plain, later}, due, "no priority goes before an earlier deadline")
}

func TestOneLiveNoteForOneCallerTeamAndSubject(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	first := promise(t, s)
	again := request(t)
	again.Number, again.Shown = first.Number, first.Number
	draft := first
	draft.ID, draft.Key, draft.Reference = "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", "pbx1/x", "10000004"
	_, err := s.Make(ctx, note.Made(draft, note.ByCaller))
	var openErr *note.OpenError
	require.ErrorAs(t, err, &openErr)
	require.Equal(t, first, openErr.Note)
	merged, err := insist(func() (note.Note, error) { return storetest.Just(service(s).Promise(ctx, again)) })
	require.NoError(t, err)
	require.Equal(t, first.ID, merged.ID)
	require.Equal(t, 1, merged.Repeats)

	restored, err := s.Restore(ctx, note.Made(draft, note.ByCaller))
	require.NoError(t, err, "a confirmed note is kept beside any other")
	require.Len(t, requireInvariants(t, c), 2)
	advance(t, s, merged, cancels)
	_, err = s.Make(ctx, note.Made(withKey(draft, "01JD5V3Z5QXKZ9W7M2R4T6Y8AC", "pbx1/y"), note.ByCaller))
	require.ErrorAs(t, err, &openErr, "the restored one is still live")
	require.Equal(t, restored.ID, openErr.Note.ID)
	advance(t, s, restored, cancels)
	promise(t, s, func(r *callback.Request) { r.Number = first.Number })
	require.Len(t, requireInvariants(t, c), 3)
}

func withKey(n note.Note, id note.ID, key note.Key) note.Note {
	n.ID, n.Key = id, key
	return n
}

func TestTwoNotesWithOneReference(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	first, other := promise(t, s), promise(t, s)
	advance(t, s, other, cancels)
	twin := withKey(other, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", "pbx1/x")
	twin.Reference, twin.Made = first.Reference, first.Made.Add(time.Hour)
	restored, err := s.Restore(ctx, note.Made(twin, note.ByCaller))
	require.NoError(t, err)
	for _, step := range []struct {
		name   string
		change func()
		want   note.ID
	}{
		{"both live: the newest", func() {}, restored.ID},
		{"one live: that one", func() { restored = advance(t, s, restored, cancels) }, first.ID},
		{"one was removed: the other", func() { advance(t, s, restored, purges) }, first.ID},
	} {
		step.change()
		got, err := s.ByReference(ctx, deventer, first.Reference)
		require.NoError(t, err, step.name)
		require.Equal(t, step.want, got.ID, step.name)
	}
	requireInvariants(t, c)
}

// Purged data is in no list, no key and, once Redis has rewritten its log, on no disk.
func TestPurgedDataIsGone(t *testing.T) {
	server := redistest.Start(t, "rdbcompression no") // so that the test can read the file
	s, c := open(t, server.Addr), raw(t, server.Addr)
	const secret, comment = "Mijn dochter is ziek", "Belt liever na vieren"
	beside := promise(t, s)
	n := promise(t, s, func(r *callback.Request) { r.Reason, r.Personal = secret, els })
	promise(t, s)
	gone := advance(
		t, s, n, does(note.EventCommented, note.ByAgent(els), because(comment)), claims, rings, reaches, resolves,
		purges,
	)
	require.Equal(t, note.Purged, gone.State)
	storetest.RequireSame(t, gone, requireInvariants(t, c)[n.ID])

	_, err := s.ByReference(ctx, deventer, n.Reference)
	require.ErrorIs(t, err, note.ErrNoNote)
	found, err := s.ByNumber(ctx, deventer, n.Number, 10)
	require.NoError(t, err)
	require.Empty(t, found)
	events, err := s.Events(ctx, deventer, n.ID)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, note.EventPurged, events[0].Kind)

	rewrite(t, c)
	server.Kill()
	stored := files(t, server.Dir())
	require.Contains(t, stored, beside.Number.E164, "the others are in that file")
	for _, word := range []string{n.Number.E164, secret, comment, string(n.Key), string(els), string(n.Reference)} {
		require.NotContains(t, stored, word)
	}
	server.Restart()
	storetest.RequireSame(t, gone, requireInvariants(t, c)[n.ID])
}

// rewrite lets Redis write its log anew, and waits until it has.
func rewrite(t *testing.T, c *redis.Client) {
	t.Helper()
	require.NoError(t, c.BgRewriteAOF(ctx).Err())
	await(t, "the log is written anew", func() bool {
		return infoOf(t, c, "aof_rewrite_in_progress") == "0" && infoOf(t, c, "aof_rewrite_scheduled") == "0" &&
			infoOf(t, c, "aof_last_bgrewrite_status") == "ok"
	})
}

func files(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	paths, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*"))
	require.NoError(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

func TestAPurgedNoteIsRestoredAsPurged(t *testing.T) {
	for name, life := range map[string][]func(note.Note) note.Event{
		"done":      {claims, rings, reaches, resolves, reopens, cancels, reopens, claims, rings, reaches, resolves},
		"withdrawn": {does(note.EventRerouted, note.ByAgent(els), to("kcc")), cancels},
	} {
		t.Run(name, func(t *testing.T) {
			full := open(t, redistest.Start(t).Addr)
			n := advance(t, full, promise(t, full), life...)
			e := purges(n)
			gone := advance(t, full, n, func(note.Note) note.Event { return e })
			server := redistest.Start(t)
			empty := open(t, server.Addr)
			for range 2 { // a lost reply makes it twice
				restored, err := empty.Restore(ctx, e)
				require.NoError(t, err)
				storetest.RequireSame(t, gone, restored)
			}
			second := promise(t, empty)
			advance(t, empty, second, cancels, purges)
			require.Len(t, requireInvariants(t, raw(t, server.Addr)), 2)
		})
	}
}

func TestAdvanceRefusesUnreadableEvents(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := promise(t, s)
	before := dump(t, c)
	for name, e := range map[string]note.Event{
		"without an id":          event(n, note.EventRaised, note.ByCaller, func(e *note.Event) { e.ID = "" }),
		"without a time":         event(n, note.EventRaised, note.ByCaller, func(e *note.Event) { e.At = time.Time{} }),
		"by nobody":              event(n, note.EventRaised, ""),
		"with a cause of no use": event(n, note.EventRaised, note.ByCaller, func(e *note.Event) { e.Cause = "moe" }),
	} {
		_, err := s.Advance(ctx, n, e)
		require.ErrorIs(t, err, note.ErrBroken, name)
		require.Equal(t, before, dump(t, c), name)
	}
	_, err := s.Advance(ctx, withKey(n, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", n.Key), note.Event{
		ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AC", Note: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", Kind: note.EventRaised, Ver: 2,
		At: promised, Who: note.ByCaller,
	})
	require.ErrorIs(t, err, note.ErrNoNote)
}

// Redis does not undo a script that fails halfway: every fault must be found before the first write.
func TestAdvanceFindsBrokenContentBeforeItWrites(t *testing.T) {
	tests := map[string]struct {
		spoil func(c *redis.Client, n note.Note) error
		key   string
	}{
		"the due list": {
			func(c *redis.Client, _ note.Note) error { return spoilKey(c, "due:burgerzaken") }, "due:burgerzaken",
		},
		"the marks":    {func(c *redis.Client, _ note.Note) error { return spoilKey(c, "marks") }, "marks"},
		"the leases":   {func(c *redis.Client, _ note.Note) error { return spoilKey(c, "leases") }, "leases"},
		"the closed":   {func(c *redis.Client, _ note.Note) error { return spoilKey(c, "closed") }, "closed"},
		"the open":     {func(c *redis.Client, _ note.Note) error { return spoilKey(c, "open") }, "open"},
		"the ledger":   {func(c *redis.Client, _ note.Note) error { return spoilKey(c, "ledger") }, "ledger"},
		"the log":      {func(c *redis.Client, _ note.Note) error { return spoilKey(c, "log") }, "log"},
		"its own list": {func(c *redis.Client, _ note.Note) error { return spoilKey(c, "held:els") }, "held:els"},
		"the version of the note": {func(c *redis.Client, n note.Note) error {
			return c.HSet(ctx, tag+"note:"+string(n.ID), "ver", "two").Err()
		}, "note:"},
		"the lease of the note": {func(c *redis.Client, n note.Note) error {
			return c.HSet(ctx, tag+"note:"+string(n.ID), "lease", "soon").Err()
		}, "note:"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s, c := open(t, server.Addr), raw(t, server.Addr)
			n := advance(t, s, promise(t, s), claims)
			require.NoError(t, test.spoil(c, n))
			before := dump(t, c)
			_, err := s.Advance(ctx, n, cancels(n))
			require.ErrorIs(t, err, note.ErrBroken)
			require.ErrorContains(t, err, test.key)
			require.Equal(t, before, dump(t, c), "nothing was written")
		})
	}
	t.Run("the history of what is to be purged", func(t *testing.T) {
		server := redistest.Start(t)
		s, c := open(t, server.Addr), raw(t, server.Addr)
		n := advance(t, s, promise(t, s), cancels)
		require.NoError(t, c.HSet(ctx, tag+"note:"+string(n.ID), "log", "1-1 yesterday").Err())
		before := dump(t, c)
		_, err := s.Advance(ctx, n, purges(n))
		require.ErrorIs(t, err, note.ErrBroken)
		require.Equal(t, before, dump(t, c), "nothing was written")
	})
}

func spoilKey(c *redis.Client, key string) error {
	c.Del(ctx, tag+key)
	return c.Set(ctx, tag+key, "garbage", 0).Err()
}

// The audit is what every other test leans on: it must see each thing that can be wrong.
func TestTheAuditFindsEveryFault(t *testing.T) {
	const ghost = "01JD5V3Z5QXKZ9W7M2R4T6Y8AB"
	for name, spoil := range map[string]func(c *redis.Client, n note.Note) error{
		"a note in no due list": func(c *redis.Client, n note.Note) error {
			return c.ZRem(ctx, tag+"due:burgerzaken", string(n.ID)).Err()
		},
		"a note in two": func(
			c *redis.Client, n note.Note,
		) error {
			return add(c, "due:kcc", 1, string(n.ID))
		},
		"a deadline that moved": func(
			c *redis.Client, n note.Note,
		) error {
			return add(c, "due:burgerzaken", 1, string(n.ID))
		},
		"a note that is gone": func(
			c *redis.Client, n note.Note,
		) error {
			return c.Del(ctx, tag+"note:"+string(n.ID)).Err()
		},
		"a mark that is missing": func(
			c *redis.Client, n note.Note,
		) error {
			return c.ZRem(ctx, tag+"marks", string(n.ID)).Err()
		},
		"a lease that moved": func(
			c *redis.Client, n note.Note,
		) error {
			return add(c, "leases", 1, string(n.ID))
		},
		"another's claim": func(
			c *redis.Client, n note.Note,
		) error {
			return c.SAdd(ctx, tag+"held:joost", string(n.ID)).Err()
		},
		"a live note that is closed": func(
			c *redis.Client, n note.Note,
		) error {
			return add(c, "closed", 1, string(n.ID))
		},
		"a ghost in a list": func(c *redis.Client, _ note.Note) error { return add(c, "marks", 1, ghost) },
		"a key without a note": func(
			c *redis.Client, _ note.Note,
		) error {
			return c.HSet(ctx, tag+"idem", "k", ghost).Err()
		},
		"a reference that is lost": func(c *redis.Client, n note.Note) error {
			return c.HDel(ctx, tag+"references", string(n.Reference)).Err()
		},
		"a promise that is not guarded": func(
			c *redis.Client, _ note.Note,
		) error {
			return c.Del(ctx, tag+"open").Err()
		},
		"a count that is off": func(c *redis.Client, _ note.Note) error {
			return c.HIncrBy(ctx, tag+"ledger", "made:burgerzaken", 1).Err()
		},
		"a team that is forgotten": func(c *redis.Client, _ note.Note) error { return c.Del(ctx, tag+"teams").Err() },
		"a key that is not known": func(
			c *redis.Client, _ note.Note,
		) error {
			return c.Set(ctx, tag+"cache", "x", 0).Err()
		},
		"a field that changed": func(c *redis.Client, n note.Note) error {
			return c.HSet(ctx, tag+"note:"+string(n.ID), "subject", "x").Err()
		},
		"an event that is missing": func(c *redis.Client, _ note.Note) error {
			return c.XDel(ctx, tag+"log", c.XRevRangeN(ctx, tag+"log", "+", "-", 1).Val()[0].ID).Err()
		},
		"an event that is stored twice": func(c *redis.Client, _ note.Note) error {
			return c.XAdd(ctx, &redis.XAddArgs{
				Stream: tag + "log", Values: c.XRevRangeN(ctx, tag+"log", "+", "-", 1).Val()[0].Values,
			}).Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s, c := open(t, server.Addr), raw(t, server.Addr)
			n := advance(t, s, promise(t, s), claims)
			promise(t, s)
			requireInvariants(t, c)
			require.NoError(t, spoil(c, n))
			_, err := redistest.Audit(ctx, c, deventer)
			require.Error(t, err)
		})
	}
}

func add(c *redis.Client, key string, score float64, member string) error {
	return c.ZAdd(ctx, tag+key, redis.Z{Score: score, Member: member}).Err()
}
