package signin

import (
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/httpserver"
)

var (
	// limitAddress is of one address: a town hall's colleagues may share one.
	limitAddress = httpserver.Limit{AtOnce: 20, Every: 6 * time.Second}
	// limitNetwork is of the widest block of IPv6 that one customer has.
	limitNetwork = httpserver.Limit{AtOnce: 60, Every: 2 * time.Second}
	// limitHere is of one account from one address.
	limitHere = httpserver.Limit{AtOnce: 5, Every: 30 * time.Second}
	// limitNear is of one account from one such block. It leaves enough of limitAccount for others.
	limitNear = httpserver.Limit{AtOnce: 20, Every: 10 * time.Second}
	// limitAccount is of one account from all addresses. It is wide, so that strangers do not lock a colleague out.
	limitAccount = httpserver.Limit{AtOnce: 50, Every: 10 * time.Second}
	// limitCode is of the codes of one account: its password is known to whoever gets that far, and only a million
	// codes stand between.
	limitCode = httpserver.Limit{AtOnce: 5, Every: 5 * time.Minute}
	// limitLink is of first-run links from one address. Nobody guesses their 256 bits: it only bounds the looks into
	// Redis, and using it up keeps nobody from signing in.
	limitLink = httpserver.Limit{AtOnce: 100, Every: time.Second}
)

// addressLimits are those of the address of a request.
func addressLimits(r *http.Request) map[httpserver.Limit]string {
	of := map[httpserver.Limit]string{limitAddress: httpserver.Client(r)}
	if network := httpserver.Network(r); network != of[limitAddress] {
		of[limitNetwork] = network
	}
	return of
}

// passwordLimits are those of a try at the password of an account.
func passwordLimits(r *http.Request, id call.AgentID) map[httpserver.Limit]string {
	of := addressLimits(r)
	if !ValidID(id) { // it has no account to guard, and may be long
		return of
	}
	of[limitHere], of[limitAccount] = of[limitAddress]+" "+string(id), string(id)
	if network := of[limitNetwork]; network != "" {
		of[limitNear] = network + " " + string(id)
	}
	return of
}
