package redistest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

const (
	// settleLimit is how long replicas and sentinels may take to find each other on a busy machine.
	settleLimit = time.Minute
	sentinels   = 3
)

// User is as whom to look at servers; the zero value for whoever needs no name.
type User struct{ Name, Password string }

// Replicated is a primary, the first of Servers, its replicas, and the sentinels that watch them.
type Replicated struct {
	Servers   []*Server
	Ports     []int // of the servers, on 127.0.0.1
	Sentinels []*Server

	tb Owner
}

// StartReplicated starts so many servers and waits until the replicas follow the primary.
func StartReplicated(tb Owner, many int, as User, directives ...string) *Replicated {
	tb.Helper()
	r := &Replicated{tb: tb}
	for i := range many {
		r.Ports = append(r.Ports, Port(tb))
		lines := append([]string{fmt.Sprintf("port %d", r.Ports[i]), "bind 127.0.0.1"}, directives...)
		if i > 0 {
			lines = append(lines, fmt.Sprintf("replicaof 127.0.0.1 %d", r.Ports[0]))
		}
		r.Servers = append(r.Servers, Start(tb, lines...))
	}
	for _, replica := range r.Servers[1:] {
		r.settles(replica, as, func(c *redis.Client) bool {
			return c.InfoMap(context.Background(), "replication").Val()["Replication"]["master_link_status"] == "up"
		})
	}
	return r
}

// Watch starts three sentinels and waits until each knows the others and the replicas: before that there is no failover.
func (r *Replicated) Watch(name string, as User, directives ...string) {
	r.tb.Helper()
	r.Sentinels = Sentinels(r.tb, sentinels, name, r.Ports[0], directives...)
	for _, s := range r.Sentinels {
		r.settles(s, as, func(c *redis.Client) bool {
			known, err := c.Do(context.Background(), "SENTINEL", "CKQUORUM", name).Text()
			found, err2 := c.Do(context.Background(), "SENTINEL", "REPLICAS", name).Slice()
			return err == nil && err2 == nil && strings.HasPrefix(known, fmt.Sprintf("OK %d", sentinels)) && len(found) == len(r.Servers)-1
		})
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

func (r *Replicated) settles(s *Server, as User, settled func(*redis.Client) bool) {
	r.tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr, Username: as.Name, Password: as.Password})
	defer func() { _ = c.Close() }()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	limit := time.After(settleLimit)
	for !settled(c) {
		select {
		case <-poll.C:
		case <-limit:
			require.FailNow(r.tb, "a replica or sentinel does not find the others", "%s\n%s", s.Addr, s.running().tail())
		}
	}
}
