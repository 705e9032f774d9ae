package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/web/api"
	"github.com/bereikbaar/bereikbaar/web/pages"
)

// portAgainAfter is how long the daemon waits before it tries again to open the web port: its holder may go away.
const portAgainAfter = 2 * time.Second

// reader reads notes through the journal where it can, and finds them in the store.
type reader struct {
	*keeper.Keeper
	listing.Finder
}

// webPort serves the JSON API and the pages beside the telephone. Calls are answered without it too.
type webPort struct {
	mux    *http.ServeMux
	tokens *api.Tokens // nil without the API
	signIn *signin.SignIn
	listen func() string // the address of the moment
	log    *slog.Logger

	mu     sync.Mutex
	closed error // why it cannot be reached; nil while it serves
	last   metrics.Health
}

var errNotOpen = errors.New("its port is not open yet")

func newWebPort(listen func() string, log *slog.Logger) *webPort {
	return &webPort{
		mux: http.NewServeMux(), listen: listen, log: log, closed: errNotOpen,
		last: metrics.Health{Since: time.Now().UTC()},
	}
}

// serveAPI adds the JSON API, for the colleagues and programs of a tokens file. pages says whether there are pages too.
func (p *webPort) serveAPI(tokensFile string, pages bool, options api.Options) {
	tokens, err := api.OpenTokens(tokensFile, options.Log)
	if err != nil { // no reason to leave the telephone unanswered
		options.Log.Error("the tokens file cannot be used; the JSON API lets nobody in until it is right", "err", err)
	}
	options.Tokens, p.tokens = tokens, tokens
	handler := api.New(options).Handler()
	p.mux.Handle("/api/", handler)
	if !pages {
		p.mux.Handle("/", handler) // it says what there is
	}
}

// servePages adds the pages, and the way in.
func (p *webPort) servePages(c *config.SignIn, of pages.Options, door signin.Options) error {
	of.Who = func(r *http.Request) (signin.Guest, error) { return p.signIn.Look(r) } // the two need each other
	show := pages.New(of)
	door.Address, door.Idle, door.Most, door.Forms = c.Address, c.Idle, c.Longest, show.Forms()
	var err error
	if p.signIn, err = signin.New(door); err != nil {
		return fmt.Errorf("sign_in: %w", err)
	}
	p.mux.Handle("/", show.Behind(p.signIn))
	return nil
}

// lookOf opens the files of the municipality's look. Without them the pages work as well, in the plain one.
func lookOf(files config.Look, log *slog.Logger) *pages.Look {
	look, err := pages.OpenLook(pages.LookFiles(files))
	if err != nil {
		log.Error("the pages keep the plain look until the next start: a file of theirs cannot be used", "err", err)
		return nil
	}
	return look
}

func localOf(c *config.SignIn, accounts signin.Accounts) *signin.Local {
	if !c.Local {
		return nil
	}
	return &signin.Local{Accounts: accounts, WithoutCode: c.WithoutCodes}
}

func oidcOf(c *config.OIDC) *signin.OIDC {
	if c == nil {
		return nil
	}
	return &signin.OIDC{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Name: c.Name,
		Municipality: c.Municipality, Scopes: c.Scopes, Claims: signin.Claims(c.Claims), Groups: c.Groups,
	}
}

// signInMeter counts at the door.
type signInMeter struct{ figures *metrics.SignIn }

func (m signInMeter) SignedIn(way signin.Way)      { m.figures.SignedIn(string(way)) }
func (m signInMeter) Refused(reason signin.Reason) { m.figures.Refused(string(reason)) }
func (m signInMeter) SignedOut(how signin.Ending)  { m.figures.SignedOut(string(how)) }

// serve keeps the port open until ctx ends. A port that is taken, or an address that this machine does not have, is
// logged once and tried again.
func (p *webPort) serve(ctx context.Context) {
	for {
		err := p.serveOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.setClosed(err) {
			p.log.Error("the web port cannot be reached; calls are answered without it", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(portAgainAfter):
		}
	}
}

func (p *webPort) serveOnce(ctx context.Context) error {
	listener, err := httpserver.Listen(ctx, "listen.web", p.listen())
	if err != nil {
		return err
	}
	p.setClosed(nil)
	p.log.Info("the web port can be reached", "address", listener.Addr().String())
	return httpserver.Serve(ctx, listener, p.mux, p.log)
}

// setClosed records why the port cannot be reached, nil when it serves, and reports whether that is news.
func (p *webPort) setClosed(why error) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.closed
	p.closed = why
	return fmt.Sprint(before) != fmt.Sprint(why)
}

// health says whether the port can be reached, and whether the tokens in force are those of their file.
func (p *webPort) health(context.Context) metrics.Health {
	var tokens error
	if p.tokens != nil {
		tokens = p.tokens.InForce(time.Now())
	}
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
