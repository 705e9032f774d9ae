package callback

import (
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
)

// Result is what came of an attempt, in the word of the colleague who made it: the line cannot tell a person from a machine.
type Result string

// The results of an attempt (domain.md, "Attempts"). Untold is an attempt whose colleague never said: his claim lapsed, so
// the caller may have been reached.
const (
	ResultReached     Result = "reached"
	ResultNotReached  Result = "not_reached"
	ResultVoicemail   Result = "voicemail"
	ResultWrongNumber Result = "wrong_number"
	ResultRefused     Result = "refused"
	ResultUntold      Result = "untold"
)

// Results lists what a colleague can say of an attempt.
func Results() []Result {
	return []Result{ResultReached, ResultNotReached, ResultVoicemail, ResultWrongNumber, ResultRefused}
}

// LineResult is what the line itself told of an attempt.
type LineResult string

// What a line can tell. LineUnknown is an attempt that was not dialled here.
const (
	LineUnknown  LineResult = ""
	LineAnswered LineResult = "answered"
	LineBusy     LineResult = "busy"
	LineNoAnswer LineResult = "no_answer"
	LineRefused  LineResult = "refused"
	LineFailed   LineResult = "failed"
)

// LineResults lists what a line can tell of an attempt that was dialled here.
func LineResults() []LineResult {
	return []LineResult{LineAnswered, LineBusy, LineNoAnswer, LineRefused, LineFailed}
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

// counts reports whether the attempt counts for the policy: a wrong number or a refusal is no try to reach the caller, and
// what is untold is not known to be one.
func (a Attempt) counts() bool { return a.Result == ResultNotReached || a.Result == ResultVoicemail }

// AttemptPolicy says when a caller who was not reached may be given up (domain.md, "Attempts").
type AttemptPolicy struct {
	Least int              // attempts, each in another part of a day
	Parts []calendar.Clock // at which a part of the day ends and the next begins, such as 12:00; sorted
}

// part is the part of the day in which an instant lies: attempts in one part count once.
type part struct {
	date calendar.Date
	of   int
}

func (p AttemptPolicy) part(t time.Time, loc *time.Location) part {
	clock, of := calendar.ClockOf(t, loc), 0
	for _, end := range p.Parts {
		if clock >= end {
			of++
		}
	}
	return part{calendar.DateOf(t, loc), of}
}

// Met gives when the policy was met by the attempts of a note: the end of the one that completed it. It is false when more
// attempts are needed; left says how many. loc is the zone of the municipality's clocks.
func (p AttemptPolicy) Met(attempts []Attempt, loc *time.Location) (at time.Time, left int, ok bool) {
	tried := make(map[part]bool)
	for _, a := range attempts {
		if !a.counts() {
			continue
		}
		tried[p.part(a.Began, loc)] = true
		if len(tried) >= p.Least {
			return a.Ended, 0, true
		}
	}
	return time.Time{}, p.Least - len(tried), false
}
