package redisstore_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// shipped starts a Redis with the files of deploy/redis, as an operator installs them; change edits the rules of users.
func shipped(t *testing.T, change func(acl string) string) *redistest.Server {
	t.Helper()
	acl, err := redistest.ShippedUsers()
	require.NoError(t, err)
	require.NotContains(t, acl, "PUT-THE")
	server := redistest.Prepare(t, "", redistest.Redis)
	require.NoError(t, server.SetUsers(change(acl)))
	server.Restart()
	return server
}

func asShipped(acl string) string { return acl }

func clientAs(t *testing.T, addr, user, password string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Username: user, Password: password})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestTheShippedUserCanDoAllThatTheStoreDoes(t *testing.T) {
	server := shipped(t, asShipped)
	s := open(t, server.Addr)
	ctx := t.Context()
	require.Empty(t, s.Check(ctx), "the shipped files are as the check wants them")
	n := promise(t, s)
	closed := advance(t, s, n, claims, releases, does(note.EventRerouted, note.ByAgent(els), to("kcc")), cancels)
	advance(t, s, closed, purges)
	n = advance(t, s, promise(t, s), claims, rings, reaches, resolves, reopens)
	for _, list := range []func() ([]note.Note, error){
		func() ([]note.Note, error) { return s.Held(ctx, deventer, els, 5) },
		func() ([]note.Note, error) { return s.Lapsed(ctx, deventer, 5) },
		func() ([]note.Note, error) { return s.Marked(ctx, deventer, promised, 5) },
		func() ([]note.Note, error) { return s.ClosedBefore(ctx, deventer, promised, 5) },
	} {
		_, err := list()
		require.NoError(t, err)
	}
	_, err := s.ByReference(ctx, deventer, n.Reference)
	require.NoError(t, err)
	_, err = s.ByNumber(ctx, deventer, n.Number, 5)
	require.NoError(t, err)
	_, err = s.Due(ctx, deventer, team, 5)
	require.NoError(t, err)
	_, err = s.Events(ctx, deventer, n.ID)
	require.NoError(t, err)
	_, err = s.Counts(ctx, deventer, promised)
	require.NoError(t, err)
	_, err = s.Count(ctx, today, "1", dials("+31612345678"))
	require.NoError(t, err)
	require.NoError(t, s.SetAbsent(ctx, deventer, staff.Absence{Colleague: els, Since: promised, By: note.BySystem}))
	_, err = s.Absences(ctx, deventer)
	require.NoError(t, err)
	require.NoError(t, s.SetPresent(ctx, deventer, els))
	signIn(t, s)
	require.NoError(t, s.TakesWrites(ctx))
	_, _, err = s.Log(ctx, deventer, "", 10)
	require.NoError(t, err)
	_, err = s.Attest(ctx, redisstore.Proof{})
	require.NoError(t, err)
	operator := raw(t, server.Addr)
	require.NoError(t, operator.ScriptFlush(ctx).Err())
	promise(t, s)
	require.Len(t, requireInvariants(t, operator), 3)
	slow, err := operator.SlowLogGet(ctx, 10).Result()
	require.NoError(t, err)
	require.Empty(t, slow, "no caller's words in the slow log")
}

// signIn does all that signing in asks of the store.
func signIn(t *testing.T, s *redisstore.Store) {
	t.Helper()
	sessions, key := s.Sessions(), signin.SessionKey("x")
	require.NoError(t, sessions.CommitCtx(ctx, key, []byte("{}"), time.Now().Add(time.Minute)))
	require.NoError(t, sessions.Amend(ctx, key, []byte(`{"a":1}`)))
	require.NoError(t, sessions.Touch(ctx, key, time.Hour))
	data, left, found, err := sessions.Peek(ctx, key)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, `{"a":1}`, string(data))
	require.Greater(t, left, 59*time.Minute)
	require.NoError(t, sessions.DeleteCtx(ctx, key))
	_, found, err = sessions.FindCtx(ctx, key)
	require.NoError(t, err)
	require.False(t, found)
	a := signin.Account{Person: els, Municipality: deventer, Made: promised}
	require.NoError(t, s.ChangeAccount(ctx, nil, &a))
	_, err = s.Accounts(ctx, deventer)
	require.NoError(t, err)
	require.NoError(t, s.RemoveAccount(ctx, deventer, els))
	require.NoError(t, s.SignOut(ctx, deventer, els))
	_, err = s.SignedOut(ctx, deventer, els)
	require.NoError(t, err)
	require.NoError(t, s.SavePerson(ctx, staff.FromPage, staff.Person{ID: els, Municipality: deventer}))
	_, err = s.Person(ctx, deventer, els)
	require.NoError(t, err)
	_, err = s.People(ctx, deventer)
	require.NoError(t, err)
	require.NoError(t, s.RemovePerson(ctx, staff.FromPage, deventer, els))
}

func TestTheShippedUserWorksInAnotherDatabase(t *testing.T) {
	server := shipped(t, asShipped)
	s := redisstore.Open(redisstore.Options{
		Addr: server.Addr, Username: redistest.User, Password: redistest.Password, DB: 3,
	})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.Empty(t, s.Check(t.Context()))
	promise(t, s)
	require.Empty(t, keysIn(t, raw(t, server.Addr)), "nothing in database 0")
}

func TestTheShippedUserCanDoNothingElse(t *testing.T) {
	server := shipped(t, asShipped)
	promise(t, open(t, server.Addr))
	c := clientAs(t, server.Addr, redistest.User, redistest.Password)
	for _, command := range [][]any{
		{"FLUSHALL"},
		{"DEL", tag + "idem"},
		{"KEYS", "*"},
		{"SCAN", "0"},
		{"SET", "bereikbaar:x", "1"},
		{"CONFIG", "SET", "appendfsync", "no"},
		{"SHUTDOWN", "NOSAVE"},
		{"DEBUG", "SLEEP", "0"},
		{"ACL", "LIST"},
		{"REPLICAOF", "NO", "ONE"},
		{"SCRIPT", "FLUSH"},
		{"MONITOR"},
		{"SUBSCRIBE", "x"},
		{"EXPIRE", tag + "idem", "1"},
		{"EXPIRE", tag + "note:x", "1"},
		{"DEL", tag + "day:2026-11-20"},
		{"GET", "bereikbaar:x"},
		{"SET", tag + "session:x", "1"},
		{"DEL", tag + "accounts"},
		{"SCAN", "0", "MATCH", "bereikbaar:session:*"},
		{"HGET", "another:program", "x"},
		{"XTRIM", tag + "log", "MAXLEN", "0"},
		{"RENAME", tag + "idem", tag + "x"},
		{"EVAL", "return redis.call('DEL', KEYS[1])", "1", tag + "idem"},
	} {
		err := c.Do(t.Context(), command...).Err()
		require.Error(t, err, "%v", command)
		require.Regexp(
			t, `NOPERM|ACL failure|can't run this command|can't access at least one of the keys|DEBUG command not allowed`, err.Error(), "%v", command,
		)
	}
	require.ErrorContains(
		t, clientAs(t, server.Addr, "default", "").Ping(t.Context()).Err(), "NOAUTH", "nobody comes in without a name",
	)
}

// A script is not undone when a command in it is refused: with one right missing, half a note would stay.
func TestARightIsMissing(t *testing.T) {
	t.Parallel()
	t.Run("to let counts expire", func(t *testing.T) {
		server := shipped(
			t, func(acl string) string { return strings.Replace(acl, " (~bereikbaar:*:day:* +expire)", "", 1) },
		)
		s := open(t, server.Addr)
		_, err := s.Count(t.Context(), today, "1", dials("+31612345678"))
		require.ErrorIs(t, err, note.ErrStoreDown)
		require.ErrorContains(t, err, "lacks a right")
		require.Empty(t, keysIn(t, raw(t, server.Addr)), "nothing is written halfway")
		problems := s.Check(t.Context())
		require.Len(t, problems, 1)
		require.Contains(t, problems[0].String(), "EXPIRE")
	})
	t.Run("to keep sessions", func(t *testing.T) {
		server := shipped(t, func(acl string) string {
			return strings.Replace(acl, " (~bereikbaar:session:* +get +set +del +pttl +pexpire)", "", 1)
		})
		s := open(t, server.Addr)
		err := s.Sessions().Commit("x", []byte("{}"), time.Now().Add(time.Minute))
		require.ErrorIs(t, err, note.ErrStoreDown)
		require.ErrorContains(t, err, "lacks a right")
		promise(t, s)
		problems := s.Check(t.Context())
		require.Len(t, problems, 1)
		require.False(t, problems[0].Grave, "notes are safe")
		require.Contains(t, problems[0].String(), "GET, SET, DEL, PTTL, PEXPIRE")
	})
	for _, right := range []string{"xadd", "hset", "zadd", "sadd", "hincrby", "hget", "exists", "type"} {
		t.Run(right, func(t *testing.T) {
			server := shipped(t, func(acl string) string { return strings.Replace(acl, " +"+right+" ", " ", 1) })
			s := open(t, server.Addr)
			_, _, err := service(s).Promise(t.Context(), request(t))
			require.ErrorIs(t, err, note.ErrStoreDown)
			require.ErrorContains(t, err, "lacks a right")
			require.Empty(t, keysIn(t, raw(t, server.Addr)), "nothing is written halfway")
			problems := s.Check(t.Context())
			require.Len(t, problems, 1)
			require.True(t, problems[0].Grave)
			require.Contains(t, problems[0].String(), strings.ToUpper(right))
		})
	}
	for _, right := range []string{
		"xadd", "xdel", "hset", "hdel", "hget", "hmget", "zadd", "zrem", "sadd", "srem", "hincrby", "type", "time",
	} {
		t.Run(right+", to change a note", func(t *testing.T) { requireWholeWithout(t, right) })
	}
	t.Run("to ask for the configuration", func(t *testing.T) {
		server := shipped(t, func(acl string) string { return strings.Replace(acl, " +config|get ", " ", 1) })
		problems := open(t, server.Addr).Check(t.Context())
		require.Len(t, problems, 1)
		require.False(t, problems[0].Grave, "nothing is known to be wrong")
		require.Contains(t, problems[0].String(), "+config|get")
	})
}

// requireWholeWithout checks that every change is done as a whole or not at all when the daemon's user lacks a right,
// and that at least one is refused because of it.
func requireWholeWithout(t *testing.T, right string) {
	t.Helper()
	server := shipped(t, func(acl string) string { return strings.Replace(acl, " +"+right+" ", " ", 1) })
	operator := redisstore.Open(redisstore.Options{
		Addr: server.Addr, Username: redistest.Operator, Password: redistest.OperatorPassword,
	})
	t.Cleanup(func() { require.NoError(t, operator.Close()) })
	past, s := raw(t, server.Addr), open(t, server.Addr)
	refused := 0
	for _, life := range [][]func(note.Note) note.Event{
		{claims},
		{claims, releases},
		{claims, rings, reaches, resolves},
		{cancels, purges},
		{cancels, reopens},
		{does(note.EventRerouted, note.ByAgent(els), to("kcc"))},
	} {
		last := len(life) - 1
		n := advance(t, operator, promise(t, operator), life[:last]...)
		before := dump(t, past)
		if _, err := s.Advance(t.Context(), n, life[last](n)); err != nil {
			require.ErrorIs(t, err, note.ErrStoreDown)
			require.ErrorContains(t, err, "lacks a right")
			require.Equal(t, before, dump(t, past), "nothing is written halfway")
			refused++
		}
		requireInvariants(t, past)
	}
	require.NotZero(t, refused)
	problems := s.Check(t.Context())
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "right")
}

func TestTheShippedUsersNeedAPasswordPutIn(t *testing.T) {
	acl, err := os.ReadFile("../deploy/redis/users.acl")
	require.NoError(t, err)
	for line := range strings.Lines(string(acl)) {
		require.False(
			t, strings.Contains(line, "nopass") || strings.Contains(line, " >"),
			"a password that everybody can read: %s", line,
		)
	}
}
