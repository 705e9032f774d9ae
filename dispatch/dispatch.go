// Package dispatch drives the queues: it carries out what queue.Machine decides, rings phones, and tells each waiting
// call what became of its place.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// Why a phone that was rung did not answer. Phones wraps one of these; any other error counts as a fault of ours.
var (
	ErrNoAnswer    = errors.New("no answer")
	ErrBusy        = errors.New("busy")
	ErrDeclined    = errors.New("declined")
	ErrUnreachable = errors.New("phone not reachable")
)

// ErrForwarded is ErrNoAnswer of a phone that sent the call elsewhere (SIP 3xx), where nobody was rung.
var ErrForwarded = fmt.Errorf("%w: the phone forwards its calls", ErrNoAnswer)

// errCancelled is the cause with which a ring is called off; the queues know already.
var errCancelled = errors.New("ring called off")

// ErrTaken is that cause when another phone was quicker.
var ErrTaken = fmt.Errorf("%w: another phone has answered", errCancelled)

// Leg is the phone at the other side that has answered: an agent's, or the caller's when a colleague calls him back.
type Leg interface {
	// ID names the leg for the line that is to talk to it.
	ID() string
	// Gone is closed when the phone has hung up or was hung up, and so is free.
	Gone() <-chan struct{}
	// HangUp ends the leg; it is harmless on one that is gone.
	HangUp(ctx context.Context) error
}

// Invitation is what a phone is rung with.
type Invitation struct {
	Call   call.Call
	Agent  routing.Agent
	Team   routing.Team
	For    time.Duration // how long it rings at the most
	Choice string        // the caller's path through the menus, for the phone's display
	Note   string        // reference of the callback note that the caller rings about, for the display; empty for none
}

// Phones rings agents' phones.
type Phones interface {
	// Ring returns when the phone was answered, or with the reason why it was not. When ctx ends it stops ringing; the
	// cause is ErrTaken when another phone was quicker.
	Ring(ctx context.Context, inv Invitation) (Leg, error)
}

// Ticket is a call's request for a place in a team's queue.
type Ticket struct {
	Call   call.Call
	Team   call.TeamID
	Since  time.Time // what the place in the queue is counted from
	Choice string
	Note   string // see Invitation
}

// Dispatcher owns the queues. Every method is safe for concurrent use and none waits for a phone.
type Dispatcher struct {
	phones Phones
	log    *slog.Logger
	unread func()                               // see OnUnread
	failed func(call.TeamID, queue.RingFailure) // see OnRingFailed

	mu     sync.Mutex // guards all below: the queues have one owner at a time
	queues *queue.Machine
	teams  map[call.TeamID]routing.Team
	agents map[call.AgentID]routing.Agent
	stands map[string]queue.PhoneState // how phones stand, by endpoint, as far as they tell
	places map[call.ID]*Place
	rings  map[call.AgentID]*ringing
	timer  *time.Timer
	closed bool
	stop   chan struct{} // closed by Close
	work   sync.WaitGroup
}

// ringing is one phone at work for one call, from the first ring until the phone is free again.
type ringing struct {
	call      call.ID
	cancel    context.CancelCauseFunc
	leg       Leg           // set once answered
	connected bool          // with the call, and so the agent's to end
	free      chan struct{} // closed when the phone is free again
}

// New makes a dispatcher for the plan's teams and agents.
func New(plan *routing.Plan, phones Phones, log *slog.Logger) *Dispatcher {
	return &Dispatcher{
		phones: phones,
		log:    log,
		queues: queue.New(plan.Teams, plan.Agents),
		teams:  plan.Teams,
		agents: plan.Agents,
		stands: map[string]queue.PhoneState{},
		places: map[call.ID]*Place{},
		rings:  map[call.AgentID]*ringing{},
		stop:   make(chan struct{}),
		unread: func() {},
		failed: func(call.TeamID, queue.RingFailure) {},
	}
}

// OnUnread lets tell be told of each signal that was lost because a call read none of them, which must never happen. It
// must not wait, and is set before the first call.
func (d *Dispatcher) OnUnread(tell func()) { d.unread = tell }

// OnRingFailed lets tell be told of each phone that rang for a call of a team and did not become a conversation, by its
// own doing or a fault's; of none that was called off. It must not wait, and is set before the first call.
func (d *Dispatcher) OnRingFailed(tell func(call.TeamID, queue.RingFailure)) { d.failed = tell }

// Close stops ringing. Places that are still held get no more signals; conversations are left alone, so that the next
// daemon can take them over.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.closed = true
	close(d.stop)
	if d.timer != nil {
		d.timer.Stop()
	}
	for _, r := range d.rings {
		r.cancel(errCancelled)
	}
	d.mu.Unlock()
	d.work.Wait()
}

// Apply takes over the teams and agents of a reloaded plan. Waiting callers keep their place. Their phones are best
// watched before (see Phone): one of which nothing is known yet is rung, also when it is in use.
func (d *Dispatcher) Apply(plan *routing.Plan) {
	d.step(func(now time.Time) []queue.Action {
		d.teams, d.agents = plan.Teams, plan.Agents
		return d.queues.Apply(now, plan.Teams, plan.Agents, d.stands)
	})
}

// Staffed counts the team's agents whose phone rings now or will once they are free.
func (d *Dispatcher) Staffed(team call.TeamID) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queues.Staffed(team)
}

// Snapshot tells who waits and what every agent does, by team.
func (d *Dispatcher) Snapshot() []queue.TeamSnapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queues.Snapshot().Teams
}

// Busy reports whether an agent's phone rings or talks for a caller who came through the queues.
func (d *Dispatcher) Busy(agent call.AgentID) bool {
	for _, t := range d.Snapshot() {
		for _, a := range t.Agents {
			if a.Agent == agent {
				return a.State == queue.AgentRinging || a.State == queue.AgentTalking
			}
		}
	}
	return false
}

// Phone takes over what an endpoint says of itself. One of nobody may be somebody's after the next Apply.
func (d *Dispatcher) Phone(endpoint string, state queue.PhoneState) {
	d.step(func(now time.Time) []queue.Action {
		d.stands[endpoint] = state
		var actions []queue.Action
		for id, agent := range d.agents {
			if agent.Endpoint == endpoint {
				actions = append(actions, d.queues.Phone(now, id, state)...)
			}
		}
		return actions
	})
}

// Join gives the call a place in the team's queue. The caller of Join must Leave the place when its call ends, and
// before it joins again. Errors: those of queue.Machine.Join.
func (d *Dispatcher) Join(ticket Ticket) (*Place, error) {
	place := &Place{dispatcher: d, ticket: ticket, signals: make(chan Signal, signalRoom)}
	var err error
	d.step(func(now time.Time) []queue.Action {
		if d.places[ticket.Call.ID] != nil { // the queues forget a caller who talks
			err = queue.ErrAlreadyWaiting
			return nil
		}
		var actions []queue.Action
		actions, err = d.queues.Join(now, queue.Caller{ID: ticket.Call.ID, Team: ticket.Team, Since: ticket.Since})
		if err == nil {
			d.places[ticket.Call.ID] = place
		}
		return actions
	})
	if err != nil {
		return nil, fmt.Errorf("join the queue of team %q: %w", ticket.Team, err)
	}
	return place, nil
}

// Adopt takes over a conversation that was going on before the daemon started. An agent whose phone has gone from it
// since is free: he may have been connected anew.
func (d *Dispatcher) Adopt(ticket Ticket, agent call.AgentID, leg Leg) *Place {
	r := &ringing{call: ticket.Call.ID, cancel: func(error) {}, leg: leg, free: make(chan struct{})}
	place := &Place{dispatcher: d, ticket: ticket, signals: make(chan Signal, signalRoom), talking: r}
	d.step(func(now time.Time) []queue.Action {
		d.places[ticket.Call.ID] = place
		select {
		case <-leg.Gone():
			return nil
		default:
		}
		d.rings[agent] = r
		d.work.Go(func() {
			defer close(r.free)
			d.untilFree(agent, r)
		})
		return d.queues.Talking(now, ticket.Call.ID, agent, ticket.Team)
	})
	return place
}

// step makes one move of the queues and carries out what follows from it.
func (d *Dispatcher) step(move func(now time.Time) []queue.Action) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.perform(move(time.Now()))
	d.schedule()
}

// perform carries out actions. It is called with mu held, and so never waits.
func (d *Dispatcher) perform(actions []queue.Action) {
	for _, a := range actions {
		switch a.Kind {
		case queue.Ring:
			d.startRing(a)
		case queue.CancelRing:
			if r := d.rings[a.Agent]; r != nil && r.call == a.Call {
				r.cancel(d.whyCancelled(a.Call))
			}
		case queue.Connect:
			d.connect(a)
		case queue.DropAgent:
			// The goroutine that rang the phone finds it not connected and hangs it up.
		case queue.NobodyLeft:
			d.signal(a.Call, Signal{Kind: NobodyLeft})
		case queue.TeamGone:
			d.signal(a.Call, Signal{Kind: TeamGone})
		}
	}
}

// whyCancelled says why a phone stops ringing for a call. It is called with mu held.
func (d *Dispatcher) whyCancelled(id call.ID) error {
	if place := d.places[id]; place != nil && place.talking != nil {
		return ErrTaken
	}
	return errCancelled
}

// schedule sets the timer for the next thing that time alone brings about. It is called with mu held.
func (d *Dispatcher) schedule() {
	next, ok := d.queues.NextTick()
	if d.timer != nil {
		d.timer.Stop()
	}
	if ok {
		d.timer = time.AfterFunc(time.Until(next), func() { d.step(d.queues.Tick) })
	}
}

func (d *Dispatcher) connect(a queue.Action) {
	r := d.rings[a.Agent]
	r.connected = true
	if place := d.places[a.Call]; place != nil {
		place.talking = r
	}
	d.signal(a.Call, Signal{Kind: Connected, Agent: a.Agent, Leg: r.leg})
}

func (d *Dispatcher) signal(id call.ID, s Signal) {
	place := d.places[id]
	if place == nil {
		return
	}
	select {
	case place.signals <- s:
	default: // a call that reads none of its signals is stuck; its end frees the phone
		d.unread()
		d.log.Error("a call does not read the signals of its queue", "call", id, "signal", s.Kind)
	}
}
