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
	// recogniseLimit bounds the search for a caller's note. It runs during the welcome, and a call never waits longer
	// for it.
	recogniseLimit = 500 * time.Millisecond

	// choiceWait is for a key after the choices: without one the caller waits for an agent, whose phone rings only
	// after it.
	choiceWait = 3 * time.Second

	keyPerson   = '1' // speak to a person, as staying on the line does
	keyLeave    = '2' // the note stays as it is; with several notes: hear of the caller's own
	keyWithdraw = '3' // the caller no longer wants the callback
	keyOther    = '4' // the call is about something else
)

// known are the live notes of a caller's number, the one due first before the others.
type known struct {
	notes []note.Note
	// own says that they are the caller's: the line is a mobile, or the caller keyed in the reference. Any other number
	// may be shared by people who do not know of each other.
	own bool
}

// certain reports whether there is one note, and it is the caller's.
func (k known) certain() bool { return k.own && len(k.notes) == 1 }

// lookUp starts to look for the live notes of the caller's number, and gives a function that waits for them. There are
// none when the number is not known or the notes cannot be read: the call then goes on like any other.
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
				c.log.Warn("caller's notes not read; the call goes on without them", "err", err)
			}
			all = append(all, notes...)
		}
		slices.SortStableFunc(all, func(a, b note.Note) int { return a.Deadline.Compare(b.Deadline) })
		found <- all
	}()
	return func() known { return known{notes: <-found, own: number.Kind == call.KindMobile} }
}

// municipalities are those whose notes a call can be about. On a shared number the caller chooses one only in the menu.
func (c *session) municipalities() []call.MunicipalityID {
	if c.entry.Municipality != "" {
		return []call.MunicipalityID{c.entry.Municipality}
	}
	return slices.Sorted(maps.Keys(c.plan.Municipalities))
}

// recognise records that the caller's number has a note: the call is a repeat contact, however it goes on.
func (c *session) recognise(k known) {
	if len(k.notes) > 0 {
		c.contact.About = string(k.notes[0].ID)
		c.contact.Municipality = k.notes[0].Municipality
	}
}

// aboutNotes tells the caller how their note stands and lets them choose. It gives the next target, nil when the call
// is over. Doing nothing ends at a person, like everywhere.
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

// notesSpeech tells how the notes stand, and the choices. With several notes behind a number that may be shared, it
// tells nothing before the reference is keyed in.
func (c *session) notesSpeech(k known) (speech, choices prompts.Utterance) {
	switch {
	case k.own:
		return c.noteSpeech(k.notes[0]), c.speaker.Say(prompts.NoteChoices)
	case len(k.notes) == 1: // the attempts so far are no business of another person
		return c.speaker.Say(prompts.NoteForThisNumber).Then(c.dueSpeech(k.notes[0])), c.speaker.Say(
			prompts.NoteChoices,
		)
	default:
		return c.speaker.Say(prompts.NotesForThisNumber), c.speaker.Say(prompts.NotesChoices)
	}
}

// noteSpeech tells how the caller's note stands.
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

// dueSpeech tells the deadline of the callback, or that it is late.
func (c *session) dueSpeech(n note.Note) prompts.Utterance {
	if late(n.Deadline) {
		return c.speaker.Say(prompts.NoteLate)
	}
	return c.speaker.Deadline(n.Deadline.In(c.plan.Municipalities[n.Municipality].Location))
}

// missed reports whether the last attempt certainly did not reach the caller. A caller whom it may have reached must
// not hear otherwise.
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

// late reports whether the deadline has passed: it must not be promised again.
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

// withdraw cancels the caller's note when they confirm that. For a note that may be another person's they must key in
// the reference first.
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
		c.log.Error("callback note not withdrawn; the caller goes to a person", "note", n.ID, "err", err)
		if err := c.say(ctx, c.speaker.Say(prompts.CallbackNotPossible)); err != nil {
			return nil, err
		}
		return c.toPerson(ctx, k), nil
	}
	c.contact.Outcome = call.NoteWithdrawn
	return &first, c.say(ctx, c.speaker.Say(prompts.NoteWithdrawn))
}

// byReference lets the caller key in the reference of their note. The result is not certain when the reference is of
// none of the notes.
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

// toPerson sends the caller to the team that has their note. They go to the contact centre when the team is not
// staffed, or when it is not known which note is theirs. If they ask for a callback there they get a note of their own,
// unless this one is theirs for certain.
func (c *session) toPerson(ctx context.Context, k known) *routing.Target {
	c.tooLate() // also after a 1: a second 1 still means a person
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

// standing gives the current state of the caller's note that the call is about. It is false when there is none, and
// when the note was closed meanwhile: a new request needs a new promise. When the notes cannot be read it gives the
// note as the caller heard of it.
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
		c.log.Warn("caller's note not read again; using its earlier state", "note", c.state.NoteID, "err", err)
		return c.note, c.note.ID != ""
	}
	return note.Note{}, false
}

// repeated counts the call as a repeat contact of the note, once. A failure must not keep the caller waiting.
func (c *session) repeated(ctx context.Context, n note.Note) {
	if c.counted {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recogniseLimit)
	defer cancel()
	if err := c.operator.Notes.Repeated(limited, n, c.contact.Call.ID); err != nil {
		c.log.Warn("repeat contact not counted on its note; the call goes on", "note", n.ID, "err", err)
		return
	}
	c.counted = true
}
