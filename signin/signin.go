// Package signin owns how a person proves who they are: local accounts, the municipality's own OpenID Connect provider,
// and the sessions that follow.
package signin

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/staff"
)

// Known gives what each source knows of a person, see staff.Merge; nothing when nobody knows them. Errors wrap
// note.ErrStoreDown or note.ErrBroken: with the latter it gives what can be read.
type Known interface {
	Person(ctx context.Context, m call.MunicipalityID, id call.AgentID) (map[staff.Source]staff.Person, error)
}

// Options are the parts of sign-in.
type Options struct {
	// Municipalities gives those of the configuration, in an order that does not change.
	Municipalities func() []call.MunicipalityID
	// Address is where browsers find the pages, such as https://bel.deventer.nl. Cookies are for https alone unless it
	// says http, which the configuration allows on a loopback address only.
	Address *url.URL

	Sessions Sessions
	SignOuts SignOuts
	Known    Known
	People   staff.People // takes what the provider says of persons

	Local *Local // nil for no local accounts
	OIDC  *OIDC  // nil for no provider

	Idle time.Duration // after which an unused session ends
	Most time.Duration // after which every session ends

	Forms Forms
	Meter Meter
	Log   *slog.Logger // and audit log
}

// Local are the local accounts.
type Local struct {
	Accounts Accounts
	// WithoutCode lets accounts in by their password alone: for a machine that nobody else reaches, and the
	// configuration allows it on no other.
	WithoutCode bool
}

// SignIn signs people in and out, and knows their sessions. It is safe for use by several goroutines.
type SignIn struct {
	Options
	scs    *scs.SessionManager
	sealer *sealer
	limits *httpserver.Attempts
	hush   *httpserver.Hush
	hashes chan struct{} // holds one for each password that is being hashed
	checks chan struct{} // holds one for each session that is being checked
	bogus  string        // a hash that no password has, for accounts that are not there

	provider provider

	mu        sync.Mutex
	refreshes map[string]*refresh  // by key of the session
	states    map[string]time.Time // of the provider's answers that were used, until when they are remembered
}

// New joins the parts. It waits for no server: a provider that is away is asked again when somebody signs in.
func New(o Options) (*SignIn, error) {
	s := &SignIn{
		Options: o, limits: httpserver.NewAttempts(), hush: httpserver.NewHush(hushFor),
		hashes: make(chan struct{}, hashesAtOnce),
		checks: make(chan struct{}, checksAtOnce), refreshes: map[string]*refresh{},
	}
	var err error
	if s.sealer, err = newSealer(); err != nil {
		return nil, err
	}
	s.bogus = bogusHash()
	s.scs = s.manager()
	return s, nil
}

func secure(address *url.URL) bool { return address.Scheme == "https" }
