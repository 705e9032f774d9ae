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
	// leaveLimit bounds what is still done for a caller when the daemon stops.
	leaveLimit = 2 * time.Second
	// stateVariable keeps an ivr.State on the caller's channel.
	stateVariable = "BEREIKBAAR_STATE"
)

// Line is a caller's channel, or that of a colleague's phone in a callback. It implements ivr.Line.
type Line struct {
	board    *Switchboard
	call     call.Call
	keys     chan rune
	end      context.CancelCauseFunc // ends the call's context
	answered bool                    // when it came
	lastKey  keyPress                // of the goroutine that handles events
	desk     *Leg                    // the phone whose line it is, when it was rung for a callback; nil for a caller's
	done     chan struct{}           // closed when it is no longer handled

	mu      sync.Mutex
	channel string                  // another one after a transfer
	state   string                  // what was to be remembered last
	again   context.CancelCauseFunc // ends what is done with the call, so that it is done anew
	bridge  string                  // in which he talks; empty when he does not
	music   bool                    // whether it plays
	class   string                  // of the music that played last
	over    bool                    // it is hung up or handed over: nothing more is done with it
	playing map[string]*playback    // by playback id
}

// id is the caller's channel of the moment.
func (l *Line) id() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channel
}

// Answer implements ivr.Line.
func (l *Line) Answer(ctx context.Context) error {
	if l.answered { // by the dialplan
		return nil
	}
	return l.verdict(ctx, l.board.conn.Answer(ctx, l.id()))
}

// Music implements ivr.Line.
func (l *Line) Music(ctx context.Context, class string) error {
	if l.hasMusic() {
		return nil
	}
	if err := l.verdict(ctx, l.board.conn.StartMusic(ctx, l.id(), class)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.music, l.class = true, class
	return nil
}

func (l *Line) hasMusic() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.music
}

// noMusic takes down that the music ends, and tells whether it played.
func (l *Line) noMusic() (played bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	played, l.music = l.music, false
	return played
}

// silence ends the music: a bridge does not, and the caller would hear it instead of the agent (seen on 22.10.1).
func (l *Line) silence(ctx context.Context) error {
	if !l.noMusic() {
		return nil
	}
	return l.board.conn.StopMusic(ctx, l.id())
}

// leave lets music begin for a caller who stays with Asterisk and talks to nobody: behind what is being said to him, he
// would hear nothing until the next daemon is there.
func (l *Line) leave(ctx context.Context) {
	l.mu.Lock()
	channel, class, needless := l.channel, l.class, l.music || l.bridge != ""
	l.mu.Unlock()
	if needless {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	if err := l.board.conn.StartMusic(limited, channel, class); err != nil && !IsGone(err) {
		l.board.log.Warn("a caller who stays with Asterisk hears no music", "call", l.call.ID, "err", err)
	}
}

// Remember implements ivr.Line.
func (l *Line) Remember(ctx context.Context, state string) error {
	l.keep(state)
	return l.verdict(ctx, l.board.conn.SetVariable(ctx, l.id(), stateVariable, state))
}

// keep takes down what the channel remembers.
func (l *Line) keep(state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
}

func (l *Line) remembered() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Restored implements ivr.Line. A link that the daemon has given up does not come back in this one.
func (l *Line) Restored(ctx context.Context) error {
	err := l.board.conn.AwaitUp(ctx)
	if errors.Is(err, ErrDown) {
		return ivr.ErrShutdown
	}
	if err == nil {
		l.stopSpeaking(ctx)
	}
	return err
}

// HangUp implements ivr.Line.
func (l *Line) HangUp(ctx context.Context) error {
	err := l.board.conn.HangUp(ctx, l.finish(), CauseNormalClearing)
	if IsGone(err) { // as it was to be
		return ivr.ErrHungUp
	}
	return l.verdict(ctx, err)
}

// HandOver implements ivr.Line: the call goes on in the dialplan's fallback context.
func (l *Line) HandOver(ctx context.Context) error {
	return l.verdict(ctx, l.board.conn.Continue(ctx, l.finish(), FallbackContext, "s", 1))
}

// finish says that nothing more is done with the call: whoever takes its place on the line is a new one.
func (l *Line) finish() (channel string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return l.channel
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
	l.noMusic() // Asterisk ends it when a sound begins
	p := &playback{line: l, id: l.board.newID("play"), done: make(chan struct{})}
	if len(media) > 0 && strings.HasPrefix(media[0], "tone:") {
		p.id = toneID(l.id())
	}
	l.mu.Lock()
	l.playing[p.id] = p
	l.mu.Unlock()
	if err := l.board.conn.Play(ctx, l.id(), p.id, media); err != nil {
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
	l.inBridge("")
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

// verdict turns what a command said into what it means for the call: a channel that is gone is a hang-up, and a link that
// is down suspends the call.
func (l *Line) verdict(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case IsGone(err):
		return l.farewell(ctx, ivr.ErrHungUp)
	case isLeaving(err):
		return l.farewell(ctx, err)
	case errors.Is(err, ErrDown), errors.Is(err, ErrUnknownOutcome):
		return ivr.ErrLinkLost
	default:
		return err
	}
}

// farewell waits for the event that tells why a channel does not take commands any more: the caller hung up, or another
// channel took its place. Without one it is as the refusal says.
func (l *Line) farewell(ctx context.Context, refusal error) error {
	limit := time.NewTimer(farewellLimit)
	defer limit.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-limit.C:
		return refusal
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
