package asterisk

import (
	"context"
	"slices"

	"github.com/bereikbaar/bereikbaar/ivr"
)

// replaced handles a channel that took the place of another, because somebody put his call through with the keys of his
// phone. It is no new call: what went on with the old channel goes on with the fresh one.
func (b *Switchboard) replaced(old string, fresh Channel, args []string) {
	if !b.succeed(old, fresh.ID) { // nobody may be left with nobody
		b.log.Warn(
			"a channel took the place of one that is not known; it is taken for a new call", "channel", fresh.ID,
			"instead_of", old,
		)
		b.take(fresh, args)
	}
}

// succeed lets a fresh channel go on for an old one; false when nothing goes on with that.
func (b *Switchboard) succeed(old, fresh string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	line, leg := b.lines[old], b.legs[old]
	switch {
	case line != nil && line.desk != nil && line.talksIn() != "":
		// who was called back talks on, and the colleague does not
		heir := line.desk.succeededBy(fresh)
		heir.enter(line.talksIn())
		b.legs[fresh] = heir
		return true
	case line != nil && line.moveTo(fresh):
		delete(b.lines, old)
		b.lines[fresh] = line
		if leg != nil { // of a callback, in which a colleague's phone is both: it lasts as long as the line
			delete(b.legs, old)
			b.legs[fresh] = leg
		}
		b.calls.Go(func() { b.restate(line) })
		return true
	case line == nil && leg != nil && leg.isParted(): // the caller is gone: phones would be rung for nobody
		go b.drop(fresh)
		return true
	case line == nil && leg != nil: // the agent is free, and the caller goes on talking to whoever came instead
		b.legs[fresh] = leg.succeededBy(fresh)
		return true
	default:
		return false
	}
}

// moveTo lets the call go on on another channel: whoever had the caller on his own phone has rung us for him, and has
// put him through. A conversation goes on; what else was being done is broken off, and done anew. It is false for a
// call that is over.
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

// stopSpeaking ends what is still being said to a caller whose call goes on after it was broken off.
func (l *Line) stopSpeaking(ctx context.Context) {
	for _, id := range l.unfinished() {
		l.finished(id)
		if err := l.board.conn.StopPlayback(ctx, id); err != nil && !IsGone(err) && ctx.Err() == nil {
			l.board.log.Warn("could not stop what was being said", "call", l.call.ID, "err", err)
		}
	}
}

// restate keeps on a fresh channel what was remembered on the old one.
func (b *Switchboard) restate(line *Line) {
	state := line.remembered()
	if state == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpLimit)
	defer cancel()
	if err := b.conn.SetVariable(ctx, line.id(), stateVariable, state); err != nil && !IsGone(err) {
		b.log.Warn("a call that was put through would lose its place in a restart", "call", line.call.ID, "err", err)
	}
}

// succeededBy says that another phone goes on with the conversation, and gives it.
func (l *Leg) succeededBy(channel string) *Leg {
	next := newLeg(l.board, channel)
	next.answered()
	l.mu.Lock()
	defer l.mu.Unlock()
	next.bridge = l.bridge
	l.next = next
	return next
}

// missedTransfers makes up for transfers that were made while the link was down: who is gone from a conversation, and
// has left a stranger in it, was replaced by him.
func (b *Switchboard) missedTransfers(found survey) {
	b.mu.Lock()
	gone := map[string]string{} // who went, by the bridge
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
