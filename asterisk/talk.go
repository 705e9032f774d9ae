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
		return errors.New("unknown leg: it is not of this switchboard")
	}
	bridge, err := l.join(ctx, leg)
	if err != nil {
		l.board.destroyBridge(ctx, bridge) // the caller's hang-up ends the wait for a command, not the command
		return fmt.Errorf("%w: %w", ivr.ErrNotConnected, l.joinFailure(ctx, leg, err))
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
	if last != leg { // the dispatcher hangs up only the phone that it rang
		l.board.drop(last.channel)
	}
	return cause
}

// talksIn is the bridge in which the caller talks; empty when they do not.
func (l *Line) talksIn() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bridge
}

// inBridge notes where the caller talks; empty when they no longer do.
func (l *Line) inBridge(bridge string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bridge = bridge
}

// partFrom notes that the caller no longer talks, and gives the last leg that they talked to: after a transfer it may
// still be there. A leg that comes from now on comes too late, see succeed.
func (l *Line) partFrom(leg *Leg) *Leg {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	l.inBridge("")
	return leg.part()
}

// listenOut returns when the caller or the other side is gone, with the last leg that the caller talked to.
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

// seeOut returns when the caller or the leg to which the colleague has put them through is gone, with the caller's last
// leg; false when the two talk on and the board is halted.
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

// joinFailure says what a refusal to connect the two means: mostly one has just hung up, and Asterisk does not say
// which. The caller must not count as gone when it was the agent: nobody would ever hang up their channel.
func (l *Line) joinFailure(ctx context.Context, leg *Leg, refusal error) error {
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

// join puts the two into a bridge, and gives it. Its name tells a later daemon which agent's phone answered, even after
// that phone has left.
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
	// A bridge that exists already was made by a command whose reply was lost.
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
