package asterisk

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bereikbaar/bereikbaar/ivr"
)

// askAtOnce is how many commands of reconciliation are out at a time. Asterisk answers one after the other, but waiting
// for each answer before the next question costs a turn of the processor each time, and a full queue leaves few.
const askAtOnce = 64

// keptCall is a call that Asterisk kept for us.
type keptCall struct {
	channel Channel
	state   string
	since   int64 // since when its place counts; 0 without one, or with a broken state, which TakeBack reports
	talk    *ivr.Talk
}

func (k keptCall) compare(other keptCall) int {
	switch {
	case (k.talk != nil) == (other.talk != nil):
		return cmp.Compare(k.since, other.since)
	case k.talk != nil:
		return -1
	default:
		return 1
	}
}

// isCall reports whether the channel is a caller by the dialplan's word, or comes from a transfer: a daemon has left
// its state on it, it talks with a phone of ours, or Asterisk made it for the transfer.
func (k keptCall) isCall() bool {
	return isCaller(k.channel.StasisArgs()) || k.state != "" || k.talk != nil || k.channel.tookPlace()
}

// refusedAsNobodys hangs up a channel that is nobody's call, and reports whether it was one.
func (b *Switchboard) refusedAsNobodys(k keptCall) bool {
	if k.isCall() {
		return false
	}
	b.refuse(k.channel.ID)
	return true
}

// taken is how far calls are taken back.
type taken struct {
	calls atomic.Int64
	of    int
}

// TakingBack gives how many of the calls that Asterisk kept are taken back so far; ok is false outside a take-back.
func (b *Switchboard) TakingBack() (calls, of int, ok bool) {
	t := b.taken.Load()
	if t == nil {
		return 0, 0, false
	}
	return int(t.calls.Load()), t.of, true
}

// takeBackLines takes the callers that are not handled: new ones whose event was missed, and those of an earlier
// daemon. One at a time, conversations first and then by place in the queue, so that nobody overtakes.
func (b *Switchboard) takeBackLines(ctx context.Context, found survey) error {
	var unknown []Channel
	for _, c := range found.callers {
		if b.line(c.ID) == nil {
			unknown = append(unknown, c)
		}
	}
	t := &taken{of: len(unknown)}
	b.taken.Store(t)
	defer b.taken.Store(nil)
	kept, err := b.remembered(ctx, unknown)
	if err != nil {
		return err
	}
	for i := range kept {
		kept[i].talk = b.adoptTalk(found, kept[i].channel.ID)
	}
	kept = slices.DeleteFunc(kept, b.refusedAsNobodys)
	slices.SortStableFunc(kept, keptCall.compare)
	for _, k := range kept {
		b.takeBack(ctx, k)
		t.calls.Add(1)
	}
	return nil
}

// remembered reads what the channels remember, and leaves out those that are gone.
func (b *Switchboard) remembered(ctx context.Context, channels []Channel) ([]keptCall, error) {
	kept, errs := make([]keptCall, len(channels)), make([]error, len(channels))
	atOnce(len(channels), func(i int) {
		state, err := b.conn.GetVariable(ctx, channels[i].ID, stateVariable)
		parsed, _ := ivr.ParseState(state)
		kept[i], errs[i] = keptCall{channel: channels[i], state: state, since: parsed.Since}, err
	})
	there := kept[:0]
	for i, err := range errs {
		switch {
		case err == nil:
			there = append(there, kept[i])
		case !IsGone(err):
			return nil, err
		}
	}
	return there, nil
}

// atOnce calls say n times, askAtOnce of them at a time, and returns when all are done.
func atOnce(n int, say func(i int)) {
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(askAtOnce, n) {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				say(int(i))
			}
		})
	}
	work.Wait()
}

// takeBack goes on with one call, and returns when it has its place again.
func (b *Switchboard) takeBack(ctx context.Context, k keptCall) {
	ready := make(chan struct{})
	b.log.Info("call resumed", "call", k.channel.ID, "talking", k.talk != nil)
	line := b.handle(k.channel, k.channel.StasisArgs(), nil, func(ctx context.Context, line *Line) error {
		line.keep(k.channel.ID, k.state)
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
