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
	maxKeyed     = 21              // digits: so many are garbage
	promiseLimit = 2 * time.Second // for making a note durable; the store has its own, shorter limits

	keyYes         = '1'
	keyOtherNumber = '2'
	keyEnd         = '#'
	keyStartAgain  = '*'
)

// noteResult is how the talk about a callback note ended.
type noteResult string

const (
	promised    noteResult = "promised"    // the note is made and the caller was told
	declined    noteResult = "declined"    // the caller does not want it, or gave no number that can be called
	impossible  noteResult = "impossible"  // it could not be stored
	interrupted noteResult = "interrupted" // a person answered meanwhile, or the team is gone: see signal
)

// noteOffer is the talk with a caller about a callback note. A person who answers meanwhile goes before it.
type noteOffer struct {
	*session
	team    routing.Team
	signals <-chan dispatch.Signal // nil outside a queue
	// told as soon as the caller has his promise, before he hears so; nil outside a queue
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

// take promises the caller a call. Who has a note already, and is in this call because of it, gets no second one: two
// teams would ring him. What he asks now is for whoever rings him.
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

// keyIn lets the caller key in a number that may be called. It gives the unknown number when that does not succeed.
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
		d.log.Info("a keyed number cannot be called back", "why", err)
		if err := d.tell(ctx, d.speaker.Say(prompts.UnusableNumber)); err != nil || d.signal.Kind != "" {
			return call.Number{}, err
		}
	}
	return call.Number{}, nil
}

// collect gathers digits until the hash key, silence, or as many as there can be. A star starts again.
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

// promise makes the note, and only when that is durable tells the caller. A caller who has hung up by now still gets
// the note that he asked for.
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
			"no more callback notes are made today; the caller is offered a person", "team", d.team.ID, "why", err,
		)
		return impossible, nil
	case err != nil:
		d.log.Error("a callback note could not be made; the caller is offered a person", "team", d.team.ID, "err", err)
		return impossible, nil
	}
	return promised, d.confirm(ctx, n, how == callback.Merged, number)
}

// isLimit reports whether a note was refused because enough were made today, as the municipality wants it.
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

// confirm tells the caller what he was promised. stood says that he had the note before this call; asked is the number
// that he confirmed, and not always the one that is called: a call makes one note, and when it was taken back he may
// have named another since.
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
	if stood && !d.isTheirs(n) { // who has the reference can withdraw it
		d.state.Promise.Reference = ""
	}
	if err := d.line.Remember(ctx, d.state.String()); err != nil && ctx.Err() == nil {
		d.log.Warn(
			"a promise could not be written on the call; should the daemon stop now, the caller waits again", "err",
			err,
		)
	}
	speech := d.confirmation(*d.state.Promise)
	if n.Number.E164 != asked.E164 {
		speech = d.speaker.CallBackOn(strings.Join(n.Number.Groups(), " ")).Then(speech)
	}
	return d.say(ctx, speech)
}

// isTheirs reports whether a note that was there before this call is the caller's for certain: they have named it, or
// ring from the mobile that it is known by.
func (c *session) isTheirs(n note.Note) bool {
	if c.state.NoteID == string(n.ID) && !c.state.Apart {
		return true
	}
	line := c.contact.Call.Caller
	return line.Kind == call.KindMobile &&
		slices.ContainsFunc(n.Numbers(), func(known call.Number) bool { return known.E164 == line.E164 })
}

// confirmation tells the caller his deadline, and his reference twice. The note may be one that he had already, and
// late.
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

// tell speaks to the end. Only a person who answers meanwhile cuts it short: see signal.
func (d *noteOffer) tell(ctx context.Context, speech prompts.Utterance) error {
	to := d.attention()
	to.keep = true
	h, err := d.listen(ctx, speech, 0, to)
	d.signal = h.signal
	return err
}

// ask puts a question as attendant.ask does. A person who answers meanwhile cuts it short: see signal.
func (d *noteOffer) ask(ctx context.Context, question prompts.Utterance) (rune, error) {
	h, err := d.attendant.ask(ctx, question, d.attention())
	d.signal = h.signal
	return h.key, err
}

// attention is for keys, and for an agent who answers meanwhile.
func (d *noteOffer) attention() attention {
	return attention{signals: d.signals, ignore: dispatch.NobodyLeft}
}
