package metrics

import (
	"context"
	"sync/atomic"
	"time"
)

// Health is what a part of the daemon says of itself.
type Health struct {
	Up       bool
	Degraded bool      // with Up: it works, but its purpose is at risk
	Since    time.Time // when Up or Degraded last changed, UTC
	// why it is not up, or what is wrong with it, for an operator; never a secret, a number or a name
	Detail string
}

// Part is something that the daemon needs for its full service: the link with Asterisk, Redis, the prompts.
type Part struct {
	Name   string // "ari", "redis", …: also the value of the label "part"
	Needed bool   // no call can be taken without it; the others only degrade the service
	// Health may be slow or silent: a part that gives no answer within a second counts as not up.
	Health func(context.Context) Health
	// InMemory says that Health reads only memory: every reader gets a new answer. Other parts are asked at most once a
	// second.
	InMemory bool
}

// State is how a part or the whole stands.
type State string

// The states of a part, beside Degraded.
const (
	Up     State = "up"
	Down   State = "down"
	Silent State = "silent" // it does not even answer
)

// The states of the whole.
const (
	Ready    State = "ready"
	Degraded State = "degraded" // calls are taken, but something is missing; of a part: it works, but not as it should
	NotReady State = "not_ready"
	Alive    State = "alive"
	Stuck    State = "stuck" // a loop no longer turns: only a restart helps
)

// Pulse is the sign of life of one loop of the daemon. It is safe for concurrent use.
type Pulse struct {
	name  string
	limit time.Duration
	made  time.Time
	last  atomic.Int64 // nanoseconds after made, on the monotonic clock
}

// NewPulse makes the pulse of a loop that turns at least once within limit, also when there is nothing to do. The first
// turn counts from now.
func NewPulse(name string, limit time.Duration) *Pulse {
	return &Pulse{name: name, limit: limit, made: time.Now()}
}

// Beat says that the loop turned.
func (p *Pulse) Beat() { p.last.Store(int64(time.Since(p.made))) }

// Beating reports whether the loop turned within its limit, and when it last did.
func (p *Pulse) Beating() (ok bool, last time.Time) {
	last = p.made.Add(time.Duration(p.last.Load()))
	return time.Since(last) <= p.limit, last.UTC()
}

// standing is the body of a health page.
type standing struct {
	State State    `json:"state"`
	Parts []report `json:"parts"`
}

// report is how one part stands, on a health page.
type report struct {
	Name   string    `json:"name"`
	State  State     `json:"state"`
	Needed bool      `json:"needed"`
	Since  time.Time `json:"since"` // of the state; of a loop that turns: of its last turn
	Detail string    `json:"detail,omitempty"`
}

// ready says whether calls can be taken: a part that is not needed only degrades.
func (m *Metrics) ready() standing {
	s := m.sources.Load()
	if s == nil {
		return standing{State: NotReady, Parts: []report{}}
	}
	s.start()
	whole := standing{State: Ready, Parts: make([]report, 0, len(s.parts))}
	for _, part := range s.parts {
		r := part.report()
		whole.Parts = append(whole.Parts, r)
		switch {
		case r.State == Up:
		case r.Needed && r.State != Degraded:
			whole.State = NotReady
		case whole.State == Ready:
			whole.State = Degraded
		}
	}
	return whole
}

// alive says whether the loops turn and the queues answer. It does not look at Asterisk or Redis: a restart of the
// daemon brings neither back.
func (m *Metrics) alive() standing {
	whole := standing{State: Alive, Parts: []report{}}
	s := m.sources.Load()
	if s == nil {
		return whole
	}
	for _, pulse := range s.pulses {
		r := report{Name: pulse.name, State: Up, Needed: true}
		ok, last := pulse.Beating()
		r.Since = last
		if !ok {
			r.State, whole.State = Silent, Stuck
		}
		whole.Parts = append(whole.Parts, r)
	}
	if s.queues == nil {
		return whole
	}
	r := report{Name: sourceQueues, State: Up, Needed: true}
	a := s.queues.get()
	r.Since = a.at.UTC()
	if !a.silent.IsZero() && time.Since(a.silent) >= liveLimit {
		r.State, r.Since, whole.State = Silent, a.silent.UTC(), Stuck
	}
	whole.Parts = append(whole.Parts, r)
	return whole
}

// report asks the part for its health. A part that said "up" a while ago and is silent now is not up.
func (p watchedPart) report() report {
	a := p.health.get()
	r := report{Name: p.Name, State: Down, Needed: p.Needed, Since: a.value.Since.UTC(), Detail: a.value.Detail}
	switch {
	case !a.silent.IsZero():
		r.State, r.Since, r.Detail = Silent, a.silent.UTC(), "gives no answer"
	case a.value.Up && a.value.Degraded:
		r.State = Degraded
	case a.value.Up:
		r.State = Up
	}
	return r
}
