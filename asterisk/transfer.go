package asterisk

import (
	"context"
	"slices"

	"github.com/bereikbaar/bereikbaar/ivr"
)

// replaced handles a channel that took the place of another, because somebody transferred a call with the keys of their
// phone. It is no new call: the fresh channel goes on where the old one was.
func (b *Switchboard) replaced(old string, fresh Channel, args []string) {
	if !b.succeed(old, fresh.ID) { // no caller may be left alone
		b.log.Warn(
			"transfer in place of an unknown channel; it is taken for a new call", "channel", fresh.ID,
			"instead_of", old,
		)
		b.take(fresh, args)
	}
}

// succeed lets a fresh channel go on for an old one; false when the old one is unknown or over.
func (b *Switchboard) succeed(old, fresh string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	line, leg := b.lines[old], b.legs[old]
	switch {
	case line != nil && line.desk != nil && line.talksIn() != "":
		// the caller talks on, and the colleague does not
		heir := line.desk.succeededBy(fresh)
		heir.enter(line.talksIn())
		b.legs[fresh] = heir
		return true
	case line != nil && line.moveTo(fresh):
		delete(b.lines, old)
		b.lines[fresh] = line
		if leg != nil { // in a callback the colleague's phone is both: the leg lasts as long as the line
			delete(b.legs, old)
			b.legs[fresh] = leg
		}
		b.calls.Go(func() { b.restate(line) })
		return true
	case line == nil && leg != nil && leg.isParted(): // the caller is gone: phones would ring for nobody
		go b.drop(fresh)
		return true
	case line == nil && leg != nil: // the agent is free, and the caller talks on to the new leg
		b.legs[fresh] = leg.succeededBy(fresh)
		return true
	default:
		return false
	}
}

// moveTo moves the call to another channel: a colleague who had the caller on the phone rang us for them, and has put
// them through. A conversation goes on; any other step is broken off and done anew. False for a call that is over.
func (l *Line) moveTo(channel string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	l.channel, l.music, l.stored = channel, false, false
	if l.bridge == "" && l.again != nil {
		l.again(ivr.ErrPutThrough)
	}
	return true
}

// Attend implements ivr.Line.
func (l *Line) Attend(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, again := context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again = again
	return ctx, func() { again(nil) }
}

// stopSpeaking ends the playbacks of a call that goes on after it was broken off.
func (l *Line) stopSpeaking(ctx context.Context) {
	for _, id := range l.unfinished() {
		l.finished(id)
		if err := l.board.conn.StopPlayback(ctx, id); err != nil && !IsGone(err) && ctx.Err() == nil {
			l.board.log.Warn("could not stop a playback; it plays to its end", "call", l.call.ID, "err", err)
		}
	}
}

// restate writes the state of the old channel on the fresh one.
func (b *Switchboard) restate(line *Line) {
	state := line.remembered()
	if state == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpLimit)
	defer cancel()
	if err := b.conn.SetVariable(ctx, line.id(), stateVariable, state); err != nil && !IsGone(err) {
		b.log.Warn(
			"could not keep the state of a transferred call; a restart would lose its place", "call", line.call.ID,
			"err", err,
		)
	}
}

// succeededBy lets another phone go on with the conversation, and gives its leg.
func (l *Leg) succeededBy(channel string) *Leg {
	next := newLeg(l.board, channel)
	next.answered()
	l.mu.Lock()
	defer l.mu.Unlock()
	next.bridge = l.bridge
	l.next = next
	return next
}

// missedTransfers makes up for transfers while the link was down: when a channel has left a conversation and an unknown
// one is in its bridge, the unknown one has taken its place.
func (b *Switchboard) missedTransfers(found survey) {
	b.mu.Lock()
	gone := map[string]string{} // the channel that left, by bridge
	for id, line := range b.lines {
		if _, there := found.all[id]; !there && line.talksIn() != "" {
			gone[line.talksIn()] = id
		}
	}
	for id, leg := range b.legs {
		if _, there := found.all[id]; !there && leg.bridgedIn() != "" {
			gone[leg.bridgedIn()] = id
		}
	}
	known := func(id string) bool { return b.lines[id] != nil || b.legs[id] != nil }
	strangers := map[string]string{}
	for bridge, old := range gone {
		members := found.bridges[bridge].Channels
		if i := slices.IndexFunc(members, func(id string) bool { return !known(id) }); i >= 0 {
			strangers[old] = members[i]
		}
	}
	b.mu.Unlock()
	for old, fresh := range strangers {
		b.succeed(old, fresh)
	}
}
