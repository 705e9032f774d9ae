package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/notify"
)

var (
	//go:embed enqueue.lua
	enqueueSource string
	//go:embed lease.lua
	leaseSource string
	//go:embed settle.lua
	settleSource string

	enqueueScript = redis.NewScript(enqueueSource)
	leaseScript   = redis.NewScript(leaseSource)
	settleScript  = redis.NewScript(settleSource)
)

const (
	replyMoved  = "moved"
	replyLeased = "leased"
	replyLapsed = "lapsed"
)

// Outbox keeps notifications until they are told, see notify.Outbox.
type Outbox struct{ s *Store }

// Outbox is the one in this Redis.
func (s *Store) Outbox() *Outbox { return &Outbox{s} }

// laneForm is what a lane's name looks like.
var laneForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_:-]{0,60}$`)

// Places gives how far everything was told, see notify.Outbox.
func (o *Outbox) Places(ctx context.Context, m call.MunicipalityID) (map[string]string, error) {
	ctx, cancel := o.s.bounded(ctx)
	defer cancel()
	key := keysOf(m).outboxPlaces()
	places, err := o.s.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, o.s.unread(key, err)
	}
	return places, nil
}

// Enqueue moves a place and adds items, see notify.Outbox.
//
//	KEYS  1 the places (hash)  2 the lanes (set)  3… of each lane its items (hash), when they are due (zset), and the
//	      times of their events (zset)
//	ARGV  1 the place  2 where it is, empty for nowhere  3 where it goes  4 the most of a lane
//	      5… of each item the number of its lane's first key, its lane, id, text, and the time of its event in ms
//	returns {"done", id of an item whose lane is full…} | {"moved"} | {"broken", key, problem}
//
// A lost reply does no harm: the place has moved, and the repeat says that it is done.
func (o *Outbox) Enqueue(
	ctx context.Context, m call.MunicipalityID, move notify.Move, items []notify.Item, most int,
) ([]string, error) {
	ctx, cancel := o.s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	keys := []string{k.outboxPlaces(), k.outboxLanes()}
	args := []any{move.Place, move.From, move.To, most}
	for _, i := range items {
		at := slices.Index(keys, k.outbox(i.Lane))
		if at < 0 {
			at = len(keys)
			keys = append(keys, k.outbox(i.Lane), k.outboxDue(i.Lane), k.outboxSince(i.Lane))
		}
		args = append(args, at+1, string(i.Lane), i.ID, notify.EncodeItem(i), milli(i.At.UnixMilli()))
	}
	reply, err := o.s.run(ctx, enqueueScript, keys, args)
	const what = "put notifications into the outbox"
	switch {
	case err != nil:
		return nil, down(what, err)
	case len(reply) >= 1 && reply[0] == replyDone:
		return reply[1:], nil
	case len(reply) == 1 && reply[0] == replyMoved:
		return nil, notify.ErrMoved
	}
	return nil, o.s.unexpected(what, reply)
}

// Rows gives the lanes in which something waits, see notify.Outbox.
func (o *Outbox) Rows(ctx context.Context, m call.MunicipalityID) ([]notify.Row, error) {
	ctx, cancel := o.s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	found, err := o.s.client.SMembers(ctx, k.outboxLanes()).Result()
	if err != nil {
		return nil, o.s.unread(k.outboxLanes(), err)
	}
	slices.Sort(found)
	var rows []notify.Row
	for _, name := range found {
		if !laneForm.MatchString(name) {
			o.s.faults.add(k.outboxLanes(), name, junkFault("an entry", name, "no lane"))
			continue
		}
		row := notify.Row{Lane: notify.Lane(name)}
		waiting, err := o.s.client.ZCard(ctx, k.outboxDue(row.Lane)).Result()
		if err != nil {
			return nil, o.s.unread(k.outboxDue(row.Lane), err)
		}
		oldest, err := o.s.client.ZRangeWithScores(ctx, k.outboxSince(row.Lane), 0, 0).Result()
		if err != nil {
			return nil, o.s.unread(k.outboxSince(row.Lane), err)
		}
		row.Items = int(waiting)
		for _, first := range oldest {
			row.Oldest = time.UnixMilli(int64(first.Score)).UTC()
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Lease gives the item of a lane that is due first, see notify.Outbox.
//
//	KEYS  1 the lane's items (hash)  2 when they are due (zset)
//	ARGV  1 how long the lease lasts, ms
//	returns {"leased", id, end of the lease in ms, text} | {"none"} | {"broken", key, problem}
//
// When a reply is lost, the item waits until its lease ends.
func (o *Outbox) Lease(
	ctx context.Context, m call.MunicipalityID, lane notify.Lane, hold time.Duration,
) (notify.Leased, bool, error) {
	ctx, cancel := o.s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	reply, err := o.s.run(ctx, leaseScript, []string{k.outbox(lane), k.outboxDue(lane)}, []any{hold.Milliseconds()})
	const what = "take a notification from the outbox"
	switch {
	case err != nil:
		return notify.Leased{}, false, down(what, err)
	case len(reply) == 1 && reply[0] == replyNone:
		return notify.Leased{}, false, nil
	case len(reply) != 4 || reply[0] != replyLeased:
		return notify.Leased{}, false, o.s.unexpected(what, reply)
	}
	ends, err := strconv.ParseInt(reply[2], 10, 64)
	if err != nil {
		return notify.Leased{}, false, o.s.unexpected(what, reply)
	}
	leased := notify.Leased{Item: notify.Item{ID: reply[1], Lane: lane}, Until: time.UnixMilli(ends).UTC()}
	item, err := notify.DecodeItem(lane, reply[1], reply[3])
	if err != nil { // it would come back for ever
		removed := o.settle(ctx, m, leased, "", 0)
		return leased, false, errors.Join(broken(k.outbox(lane), err), removed)
	}
	leased.Item = item
	return leased, true, nil
}

// Done removes an item, see notify.Outbox.
func (o *Outbox) Done(ctx context.Context, m call.MunicipalityID, of notify.Leased) error {
	ctx, cancel := o.s.bounded(ctx)
	defer cancel()
	return o.settle(ctx, m, of, "", 0)
}

// Later puts an item off, see notify.Outbox.
func (o *Outbox) Later(
	ctx context.Context, m call.MunicipalityID, of notify.Leased, after time.Duration,
) error {
	ctx, cancel := o.s.bounded(ctx)
	defer cancel()
	return o.settle(ctx, m, of, notify.EncodeItem(of.Item), after)
}

// settle removes an item, or puts it off.
//
//	KEYS  1 the lane's items (hash)  2 when they are due (zset)  3 the times of their events (zset)  4 the lanes (set)
//	ARGV  1 the id  2 the end of our lease, ms  3 the item's new text; empty to remove it
//	      4 how long to put it off, ms  5 the lane
//	returns {"done"} | {"lapsed"} | {"broken", key, problem}
//
// A lost reply does no harm: the repeat finds that the lease has ended.
func (o *Outbox) settle(
	ctx context.Context, m call.MunicipalityID, of notify.Leased, text string, after time.Duration,
) error {
	k, lane := keysOf(m), of.Lane
	keys := []string{k.outbox(lane), k.outboxDue(lane), k.outboxSince(lane), k.outboxLanes()}
	args := []any{of.ID, milli(of.Until.UnixMilli()), text, after.Milliseconds(), string(lane)}
	reply, err := o.s.run(ctx, settleScript, keys, args)
	what := fmt.Sprintf("settle notification %s", of.ID)
	switch {
	case err != nil:
		return down(what, err)
	case len(reply) == 1 && (reply[0] == replyDone || reply[0] == replyLapsed):
		return nil
	}
	return o.s.unexpected(what, reply)
}
