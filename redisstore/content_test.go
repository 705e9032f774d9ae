package redisstore_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// loaded is a random source that begins with what a test put in it, and goes on as it should.
func loaded(first ...[]byte) io.Reader {
	return io.MultiReader(bytes.NewReader(bytes.Join(first, nil)), rand.Reader)
}

func TestAReferenceThatIsTakenIsNotGivenAgain(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	idA, idB, low, high := make([]byte, 10), bytes.Repeat([]byte{1}, 10), make([]byte, 8), bytes.Repeat([]byte{0xff}, 8)
	drawing := func(random ...[]byte) (note.Note, error) {
		r := request(t)
		return insist(func() (note.Note, error) {
			return storetest.Just(
				callback.NewService(s, storetest.Rules{}, storetest.Rules{}, loaded(random...)).Promise(t.Context(), r),
			)
		})
	}
	first, err := drawing(idA, low)
	require.NoError(t, err)
	require.Equal(t, note.Reference("10000004"), first.Reference)
	second, err := drawing(idB, low, low, high)
	require.NoError(t, err)
	require.NotEqual(t, first.Reference, second.Reference)
	require.Len(t, requireInvariants(t, raw(t, server.Addr)), 2)

	t.Run("and one that is always taken is an error", func(t *testing.T) {
		_, err := drawing(bytes.Repeat([]byte{2}, 10), bytes.Repeat(low, 10))
		require.ErrorIs(t, err, note.ErrReferenceTaken)
		require.Len(t, requireInvariants(t, raw(t, server.Addr)), 2)
	})
	t.Run("and an id that exists is not written over", func(t *testing.T) {
		_, err := drawing(idA)
		require.ErrorIs(t, err, note.ErrBroken)
		require.ErrorContains(t, err, "exists already")
		require.Equal(t, first, requireInvariants(t, raw(t, server.Addr))[first.ID])
	})
}

// spoiled is one way in which a stored note can be broken, and the words that the error must have.
type spoiled struct {
	spoil func(c *redis.Client, n note.Note) error
	says  []string
}

func TestBrokenNotesAreNamedAndTheOthersStillRead(t *testing.T) {
	tests := map[string]spoiled{
		"a field is garbage": {func(c *redis.Client, n note.Note) error {
			return c.HSet(ctx, tag+"note:"+string(n.ID), "deadline", "soon").Err()
		}, []string{`field "deadline"`, "is not a time"}},
		"a field is gone": {func(c *redis.Client, n note.Note) error {
			return c.HDel(ctx, tag+"note:"+string(n.ID), "team").Err()
		}, []string{`field "team"`, "is missing"}},
		"a newer version wrote it": {func(c *redis.Client, n note.Note) error {
			return c.HSet(ctx, tag+"note:"+string(n.ID), "v", "2").Err()
		}, []string{`field "v"`, "another version"}},
		"it has another type": {func(c *redis.Client, n note.Note) error {
			c.Del(ctx, tag+"note:"+string(n.ID))
			return c.Set(ctx, tag+"note:"+string(n.ID), "x", 0).Err()
		}, []string{"the wrong type"}},
		"it is another note": {func(c *redis.Client, n note.Note) error {
			return c.HSet(ctx, tag+"note:"+string(n.ID), "id", "01JD5V3Z5QXKZ9W7M2R4T6Y8AB").Err()
		}, []string{"holds note 01JD5V3Z5QXKZ9W7M2R4T6Y8AB"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s, c := open(t, server.Addr), raw(t, server.Addr)
			bad := promise(t, s)
			good := promise(t, s, func(r *callback.Request) { r.Number, r.Subject = bad.Number, "rijbewijs" })
			require.NoError(t, test.spoil(c, bad))
			before := c.Dump(ctx, tag+"note:"+string(bad.ID)).Val()

			_, err := s.Note(ctx, deventer, bad.ID)
			requireBroken(t, err, bad, test.says)
			_, err = s.ByReference(ctx, deventer, bad.Reference)
			requireBroken(t, err, bad, test.says)
			for _, list := range []func() ([]note.Note, error){
				func() ([]note.Note, error) { return s.Due(ctx, deventer, team, 10) },
				func() ([]note.Note, error) { return s.ByNumber(ctx, deventer, good.Number, 10) },
			} {
				notes, err := list()
				requireBroken(t, err, bad, test.says)
				require.Equal(t, []note.Note{good}, notes)
			}
			r := request(t)
			r.Key, r.Call = bad.Key, bad.Call
			_, _, err = service(s).Promise(ctx, r)
			requireBroken(t, err, bad, test.says)
			require.Equal(t, before, c.Dump(ctx, tag+"note:"+string(bad.ID)).Val(), "nothing is lost by looking")
		})
	}
}

func requireBroken(t *testing.T, err error, n note.Note, says []string) {
	t.Helper()
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, tag+"note:"+string(n.ID))
	for _, s := range says {
		require.ErrorContains(t, err, s)
	}
	require.NotContains(t, err.Error(), digits)
}

func TestAMissingNoteThatAnIndexNamesIsBroken(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := promise(t, s)
	require.NoError(t, c.Del(ctx, tag+"note:"+string(n.ID)).Err())
	_, err := s.Due(ctx, deventer, team, 10)
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, tag+"due:burgerzaken")
	_, err = s.ByReference(ctx, deventer, n.Reference)
	require.ErrorIs(t, err, note.ErrBroken)
	r := request(t)
	r.Key = n.Key
	_, _, err = service(s).Promise(ctx, r)
	require.ErrorIs(t, err, note.ErrBroken, "a promise is not confirmed because of a key alone")
	_, err = s.Note(ctx, deventer, n.ID)
	require.ErrorIs(t, err, note.ErrNoNote)
}

func TestAReferenceThatLeadsToAnotherNote(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n, other := promise(t, s), promise(t, s)
	require.NoError(t, c.HSet(ctx, tag+"references", string(n.Reference), string(other.ID)).Err())
	_, err := s.ByReference(ctx, deventer, n.Reference)
	require.ErrorIs(t, err, note.ErrBroken, "nobody hears another's note")
}

func TestABrokenLogIsNamed(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	n := promise(t, s)
	kept := tag + "note:" + string(n.ID)
	garbage := c.XAdd(ctx, &redis.XAddArgs{Stream: tag + "log", Values: []string{"v", "1", "note", "x"}}).Val()
	for name, test := range map[string]struct{ entries, key string }{
		"an entry that is missing":   {"1-1", tag + "log"},
		"an entry that is garbage":   {garbage, tag + "log"},
		"an entry that is no id":     {"yesterday", kept},
		"several, the last of which": {c.HGet(ctx, kept, "log").Val() + " 1-1", tag + "log"},
	} {
		require.NoError(t, c.HSet(ctx, kept, "log", test.entries).Err())
		_, err := s.Events(ctx, deventer, n.ID)
		require.ErrorIs(t, err, note.ErrBroken, name)
		require.ErrorContains(t, err, test.key, name)
	}
}

// Redis does not undo a script that fails halfway: every fault must be found before the first write.
func TestMakeFindsBrokenIndexesBeforeItWrites(t *testing.T) {
	set := func(key string) func(c *redis.Client) error {
		return func(c *redis.Client) error { return c.Set(ctx, tag+key, "garbage", 0).Err() }
	}
	tests := map[string]struct {
		spoil func(c *redis.Client) error
		key   string
	}{
		"the due list":   {set("due:burgerzaken"), "due:burgerzaken"},
		"the keys":       {set("idem"), "idem"},
		"the references": {set("references"), "references"},
		"the teams":      {set("teams"), "teams"},
		"the ledger":     {set("ledger"), "ledger"},
		"the log":        {set("log"), "log"},
		"a count of the ledger": {func(c *redis.Client) error {
			return c.HSet(ctx, tag+"ledger", "made:burgerzaken", "many").Err()
		}, "ledger"},
		"a count that is full": {func(c *redis.Client) error {
			return c.HSet(ctx, tag+"ledger", "made:burgerzaken", "9223372036854775807").Err()
		}, "ledger"},
		"a log at its end": {func(c *redis.Client) error {
			return c.XAdd(ctx, &redis.XAddArgs{
				Stream: tag + "log", ID: "18446744073709551615-18446744073709551615", Values: []string{"a", "b"},
			}).Err()
		}, "make a note"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s, c := open(t, server.Addr), raw(t, server.Addr)
			require.NoError(t, test.spoil(c))
			before := dump(t, c)
			_, _, err := service(s).Promise(ctx, request(t))
			require.Error(t, err)
			require.ErrorContains(t, err, test.key)
			require.Equal(t, before, dump(t, c), "nothing was written")
		})
	}
}

func dump(t *testing.T, c *redis.Client) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, key := range keysIn(t, c) {
		all[key] = c.Dump(ctx, key).Val()
	}
	return all
}

func TestABrokenLedgerIsNamedAndTheRestIsCounted(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	promise(t, s)
	require.NoError(t, c.HSet(ctx, tag+"ledger", "resolved:kcc", "-3", "made:kcc", "many", "shared:kcc", "7").Err())
	counts, err := s.Counts(ctx, deventer, promised)
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, `field "made:kcc" is not a count`)
	require.ErrorContains(t, err, `field "resolved:kcc" is not a count`)
	require.Equal(t, note.Count{Live: 1, Made: 1}, counts[team])
	require.Zero(t, counts["kcc"], "a count of a newer version is left alone")
}

func TestCountsOfKeysWithAnotherType(t *testing.T) {
	for _, key := range []string{"teams", "ledger", "due:burgerzaken"} {
		t.Run(key, func(t *testing.T) {
			server := redistest.Start(t)
			s, c := open(t, server.Addr), raw(t, server.Addr)
			promise(t, s)
			require.NoError(t, c.Del(ctx, tag+key).Err())
			require.NoError(t, c.Set(ctx, tag+key, "x", 0).Err())
			_, err := s.Counts(ctx, deventer, promised)
			require.ErrorIs(t, err, note.ErrBroken)
			require.ErrorContains(t, err, tag+key)
		})
	}
}

func TestMakeRefusesAnEventThatBeginsNothing(t *testing.T) {
	s := open(t, redistest.Start(t).Addr)
	for name, e := range map[string]note.Event{
		"a claim":            {Kind: note.EventClaimed, Ver: 1, Who: note.ByAgent("els")},
		"without a note":     {Kind: note.EventMade, Ver: 1},
		"at a later version": {Kind: note.EventMade, Ver: 2, Base: &note.Note{}},
	} {
		_, err := s.Make(ctx, e)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, note.ErrStoreDown, name)
	}
}

func TestANoteThatCannotBeReadKeepsNoTeamFromTheExport(t *testing.T) {
	server := redistest.Start(t)
	s, c := open(t, server.Addr), raw(t, server.Addr)
	bad := promise(t, s)
	advance(t, s, bad, does(note.EventRerouted, note.ByAgent(els), to("archief"))) // the first in order
	require.NoError(t, c.HSet(ctx, tag+"note:"+string(bad.ID), "deadline", "soon").Err())
	good := promise(t, s)
	var read []note.ID
	err := s.EachLive(ctx, deventer, nil, func(notes []note.Note) error {
		for _, n := range notes {
			read = append(read, n.ID)
		}
		return nil
	})
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, string(bad.ID))
	require.Equal(t, []note.ID{good.ID}, read)
	teams, err := s.Teams(ctx, deventer)
	require.NoError(t, err)
	require.Equal(t, []call.TeamID{"archief", team}, teams)

	full := errors.New("nobody reads on")
	asked := 0
	err = s.EachLive(ctx, deventer, nil, func([]note.Note) error {
		asked++
		return full
	})
	require.ErrorIs(t, err, full)
	require.Equal(t, 1, asked)
}
