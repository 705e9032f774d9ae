package redisstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// manyJunk is more than any list or round asks for at a time.
const manyJunk = 300

// junk puts entries into a sorted set, before all others, that are no notes.
func junk(t *testing.T, c *redis.Client, key string) {
	t.Helper()
	entries := []redis.Z{
		{Score: -3, Member: "geen notitie"},
		{Score: -2, Member: ""},
		{Score: -1, Member: "\r\nOK\x1b[2J " + strings.Repeat("x", 5000)},
		{Score: 0, Member: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB"}, // as a note's id, and no note has it
		{Score: 0, Member: "+" + digits + "99999"},
	}
	for i := range manyJunk {
		entries = append(entries, redis.Z{Score: float64(i), Member: fmt.Sprint("junk", i)})
	}
	require.NoError(t, c.ZAdd(ctx, key, entries...).Err())
}

// requireJunkNamed checks that an error names the key and one entry, shortly, and nothing that may be somebody's
// number.
func requireJunkNamed(t *testing.T, err error, key string) {
	t.Helper()
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorIs(t, err, note.ErrIncomplete)
	require.ErrorContains(t, err, key)
	require.ErrorContains(t, err, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.Less(t, len(err.Error()), 2000)
	require.NotContains(t, err.Error(), digits)
	require.NotContains(t, err.Error(), "\x1b")
}

func TestJunkInAnIndexHidesNoNote(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := promise(t, s)
	held := advance(t, s, promise(t, s), func(n note.Note) note.Event {
		return event(n, note.EventClaimed, note.ByAgent(els), func(e *note.Event) { e.Hold = time.Millisecond })
	})
	closed := advance(t, s, promise(t, s), cancels)
	far := promised.AddDate(1, 0, 0)
	number := numberKey(t, c, n)
	for name, list := range map[string]struct {
		key  string
		read func(limit int) ([]note.Note, error)
		want note.ID
	}{
		"due": {
			"due:burgerzaken", func(most int) ([]note.Note, error) { return s.Due(ctx, deventer, team, most) }, n.ID,
		},
		"marks":  {"marks", func(most int) ([]note.Note, error) { return s.Marked(ctx, deventer, far, most) }, n.ID},
		"leases": {"leases", func(most int) ([]note.Note, error) { return s.Lapsed(ctx, deventer, most) }, held.ID},
		"closed": {
			"closed", func(most int) ([]note.Note, error) { return s.ClosedBefore(ctx, deventer, far, most) },
			closed.ID,
		},
		"numbers": {
			number, func(most int) ([]note.Note, error) { return s.ByNumber(ctx, deventer, n.Number, most) }, n.ID,
		},
	} {
		t.Run(name, func(t *testing.T) {
			junk(t, c, tag+list.key)
			for _, limit := range []int{1, 50, 200} {
				notes, err := list.read(limit)
				require.NotEmpty(t, notes, "at most %d: %v", limit, err)
				if limit > 1 { // what shares a deadline comes by its id
					require.True(t, slices.ContainsFunc(notes, func(n note.Note) bool { return n.ID == list.want }))
				}
				if name != "numbers" || limit > 1 { // the newest first: the note comes before the junk
					requireJunkNamed(t, err, tag+list.key)
				}
			}
			fault := faultOf(t, s, tag+list.key)
			require.Equal(t, strings.Split(list.key, ":")[0], fault.Index)
			require.GreaterOrEqual(t, fault.Entries, manyJunk)
			require.Contains(t, fault.Mend, "ZREM "+tag+list.key)
		})
	}
}

func faultOf(t *testing.T, s *redisstore.Store, key string) redisstore.Fault {
	t.Helper()
	for _, f := range s.Faults() {
		if f.Key == key {
			return f
		}
	}
	require.Fail(t, "no fault is known of "+key)
	return redisstore.Fault{}
}

// numberKey is the index by a note's number, without its tag.
func numberKey(t *testing.T, c *redis.Client, n note.Note) string {
	t.Helper()
	for _, key := range keysIn(t, c) {
		if strings.HasPrefix(key, tag+"number:") && c.ZScore(ctx, key, string(n.ID)).Err() == nil {
			return strings.TrimPrefix(key, tag)
		}
	}
	require.Fail(t, "the note has no index by number")
	return ""
}

func TestJunkInASetOfHeldNotes(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := advance(t, s, promise(t, s), claims)
	var entries []any
	for i := range manyJunk {
		entries = append(entries, fmt.Sprintf("00junk%d", i)) // before any id
	}
	entries = append(entries, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.NoError(t, c.SAdd(ctx, tag+"held:els", entries...).Err())
	notes, err := s.Held(ctx, deventer, els, 5)
	require.Equal(t, []note.Note{n}, notes)
	requireJunkNamed(t, err, tag+"held:els")
	require.Contains(t, faultOf(t, s, tag+"held:els").Mend, "SREM")
}

// A note in an index where it does not belong is junk there: another team would see it, and rounds would try it for
// ever.
func TestNotesInTheWrongIndex(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := promise(t, s)
	elsewhere := promise(t, s, func(r *callback.Request) { r.Team = "kcc" })
	closed := advance(t, s, promise(t, s), cancels)
	for _, key := range []string{"due:burgerzaken", "leases", "marks"} {
		require.NoError(t, c.ZAdd(ctx, tag+key, redis.Z{Score: 1, Member: string(closed.ID)}).Err())
	}
	require.NoError(t, c.ZAdd(ctx, tag+"due:burgerzaken", redis.Z{Score: 2, Member: string(elsewhere.ID)}).Err())
	require.NoError(t, c.ZAdd(ctx, tag+"closed", redis.Z{Score: 1, Member: string(n.ID)}).Err())

	due, err := s.Due(ctx, deventer, team, 1)
	require.Equal(t, []note.Note{n}, due)
	require.ErrorIs(t, err, note.ErrIncomplete)
	require.ErrorContains(t, err, string(closed.ID))
	require.ErrorContains(t, err, string(elsewhere.ID))
	lapsed, err := s.Lapsed(ctx, deventer, 5)
	require.Empty(t, lapsed)
	require.ErrorIs(t, err, note.ErrIncomplete)
	purgeable, err := s.ClosedBefore(ctx, deventer, promised.AddDate(1, 0, 0), 1)
	require.Equal(t, []note.Note{closed}, purgeable)
	require.ErrorIs(t, err, note.ErrIncomplete)
}

func TestTimePassesBesideJunk(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	work := worklist(s)
	open := promise(t, s)
	held := advance(t, s, promise(t, s), func(n note.Note) note.Event {
		return event(n, note.EventClaimed, note.ByAgent(els), func(e *note.Event) { e.Hold = time.Millisecond })
	})
	closed := advance(t, s, promise(t, s), cancels)
	for _, key := range []string{"due:burgerzaken", "marks", "leases", "closed"} {
		junk(t, c, tag+key)
	}
	late := promised.AddDate(3, 0, 0)
	round, err := work.RoundSince(ctx, deventer, late, time.Time{})
	require.ErrorIs(t, err, note.ErrIncomplete)
	require.Len(t, round.Lapsed, 1)
	require.Equal(t, held.ID, round.Lapsed[0].ID)
	require.Len(t, append(round.Warned, round.Overdue...), 2)
	require.Equal(t, 1, round.Purged)

	require.NoError(t, c.SAdd(ctx, tag+"teams", "archief").Err())
	require.NoError(t, c.Set(ctx, tag+"due:archief", "x", 0).Err()) // the first in order
	var live []note.ID
	err = s.EachLive(ctx, deventer, nil, func(notes []note.Note) error {
		for _, n := range notes {
			live = append(live, n.ID)
		}
		return nil
	})
	requireJunkNamed(t, err, tag+"due:")
	require.ElementsMatch(t, []note.ID{open.ID, held.ID}, live)

	junk(t, c, tag+numberKey(t, c, open))
	erased, err := work.Erase(ctx, deventer, open.Number, note.ByAgent(els), late)
	require.Equal(t, 1, erased)
	require.ErrorIs(t, err, note.ErrIncomplete, "the error says that something could not be read")
	n, err := s.Note(ctx, deventer, closed.ID)
	require.NoError(t, err)
	require.Equal(t, note.Purged, n.State)
}

func TestJunkInTheFieldsThatLeadToNotes(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n, other := promise(t, s), promise(t, s)
	field := onlyFieldWith(t, c, tag+"open", n.ID)

	require.NoError(
		t,
		c.HSet(
			ctx, tag+"references", string(n.Reference),
			"geen 01JD5V3Z5QXKZ9W7M2R4T6Y8AB "+string(other.ID)+" "+string(n.ID),
		).Err(),
	)
	found, err := s.ByReference(ctx, deventer, n.Reference)
	require.NoError(t, err, "the note that has the reference is there")
	require.Equal(t, n.ID, found.ID)
	require.Equal(t, "references", faultOf(t, s, tag+"references").Index)

	for name, ids := range map[string]string{
		"before the note": "geen " + string(n.ID), "another's note": string(other.ID) + " " + string(n.ID),
	} {
		require.NoError(t, c.HSet(ctx, tag+"open", field, ids).Err())
		again := request(t)
		again.Number, again.Shown = n.Number, n.Number
		same, _, err := service(s).Promise(ctx, again)
		require.NoError(t, err, name)
		require.Equal(t, n.ID, same.ID, name)
	}
	n = advance(t, s, must(s.Note(ctx, deventer, n.ID))(t), cancels)
	for name, ids := range map[string]string{"alone": "geen", "blank": " ", "a note that is closed": string(n.ID)} {
		require.NoError(t, c.HSet(ctx, tag+"open", field, ids).Err())
		anew := request(t)
		anew.Number, anew.Shown = n.Number, n.Number
		made, _, err := service(s).Promise(ctx, anew)
		require.NoError(t, err, "%s: who has no note gets one", name)
		require.NotEqual(t, n.ID, made.ID, name)
		advance(t, s, made, cancels)
	}
}

func must(n note.Note, err error) func(t *testing.T) note.Note {
	return func(t *testing.T) note.Note {
		t.Helper()
		require.NoError(t, err)
		return n
	}
}

func onlyFieldWith(t *testing.T, c *redis.Client, key string, id note.ID) string {
	t.Helper()
	for field, ids := range c.HGetAll(ctx, key).Val() {
		if ids == string(id) {
			return field
		}
	}
	require.Fail(t, "no field leads to the note")
	return ""
}

func TestCountsBesideBrokenKeys(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	promise(t, s)
	promise(t, s, func(r *callback.Request) { r.Team = "kcc" })
	promise(t, s, func(r *callback.Request) { r.Team = "archief" })
	require.NoError(t, c.Del(ctx, tag+"due:kcc").Err())
	require.NoError(t, c.Set(ctx, tag+"due:kcc", "x", 0).Err())
	require.NoError(t, c.HSet(ctx, tag+"ledger", "made:archief", "veel").Err())
	require.NoError(t, c.SAdd(ctx, tag+"teams", "geen team\r\n", "+"+digits+"99999").Err())
	counts, err := s.Counts(ctx, deventer, promised)
	require.Equal(t, map[note.Count]bool{{Live: 1, Made: 1}: true}, map[note.Count]bool{counts[team]: true})
	require.NotContains(t, counts, "geen team\r\n")
	var unknown *note.UncountedError
	require.ErrorAs(t, err, &unknown)
	require.ErrorIs(t, err, note.ErrBroken)
	require.ElementsMatch(t, []string{"kcc", "archief"}, []string{string(unknown.Teams[0]), string(unknown.Teams[1])})
	require.NotContains(t, err.Error(), digits)
	require.Equal(t, "teams", faultOf(t, s, tag+"teams").Index)
	teams, err := s.Teams(ctx, deventer)
	require.NoError(t, err)
	require.Len(t, teams, 3, "junk is not one of them")
}

func TestAHistoryWithUnreadableEvents(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := advance(t, s, promise(t, s), claims, releases)
	kept := tag + "note:" + string(n.ID)
	whole, err := s.Events(ctx, deventer, n.ID)
	require.NoError(t, err)
	entries := strings.Fields(c.HGet(ctx, kept, "log").Val())
	require.NoError(t, c.XDel(ctx, tag+"log", entries[1]).Err())
	require.NoError(t, c.HSet(ctx, kept, "log", strings.Join(append(entries, "yesterday"), " ")).Err())
	left, err := s.Events(ctx, deventer, n.ID)
	require.ErrorIs(t, err, note.ErrIncomplete)
	require.ErrorContains(t, err, tag+"log")
	require.ErrorContains(t, err, kept)
	require.Equal(t, []note.Event{whole[0], whole[2]}, left)
}

// A mended fault is gone, and a fault in keys that are seldom read is found by a survey.
func TestASurveyFindsFaultsUntilTheyAreMended(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := promise(t, s)
	require.NoError(t, s.Survey(ctx, deventer, nil))
	require.Empty(t, s.Faults())
	for _, key := range []string{"due:burgerzaken", "leases", "marks", "closed"} {
		junk(t, c, tag+key)
	}
	require.NoError(t, c.SAdd(ctx, tag+"held:joost", "x").Err())
	require.NoError(t, c.HSet(ctx, tag+"ledger", "made:kcc", "veel").Err())
	require.NoError(t, c.HSet(ctx, tag+"absent", "joost", "gisteren").Err())
	require.NoError(t, c.HSet(ctx, tag+"note:"+string(n.ID), "deadline", "ooit").Err())
	require.NoError(t, s.Survey(ctx, deventer, []call.AgentID{joost}))
	var found []string
	for _, f := range s.Faults() {
		found = append(found, f.Index)
		require.NotContains(t, f.String(), digits)
		require.NotEmpty(t, f.Mend, f.Key)
	}
	require.ElementsMatch(t, []string{"due", "leases", "marks", "closed", "held", "ledger", "absent", "note"}, found)

	for _, key := range []string{"leases", "closed", "held:joost", "ledger", "absent"} {
		require.NoError(t, c.Del(ctx, tag+key).Err())
	}
	for _, key := range []string{"due:burgerzaken", "marks"} {
		for _, member := range c.ZRange(ctx, tag+key, 0, -1).Val() {
			if member != string(n.ID) {
				require.NoError(t, c.ZRem(ctx, tag+key, member).Err())
			}
		}
	}
	require.NoError(
		t, c.HSet(ctx, tag+"note:"+string(n.ID), "deadline", n.Deadline.Format("2006-01-02T15:04:05.000Z")).Err(),
	)
	require.NoError(t, s.Survey(ctx, deventer, []call.AgentID{joost}))
	require.Empty(t, s.Faults())
}
