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
	Since time.Time // his place in the queue: who is taken back after a restart keeps his; zero means now
}

// caller is a Caller who waits. He is gone from the machine when he is connected, leaves, or his team goes.
//
// A round is one time that each phone of the team may be tried for him. Phones that failed are in tried until the round
// is over, which is Team.Retry after no other phone could be rung.
type caller struct {
	Caller
	queue   *queue
	joined  uint64    // order of joining, for callers of the same moment
	rings   []*member // whose phones ring for him
	tried   slots     // who failed in this round
	told    bool      // NobodyLeft was given in this round
	waiting bool      // false once he is gone
	open    bool      // wants a (further) phone: he stands in queue.open
	retry   timer     // the end of the round
}

// compare puts callers of any team in the order in which they are served: priority of the team, then place, then order
// of joining.
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

// ahead is the number of callers before c, whether or not he stands in the line himself.
func (l line) ahead(c *caller) int {
	at, _ := slices.BinarySearchFunc(l, c, (*caller).compare)
	return at
}

// queue is what one team has going on: who waits and who answers.
type queue struct {
	id       call.TeamID
	team     routing.Team
	strategy strategy
	members  []*member // in the order of Team.Members
	callers  line      // everybody who waits, those who are being rung for included
	open     line      // those of them who want a (further) phone
	ringable slots     // members whose phone may ring now
	staffed  slots     // members whose phone may ring now or once they get free
	handling handling
	touched  bool // stands in Queues.touched
	swept    bool // stands in Queues.swept
}

// reopen puts the caller in or out of his queue's open line, after a ring of his began or ended or he left.
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

// Position is the caller's place in his team's queue, 1 being next, and how many wait there. Callers whose phone
// already rings keep their place and count. It is false when the call does not wait.
func (q *Machine) Position(id call.ID) (pos, of int, ok bool) {
	c := q.callers[id]
	if c == nil {
		return 0, 0, false
	}
	return c.queue.callers.ahead(c) + 1, len(c.queue.callers), true
}
