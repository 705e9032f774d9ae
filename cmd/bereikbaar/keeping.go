package main

import (
	"time"

	"github.com/bereikbaar/bereikbaar/callback"
)

// comparison is how far the journal was compared with Redis, and with which Redis.
type comparison struct {
	with  string          // the identity of that Redis: of another nothing is known
	from  callback.NoteID // where the next one goes on, when the last one was cut short
	round time.Time       // when it last went round; zero for never
	again time.Duration   // how long after that to begin anew
}

// due reports whether the journal must be compared with the Redis that answers now.
func (c *comparison) due(identity string, behind int, now time.Time) bool {
	if identity != c.with {
		*c = comparison{with: identity}
	}
	return !c.wentRound() || c.from != "" || behind > 0 || now.Sub(c.round) >= c.again
}

// came takes down how far one came.
func (c *comparison) came(to callback.CaughtUp, err error, now time.Time) {
	c.from = to.Next
	if !to.Done {
		return
	}
	c.round, c.again = now, compareEvery
	if err != nil {
		c.again = lookAgain
	}
}

// wentRound reports whether every note was compared with this Redis.
func (c *comparison) wentRound() bool { return !c.round.IsZero() }

// tidiness is when the journal's file was last rid of what was forgotten. Whether anything was, the journal knows.
type tidiness struct {
	erased int       // notes that are gone from the file because somebody asked
	done   time.Time // when it was last compacted; zero for not by this daemon
	last   time.Time // when that was last tried
}

// due reports whether to compact the file, when so many notes were erased so far.
func (t *tidiness) due(erased int, now time.Time) bool {
	return now.Sub(t.last) >= lookAgain && (erased != t.erased || now.Sub(t.done) >= compactEvery)
}

// tried takes down what came of it.
func (t *tidiness) tried(erased int, now time.Time, err error) {
	t.last = now
	if err == nil {
		t.erased, t.done = erased, now
	}
}

// outage is whether Redis is away, and when it last came back.
type outage struct {
	lasts bool
	over  time.Time // zero for never
}

// heard takes down whether Redis answered.
func (o *outage) heard(err error, now time.Time) {
	if o.lasts && err == nil {
		o.over = now
	}
	o.lasts = err != nil
}
