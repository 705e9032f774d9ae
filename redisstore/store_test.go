package redisstore_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

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
	require.Equal(t, []note.Note{n}, byNumber)
	due, err := s.Due(ctx, deventer, team, 10)
	require.NoError(t, err)
	require.Equal(t, []note.Note{n}, due)
	events, err := s.Events(ctx, deventer, n.ID)
	require.NoError(t, err)
	require.Equal(t, []note.Event{note.Made(n, note.ByCaller)}, events)
	requireInvariants(t, raw(t, server.Addr))
}

func TestUnknownNotesAreNotFound(t *testing.T) {
	s := open(t, redistest.Start(t).Addr)
	n := promise(t, s)
	ctx := t.Context()
	_, err := s.Note(ctx, deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.ErrorIs(t, err, note.ErrNoNote)
	_, err = s.ByReference(ctx, deventer, "10000004")
	require.ErrorIs(t, err, note.ErrNoNote)
	_, err = s.Events(ctx, deventer, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.ErrorIs(t, err, note.ErrNoNote)
	_, err = s.Note(ctx, "raalte", n.ID)
	require.ErrorIs(t, err, note.ErrNoNote, "one municipality does not see another's notes")
	for name, list := range map[string]func() ([]note.Note, error){
		"another number": func() ([]note.Note, error) {
			return s.ByNumber(ctx, deventer, call.Number{E164: "+31612999999"}, 10)
		},
		"no number":         func() ([]note.Note, error) { return s.ByNumber(ctx, deventer, call.Withheld(), 10) },
		"another team":      func() ([]note.Note, error) { return s.Due(ctx, deventer, "kcc", 10) },
		"nothing asked":     func() ([]note.Note, error) { return s.Due(ctx, deventer, team, 0) },
		"less than nothing": func() ([]note.Note, error) { return s.Due(ctx, deventer, team, -1) },
	} {
		notes, err := list()
		require.NoError(t, err, name)
		require.Empty(t, notes, name)
	}
}

func TestListsAreInOrder(t *testing.T) {
	s := open(t, redistest.Start(t).Addr)
	one := request(t).Number
	var made []note.Note
	for _, hours := range []time.Duration{3, 1, 4, 2} {
		made = append(made, promise(t, s, func(r *callback.Request) {
			r.At = promised.Add(hours * time.Hour)
			r.Number, r.Subject = one, fmt.Sprint(hours) // of one caller, about several things
		}))
	}
	due, err := s.Due(t.Context(), deventer, team, 3)
	require.NoError(t, err)
	require.Equal(t, []note.Note{made[1], made[3], made[0]}, due, "first due first")
	byNumber, err := s.ByNumber(t.Context(), deventer, made[0].Number, 3)
	require.NoError(t, err)
	require.Equal(t, []note.Note{made[2], made[0], made[3]}, byNumber, "newest first")
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
		require.Equal(t, note.Count{Live: 2, Overdue: test.overdue, Made: 2}, counts[team], name)
		require.Len(t, counts, 2, name)
		require.Equal(t, int64(1), counts["kcc"].Made)
	}
}

func TestTwoMunicipalitiesKeepApart(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	r := request(t)
	here, _, err := service(s).Promise(t.Context(), r)
	require.NoError(t, err)
	r.Municipality = "olst-wijhe"
	there, _, err := service(s).Promise(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, here.ID, there.ID)
	for _, key := range keysIn(t, raw(t, server.Addr)) {
		require.Regexp(t, `^bereikbaar:\{(deventer|olst-wijhe)\}:`, key, "one ACL rule and one hash slot each")
		require.NotContains(t, key, digits, "no number in the name of a key")
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
	require.Less(t, time.Since(start), time.Second)
	require.ErrorIs(t, s.Ping(t.Context()), note.ErrStoreDown)
}

func TestPing(t *testing.T) {
	require.NoError(t, open(t, redistest.Start(t).Addr).Ping(t.Context()))
}

func TestOptionsPrintNoPassword(t *testing.T) {
	o := redisstore.Options{Addr: "127.0.0.1:6379", Username: "bereikbaar", Password: "geheim"}
	require.Equal(t, "bereikbaar@127.0.0.1:6379", o.LogValue().String())
}
