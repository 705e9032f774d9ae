package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/web"
)

// portAgainAfter is how long the daemon waits before it tries again to open the API's port: who has it may go away.
const portAgainAfter = 2 * time.Second

// apiPort serves the JSON API beside the telephone, which answers calls whatever becomes of it.
type apiPort struct {
	handler http.Handler
	tokens  *web.Tokens

	mu     sync.Mutex
	closed error // why nobody can reach it; nil while it serves
	last   metrics.Health
}

var errNotOpen = errors.New("its port is not open yet")

// newAPIPort makes the JSON API; there is none, and it gives nil, without a tokens file.
func (s *service) newAPIPort() *apiPort {
	file := s.settings.config().Web.TokensFile
	if file == "" {
		s.log.Info("no JSON API: web.tokens_file is not set")
		return nil
	}
	tokens, err := web.OpenTokens(file, s.log)
	if err != nil { // no reason to leave the telephone unanswered
		s.log.Error("nobody may use the JSON API until its tokens file is right", "err", err)
	}
	api := web.New(web.Options{
		Reader: s.keeper, Work: s.worklist, Phone: s.desks, Promises: s.notes.Service, Exports: s.store, Directory: s.settings, Tokens: tokens,
		Meter: s.metrics.API, Log: s.log,
	})
	return &apiPort{handler: api.Handler(), tokens: tokens, closed: errNotOpen, last: metrics.Health{Since: time.Now().UTC()}}
}

// serveAPI keeps the API's port open until ctx ends. A port that is taken, or an address that this machine does not have, is
// logged once and tried again.
func (s *service) serveAPI(ctx context.Context) {
	for {
		err := s.serveAPIOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if s.api.isClosed(err) {
			s.log.Error("the JSON API cannot be reached; calls are answered without it", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(portAgainAfter):
		}
	}
}

func (s *service) serveAPIOnce(ctx context.Context) error {
	listener, err := httpserver.Listen(ctx, "listen.web", s.settings.config().Listen.Web)
	if err != nil {
		return err
	}
	s.api.isClosed(nil)
	s.log.Info("the JSON API can be reached", "address", listener.Addr().String())
	return httpserver.Serve(ctx, listener, s.api.handler, s.log)
}

// isClosed takes down why nobody can reach the API, nil when it serves, and reports whether that is news.
func (p *apiPort) isClosed(why error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.closed
	p.closed = why
	return fmt.Sprint(before) != fmt.Sprint(why)
}

// health says whether the API can be reached, and whether the tokens that it lets in are those of their file.
func (p *apiPort) health(context.Context) metrics.Health {
	tokens := p.tokens.InForce(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	now := metrics.Health{Up: p.closed == nil, Degraded: p.closed == nil && tokens != nil, Since: p.last.Since}
	switch {
	case p.closed != nil:
		now.Detail = p.closed.Error()
	case errors.Is(tokens, web.ErrNobody): // the log has the reason, which may quote the file
		now.Detail = "the tokens file cannot be used, and nobody is let in: see the log, or run bereikbaar doctor"
	case tokens != nil:
		now.Detail = "the tokens file cannot be used, and who was let in before still is: see the log, or run bereikbaar doctor"
	}
	if now.Up != p.last.Up || now.Degraded != p.last.Degraded {
		now.Since = time.Now().UTC()
	}
	p.last = now
	return now
}
