package redistest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/redisstore"
)

const (
	// settleLimit is how long replicas and sentinels may take to find each other on a busy machine.
	settleLimit = time.Minute
	sentinels   = 3
)

// Replicated is Redis on several machines, with the shipped files: a primary, the first of Servers, its replicas, and
// three sentinels.
type Replicated struct {
	Servers   []*Server
	Ports     []int // of the servers, on 127.0.0.1
	Sentinels []*Server

	tb Owner
}

// StartReplicated starts a number of servers, and waits until the replicas follow the primary and every sentinel knows
// all others: before that there is no failover. With two servers one must be able to work alone, which with more is not
// allowed.
func StartReplicated(tb Owner, many int, directives ...string) *Replicated {
	tb.Helper()
	r := &Replicated{tb: tb}
	users, err := ShippedUsers()
	require.NoError(tb, err)
	for line := range strings.Lines(filled(tb, "replicated.conf")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			directives = append(directives, line)
		}
	}
	if many == 2 {
		directives = append(directives, "min-replicas-to-write 0")
	}
	for i := range many {
		r.Ports = append(r.Ports, Port(tb))
		lines := append([]string{fmt.Sprintf("port %d", r.Ports[i]), "bind 127.0.0.1"}, directives...)
		if i > 0 {
			lines = append(lines, fmt.Sprintf("replicaof 127.0.0.1 %d", r.Ports[0]))
		}
		s := Prepare(tb, "", Redis, lines...)
		require.NoError(tb, s.SetUsers(users+filled(tb, "replicated.acl")))
		s.Restart()
		r.Servers = append(r.Servers, s)
	}
	for _, replica := range r.Servers[1:] {
		r.settles(replica, Client(replica.Addr), func(c *redis.Client) bool {
			return c.InfoMap(context.Background(), "replication").Val()["Replication"]["master_link_status"] == "up"
		})
	}
	r.Sentinels = Sentinels(tb, sentinels, r.Ports[0])
	for _, s := range r.Sentinels {
		r.settles(s, SentinelClient(s.Addr), func(c *redis.Client) bool {
			known, err := c.Do(context.Background(), "SENTINEL", "CKQUORUM", Master).Text()
			found, err2 := c.Do(context.Background(), "SENTINEL", "REPLICAS", Master).Slice()
			return err == nil && err2 == nil && strings.HasPrefix(known, fmt.Sprintf("OK %d", sentinels)) && len(
				found,
			) == many-1
		})
	}
	return r
}

// SentinelClient is a client with all rights on a sentinel.
func SentinelClient(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr, Username: Sentinel, Password: SentinelPassword})
}

// As is the daemon's way to connect to it.
func (r *Replicated) As() redisstore.Options {
	return redisstore.Options{
		Username: User, Password: Password,
		Sentinel: &redisstore.Sentinel{Addrs: r.Addrs(), Master: Master, Username: User, Password: Password},
	}
}

// Addrs are those of the sentinels, host:port.
func (r *Replicated) Addrs() []string {
	var addrs []string
	for _, s := range r.Sentinels {
		addrs = append(addrs, s.Addr)
	}
	return addrs
}

func (r *Replicated) settles(s *Server, c *redis.Client, settled func(*redis.Client) bool) {
	r.tb.Helper()
	defer func() { _ = c.Close() }()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(settleLimit)
	for !settled(c) {
		select {
		case <-poll.C:
		case <-limit:
			require.FailNow(
				r.tb, "a replica or sentinel does not find the others", "%s\n%s", s.Addr, s.running().tail(),
			)
		}
	}
}
