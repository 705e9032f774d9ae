package ivr

import (
	"context"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
)

// Kept is the part of a call that Asterisk kept while no daemon handled it.
type Kept struct {
	State string // from Line.Remember; empty without it
	Talk  *Talk  // the live conversation; nil when there is none
	Ready func() // called once the call has its place again, so that calls are taken back in order; may be nil
}

// Talk is a live conversation that the daemon found.
type Talk struct {
	Agent call.AgentID
	Leg   dispatch.Leg
	Since time.Time // when the two were bridged, after the phone answered, UTC
}

// TakeBack goes on with a call that Asterisk kept. A conversation goes on undisturbed. A waiting caller keeps their
// place even when the team has closed meanwhile. A caller with a promise hears it again, and a caller in a menu hears
// the menu again. It returns like Take.
func (o *Operator) TakeBack(ctx context.Context, line Line, incoming call.Call, kept Kept) error {
	c := o.newSession(line, incoming)
	c.ready = kept.Ready
	c.recall(kept.State)
	return c.run(ctx, func(ctx context.Context) error {
		defer c.placed() // in any case: the next calls must not wait for this one
		if kept.Talk != nil {
			return c.resumeTalk(ctx, *kept.Talk)
		}
		return c.goOn(ctx)
	})
}

// recall takes over the call's remembered state.
func (c *session) recall(remembered string) {
	state, err := ParseState(remembered)
	if err != nil {
		c.log.Error("remembered state of a call is broken; it starts at the menu again", "err", err)
	}
	c.state, c.counted = state, state.NoteID != ""
	c.contact.Choices, c.contact.Offers, c.contact.About = state.Choices, state.Offers, state.NoteID
	if state.Promise != nil {
		c.contact.Outcome, c.contact.NoteID = call.CallbackPromised, state.Promise.Note
	}
	if team, ok := c.plan.Teams[state.Team]; ok {
		c.contact.Municipality = team.Municipality
	}
}

// goOn takes the call up where it was when the daemon or the link to Asterisk went, or after a transfer.
func (c *session) goOn(ctx context.Context) error {
	if promise := c.state.Promise; promise != nil {
		c.placed()
		return c.say(ctx, c.confirmation(*promise))
	}
	if team, ok := c.plan.Teams[c.state.Team]; ok {
		next, err := c.wait(ctx, team, time.Now().UTC(), offerLater)
		if err != nil || next == nil {
			return err
		}
		return c.follow(ctx, *next)
	}
	c.placed() // it has not waited yet
	notes := c.lookUp(ctx)
	if err := c.line.Answer(ctx); err != nil {
		return err
	}
	return c.meet(ctx, notes())
}

// placed reports, once, that a call that was taken back has its place again.
func (c *session) placed() {
	if c.ready != nil {
		c.ready()
		c.ready = nil
	}
}

// resumeTalk goes on with a live conversation.
func (c *session) resumeTalk(ctx context.Context, talk Talk) error {
	t := c.plan.Teams[c.state.Team] // a team that left the configuration has no hours
	entered := c.state.since(c.state.Team, talk.Since)
	place := c.operator.Queue.Adopt(
		dispatch.Ticket{Call: c.contact.Call, Team: c.state.Team, Since: entered}, talk.Agent, talk.Leg,
	)
	defer place.Leave()
	c.placed()
	c.contact.Outcome = call.Answered
	c.contact.Offers = append(c.contact.Offers, call.Offer{
		Team: c.state.Team, At: entered, Open: t.Hours == nil || t.Hours.Open(entered),
		Agent: talk.Agent, Result: call.OfferAnswered, Waited: talk.Since.Sub(entered),
	})
	offer := &c.contact.Offers[len(c.contact.Offers)-1]
	c.at(call.Offer{Team: offer.Team, Agent: talk.Agent, At: talk.Since})
	defer func() { offer.Talked = time.Since(talk.Since) }()
	defer c.talking(talk.Agent, talk.Since)()
	return c.line.Talk(ctx, talk.Leg)
}
