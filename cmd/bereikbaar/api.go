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
		return &callback.DialError{Code: callback.DialOff, Text: "no way outside is configured (callbacks.dial)"}
	}
	if _, ok := d.settings.plan().Agents[n.Colleague]; !ok { // he is known by his token only
		return &callback.DialError{Code: callback.DialNoPhone, Text: "you have no phone in the configuration (agents): ring the caller yourself"}
	}
	if err := d.guard.Check(context.Background(), n.Municipality, n.Colleague, n.Number, time.Now()); err != nil {
		return err
	}
	if !d.take(n.Colleague) {
		return &callback.DialError{Code: callback.DialBusy, Text: "you are being put through already"}
	}
	go func() {
		defer d.free(n.Colleague)
		if err := d.callbacks.CallBack(context.Background(), n); err != nil { // it ends with the colleague's phone, or when the daemon lets go
			d.log.Warn("a callback came to nothing", "note", n.ID, "agent", n.Colleague, "err", err)
		}
	}()
	return nil
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
