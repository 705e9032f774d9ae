package queue

import (
	"cmp"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

// Caller is somebody who joins the queue (wachtrij) of a team.
type Caller struct {
	ID    call.ID
	Team  call.TeamID
	Since time.Time // the place in the queue, kept through a restart; zero means now
}

// caller is a waiting Caller. The machine drops it when the caller is connected or leaves, or the team goes.
//
// In a round each phone of the team may be tried once for the caller. Phones that failed are in tried until the round
// is over: Team.Retry after no other phone could be rung.
type caller struct {
	Caller
	queue   *queue
	joined  uint64    // order of joining, for callers of the same moment
	rings   []*member // whose phones ring for the caller
	tried   slots     // agents whose phone failed in this round
	told    bool      // NobodyLeft was given in this round
	waiting bool      // false once the caller is gone
	open    bool      // wants a (further) phone: stands in queue.open
	retry   timer     // the end of the round
}

// compare is the order in which callers of all teams are served: priority of the team, then place, then order of
// joining.
func (c *caller) compare(other *caller) int {
	return cmp.Or(
		cmp.Compare(other.queue.team.Priority, c.queue.team.Priority),
		c.Since.Compare(other.Since),
		cmp.Compare(c.joined, other.joined),
	)
}

// line holds callers in the order of compare.
type line []*caller

func (l *line) insert(c *caller) {
	at, _ := slices.BinarySearchFunc(*l, c, (*caller).compare)
	*l = slices.Insert(*l, at, c)
}

func (l *line) remove(c *caller) {
	if at, found := slices.BinarySearchFunc(*l, c, (*caller).compare); found {
		*l = slices.Delete(*l, at, at+1)
	}
}

// ahead is the number of callers before c, whether or not c stands in the line.
func (l line) ahead(c *caller) int {
	at, _ := slices.BinarySearchFunc(l, c, (*caller).compare)
	return at
}

// queue is the callers and agents of one team.
type queue struct {
	id       call.TeamID
	team     routing.Team
	strategy strategy
	members  []*member // in the order of Team.Members
	callers  line      // all waiting callers, those whose phone rings included
	open     line      // those of them who want a (further) phone
	ringable slots     // members whose phone may ring now
	staffed  slots     // members whose phone may ring now or once they get free
	handling handling
	touched  bool // stands in Machine.touched
	swept    bool // stands in Machine.swept
}

// reopen puts the caller in or out of the queue's open line, after a ring began or ended or the caller left.
func (c *caller) reopen() {
	open := c.waiting && (len(c.rings) == 0 || c.queue.strategy.joins)
	switch {
	case open && !c.open:
		c.queue.open.insert(c)
	case !open && c.open:
		c.queue.open.remove(c)
	}
	c.open = open
}

// Position is the caller's place in the team's queue, 1 being next, and how many wait there. Callers for whom a phone
// rings keep their place and are counted. ok is false when the call does not wait.
func (q *Machine) Position(id call.ID) (pos, of int, ok bool) {
	c := q.callers[id]
	if c == nil {
		return 0, 0, false
	}
	return c.queue.callers.ahead(c) + 1, len(c.queue.callers), true
}
