package asterisk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bereikbaar/bereikbaar/ivr"
)

// Reconcile makes up for what was missed while the link was down, or before the daemon started: calls that went are
// ended, calls that came are taken, waiting callers and conversations are taken back, and what nobody needs is hung up.
// Asterisk keeps channels while the link is down and replays nothing. No event may be handled while it runs.
func (b *Switchboard) Reconcile(ctx context.Context) error {
	info, err := b.conn.AsteriskInfo(ctx)
	if err != nil {
		return fmt.Errorf("reconcile with Asterisk: %w", err)
	}
	b.system.Store(&info.SystemInfo.EntityID)
	found, err := b.survey(ctx)
	if err != nil {
		return fmt.Errorf("reconcile with Asterisk: %w", err)
	}
	b.missedTransfers(found)
	b.endMissing(found)
	if err := b.finishPlaybacks(ctx); err != nil {
		return fmt.Errorf("reconcile with Asterisk: %w", err)
	}
	for _, channel := range found.legs {
		settle := b.settleLeg
		if isDesk(channel.ID) {
			settle = b.settleDesk
		}
		if err := settle(ctx, found, channel); err != nil {
			return fmt.Errorf("reconcile with Asterisk: %w", err)
		}
	}
	if err := b.watchPhones(ctx); err != nil { // before callers are taken back: a phone that is not there is not rung
		return fmt.Errorf("reconcile with Asterisk: watch the phones: %w", err)
	}
	b.removeBridges(ctx, found) // before, too: what is left of a conversation would be in the way of the next
	if err := b.takeBackLines(ctx, found); err != nil {
		return fmt.Errorf("reconcile with Asterisk: %w", err)
	}
	return nil
}

// survey is what Asterisk has at one moment.
type survey struct {
	all     map[string]Channel // every channel, by id
	callers []Channel          // in our application and no phone of ours, first come first
	legs    []Channel          // phones that this daemon or one before it rang
	bridges map[string]Bridge  // our bridges, by id
}

func (b *Switchboard) survey(ctx context.Context) (survey, error) {
	s := survey{all: map[string]Channel{}, bridges: map[string]Bridge{}}
	inside, err := b.conn.ApplicationChannels(ctx)
	if err != nil {
		return s, err
	}
	channels, err := b.conn.Channels(ctx)
	if err != nil {
		return s, err
	}
	bridges, err := b.conn.Bridges(ctx)
	if err != nil {
		return s, err
	}
	for _, c := range channels {
		s.all[c.ID] = c
	}
	for _, bridge := range bridges {
		if strings.HasPrefix(bridge.ID, bridgePrefix) {
			s.bridges[bridge.ID] = bridge
		}
	}
	for _, c := range channels {
		switch {
		case isOurs(c.ID):
			s.legs = append(s.legs, c)
		case slices.Contains(inside, c.ID) && b.leg(c.ID) == nil && !s.isPartner(c.ID):
			s.callers = append(s.callers, c)
		}
	}
	slices.SortFunc(s.callers, func(a, b Channel) int { return a.Created.Compare(b.Created) })
	return s, nil
}

// whose tells for whom a bridge was made: for the channel that it is named after, or for who took that one's place. It is
// empty when he is not in it.
func (s survey) whose(bridge Bridge) string {
	owner := strings.TrimPrefix(bridge.ID, bridgePrefix)
	if slices.Contains(bridge.Channels, owner) {
		return owner
	}
	if isOurs(owner) { // a callback's, and the colleague is gone: he hung up, or has put the caller through
		if i := slices.IndexFunc(bridge.Channels, isOut); i >= 0 && len(bridge.Channels) > 1 {
			return bridge.Channels[i]
		}
		return ""
	}
	var first Channel
	for _, id := range bridge.Channels {
		if c := s.all[id]; !isOurs(id) && (first.ID == "" || c.Created.Before(first.Created)) {
			first = c
		}
	}
	return first.ID
}

// isPartner reports whether a channel is in conversation with somebody for whom the bridge was made: an agent put the
// caller through to it.
func (s survey) isPartner(channel string) bool {
	for _, bridge := range s.bridges {
		if slices.Contains(bridge.Channels, channel) {
			whose := s.whose(bridge)
			return whose != "" && whose != channel
		}
	}
	return false
}

// conversation is the bridge in which a caller talks, or talked until the other side hung up.
func (s survey) conversation(caller string) (bridge Bridge, ok bool) {
	for _, bridge := range s.bridges {
		if s.whose(bridge) == caller {
			return bridge, true
		}
	}
	return Bridge{}, false
}

// endMissing ends the calls and phones of which the end was missed.
func (b *Switchboard) endMissing(found survey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, line := range b.lines {
		if _, ok := found.all[id]; !ok {
			line.end(ivr.ErrHungUp)
		}
	}
	for id, leg := range b.legs {
		if _, ok := found.all[id]; !ok {
			delete(b.legs, id)
			leg.ended(ending{})
		}
	}
}

// finishPlaybacks ends the playbacks of which the end was missed.
func (b *Switchboard) finishPlaybacks(ctx context.Context) error {
	b.mu.Lock()
	pending := map[string]*Line{}
	for _, line := range b.lines {
		for _, id := range line.unfinished() {
			pending[id] = line
		}
	}
	b.mu.Unlock()
	for id, line := range pending {
		exists, err := b.conn.PlaybackExists(ctx, id)
		if err != nil {
			return err
		}
		if !exists {
			line.finished(id)
		}
	}
	return nil
}

// settleLeg makes up for an answer that was missed, and hangs up a phone that an earlier daemon rang for a call that it
// never connected.
func (b *Switchboard) settleLeg(ctx context.Context, found survey, c Channel) error {
	if leg := b.leg(c.ID); leg != nil {
		leg.caughtUp(c)
		return nil
	}
	adopted, err := b.adoptPutThrough(ctx, found, c.ID)
	if err == nil && !adopted && !found.isPartner(c.ID) {
		b.drop(c.ID)
	}
	return err
}

// takeBackLines takes the callers that nobody handles: new ones that came unnoticed, and those of an earlier daemon. One
// at a time, conversations first and then by place in the queue, so that nobody overtakes.
func (b *Switchboard) takeBackLines(ctx context.Context, found survey) error {
	var kept []keptCall
	for _, c := range found.callers {
		if b.line(c.ID) != nil {
			continue
		}
		state, err := b.conn.GetVariable(ctx, c.ID, stateVariable)
		if IsGone(err) {
			continue
		}
		if err != nil {
			return err
		}
		k := keptCall{channel: c, state: state, talk: b.adoptTalk(found, c.ID)}
		if !k.isCall() {
			b.refuse(c.ID)
			continue
		}
		kept = append(kept, k)
	}
	slices.SortStableFunc(kept, keptCall.compare)
	for _, k := range kept {
		b.takeBack(ctx, k)
	}
	return nil
}

// keptCall is a call that Asterisk kept for us.
type keptCall struct {
	channel Channel
	state   string
	talk    *ivr.Talk
}

// isCall reports whether the channel is a caller by the dialplan's word, or one that somebody was put through on: a daemon has
// written on it, it talks with a phone of ours, or Asterisk made it for that.
func (k keptCall) isCall() bool {
	return isCaller(k.channel.StasisArgs()) || k.state != "" || k.talk != nil || k.channel.tookPlace()
}

func (k keptCall) compare(other keptCall) int {
	if talks := boolCompare(other.talk != nil, k.talk != nil); talks != 0 {
		return talks
	}
	mine, _ := ivr.ParseState(k.state) // one that is broken counts as none; TakeBack reports it
	theirs, _ := ivr.ParseState(other.state)
	return cmp.Compare(mine.Since, theirs.Since)
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// takeBack goes on with one call, and returns when it has its place again.
func (b *Switchboard) takeBack(ctx context.Context, k keptCall) {
	ready := make(chan struct{})
	b.log.Info("call taken back", "call", k.channel.ID, "talking", k.talk != nil)
	line := b.handle(k.channel, k.channel.StasisArgs(), nil, func(ctx context.Context, line *Line) error {
		line.keep(k.state)
		kept := ivr.Kept{State: k.state, Talk: k.talk, Ready: sync.OnceFunc(func() { close(ready) })}
		return b.operator.TakeBack(ctx, line, line.call, kept)
	})
	if line == nil {
		return
	}
	select {
	case <-ready:
	case <-ctx.Done():
	}
}

// adoptTalk makes the conversation known again that a caller is found in. When the agent's phone is not in it any more, he
// has put the caller through, or has hung up: then it ends now, as it would have done then.
func (b *Switchboard) adoptTalk(found survey, caller string) *ivr.Talk {
	bridge, ok := found.conversation(caller)
	if !ok {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(bridge.Channels), func(id string) bool { return id == caller })
	rung := bridge.Name // see Line.join
	if i := slices.IndexFunc(others, isLeg); i >= 0 {
		rung = others[i]
	}
	agent, _ := legAgent(rung)
	leg := newLeg(b, rung)
	leg.answered()
	leg.enter(bridge.ID)
	if slices.Contains(others, rung) {
		b.addLeg(leg)
	} else {
		if len(others) > 0 {
			b.addLeg(leg.succeededBy(others[0]))
		}
		leg.ended(ending{})
	}
	return &ivr.Talk{Agent: agent, Leg: leg, Since: bridge.Created}
}

// removeBridges removes what is left of conversations: bridges that nobody talks in who is known or will be taken back.
func (b *Switchboard) removeBridges(ctx context.Context, found survey) {
	used := map[string]bool{}
	b.mu.Lock()
	for _, line := range b.lines {
		used[line.talksIn()] = true
	}
	b.mu.Unlock()
	for id, bridge := range found.bridges {
		owner, whose := strings.TrimPrefix(id, bridgePrefix), found.whose(bridge)
		kept := slices.ContainsFunc(found.callers, func(c Channel) bool { return c.ID == whose })
		if !used[id] && !kept && b.line(owner) == nil && b.leg(owner) == nil && b.leg(whose) == nil {
			b.destroyBridge(ctx, id)
		}
	}
}
