package redisstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// exportBatch is how many notes an export reads at a time: Redis does nothing else meanwhile.
const exportBatch = 200

// Teams gives every team that ever had a note, in order: also those that left the configuration since.
func (s *Store) Teams(ctx context.Context, m call.MunicipalityID) ([]call.TeamID, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).teams()
	found, err := s.client.SMembers(ctx, key).Result()
	if err != nil {
		return nil, unread(key, err)
	}
	slices.Sort(found)
	teams := make([]call.TeamID, len(found))
	for i, team := range found {
		teams[i] = call.TeamID(team)
	}
	return teams, nil
}

// EachLive gives every live note of the teams that are wanted, in batches: one team after another in order, by deadline; nil wants all
// teams, also those that left the configuration. Notes that become live or move meanwhile may be missing. It ends with the first error
// of take, or when Redis does not answer. Notes that cannot be read are in the error, the others were given, of every team.
func (s *Store) EachLive(ctx context.Context, m call.MunicipalityID, wanted func(call.TeamID) bool, take func([]callback.Note) error) error {
	teams, err := s.Teams(ctx, m)
	if err != nil {
		return err
	}
	var problems []error
	for _, team := range teams {
		if wanted != nil && !wanted(team) {
			continue
		}
		var full error
		err := s.each(ctx, m, keysOf(m).due(team), "-inf", "+inf", func(notes []callback.Note) error {
			full = take(notes)
			return full
		})
		problems = append(problems, err)
		if full != nil || errors.Is(err, callback.ErrStoreDown) { // the next one fails alike
			break
		}
	}
	return errors.Join(problems...)
}

// EachClosed gives every closed note that is not purged, of all teams: closed at or after from and before until, the oldest first. It
// is otherwise as EachLive.
func (s *Store) EachClosed(ctx context.Context, m call.MunicipalityID, from, until time.Time, take func([]callback.Note) error) error {
	return s.each(ctx, m, keysOf(m).closed(), milli(from.UnixMilli()), "("+milli(until.UnixMilli()), take)
}

// each walks a sorted set by score. It goes on from the last score and passes over what it has given of that: thousands of
// notes share one deadline, and a rank would shift when notes go.
func (s *Store) each(ctx context.Context, m call.MunicipalityID, key, from, until string, take func([]callback.Note) error) error {
	given := make(map[string]bool) // that have the score from
	var problems []error
	for {
		page, err := s.page(ctx, key, from, until, exportBatch+len(given))
		if err != nil {
			return errors.Join(append(problems, err)...)
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
			return errors.Join(problems...)
		}
		notes, err := s.batch(ctx, m, ids, key)
		if errors.Is(err, callback.ErrStoreDown) {
			return errors.Join(append(problems, err)...)
		}
		if err != nil {
			problems = append(problems, err)
		}
		if err := take(notes); err != nil {
			return errors.Join(append(problems, err)...)
		}
	}
}

func (s *Store) page(ctx context.Context, key, from, until string, most int) ([]redis.Z, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	found, err := s.client.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
		Key: key, ByScore: true, Start: from, Stop: until, Count: int64(most),
	}).Result()
	if err != nil {
		return nil, unread(key, err)
	}
	return found, nil
}

// batch reads notes that a list named, within a time of its own.
func (s *Store) batch(ctx context.Context, m call.MunicipalityID, ids []string, key string) ([]callback.Note, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.notes(ctx, m, ids, key)
}
