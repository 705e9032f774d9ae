package asterisk

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/ivr"
)

const (
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
	presses  presses                 // of the goroutine that handles events
	desk     *Leg                    // the phone whose line it is, when it was rung for a callback; nil for a caller's
	done     chan struct{}           // closed when it is no longer handled

	mu      sync.Mutex
	channel string                  // another one after a transfer
	state   string                  // what was to be remembered last
	stored  bool                    // whether the channel is known to remember it
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
	channel, needless := l.toRemember(state)
	if needless {
		return nil
	}
	if err := l.board.conn.SetVariable(ctx, channel, stateVariable, state); err != nil {
		return l.verdict(ctx, err)
	}
	l.keep(channel, state)
	return nil
}

// toRemember takes down what the channel is to remember, and tells whether it does so already, as a call that was taken
// back does.
func (l *Line) toRemember(state string) (channel string, needless bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	needless = l.stored && l.state == state
	l.state, l.stored = state, needless
	return l.channel, needless
}

// keep takes down what a channel remembers.
func (l *Line) keep(channel, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.channel == channel { // nobody was put through meanwhile
		l.state, l.stored = state, true
	}
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

// farewellLimit is how long the event of a hang-up may come behind a command that was refused because of it.
const farewellLimit = time.Second

// verdict turns what a command said into what it means for the call: a channel that is gone is a hang-up, and a link
// that is down suspends the call.
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
