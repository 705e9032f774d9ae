package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	deskRings   = 20 * time.Second // the colleague's own phone: they have just asked for it
	callerRings = 45 * time.Second // people need time to find their phone
	resultWait  = 10 * time.Second // for a colleague's key after the question for the result
)

// resultKeys are a colleague's keys for the result of an attempt.
var resultKeys = map[rune]attempt.Result{
	'1': attempt.Reached, '2': attempt.Voicemail, '3': attempt.WrongNumber, '4': attempt.Refused,
}

// Exchange rings phones for callbacks.
type Exchange interface {
	// RingDesk rings a colleague's phone, runs talk on it when it was answered, and returns when that call is over. It
	// gives one of dispatch's errors when the phone was not answered. A talk that returns ErrShutdown goes on with
	// Callbacks.TakeBack in the next daemon.
	RingDesk(ctx context.Context, desk Desk, talk func(ctx context.Context, line Line) error) error
	// Dial originates a call to a number outside and returns when it was answered, or with one of dispatch's errors.
	Dial(ctx context.Context, out Outside) (dispatch.Leg, error)
}

// Desk is a colleague's phone that is rung for a callback.
type Desk struct {
	Agent    call.AgentID
	Endpoint string // technology/resource, such as PJSIP/kcc1
	Name     string // shown on the phone: that it is a callback, and for which note
	Number   string // of the caller, E.164
	State    string // kept on its channel from the first ring on, see Line.Remember
	For      time.Duration
}

// Outside is a number that is rung for a callback.
type Outside struct {
	Agent  call.AgentID // the colleague who calls back
	Note   note.ID
	Number string // a plus and digits, see dialling.Guard
	Shown  string // the sender's number: the municipality's, E.164
	Name   string // of the municipality
	State  string // kept on its channel, see Callbacks.SeeOut
	For    time.Duration
}

// Attempts changes the note of a callback; callback.Worklist is the real one.
type Attempts interface {
	Renew(ctx context.Context, s callback.Step) (note.Note, error)
	StartAttempt(ctx context.Context, s callback.Step, in call.ID) (note.Note, error)
	EndLine(ctx context.Context, s callback.Step, line attempt.LineResult, talked time.Duration) (note.Note, error)
	EndAttempt(
		ctx context.Context, s callback.Step, line attempt.LineResult, talked time.Duration, result attempt.Result,
	) (note.Note, error)
	Resolve(ctx context.Context, s callback.Step, as note.Outcome, reason string) (note.Note, error)
}

// Guard decides which numbers may be dialled; dialling.Guard is the real one.
type Guard interface {
	Allow(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, n call.Number, now time.Time) (
		string, error,
	)
}

// Callbacks rings callers back for colleagues (click-to-call): the colleague's own phone first, then the caller, with
// the municipality's number as sender. Its fields are set once; it is safe for concurrent use.
type Callbacks struct {
	Plan     func() *routing.Plan
	Exchange Exchange
	Attempts Attempts
	Guard    Guard
	Engaged  *Engaged                                  // keeps a number for one colleague at a time
	Lease    func(m call.MunicipalityID) time.Duration // how long a claim holds unless it is renewed
	Sounds   Sounds
	Register Register
	Log      *slog.Logger
}

// deskcall is one live callback, on the line of the colleague's phone.
type deskcall struct {
	attendant
	callbacks *Callbacks
	claim     deskclaim
	town      routing.Municipality
	kept      deskState // on the channel of the colleague's phone
	note      note.Note // as it was when the call began or was taken back
	free      func()    // called when the phone is the colleague's again
}

func (c *Callbacks) deskcall(line Line, colleague call.AgentID, kept deskState, free func()) *deskcall {
	town := c.Plan().Municipalities[kept.Municipality]
	speaker, _ := prompts.NewSpeaker(town.Language) // a language without prompts gives Dutch
	claim := c.deskclaim(colleague, kept)
	return &deskcall{
		attendant: attendant{line: line, speaker: speaker, sounds: c.Sounds, register: c.Register, log: claim.log},
		callbacks: c, claim: claim, town: town, kept: kept, free: free,
	}
}

// CallBack rings the caller of a note that the colleague has claimed, from their phone: as Asterisk dials it, such as
// PJSIP/kcc1. It returns when the call is over and the note has
// the attempt's result, as far as it is known: a colleague who hung up gives it elsewhere (Worklist.EndAttempt). An
// error says why nobody was rung; the note is then as before. free is called once the colleague has answered and hung
// up: a transferred caller may talk on for long without them.
func (c *Callbacks) CallBack(ctx context.Context, n note.Note, phone string, free func()) error {
	if err := c.Engaged.Reserve(n); err != nil {
		return fmt.Errorf("call back: %w", err)
	}
	defer c.Engaged.Release(n.ID)
	kept := deskState{
		Municipality: n.Municipality, Note: n.ID, Tries: len(n.Attempts), Team: n.Team, Number: n.Number.E164,
	}
	var failed error
	err := c.Exchange.RingDesk(ctx, Desk{
		Agent: n.Colleague, Endpoint: phone, Name: "Terugbelnotitie " + string(n.Reference),
		Number: n.Number.E164,
		State:  kept.String(), For: deskRings,
	}, func(ctx context.Context, line Line) error {
		d := c.deskcall(line, n.Colleague, kept, free)
		d.note = n
		err := d.conclude(ctx, d.run)
		if errors.Is(err, ErrShutdown) {
			return err
		}
		failed = err
		return nil
	})
	if err != nil {
		return fmt.Errorf("call back: the colleague's phone: %w", err)
	}
	return failed
}

// goesOn reports whether the call will be taken back, by this daemon or by the next.
func goesOn(err error) bool {
	return errors.Is(err, ErrShutdown) || errors.Is(err, ErrLinkLost) || errors.Is(err, ErrPutThrough)
}

// conclude runs the call to its end, and hangs up the colleague's phone.
func (d *deskcall) conclude(ctx context.Context, run func(context.Context) error) error {
	defer context.AfterFunc(ctx, d.free)() // ctx ends with the colleague's phone
	err := d.outlast(ctx, run, d.resume)
	if errors.Is(err, ErrShutdown) {
		return err
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	d.release(clean, d.line.HangUp)
	return err
}

// run is the call from the colleague's answer on.
func (d *deskcall) run(ctx context.Context) error {
	if err := d.say(
		ctx, d.speaker.Say(prompts.CallingBack).Then(d.speaker.GiveReference(string(d.note.Reference))),
	); err != nil {
		return err // the colleague hung up: nobody was called
	}
	if err := d.callbacks.Engaged.Reserve(d.note); err != nil { // they may have rung us since
		return errors.Join(err, d.say(ctx, d.speaker.Say(prompts.CallerRingsUs)))
	}
	number, err := d.callbacks.Guard.Allow(ctx, d.note.Municipality, d.claim.colleague, d.note.Number, time.Now())
	if err != nil {
		return errors.Join(err, d.say(ctx, d.speaker.Say(prompts.NotDialled)))
	}
	if err := d.start(ctx); err != nil {
		return errors.Join(err, d.say(ctx, d.speaker.Say(prompts.NotDialled)))
	}
	defer d.claim.keep(ctx, d.claim.renewal())()
	leg, err := d.dial(ctx, number)
	switch {
	case goesOn(err):
		return err
	case err != nil:
		d.log.Info("callback not answered", "why", err)
		return d.settle(ctx, lineResult(err), 0)
	}
	answered := time.Now()
	d.remember(ctx, answered)
	return d.talk(ctx, leg, answered)
}

// start records the attempt before the first digit is dialled: a call cannot be undone. It renews the claim first, so
// that the lease does not run out while the caller's phone rings.
func (d *deskcall) start(ctx context.Context) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	if _, err := d.callbacks.Attempts.Renew(limited, d.claim.step()); err != nil {
		return err
	}
	_, err := d.callbacks.Attempts.StartAttempt(limited, d.claim.step(), "")
	return err
}

// dial rings the caller. Without an error the caller has answered.
func (d *deskcall) dial(ctx context.Context, number string) (dispatch.Leg, error) {
	ringing, err := d.line.Play(ctx, []string{"tone:ring;tonezone=nl"})
	if err != nil {
		return nil, err
	}
	leg, err := d.callbacks.Exchange.Dial(ctx, Outside{
		Agent: d.claim.colleague, Note: d.kept.Note, Number: number, Shown: d.town.CallerID, Name: d.town.Name,
		State: d.kept.String(), For: callerRings,
	})
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	if stopped := ringing.Stop(clean); stopped != nil && ctx.Err() == nil {
		d.log.Warn("could not stop the ringing tone", "err", stopped)
	}
	return leg, err
}

// talk bridges the two until one hangs up, and settles the result. since is when the caller answered.
func (d *deskcall) talk(ctx context.Context, leg dispatch.Leg, since time.Time) error {
	err := d.line.Talk(ctx, leg)
	if errors.Is(err, ErrShutdown) { // the two talk on without us
		return err
	}
	if err != nil && ctx.Err() == nil {
		d.log.Warn("callback broken off", "err", err)
	}
	talked := time.Since(since)
	d.hangUpCaller(ctx, leg)
	return d.settle(ctx, attempt.LineAnswered, talked)
}

// hangUpCaller hangs up on the caller, unless their leg is gone: a transferred caller may talk on outside our
// application.
func (d *deskcall) hangUpCaller(ctx context.Context, leg dispatch.Leg) {
	select {
	case <-leg.Gone():
		return
	default:
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	if err := leg.HangUp(over); err != nil {
		d.log.Warn("could not hang up a callback", "err", err)
	}
}

// lineResult is the line's result of a call that was not answered.
func lineResult(err error) attempt.LineResult {
	switch {
	case errors.Is(err, dispatch.ErrBusy):
		return attempt.LineBusy
	case errors.Is(err, dispatch.ErrDeclined):
		return attempt.LineRefused
	case errors.Is(err, dispatch.ErrNoAnswer):
		return attempt.LineNoAnswer
	case errors.Is(err, ErrHungUp): // the colleague gave up while it rang
		return attempt.LineAbandoned
	default: // nobody was rung, as far as is known
		return attempt.LineFailed
	}
}

// settle records the result of the attempt. A call that was not answered has it from the line. Of an answered one only
// the colleague knows whether they spoke to a person or to a machine.
func (d *deskcall) settle(ctx context.Context, line attempt.LineResult, talked time.Duration) error {
	d.callbacks.Engaged.Release(d.kept.Note) // the caller's line is free
	switch line {
	case attempt.LineAnswered:
		if err := d.claim.endLine(ctx, talked); err != nil {
			return d.claim.unlessRefused(err)
		}
		return d.askResult(ctx)
	case attempt.LineRefused:
		return d.end(ctx, line, attempt.Refused)
	default:
		return d.end(ctx, line, attempt.NotReached)
	}
}

// askResult asks the colleague for the result and records it. Without an answer the note stays at "calling" until the
// colleague answers elsewhere, or the claim lapses.
func (d *deskcall) askResult(ctx context.Context) error {
	speech := d.speaker.Say(prompts.AskResult)
	d.forgetKeys()
	for range questions {
		h, err := d.listen(ctx, speech, resultWait, attention{})
		if err != nil {
			return ignoreHangUp(err)
		}
		if result, ok := resultKeys[h.key]; ok {
			return d.end(ctx, attempt.LineUnknown, result) // the line's result is recorded already
		}
	}
	return nil
}

func (d *deskcall) end(ctx context.Context, line attempt.LineResult, result attempt.Result) error {
	if err := d.claim.insist(ctx, func(ctx context.Context) error {
		_, err := d.callbacks.Attempts.EndAttempt(ctx, d.claim.step(), line, 0, result)
		return err
	}); err != nil {
		return err
	}
	return d.confirm(ctx, result)
}

// resultPrompts confirm the recorded result to the colleague.
var resultPrompts = map[attempt.Result]prompts.ID{
	attempt.NotReached:  prompts.AttemptNotReached,
	attempt.Voicemail:   prompts.AttemptNoted,
	attempt.WrongNumber: prompts.AttemptNoted,
	attempt.Refused:     prompts.AttemptNoted,
}

// confirm tells the colleague the recorded result; when the caller was reached it asks whether the note can be closed.
func (d *deskcall) confirm(ctx context.Context, result attempt.Result) error {
	if result != attempt.Reached {
		return ignoreHangUp(d.say(ctx, d.speaker.Say(resultPrompts[result])))
	}
	h, err := d.ask(ctx, d.speaker.Say(prompts.AskResolved), attention{})
	if err != nil || h.key != keyYes {
		return ignoreHangUp(err)
	}
	if err := d.claim.insist(ctx, func(ctx context.Context) error {
		_, err := d.callbacks.Attempts.Resolve(ctx, d.claim.step(), note.Reached, "")
		return err
	}); err != nil {
		return err
	}
	return ignoreHangUp(d.say(ctx, d.speaker.Say(prompts.NoteClosed)))
}

func ignoreHangUp(err error) error {
	if errors.Is(err, ErrHungUp) {
		return nil
	}
	return err
}
