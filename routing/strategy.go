package routing

import (
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// candidate is an agent whose phone may ring for the caller at hand.
type candidate struct {
	agent     call.AgentID
	idleSince time.Time // end of his last conversation, zero when he had none; a missed ring does not change it
}

// picker chooses whose phones ring, out of one or more candidates in the order of Team.Members. The slice is only lent.
type picker func(candidates []candidate) []call.AgentID

// strategy is what a team's Strategy does. A new one is a line in strategies and its picker.
type strategy struct {
	pick  picker
	joins bool // a phone that gets free rings along for a caller for whom others ring already
}

var strategies = map[Strategy]strategy{
	LongestIdle: {pick: longestIdle},
	RingAll:     {pick: everybody, joins: true},
	FixedOrder:  {pick: firstMember},
}

// strategyFor gives the default for a name that is not known: a team must never go unrung over a word in its
// configuration (which refuses such words itself).
func strategyFor(name Strategy) strategy {
	if s, ok := strategies[name]; ok {
		return s
	}
	return strategies[LongestIdle]
}

// longestIdle picks who has been without a conversation longest; of equals the first member.
func longestIdle(candidates []candidate) []call.AgentID {
	best := slices.MinFunc(candidates, func(a, b candidate) int { return a.idleSince.Compare(b.idleSince) })
	return []call.AgentID{best.agent}
}

// firstMember picks whom the team lists first.
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
