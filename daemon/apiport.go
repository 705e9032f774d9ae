package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// portAgainAfter is how long the daemon waits before it tries again to open the API's port: its holder may go away.
const portAgainAfter = 2 * time.Second

// reader reads notes through the journal where it can, and finds them in the store.
type reader struct {
	*keeper.Keeper
	listing.Finder
}

// apiPort serves the JSON API beside the telephone. Calls are answered without it too.
type apiPort struct {
	handler http.Handler
	tokens  *api.Tokens
	listen  func() string // the address of the moment
	log     *slog.Logger

	mu     sync.Mutex
	closed error // why it cannot be reached; nil while it serves
	last   metrics.Health
}

var errNotOpen = errors.New("its port is not open yet")

// newAPIPort makes the JSON API, for the colleagues and programs of a tokens file.
func newAPIPort(tokensFile string, options api.Options, listen func() string) *apiPort {
	tokens, err := api.OpenTokens(tokensFile, options.Log)
	if err != nil { // no reason to leave the telephone unanswered
		options.Log.Error("the tokens file cannot be used; the JSON API lets nobody in until it is right", "err", err)
	}
	options.Tokens = tokens
	return &apiPort{
		handler: api.New(options).Handler(), tokens: tokens, listen: listen, log: options.Log,
		closed: errNotOpen, last: metrics.Health{Since: time.Now().UTC()},
	}
}

// serve keeps the port open until ctx ends. A port that is taken, or an address that this machine does not have, is
// logged once and tried again.
func (p *apiPort) serve(ctx context.Context) {
	for {
		err := p.serveOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.isClosed(err) {
			p.log.Error("the JSON API cannot be reached; calls are answered without it", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(portAgainAfter):
		}
	}
}

func (p *apiPort) serveOnce(ctx context.Context) error {
	listener, err := httpserver.Listen(ctx, "listen.web", p.listen())
	if err != nil {
		return err
	}
	p.isClosed(nil)
	p.log.Info("the JSON API can be reached", "address", listener.Addr().String())
	return httpserver.Serve(ctx, listener, p.handler, p.log)
}

// isClosed records why the API cannot be reached, nil when it serves, and reports whether that is news.
func (p *apiPort) isClosed(why error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.closed
	p.closed = why
	return fmt.Sprint(before) != fmt.Sprint(why)
}

// health says whether the API can be reached, and whether the tokens in force are those of their file.
func (p *apiPort) health(context.Context) metrics.Health {
	tokens := p.tokens.InForce(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	now := metrics.Health{Up: p.closed == nil, Degraded: p.closed == nil && tokens != nil, Since: p.last.Since}
	switch {
	case p.closed != nil:
		now.Detail = p.closed.Error()
	case errors.Is(tokens, api.ErrNobody): // the log has the reason, which may quote the file
		now.Detail = "the tokens file cannot be used, and nobody is let in: see the log, or run bereikbaar doctor"
	case tokens != nil:
		now.Detail = "the tokens file cannot be used, and the tokens before it still count: " +
			"see the log, or run bereikbaar doctor"
	}
	if now.Up != p.last.Up || now.Degraded != p.last.Degraded {
		now.Since = time.Now().UTC()
	}
	p.last = now
	return now
}
