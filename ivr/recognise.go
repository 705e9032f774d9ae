package ivr

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	// recogniseLimit bounds the search for a caller's note: it runs while the welcome is spoken, and a call never waits for more.
	recogniseLimit = 500 * time.Millisecond

	keyPerson   = '1' // speak to a person, as staying on the line does
	keyLeave    = '2' // the note stays as it is
	keyWithdraw = '3' // the caller need not be called any more
)

// lookUp begins to look for a live note of the caller. The function that it gives waits for the answer; it is false when
// there is none, when the caller cannot be known, or when the notes cannot be read: then the call goes on like any other.
func (c *conversation) lookUp(ctx context.Context) func() (callback.Note, bool) {
	number := c.contact.Call.Caller
	if !number.Known() {
		return func() (callback.Note, bool) { return callback.Note{}, false }
	}
	ctx, cancel := context.WithTimeout(ctx, recogniseLimit)
	found := make(chan callback.Note, 1)
	go func() {
		defer cancel()
		defer close(found)
		for _, m := range c.municipalities() {
			notes, err := c.operator.Notes.Live(ctx, m, number)
			if err != nil && ctx.Err() == nil {
				c.log.Warn("could not look for a caller's note", "err", err)
			}
			if len(notes) > 0 {
				found <- notes[0]
				return
			}
		}
	}()
	return func() (callback.Note, bool) {
		note, ok := <-found
		return note, ok
	}
}

// municipalities are those whose notes a call can be about: a number that several share says it only in its menu.
func (c *conversation) municipalities() []call.MunicipalityID {
	if c.entry.Municipality != "" {
		return []call.MunicipalityID{c.entry.Municipality}
	}
	return slices.Sorted(maps.Keys(c.plan.Municipalities))
}

// recognise takes down that the call is of a caller who has a note: a repeat contact, whatever comes of it.
func (c *conversation) recognise(n callback.Note, ok bool) {
	if ok {
		c.contact.About = string(n.ID)
		c.contact.Municipality = n.Municipality
	}
}

// aboutNote tells a caller who rings again how his note stands and lets him choose. It gives where the call goes on, nil
// when it is over. Doing nothing ends at a person, like everywhere.
func (c *conversation) aboutNote(ctx context.Context, n callback.Note, first routing.Target) (*routing.Target, error) {
	speech := c.noteSpeech(n)
	for range questions {
		h, err := c.ask(ctx, speech.Then(c.speaker.Say(prompts.NoteChoices)), ears{})
		switch {
		case err != nil:
			return nil, err
		case h.key == keyLeave:
			c.repeated(ctx, n)
			c.contact.Outcome = call.NoteExplained
			return nil, c.say(ctx, c.speaker.Say(prompts.NoteStays, prompts.Goodbye))
		case h.key == keyWithdraw:
			withdrawn, err := c.withdraw(ctx, n)
			if err != nil {
				return nil, err
			}
			if withdrawn {
				return &first, nil
			}
			return c.toPerson(ctx, n), nil
		case h.key == keyPerson, h.key == routing.Silence:
			return c.toPerson(ctx, n), nil
		}
		speech = c.speaker.Say(prompts.WrongChoice)
	}
	return c.toPerson(ctx, n), nil
}

// noteSpeech says how the note stands.
func (c *conversation) noteSpeech(n callback.Note) prompts.Utterance {
	speech := c.speaker.Say(prompts.NoteAlreadyOpen)
	switch {
	case n.State.Held():
		speech = speech.Then(c.speaker.Say(prompts.NoteInHand))
	case missed(n):
		speech = speech.Then(c.speaker.Say(prompts.NoteTried))
	}
	if late(n.Deadline) {
		return speech.Then(c.speaker.Say(prompts.NoteLate))
	}
	return speech.Then(c.speaker.Deadline(n.Deadline.In(c.plan.Municipalities[n.Municipality].Location)))
}

// missed reports whether the last attempt is known not to have reached the caller: who was spoken to, or may have been, must not
// hear that he was not reached.
func missed(n callback.Note) bool {
	if len(n.Attempts) == 0 {
		return false
	}
	switch n.Attempts[len(n.Attempts)-1].Result {
	case callback.ResultNotReached, callback.ResultVoicemail, callback.ResultRefused:
		return true
	default:
		return false
	}
}

// late reports whether the moment that was promised has passed: it must not be promised again.
func late(deadline time.Time) bool { return time.Now().After(deadline) }

// withdraw cancels the note when the caller confirms that.
func (c *conversation) withdraw(ctx context.Context, n callback.Note) (bool, error) {
	h, err := c.ask(ctx, c.speaker.Say(prompts.ConfirmWithdrawal), ears{})
	if err != nil || h.key != keyYes {
		return false, err
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), promiseLimit)
	defer cancel()
	if err := c.operator.Notes.Withdraw(limited, n, c.contact.Call.ID); err != nil {
		c.log.Error("a callback note could not be withdrawn; the caller goes to a person", "note", n.ID, "err", err)
		return false, c.say(ctx, c.speaker.Say(prompts.CallbackNotPossible))
	}
	c.contact.Outcome = call.NoteWithdrawn
	return true, c.say(ctx, c.speaker.Say(prompts.NoteWithdrawn))
}

// toPerson sends the caller to the team that has his note, or to the contact centre when nobody is there.
func (c *conversation) toPerson(ctx context.Context, n callback.Note) *routing.Target {
	c.repeated(ctx, n)
	c.note, c.state.About, c.state.Note = n, string(n.ID), string(n.Reference)
	team, ok := c.plan.Teams[n.Team]
	if ok && team.Hours.Open(time.Now()) && c.operator.Queue.Staffed(n.Team) > 0 {
		return &routing.Target{Team: n.Team}
	}
	return &routing.Target{Team: c.plan.Municipalities[n.Municipality].ContactCentre}
}

// standing gives the note that the call is about as it is now. It is false when the call is about none, and when that was
// closed meanwhile: what the caller asks for now is not promised yet. When the notes cannot be read it is as he heard of it.
func (c *conversation) standing(ctx context.Context, m call.MunicipalityID) (callback.Note, bool) {
	if c.state.About == "" {
		return callback.Note{}, false
	}
	if c.note.ID != "" {
		m = c.note.Municipality
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recogniseLimit)
	defer cancel()
	notes, err := c.operator.Notes.Live(limited, m, c.contact.Call.Caller)
	for _, n := range notes {
		if string(n.ID) == c.state.About {
			return n, true
		}
	}
	if err != nil {
		c.log.Warn("could not look at a caller's note again", "note", c.state.About, "err", err)
		return c.note, c.note.ID != ""
	}
	return callback.Note{}, false
}

// repeated counts the call as a repeat contact of the note, once. It is no reason to let the caller wait or go without help.
func (c *conversation) repeated(ctx context.Context, n callback.Note) {
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
