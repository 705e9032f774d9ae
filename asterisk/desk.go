package asterisk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
)

const (
	deskPrefix = "bereikbaar.desk." // a colleague's phone that was rung for a callback
	outPrefix  = "bereikbaar.out."  // the caller's phone that was rung for it
	// numberSlot stands in the configuration for the number to dial.
	numberSlot = "{number}"
)

func isDesk(channel string) bool { return strings.HasPrefix(channel, deskPrefix) }
func isOut(channel string) bool  { return strings.HasPrefix(channel, outPrefix) }

// Exchange rings phones for callbacks. It implements ivr.Exchange.
type Exchange struct {
	Board *Switchboard
	// Trunk gives the endpoint to dial out over, with {number} for the number: PJSIP/{number}@trunk. It is read for
	// every call; empty when nothing may be dialled out.
	Trunk func() string
}

// ErrNoTrunk is returned when no trunk is configured.
var ErrNoTrunk = errors.New("no trunk to dial out over: set callbacks.dial")

// RingDesk implements ivr.Exchange.
func (x Exchange) RingDesk(ctx context.Context, desk ivr.Desk, talk func(context.Context, ivr.Line) error) error {
	if x.Trunk() == "" {
		return ErrNoTrunk
	}
	leave, ok := x.Board.enter()
	if !ok {
		return ivr.ErrShutdown
	}
	defer leave()
	leg := newLeg(x.Board, deskID(desk.Agent, x.Board.newID("ring")))
	if err := x.Board.ring(ctx, leg, Origination{
		Channel:   leg.channel,
		Endpoint:  desk.Endpoint,
		CallerID:  shown(desk.Name, desk.Number),
		Timeout:   desk.For,
		Variables: map[string]string{stateVariable: desk.State},
	}); err != nil {
		return err
	}
	line := x.Board.handle(Channel{ID: leg.channel, State: "Up"}, nil, leg, func(
		ctx context.Context, line *Line,
	) error {
		return talk(ctx, line)
	})
	if line == nil {
		x.Board.abandonLeg(leg)
		return ivr.ErrShutdown
	}
	select {
	case <-leg.gone: // a hang-up before there was a line has ended no line
		line.end(ivr.ErrHungUp)
		<-line.done
	case <-line.done:
	}
	return nil
}

// Dial implements ivr.Exchange.
func (x Exchange) Dial(ctx context.Context, out ivr.Outside) (dispatch.Leg, error) {
	if strings.ContainsFunc(
		strings.TrimPrefix(out.Number, "+"), func(r rune) bool { return r < '0' || r > '9' },
	) || out.Number == "" {
		return nil, errors.New("dial: a number has digits only") // a second guard
	}
	trunk := x.Trunk()
	if !strings.Contains(trunk, numberSlot) {
		return nil, fmt.Errorf("%w with %s in it", ErrNoTrunk, numberSlot)
	}
	leg := newLeg(x.Board, outID(out.Agent, x.Board.newID("out")))
	return leg, x.Board.ring(ctx, leg, Origination{
		Channel:   leg.channel,
		Endpoint:  strings.Replace(trunk, numberSlot, out.Number, 1),
		CallerID:  shown(out.Name, out.Shown),
		Timeout:   out.For,
		Variables: map[string]string{stateVariable: out.State},
	})
}

// settleDesk makes up for an answer that was missed, and goes on with a callback of an earlier daemon. A phone that
// still rings for such a callback is hung up.
func (b *Switchboard) settleDesk(ctx context.Context, found survey, desk Channel) error {
	leg, line := b.leg(desk.ID), b.line(desk.ID)
	switch {
	case leg != nil:
		leg.caughtUp(desk)
		return nil
	case line != nil:
		return nil
	case !desk.Up():
		b.drop(desk.ID)
		return nil
	}
	state, err := b.conn.GetVariable(ctx, desk.ID, stateVariable)
	if IsGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	kept := ivr.Kept{State: state, Talk: b.adoptOut(found, desk.ID)}
	if kept.Talk == nil { // Asterisk plays nothing to a channel in a bridge
		b.destroyBridge(ctx, bridgeID(desk.ID))
	}
	b.log.Info("callback resumed", "desk", desk.ID, "talking", kept.Talk != nil)
	leg = newLeg(b, desk.ID)
	leg.answered()
	b.addLeg(leg)
	if b.handle(desk, nil, leg, func(ctx context.Context, line *Line) error {
		if err := b.conn.StopPlayback(ctx, toneID(desk.ID)); err != nil && !IsGone(err) {
			// no prompt is heard before the tone ends
			b.log.Warn("could not stop a ringing tone; prompts wait for its end", "desk", desk.ID, "err", err)
		}
		return b.callbacks.TakeBack(ctx, line, deskAgent(desk.ID), kept)
	}) == nil {
		b.forgetLeg(leg)
	}
	return nil
}

// adoptOut takes back the caller's phone that a colleague is found talking to.
func (b *Switchboard) adoptOut(found survey, desk string) *ivr.Talk {
	bridge := found.bridges[bridgeID(desk)]
	i := slices.IndexFunc(bridge.Channels, isOut)
	if i < 0 || !slices.Contains(bridge.Channels, desk) {
		return nil
	}
	leg := newLeg(b, bridge.Channels[i])
	leg.enter(bridge.ID)
	leg.answered()
	b.addLeg(leg)
	return &ivr.Talk{Agent: deskAgent(desk), Leg: leg, Since: bridge.Created}
}

// adoptPutThrough goes on with a callback whose colleague has put the caller through with the keys of the phone: the
// two talk until one hangs up. False for any other channel.
func (b *Switchboard) adoptPutThrough(ctx context.Context, found survey, out string) (adopted bool, err error) {
	bridge, ok := found.talks[out]
	if !ok || !isOut(out) {
		return false, nil
	}
	state, err := b.conn.GetVariable(ctx, out, stateVariable)
	if IsGone(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	leave, ok := b.enter()
	if !ok { // the next daemon will find them
		return true, nil
	}
	i := slices.IndexFunc(bridge.Channels, func(id string) bool { return id != out })
	caller, heir := newLeg(b, out), newLeg(b, bridge.Channels[i])
	for _, leg := range []*Leg{caller, heir} {
		leg.enter(bridge.ID)
		leg.answered()
		b.addLeg(leg)
	}
	b.log.Info("transferred callback resumed", "channel", out)
	go func() {
		defer leave()
		ctx, end := b.untilHalted()
		defer end()
		if err := b.callbacks.SeeOut(ctx, deskAgent(out), state, bridge.Created, func() error {
			last, over := b.seeOut(caller, heir)
			if !over {
				return ivr.ErrShutdown
			}
			b.destroyBridge(ctx, bridge.ID)
			b.drop(last.channel)
			return nil
		}); err != nil && !errors.Is(err, ivr.ErrShutdown) {
			b.log.Error("callback after a transfer ended with an error", "channel", out, "err", err)
		}
	}()
	return true, nil
}

// untilHalted is a context that ends with ErrShutdown when the board is halted.
func (b *Switchboard) untilHalted() (ctx context.Context, end context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		select {
		case <-b.halting:
			cancel(ivr.ErrShutdown)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func deskID(agent call.AgentID, unique string) string {
	return deskPrefix + string(agent) + "." + unique
}

func outID(agent call.AgentID, unique string) string { return outPrefix + string(agent) + "." + unique }

// deskAgent reads the colleague from the id of either phone of a callback.
func deskAgent(channel string) call.AgentID {
	agent, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(channel, deskPrefix), outPrefix), ".")
	return call.AgentID(agent)
}
