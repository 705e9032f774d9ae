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
	free := d.take(n.Colleague)
	if free == nil {
		return d.refuse(callback.DialBusy, "you are being put through already")
	}
	go func() {
		defer free()
		if err := d.callbacks.CallBack(context.Background(), n, free); err != nil { // it ends with the colleague's phone, or when the daemon lets go
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
	free := d.take(colleague)
	if free == nil {
		free = func() {} // he was put through to another caller since, and that one frees him
	}
	defer free()
	return d.callbacks.TakeBack(ctx, line, colleague, kept, free)
}

// SeeOut implements asterisk.Callbacks. The colleague has nothing to do with it any more.
func (d *desks) SeeOut(ctx context.Context, colleague call.AgentID, state string, since time.Time, over func() error) error {
	return d.callbacks.SeeOut(ctx, colleague, state, since, over)
}

// take keeps a colleague from being put through to a second caller until free is called, as often as one likes; nil when he is being
// put through to one already.
func (d *desks) take(colleague call.AgentID) (free func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[colleague] {
		return nil
	}
	d.busy[colleague] = true
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.busy, colleague)
	})
}
