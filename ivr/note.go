package ivr

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	digitWait    = 8 * time.Second // for the next digit of a number
	numberTries  = 3               // how often a number may be keyed in, and how often it is read back
	maxKeyed     = 21              // digits: as many are garbage
	promiseLimit = 2 * time.Second // for making a note durable; the store has its own, shorter limits

	keyYes         = '1'
	keyOtherNumber = '2'
	keyEnd         = '#'
	keyStartAgain  = '*'
)

// noteResult is how the dialogue about a callback note ended.
type noteResult string

const (
	promised    noteResult = "promised"    // the note is made and the caller was told
	declined    noteResult = "declined"    // the caller does not want it, or gave no number that can be called
	impossible  noteResult = "impossible"  // it could not be stored
	interrupted noteResult = "interrupted" // an agent answered meanwhile, or the team is gone: see signal
)

// noteOffer is the dialogue with a caller about a callback note. An agent who answers meanwhile goes before it.
type noteOffer struct {
	*session
	team    routing.Team
	signals <-chan dispatch.Signal // nil outside a queue
	// called once the note is made, before the caller hears so; nil outside a queue
	settled func()
	signal  dispatch.Signal // what interrupted it
}

// offer asks whether the caller wants to be called back, and if so takes the note.
func (d *noteOffer) offer(ctx context.Context, question prompts.Utterance) (noteResult, error) {
	speech := question
	for range questions {
		key, err := d.ask(ctx, speech)
		switch {
		case err != nil || d.signal.Kind != "":
			return interrupted, err
		case key == keyYes:
			return d.take(ctx)
		case key == routing.Silence:
			speech = d.speaker.Say(prompts.OfferCallbackAgain)
		default:
			speech = d.speaker.Say(prompts.WrongChoice).Then(question)
		}
	}
	return declined, nil
}

// take promises the caller a call. A caller in a call about a note gets no second one: two teams would ring them. A
// further question is for their callback.
func (d *noteOffer) take(ctx context.Context) (noteResult, error) {
	n, ok := d.standing(ctx, d.team.Municipality)
	if !ok {
		return d.settleNumber(ctx)
	}
	d.repeated(ctx, n)
	return promised, d.confirm(ctx, n, true, n.Number)
}

// settleNumber settles the number with the caller and makes the note.
func (d *noteOffer) settleNumber(ctx context.Context) (noteResult, error) {
	number := d.contact.Call.Caller
	if err := d.dialable(number); err != nil {
		intro := prompts.UnusableNumber
		if !number.Known() {
			intro = prompts.WithheldNumber
		}
		if err := d.tell(ctx, d.speaker.Say(intro)); err != nil || d.signal.Kind != "" {
			return interrupted, err
		}
		number = call.Number{}
	}
	for range numberTries {
		if !number.Known() {
			var err error
			number, err = d.keyIn(ctx)
			if err != nil || d.signal.Kind != "" {
				return interrupted, err
			}
			if !number.Known() {
				break
			}
		}
		key, err := d.ask(ctx, d.speaker.ReadBack(strings.Join(number.Groups(), " ")))
		switch {
		case err != nil || d.signal.Kind != "":
			return interrupted, err
		case key == keyYes:
			return d.promise(ctx, number)
		case key == keyOtherNumber:
			number = call.Number{}
		}
	}
	return declined, d.tell(ctx, d.speaker.Say(prompts.EntryFailed))
}

// dialable gives an error for a number that the municipality does not call back.
func (d *noteOffer) dialable(n call.Number) error {
	countries := d.plan.Municipalities[d.team.Municipality].CallbackCountries
	return dialling.Dialable(dialling.Policy{Countries: countries}, n)
}

// keyIn lets the caller key in a number that may be called. It gives the unknown number when they do not.
func (d *noteOffer) keyIn(ctx context.Context) (call.Number, error) {
	for range numberTries {
		digits, err := d.collect(ctx, d.speaker.Say(prompts.EnterNumber), maxKeyed)
		if err != nil || d.signal.Kind != "" {
			return call.Number{}, err
		}
		number, err := dialling.ParseKeyed(digits)
		if err == nil {
			err = d.dialable(number)
		}
		if err == nil {
			return number, nil
		}
		d.log.Info("keyed number cannot be called back", "why", err)
		if err := d.tell(ctx, d.speaker.Say(prompts.UnusableNumber)); err != nil || d.signal.Kind != "" {
			return call.Number{}, err
		}
	}
	return call.Number{}, nil
}

// collect gathers digits until the hash key, silence, or the most there can be. A star starts again.
func (d *noteOffer) collect(ctx context.Context, speech prompts.Utterance, most int) (string, error) {
	var digits strings.Builder
	d.forgetKeys()
	for digits.Len() < most {
		h, err := d.listen(ctx, speech, digitWait, d.attention())
		d.signal = h.signal
		speech = prompts.Utterance{} // it was heard
		switch {
		case err != nil || d.signal.Kind != "":
			return "", err
		case h.key == routing.Silence, h.key == keyEnd:
			return digits.String(), nil
		case h.key == keyStartAgain:
			digits.Reset()
		default:
			digits.WriteRune(h.key)
		}
	}
	return digits.String(), nil
}

// promise makes the note, and tells the caller only when it is durable. A caller gets it even when they have hung up by
// now.
func (d *noteOffer) promise(ctx context.Context, number call.Number) (noteResult, error) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), promiseLimit)
	defer cancel()
	n, how, err := d.operator.Notes.Promise(limited, callback.Request{
		Key:          note.CallKey(d.operator.System(), d.contact.Call.ID),
		At:           time.Now().UTC(),
		Who:          note.ByCaller,
		Municipality: d.team.Municipality,
		Team:         d.team.ID,
		Number:       number,
		Shown:        d.contact.Call.Caller,
		Separate:     d.state.Apart || number.Kind != call.KindMobile, // any other number may be shared
		Language:     string(d.speaker.Language()),
		Call:         d.contact.Call.ID,
	})
	switch {
	case isLimit(err):
		d.log.Info(
			"limit of callback notes reached today; the caller is offered a person", "team", d.team.ID, "why", err,
		)
		return impossible, nil
	case err != nil:
		d.log.Error("callback note not made; the caller is offered a person", "team", d.team.ID, "err", err)
		return impossible, nil
	}
	return promised, d.confirm(ctx, n, how == callback.Merged, number)
}

// isLimit reports whether a note was refused because a limit of the municipality was reached today.
func isLimit(err error) bool {
	refusal, ok := errors.AsType[*dialling.Refusal](err)
	if !ok {
		return false
	}
	switch refusal.Code {
	case dialling.CodeCallerLimit, dialling.CodeTargetLimit, dialling.CodeDayLimit:
		return true
	default:
		return false
	}
}

// confirm tells the caller the promise. stood says that the note was there before this call. asked is the number that
// the caller confirmed, which may differ from the note's: a call makes one note, and after a restart the caller may
// name another number.
func (d *noteOffer) confirm(ctx context.Context, n note.Note, stood bool, asked call.Number) error {
	d.contact.Outcome, d.contact.NoteID = call.CallbackPromised, string(n.ID)
	if d.settled != nil {
		d.settled()
	}
	d.state.Team, d.state.Offers = d.team.ID, d.contact.Offers
	d.state.Promise = &Promise{
		Note: string(n.ID), Reference: string(n.Reference), Stood: stood,
		Deadline: n.Deadline.In(d.plan.Municipalities[d.team.Municipality].Location),
	}
	if stood && !d.isTheirs(n) { // the reference is enough to withdraw it
		d.state.Promise.Reference = ""
	}
	if err := d.line.Remember(ctx, d.state.String()); err != nil && ctx.Err() == nil {
		d.log.Warn(
			"promise not kept on the channel; if the daemon stops now, the caller waits again", "err",
			err,
		)
	}
	speech := d.confirmation(*d.state.Promise)
	if n.Number.E164 != asked.E164 {
		speech = d.speaker.CallBackOn(strings.Join(n.Number.Groups(), " ")).Then(speech)
	}
	return d.say(ctx, speech)
}

// isTheirs reports whether a note from before this call is the caller's for certain: they gave its reference, or ring
// from a mobile of the note.
func (c *session) isTheirs(n note.Note) bool {
	if c.state.NoteID == string(n.ID) && !c.state.Apart {
		return true
	}
	line := c.contact.Call.Caller
	return line.Kind == call.KindMobile &&
		slices.ContainsFunc(n.Numbers(), func(known call.Number) bool { return known.E164 == line.E164 })
}

// confirmation tells the caller the deadline, and the reference twice. The note may be from before this call, and late.
func (c *session) confirmation(p Promise) prompts.Utterance {
	speech := c.speaker.Deadline(p.Deadline)
	switch {
	case late(p.Deadline):
		speech = c.speaker.Say(prompts.NoteAlreadyOpen, prompts.NoteLate)
	case p.Stood:
		speech = c.speaker.Say(prompts.NoteAlreadyOpen).Then(speech)
	}
	if p.Reference != "" {
		reference := c.speaker.GiveReference(p.Reference)
		speech = speech.Then(reference).Then(reference)
	}
	return speech.Then(c.speaker.Say(prompts.Goodbye))
}

// tell speaks to the end. Only an agent who answers meanwhile cuts it short: see signal.
func (d *noteOffer) tell(ctx context.Context, speech prompts.Utterance) error {
	to := d.attention()
	to.keep = true
	h, err := d.listen(ctx, speech, 0, to)
	d.signal = h.signal
	return err
}

// ask puts a question as attendant.ask does. An agent who answers meanwhile cuts it short: see signal.
func (d *noteOffer) ask(ctx context.Context, question prompts.Utterance) (rune, error) {
	h, err := d.attendant.ask(ctx, question, d.attention())
	d.signal = h.signal
	return h.key, err
}

// attention is for keys, and for an agent who answers meanwhile.
func (d *noteOffer) attention() attention {
	return attention{signals: d.signals, ignore: dispatch.NobodyLeft}
}
