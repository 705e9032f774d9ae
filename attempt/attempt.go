// Package attempt owns one try to reach a caller: what the line told, and what the colleague says came of it.
package attempt

import (
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// Result is the result of an attempt, as its colleague reports it: the line cannot tell a person from a machine.
type Result string

// The results of an attempt (domain.md, "Attempts"). Untold: the claim ended before the colleague reported; the caller
// may have been reached.
const (
	Reached     Result = "reached"
	NotReached  Result = "not_reached"
	Voicemail   Result = "voicemail"
	WrongNumber Result = "wrong_number"
	Refused     Result = "refused"
	Untold      Result = "untold"
)

// Results lists the results that a colleague can report.
func Results() []Result {
	return []Result{Reached, NotReached, Voicemail, WrongNumber, Refused}
}

// LineResult is the line's own result of an attempt.
type LineResult string

// The results of a line. LineUnknown is an attempt that was not dialled here.
const (
	LineUnknown   LineResult = ""
	LineAnswered  LineResult = "answered"
	LineBusy      LineResult = "busy"
	LineNoAnswer  LineResult = "no_answer" // it rang for its time
	LineRefused   LineResult = "refused"
	LineAbandoned LineResult = "abandoned" // hung up by us before the answer: it may have rung
	LineFailed    LineResult = "failed"    // no phone rang
)

// LineResults lists the line's results of an attempt that was dialled here.
func LineResults() []LineResult {
	return []LineResult{LineAnswered, LineBusy, LineNoAnswer, LineRefused, LineAbandoned, LineFailed}
}

// Attempt is one try to reach the caller. Times are UTC, in whole milliseconds.
type Attempt struct {
	Began  time.Time
	Ended  time.Time    // zero while it goes on
	By     call.AgentID // empty when purged
	Line   LineResult
	Talked time.Duration // how long the call was connected, in whole milliseconds
	Result Result        // empty while it goes on
}

// Counts reports whether the attempt counts for the policy. A wrong number, a refusal and an untold attempt do not. A
// dialled attempt counts only if the phone rang or was busy: a trunk that is down rings nobody.
func (a Attempt) Counts() bool {
	return slices.Contains([]Result{NotReached, Voicemail}, a.Result) &&
		slices.Contains([]LineResult{LineUnknown, LineAnswered, LineBusy, LineNoAnswer}, a.Line)
}
