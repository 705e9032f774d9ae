package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// exportBatch is how many notes an export reads at a time: Redis does nothing else meanwhile.
const exportBatch = 200

// EachLive gives every live note of the teams that are wanted, in batches: one team after another in order, by
// deadline; nil wants all teams, also those that left the configuration. Notes that become live or move meanwhile may
// be missing. It ends with the first error of take, or when Redis does not answer. Unreadable notes are in the error;
// all others were given.
func (s *Store) EachLive(
	ctx context.Context, m call.MunicipalityID, wanted func(call.TeamID) bool, take func([]note.Note) error,
) error {
	teams, err := s.Teams(ctx, m)
	if err != nil {
		return err
	}
	var problems []error
	for _, team := range teams {
		if wanted != nil && !wanted(team) {
			continue
		}
		unread, stopped := s.each(ctx, m, keysOf(m).due(team), "-inf", "+inf", take)
		problems = append(problems, unread)
		if stopped != nil { // the next one fails alike
			return errors.Join(incomplete(flat(problems)), stopped)
		}
	}
	return incomplete(flat(problems))
}

// EachClosed gives every closed note that is not purged, of all teams: closed at or after from and before until, the
// oldest first. It is otherwise as EachLive.
func (s *Store) EachClosed(
	ctx context.Context, m call.MunicipalityID, from, until time.Time, take func([]note.Note) error,
) error {
	return errors.Join(s.each(ctx, m, keysOf(m).closed(), milli(from.UnixMilli()), "("+milli(until.UnixMilli()), take))
}

// each walks a sorted set by score. It goes on from the last score and skips the notes that it has given of that:
// thousands of notes share one deadline, and a rank would shift when notes go. unread says which notes could not be
// read, stopped why it ended early.
func (s *Store) each(
	ctx context.Context, m call.MunicipalityID, key, from, until string, take func([]note.Note) error,
) (unread, stopped error) {
	given := make(map[string]bool) // those with the score from
	var problems []error
	for {
		start, most := from, exportBatch+len(given)
		page, err := s.page(ctx, key, start, until, most)
		switch {
		case errors.Is(err, note.ErrStoreDown):
			return incomplete(flat(problems)), err
		case err != nil: // the key itself is broken
			return incomplete(flat(append(problems, err))), nil
		}
		var ids []string
		for _, z := range page {
			id, _ := z.Member.(string) // a sorted set holds nothing else
			score := strconv.FormatFloat(z.Score, 'f', -1, 64)
			if score != from {
				from = score
				clear(given)
			}
			if !given[id] {
				given[id] = true
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return incomplete(flat(problems)), nil
		}
		again := func() ([]string, error) {
			page, err := s.page(ctx, key, start, until, most)
			return membersOf(page), err
		}
		notes, err := s.batch(ctx, m, ids, key, again)
		if errors.Is(err, note.ErrStoreDown) {
			return incomplete(flat(problems)), err
		}
		problems = append(problems, err)
		if err := take(notes); err != nil {
			return incomplete(flat(problems)), err
		}
	}
}

func membersOf(page []redis.Z) []string {
	ids := make([]string, len(page))
	for i, z := range page {
		ids[i], _ = z.Member.(string) // a sorted set holds nothing else
	}
	return ids
}

func (s *Store) page(ctx context.Context, key, from, until string, most int) ([]redis.Z, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	found, err := s.client.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
		Key: key, ByScore: true, Start: from, Stop: until, Count: int64(most),
	}).Result()
	if err != nil {
		return nil, s.unread(key, err)
	}
	return found, nil
}

// batch reads notes that a list named, with a time limit of its own.
func (s *Store) batch(
	ctx context.Context, m call.MunicipalityID, ids []string, key string, again func() ([]string, error),
) ([]note.Note, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.belonging(ctx, m, ids, key, again)
}
