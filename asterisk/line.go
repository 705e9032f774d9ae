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
	// leaveLimit bounds the last command for a caller when the daemon stops.
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
	answered bool                    // up when it came
	presses  presses                 // only for the goroutine that handles events
	desk     *Leg                    // the colleague's phone in a callback; nil for a caller's channel
	done     chan struct{}           // closed when it is no longer handled

	mu      sync.Mutex
	channel string                  // changes with a transfer
	state   string                  // the latest state to remember
	stored  bool                    // whether the channel has it
	again   context.CancelCauseFunc // breaks off the current step, so that it is done anew
	bridge  string                  // where the caller talks; empty when they do not
	music   bool                    // whether it plays
	class   string                  // of the latest music
	over    bool                    // hung up or handed over: no more commands
	playing map[string]*playback    // by playback id
}

// id is the caller's channel now.
func (l *Line) id() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channel
}

// Answer implements ivr.Line.
func (l *Line) Answer(ctx context.Context) error {
	if l.answered {
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

// noMusic notes that the music ends, and reports whether it played.
func (l *Line) noMusic() (played bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	played, l.music = l.music, false
	return played
}

// silence ends the music. A bridge does not end it, and the caller would hear it instead of the agent (seen on
// 22.10.1).
func (l *Line) silence(ctx context.Context) error {
	if !l.noMusic() {
		return nil
	}
	return l.board.conn.StopMusic(ctx, l.id())
}

// leave starts music for a caller who stays with Asterisk and talks to nobody: after the current prompt they would hear
// nothing until the next daemon is up.
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
		l.board.log.Warn(
			"could not start music; the caller waits in silence for the next daemon", "call", l.call.ID, "err", err,
		)
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

// toRemember notes what the channel is to remember, and reports whether it has that already, as after a take-back.
func (l *Line) toRemember(state string) (channel string, needless bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	needless = l.stored && l.state == state
	l.state, l.stored = state, needless
	return l.channel, needless
}

// keep notes what a channel remembers.
func (l *Line) keep(channel, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.channel == channel { // no transfer meanwhile
		l.state, l.stored = state, true
	}
}

func (l *Line) remembered() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Restored implements ivr.Line. Once the daemon has given up the link, only the next daemon gets one.
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
	if IsGone(err) { // as intended
		return ivr.ErrHungUp
	}
	return l.verdict(ctx, err)
}

// HandOver implements ivr.Line: the call goes on in the dialplan's fallback context.
func (l *Line) HandOver(ctx context.Context) error {
	return l.verdict(ctx, l.board.conn.Continue(ctx, l.finish(), FallbackContext, "s", 1))
}

// finish notes that nothing more is done with the call: a channel that takes its place is a new call.
func (l *Line) finish() (channel string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return l.channel
}

// farewellLimit is how long after a refused command the event of the hang-up may come.
const farewellLimit = time.Second

// verdict turns a command's error into its meaning for the call: a channel that is gone is a hang-up, and a link that
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

// farewell waits for the event that says why a channel takes no more commands: the caller hung up, or another channel
// took its place. Without an event the refusal stands.
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
