package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/web"
)

// listenAPI opens the port of the JSON API and reads who may use it; there is none without a tokens file.
func (s *service) listenAPI(ctx context.Context) (net.Listener, *web.API, error) {
	cfg := s.settings.config()
	if cfg.Web.TokensFile == "" {
		s.log.Info("no JSON API: web.tokens_file is not set")
		return nil, nil, nil
	}
	tokens, err := web.OpenTokens(cfg.Web.TokensFile, s.log)
	if err != nil { // no reason to leave the telephone unanswered
		s.log.Error("nobody may use the JSON API until its tokens file is right", "err", err)
	}
	listener, err := httpserver.Listen(ctx, "listen.web", cfg.Listen.Web)
	if err != nil {
		return nil, nil, err
	}
	return listener, web.New(web.Options{
		Reader: s.keeper, Work: s.worklist, Phone: s.desks, Promises: s.notes, Exports: s.store, Directory: s.settings, Tokens: tokens,
		Meter: s.metrics.API, Log: s.log,
	}), nil
}

// desks puts colleagues through to callers, each to one at a time.
type desks struct {
	*service
	operator *ivr.Operator
	caller   *ivr.Caller
	guard    *callback.Guard

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
	if err := d.guard.Check(n.Municipality, n.Colleague, n.Number, time.Now()); err != nil {
		return err
	}
	if !d.take(n.Colleague) {
		return &callback.DialError{Code: callback.DialBusy, Text: "you are being put through already"}
	}
	go func() {
		defer d.free(n.Colleague)
		if err := d.caller.CallBack(context.Background(), n); err != nil { // it ends with the colleague's phone, or when the daemon lets go
			d.log.Warn("a callback came to nothing", "note", n.ID, "agent", n.Colleague, "err", err)
		}
	}()
	return nil
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
