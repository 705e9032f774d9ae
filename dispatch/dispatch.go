// Package dispatch drives the queues: it carries out the decisions of queue.Machine, rings phones, and signals each
// waiting call.
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

// Errors of a phone that was rung and did not answer. Phones wraps one of these; any other error is a fault of ours.
var (
	ErrNoAnswer    = errors.New("no answer")
	ErrBusy        = errors.New("busy")
	ErrDeclined    = errors.New("declined")
	ErrUnreachable = errors.New("phone not reachable")
)

// ErrForwarded is ErrNoAnswer of a phone that sent the call elsewhere (SIP 3xx); the redirect is not followed.
var ErrForwarded = fmt.Errorf("%w: the phone forwards its calls", ErrNoAnswer)

// errCancelled is the cause with which the queues call off a ring.
var errCancelled = errors.New("ring called off")

// ErrTaken is that cause when another phone answered first.
var ErrTaken = fmt.Errorf("%w: another phone has answered", errCancelled)

// Leg is the answered phone at the other side: an agent's, or the caller's when a colleague calls them back.
type Leg interface {
	// ID names the leg for the line that bridges it.
	ID() string
	// Gone is closed when the phone has hung up or was hung up: it is free.
	Gone() <-chan struct{}
	// HangUp ends the leg; it is harmless when that is gone.
	HangUp(ctx context.Context) error
}

// Invitation is one ring of a phone.
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
	// Ring returns when the phone was answered, or with the reason why it was not. When ctx ends the ringing stops; the
	// cause is ErrTaken when another phone answered first.
	Ring(ctx context.Context, inv Invitation) (Leg, error)
}

// Ticket is a call's request for a place in a team's queue.
type Ticket struct {
	Call   call.Call
	Team   call.TeamID
	Since  time.Time // the start of the wait, which gives the place in the queue
	Choice string
	Note   string // see Invitation
}

// Dispatcher owns the queues. Every method is safe for concurrent use; none waits for a phone.
type Dispatcher struct {
	phones Phones
	log    *slog.Logger
	unread func()                               // see OnUnread
	failed func(call.TeamID, queue.RingFailure) // see OnRingFailed

	mu     sync.Mutex // guards all below: the queues have one owner at a time
	queues *queue.Machine
	teams  map[call.TeamID]routing.Team
	agents map[call.AgentID]routing.Agent
	stands map[string]queue.PhoneState // the last report of each phone, by endpoint
	places map[call.ID]*Place
	rings  map[call.AgentID]*ringing
	timer  *time.Timer
	closed bool
	stop   chan struct{} // closed by Close
	work   sync.WaitGroup
}

// ringing is one phone's work for one call, from the first ring until the phone is free again.
type ringing struct {
	call      call.ID
	cancel    context.CancelCauseFunc
	leg       Leg           // set once answered
	connected bool          // with the call: the agent ends it
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

// OnUnread has tell called for each signal that was lost because its call reads none, which must never happen. Set it
// before the first call. tell must not wait.
func (d *Dispatcher) OnUnread(tell func()) { d.unread = tell }

// OnRingFailed has tell called for each ring for a team that failed by the phone's doing or a fault; not for a ring
// that was called off. Set it before the first call. tell must not wait.
func (d *Dispatcher) OnRingFailed(tell func(call.TeamID, queue.RingFailure)) { d.failed = tell }

// Close stops ringing. Held places get no more signals. Conversations go on, so that the next daemon can take them
// over.
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

// Apply takes over the teams and agents of a reloaded plan. Waiting callers keep their place. Report new phones before
// (see Phone): an unknown phone is rung, even one that is in use.
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

// Snapshot copies which callers wait and what every agent does, by team.
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

// Phone takes in the report of an endpoint. One without an agent may get one with the next Apply.
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

// Join gives the call a place in the team's queue. Leave the place when the call ends, and before it joins again.
// Errors: those of queue.Machine.Join.
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

// Adopt takes over a conversation that was going on before the daemon started. An agent whose leg is gone by now is
// free: they may have been connected anew.
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

// step makes one move of the queues and carries out its actions.
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

// whyCancelled is the cause with which a phone stops ringing for a call. It is called with mu held.
func (d *Dispatcher) whyCancelled(id call.ID) error {
	if place := d.places[id]; place != nil && place.talking != nil {
		return ErrTaken
	}
	return errCancelled
}

// schedule sets the timer for the queues' next tick. It is called with mu held.
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
	default: // the call is stuck; its end frees the phone
		d.unread()
		d.log.Error("queue signal lost: the call does not read its signals", "call", id, "signal", s.Kind)
	}
}
