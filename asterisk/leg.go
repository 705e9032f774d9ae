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
	legPrefix    = "bereikbaar.leg."
	bridgePrefix = "bereikbaar.bridge."
	// ringSlack is how far past its timeout a phone may ring before we stop it: Asterisk counts in whole seconds.
	ringSlack = 2 * time.Second
)

// Leg is a phone that was rung: an agent's, or either phone of a callback. It implements dispatch.Leg.
type Leg struct {
	board   *Switchboard
	channel string

	mu     sync.Mutex
	inside chan struct{} // closed when the channel is in our application and may be dialled
	up     chan struct{} // closed when answered
	gone   chan struct{} // closed when the channel has ended
	ending ending
	bridge string // where the phone talks, or talked; empty before
	next   *Leg   // the leg that took its place in the conversation; nil while there is none
	parted bool   // the conversation is over: a leg that comes in its place is hung up
}

// ending is why a leg ended.
type ending struct {
	cause  Cause
	status int // the phone's final answer, see Event.Status
}

func newLeg(board *Switchboard, channel string) *Leg {
	return &Leg{
		board: board, channel: channel, inside: make(chan struct{}), up: make(chan struct{}), gone: make(chan struct{}),
	}
}

// ID implements dispatch.Leg.
func (l *Leg) ID() string { return l.channel }

// Gone implements dispatch.Leg.
func (l *Leg) Gone() <-chan struct{} { return l.gone }

// HangUp implements dispatch.Leg. After an error the phone counts as gone: when the link is back, reconciliation finds
// an unknown phone and hangs it up.
func (l *Leg) HangUp(ctx context.Context) error {
	if err := l.board.conn.HangUp(ctx, l.channel, CauseNormalClearing); err != nil && !IsGone(err) {
		l.board.forgetLeg(l)
		return fmt.Errorf("hang up an agent's phone: %w", err)
	}
	return nil
}

func (l *Leg) entered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	closeOnce(l.inside)
}

func (l *Leg) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	closeOnce(l.up)
}

// caughtUp makes up for missed events of a phone that is found ringing or talking.
func (l *Leg) caughtUp(found Channel) {
	l.entered()
	if found.Up() {
		l.answered()
	}
}

func (l *Leg) isAnswered() bool {
	select {
	case <-l.up:
		return true
	default:
		return false
	}
}

func (l *Leg) ended(why ending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending == (ending{}) {
		l.ending = why
	}
	closeOnce(l.gone)
}

func (l *Leg) successor() *Leg {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// part notes that the conversation is over, and gives its last leg. The switchboard's mutex is held, so that no leg is
// replaced meanwhile.
func (l *Leg) part() *Leg {
	last := l
	for next := last.successor(); next != nil; next = last.successor() {
		last = next
	}
	last.mu.Lock()
	defer last.mu.Unlock()
	last.parted = true
	return last
}

func (l *Leg) isParted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.parted
}

func (l *Leg) bridgedIn() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bridge
}

// enter notes the bridge in which the phone talks.
func (l *Leg) enter(bridge string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bridge = bridge
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// Ring implements dispatch.Phones.
func (b *Switchboard) Ring(ctx context.Context, inv dispatch.Invitation) (dispatch.Leg, error) {
	leg := newLeg(b, legID(inv.Agent.ID, b.newID("ring")))
	if err := b.ring(ctx, leg, Origination{
		Channel:    leg.channel,
		Endpoint:   inv.Agent.Endpoint,
		CallerID:   callerID(inv),
		Timeout:    inv.For,
		Originator: b.channelOf(inv.Call.ID),
	}); err != nil {
		return nil, err
	}
	return leg, nil
}

// ring rings a phone, and returns when it is answered, or with the reason why not.
func (b *Switchboard) ring(ctx context.Context, leg *Leg, o Origination) error {
	b.addLeg(leg)
	limit := time.NewTimer(o.Timeout + ringSlack)
	defer limit.Stop()
	if err := b.conn.Create(ctx, o); err != nil {
		b.abandonLeg(leg)
		if IsRefused(err) {
			return fmt.Errorf("%w: %w", dispatch.ErrUnreachable, err)
		}
		return err
	}
	if err := b.awaitLeg(ctx, leg, leg.inside, limit); err != nil {
		return err
	}
	if err := b.conn.Dial(ctx, leg.channel, o.Timeout); err != nil && !IsGone(err) { // gone: the event says why
		b.abandonLeg(leg)
		return err
	}
	return b.awaitLeg(ctx, leg, leg.up, limit)
}

// awaitLeg waits until a phone gets as far as wanted, or gives the reason why not; then the phone is silent.
func (b *Switchboard) awaitLeg(ctx context.Context, leg *Leg, wanted <-chan struct{}, limit *time.Timer) error {
	select {
	case <-wanted:
		return nil
	case <-leg.gone:
		return leg.failure()
	case <-limit.C:
		b.abandonLeg(leg)
		return fmt.Errorf("%w in time", dispatch.ErrNoAnswer)
	case <-ctx.Done():
		b.callOffLeg(ctx, leg)
		return context.Cause(ctx)
	case <-b.halting: // no phone rings for a daemon that is gone
		b.abandonLeg(leg)
		return ivr.ErrShutdown
	}
}

// abandonLeg stops a phone from ringing and returns when it is silent, so that the next call does not find it busy.
func (b *Switchboard) abandonLeg(leg *Leg) { b.silenceLeg(leg, CauseNormalClearing) }

// callOffLeg does so because ctx ended. When another phone was quicker it says so, and the phone shows no missed call.
func (b *Switchboard) callOffLeg(ctx context.Context, leg *Leg) {
	reason := CauseNormalClearing
	if errors.Is(context.Cause(ctx), dispatch.ErrTaken) {
		reason = CauseAnsweredElsewhere
	}
	b.silenceLeg(leg, reason)
}

func (b *Switchboard) silenceLeg(leg *Leg, reason Cause) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpLimit)
	defer cancel()
	if err := b.conn.HangUp(ctx, leg.channel, reason); err != nil {
		b.forgetLeg(leg) // there is no channel, or the link is down and reconciliation hangs it up
		return
	}
	select {
	case <-leg.gone:
	case <-ctx.Done():
		b.log.Warn("Asterisk did not confirm the hang-up of a phone; continuing", "leg", leg.channel)
	}
}

// failure says why a phone did not answer: by its final answer when it sent the call elsewhere, else by the cause of
// the hang-up (ITU-T Q.850).
func (l *Leg) failure() error {
	l.mu.Lock()
	cause, status := l.ending.cause, l.ending.status
	l.mu.Unlock()
	if status >= 300 && status < 400 {
		return dispatch.ErrForwarded
	}
	switch cause {
	case CauseUserBusy:
		return dispatch.ErrBusy
	case CauseCallRejected:
		return dispatch.ErrDeclined
	case CauseNoUserResponse, CauseNoAnswer, CauseNormalClearing:
		return dispatch.ErrNoAnswer
	case CauseUnallocated, CauseNoRoute, CauseOutOfOrder, CauseSubscriberAbsent, CauseInvalidFormat,
		CauseTemporaryFailure:
		return fmt.Errorf("%w (cause %d)", dispatch.ErrUnreachable, cause)
	default:
		return fmt.Errorf("phone ended with cause %d", cause)
	}
}

// callerID is what the agent's phone shows: the team, the callback note if there is one, and the caller's number unless
// it is withheld.
func callerID(inv dispatch.Invitation) string {
	number := inv.Call.Caller.E164
	if number == "" {
		number = "anonymous"
	}
	name := inv.Team.Name
	if inv.Note != "" {
		name += ", TBN " + inv.Note
	}
	return shown(name, number)
}

// shown is the caller id for a name and a number.
func shown(name, number string) string {
	return fmt.Sprintf("%q <%s>", strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r == '<' || r == '>' || r < ' ' {
			return -1
		}
		return r
	}, name), number)
}

func legID(agent call.AgentID, unique string) string { return legPrefix + string(agent) + "." + unique }

// legAgent reads the agent from a leg's id; ok is false for a channel that is no leg of ours.
func legAgent(channel string) (agent call.AgentID, ok bool) {
	rest, ok := strings.CutPrefix(channel, legPrefix)
	if !ok {
		return "", false
	}
	id, _, ok := strings.Cut(rest, ".")
	return call.AgentID(id), ok
}

// isLeg reports whether a channel is a phone that this daemon or an earlier one rang.
func isLeg(channel string) bool { return strings.HasPrefix(channel, legPrefix) }

// isOurs reports whether this daemon or an earlier one made the channel: it is no caller's.
func isOurs(channel string) bool {
	return isLeg(channel) || isDesk(channel) || isOut(channel)
}

func bridgeID(channel string) string { return bridgePrefix + channel }
