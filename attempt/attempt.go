package attempt

import (
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// Result is what came of an attempt, in the word of the colleague who made it: the line cannot tell a person from a
// machine.
type Result string

// The results of an attempt (domain.md, "Attempts"). Untold is an attempt whose colleague never said: his claim lapsed,
// so the caller may have been reached.
const (
	Reached     Result = "reached"
	NotReached  Result = "not_reached"
	Voicemail   Result = "voicemail"
	WrongNumber Result = "wrong_number"
	Refused     Result = "refused"
	Untold      Result = "untold"
)

// Results lists what a colleague can say of an attempt.
func Results() []Result {
	return []Result{Reached, NotReached, Voicemail, WrongNumber, Refused}
}

// LineResult is what the line itself told of an attempt.
type LineResult string

// What a line can tell. LineUnknown is an attempt that was not dialled here.
const (
	LineUnknown   LineResult = ""
	LineAnswered  LineResult = "answered"
	LineBusy      LineResult = "busy"
	LineNoAnswer  LineResult = "no_answer" // it rang for its time
	LineRefused   LineResult = "refused"
	LineAbandoned LineResult = "abandoned" // broken off from our side before it was answered: it may have rung
	LineFailed    LineResult = "failed"    // nobody was rung
)

// LineResults lists what a line can tell of an attempt that was dialled here.
func LineResults() []LineResult {
	return []LineResult{LineAnswered, LineBusy, LineNoAnswer, LineRefused, LineAbandoned, LineFailed}
}

// Attempt is one try to reach the caller. Times are UTC, in whole milliseconds.
type Attempt struct {
	Began  time.Time
	Ended  time.Time    // zero while it goes on
	By     call.AgentID // empty when purged
	Line   LineResult
	Talked time.Duration // that the line was through, in whole milliseconds
	Result Result        // empty while it goes on
}

// Counts reports whether the attempt counts for the policy: a wrong number or a refusal is no try to reach the caller,
// and what is untold is not known to be one. Nor is one of which the line told anything else than that his phone rang
// or was busy: a trunk that is down rang nobody.
func (a Attempt) Counts() bool {
	return slices.Contains([]Result{NotReached, Voicemail}, a.Result) &&
		slices.Contains([]LineResult{LineUnknown, LineAnswered, LineBusy, LineNoAnswer}, a.Line)
}
