// Package dialling owns which numbers may be rung back, and how often: the policy of a municipality, the limits on
// promises, the caps on calls, and the guard that every call out passes. The colleague's own phone and the callers who
// are on the telephone now are judged where they are known, in daemon and ivr; their reasons stand here with the
// others.
package dialling

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// Caps bound what is dialled out in one day of the municipality's calendar. 0 allows none.
type Caps struct {
	Target    int // to one number
	Colleague int // by one colleague
	Day       int // in all
}

// Reason says why a number was not dialled, besides the codes of a Refusal.
type Reason string

// The reasons that caps give.
const (
	ReasonTargetCap    Reason = "target_cap"
	ReasonColleagueCap Reason = "colleague_cap"
	ReasonDayCap       Reason = "day_cap"
	ReasonNumber       Reason = "number"   // Dialable refused it
	ReasonOff          Reason = "off"      // dialling out is not configured
	ReasonBusy         Reason = "busy"     // the colleague is being put through already
	ReasonNoPhone      Reason = "no_phone" // the colleague has no phone in the configuration
	ReasonStore        Reason = "store"    // today's counts cannot be read

	ReasonEngaged      Reason = "engaged"       // another colleague calls this number now
	ReasonCallerHere   Reason = "caller_here"   // the caller is in a call with us now
	ReasonPhoneOffline Reason = "phone_offline" // the colleague's own phone is logged out
	ReasonPhoneInUse   Reason = "phone_in_use"  // the colleague's own phone rings or is in a call
	ReasonExchange     Reason = "exchange"      // Asterisk does not answer
)

// Reasons lists every reason, for metrics that must exist before the first refusal.
func Reasons() []Reason {
	return []Reason{
		ReasonTargetCap, ReasonColleagueCap, ReasonDayCap, ReasonNumber, ReasonOff, ReasonBusy, ReasonNoPhone,
		ReasonStore,
		ReasonEngaged, ReasonCallerHere, ReasonPhoneOffline, ReasonPhoneInUse, ReasonExchange,
	}
}

// Error says that a number must not be dialled now. A reached cap raises an alarm: no person dials that much.
type Error struct {
	Code Reason
	Text string // for people, without digits of a number

	// The colleague in a call with the caller, their team and since when; empty for none, and for another
	// municipality's staff.
	Colleague call.AgentID
	Team      call.TeamID
	Since     time.Time // UTC

	err error
}

// Error is the text, and the error behind it.
func (e *Error) Error() string {
	if e.err != nil {
		return "not dialled: " + e.Text + ": " + e.err.Error()
	}
	return "not dialled: " + e.Text
}

// Unwrap gives the error behind it, nil for none.
func (e *Error) Unwrap() error { return e.err }

// Rules is what the configuration says about dialling out. It is asked each time.
type Rules interface {
	Policy(m call.MunicipalityID) Policy
}

// Guard judges every number before it is dialled. It does so anew, whatever was judged when the note was made, and
// counts for all daemons together: a restart begins no new count. It is safe for use by several goroutines.
type Guard struct {
	rules  Rules
	tally  Tally
	refuse func(Reason) // is told of every refusal
}

// NewGuard makes a guard. refused is told of every refusal, for an alarm.
func NewGuard(rules Rules, tally Tally, refused func(Reason)) *Guard {
	return &Guard{rules: rules, tally: tally, refuse: refused}
}

// Check says whether the number may be dialled for the colleague now, and counts nothing. The error is an *Error; it
// wraps the tally's error when today's counts cannot be read: nothing is dialled then.
func (g *Guard) Check(
	ctx context.Context, m call.MunicipalityID, colleague call.AgentID, n call.Number, now time.Time,
) error {
	return g.judge(m, n, func(day Day, most Caps) (Limit, error) {
		return g.tally.Full(ctx, day, most.limits(colleague, n))
	}, now)
}

// Allow is Check, and counts the call that is dialled next. It gives what to dial: a plus and digits, nothing else.
func (g *Guard) Allow(
	ctx context.Context, m call.MunicipalityID, colleague call.AgentID, n call.Number, now time.Time,
) (string, error) {
	err := g.judge(m, n, func(day Day, most Caps) (Limit, error) {
		return g.tally.Count(ctx, day, "dial "+rand.Text(), most.limits(colleague, n))
	}, now)
	if err != nil {
		return "", err
	}
	return "+" + strings.Map(onlyDigit, n.E164), nil
}

func onlyDigit(r rune) rune {
	if notDigit(r) {
		return -1
	}
	return r
}

// The counts of dialled calls.
const (
	dialledNumber    = "dialled-number"
	dialledColleague = "dialled-colleague"
	dialledDay       = "dialled"
)

func (c Caps) limits(colleague call.AgentID, n call.Number) []Limit {
	return []Limit{
		{dialledNumber, n.E164, c.Target}, {dialledColleague, string(colleague), c.Colleague}, {dialledDay, "", c.Day},
	}
}

// capped gives the code and the text for each full count.
var capped = map[string]struct {
	code Reason
	text string
}{
	dialledNumber:    {ReasonTargetCap, "this number was dialled"},
	dialledColleague: {ReasonColleagueCap, "this colleague has dialled"},
	dialledDay:       {ReasonDayCap, "callbacks were dialled"},
}

func (g *Guard) judge(m call.MunicipalityID, n call.Number, full func(Day, Caps) (Limit, error), now time.Time) error {
	policy := g.rules.Policy(m)
	if err := Dialable(policy, n); err != nil {
		return g.refused(&Error{Code: ReasonNumber, Text: err.Error()})
	}
	switch limit, err := full(DayOf(m, now, policy.Clocks), policy.Caps); {
	case err != nil:
		return g.refused(&Error{Code: ReasonStore, Text: "today's counts cannot be read", err: err})
	case limit != Limit{}:
		why := capped[limit.What]
		return g.refused(&Error{
			Code: why.code,
			Text: fmt.Sprintf("%s %d times today, the most that callbacks.caps allows", why.text, limit.Most),
		})
	}
	return nil
}

func (g *Guard) refused(why *Error) error {
	g.refuse(why.Code)
	return why
}
