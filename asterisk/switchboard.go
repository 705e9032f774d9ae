package asterisk

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/queue"
)

const (
	cleanUpLimit = 5 * time.Second
	// FallbackContext is the dialplan context that helps callers without the daemon (deploy/asterisk/extensions.conf).
	FallbackContext = "bereikbaar-fallback"
	// withheldNumber is what Asterisk makes of From: <sip:anonymous@anonymous.invalid>.
	withheldNumber = "anonymous"
)

// Operator handles calls; ivr.Operator is the real one.
type Operator interface {
	Take(ctx context.Context, line ivr.Line, incoming call.Call) error
	TakeBack(ctx context.Context, line ivr.Line, incoming call.Call, kept ivr.Kept) error
}

// Callbacks takes back the callbacks that Asterisk kept without a daemon; ivr.Callbacks is the real one.
type Callbacks interface {
	TakeBack(ctx context.Context, line ivr.Line, colleague call.AgentID, kept ivr.Kept) error
	SeeOut(ctx context.Context, colleague call.AgentID, state string, since time.Time, over func() error) error
}

// Switchboard joins Asterisk's events to calls: it alone knows which channel is which line or leg.
type Switchboard struct {
	conn  *Conn
	log   *slog.Logger
	epoch string // keeps the ids of this run apart from those of others
	count atomic.Uint64
	calls sync.WaitGroup // one for each call that is handled

	operator  Operator
	callbacks Callbacks
	stray     func() // see OnStray
	phone     func(endpoint string, state queue.PhoneState)

	system atomic.Pointer[string] // Asterisk's own id, once it is known
	taken  atomic.Pointer[taken]  // how far calls are taken back; nil while none are

	halting chan struct{} // closed by Halt

	mu        sync.Mutex
	halted    bool                 // no new calls are taken
	lines     map[string]*Line     // by channel
	legs      map[string]*Leg      // by channel
	endpoints map[string]*endpoint // agents' phones, by name ("PJSIP/kcc1")
}

// NewSwitchboard makes a switchboard on a connection.
func NewSwitchboard(conn *Conn, log *slog.Logger) *Switchboard {
	return &Switchboard{
		conn:      conn,
		log:       log,
		epoch:     strconv.FormatInt(time.Now().UnixMilli(), 36),
		halting:   make(chan struct{}),
		lines:     map[string]*Line{},
		legs:      map[string]*Leg{},
		endpoints: map[string]*endpoint{},
		stray:     func() {},
	}
}

// OnStray sets tell, which is called for each channel that came to the application and is nobody's call, see entered.
// It must not wait, and is set before the connection runs.
func (b *Switchboard) OnStray(tell func()) { b.stray = tell }

// Connect sets the handlers of calls, callbacks and the states of agents' phones. It must be called once, before the
// connection runs.
func (b *Switchboard) Connect(
	operator Operator, callbacks Callbacks, phone func(endpoint string, state queue.PhoneState),
) {
	b.operator, b.callbacks, b.phone = operator, callbacks, phone
}

// Halt ends the handling of every call with ivr.ErrShutdown and takes no new calls. It returns when no call is handled
// any more, or with the cause of ctx. The callers stay with Asterisk, where the next daemon finds them.
func (b *Switchboard) Halt(ctx context.Context) error {
	b.mu.Lock()
	b.halted = true
	closeOnce(b.halting)
	for _, line := range b.lines {
		line.end(ivr.ErrShutdown)
	}
	b.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.calls.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// enter makes Halt wait until leave is called; false when the board is halted.
func (b *Switchboard) enter() (leave func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.halted {
		return nil, false
	}
	b.calls.Add(1)
	return b.calls.Done, true
}

// System is Asterisk's own id, which makes the ids of its calls unique among all Asterisks; empty before the first
// link.
func (b *Switchboard) System() string {
	if id := b.system.Load(); id != nil {
		return *id
	}
	return ""
}

// Size counts the calls that are handled, and the phones that ring or talk for them.
func (b *Switchboard) Size() (lines, legs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines), len(b.legs)
}

// Handle handles one event. It never waits for Asterisk, so that no call holds up another.
func (b *Switchboard) Handle(e Event) {
	switch e.Type {
	case StasisStart:
		b.entered(e)
	case StasisEnd, ChannelDestroyed:
		b.left(e)
	case ChannelStateChange:
		if leg := b.leg(e.ChannelID); leg != nil && e.Channel().Up() {
			leg.answered()
		}
	case ChannelDtmfReceived:
		if line := b.line(e.ChannelID); line != nil && e.Digit() != 0 {
			line.pressed(e)
		}
	case PlaybackFinished:
		if line := b.line(e.PlaybackTarget()); line != nil {
			line.finished(e.PlaybackID)
		}
	case EndpointStateChange:
		b.endpointChanged(e.Endpoint())
	default: // no other event matters here
	}
}

// entered handles a channel that came to the application: a phone that is to be rung, or a new call.
func (b *Switchboard) entered(e Event) {
	arrived := e.Channel()
	b.mu.Lock()
	leg, line := b.legs[arrived.ID], b.lines[arrived.ID]
	b.mu.Unlock()
	switch {
	case leg != nil:
		leg.caughtUp(arrived)
	case line != nil: // a second event, or reconciliation was first
	case e.ReplaceChannelID() != "":
		b.replaced(e.ReplaceChannelID(), arrived, e.Args())
	case isOurs(arrived.ID): // made after we gave it up
		go b.drop(arrived.ID)
	case isCaller(e.Args()):
		b.take(arrived, e.Args())
	default:
		go b.refuse(arrived.ID)
	}
}

// isCaller reports whether the dialplan says of a channel that it is a caller: Stasis(bereikbaar,caller,…).
func isCaller(args []string) bool { return len(args) > 0 && args[0] == callerArgument }

// refuse hangs up a channel that is neither a caller by the dialplan's word nor a phone of ours. Somebody outside had
// Asterisk or the dialplan make it, for instance a phone that forwards its calls: taken for a caller, it would make
// phones ring.
func (b *Switchboard) refuse(channel string) {
	b.stray()
	b.log.Error("hung up a channel that is neither a caller nor a phone that we ring; find what created it in Asterisk", "channel", channel)
	b.drop(channel)
}

// left handles a channel that has ended or left the application. Only the end of a channel says why a phone did not
// answer.
func (b *Switchboard) left(e Event) {
	b.mu.Lock()
	line, leg := b.lines[e.ChannelID], b.legs[e.ChannelID]
	over := leg != nil && (e.Type == ChannelDestroyed || leg.isAnswered())
	if over {
		delete(b.legs, e.ChannelID)
	}
	b.mu.Unlock()
	if line != nil {
		line.end(ivr.ErrHungUp)
	}
	if over {
		leg.ended(ending{e.Cause(), e.Status()})
	}
}

// take begins a new call.
func (b *Switchboard) take(arrived Channel, args []string) {
	b.handle(arrived, args, nil, func(ctx context.Context, line *Line) error {
		return b.operator.Take(ctx, line, line.call)
	})
}

// handle runs a call in a goroutine of its own and gives its line; nil when the call is handled already or the board is
// halted. desk is the colleague's phone in a callback; nil for a caller's channel.
func (b *Switchboard) handle(arrived Channel, args []string, desk *Leg, run func(context.Context, *Line) error) *Line {
	ctx, end := context.WithCancelCause(context.Background())
	line := &Line{
		board:    b,
		channel:  arrived.ID,
		call:     incoming(arrived, args),
		answered: arrived.Up(),
		keys:     make(chan rune, keyRoom),
		end:      end,
		desk:     desk,
		done:     make(chan struct{}),
		playing:  map[string]*playback{},
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.halted || b.lines[arrived.ID] != nil {
		end(nil)
		return nil
	}
	b.lines[arrived.ID] = line
	b.calls.Go(func() {
		defer end(nil)
		defer b.removeLine(line)
		err := run(ctx, line)
		if errors.Is(err, ivr.ErrShutdown) {
			line.leave(ctx)
		}
		if err != nil && ctx.Err() == nil {
			b.log.Error("call ended with an error", "call", line.call.ID, "err", err)
		}
	})
	return line
}

// callerArgument is the first argument of Stasis() for a caller.
const callerArgument = "caller"

// incoming reads the dialplan's arguments: Stasis(bereikbaar,caller,number dialled,presentation of the caller's
// number). The presentation is read first: a withheld number is not even parsed.
func incoming(arrived Channel, args []string) call.Call {
	c := call.Call{ID: call.ID(arrived.ID), Dialled: arrived.Extension, Arrived: time.Now().UTC()}
	if len(args) > 1 && args[1] != "" {
		c.Dialled = args[1]
	}
	presentation := ""
	if len(args) > 2 {
		presentation = args[2]
	}
	if strings.HasPrefix(presentation, "prohib") || strings.EqualFold(arrived.CallerNumber, withheldNumber) {
		c.Caller = call.Withheld()
		return c
	}
	// After a semicolon come parameters of the network, such as npdi, which PJSIP leaves on without
	// ignore_uri_user_options.
	digits, _, _ := strings.Cut(arrived.CallerNumber, ";")
	if number, err := call.ParseNumber(digits); err == nil {
		c.Caller = number
	}
	return c
}

func (b *Switchboard) line(channel string) *Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines[channel]
}

// channelOf is the channel of a call: the one that it came with, or the one that took its place.
func (b *Switchboard) channelOf(id call.ID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines[string(id)] == nil {
		for channel, line := range b.lines {
			if line.call.ID == id {
				return channel
			}
		}
	}
	return string(id)
}

func (b *Switchboard) leg(channel string) *Leg {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.legs[channel]
}

func (b *Switchboard) removeLine(line *Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	channel := line.id()
	delete(b.lines, channel)
	if line.desk != nil { // if the phone is still there, reconciliation hangs it up
		delete(b.legs, channel)
	}
	close(line.done)
}

func (b *Switchboard) addLeg(leg *Leg) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.legs[leg.channel] = leg
}

// forgetLeg makes a phone count as gone, even if it still rings or talks.
func (b *Switchboard) forgetLeg(leg *Leg) {
	leg.ended(ending{})
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.legs, leg.channel)
}

// newID makes an id that is unique over all runs of the daemon.
func (b *Switchboard) newID(what string) string {
	return what + "-" + b.epoch + "-" + strconv.FormatUint(b.count.Add(1), 36)
}

// drop hangs up a channel that nobody waits for.
func (b *Switchboard) drop(channel string) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpLimit)
	defer cancel()
	if err := b.conn.HangUp(ctx, channel, CauseNormalClearing); err != nil && !IsGone(err) {
		b.log.Warn("could not hang up a channel", "channel", channel, "err", err)
	}
}

func (b *Switchboard) destroyBridge(ctx context.Context, bridge string) {
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpLimit)
	defer cancel()
	if err := b.conn.DestroyBridge(clean, bridge); err != nil && !IsGone(err) {
		b.log.Warn("could not remove a bridge", "bridge", bridge, "err", err)
	}
}
