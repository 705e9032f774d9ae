package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/callback/storetest"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/redisstore/redistest"
)

// failoverLimit is how long a failover may take on a busy machine: a second for the sentinels to notice, and some for the election.
const failoverLimit = time.Minute

// pair is a primary with a replica, watched by three sentinels that nobody needs a password for.
type pair struct{ *redistest.Replicated }

func startPair(t *testing.T) pair {
	t.Helper()
	p := redistest.StartReplicated(t, 2, redistest.User{})
	p.Watch("deventer", redistest.User{})
	return pair{p}
}

func (p pair) open(t *testing.T) *redisstore.Store {
	t.Helper()
	s := redisstore.Open(redisstore.Options{Sentinel: &redisstore.Sentinel{Addrs: p.Addrs(), Master: "deventer"}})
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
func keptBy(t *testing.T, s *redisstore.Store) *callback.Keeper {
	t.Helper()
	return callback.NewKeeper(s, storetest.NewJournal(), &storetest.Observer{})
}

func TestAfterAFailoverTheNewPrimaryHasWhatWasConfirmed(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	s := p.open(t)
	keeper := keptBy(t, s)
	before := promise(t, keeper)
	was, err := s.Identity(ctx)
	require.NoError(t, err)
	require.NoError(t, raw(t, p.Servers[0].Addr).Wait(ctx, 1, failoverLimit).Err())

	p.Servers[0].Kill()
	meanwhile := promise(t, keeper) // in the journal
	require.Equal(t, 1, keeper.Behind())
	awaits(t, s)
	is, err := s.Identity(ctx)
	require.NoError(t, err)
	require.NotEqual(t, was, is, "whoever looks sees that it is another one")
	_, err = keeper.CatchUp(ctx, "")
	require.NoError(t, err)
	require.Zero(t, keeper.Behind())
	after := promise(t, keeper)
	for _, n := range []callback.Note{before, meanwhile, after} {
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

// A primary that was frozen and comes back believes that it is one still, and confirms what it will throw away. Nobody may work on it.
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

// Connections that are there are worked on with no sentinel, and new ones are made to the primary that was known.
func TestSentinelsThatAreAwayTakeNothingAway(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	s := p.open(t)
	promise(t, s)
	for _, sentinel := range p.Sentinels[1:] {
		sentinel.Kill()
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
	require.ErrorIs(t, err, callback.ErrStoreDown)
	require.ErrorContains(t, err, "do the sentinels run, and is redis.sentinel right")
}

func TestSentinelsThatRefuseUsSayWhy(t *testing.T) {
	server := redistest.Start(t, fmt.Sprintf("port %d", redistest.Port(t)))
	port := portOf(t, server)
	sentinels := redistest.Sentinels(t, 1, "deventer", port, "requirepass een-lang-geheim")
	for name, test := range map[string]struct {
		change func(o *redisstore.Sentinel)
		mend   string
	}{
		"no password":     {func(o *redisstore.Sentinel) { o.Password = "" }, "redis.sentinel.password_file"},
		"a wrong one":     {func(o *redisstore.Sentinel) { o.Password = "verkeerd" }, "redis.sentinel.password_file"},
		"another primary": {func(o *redisstore.Sentinel) { o.Master = "zwolle" }, "redis.sentinel.master"},
		"a plain redis":   {func(o *redisstore.Sentinel) { o.Addrs, o.Password = []string{fmt.Sprintf("127.0.0.1:%d", port)}, "" }, "redis.sentinel"},
	} {
		o := redisstore.Sentinel{Addrs: []string{sentinels[0].Addr}, Master: "deventer", Password: "een-lang-geheim"}
		test.change(&o)
		s := redisstore.Open(redisstore.Options{Sentinel: &o})
		err := s.Ping(ctx)
		require.ErrorIs(t, err, callback.ErrStoreDown, name)
		require.ErrorContains(t, err, test.mend, name)
		require.NotContains(t, err.Error(), "geheim", name)
		require.NoError(t, s.Close())
	}
	s := redisstore.Open(redisstore.Options{Sentinel: &redisstore.Sentinel{Addrs: []string{sentinels[0].Addr}, Master: "deventer", Password: "een-lang-geheim"}})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	promise(t, s)
}

func portOf(t *testing.T, server *redistest.Server) int {
	t.Helper()
	var port int
	_, err := fmt.Sscan(raw(t, server.Addr).ConfigGet(ctx, "port").Val()["port"], &port)
	require.NoError(t, err)
	return port
}

// One sentinel that missed the failover is outvoted.
func TestASentinelThatWasCutOffIsOutvoted(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	p.Sentinels[0].Freeze()
	require.NoError(t, raw(t, p.Sentinels[1].Addr).Do(ctx, "SENTINEL", "FAILOVER", "deventer").Err())
	for _, sentinel := range p.Sentinels[1:] {
		c := raw(t, sentinel.Addr)
		require.Eventually(t, func() bool {
			said, err := c.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "deventer").StringSlice()
			return err == nil && said[1] == fmt.Sprint(p.Ports[1])
		}, failoverLimit, 50*time.Millisecond)
	}
	s := p.open(t)
	awaits(t, s)
	n := promise(t, s)
	require.Equal(t, int64(1), raw(t, p.Servers[1].Addr).Exists(context.Background(), tag+"note:"+string(n.ID)).Val())
}

// The very files that operators install for several machines: nobody has more rights than a failover needs, and it works.
func TestAFailoverWithTheShippedFiles(t *testing.T) {
	t.Parallel()
	const sentinelsPassword, replicasPassword = "van-de-sentinels", "van-de-replicas"
	fill := strings.NewReplacer(
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-BEREIKBAAR-HERE", hashed(ourPassword),
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-THE-OPERATORS-HERE", hashed(operatorsPassword),
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-THE-SENTINELS-HERE", hashed(sentinelsPassword),
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-THE-REPLICAS-HERE", hashed(replicasPassword),
		"PASSWORD-OF-THE-SENTINELS", sentinelsPassword, "PASSWORD-OF-THE-REPLICAS", replicasPassword,
	)
	users := filepath.Join(t.TempDir(), "users.acl")
	require.NoError(t, os.WriteFile(users, []byte(fill.Replace(deployed(t, "users.acl")+deployed(t, "replicated.acl"))), 0o600))
	lines := append(directivesOf(deployed(t, "redis.conf")), directivesOf(fill.Replace(deployed(t, "replicated.conf")))...)
	for i, line := range lines {
		lines[i] = strings.Replace(line, "/etc/bereikbaar/users.acl", users, 1)
	}
	p := redistest.StartReplicated(t, 3, redistest.User{Name: "beheer", Password: operatorsPassword}, lines...)

	sentinelUsers := filepath.Join(t.TempDir(), "sentinel-users.acl")
	require.NoError(t, os.WriteFile(sentinelUsers, []byte(fill.Replace(deployed(t, "sentinel-users.acl"))), 0o600))
	var sentinelLines []string
	for _, line := range directivesOf(fill.Replace(deployed(t, "sentinel.conf"))) {
		if !strings.Contains(line, "ADDRESS") && !strings.HasPrefix(line, "port") && !strings.Contains(line, "-milliseconds") && !strings.Contains(line, "-timeout") {
			line = strings.Replace(line, "/etc/bereikbaar/sentinel-users.acl", sentinelUsers, 1)
			sentinelLines = append(sentinelLines, strings.Replace(line, " bereikbaar ", " deventer ", 1))
		}
	}
	p.Watch("deventer", redistest.User{Name: "sentinel", Password: sentinelsPassword}, sentinelLines...)
	for _, sentinel := range p.Sentinels {
		require.ErrorContains(t, clientAs(t, sentinel, "bereikbaar", ourPassword).Do(ctx, "SENTINEL", "FAILOVER", "deventer").Err(), "NOPERM")
	}

	s := redisstore.Open(redisstore.Options{Username: "bereikbaar", Password: ourPassword, Sentinel: &redisstore.Sentinel{
		Addrs: p.Addrs(), Master: "deventer", Username: "bereikbaar", Password: ourPassword,
	}})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	awaits(t, s)
	var problems []redisstore.Problem
	require.Eventually(t, func() bool { problems = s.Check(ctx); return len(problems) == 0 }, failoverLimit, 100*time.Millisecond, "%v", problems)
	keeper := keptBy(t, s)
	before := promise(t, keeper)
	p.Servers[0].Kill()
	meanwhile := promise(t, keeper)
	awaits(t, s)
	catchUp(t, keeper)
	for _, n := range []callback.Note{before, meanwhile, promise(t, keeper)} {
		_, err := insist(func() (callback.Note, error) { return s.Note(ctx, deventer, n.ID) })
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { problems = s.Check(ctx); return len(problems) == 0 }, failoverLimit, 100*time.Millisecond, "one replica is left: %v", problems)
	p.Sentinels[2].Kill()
	for _, replica := range p.Servers {
		replica.Kill()
	}
	require.Contains(t, fmt.Sprint(s.Check(ctx)), "connection")
}

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/redis/" + name)
	require.NoError(t, err)
	return string(text)
}

func directivesOf(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// Whatever makes a failover unsafe is told before there is one.
func TestTheCheckLooksAtTheSentinels(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	s := p.open(t)
	awaits(t, s)
	require.Contains(t, fmt.Sprint(s.Check(ctx)), "min-replicas-to-write")
	require.NoError(t, raw(t, p.Servers[0].Addr).ConfigSet(ctx, "min-replicas-to-write", "1").Err())
	p.Sentinels[0].Kill()
	require.Contains(t, fmt.Sprint(s.Check(ctx)), "warning: sentinel "+p.Sentinels[0].Addr+": it does not say which Redis is the primary")
	p.Servers[1].Kill()
	require.Eventually(t, func() bool { return strings.Contains(fmt.Sprint(s.Check(ctx)), "no replica follows the primary") }, failoverLimit, 100*time.Millisecond)
	few := redisstore.Open(redisstore.Options{Sentinel: &redisstore.Sentinel{Addrs: p.Addrs()[1:2], Master: "deventer"}})
	t.Cleanup(func() { require.NoError(t, few.Close()) })
	require.Contains(t, fmt.Sprint(few.Check(ctx)), "redis.sentinel.addresses: it names 1 of them")
}
