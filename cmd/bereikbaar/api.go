package main

import (
	"context"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/web"
)

// desks puts colleagues through to callers, each to one at a time.
type desks struct {
	*service
	operator  *ivr.Operator
	callbacks *ivr.Callbacks
	guard     *callback.Guard

	mu   sync.Mutex
	busy map[call.AgentID]bool
}

// Talking implements web.Phone.
func (d *desks) Talking(agent call.AgentID) (web.Talking, bool) {
	t, ok := d.operator.Talking(agent)
	return web.Talking(t), ok
}

// CallBack implements web.Phone.
func (d *desks) CallBack(n callback.Note) error {
	if d.settings.config().Callbacks.Dial == "" {
		return d.refuse(callback.DialOff, "no way outside is configured (callbacks.dial)")
	}
	if _, ok := d.settings.plan().Agents[n.Colleague]; !ok { // he is known by his token only
		return d.refuse(callback.DialNoPhone, "you have no phone in the configuration (agents): ring the caller yourself")
	}
	if err := d.guard.Check(context.Background(), n.Municipality, n.Colleague, n.Number, time.Now()); err != nil {
		return err
	}
	if !d.take(n.Colleague) {
		return d.refuse(callback.DialBusy, "you are being put through already")
	}
	go func() {
		defer d.free(n.Colleague)
		if err := d.callbacks.CallBack(context.Background(), n); err != nil { // it ends with the colleague's phone, or when the daemon lets go
			d.log.Warn("a callback came to nothing", "note", n.ID, "agent", n.Colleague, "err", err)
		}
	}()
	return nil
}

// refuse says why nobody is rung, and has it counted: the guard knows its own refusals only.
func (d *desks) refuse(code callback.DialCode, text string) error {
	d.dialRefused(code)
	return &callback.DialError{Code: code, Text: text}
}

// dialRefused counts and logs a callback that is not dialled.
func (s *service) dialRefused(code callback.DialCode) {
	s.metrics.Keeping.DialRefused(code)
	s.log.Warn("a callback was not dialled", "why", code)
}

// TakeBack implements asterisk.Callbacks.
func (d *desks) TakeBack(ctx context.Context, line ivr.Line, colleague call.AgentID, kept ivr.Kept) error {
	if d.take(colleague) {
		defer d.free(colleague)
	}
	return d.callbacks.TakeBack(ctx, line, colleague, kept)
}

func (d *desks) take(colleague call.AgentID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[colleague] {
		return false
	}
	d.busy[colleague] = true
	return true
}

func (d *desks) free(colleague call.AgentID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, colleague)
}
