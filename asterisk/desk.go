package asterisk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
)

const (
	deskPrefix = "bereikbaar.desk." // a colleague's phone that was rung for a callback
	outPrefix  = "bereikbaar.out."  // the caller's phone that was rung for it
	// numberSlot stands in the configuration where the number to dial comes.
	numberSlot = "{number}"
)

// isOurs reports whether a channel was made by this daemon or one before it, and is no caller's.
func isOurs(channel string) bool {
	return isLeg(channel) || strings.HasPrefix(channel, deskPrefix) || strings.HasPrefix(channel, outPrefix)
}

// Exchange rings phones for callbacks. It implements ivr.Exchange.
type Exchange struct {
	Board *Switchboard
	// Trunk gives the endpoint that leads outside, with {number} where the number comes: PJSIP/{number}@trunk. It is asked
	// for every call; empty when nothing may be dialled out.
	Trunk func() string
}

// ErrNoTrunk is returned when no way outside is configured.
var ErrNoTrunk = errors.New("no trunk to dial out over: set callbacks.dial")

// RingDesk implements ivr.Exchange.
func (x Exchange) RingDesk(ctx context.Context, desk ivr.Desk, talk func(context.Context, ivr.Line)) error {
	if x.Trunk() == "" {
		return ErrNoTrunk
	}
	leg := newLeg(x.Board, deskPrefix+string(desk.Agent)+"."+x.Board.newID("ring"))
	if err := x.Board.ring(ctx, leg, Origination{
		Channel:  leg.channel,
		Endpoint: desk.Endpoint,
		CallerID: shown(desk.Name, desk.Number),
		Timeout:  desk.For,
	}); err != nil {
		return err
	}
	over := make(chan struct{})
	started := x.Board.handle(Channel{ID: leg.channel, State: "Up"}, nil, func(ctx context.Context, line *Line) error {
		defer close(over)
		ctx, end := context.WithCancelCause(ctx)
		defer end(nil)
		go func() { // he may have hung up before there was a line that could be told
			select {
			case <-leg.gone:
				end(ivr.ErrHungUp)
			case <-ctx.Done():
			}
		}()
		talk(ctx, line)
		return nil
	})
	if !started {
		x.Board.abandonLeg(leg)
		return ivr.ErrShutdown
	}
	<-over
	return nil
}

// Dial implements ivr.Exchange.
func (x Exchange) Dial(ctx context.Context, out ivr.Outside) (dispatch.Leg, error) {
	if strings.ContainsFunc(strings.TrimPrefix(out.Number, "+"), func(r rune) bool { return r < '0' || r > '9' }) || out.Number == "" {
		return nil, errors.New("dial: a number has digits only") // whatever came through the guard
	}
	trunk := x.Trunk()
	if !strings.Contains(trunk, numberSlot) {
		return nil, fmt.Errorf("%w with %s in it", ErrNoTrunk, numberSlot)
	}
	leg := newLeg(x.Board, outPrefix+x.Board.newID("out"))
	return leg, x.Board.ring(ctx, leg, Origination{
		Channel:  leg.channel,
		Endpoint: strings.Replace(trunk, numberSlot, out.Number, 1),
		CallerID: shown(out.Name, out.Shown),
		Timeout:  out.For,
	})
}

// settleCallback goes on with a callback that was found going on: the two are not cut off, and when one hangs up the other
// is let go. What is not a conversation is hung up.
func (b *Switchboard) settleCallback(found survey, desk Channel) {
	if b.line(desk.ID) != nil {
		return
	}
	out := ""
	for _, id := range found.bridges[bridgeID(desk.ID)].Channels {
		if strings.HasPrefix(id, outPrefix) {
			out = id
		}
	}
	if out == "" {
		b.drop(desk.ID)
		return
	}
	b.log.Info("callback taken back", "desk", desk.ID)
	both := []*Leg{newLeg(b, desk.ID), newLeg(b, out)}
	for _, leg := range both {
		leg.answered()
		b.addLeg(leg)
	}
	go func() {
		select {
		case <-both[0].gone:
		case <-both[1].gone:
		}
		for _, leg := range both {
			b.drop(leg.channel)
		}
		ctx, cancel := context.WithTimeout(context.Background(), cleanUpLimit)
		defer cancel()
		b.destroyBridge(ctx, bridgeID(desk.ID))
	}()
}

// shown is a caller id of a name and a number.
func shown(name, number string) string {
	return fmt.Sprintf("%q <%s>", strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r == '<' || r == '>' || r < ' ' {
			return -1
		}
		return r
	}, name), number)
}

// ring rings a phone, and returns when it was answered or with the reason why not.
func (b *Switchboard) ring(ctx context.Context, leg *Leg, o Origination) error {
	b.addLeg(leg)
	if err := b.conn.Originate(ctx, o); err != nil {
		b.abandonLeg(leg)
		if IsRefused(err) {
			return fmt.Errorf("%w: %w", dispatch.ErrUnreachable, err)
		}
		return err
	}
	limit := time.NewTimer(o.Timeout + ringSlack)
	defer limit.Stop()
	select {
	case <-leg.up:
		return nil
	case <-leg.gone:
		return leg.failure()
	case <-limit.C:
		b.abandonLeg(leg)
		return fmt.Errorf("%w within %s", dispatch.ErrNoAnswer, o.Timeout)
	case <-ctx.Done():
		b.callOffLeg(ctx, leg)
		return context.Cause(ctx)
	}
}
