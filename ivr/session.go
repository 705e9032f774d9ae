package ivr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// maxHops bounds the menus and teams of one call, whatever the configuration says.
const maxHops = 20

// session is one live call of a caller.
type session struct {
	attendant
	operator *Operator
	plan     *routing.Plan
	entry    routing.Entry // of the dialled number
	ready    func()        // see Kept
	state    State
	contact  call.Contact
	note     note.Note // that the call is about, as the caller heard of it; zero after a restart, see state.NoteID
	counted  bool      // whether the note counts this call
}

func (o *Operator) newSession(line Line, incoming call.Call) *session {
	c := &session{
		attendant: attendant{line: line, sounds: o.Sounds, register: o.Register, log: o.Log.With("call", incoming.ID)},
		operator:  o,
		plan:      o.Plan(),
		contact:   call.Contact{Call: incoming},
	}
	c.enter(incoming.Dialled)
	return c
}

// enter finds the entry of the dialled number, and from it the municipality and the language of the call.
func (c *session) enter(dialled string) {
	entry, ok := c.plan.Entries[routing.EntryKey(dialled)]
	if !ok {
		c.log.Warn("call to a number that is not configured; using the entry for unknown numbers")
		entry = c.plan.Unknown
	}
	c.entry = entry
	c.contact.Municipality = entry.Municipality
	speaker, err := prompts.NewSpeaker(entry.Language)
	if err != nil { // the configuration is checked for this; the zero Speaker speaks Dutch
		c.log.Error("entry's language has no prompts; speaking Dutch", "number", entry.Number, "err", err)
	}
	c.speaker = speaker
}

// begin answers a new call.
func (c *session) begin(ctx context.Context) error {
	notes := c.lookUp(ctx)
	if err := c.line.Answer(ctx); err != nil {
		return err
	}
	if c.entry.Welcome != "" {
		if err := c.say(ctx, c.speaker.Say(c.entry.Welcome)); err != nil {
			c.recognise(notes()) // a caller who hangs up during the welcome counts as a repeat contact too
			return err
		}
	}
	return c.meet(ctx, notes())
}

// meet tells a caller with a note how it stands, and lets every caller choose.
func (c *session) meet(ctx context.Context, k known) error {
	first := c.entry.First
	c.recognise(k)
	if len(k.notes) > 0 {
		next, err := c.aboutNotes(ctx, k, first)
		if err != nil || next == nil {
			return err
		}
		first = *next
	}
	return c.follow(ctx, first)
}

// follow takes the call from target to target until it is over.
func (c *session) follow(ctx context.Context, target routing.Target) error {
	for range maxHops {
		var err error
		var next *routing.Target
		switch {
		case target.Menu != "":
			next, err = c.menu(ctx, c.plan.Menus[target.Menu])
		case target.Team != "":
			next, err = c.team(ctx, c.plan.Teams[target.Team])
		case target.Refer != "":
			c.contact.Outcome = call.OtherMunicipality
			return c.say(ctx, c.speaker.Say(target.Refer))
		default:
			return errors.New("target without menu, team or text")
		}
		if err != nil || next == nil {
			return err
		}
		target = *next
	}
	return fmt.Errorf("more than %d menus and teams in one call", maxHops)
}

// at publishes where the caller is, so that nobody calls them back meanwhile.
func (c *session) at(o call.Offer) {
	c.operator.Engaged.at(c.contact.Call.ID, party{
		number: c.contact.Call.Caller.E164, municipality: c.contact.Municipality,
		team: o.Team, agent: o.Agent, since: o.At,
	})
}

// menu speaks a menu until the caller has chosen, or until their silence or wrong keys end it.
func (c *session) menu(ctx context.Context, m routing.Menu) (*routing.Target, error) {
	var progress routing.MenuProgress
	speech := c.speaker.Say(m.Prompts...)
	for {
		h, err := c.listen(ctx, speech, m.Wait, attention{})
		if err != nil {
			return nil, err
		}
		if h.key != routing.Silence {
			c.contact.Choices += string(h.key)
		}
		var step routing.MenuStep
		var target routing.Target
		step, target, progress = m.Choose(progress, h.key)
		switch step {
		case routing.StepGo:
			return &target, nil
		case routing.StepStayOnLine:
			c.tooLate()
			return &target, nil
		case routing.StepWrongKey:
			speech = c.speaker.Say(prompts.WrongChoice).Then(c.speaker.Say(m.Prompts...))
		case routing.StepSpeakAgain:
			speech = c.speaker.Say(m.Prompts...)
		}
	}
}

// run takes the call to its end, releases the line and registers the contact.
func (c *session) run(ctx context.Context, how func(context.Context) error) error {
	c.at(call.Offer{At: c.contact.Call.Arrived})
	defer c.operator.Engaged.gone(c.contact.Call.ID)
	err := c.outlast(ctx, how, c.goOn)
	if errors.Is(err, ErrShutdown) {
		return err
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	switch {
	case err == nil:
		c.release(clean, c.line.HangUp)
	case errors.Is(err, ErrHungUp):
		err = nil
	default:
		c.log.Error("call failed; handing it to the fallback", "err", err)
		c.contact.Outcome = call.Failed
		if c.release(clean, c.line.HandOver) {
			c.contact.Outcome = call.Fallback
		}
	}
	c.contact.Ended = time.Now().UTC()
	if c.contact.Outcome == "" {
		c.contact.Outcome = call.HungUpInMenu
	}
	c.register.Contact(c.contact)
	return err
}
