package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

const (
	// maxList bounds lists: a longer one takes more of Redis's time than calls can spare. It is one more than a page
	// shows, so that the page can say that there is more.
	maxList = 1001
	// maxJunk bounds the entries of an index that one list skips because they are no notes.
	maxJunk = 10 * maxList
)

// ByNumber gives at most limit notes of a number, the newest first, whatever their state: see note.Reader.
func (s *Store) ByNumber(
	ctx context.Context, m call.MunicipalityID, n call.Number, limit int,
) ([]note.Note, error) {
	if !n.Known() {
		return nil, nil
	}
	return s.list(ctx, m, redis.ZRangeArgs{Key: keysOf(m).number(n), Rev: true}, limit)
}

// Due gives at most limit live notes of a team: by deadline, and with one deadline the higher priority first.
func (s *Store) Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]note.Note, error) {
	return s.list(ctx, m, redis.ZRangeArgs{Key: keysOf(m).due(team)}, limit)
}

// Marked gives at most limit live notes whose next mark of the norm lies at or before now.
func (s *Store) Marked(ctx context.Context, m call.MunicipalityID, now time.Time, limit int) ([]note.Note, error) {
	return s.upTo(ctx, m, keysOf(m).marks(), now, limit)
}

// ClosedBefore gives at most limit resolved or cancelled notes that were closed before t, the oldest first.
func (s *Store) ClosedBefore(
	ctx context.Context, m call.MunicipalityID, t time.Time, limit int,
) ([]note.Note, error) {
	return s.upTo(ctx, m, keysOf(m).closed(), t.Add(-time.Millisecond), limit)
}

// ClosedSince gives at most limit resolved or cancelled notes that were closed at t or later, the newest first.
func (s *Store) ClosedSince(ctx context.Context, m call.MunicipalityID, t time.Time, limit int) ([]note.Note, error) {
	key := keysOf(m).closed()
	return s.gatherNotes(ctx, m, key, limit, func(ctx context.Context, from, most int) ([]string, error) {
		return s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
			Key: key, ByScore: true, Rev: true, Start: "+inf", Stop: milli(t.UnixMilli()), Offset: int64(from),
			Count: int64(most),
		}).Result()
	})
}

// Lapsed gives at most limit notes whose lease has run out, by the clock of Redis.
func (s *Store) Lapsed(ctx context.Context, m call.MunicipalityID, limit int) ([]note.Note, error) {
	bound, cancel := s.bounded(ctx)
	defer cancel()
	now, err := s.client.Time(bound).Result()
	if err != nil {
		return nil, down("ask for the time", err)
	}
	return s.upTo(bound, m, keysOf(m).leases(), now, limit)
}

// Held gives at most limit live notes that a colleague has claimed or that are for them in person.
func (s *Store) Held(
	ctx context.Context, m call.MunicipalityID, colleague call.AgentID, limit int,
) ([]note.Note, error) {
	key := keysOf(m).held(colleague)
	return s.gatherNotes(ctx, m, key, limit, func(ctx context.Context, from, most int) ([]string, error) {
		ids, err := s.client.SMembers(ctx, key).Result()
		slices.Sort(ids) // by age: an id begins with the time
		from = min(from, len(ids))
		return ids[from:min(from+most, len(ids))], err
	})
}

// upTo reads the notes of a sorted set by time, up to and including now.
func (s *Store) upTo(
	ctx context.Context, m call.MunicipalityID, key string, now time.Time, limit int,
) ([]note.Note, error) {
	return s.gatherNotes(ctx, m, key, limit, func(ctx context.Context, from, most int) ([]string, error) {
		return s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
			Key: key, ByScore: true, Start: "-inf", Stop: milli(now.UnixMilli()), Offset: int64(from),
			Count: int64(most),
		}).Result()
	})
}

// list reads the notes of a sorted set in its order.
func (s *Store) list(
	ctx context.Context, m call.MunicipalityID, zset redis.ZRangeArgs, limit int,
) ([]note.Note, error) {
	return s.gatherNotes(ctx, m, zset.Key, limit, func(ctx context.Context, from, most int) ([]string, error) {
		zset.Start, zset.Stop = from, from+most-1
		return s.client.ZRangeArgs(ctx, zset).Result()
	})
}

// pageOf gives at most so many entries of an index, after the first ones.
type pageOf func(ctx context.Context, from, most int) ([]string, error)

// gatherNotes reads an index until it has limit notes or there are no more: entries that are no notes do not count.
func (s *Store) gatherNotes(
	ctx context.Context, m call.MunicipalityID, index string, limit int, page pageOf,
) ([]note.Note, error) {
	limit = min(limit, maxList)
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var notes []note.Note
	var problems []error
	for from, most := 0, limit; len(notes) < limit && from <= maxJunk; most = maxList { // junk comes in heaps
		ids, err := page(ctx, from, most)
		if err != nil {
			return nil, s.unread(index, err)
		}
		again := func() ([]string, error) { return page(ctx, from, most) }
		found, err := s.belonging(ctx, m, ids, index, again)
		if errors.Is(err, note.ErrStoreDown) {
			return nil, err
		}
		notes, problems = append(notes, found...), append(problems, err)
		if len(ids) < most {
			break
		}
		from += len(ids)
	}
	return notes[:min(len(notes), limit)], incomplete(flat(problems))
}

// belonging reads the notes that an index names, without those that do not belong there. Such a note may have left the
// index since it was read; one that is still in it, by again, is a fault.
func (s *Store) belonging(
	ctx context.Context, m call.MunicipalityID, ids []string, index string, again func() ([]string, error),
) ([]note.Note, error) {
	notes, err := s.notes(ctx, m, ids, index)
	if errors.Is(err, note.ErrStoreDown) {
		return nil, err
	}
	var strays []string
	notes = slices.DeleteFunc(notes, func(n note.Note) bool {
		stray := !standsIn(n, index)
		if stray {
			strays = append(strays, string(n.ID))
		}
		return stray
	})
	if len(strays) == 0 {
		return notes, err
	}
	problems := []error{err}
	now, failed := again()
	if failed != nil {
		return nil, s.unread(index, failed)
	}
	strays = slices.DeleteFunc(strays, func(id string) bool { return !slices.Contains(now, id) })
	looked, failed := s.notes(ctx, m, strays, index)
	if errors.Is(failed, note.ErrStoreDown) {
		return nil, failed
	}
	for _, n := range looked {
		if !standsIn(n, index) {
			problems = append(problems, s.brokenEntry(
				index, string(n.ID), "which does not belong there: it is "+string(n.State)+", of team "+string(n.Team),
			))
		}
	}
	return notes, incomplete(flat(problems))
}

// standsIn reports whether a note belongs in an index.
func standsIn(n note.Note, index string) bool {
	return slices.ContainsFunc(places(n), func(p place) bool { return p.key == index })
}

// flat makes one list of lists of problems.
func flat(problems []error) []error {
	var all []error
	for _, err := range problems {
		switch some := err.(type) { //nolint:errorlint // only lists are taken apart: a wrapped error stays whole
		case nil:
		case *someBroken:
			all = append(all, some.problems...)
		default:
			all = append(all, err)
		}
	}
	return all
}

// notes reads notes in one trip. Those that can be read are given even when others are broken. index is the key that
// led to them, empty for a request by id: a missing note that an index names is a lost promise, not only an unknown id.
func (s *Store) notes(ctx context.Context, m call.MunicipalityID, ids []string, index string) ([]note.Note, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	k := keysOf(m)
	found := make([]*redis.MapStringStringCmd, len(ids))
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // its error is the first of found's
		for i, id := range ids {
			found[i] = p.HGetAll(ctx, k.note(note.ID(id)))
		}
		return nil
	})
	notes := make([]note.Note, 0, len(ids))
	var problems []error
	for i, cmd := range found {
		n, err := s.readNote(k, ids[i], cmd)
		if errors.Is(err, note.ErrStoreDown) {
			return nil, err // the others fail alike
		}
		if index != "" && (errors.Is(err, note.ErrNoNote) || err != nil && !note.IsID(ids[i])) {
			err = s.brokenEntry(index, ids[i], "which is not there")
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		notes = append(notes, n)
	}
	if index == "" {
		return notes, errors.Join(problems...)
	}
	return notes, incomplete(problems)
}

func (s *Store) readNote(k keys, id string, cmd *redis.MapStringStringCmd) (note.Note, error) {
	key := k.note(note.ID(id))
	fields, err := cmd.Result()
	if err != nil && !note.IsID(id) && redis.HasErrorPrefix(err, "WRONGTYPE") {
		return note.Note{}, fmt.Errorf("the key that an entry leads to has the wrong type: %w", note.ErrBroken)
	}
	if err != nil {
		return note.Note{}, s.unread(key, err)
	}
	if len(fields) == 0 {
		return note.Note{}, fmt.Errorf("redis key %s: %w", key, note.ErrNoNote)
	}
	n, err := note.DecodeNote(fields)
	if err != nil {
		return note.Note{}, s.broken(key, err)
	}
	if string(n.ID) != id {
		return note.Note{}, s.broken(key, fmt.Errorf("holds note %s: %w", n.ID, note.ErrBroken))
	}
	return n, nil
}
