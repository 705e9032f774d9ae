package asterisk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
)

// Talk implements ivr.Line. The bridge is made only now, and both sides enter it in one command.
func (l *Line) Talk(ctx context.Context, answered dispatch.Leg) error {
	leg, ok := answered.(*Leg)
	if !ok {
		return errors.New("a phone that this switchboard does not know")
	}
	bridge, err := l.join(ctx, leg)
	if err != nil {
		l.board.destroyBridge(ctx, bridge) // a caller who hangs up ends the wait for a command, not the command
		return fmt.Errorf("%w: %w", ivr.ErrNotConnected, l.whoLeft(ctx, leg, err))
	}
	last := l.listenOut(ctx, leg)
	cause := context.Cause(ctx)
	if errors.Is(cause, ivr.ErrShutdown) { // the two go on talking without us
		return cause
	}
	if l.desk != nil && l.desk.successor() != nil {
		if last, ok = l.board.seeOut(last, l.desk.successor()); !ok {
			return ivr.ErrShutdown
		}
	}
	last = l.partFrom(last)
	l.board.destroyBridge(ctx, bridge)
	if last != leg { // the dispatcher hangs up the phone that it rang, and knows of no other
		l.board.drop(last.channel)
	}
	return cause
}

// talksIn is the bridge in which the caller talks; empty when he does not.
func (l *Line) talksIn() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bridge
}

// inBridge takes down where the caller talks; empty when he does so no longer.
func (l *Line) inBridge(bridge string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bridge = bridge
}

// partFrom takes down that the caller talks no longer, and gives whom they talked to last: somebody may have come in
// the other's place who has not hung up yet. Who comes from now on comes too late, see succeed.
func (l *Line) partFrom(leg *Leg) *Leg {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	l.inBridge("")
	return leg.part()
}

// listenOut returns when the caller or the other side is gone, with whom the caller talked to last.
func (l *Line) listenOut(ctx context.Context, leg *Leg) *Leg {
	for {
		select {
		case <-ctx.Done():
			return leg
		case <-leg.Gone():
		}
		next := leg.successor()
		if next == nil {
			return leg
		}
		leg = next
	}
}

// seeOut returns when a caller or the one to whom the colleague has put him through is gone, with the last phone of the
// caller's; false when the two talk on and the board is halted.
func (b *Switchboard) seeOut(caller, heir *Leg) (last *Leg, ok bool) {
	for {
		var next *Leg
		select {
		case <-b.halting:
			return caller, false
		case <-caller.Gone():
			if next = caller.successor(); next != nil {
				caller = next
			}
		case <-heir.Gone():
			if next = heir.successor(); next != nil {
				heir = next
			}
		}
		if next == nil {
			b.mu.Lock()
			heir = heir.part()
			b.mu.Unlock()
			b.drop(heir.channel)
			return caller, true
		}
	}
}

// whoLeft says what a refusal to connect the two means: with most of them one has just hung up, and Asterisk does not
// say which. The caller must not be taken for gone when it was the agent: nobody would ever hang him up.
func (l *Line) whoLeft(ctx context.Context, leg *Leg, refusal error) error {
	if _, refused := errors.AsType[*CommandError](refusal); !refused {
		return l.verdict(ctx, refusal)
	}
	limit := time.NewTimer(farewellLimit)
	defer limit.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-leg.Gone(): // the caller has still to be helped
		return ivr.ErrPhoneGone
	case <-limit.C:
		return fmt.Errorf("connect caller and agent: %w", refusal)
	}
}

// join lets the two hear each other, and gives the bridge in which they do. Its name tells a later daemon whose phone
// answered, also when that is no longer in it.
func (l *Line) join(ctx context.Context, leg *Leg) (bridge string, err error) {
	if bridge = leg.bridgedIn(); bridge != "" { // found talking after a restart
		l.inBridge(bridge)
		return bridge, nil
	}
	channel := l.id()
	bridge = bridgeID(channel)
	if err := l.silence(ctx); err != nil {
		return bridge, err
	}
	// One that is there already was made by a command of which the reply was lost.
	if err := l.board.conn.CreateBridge(ctx, bridge, "mixing", leg.channel); err != nil && !IsConflict(err) {
		return bridge, err
	}
	if err := l.board.conn.AddToBridge(ctx, bridge, channel, leg.channel); err != nil {
		return bridge, err
	}
	leg.enter(bridge)
	l.inBridge(bridge)
	return bridge, nil
}
