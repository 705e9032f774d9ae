package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// failoverLimit is how long a failover may take on a busy machine: a second for the sentinels to notice, and some for
// the election.
const failoverLimit = time.Minute

// pair is a primary with a replica, watched by three sentinels.
type pair struct{ *redistest.Replicated }

func startPair(t *testing.T) pair {
	t.Helper()
	return pair{redistest.StartReplicated(t, 2)}
}

func (p pair) open(t *testing.T) *redisstore.Store {
	t.Helper()
	s := redisstore.Open(p.As())
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// awaits waits until the store takes writes, looking as often as the daemon does.
func awaits(t *testing.T, s *redisstore.Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := s.Identity(ctx)
		return errors.Join(err, s.TakesWrites(ctx)) == nil
	}, failoverLimit, 50*time.Millisecond)
}

// keptBy puts a journal before a store, as the daemon has.
func keptBy(t *testing.T, s *redisstore.Store) *keeper.Keeper {
	t.Helper()
	return keeper.New(s, storetest.NewJournal(), &storetest.Observer{})
}

func TestAfterAFailoverTheNewPrimaryHasTheConfirmedNotes(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	s := p.open(t)
	k := keptBy(t, s)
	work := joined(k, s)
	before := promise(t, work)
	was, err := s.Identity(ctx)
	require.NoError(t, err)
	require.NoError(t, raw(t, p.Servers[0].Addr).Wait(ctx, 1, failoverLimit).Err())

	p.Servers[0].Kill()
	meanwhile := promise(t, work) // in the journal
	require.Equal(t, 1, k.Behind())
	awaits(t, s)
	is, err := s.Identity(ctx)
	require.NoError(t, err)
	require.NotEqual(t, was, is, "the identity shows that it is another one")
	_, err = k.CatchUp(ctx, "")
	require.NoError(t, err)
	require.Zero(t, k.Behind())
	after := promise(t, work)
	for _, n := range []note.Note{before, meanwhile, after} {
		got, err := s.Note(ctx, deventer, n.ID)
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	requireInvariants(t, raw(t, p.Servers[1].Addr))

	// The old one comes back and is made a replica; nothing goes to it.
	p.Servers[0].Restart()
	old := raw(t, p.Servers[0].Addr)
	require.Eventually(t, func() bool {
		return old.InfoMap(ctx, "replication").Val()["Replication"]["role"] == "slave"
	}, failoverLimit, 50*time.Millisecond)
	awaits(t, s)
	again := promise(t, s)
	require.NoError(t, raw(t, p.Servers[1].Addr).HGetAll(ctx, tag+"note:"+string(again.ID)).Err())
	require.Len(t, requireInvariants(t, raw(t, p.Servers[1].Addr)), 4)
}

// A primary that was frozen and comes back takes itself for one still, and confirms changes that it will drop. No
// connection to it may stay.
func TestAPrimaryThatWasReplacedIsLeft(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	s := p.open(t)
	for range 20 {
		promise(t, s)
	}
	p.Servers[0].Freeze()
	awaits(t, s)
	p.Servers[0].Thaw()
	n := promise(t, s)
	stored, err := raw(t, p.Servers[1].Addr).Exists(ctx, tag+"note:"+string(n.ID)).Result()
	require.NoError(t, err)
	require.Equal(t, int64(1), stored)
}

// Without sentinels the connections stay in use, and new ones are made to the last known primary.
func TestSentinelsThatAreAwayTakeNothingAway(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	s := p.open(t)
	promise(t, s)
	for _, other := range p.Sentinels[1:] {
		other.Kill()
	}
	fresh := p.open(t)
	promise(t, fresh)
	p.Sentinels[0].Freeze()
	require.NoError(t, raw(t, p.Servers[0].Addr).Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err())
	awaits(t, s)
	promise(t, s)
	p.Sentinels[0].Kill()
	nobody := p.open(t)
	err := nobody.Ping(ctx)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorContains(t, err, "do the sentinels run, and is redis.sentinel right")
}

func TestSentinelsThatRefuseUsSayWhy(t *testing.T) {
	port := redistest.Port(t)
	server := redistest.Start(t, fmt.Sprintf("port %d", port))
	sentinels := redistest.Sentinels(t, 1, port)
	for name, test := range map[string]struct {
		change func(o *redisstore.Sentinel)
		mend   string
	}{
		"no password": {
			func(o *redisstore.Sentinel) { o.Username, o.Password = "", "" }, "redis.sentinel.password_file",
		},
		"a wrong one":     {func(o *redisstore.Sentinel) { o.Password = "verkeerd" }, "redis.sentinel.password_file"},
		"another primary": {func(o *redisstore.Sentinel) { o.Master = "zwolle" }, "redis.sentinel.master"},
		"a plain redis": {
			func(o *redisstore.Sentinel) { o.Addrs = []string{fmt.Sprintf("127.0.0.1:%d", port)} }, "redis.sentinel",
		},
	} {
		o := redistest.As("")
		o.Sentinel = &redisstore.Sentinel{
			Addrs: []string{sentinels[0].Addr}, Master: redistest.Master, Username: redistest.User,
			Password: redistest.Password,
		}
		test.change(o.Sentinel)
		s := redisstore.Open(o)
		err := s.Ping(ctx)
		require.ErrorIs(t, err, note.ErrStoreDown, name)
		require.ErrorContains(t, err, test.mend, name)
		require.NotContains(t, err.Error(), redistest.Password, name)
		require.NoError(t, s.Close())
	}
	require.NoError(t, raw(t, server.Addr).Ping(ctx).Err())
}

// One sentinel that missed the failover is outvoted.
func TestASentinelThatWasCutOffIsOutvoted(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	p.Sentinels[0].Freeze()
	require.NoError(t, sentinel(t, p.Sentinels[1].Addr).Do(ctx, "SENTINEL", "FAILOVER", redistest.Master).Err())
	for _, other := range p.Sentinels[1:] {
		c := sentinel(t, other.Addr)
		require.Eventually(t, func() bool {
			said, err := c.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", redistest.Master).StringSlice()
			return err == nil && said[1] == fmt.Sprint(p.Ports[1])
		}, failoverLimit, 50*time.Millisecond)
	}
	s := p.open(t)
	awaits(t, s)
	n := promise(t, s)
	require.Equal(t, int64(1), raw(t, p.Servers[1].Addr).Exists(context.Background(), tag+"note:"+string(n.ID)).Val())
}

func sentinel(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redistest.SentinelClient(addr)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// With all that is shipped for several machines the check has nothing to say, before and after a failover; and nobody
// has more rights than a failover needs.
func TestAFailoverWithTheShippedFiles(t *testing.T) {
	t.Parallel()
	p := pair{redistest.StartReplicated(t, 3)}
	s := p.open(t)
	awaits(t, s)
	good := func() {
		var problems []redisstore.Problem
		require.Eventually(
			t, func() bool { problems = s.Check(ctx); return len(problems) == 0 }, failoverLimit, 100*time.Millisecond,
			"%v",
			problems,
		)
	}
	good()
	require.ErrorContains(
		t,
		clientAs(t, p.Sentinels[0].Addr, redistest.User, redistest.Password).Do(
			ctx, "SENTINEL", "FAILOVER", redistest.Master,
		).Err(),
		"NOPERM",
	)
	for _, user := range [][2]string{
		{redistest.Sentinel, redistest.SentinelPassword}, {"replica", redistest.ReplicaPassword},
	} {
		c := clientAs(t, p.Servers[0].Addr, user[0], user[1])
		require.ErrorContains(t, c.HGetAll(ctx, tag+"idem").Err(), "NOPERM")
		require.ErrorContains(t, c.Do(ctx, "FLUSHALL").Err(), "NOPERM")
	}
	k := keptBy(t, s)
	work := joined(k, s)
	before := promise(t, work)
	p.Servers[0].Kill()
	meanwhile := promise(t, work)
	awaits(t, s)
	catchUp(t, k)
	for _, n := range []note.Note{before, meanwhile, promise(t, work)} {
		_, err := insist(func() (note.Note, error) { return s.Note(ctx, deventer, n.ID) })
		require.NoError(t, err)
	}
	good()
	for _, server := range p.Servers {
		server.Kill()
	}
	require.Contains(t, fmt.Sprint(s.Check(ctx)), "connection")
}

// The check tells all that makes a failover unsafe before there is one.
func TestTheCheckLooksAtTheSentinels(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	s := p.open(t)
	awaits(t, s)
	require.Contains(t, fmt.Sprint(s.Check(ctx)), "min-replicas-to-write")
	require.NoError(t, raw(t, p.Servers[0].Addr).ConfigSet(ctx, "min-replicas-to-write", "1").Err())
	p.Sentinels[0].Kill()
	require.Contains(
		t, fmt.Sprint(s.Check(ctx)),
		"warning: sentinel "+p.Sentinels[0].Addr+": it does not say which Redis is the primary",
	)
	p.Servers[1].Kill()
	require.Eventually(
		t, func() bool { return strings.Contains(fmt.Sprint(s.Check(ctx)), "no replica follows the primary") },
		failoverLimit,
		100*time.Millisecond,
	)
	one := p.As()
	one.Sentinel.Addrs = one.Sentinel.Addrs[1:2]
	few := redisstore.Open(one)
	t.Cleanup(func() { require.NoError(t, few.Close()) })
	require.Contains(t, fmt.Sprint(few.Check(ctx)), "redis.sentinel.addresses: it names only 1")
}
