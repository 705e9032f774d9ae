package queue

import (
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

// candidate is an agent whose phone may ring for the caller at hand.
type candidate struct {
	agent     call.AgentID
	idleSince time.Time // end of the last conversation, zero for none; a missed ring does not change it
}

// picker chooses whose phones ring, out of one or more candidates in the order of Team.Members. The slice is only lent.
type picker func(candidates []candidate) []call.AgentID

// strategy is one way to ring a team's free agents.
type strategy struct {
	name  routing.Strategy
	pick  picker
	joins bool // a phone that gets free joins those that ring for a caller
}

// The strategies. A new one is a name here, a line in the table below, and its picker. When it must know more of an
// agent, that is a field of candidate. docs/configuration.md and deploy/bereikbaar.yaml name them for operators.
const (
	LongestIdle routing.Strategy = "longest_idle" // the agent who has been free longest
	RingAll     routing.Strategy = "ring_all"     // everybody at once, the first to answer has the call
	FixedOrder  routing.Strategy = "fixed_order"  // in the order of the team's members
)

// strategies is what the configuration accepts; the first is the default.
var strategies = []strategy{
	{name: LongestIdle, pick: longestIdle},
	{name: RingAll, pick: everybody, joins: true},
	{name: FixedOrder, pick: firstMember},
}

// Strategies lists the names that a configuration may give, the default first.
func Strategies() []routing.Strategy {
	names := make([]routing.Strategy, len(strategies))
	for i, s := range strategies {
		names[i] = s.name
	}
	return names
}

// strategyFor gives the default for an unknown name: a wrong word must never leave a team unrung (the configuration
// refuses such words).
func strategyFor(name routing.Strategy) strategy {
	at := slices.IndexFunc(strategies, func(s strategy) bool { return s.name == name })
	return strategies[max(at, 0)]
}

// longestIdle picks the agent without a conversation for longest; of equals the first member.
func longestIdle(candidates []candidate) []call.AgentID {
	best := slices.MinFunc(candidates, func(a, b candidate) int { return a.idleSince.Compare(b.idleSince) })
	return []call.AgentID{best.agent}
}

// firstMember picks the agent whom the team lists first.
func firstMember(candidates []candidate) []call.AgentID {
	return []call.AgentID{candidates[0].agent}
}

// everybody picks all.
func everybody(candidates []candidate) []call.AgentID {
	all := make([]call.AgentID, len(candidates))
	for i, c := range candidates {
		all[i] = c.agent
	}
	return all
}
