package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// desks puts colleagues through to callers, each to one at a time.
type desks struct {
	settings  *Settings
	people    *people
	phones    phones
	notes     liveNotes
	operator  *ivr.Operator
	callbacks *ivr.Callbacks
	guard     *dialling.Guard
	refusals  refusals
	log       *slog.Logger
	stages    *stages

	mu   sync.Mutex
	busy map[call.AgentID]bool
}

// liveNotes finds the live notes of a number.
type liveNotes interface {
	Live(ctx context.Context, m call.MunicipalityID, number call.Number) ([]note.Note, error)
}

// phones tells how a colleague's phone stands.
type phones struct {
	conn   *asterisk.Conn
	board  *asterisk.Switchboard
	queues *dispatch.Dispatcher
}

// refusals counts and logs the callbacks that are not dialled.
type refusals struct {
	figures *metrics.Keeping
	log     *slog.Logger
}

func (r refusals) add(why dialling.Reason) {
	r.figures.DialRefused(why)
	r.log.Warn("a callback was not dialled", "why", why)
}

// Talking implements api.Phone.
func (d *desks) Talking(agent call.AgentID) (api.Talking, bool) {
	t, ok := d.operator.Talking(agent)
	return api.Talking(t), ok
}

// CallAbout implements api.Phone.
func (d *desks) CallAbout(agent call.AgentID, about note.Reference) call.ID {
	if t, ok := d.operator.Talking(agent); ok && about != "" && t.Note == about {
		return t.Call
	}
	return ""
}

// CallBack implements api.Phone.
func (d *desks) CallBack(n note.Note) error {
	if d.settings.config().Callbacks.Dial == "" {
		return d.refuse(dialling.ReasonOff, "no way outside is configured (callbacks.dial)")
	}
	phone, err := d.phone(n.Municipality, n.Colleague)
	if err != nil {
		return err
	}
	if err := d.guard.Check(context.Background(), n.Municipality, n.Colleague, n.Number, time.Now()); err != nil {
		return err
	}
	free := d.take(n.Colleague)
	if free == nil {
		return d.refuse(dialling.ReasonBusy, "you are being put through already")
	}
	if err := d.begin(n, phone, free); err != nil {
		free()
		return err
	}
	return nil
}

// phone is the colleague's own phone: that of the configuration, or the one that they or an administrator set.
func (d *desks) phone(m call.MunicipalityID, colleague call.AgentID) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askPhone)
	defer cancel()
	phone, err := d.people.phone(ctx, m, colleague)
	switch {
	case err != nil:
		d.log.Warn("could not look up a colleague's phone; nobody is rung", "agent", colleague, "err", err)
		return "", d.refuse(dialling.ReasonStore, "your phone cannot be looked up now: try again in a while")
	case phone == "":
		return "", d.refuse(dialling.ReasonNoPhone, "no phone of yours is known: ring the caller yourself")
	}
	return phone, nil
}

// begin checks that the colleague can be put through now, reserves the number for them, and rings their phone.
func (d *desks) begin(n note.Note, phone string, free func()) error {
	if err := d.reachable(n.Colleague, phone); err != nil {
		return err
	}
	if err := d.tried(n); err != nil {
		return err
	}
	if err := d.counted(d.callbacks.Engaged.Reserve(n)); err != nil {
		return err
	}
	d.stages.begin(n.Colleague, n.ID)
	over := sync.OnceFunc(func() {
		d.stages.end(n.Colleague, n.ID)
		free()
	})
	go func() {
		defer over()
		// it ends with the colleague's phone, or when the daemon stops
		if err := d.callbacks.CallBack(context.Background(), n, phone, over); err != nil {
			d.log.Warn("callback failed", "note", n.ID, "agent", n.Colleague, "err", err)
		}
	}()
	return nil
}

const (
	// askPhone bounds the questions to Asterisk how a colleague's phone stands.
	askPhone = 3 * time.Second
	// loggingIn is how long a phone that has just logged in may still be reported offline (seen on 22.10.1 under load).
	loggingIn = time.Second
	askAgain  = 100 * time.Millisecond
)

// reachable looks whether the colleague's own phone can ring.
func (d *desks) reachable(agent call.AgentID, phone string) error {
	ctx, cancel := context.WithTimeout(context.Background(), askPhone)
	defer cancel()
	if up, _, _ := d.phones.conn.State(); !up { // what goes on there is not known yet
		return d.refuse(dialling.ReasonExchange, "Asterisk cannot be reached now: try again in a while")
	}
	state, err := d.phones.now(ctx, phone)
	switch {
	case err != nil:
		d.log.Warn("could not ask how a colleague's phone stands; nobody is rung", "agent", agent, "err", err)
		return d.refuse(dialling.ReasonExchange, "Asterisk does not say how your phone stands: try again in a while")
	case state == queue.PhoneOffline:
		return d.refuse(dialling.ReasonPhoneOffline,
			"your own phone is logged out or cannot be reached: log it in, or ring the caller yourself")
	case state == queue.PhoneInUse, d.phones.queues.Busy(agent):
		return d.refuse(dialling.ReasonPhoneInUse, "your own phone rings or is in a call: end that first")
	}
	return nil
}

// now asks how a phone stands, and again for a while when it is offline.
func (p phones) now(ctx context.Context, endpoint string) (queue.PhoneState, error) {
	for began := time.Now(); ; {
		state, err := p.board.PhoneNow(ctx, endpoint)
		if err != nil || state != queue.PhoneOffline || time.Since(began) >= loggingIn {
			return state, err
		}
		<-time.After(askAgain)
	}
}

// Check implements api.Phone.
func (d *desks) Check(n note.Note) error {
	if err := d.callbacks.Engaged.Check(n); err != nil {
		return d.counted(err)
	}
	return d.tried(n)
}

// lookForTries bounds the search for others who try to reach a number.
const lookForTries = time.Second

// tried refuses a call to a number that a colleague rings for another note with a phone of their own: that note says so
// until they report the result. Notes that cannot be read refuse nothing: a call by us needs the store anyhow.
func (d *desks) tried(n note.Note) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookForTries)
	defer cancel()
	for m := range d.settings.plan().Municipalities {
		notes, err := d.notes.Live(ctx, m, n.Number)
		if err != nil {
			d.log.Warn(
				"could not check whether a colleague calls a number already; continuing without", "note", n.ID, "err",
				err,
			)
		}
		for _, other := range notes {
			if err := d.callbacks.Engaged.Tried(n, other); err != nil {
				return d.counted(err)
			}
		}
	}
	return nil
}

// counted counts a refusal because of a call that goes on.
func (d *desks) counted(err error) error {
	if why, ok := errors.AsType[*dialling.Error](err); ok {
		d.refusals.add(why.Code)
	}
	return err
}

// refuse says why nobody is rung, and counts it: the guard counts its own refusals only.
func (d *desks) refuse(code dialling.Reason, text string) error {
	d.refusals.add(code)
	return &dialling.Error{Code: code, Text: text}
}

// TakeBack implements asterisk.Callbacks.
func (d *desks) TakeBack(ctx context.Context, line ivr.Line, colleague call.AgentID, kept ivr.Kept) error {
	free := d.take(colleague)
	if free == nil {
		free = func() {} // they were put through to another caller since, and that call frees them
	}
	defer free()
	return d.callbacks.TakeBack(ctx, line, colleague, kept, free)
}

// SeeOut implements asterisk.Callbacks. The colleague is no longer part of it.
func (d *desks) SeeOut(
	ctx context.Context, colleague call.AgentID, state string, since time.Time, over func() error,
) error {
	return d.callbacks.SeeOut(ctx, colleague, state, since, over)
}

// take keeps a colleague from being put through to a second caller until free is called, which may be repeated; nil
// when they are being put through to one already.
func (d *desks) take(colleague call.AgentID) (free func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[colleague] {
		return nil
	}
	d.busy[colleague] = true
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.busy, colleague)
	})
}
