package asterisk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/ivr"
)

// Reconcile makes up for the events that were missed while the link was down, or before the daemon started: calls that
// went are ended, calls that came are taken, waiting callers and conversations are taken back, and channels that nobody
// needs are hung up. Asterisk keeps channels while the link is down and replays no events. No event may be handled
// while it runs.
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
	if err := b.settleLegs(ctx, found); err != nil {
		return fmt.Errorf("reconcile with Asterisk: %w", err)
	}
	if err := b.watchPhones(ctx); err != nil { // before callers are taken back: offline phones are not rung
		return fmt.Errorf("reconcile with Asterisk: watch the phones: %w", err)
	}
	b.removeBridges(ctx, found) // also before: a bridge that is left over blocks the next one of that name
	if err := b.takeBackLines(ctx, found); err != nil {
		return fmt.Errorf("reconcile with Asterisk: %w", err)
	}
	return nil
}

// survey is the state of Asterisk at one moment.
type survey struct {
	all     map[string]Channel // every channel, by id
	callers []Channel          // in our application and no phone of ours, in order of arrival
	legs    []Channel          // phones that this daemon or an earlier one rang
	bridges map[string]Bridge  // our bridges, by id

	// bridges with somebody in them, alone or not, by the channel for which each was made
	talks map[string]Bridge
	// the other channels in these bridges: the phones of agents, or people that an agent put the caller through to
	partners map[string]bool
}

func (b *Switchboard) survey(ctx context.Context) (survey, error) {
	s := survey{
		all: map[string]Channel{}, bridges: map[string]Bridge{}, talks: map[string]Bridge{},
		partners: map[string]bool{},
	}
	ids, err := b.conn.ApplicationChannels(ctx)
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
			s.add(bridge)
		}
	}
	inside := make(map[string]bool, len(ids))
	for _, id := range ids {
		inside[id] = true
	}
	for _, c := range channels {
		switch {
		case isOurs(c.ID):
			s.legs = append(s.legs, c)
		case inside[c.ID] && b.leg(c.ID) == nil && !s.partners[c.ID]:
			s.callers = append(s.callers, c)
		}
	}
	slices.SortFunc(s.callers, firstCome)
	return s, nil
}

// firstCome orders channels by arrival. Asterisk gives the time to the millisecond, and numbers channels in their ids.
func firstCome(a, b Channel) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
}

// add notes one of our bridges, once every channel is known.
func (s survey) add(bridge Bridge) {
	s.bridges[bridge.ID] = bridge
	main := s.mainChannel(bridge)
	if main == "" {
		return
	}
	s.talks[main] = bridge
	for _, id := range bridge.Channels {
		if id != main {
			s.partners[id] = true
		}
	}
}

// mainChannel gives the channel for which a bridge was made: the one that it is named after, or the one that took its
// place; empty when that channel is not in the bridge.
func (s survey) mainChannel(bridge Bridge) string {
	owner := strings.TrimPrefix(bridge.ID, bridgePrefix)
	if slices.Contains(bridge.Channels, owner) {
		return owner
	}
	if isOurs(owner) { // a callback's, and the colleague is gone: they hung up, or put the caller through
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

// endMissing ends the calls and phones whose end was missed.
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

// finishPlaybacks ends the playbacks whose end was missed.
func (b *Switchboard) finishPlaybacks(ctx context.Context) error {
	b.mu.Lock()
	pending := map[string]*Line{}
	for _, line := range b.lines {
		for _, id := range line.unfinished() {
			pending[id] = line
		}
	}
	b.mu.Unlock()
	ids := slices.Collect(maps.Keys(pending))
	errs := make([]error, len(ids))
	atOnce(len(ids), func(i int) {
		exists, err := b.conn.PlaybackExists(ctx, ids[i])
		if errs[i] = err; err == nil && !exists {
			pending[ids[i]].finished(ids[i])
		}
	})
	return errors.Join(errs...)
}

// settleLegs makes up for missed events of the phones that were rung, and hangs up those that an earlier daemon rang
// and never connected: all have stopped ringing before others are rung.
func (b *Switchboard) settleLegs(ctx context.Context, found survey) error {
	var stale []string
	for _, c := range found.legs {
		if isDesk(c.ID) {
			if err := b.settleDesk(ctx, found, c); err != nil {
				return err
			}
			continue
		}
		ours, err := b.settleLeg(ctx, found, c)
		if err != nil {
			return err
		}
		if !ours {
			stale = append(stale, c.ID)
		}
	}
	atOnce(len(stale), func(i int) { b.drop(stale[i]) })
	return nil
}

// settleLeg makes up for an answer that was missed. It is false for a phone that nobody needs.
func (b *Switchboard) settleLeg(ctx context.Context, found survey, c Channel) (ours bool, err error) {
	if leg := b.leg(c.ID); leg != nil {
		leg.caughtUp(c)
		return true, nil
	}
	adopted, err := b.adoptPutThrough(ctx, found, c.ID)
	return adopted || found.partners[c.ID], err
}

// adoptTalk takes back the conversation that a caller is found in. When the agent's phone has left it, the agent has
// put the caller through, or has hung up: the leg then ends now, as it would have done then.
func (b *Switchboard) adoptTalk(found survey, caller string) *ivr.Talk {
	bridge, ok := found.talks[caller]
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

// removeBridges removes bridges that are left over: no known channel talks in them, and none that is taken back.
func (b *Switchboard) removeBridges(ctx context.Context, found survey) {
	used := map[string]bool{}
	b.mu.Lock()
	for _, line := range b.lines {
		used[line.talksIn()] = true
	}
	b.mu.Unlock()
	kept := make(map[string]bool, len(found.callers))
	for _, c := range found.callers {
		kept[c.ID] = true
	}
	for id, bridge := range found.bridges {
		owner, main := strings.TrimPrefix(id, bridgePrefix), found.mainChannel(bridge)
		if !used[id] && !kept[main] && b.line(owner) == nil && b.leg(owner) == nil && b.leg(main) == nil {
			b.destroyBridge(ctx, id)
		}
	}
}
