package storetest

import (
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
)

// Lease is how long a claim holds under Rules.
const Lease = 10 * time.Minute

// Rules are those of a municipality, for tests above a store. It knows every team, allows Dutch numbers, gives a day
// and warns in the middle of it, and wants one attempt. It implements callback.Rules, callback.Norm and
// callback.WorkRules.
type Rules struct{}

// Knows implements callback.Rules.
func (Rules) Knows(call.TeamID) bool { return true }

// Policy implements callback.Rules.
func (Rules) Policy(call.MunicipalityID) dialling.Policy {
	return dialling.Policy{Countries: []string{"NL"}}
}

// Term implements callback.Norm.
func (Rules) Term(_ call.TeamID, made time.Time) (callback.Term, error) {
	return callback.Term{Warn: made.Add(12 * time.Hour), Deadline: made.Add(24 * time.Hour)}, nil
}

// Work implements callback.WorkRules.
func (Rules) Work(call.MunicipalityID) callback.Work {
	return callback.Work{
		Location: time.UTC, ContactCentre: "kcc", Lease: Lease, Attempts: callback.AttemptPolicy{Least: 1},
		Retention: 30 * 24 * time.Hour,
	}
}
