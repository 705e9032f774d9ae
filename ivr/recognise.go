package ivr

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	// recogniseLimit bounds the search for a caller's note: it runs while the welcome is spoken, and a call never waits
	// for more.
	recogniseLimit = 500 * time.Millisecond

	// choiceWait is for a key after the choices: whoever presses none waits for a person, who is not rung before.
	choiceWait = 3 * time.Second

	keyPerson   = '1' // speak to a person, as staying on the line does
	keyLeave    = '2' // the note stays as it is; where it is not known which: hear of it
	keyWithdraw = '3' // the caller need not be called any more
	keyOther    = '4' // the call is about something else
)

// known are the live notes of the number that a caller's line shows, the one due first before the others.
type known struct {
	notes []note.Note
	// own says that they are the caller's: the line is a mobile, or they keyed in the reference. Behind any other
	// number there may be several people, who do not know of each other.
	own bool
}

// certain reports whether it is known which note is meant, and that it is the caller's.
func (k known) certain() bool { return k.own && len(k.notes) == 1 }

// lookUp begins to look for the live notes of the caller's number. The function that it gives waits for the answer;
// there are none when the caller cannot be known, or when the notes cannot be read: then the call goes on like any
// other.
func (c *session) lookUp(ctx context.Context) func() known {
	number := c.contact.Call.Caller
	if !number.Known() {
		return func() known { return known{} }
	}
	ctx, cancel := context.WithTimeout(ctx, recogniseLimit)
	found := make(chan []note.Note, 1)
	go func() {
		defer cancel()
		var all []note.Note
		for _, m := range c.municipalities() {
			notes, err := c.operator.Notes.Live(ctx, m, number)
			if err != nil && ctx.Err() == nil {
				c.log.Warn("could not look for a caller's note; the call goes on without it", "err", err)
			}
			all = append(all, notes...)
		}
		slices.SortStableFunc(all, func(a, b note.Note) int { return a.Deadline.Compare(b.Deadline) })
		found <- all
	}()
	return func() known { return known{notes: <-found, own: number.Kind == call.KindMobile} }
}

// municipalities are those whose notes a call can be about: a number that several share says it only in its menu.
func (c *session) municipalities() []call.MunicipalityID {
	if c.entry.Municipality != "" {
		return []call.MunicipalityID{c.entry.Municipality}
	}
	return slices.Sorted(maps.Keys(c.plan.Municipalities))
}

// recognise takes down that the call is from a number that has a note: a repeat contact, whatever comes of it.
func (c *session) recognise(k known) {
	if len(k.notes) > 0 {
		c.contact.About = string(k.notes[0].ID)
		c.contact.Municipality = k.notes[0].Municipality
	}
}

// aboutNotes tells a caller who rings again how their note stands and lets them choose. It gives where the call goes
// on, nil when it is over. Doing nothing ends at a person, like everywhere.
func (c *session) aboutNotes(ctx context.Context, k known, first routing.Target) (*routing.Target, error) {
	speech, choices := c.notesSpeech(k)
	for range questions {
		h, err := c.askFor(ctx, speech.Then(choices), choiceWait, attention{})
		switch {
		case err != nil:
			return nil, err
		case h.key == keyLeave && !k.own && len(k.notes) > 1:
			return c.identified(ctx, k, first)
		case h.key == keyLeave:
			c.repeated(ctx, k.notes[0])
			c.contact.Outcome = call.NoteExplained
			return nil, c.say(ctx, c.speaker.Say(prompts.NoteStays, prompts.Goodbye))
		case h.key == keyWithdraw:
			return c.withdraw(ctx, k, first)
		case h.key == keyOther:
			c.state.Apart = true
			return &first, nil
		case h.key == keyPerson, h.key == routing.Silence:
			return c.toPerson(ctx, k), nil
		}
		speech = c.speaker.Say(prompts.WrongChoice)
	}
	return c.toPerson(ctx, k), nil
}

// notesSpeech says what may be told of the notes, and what can be chosen. Where several notes wait behind a number
// that several people may share, nothing is told before the reference is keyed in.
func (c *session) notesSpeech(k known) (speech, choices prompts.Utterance) {
	switch {
	case k.own:
		return c.noteSpeech(k.notes[0]), c.speaker.Say(prompts.NoteChoices)
	case len(k.notes) == 1: // what was done about it so far is no business of another person
		return c.speaker.Say(prompts.NoteForThisNumber).Then(c.dueSpeech(k.notes[0])), c.speaker.Say(
			prompts.NoteChoices,
		)
	default:
		return c.speaker.Say(prompts.NotesForThisNumber), c.speaker.Say(prompts.NotesChoices)
	}
}

// noteSpeech says how the caller's note stands.
func (c *session) noteSpeech(n note.Note) prompts.Utterance {
	speech := c.speaker.Say(prompts.NoteAlreadyOpen)
	switch {
	case n.State.Held():
		speech = speech.Then(c.speaker.Say(prompts.NoteInHand))
	case missed(n):
		speech = speech.Then(c.speaker.Say(prompts.NoteTried))
	}
	return speech.Then(c.dueSpeech(n))
}

// dueSpeech says by when the caller is rung, or that it is late.
func (c *session) dueSpeech(n note.Note) prompts.Utterance {
	if late(n.Deadline) {
		return c.speaker.Say(prompts.NoteLate)
	}
	return c.speaker.Deadline(n.Deadline.In(c.plan.Municipalities[n.Municipality].Location))
}

// missed reports whether the last attempt is known not to have reached the caller: who was spoken to, or may have been,
// must not hear that he was not reached.
func missed(n note.Note) bool {
	if len(n.Attempts) == 0 {
		return false
	}
	switch n.Attempts[len(n.Attempts)-1].Result {
	case attempt.NotReached, attempt.Voicemail, attempt.Refused:
		return true
	default:
		return false
	}
}

// late reports whether the moment that was promised has passed: it must not be promised again.
func late(deadline time.Time) bool { return time.Now().After(deadline) }

// identified lets the caller key in their reference, and tells how that note stands.
func (c *session) identified(ctx context.Context, k known, first routing.Target) (*routing.Target, error) {
	theirs, err := c.byReference(ctx, k)
	switch {
	case err != nil:
		return nil, err
	case theirs.certain():
		return c.aboutNotes(ctx, theirs, first)
	}
	return c.toPerson(ctx, k), nil
}

// withdraw cancels the caller's note when they confirm that. One that may be another person's they must name first.
func (c *session) withdraw(ctx context.Context, k known, first routing.Target) (*routing.Target, error) {
	if !k.certain() {
		theirs, err := c.byReference(ctx, k)
		if err != nil {
			return nil, err
		}
		if !theirs.certain() {
			return c.toPerson(ctx, k), nil
		}
		k = theirs
	}
	h, err := c.ask(ctx, c.speaker.Say(prompts.ConfirmWithdrawal), attention{})
	if err != nil {
		return nil, err
	}
	if h.key != keyYes {
		return c.toPerson(ctx, k), nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), promiseLimit)
	defer cancel()
	n := k.notes[0]
	if err := c.operator.Notes.Withdraw(limited, n, c.contact.Call.ID); err != nil {
		c.log.Error("a callback note could not be withdrawn; the caller goes to a person", "note", n.ID, "err", err)
		if err := c.say(ctx, c.speaker.Say(prompts.CallbackNotPossible)); err != nil {
			return nil, err
		}
		return c.toPerson(ctx, k), nil
	}
	c.contact.Outcome = call.NoteWithdrawn
	return &first, c.say(ctx, c.speaker.Say(prompts.NoteWithdrawn))
}

// byReference lets the caller key in the reference of their note. It is not certain when they do not, or have none of
// these notes.
func (c *session) byReference(ctx context.Context, k known) (known, error) {
	d := noteOffer{session: c}
	speech := c.speaker.Say(prompts.EnterReference)
	for range numberTries {
		keyed, err := d.collect(ctx, speech, note.ReferenceDigits)
		if err != nil || keyed == "" {
			return known{}, err
		}
		if i := slices.IndexFunc(k.notes, func(n note.Note) bool { return string(n.Reference) == keyed }); i >= 0 {
			return known{notes: k.notes[i : i+1], own: true}, nil
		}
		speech = c.speaker.Say(prompts.ReferenceUnknown, prompts.EnterReference)
	}
	return known{}, nil
}

// toPerson sends the caller to the team that has their note, or to the contact centre when nobody is there, or when
// nobody knows about which note they ring. Should they ask for a call back there, then it is a note of their own
// unless this one is theirs for certain.
func (c *session) toPerson(ctx context.Context, k known) *routing.Target {
	c.tooLate() // also after a 1: whoever presses it again still means a person
	n := k.notes[0]
	c.state.NoteID, c.state.Apart = string(n.ID), !k.own
	centre := &routing.Target{Team: c.plan.Municipalities[n.Municipality].ContactCentre}
	if !k.own && len(k.notes) > 1 {
		return centre
	}
	c.repeated(ctx, n)
	c.note, c.state.Reference = n, string(n.Reference)
	if team, ok := c.plan.Teams[n.Team]; ok && team.Hours.Open(time.Now()) && c.operator.Queue.Staffed(n.Team) > 0 {
		return &routing.Target{Team: n.Team}
	}
	return centre
}

// standing gives the caller's note that the call is about as it is now. It is false when the call is about none of
// theirs, and when that was closed meanwhile: what the caller asks for now is not promised yet. When the notes cannot
// be read it is as they heard of it.
func (c *session) standing(ctx context.Context, m call.MunicipalityID) (note.Note, bool) {
	if c.state.NoteID == "" || c.state.Apart {
		return note.Note{}, false
	}
	if c.note.ID != "" {
		m = c.note.Municipality
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recogniseLimit)
	defer cancel()
	notes, err := c.operator.Notes.Live(limited, m, c.contact.Call.Caller)
	for _, n := range notes {
		if string(n.ID) == c.state.NoteID {
			return n, true
		}
	}
	if err != nil {
		c.log.Warn("could not look at a caller's note again", "note", c.state.NoteID, "err", err)
		return c.note, c.note.ID != ""
	}
	return note.Note{}, false
}

// repeated counts the call as a repeat contact of the note, once. It is no reason to let the caller wait or go without
// help.
func (c *session) repeated(ctx context.Context, n note.Note) {
	if c.counted {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recogniseLimit)
	defer cancel()
	if err := c.operator.Notes.Repeated(limited, n, c.contact.Call.ID); err != nil {
		c.log.Warn("a repeat contact could not be counted with its note", "note", n.ID, "err", err)
		return
	}
	c.counted = true
}
