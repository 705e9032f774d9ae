package redisstore_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/redisstore/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The municipality and team of most tests.
const (
	deventer = call.MunicipalityID("deventer")
	team     = call.TeamID("burgerzaken")
	tag      = "bereikbaar:{deventer}:"
)

var promised = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// rules knows every team, allows Dutch numbers, and gives a day.
type rules struct{}

func (rules) Knows(call.TeamID) bool { return true }
func (rules) Policy(call.MunicipalityID) callback.Policy {
	return callback.Policy{Countries: []string{"NL"}}
}

func (rules) Deadline(_ call.TeamID, made time.Time) (time.Time, error) {
	return made.Add(24 * time.Hour), nil
}

func open(tb testing.TB, addr string) *redisstore.Store {
	tb.Helper()
	s := redisstore.Open(redisstore.Options{Addr: addr})
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

func service(s callback.Store) *callback.Service {
	return callback.NewService(s, rules{}, rules{}, nil)
}

// raw is a client beside ours, to look at and to spoil what is stored.
func raw(tb testing.TB, addr string) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

var nthCall atomic.Int64

// request asks for a note in a call of its own.
func request(tb testing.TB) callback.Request {
	tb.Helper()
	id := call.ID(fmt.Sprintf("1732300000.%d", nthCall.Add(1)))
	number, err := call.ParseNumber("0612345678")
	require.NoError(tb, err)
	return callback.Request{
		Key: callback.CallKey("pbx1", id), At: promised, Who: callback.ByCaller, Municipality: deventer, Team: team,
		Number: number, Shown: number, Language: "nl", Call: id, Subject: "paspoort", Reason: "Wanneer is het klaar?",
	}
}

func promise(tb testing.TB, s callback.Store, change ...func(*callback.Request)) callback.Note {
	tb.Helper()
	r := request(tb)
	for _, c := range change {
		c(&r)
	}
	n, err := service(s).Promise(context.Background(), r)
	for tries := 0; err != nil && strings.Contains(err.Error(), "does not answer in time") && tries < 20; tries++ {
		n, err = service(s).Promise(context.Background(), r) // the machine is busy; a caller asks again, too
	}
	require.NoError(tb, err)
	return n
}

func TestAPromiseIsFoundEveryWay(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	n := promise(t, s)
	ctx := t.Context()

	got, err := s.Note(ctx, deventer, n.ID)
	require.NoError(t, err)
	require.Equal(t, n, got)
	got, err = s.ByReference(ctx, deventer, n.Reference)
	require.NoError(t, err)
	require.Equal(t, n, got)
	byNumber, err := s.ByNumber(ctx, deventer, n.Number, 10)
	require.NoError(t, err)
	require.Equal(t, []callback.Note{n}, byNumber)
	due, err := s.Due(ctx, deventer, team, 10)
	require.NoError(t, err)
	require.Equal(t, []callback.Note{n}, due)
	events, err := s.Events(ctx, deventer, n.ID)
	require.NoError(t, err)
	require.Equal(t, []callback.Event{callback.Made(n, callback.ByCaller)}, events)
	requireInvariants(t, raw(t, server.Addr))
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s := open(t, redistest.Start(t).Addr)
	n := promise(t, s)
	ctx := t.Context()
	_, err := s.Note(ctx, deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.ErrorIs(t, err, callback.ErrNoNote)
	_, err = s.ByReference(ctx, deventer, "10000004")
	require.ErrorIs(t, err, callback.ErrNoNote)
	_, err = s.Events(ctx, deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.ErrorIs(t, err, callback.ErrNoNote)
	_, err = s.Note(ctx, "raalte", n.ID)
	require.ErrorIs(t, err, callback.ErrNoNote, "one municipality does not see another's notes")
	for name, list := range map[string]func() ([]callback.Note, error){
		"another number": func() ([]callback.Note, error) {
			return s.ByNumber(ctx, deventer, call.Number{E164: "+31612345679"}, 10)
		},
		"no number":         func() ([]callback.Note, error) { return s.ByNumber(ctx, deventer, call.Withheld(), 10) },
		"another team":      func() ([]callback.Note, error) { return s.Due(ctx, deventer, "kcc", 10) },
		"nothing asked":     func() ([]callback.Note, error) { return s.Due(ctx, deventer, team, 0) },
		"less than nothing": func() ([]callback.Note, error) { return s.Due(ctx, deventer, team, -1) },
	} {
		notes, err := list()
		require.NoError(t, err, name)
		require.Empty(t, notes, name)
	}
}

func TestListsAreInOrder(t *testing.T) {
	s := open(t, redistest.Start(t).Addr)
	var made []callback.Note
	for _, hours := range []time.Duration{3, 1, 4, 2} {
		made = append(made, promise(t, s, func(r *callback.Request) { r.At = promised.Add(hours * time.Hour) }))
	}
	due, err := s.Due(t.Context(), deventer, team, 3)
	require.NoError(t, err)
	require.Equal(t, []callback.Note{made[1], made[3], made[0]}, due, "first due first")
	byNumber, err := s.ByNumber(t.Context(), deventer, made[0].Number, 3)
	require.NoError(t, err)
	require.Equal(t, []callback.Note{made[2], made[0], made[3]}, byNumber, "newest first")
}

func TestCounts(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	counts, err := s.Counts(t.Context(), deventer, promised)
	require.NoError(t, err)
	require.Empty(t, counts)

	first := promise(t, s)
	promise(t, s, func(r *callback.Request) { r.At = promised.Add(time.Minute) })
	promise(t, s, func(r *callback.Request) { r.Team = "kcc" })
	promise(t, s, func(r *callback.Request) { r.Municipality = "raalte" })
	for name, test := range map[string]struct {
		now     time.Time
		overdue int64
	}{
		"at the deadline there is still time": {first.Deadline, 0},
		"a moment after it the first is late": {first.Deadline.Add(time.Millisecond), 1},
		"a day later both are":                {first.Deadline.Add(24 * time.Hour), 2},
	} {
		counts, err = s.Counts(t.Context(), deventer, test.now)
		require.NoError(t, err)
		require.Equal(t, callback.Count{Live: 2, Overdue: test.overdue, Made: 2}, counts[team], name)
		require.Len(t, counts, 2, name)
		require.Equal(t, int64(1), counts["kcc"].Made)
	}
}

func TestTwoMunicipalitiesKeepApart(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	r := request(t)
	here, err := service(s).Promise(t.Context(), r)
	require.NoError(t, err)
	r.Municipality = "olst-wijhe"
	there, err := service(s).Promise(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, here.ID, there.ID)
	for _, key := range keysIn(t, raw(t, server.Addr)) {
		require.Regexp(t, `^bereikbaar:\{(deventer|olst-wijhe)\}:`, key, "one ACL rule and one hash slot each")
		require.NotContains(t, key, "12345678", "no number in the name of a key")
	}
}

func TestNothingStoredExpires(t *testing.T) {
	server := redistest.Start(t)
	promise(t, open(t, server.Addr))
	c := raw(t, server.Addr)
	for _, key := range keysIn(t, c) {
		ttl, err := c.TTL(t.Context(), key).Result()
		require.NoError(t, err)
		require.Equal(t, time.Duration(-1), ttl, key)
	}
}

func TestOpenNeitherWaitsNorFailsWithoutRedis(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // an address where nobody will be
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	start := time.Now()
	s := open(t, listener.Addr().String())
	require.Less(t, time.Since(start), 100*time.Millisecond)
	require.ErrorIs(t, s.Ping(t.Context()), callback.ErrStoreDown)
}

func TestPing(t *testing.T) {
	require.NoError(t, open(t, redistest.Start(t).Addr).Ping(t.Context()))
}

func TestOptionsPrintNoPassword(t *testing.T) {
	o := redisstore.Options{Addr: "127.0.0.1:6379", Username: "bereikbaar", Password: "geheim"}
	require.Equal(t, "bereikbaar@127.0.0.1:6379", o.LogValue().String())
}

func keysIn(tb testing.TB, c *redis.Client) []string {
	tb.Helper()
	var keys []string
	scan := c.Scan(context.Background(), 0, "*", 1000).Iterator()
	for scan.Next(context.Background()) {
		keys = append(keys, scan.Val())
	}
	require.NoError(tb, scan.Err())
	slices.Sort(keys)
	return slices.Compact(keys)
}

// requireInvariants looks at everything that is stored for Deventer, past our own reading where it can, and checks what
// must be true after any fault (I2, I4, I5, and that every index agrees). It gives the notes.
func requireInvariants(tb testing.TB, c *redis.Client) map[callback.NoteID]callback.Note {
	tb.Helper()
	ctx := context.Background()
	notes := make(map[callback.NoteID]callback.Note)
	due := make(map[string]float64)
	byNumber := make(map[string]float64)
	for _, key := range keysIn(tb, c) {
		kind, _, _ := strings.Cut(strings.TrimPrefix(key, tag), ":")
		switch kind {
		case "note":
			n, err := callback.DecodeNote(c.HGetAll(ctx, key).Val())
			require.NoError(tb, err)
			notes[n.ID] = n
		case "due":
			for _, z := range c.ZRangeWithScores(ctx, key, 0, -1).Val() {
				require.NotContains(tb, due, z.Member, "I4: a live note is in one due list")
				due[z.Member.(string)] = z.Score
			}
		case "number":
			for _, z := range c.ZRangeWithScores(ctx, key, 0, -1).Val() {
				byNumber[z.Member.(string)] = z.Score
			}
		}
	}
	idem, references := c.HGetAll(ctx, tag+"idem").Val(), c.HGetAll(ctx, tag+"references").Val()
	require.Len(tb, idem, len(notes), "I2: as many keys as notes")
	require.Len(tb, references, len(notes))
	require.Len(tb, due, len(notes), "I4: every live note is due, and nothing else")
	require.Len(tb, byNumber, len(notes))
	for id, n := range notes {
		require.True(tb, n.State.Live())
		require.Equal(tb, string(id), idem[string(n.Key)])
		require.Equal(tb, string(id), references[string(n.Reference)])
		require.InDelta(tb, n.Deadline.UnixMilli(), due[string(id)], 0)
		require.InDelta(tb, n.Made.UnixMilli(), byNumber[string(id)], 0)
	}
	requireReplay(tb, c, notes)
	return notes
}

// requireReplay checks that the log, read from its beginning, leads to the notes (I5).
func requireReplay(tb testing.TB, c *redis.Client, notes map[callback.NoteID]callback.Note) {
	tb.Helper()
	replayed := make(map[callback.NoteID]callback.Note)
	madeBy := make(map[string]int)
	for _, entry := range c.XRange(context.Background(), tag+"log", "-", "+").Val() {
		fields := make(map[string]string)
		for name, value := range entry.Values {
			fields[name] = value.(string)
		}
		e, err := callback.DecodeEvent(fields)
		require.NoError(tb, err)
		replayed[e.Note], err = callback.Apply(replayed[e.Note], e)
		require.NoError(tb, err)
		madeBy["made:"+string(e.Made.Team)]++
	}
	require.Len(tb, replayed, len(notes))
	require.True(tb, maps.Equal(notes, replayed), "I5: the log replays to the hashes")
	ledger := make(map[string]string)
	for field, n := range madeBy {
		ledger[field] = fmt.Sprint(n)
	}
	require.Equal(tb, ledger, c.HGetAll(context.Background(), tag+"ledger").Val(), "the ledger balances")
}
