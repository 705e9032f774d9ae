package dispatch

import (
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
)

// signalRoom is how many signals a place holds unread: more than arrive during the longest announcement.
const signalRoom = 16

// SignalKind is the kind of a Signal.
type SignalKind string

// The kinds of signals.
const (
	Connected  SignalKind = "connected"   // an agent answered: Agent and Leg are set
	NobodyLeft SignalKind = "nobody_left" // every staffed agent was rung once, without success; the call still waits
	TeamGone   SignalKind = "team_gone"   // the team left the configuration; the place is lost
)

// Signal is the queue's news for a waiting call.
type Signal struct {
	Kind  SignalKind
	Agent call.AgentID
	Leg   Leg
}

// Place is a call's place in a queue.
type Place struct {
	dispatcher *Dispatcher
	ticket     Ticket
	signals    chan Signal
	talking    *ringing // set once connected; guarded by the dispatcher's mu, as is
	rung       int      // how many phones were rung
}

// Signals delivers the news of the place, in order.
func (p *Place) Signals() <-chan Signal { return p.signals }

// Rung counts the phones that were rung for the place so far.
func (p *Place) Rung() int {
	p.dispatcher.mu.Lock()
	defer p.dispatcher.mu.Unlock()
	return p.rung
}

// Leave gives the place up: phones that ring for it stop, and a connected leg is hung up. It is harmless twice.
func (p *Place) Leave() {
	d := p.dispatcher
	d.step(func(now time.Time) []queue.Action {
		id := p.ticket.Call.ID
		if d.places[id] != p {
			return nil
		}
		delete(d.places, id)
		if p.talking != nil {
			d.work.Go(func() { d.hangUp(p.talking.leg) })
		}
		return d.queues.Leave(now, id)
	})
}

// Position is the call's place, 1 being next, and the expected wait where there is ground for an estimate (known). ok
// is false when the call no longer waits.
func (p *Place) Position() (position int, wait time.Duration, known, ok bool) {
	d := p.dispatcher
	d.mu.Lock()
	defer d.mu.Unlock()
	position, _, ok = d.queues.Position(p.ticket.Call.ID)
	if !ok {
		return 0, 0, false, false
	}
	wait, known = d.queues.ExpectedWait(time.Now(), p.ticket.Call.ID)
	return position, wait, known, true
}
