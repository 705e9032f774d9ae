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
	deskRings   = 20 * time.Second // the colleague's own phone: he has just asked for it
	callerRings = 45 * time.Second // people need time to find their phone
	wordWait    = 10 * time.Second // for a colleague's key after the question what came of it
)

// The keys with which a colleague says what came of an attempt.
var resultKeys = map[rune]attempt.Result{
	'1': attempt.Reached, '2': attempt.Voicemail, '3': attempt.WrongNumber, '4': attempt.Refused,
}

// Exchange rings phones for callbacks.
type Exchange interface {
	// RingDesk rings a colleague's phone and runs talk on it when it was answered, and returns when that call is over.
	// It gives one of dispatch's errors when the phone was not answered. A talk that returns ErrShutdown goes on with
	// Callbacks.TakeBack in the next daemon.
	RingDesk(ctx context.Context, desk Desk, talk func(ctx context.Context, line Line) error) error
	// Dial rings a number outside and returns when it was answered, or with one of dispatch's errors.
	Dial(ctx context.Context, out Outside) (dispatch.Leg, error)
}

// Desk is a colleague's phone that is rung for a callback.
type Desk struct {
	Agent    call.AgentID
	Endpoint string // technology/resource, such as PJSIP/kcc1
	Name     string // what the phone shows: that it is a callback, and which
	Number   string // whom it is for, E.164
	State    string // kept on its channel from the first ring on, see Line.Remember
	For      time.Duration
}

// Outside is a number that is rung for a callback.
type Outside struct {
	Agent  call.AgentID // the colleague for whom
	Number string       // a plus and digits, see dialling.Guard
	Shown  string       // the caller's number that the callee sees: that of the municipality, E.164
	Name   string       // of the municipality
	State  string       // kept on its channel, see Callbacks.SeeOut
	For    time.Duration
}

// Attempts is what a callback by telephone changes of its note; callback.Worklist is the real one.
type Attempts interface {
	Renew(ctx context.Context, s callback.Step) (note.Note, error)
	StartAttempt(ctx context.Context, s callback.Step, in call.ID) (note.Note, error)
	EndLine(ctx context.Context, s callback.Step, line attempt.LineResult, talked time.Duration) (note.Note, error)
	EndAttempt(
		ctx context.Context, s callback.Step, line attempt.LineResult, talked time.Duration, result attempt.Result,
	) (note.Note, error)
	Resolve(ctx context.Context, s callback.Step, as note.Outcome, reason string) (note.Note, error)
}

// Guard allows what may be dialled; dialling.Guard is the real one.
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

// deskcall is one callback that is being made, on the line of the colleague's phone.
type deskcall struct {
	attendant
	callbacks *Callbacks
	claim     deskclaim
	town      routing.Municipality
	kept      deskState // on the channel of the colleague's phone
	note      note.Note // as it was when the call began or was taken back
	free      func()    // told when that phone is his again
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

// CallBack rings the caller of a note that the colleague has claimed. It returns when the call is over and what came of
// it is with the note, as far as it is known: a colleague who hung up says it elsewhere (Worklist.EndAttempt). An error
// says why nobody was rung; the note is then as before. free is told once the colleague has answered and hung up: when
// he has put the caller through the call goes on for long without him.
func (c *Callbacks) CallBack(ctx context.Context, n note.Note, free func()) error {
	agent, ok := c.Plan().Agents[n.Colleague]
	if !ok {
		return fmt.Errorf("call back: agent %q has no phone in the configuration", n.Colleague)
	}
	if err := c.Engaged.Reserve(n); err != nil {
		return fmt.Errorf("call back: %w", err)
	}
	defer c.Engaged.Release(n.ID)
	kept := deskState{
		Municipality: n.Municipality, Note: n.ID, Tries: len(n.Attempts), Team: n.Team, Number: n.Number.E164,
	}
	var failed error
	err := c.Exchange.RingDesk(ctx, Desk{
		Agent: agent.ID, Endpoint: agent.Endpoint, Name: "Terugbelnotitie " + string(n.Reference),
		Number: n.Number.E164,
		State:  kept.String(), For: deskRings,
	}, func(ctx context.Context, line Line) error {
		d := c.deskcall(line, agent.ID, kept, free)
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

// goesOn reports whether a call is not over: it is taken back, by this daemon or by the next.
func goesOn(err error) bool {
	return errors.Is(err, ErrShutdown) || errors.Is(err, ErrLinkLost) || errors.Is(err, ErrPutThrough)
}

// conclude runs the call to its end, and lets the colleague's phone go when it is over.
func (d *deskcall) conclude(ctx context.Context, run func(context.Context) error) error {
	defer context.AfterFunc(ctx, d.free)() // ctx ends with his phone
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
		return err // he hung up: nobody was called
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

// start writes the attempt before the first digit is dialled: a call cannot be undone. The claim is renewed first, so
// that it does not run out as the caller's phone rings.
func (d *deskcall) start(ctx context.Context) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	if _, err := d.callbacks.Attempts.Renew(limited, d.claim.step()); err != nil {
		return err
	}
	_, err := d.callbacks.Attempts.StartAttempt(limited, d.claim.step(), "")
	return err
}

// dial rings the caller. Without an error he has answered.
func (d *deskcall) dial(ctx context.Context, number string) (dispatch.Leg, error) {
	ringing, err := d.line.Play(ctx, []string{"tone:ring;tonezone=nl"})
	if err != nil {
		return nil, err
	}
	leg, err := d.callbacks.Exchange.Dial(ctx, Outside{
		Agent: d.claim.colleague, Number: number, Shown: d.town.CallerID, Name: d.town.Name, State: d.kept.String(),
		For: callerRings,
	})
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	if stopped := ringing.Stop(clean); stopped != nil && ctx.Err() == nil {
		d.log.Warn("could not stop the ringing tone", "err", stopped)
	}
	return leg, err
}

// talk lets the two talk until one hangs up, and settles what came of it. since is when the caller answered.
func (d *deskcall) talk(ctx context.Context, leg dispatch.Leg, since time.Time) error {
	err := d.line.Talk(ctx, leg)
	if errors.Is(err, ErrShutdown) { // the two go on talking without us
		return err
	}
	if err != nil && ctx.Err() == nil {
		d.log.Warn("callback broken off", "err", err)
	}
	talked := time.Since(since)
	d.letGo(ctx, leg)
	return d.settle(ctx, attempt.LineAnswered, talked)
}

// letGo hangs up on the caller, unless he is gone: he may have been put through to somebody else, and talk on outside
// our application.
func (d *deskcall) letGo(ctx context.Context, leg dispatch.Leg) {
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

// lineResult is what the line told of a call that was not answered.
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

// settle writes what came of the attempt. A line that was not answered says it all; of one that was only the colleague
// knows whether he spoke to a person or to a machine.
func (d *deskcall) settle(ctx context.Context, line attempt.LineResult, talked time.Duration) error {
	d.callbacks.Engaged.Release(d.kept.Note) // nobody is on that line any more
	switch line {
	case attempt.LineAnswered:
		if err := d.claim.endLine(ctx, talked); err != nil {
			return d.claim.unlessSaid(err)
		}
		return d.askResult(ctx)
	case attempt.LineRefused:
		return d.end(ctx, line, attempt.Refused)
	default:
		return d.end(ctx, line, attempt.NotReached)
	}
}

// askResult writes what the colleague says came of the call. A note of which he says nothing stays at "calling" until
// he does so elsewhere, or his claim lapses.
func (d *deskcall) askResult(ctx context.Context) error {
	speech := d.speaker.Say(prompts.AskResult)
	d.forgetKeys()
	for range questions {
		h, err := d.listen(ctx, speech, wordWait, attention{})
		if err != nil {
			return ignoreHangUp(err)
		}
		if result, ok := resultKeys[h.key]; ok {
			return d.end(ctx, attempt.LineUnknown, result) // the line has told its part
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

// resultPrompts confirm to the colleague what was written.
var resultPrompts = map[attempt.Result]prompts.ID{
	attempt.NotReached:  prompts.AttemptNotReached,
	attempt.Voicemail:   prompts.AttemptNoted,
	attempt.WrongNumber: prompts.AttemptNoted,
	attempt.Refused:     prompts.AttemptNoted,
}

// confirm tells the colleague what was written; when the caller was reached it asks whether the note can be closed.
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
