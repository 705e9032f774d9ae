package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// leastSentinels still have a majority when one of them is gone.
const leastSentinels = 3

// replicated is the state of a Redis that sentinels watch.
type replicated struct {
	sentinels int
	said      map[string]string // by sentinel: the primary that it names
	silent    map[string]error  // by sentinel: why it names none
	replicas  float64
	least     string // min-replicas-to-write; empty when the user may not ask
}

// checkSentinels gives the problems that endanger a failover; none without sentinels.
func (s *Store) checkSentinels(ctx context.Context) []Problem {
	if s.primary == nil {
		return nil
	}
	r := replicated{sentinels: len(s.primary.sentinels)}
	r.said, r.silent = s.primary.askAll(ctx)
	text, err := s.client.Info(ctx, "replication").Result()
	if err != nil {
		return []Problem{{Setting: "replication", Text: down("ask for INFO", err).Error(), Mend: "Run this again"}}
	}
	r.replicas = number(parseInfo(text)["connected_slaves"])
	if got, err := s.client.ConfigGet(ctx, "min-replicas-to-write").Result(); err == nil {
		r.least = got["min-replicas-to-write"]
	}
	return judgeSentinels(r)
}

// askAll gives each sentinel's answer, or why it gave none.
func (p *primary) askAll(ctx context.Context) (said map[string]string, silent map[string]error) {
	type answer struct {
		sentinel, addr string
		err            error
	}
	came := make(chan answer, len(p.sentinels))
	for i, s := range p.sentinels {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, requestLimit)
			defer cancel()
			addr, err := askSentinel(ctx, s, p.name)
			came <- answer{p.addrs[i], addr, err}
		}()
	}
	said, silent = make(map[string]string), make(map[string]error)
	for range p.sentinels {
		if a := <-came; a.err != nil {
			silent[a.sentinel] = a.err
		} else {
			said[a.sentinel] = a.addr
		}
	}
	return said, silent
}

func judgeSentinels(r replicated) []Problem {
	var found []Problem
	warn := func(setting, text, mend string) { found = append(found, Problem{setting, false, text, mend}) }
	for _, sentinel := range slices.Sorted(maps.Keys(r.silent)) {
		mend := mendOfSentinels(fmt.Errorf("%w: %w", errNoSentinel, r.silent[sentinel]))
		warn(
			"sentinel "+sentinel, "it does not say which Redis is the primary: "+r.silent[sentinel].Error(),
			strings.ToUpper(mend[:1])+mend[1:],
		)
	}
	if named := slices.Compact(slices.Sorted(maps.Values(r.said))); len(named) > 1 {
		warn(
			"sentinels", "they name different primaries: "+strings.Join(named, ", "),
			"A failover is going on; when it does not end, see SENTINEL MASTERS on each",
		)
	}
	if r.sentinels < leastSentinels {
		warn("redis.sentinel.addresses",
			fmt.Sprintf("it names only %d: when these are gone the daemon does not find Redis", r.sentinels),
			"Run three or more, each on a machine of its own, and name them all")
	}
	if r.replicas == 0 {
		warn(
			"replicas", "no replica follows the primary: when it fails no other takes its place",
			"See INFO replication there, and the logs of the replicas",
		)
	}
	if r.least == "0" {
		warn("min-replicas-to-write", "it is 0: a primary that is cut off goes on confirming changes that the next "+
			"one will not have; the daemon restores only what its journal has",
			"With two replicas or more set min-replicas-to-write 1 and min-replicas-max-lag 10 on every Redis")
	}
	return found
}
