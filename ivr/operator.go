package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// maxHops bounds the menus and teams that one call passes through, whatever the configuration says.
const maxHops = 20

// cleanUpLimit bounds what is still said to Asterisk when a call is over.
const cleanUpLimit = 5 * time.Second

// Operator answers calls. Its fields are set once, before the first call; it is safe for concurrent use.
type Operator struct {
	Plan     func() *routing.Plan // the plan of the moment; a call keeps the one it began with
	Queue    Queue
	Notes    Notes
	Sounds   Sounds
	Register Register
	System   func() string // Asterisk's own name, part of a note's idempotency key
	Log      *slog.Logger

	talks talks
}

// conversation is one live call.
type conversation struct {
	*Operator
	plan    *routing.Plan
	line    Line
	speaker prompts.Speaker
	ready   func() // see Kept
	state   State
	contact call.Contact
}

// Take handles a new call from ring to end and registers what became of it. It returns when the call is over, or when
// ctx ends with ErrShutdown or ErrLinkLost: then the call goes on with Asterisk and nothing is registered yet.
func (o *Operator) Take(ctx context.Context, line Line, incoming call.Call) error {
	c := o.conversation(line, incoming)
	entry := c.entry(incoming.Dialled)
	return c.finish(ctx, func(ctx context.Context) error {
		hisNote := c.lookUp(ctx, entry)
		if err := c.line.Answer(ctx); err != nil {
			return err
		}
		if entry.Welcome != "" {
			if err := c.say(ctx, c.speaker.Say(entry.Welcome)); err != nil {
				return err
			}
		}
		first := entry.First
		if note, ok := hisNote(); ok {
			next, err := c.aboutNote(ctx, note, first)
			if err != nil || next == nil {
				return err
			}
			first = *next
		}
		return c.follow(ctx, first)
	})
}

// Kept is what Asterisk kept of a call while the daemon or the link was away.
type Kept struct {
	State string // as the line was asked to remember it; empty when it was not
	Talk  *Talk  // the conversation that is going on; nil when there is none
	Ready func() // told once the call has its place again, so that calls can be taken back in order; may be nil
}

// Talk is a conversation that was found going on.
type Talk struct {
	Agent call.AgentID
	Leg   dispatch.Leg
	Since time.Time // when the agent's phone was rung, UTC
}

// TakeBack goes on with a call that Asterisk kept: a conversation is left alone, a waiting caller keeps his place even
// when the team has closed meanwhile, and a caller in a menu hears it again.
func (o *Operator) TakeBack(ctx context.Context, line Line, incoming call.Call, kept Kept) error {
	c := o.conversation(line, incoming)
	c.ready = kept.Ready
	defer c.placed()
	entry := c.entry(incoming.Dialled)
	state, err := ParseState(kept.State)
	if err != nil {
		o.Log.Error("a call's remembered state is broken; it starts at the menu again", "call", incoming.ID, "err", err)
	}
	c.state, c.contact.Choices = state, state.Choices
	team, known := c.plan.Teams[state.Team]
	return c.finish(ctx, func(ctx context.Context) error {
		switch {
		case kept.Talk != nil:
			return c.resumeTalk(ctx, team, *kept.Talk)
		case known:
			next, err := c.wait(ctx, team, time.Now().UTC(), offerLater)
			if err != nil || next == nil {
				return err
			}
			return c.follow(ctx, *next)
		default: // it waited for nobody yet
			c.placed()
			if err := c.line.Answer(ctx); err != nil {
				return err
			}
			return c.follow(ctx, entry.First)
		}
	})
}

// placed tells, once, that a call that was taken back has its place again.
func (c *conversation) placed() {
	if c.ready != nil {
		c.ready()
		c.ready = nil
	}
}

func (o *Operator) conversation(line Line, incoming call.Call) *conversation {
	return &conversation{
		Operator: o,
		plan:     o.Plan(),
		line:     line,
		contact:  call.Contact{Call: incoming},
	}
}

// entry finds what the dialled number leads to, and from it the municipality and the language of the call.
func (c *conversation) entry(dialled string) routing.Entry {
	entry, ok := c.plan.Entries[routing.EntryKey(dialled)]
	if !ok {
		c.Log.Warn("call to a number that is not configured", "call", c.contact.Call.ID)
		entry = c.plan.Unknown
	}
	c.contact.Municipality = entry.Municipality
	speaker, err := prompts.NewSpeaker(entry.Language)
	if err != nil { // the configuration is checked for this; the zero Speaker speaks Dutch
		c.Log.Error("entry with a language that has no prompts", "number", entry.Number, "err", err)
	}
	c.speaker = speaker
	return entry
}

// follow takes the call from target to target until it is over.
func (c *conversation) follow(ctx context.Context, target routing.Target) error {
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
			return errors.New("a target that leads nowhere")
		}
		if err != nil || next == nil {
			return err
		}
		target = *next
	}
	return fmt.Errorf("more than %d menus and teams in one call", maxHops)
}

// menu speaks a menu until the caller has chosen, or has done nothing long enough.
func (c *conversation) menu(ctx context.Context, m routing.Menu) (*routing.Target, error) {
	var progress routing.MenuProgress
	speech := c.speaker.Say(m.Prompts...)
	for {
		h, err := c.listen(ctx, speech, m.Wait, ears{})
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
		case routing.StepGo, routing.StepStayOnLine:
			return &target, nil
		case routing.StepWrongKey:
			speech = c.speaker.Say(prompts.WrongChoice).Then(c.speaker.Say(m.Prompts...))
		case routing.StepSpeakAgain:
			speech = c.speaker.Say(m.Prompts...)
		}
	}
}

// finish runs the call and sees to its end, however it comes: the line is released and the contact registered.
func (c *conversation) finish(ctx context.Context, run func(context.Context) error) error {
	err := c.survive(ctx, run)
	if errors.Is(err, ErrShutdown) || errors.Is(err, ErrLinkLost) {
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
		c.Log.Error("a call failed and goes to the fallback", "call", c.contact.Call.ID, "err", err)
		c.contact.Outcome = call.Failed
		c.release(clean, c.line.HandOver)
	}
	c.contact.Ended = time.Now().UTC()
	if c.contact.Outcome == "" {
		c.contact.Outcome = call.HungUpInMenu
	}
	c.Register.Contact(c.contact)
	return err
}

// survive turns a panic in one call into an error of that call alone.
func (c *conversation) survive(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a call: %v", r)
		}
	}()
	return run(ctx)
}

func (c *conversation) release(ctx context.Context, how func(context.Context) error) {
	if err := how(ctx); err != nil && !errors.Is(err, ErrHungUp) {
		c.Log.Warn("could not release a line", "call", c.contact.Call.ID, "err", err)
	}
}
