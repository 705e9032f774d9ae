package asterisk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
)

const (
	// keyRoom is how many keys are kept for a call that does not read them; garbage beyond it is dropped.
	keyRoom = 64
	// stateVariable keeps an ivr.State on the caller's channel.
	stateVariable = "BEREIKBAAR_STATE"
)

// Line is a caller's channel, or that of a colleague's phone in a callback. It implements ivr.Line.
type Line struct {
	board    *Switchboard
	channel  string
	call     call.Call
	keys     chan rune
	end      context.CancelCauseFunc // ends the call's context
	answered bool                    // when it came
	music    bool                    // whether it plays; of the call's own goroutine
	lastKey  keyPress                // of the goroutine that handles events
	desk     *Leg                    // the phone whose line it is, when it was rung for a callback; nil for a caller's
	over     chan struct{}           // closed when it is no longer handled

	mu      sync.Mutex
	playing map[string]*playback // by playback id
}

// Answer implements ivr.Line.
func (l *Line) Answer(ctx context.Context) error {
	if l.answered { // by the dialplan
		return nil
	}
	return l.verdict(ctx, l.board.conn.Answer(ctx, l.channel))
}

// Music implements ivr.Line.
func (l *Line) Music(ctx context.Context, class string) error {
	if l.music {
		return nil
	}
	if err := l.verdict(ctx, l.board.conn.StartMusic(ctx, l.channel, class)); err != nil {
		return err
	}
	l.music = true
	return nil
}

// silence ends the music: a bridge does not, and the caller would hear it instead of the agent (seen on 22.10.1).
func (l *Line) silence(ctx context.Context) error {
	if !l.music {
		return nil
	}
	l.music = false
	return l.board.conn.StopMusic(ctx, l.channel)
}

// Remember implements ivr.Line.
func (l *Line) Remember(ctx context.Context, state string) error {
	return l.verdict(ctx, l.board.conn.SetVariable(ctx, l.channel, stateVariable, state))
}

// Restored implements ivr.Line. A link that the daemon has given up does not come back in this one.
func (l *Line) Restored(ctx context.Context) error {
	err := l.board.conn.AwaitUp(ctx)
	if errors.Is(err, ErrDown) {
		return ivr.ErrShutdown
	}
	return err
}

// HangUp implements ivr.Line.
func (l *Line) HangUp(ctx context.Context) error {
	return l.verdict(ctx, l.board.conn.HangUp(ctx, l.channel, CauseNormalClearing))
}

// HandOver implements ivr.Line: the call goes on in the dialplan's fallback context.
func (l *Line) HandOver(ctx context.Context) error {
	return l.verdict(ctx, l.board.conn.Continue(ctx, l.channel, FallbackContext, "s", 1))
}

// Keys implements ivr.Line.
func (l *Line) Keys() <-chan rune { return l.keys }

// pressed takes a key from the events; it never waits.
func (l *Line) pressed(e Event) {
	key := keyPress{key: e.Digit(), released: e.Time(), held: e.Held()}
	if key.repeats(l.lastKey) {
		return
	}
	l.lastKey = key
	select {
	case l.keys <- key.key:
	default:
	}
}

// keyPress is one key as Asterisk told of it.
type keyPress struct {
	key      rune
	released time.Time
	held     time.Duration
}

// repeats reports whether this is Asterisk telling of the key before it once more. When keys follow each other within
// 45 ms it lets them sound again, and tells of a key that comes during that a second time when it is done (channel.c;
// seen on 22.10.1 with a phone that dials for its user). A person cannot have held a key for longer than it was since he
// let go of it.
func (k keyPress) repeats(before keyPress) bool {
	since := k.released.Sub(before.released)
	return k.key == before.key && since >= 0 && since < k.held
}

// Play implements ivr.Line.
func (l *Line) Play(ctx context.Context, media []string) (ivr.Playback, error) {
	l.music = false // Asterisk ends it when a sound begins
	p := &playback{line: l, id: l.board.newID("play"), done: make(chan struct{})}
	if len(media) > 0 && strings.HasPrefix(media[0], "tone:") {
		p.id = toneID(l.channel)
	}
	l.mu.Lock()
	l.playing[p.id] = p
	l.mu.Unlock()
	if err := l.board.conn.Play(ctx, l.channel, p.id, media); err != nil {
		l.finished(p.id)
		return nil, l.verdict(ctx, err)
	}
	return p, nil
}

// toneID is the playback of a tone, which has no end: who takes the call over must know how to stop it.
func toneID(channel string) string { return "bereikbaar.tone." + channel }

// finished marks a playback as ended; it is harmless on one that is not known.
func (l *Line) finished(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.playing[id]; ok {
		delete(l.playing, id)
		close(p.done)
	}
}

// unfinished lists the playbacks whose end was not heard of.
func (l *Line) unfinished() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for id := range l.playing {
		ids = append(ids, id)
	}
	return ids
}

// Talk implements ivr.Line. The bridge is made only now, and both sides enter it in one command.
func (l *Line) Talk(ctx context.Context, answered dispatch.Leg) error {
	leg, ok := answered.(*Leg)
	if !ok {
		return errors.New("a phone that this switchboard does not know")
	}
	bridge := bridgeID(l.channel)
	if err := l.join(ctx, bridge, leg); err != nil {
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
	l.board.destroyBridge(ctx, bridge)
	if last != leg { // the dispatcher hangs up the phone that it rang, and knows of no other
		l.board.drop(last.channel)
	}
	return cause
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

// seeOut returns when a caller or the one to whom the colleague has put him through is gone, with the last phone of the caller's; false
// when the two talk on and the board is halted.
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
			b.drop(heir.channel)
			return caller, true
		}
	}
}

// farewellLimit is how long the event of a hang-up may come behind a command that was refused because of it.
const farewellLimit = time.Second

// whoLeft says what a refusal to connect the two means: with most of them one has just hung up, and Asterisk does not say
// which. The caller must not be taken for gone when it was the agent: nobody would ever hang him up.
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

func (l *Line) join(ctx context.Context, bridge string, leg *Leg) error {
	if leg.bridged() { // found talking after a restart
		return nil
	}
	if err := l.silence(ctx); err != nil {
		return err
	}
	if err := l.board.conn.CreateBridge(ctx, bridge, "mixing", bridge); err != nil {
		return err
	}
	return l.board.conn.AddToBridge(ctx, bridge, l.channel, leg.channel)
}

// verdict turns what a command said into what it means for the call: a channel that is gone is a hang-up, and a link that
// is down suspends the call.
func (l *Line) verdict(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case IsGone(err):
		return ivr.ErrHungUp
	case errors.Is(err, ErrDown), errors.Is(err, ErrUnknownOutcome):
		return ivr.ErrLinkLost
	default:
		return err
	}
}

// playback is something that is being played to a line. It implements ivr.Playback.
type playback struct {
	line *Line
	id   string
	done chan struct{}
}

// Done implements ivr.Playback.
func (p *playback) Done() <-chan struct{} { return p.done }

// Stop implements ivr.Playback.
func (p *playback) Stop(ctx context.Context) error {
	err := p.line.board.conn.StopPlayback(ctx, p.id)
	if IsGone(err) { // it ended in the meantime
		return nil
	}
	return p.line.verdict(ctx, err)
}
