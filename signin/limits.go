package signin

import (
	"time"

	"github.com/bereikbaar/bereikbaar/httpserver"
)

var (
	// limitAddress is of one address: a town hall's colleagues may share one.
	limitAddress = httpserver.Limit{AtOnce: 20, Every: 6 * time.Second}
	// limitHere is of one account from one address.
	limitHere = httpserver.Limit{AtOnce: 5, Every: 30 * time.Second}
	// limitAccount is of one account from all addresses. It is wide, so that strangers do not lock a colleague out.
	limitAccount = httpserver.Limit{AtOnce: 50, Every: 10 * time.Second}
	// limitCode is of the codes of one account: its password is known to whoever gets that far, and only a million
	// codes stand between.
	limitCode = httpserver.Limit{AtOnce: 5, Every: 5 * time.Minute}
)
