package redisstore

import (
	"context"
	_ "embed"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/dialling"
)

var (
	//go:embed count.lua
	countSource string

	countScript = redis.NewScript(countSource)

	//go:embed takeback.lua
	takeBackSource string

	takeBackScript = redis.NewScript(takeBackSource)
)

const (
	replyCounted = "counted"
	replyFull    = "full"
	replyTaken   = "taken_back"

	// keepCounts is how long the counts of a day are kept after the last change: the day is over by then, by any clock.
	keepCounts = 48 * time.Hour
)

// Count adds to the counts of a day, see dialling.Tally.
//
//	KEYS  1 the counts of the day (hash)
//	ARGV  1 the field of what counts once; empty to look only  2 how long the counts are kept, s
//	      3… each count's field and most
//	returns {"counted"} | {"full", which count, from 1} | {"broken", key, problem}
//
// A lost reply does no harm: what counts once is known, also in the repeats by Count itself.
func (s *Store) Count(ctx context.Context, day dialling.Day, once string, limits []dialling.Limit) (
	dialling.Limit, error,
) {
	return s.count(ctx, day, onceField(once), limits)
}

// TakeBack takes an addition back, see dialling.Tally.
//
//	KEYS  1 the counts of the day (hash)
//	ARGV  1 the field of what counts once
//	returns {"taken_back"} | {"broken", key, problem}
//
// A lost reply does no harm: an addition that was taken back is no longer known.
func (s *Store) TakeBack(ctx context.Context, day dialling.Day, once string) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	reply, err := s.run(ctx, takeBackScript, []string{keysOf(day.Municipality).day(day.Date)}, []any{onceField(once)})
	const what = "take back what was counted in a day"
	switch {
	case err != nil:
		return down(what, err)
	case len(reply) == 1 && reply[0] == replyTaken:
		return nil
	}
	return s.unexpected(what, reply)
}

// Full gives the first count that has reached its most, see dialling.Tally.
func (s *Store) Full(ctx context.Context, day dialling.Day, limits []dialling.Limit) (dialling.Limit, error) {
	return s.count(ctx, day, "", limits)
}

func (s *Store) count(ctx context.Context, day dialling.Day, once string, limits []dialling.Limit) (
	dialling.Limit, error,
) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	args := []any{once, int(keepCounts.Seconds())}
	for _, limit := range limits {
		args = append(args, countField(limit), limit.Most)
	}
	reply, err := s.run(ctx, countScript, []string{keysOf(day.Municipality).day(day.Date)}, args)
	const what = "count what is done in a day"
	if err != nil {
		return dialling.Limit{}, down(what, err)
	}
	switch {
	case len(reply) == 1 && reply[0] == replyCounted:
		return dialling.Limit{}, nil
	case len(reply) == 2 && reply[0] == replyFull:
		if nth, err := strconv.Atoi(reply[1]); err == nil && nth >= 1 && nth <= len(limits) {
			return limits[nth-1], nil
		}
	}
	return dialling.Limit{}, s.unexpected(what, reply)
}

// onceField names an addition that counts once. The field holds the names of the counts that it was added to.
func onceField(once string) string { return "once:" + hashed(once) }

// countField names a count. Its owner is hashed: numbers are not to be read in names.
func countField(l dialling.Limit) string {
	if l.Of == "" {
		return l.What
	}
	return l.What + ":" + hashed(l.Of)
}
