package redisstore_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

func TestPeopleAreKeptBySource(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	known, err := s.Person(ctx, deventer, els)
	require.NoError(t, err)
	require.Empty(t, known)
	page := staff.Person{
		ID: els, Municipality: deventer, Name: "Els Jansen", Email: "els@deventer.nl", Language: "nl",
		Phone: "PJSIP/els",
		Roles: map[call.TeamID]staff.Role{"*": staff.Reader, team: staff.Lead},
	}
	said := staff.Person{ID: els, Municipality: deventer, Name: "Jansen, E."}
	require.NoError(t, s.SavePerson(ctx, staff.FromPage, page))
	require.NoError(t, s.SavePerson(ctx, staff.FromSignIn, said))
	require.NoError(t, s.SavePerson(ctx, staff.FromSignIn, staff.Person{ID: "cem.kaya", Municipality: deventer}))
	require.NoError(
		t, s.SavePerson(ctx, staff.FromPage, staff.Person{ID: els, Municipality: "raalte", Name: "another"}),
	)
	server.Kill()
	_, err = s.Person(ctx, deventer, els)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorIs(t, s.SavePerson(ctx, staff.FromPage, page), note.ErrStoreDown)
	server.Restart()
	require.Eventually(t, func() bool {
		known, err = s.Person(ctx, deventer, els)
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, map[staff.Source]staff.Person{staff.FromPage: page, staff.FromSignIn: said}, known)
	all, err := s.People(ctx, deventer)
	require.NoError(t, err)
	require.Equal(t, map[call.AgentID]map[staff.Source]staff.Person{
		els: known, "cem.kaya": {staff.FromSignIn: {ID: "cem.kaya", Municipality: deventer}},
	}, all)
	require.NoError(t, s.RemovePerson(ctx, staff.FromPage, deventer, els))
	require.NoError(t, s.RemovePerson(ctx, staff.FromPage, deventer, els), "once more does no harm")
	known, err = s.Person(ctx, deventer, els)
	require.NoError(t, err)
	require.Equal(t, map[staff.Source]staff.Person{staff.FromSignIn: said}, known)
	for _, bad := range []staff.Person{{ID: "a b", Municipality: deventer}, {ID: els}, {Municipality: deventer}} {
		require.Error(t, s.SavePerson(ctx, staff.FromPage, bad))
	}
	require.Error(t, s.SavePerson(ctx, staff.FromFile, page), "the file keeps its own")
	requireInvariants(t, past)
}

func TestAPersonWhoCannotBeRead(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	fine := staff.Person{ID: joost, Municipality: deventer, Roles: map[call.TeamID]staff.Role{team: staff.Agent}}
	require.NoError(t, s.SavePerson(ctx, staff.FromPage, fine))
	require.NoError(t, past.HSet(ctx, tag+"people", "page:els", "Els", "page:a b", "{}", "file:els", "{}").Err())
	all, err := s.People(ctx, deventer)
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorIs(t, err, note.ErrIncomplete)
	require.Equal(t, map[call.AgentID]map[staff.Source]staff.Person{joost: {staff.FromPage: fine}}, all)
	said := staff.Person{ID: els, Municipality: deventer, Name: "Els Jansen"}
	require.NoError(t, s.SavePerson(ctx, staff.FromSignIn, said))
	known, err := s.Person(ctx, deventer, els)
	require.ErrorIs(t, err, note.ErrBroken)
	require.Equal(t, map[staff.Source]staff.Person{staff.FromSignIn: said}, known, "what can be read")
	_, err = s.Person(ctx, deventer, joost)
	require.NoError(t, err, "what is broken is another's")
	_, err = redistest.Audit(ctx, past, deventer)
	require.ErrorContains(t, err, "key people: field page:els")
	require.ErrorContains(t, err, "key people: field file:els")
	faults := s.Faults()
	require.Len(t, faults, 1)
	require.Equal(t, "people", faults[0].Index)
	for _, text := range []string{"", "{}", `{"v":2}`, `{"v":1,"roles":{"a b":"lead"}}`, "[]"} {
		_, err := staff.DecodePerson(deventer, els, text)
		require.ErrorIs(t, err, note.ErrBroken, text)
	}
}

func TestAnAccountIsChangedOnlyAsItWasSeen(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	a := signin.Account{Person: els, Municipality: deventer, Made: promised, Secret: "ABC"}
	require.NoError(t, s.ChangeAccount(ctx, nil, &a))
	require.ErrorIs(t, s.ChangeAccount(ctx, nil, &a), signin.ErrChanged)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 10 { // who show one code at once
		all.Go(func() {
			after := a
			after.UsedStep = 7
			if s.ChangeAccount(ctx, &a, &after) == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	got, found, err := s.Account(ctx, deventer, els)
	require.NoError(t, err)
	require.True(t, found)
	require.EqualValues(t, 7, got.UsedStep)
	require.ErrorIs(t, s.ChangeAccount(ctx, &a, &a), signin.ErrChanged)
	other := got
	other.Person = joost
	require.Error(t, s.ChangeAccount(ctx, &got, &other), "an account keeps its person")
	require.NoError(t, past.HSet(ctx, tag+"accounts", "joost", "x", "a b", "{}").Err())
	accounts, err := s.Accounts(ctx, deventer)
	require.ErrorIs(t, err, note.ErrBroken)
	require.Equal(t, []signin.Account{got}, accounts)
	_, _, err = s.Account(ctx, deventer, joost)
	require.ErrorIs(t, err, note.ErrBroken)
	for _, id := range []call.AgentID{els, joost, "nobody"} {
		require.NoError(t, s.RemoveAccount(ctx, deventer, id))
		_, found, err = s.Account(ctx, deventer, id)
		require.NoError(t, err, "also one that was broken")
		require.False(t, found)
	}
	require.NoError(t, past.Del(ctx, tag+"accounts").Err())
	require.NoError(t, past.Set(ctx, tag+"accounts", "x", 0).Err())
	require.ErrorIs(t, s.ChangeAccount(ctx, nil, &a), note.ErrBroken)
	require.NoError(t, past.Del(ctx, tag+"accounts").Err())
	requireInvariants(t, past)
}

func TestASessionIsNeitherRevivedNorProlonged(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	sessions, hash := s.Sessions(), signin.SessionKey("a token")
	for name, act := range map[string]func() error{
		"touched": func() error { return sessions.Touch(ctx, hash, time.Hour) },
		"amended": func() error { return sessions.Amend(ctx, hash, []byte("{}")) },
		"over":    func() error { return sessions.Commit(hash, []byte("{}"), time.Now().Add(-time.Second)) },
		"deleted": func() error { return sessions.Delete(hash) },
	} {
		require.NoError(t, act(), name)
		require.Empty(t, keysIn(t, past), name)
	}
	require.NoError(t, sessions.Commit(hash, []byte(`{"a":1}`), time.Now().Add(time.Minute)))
	require.NoError(t, sessions.Amend(ctx, hash, []byte(`{"a":2}`)))
	data, left, found, err := sessions.Peek(ctx, hash)
	require.NoError(t, err)
	require.True(t, found)
	require.JSONEq(t, `{"a":2}`, string(data))
	require.InDelta(t, time.Minute, left, float64(10*time.Second))
	requireInvariants(t, past)
	require.NoError(t, past.Persist(ctx, "bereikbaar:session:"+hash).Err())
	require.NoError(t, past.Set(ctx, "bereikbaar:session:a-token", "x", time.Minute).Err())
	require.NoError(t, past.Set(ctx, "bereikbaar:what", "x", time.Minute).Err())
	_, err = redistest.Audit(ctx, past, deventer)
	require.ErrorContains(t, err, "a session that does not end")
	require.ErrorContains(t, err, "under something that is no hash")
	require.ErrorContains(t, err, "key bereikbaar:what is not known")
	require.Error(t, sessions.Amend(ctx, hash, make([]byte, 1<<20)))
	server.Kill()
	_, _, _, err = sessions.Peek(ctx, hash)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorIs(t, sessions.Touch(ctx, hash, time.Hour), note.ErrStoreDown)
}

func TestSigningOutIsCounted(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	for want := range int64(3) {
		count, err := s.SignedOut(ctx, deventer, els)
		require.NoError(t, err)
		require.Equal(t, want, count)
		require.NoError(t, s.SignOut(ctx, deventer, els))
	}
	count, err := s.SignedOut(ctx, deventer, joost)
	require.NoError(t, err)
	require.Zero(t, count)
	require.NoError(t, past.HSet(ctx, tag+"signed_out", "els", "often").Err())
	_, err = s.SignedOut(ctx, deventer, els)
	require.ErrorIs(t, err, note.ErrBroken, "and nobody is let in on it")
	require.Contains(t, redisstore.Indexes(), "signed_out")
}

func TestTheIndexOfNamesIsOneThatCanHaveFaults(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	require.NoError(t, past.ZAdd(ctx, tag+"names", redis.Z{Member: "els geen notitie"}).Err())
	_, err := s.ByName(ctx, deventer, "Els", 5)
	require.ErrorIs(t, err, note.ErrBroken)
	faults := s.Faults()
	require.Len(t, faults, 1)
	require.Contains(t, redisstore.Indexes(), faults[0].Index)
	require.Contains(t, faults[0].Mend, "ZREM "+tag+"names")
}
