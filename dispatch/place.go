package dispatch

import (
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
)

// signalRoom is how many signals a place holds unread: more than a caller's longest announcement brings.
const signalRoom = 16

// SignalKind says what happened to a waiting call.
type SignalKind string

// The kinds of signals.
const (
	Connected  SignalKind = "connected"   // a person answered: Agent and Leg are set
	NobodyLeft SignalKind = "nobody_left" // everybody who is there was rung once, without success; the call still waits
	TeamGone   SignalKind = "team_gone"   // the team left the configuration; the place is lost
)

// Signal is what the queue has to say to a waiting call.
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

// Signals tells what happens to the place, in order.
func (p *Place) Signals() <-chan Signal { return p.signals }

// Rung counts the phones that were rung for the place so far.
func (p *Place) Rung() int {
	p.dispatcher.mu.Lock()
	defer p.dispatcher.mu.Unlock()
	return p.rung
}

// Leave gives the place up: what rings for it stops, and a phone that was connected is hung up. It is harmless twice.
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

// Position is the call's place, 1 being the next to be helped, and the wait to expect where there is ground for an
// estimate. ok is false when the call no longer waits.
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
