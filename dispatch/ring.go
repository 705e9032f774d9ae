package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
)

const (
	hangUpLimit = 5 * time.Second
	// freeLimit bounds the wait for a phone that still rings for an ended call.
	freeLimit = 3 * time.Second
)

// startRing rings a phone in a goroutine of its own. It is called with mu held.
func (d *Dispatcher) startRing(a queue.Action) {
	ctx, cancel := context.WithCancelCause(context.Background())
	before := d.rings[a.Agent]
	r := &ringing{call: a.Call, cancel: cancel, free: make(chan struct{})}
	d.rings[a.Agent] = r
	inv := Invitation{Agent: d.agents[a.Agent], Team: d.teams[a.Team], For: a.For}
	if place := d.places[a.Call]; place != nil {
		inv.Call, inv.Choice, inv.Note = place.ticket.Call, place.ticket.Choice, place.ticket.Note
		place.rung++
	}
	d.work.Go(func() {
		defer close(r.free)
		defer cancel(nil)
		awaitFree(ctx, before)
		d.ring(ctx, r, inv)
	})
}

// awaitFree waits until the phone no longer rings for an earlier call: it would be found busy.
func awaitFree(ctx context.Context, before *ringing) {
	if before == nil {
		return
	}
	limit := time.NewTimer(freeLimit)
	defer limit.Stop()
	select {
	case <-before.free:
	case <-ctx.Done():
	case <-limit.C:
	}
}

func (d *Dispatcher) ring(ctx context.Context, r *ringing, inv Invitation) {
	agent := inv.Agent.ID
	leg, err := d.phones.Ring(ctx, inv)
	if err != nil && !errors.Is(context.Cause(ctx), errCancelled) {
		d.failed(inv.Team.ID, failure(err))
		d.log.Info("phone did not answer", "call", r.call, "team", inv.Team.ID, "agent", agent, "why", err)
	}
	d.step(func(now time.Time) []queue.Action {
		switch {
		case context.Cause(ctx) != nil || d.rings[agent] != r:
			// called off by the queues, and the phone may ring anew
			return nil
		case err != nil:
			return d.queues.RingFailed(now, r.call, agent, failure(err))
		default:
			r.leg = leg
			return d.queues.Answered(now, r.call, agent)
		}
	})
	if err != nil {
		return
	}
	if !d.isConnected(r) { // called off as it was answered, or another phone was first
		d.hangUp(leg)
		return
	}
	d.untilFree(agent, r)
}

func (d *Dispatcher) isConnected(r *ringing) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return r.connected
}

// untilFree waits for the end of a conversation and gives the agent back to the queues.
func (d *Dispatcher) untilFree(agent call.AgentID, r *ringing) {
	select {
	case <-r.leg.Gone():
	case <-d.stop:
		return
	}
	d.step(func(now time.Time) []queue.Action { return d.queues.Ended(now, agent) })
}

// hangUp ends a leg and returns when the phone is free.
func (d *Dispatcher) hangUp(leg Leg) {
	select {
	case <-leg.Gone():
		return
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangUpLimit)
	defer cancel()
	if err := leg.HangUp(ctx); err != nil {
		d.log.Warn("could not hang up an agent's phone", "leg", leg.ID(), "err", err)
		return
	}
	select {
	case <-leg.Gone():
	case <-ctx.Done():
	}
}

func failure(err error) queue.RingFailure {
	switch {
	case errors.Is(err, ErrForwarded): // before what it wraps
		return queue.Forwarded
	case errors.Is(err, ErrNoAnswer):
		return queue.NoAnswer
	case errors.Is(err, ErrBusy):
		return queue.Busy
	case errors.Is(err, ErrDeclined):
		return queue.Declined
	case errors.Is(err, ErrUnreachable):
		return queue.Unreachable
	default:
		return queue.Fault
	}
}
