package ivr

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
)

// Engaged holds the people on the telephone with us: callers from the first ring to the end of their call, and
// called-back numbers from the request until they have hung up. An engaged number is not called: it would be busy, or
// ring twice. Use NewEngaged; nil holds nobody. It is safe for concurrent use.
type Engaged struct {
	clocks func(m call.MunicipalityID) *time.Location // the clock by which a municipality's people read times

	mu      sync.Mutex
	callers map[call.ID]party
	called  map[note.ID]party
}

// party is a person on the telephone with us.
type party struct {
	number       string // E.164
	municipality call.MunicipalityID
	team         call.TeamID  // where they wait or talk, or which calls them; empty in a menu
	agent        call.AgentID // the agent who talks with them or calls them; empty while they wait
	since        time.Time
}

// NewEngaged makes one without people. clocks gives a municipality's time zone.
func NewEngaged(clocks func(m call.MunicipalityID) *time.Location) *Engaged {
	return &Engaged{clocks: clocks, callers: map[call.ID]party{}, called: map[note.ID]party{}}
}

// Check gives a *dialling.Error when the caller of a note must not be called now: they are on the telephone with us by
// one of their numbers, or another colleague calls the same number about another note.
func (e *Engaged) Check(n note.Note) error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.check(n)
}

// Tried gives the refusal for a note whose number a colleague tries about another note, by whatever phone; nil when
// none does.
func (e *Engaged) Tried(n, other note.Note) error {
	a, ok := other.Trying()
	if e == nil || !ok || other.ID == n.ID || other.Number.E164 != n.Number.E164 {
		return nil
	}
	return e.refusal(dialling.ReasonEngaged, n, party{
		n.Number.E164, other.Municipality, other.Team, a.By, a.Began,
	})
}

// Reserve is Check, and keeps the number for the note's colleague until Release. Of concurrent calls one gets it.
func (e *Engaged) Reserve(n note.Note) error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.check(n); err != nil {
		return err
	}
	if _, reserved := e.called[n.ID]; !reserved {
		e.called[n.ID] = party{n.Number.E164, n.Municipality, n.Team, n.Colleague, time.Now()}
	}
	return nil
}

// Release lets the number of a note be called again. It is harmless when that is not reserved.
func (e *Engaged) Release(id note.ID) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.called, id)
}

// found records a callback that was live before this daemon.
func (e *Engaged) found(id note.ID, p party) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.called[id] = p
}

// at records where a caller is, until gone. An unknown number is not recorded.
func (e *Engaged) at(id call.ID, p party) {
	if e == nil || p.number == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.callers[id] = p
}

func (e *Engaged) gone(id call.ID) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.callers, id)
}

// check is called with mu held.
func (e *Engaged) check(n note.Note) error {
	for id, p := range e.called {
		if id != n.ID && p.number == n.Number.E164 {
			return e.refusal(dialling.ReasonEngaged, n, p)
		}
	}
	for _, p := range e.callers {
		if slices.ContainsFunc(n.Numbers(), func(known call.Number) bool { return known.E164 == p.number }) {
			return e.refusal(dialling.ReasonCallerHere, n, p)
		}
	}
	return nil
}

// refusal names the party that keeps the caller of a note engaged, without detail of another municipality's call.
func (e *Engaged) refusal(code dialling.Reason, n note.Note, p party) error {
	since := p.since.In(e.clocks(n.Municipality)).Format("2006-01-02 15:04 MST")
	why := &dialling.Error{Code: code, Since: p.since.UTC()}
	if p.municipality != n.Municipality && p.municipality != "" {
		why.Text = fmt.Sprintf(
			"another municipality is on the telephone with this number since %s: %s", since, untilOver,
		)
		return why
	}
	why.Colleague, why.Team = p.agent, p.team
	switch {
	case code == dialling.ReasonEngaged:
		why.Text = fmt.Sprintf(
			"%s calls this number for team %s since %s: %s, %s", p.agent, p.team, since, untilOver, orAsk,
		)
	case p.agent != "":
		why.Text = fmt.Sprintf(
			"the caller talks with %s of team %s since %s: %s, %s", p.agent, p.team, since, untilOver, orAsk,
		)
	case p.team != "":
		why.Text = fmt.Sprintf(
			"the caller waits at team %s since %s: answer them there, or %s", p.team, since, untilOver,
		)
	default:
		why.Text = fmt.Sprintf("the caller is in the menu since %s: %s", since, untilOver)
	}
	return why
}

const (
	untilOver = "wait until that call is over"
	orAsk     = "or ask them to pass yours on"
)
