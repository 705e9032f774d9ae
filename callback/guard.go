package callback

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
)

// Caps bound what is dialled out in one day of the municipality's calendar. 0 allows none.
type Caps struct {
	Target    int // to one number
	Colleague int // by one colleague
	Day       int // in all
}

// DialCode says why a number was not dialled, besides the codes of a Refusal.
type DialCode string

// The reasons that caps give.
const (
	DialTargetCap    DialCode = "target_cap"
	DialColleagueCap DialCode = "colleague_cap"
	DialDayCap       DialCode = "day_cap"
	DialNumber       DialCode = "number" // Dialable refused it
	DialOff          DialCode = "off"    // no way outside is configured
	DialBusy         DialCode = "busy"   // the colleague is being put through already
)

// DialCodes lists every reason, for metrics that must exist before the first refusal.
func DialCodes() []DialCode {
	return []DialCode{DialTargetCap, DialColleagueCap, DialDayCap, DialNumber, DialOff, DialBusy}
}

// DialError says that a number must not be dialled now. A cap that is reached is an alarm: somebody works
// far more than people do.
type DialError struct {
	Code DialCode
	Text string // for people, without digits
}

// Error is the text.
func (e *DialError) Error() string { return "not dialled: " + e.Text }

// DialRules is what the configuration says about dialling out. It is asked each time.
type DialRules interface {
	Policy(m call.MunicipalityID) Policy
	Work(m call.MunicipalityID) Work
}

// Guard is the one place that everything that dials out goes through. It judges the number anew, whatever was judged when the
// note was made, and counts. It counts from the start of the program: a restart begins a new count. It is safe for use by
// several goroutines.
type Guard struct {
	rules  DialRules
	refuse func(DialCode) // is told of every refusal

	mu     sync.Mutex
	days   map[call.MunicipalityID]calendar.Date
	counts map[call.MunicipalityID]map[string]int
}

// NewGuard makes a guard. refused is told of every refusal, for an alarm.
func NewGuard(rules DialRules, refused func(DialCode)) *Guard {
	return &Guard{
		rules: rules, refuse: refused,
		days: make(map[call.MunicipalityID]calendar.Date), counts: make(map[call.MunicipalityID]map[string]int),
	}
}

// Check says whether the number may be dialled for the colleague now, and counts nothing. The error is a *DialError.
func (g *Guard) Check(m call.MunicipalityID, colleague call.AgentID, n call.Number, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.check(m, colleague, n, now)
}

// Allow is Check, and counts the call that is dialled next. It gives what to dial: a plus and digits, nothing else.
func (g *Guard) Allow(m call.MunicipalityID, colleague call.AgentID, n call.Number, now time.Time) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.check(m, colleague, n, now); err != nil {
		return "", err
	}
	for _, key := range []string{targetKey(n), colleagueKey(colleague), dayKey} {
		g.counts[m][key]++
	}
	return "+" + strings.Map(onlyDigit, n.E164), nil
}

func onlyDigit(r rune) rune {
	if notDigit(r) {
		return -1
	}
	return r
}

// The keys of the counts.
const dayKey = "day"

func targetKey(n call.Number) string             { return "target " + n.E164 }
func colleagueKey(colleague call.AgentID) string { return "colleague " + string(colleague) }

// check is called with mu held.
func (g *Guard) check(m call.MunicipalityID, colleague call.AgentID, n call.Number, now time.Time) error {
	work := g.rules.Work(m)
	if day := calendar.DateOf(now, work.Location); g.counts[m] == nil || g.days[m] != day {
		g.days[m], g.counts[m] = day, make(map[string]int)
	}
	if err := Dialable(g.rules.Policy(m), n); err != nil {
		return g.refused(DialNumber, err.Error())
	}
	for _, limit := range []struct {
		code DialCode
		key  string
		most int
		what string
	}{
		{DialTargetCap, targetKey(n), work.Caps.Target, "this number was dialled"},
		{DialColleagueCap, colleagueKey(colleague), work.Caps.Colleague, "this colleague has dialled"},
		{DialDayCap, dayKey, work.Caps.Day, "callbacks were dialled"},
	} {
		if g.counts[m][limit.key] >= limit.most {
			return g.refused(limit.code, fmt.Sprintf("%s %d times today, the most that callbacks.caps allows", limit.what, limit.most))
		}
	}
	return nil
}

func (g *Guard) refused(code DialCode, text string) error {
	g.refuse(code)
	return &DialError{Code: code, Text: text}
}
