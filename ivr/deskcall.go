package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	deskRings   = 20 * time.Second // the colleague's own phone: he has just asked for it
	callerRings = 45 * time.Second // people need time to find their phone
	storeLimit  = 2 * time.Second  // for one change of a note
	wordWait    = 10 * time.Second // for a colleague's key after the question what came of it
	// wordPause is how long to wait before a result that could not be stored is stored again.
	wordPause = 2 * time.Second
	wordTries = 30
)

// The keys with which a colleague says what came of an attempt.
var resultKeys = map[rune]callback.Result{
	'1': callback.ResultReached, '2': callback.ResultVoicemail, '3': callback.ResultWrongNumber, '4': callback.ResultRefused,
}

// Exchange rings phones for callbacks.
type Exchange interface {
	// RingDesk rings a colleague's phone and runs talk on it when it was answered, and returns when talk is over. It gives one
	// of dispatch's errors when the phone was not answered.
	RingDesk(ctx context.Context, desk Desk, talk func(ctx context.Context, line Line)) error
	// Dial rings a number outside and returns when it was answered, or with one of dispatch's errors.
	Dial(ctx context.Context, out Outside) (dispatch.Leg, error)
}

// Desk is a colleague's phone that is rung for a callback.
type Desk struct {
	Agent    call.AgentID
	Endpoint string // technology/resource, such as PJSIP/kcc1
	Name     string // what the phone shows: that it is a callback, and which
	Number   string // whom it is for, E.164
	For      time.Duration
}

// Outside is a number that is rung for a callback.
type Outside struct {
	Number string // a plus and digits, see callback.Guard
	Shown  string // the caller's number that the callee sees: that of the municipality, E.164
	Name   string // of the municipality
	For    time.Duration
}

// Attempts is what a callback by telephone changes of its note; callback.Worklist is the real one.
type Attempts interface {
	Renew(ctx context.Context, s callback.Step) (callback.Note, error)
	StartAttempt(ctx context.Context, s callback.Step, in call.ID) (callback.Note, error)
	EndLine(ctx context.Context, s callback.Step, line callback.LineResult, talked time.Duration) (callback.Note, error)
	EndAttempt(ctx context.Context, s callback.Step, line callback.LineResult, talked time.Duration, result callback.Result) (callback.Note, error)
	Resolve(ctx context.Context, s callback.Step, as callback.Outcome, reason string) (callback.Note, error)
}

// Guard allows what may be dialled; callback.Guard is the real one.
type Guard interface {
	Allow(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, n call.Number, now time.Time) (string, error)
}

// Caller rings callers back for colleagues (click-to-call): the colleague's own phone first, then the caller, with the
// municipality's number as sender. Its fields are set once; it is safe for concurrent use.
type Caller struct {
	Plan     func() *routing.Plan
	Exchange Exchange
	Attempts Attempts
	Guard    Guard
	Lease    func(m call.MunicipalityID) time.Duration // how long a claim holds unless it is renewed
	Sounds   Sounds
	Register Register
	Log      *slog.Logger
}

// deskcall is one callback that is being made.
type deskcall struct {
	*Caller
	conversation
	note  callback.Note
	agent routing.Agent
	left  bool // the daemon stopped while the two talked: they go on without it
}

// CallBack rings the caller of a note that the colleague has claimed. It returns when the call is over and what came of it
// is with the note, as far as it is known: a colleague who hung up says it elsewhere (Worklist.EndAttempt). An error
// says why nobody was rung; the note is then as before.
func (c *Caller) CallBack(ctx context.Context, n callback.Note) error {
	plan := c.Plan()
	agent, ok := plan.Agents[n.Colleague]
	if !ok {
		return fmt.Errorf("call back: agent %q has no phone in the configuration", n.Colleague)
	}
	town := plan.Municipalities[n.Municipality]
	speaker, _ := prompts.NewSpeaker(town.Language) // a language without prompts gives Dutch
	d := &deskcall{Caller: c, note: n, agent: agent, conversation: conversation{
		Operator: &Operator{Sounds: c.Sounds, Register: c.Register, Log: c.Log}, plan: plan, speaker: speaker,
	}}
	var failed error
	err := c.Exchange.RingDesk(ctx, Desk{
		Agent: agent.ID, Endpoint: agent.Endpoint, Name: "Terugbelnotitie " + string(n.Reference), Number: n.Number.E164, For: deskRings,
	}, func(ctx context.Context, line Line) {
		d.line = line
		failed = d.run(ctx)
		if d.left {
			return
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
		defer cancel()
		d.release(clean, line.HangUp)
	})
	if err != nil {
		return fmt.Errorf("call back: the colleague's phone: %w", err)
	}
	return failed
}

// run is the call from the colleague's answer on.
func (d *deskcall) run(ctx context.Context) error {
	if err := d.say(ctx, d.speaker.Say(prompts.CallingBack).Then(d.speaker.GiveReference(string(d.note.Reference)))); err != nil {
		return err // he hung up: nobody was called
	}
	number, err := d.Guard.Allow(ctx, d.note.Municipality, d.agent.ID, d.note.Number, time.Now())
	if err != nil {
		return errors.Join(err, d.say(ctx, d.speaker.Say(prompts.NotDialled)))
	}
	started, err := d.start(ctx)
	if err != nil {
		return errors.Join(err, d.say(ctx, d.speaker.Say(prompts.NotDialled)))
	}
	d.note = started
	defer d.keep(ctx)()
	line, talked := d.dial(ctx, number)
	return d.settle(ctx, line, talked)
}

// start writes the attempt before the first digit is dialled: a call cannot be undone. The claim is renewed first, so that it
// does not run out as the caller's phone rings.
func (d *deskcall) start(ctx context.Context) (callback.Note, error) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	if _, err := d.Attempts.Renew(limited, d.step()); err != nil {
		return callback.Note{}, err
	}
	return d.Attempts.StartAttempt(limited, d.step(), "")
}

// renewals is how many renewals fit in a lease: one or two may fail before it runs out.
const renewals = 3

// keep renews the claim until it is told to stop. A call may be longer than a lease, and a note that is open is rung by a
// second colleague while the first still talks.
func (d *deskcall) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while the colleague is asked what came of it
	every := max(d.Lease(d.note.Municipality)/renewals, time.Second)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
			limited, done := context.WithTimeout(ctx, storeLimit)
			_, err := d.Attempts.Renew(limited, d.step())
			done()
			if err != nil && ctx.Err() == nil {
				d.Log.Warn("the claim on a note could not be renewed during its call", "note", d.note.ID, "err", err)
			}
		}
	}()
	return func() {
		cancel()
		<-stopped
	}
}

func (d *deskcall) step() callback.Step {
	return callback.Step{Municipality: d.note.Municipality, Note: d.note.ID, Who: callback.ByAgent(d.agent.ID), At: time.Now().UTC()}
}

// dial rings the caller, lets the two talk, and says what the line told.
func (d *deskcall) dial(ctx context.Context, number string) (callback.LineResult, time.Duration) {
	town := d.plan.Municipalities[d.note.Municipality]
	ringing, err := d.line.Play(ctx, []string{"tone:ring;tonezone=nl"})
	if err != nil {
		return callback.LineFailed, 0
	}
	leg, err := d.Exchange.Dial(ctx, Outside{Number: number, Shown: town.CallerID, Name: town.Name, For: callerRings})
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	if stopped := ringing.Stop(clean); stopped != nil && ctx.Err() == nil {
		d.Log.Warn("could not stop the ringing tone", "note", d.note.ID, "err", stopped)
	}
	if err != nil {
		d.Log.Info("callback not answered", "note", d.note.ID, "why", err)
		return lineResult(err), 0
	}
	answered := time.Now()
	if err := d.line.Talk(ctx, leg); err != nil && ctx.Err() == nil {
		d.Log.Warn("callback broken off", "note", d.note.ID, "err", err)
	}
	if d.left = errors.Is(context.Cause(ctx), ErrShutdown); d.left {
		return callback.LineAnswered, time.Since(answered)
	}
	over, cancelOver := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancelOver()
	if err := leg.HangUp(over); err != nil {
		d.Log.Warn("could not hang up a callback", "note", d.note.ID, "err", err)
	}
	return callback.LineAnswered, time.Since(answered)
}

func lineResult(err error) callback.LineResult {
	switch {
	case errors.Is(err, dispatch.ErrBusy):
		return callback.LineBusy
	case errors.Is(err, dispatch.ErrDeclined):
		return callback.LineRefused
	case errors.Is(err, dispatch.ErrNoAnswer), errors.Is(err, ErrHungUp): // the colleague gave up while it rang
		return callback.LineNoAnswer
	default:
		return callback.LineFailed
	}
}

// settle writes what came of the attempt. A line that was not answered says it all; of one that was only the colleague knows
// whether he spoke to a person or to a machine.
func (d *deskcall) settle(ctx context.Context, line callback.LineResult, talked time.Duration) error {
	result := callback.ResultNotReached
	switch line {
	case callback.LineAnswered:
		if err := d.insist(ctx, func(ctx context.Context) error {
			_, err := d.Attempts.EndLine(ctx, d.step(), line, talked)
			return err
		}); err != nil {
			return err
		}
		var told bool
		if result, told = d.askResult(ctx); !told {
			return nil // the note stays at "calling" until he says it, or his claim lapses
		}
	case callback.LineRefused:
		result = callback.ResultRefused
	default:
	}
	err := d.insist(ctx, func(ctx context.Context) error {
		_, err := d.Attempts.EndAttempt(ctx, d.step(), line, talked, result)
		return err
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	if result == callback.ResultReached {
		return d.askResolved(ctx)
	}
	return d.say(ctx, d.speaker.Say(resultPrompts[result]))
}

// resultPrompts confirm to the colleague what was written.
var resultPrompts = map[callback.Result]prompts.ID{
	callback.ResultNotReached:  prompts.AttemptNotReached,
	callback.ResultVoicemail:   prompts.AttemptNoted,
	callback.ResultWrongNumber: prompts.AttemptNoted,
	callback.ResultRefused:     prompts.AttemptNoted,
}

// askResult asks the colleague what came of the call. It is false when he has hung up or says nothing.
func (d *deskcall) askResult(ctx context.Context) (callback.Result, bool) {
	speech := d.speaker.Say(prompts.AskResult)
	d.forgetKeys()
	for range questions {
		h, err := d.listen(ctx, speech, wordWait, ears{})
		if err != nil {
			return "", false
		}
		if result, ok := resultKeys[h.key]; ok {
			return result, true
		}
	}
	return "", false
}

// askResolved asks whether the note can be closed.
func (d *deskcall) askResolved(ctx context.Context) error {
	talk := dialogue{conversation: &d.conversation}
	key, err := talk.ask(ctx, d.speaker.Say(prompts.AskResolved))
	if err != nil || key != keyYes {
		return ignoreHangUp(err)
	}
	if err := d.insist(ctx, func(ctx context.Context) error {
		_, err := d.Attempts.Resolve(ctx, d.step(), callback.Reached, "")
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

// insist stores a change that nobody can be asked to repeat, also through a short outage of the store.
func (d *deskcall) insist(ctx context.Context, change func(context.Context) error) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	for range wordTries {
		limited, cancel := context.WithTimeout(ctx, storeLimit)
		err = change(limited)
		cancel()
		if !errors.Is(err, callback.ErrStoreDown) {
			return err
		}
		<-time.After(wordPause)
	}
	return err
}
