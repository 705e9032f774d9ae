package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/web/access"
)

const maxToken = 256 // bytes

// limitWrong is of the wrong tokens of one address.
var limitWrong = httpserver.Limit{AtOnce: 10, Every: 6 * time.Second}

// authenticate finds the token of a request (RFC 6750). An address that showed too many wrong ones gets 429 for a
// while. A right one is let in even then: a desk whose token ran out must not lock out its neighbours.
func (a *API) authenticate(r *http.Request, now time.Time) (access.Visitor, *Problem) {
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	shown = strings.TrimSpace(shown)
	there := strings.EqualFold(scheme, "Bearer") && shown != ""
	if there && len(shown) <= maxToken && len(r.Header.Values("Authorization")) == 1 {
		if who, ok := a.Tokens.Find(shown, now); ok {
			return who.Visitor, nil
		}
	}
	from := httpserver.Client(r)
	p := problem(http.StatusUnauthorized, "token", "the token is not known, or no longer valid")
	p.challenge = `Bearer realm="bereikbaar", error="invalid_token"`
	switch {
	case a.wrong.Reached(limitWrong, from, now):
		a.Meter.TokenRefused(refusedTooMany)
		p = problem(
			http.StatusTooManyRequests, "too_many",
			"too many requests without a valid token came from this address: try again in a while",
		)
		p.retry = limitWrong.Every
	case !there:
		a.Meter.TokenRefused(refusedMissing)
		p = problem(http.StatusUnauthorized, "token", "a token is needed: Authorization: Bearer …")
		p.challenge = `Bearer realm="bereikbaar"`
	default:
		if try, ok := a.wrong.Begin(now, map[httpserver.Limit]string{limitWrong: from}); ok {
			try.Failed()
		}
		a.Meter.TokenRefused(refusedUnknown)
		a.Log.Warn("a token was refused", "address", from)
	}
	return access.Visitor{}, &p
}
