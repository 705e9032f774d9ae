package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// maxList bounds lists: a longer one takes more of Redis's time than calls can spare.
const maxList = 1000

// Note gives a note by its id.
func (s *Store) Note(ctx context.Context, m call.MunicipalityID, id callback.NoteID) (callback.Note, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.note(ctx, m, id, "")
}

func (s *Store) note(ctx context.Context, m call.MunicipalityID, id callback.NoteID, index string) (callback.Note, error) {
	notes, err := s.notes(ctx, m, []string{string(id)}, index)
	if err != nil {
		return callback.Note{}, err
	}
	return notes[0], nil
}

// ByReference gives the note that a caller names. Two notes can have one reference only when one was promised while Redis
// was away; then a live one goes before the other, and the newest first.
func (s *Store) ByReference(ctx context.Context, m call.MunicipalityID, r callback.Reference) (callback.Note, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	ids, err := s.client.HGet(ctx, k.references(), string(r)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return callback.Note{}, fmt.Errorf("no note has this reference: %w", callback.ErrNoNote)
	case err != nil:
		return callback.Note{}, unread(k.references(), err)
	}
	notes, err := s.notes(ctx, m, strings.Fields(ids), k.references())
	if err != nil {
		return callback.Note{}, err
	}
	for _, n := range notes {
		if n.Reference != r {
			return callback.Note{}, broken(k.references(), fmt.Errorf("leads to note %s, which has another reference: %w", n.ID, callback.ErrBroken))
		}
	}
	if len(notes) == 0 {
		return callback.Note{}, broken(k.references(), fmt.Errorf("has a reference that leads to no note: %w", callback.ErrBroken))
	}
	return slices.MaxFunc(notes, func(a, b callback.Note) int {
		return cmp.Or(cmp.Compare(count(a.State.Live()), count(b.State.Live())), a.Made.Compare(b.Made))
	}), nil
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// ByNumber gives at most limit notes for a number, the newest first, whatever their state.
func (s *Store) ByNumber(ctx context.Context, m call.MunicipalityID, n call.Number, limit int) ([]callback.Note, error) {
	if !n.Known() {
		return nil, nil
	}
	return s.list(ctx, m, redis.ZRangeArgs{Key: keysOf(m).number(n), Rev: true}, limit)
}

// Due gives at most limit live notes of a team: by deadline, and with one deadline the higher priority first.
func (s *Store) Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]callback.Note, error) {
	return s.list(ctx, m, redis.ZRangeArgs{Key: keysOf(m).due(team)}, limit)
}

// Marked gives at most limit live notes whose next mark of the norm lies at or before now.
func (s *Store) Marked(ctx context.Context, m call.MunicipalityID, now time.Time, limit int) ([]callback.Note, error) {
	return s.upTo(ctx, m, keysOf(m).marks(), now, limit)
}

// ClosedBefore gives at most limit resolved or cancelled notes that were closed before t, the oldest first.
func (s *Store) ClosedBefore(ctx context.Context, m call.MunicipalityID, t time.Time, limit int) ([]callback.Note, error) {
	return s.upTo(ctx, m, keysOf(m).closed(), t.Add(-time.Millisecond), limit)
}

// Lapsed gives at most limit notes whose lease has run out, by the clock of Redis.
func (s *Store) Lapsed(ctx context.Context, m call.MunicipalityID, limit int) ([]callback.Note, error) {
	bound, cancel := s.bounded(ctx)
	defer cancel()
	now, err := s.client.Time(bound).Result()
	if err != nil {
		return nil, down("ask for the time", err)
	}
	return s.upTo(bound, m, keysOf(m).leases(), now, limit)
}

// upTo reads the notes of a sorted set by time, up to and including now.
func (s *Store) upTo(ctx context.Context, m call.MunicipalityID, key string, now time.Time, limit int) ([]callback.Note, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	ids, err := s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: key, ByScore: true, Start: "-inf", Stop: milli(now.UnixMilli()), Count: int64(min(limit, maxList)),
	}).Result()
	if err != nil {
		return nil, unread(key, err)
	}
	return s.notes(ctx, m, ids, key)
}

// Held gives at most limit live notes that a colleague has claimed or that are for him in person.
func (s *Store) Held(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, limit int) ([]callback.Note, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).held(colleague)
	ids, err := s.client.SMembers(ctx, key).Result()
	if err != nil {
		return nil, unread(key, err)
	}
	slices.Sort(ids) // by age: an id begins with the time
	return s.notes(ctx, m, ids[:min(len(ids), limit, maxList)], key)
}

func (s *Store) list(ctx context.Context, m call.MunicipalityID, zset redis.ZRangeArgs, limit int) ([]callback.Note, error) {
	if limit <= 0 {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	zset.Start, zset.Stop = 0, min(limit, maxList)-1
	ids, err := s.client.ZRangeArgs(ctx, zset).Result()
	if err != nil {
		return nil, unread(zset.Key, err)
	}
	return s.notes(ctx, m, ids, zset.Key)
}

// notes reads notes in one trip. Those that can be read are given even when others are broken. index is the key that led
// to them, empty when somebody asked by id: a note that an index knows and that is not there is a promise gone, not a
// question answered with no.
func (s *Store) notes(ctx context.Context, m call.MunicipalityID, ids []string, index string) ([]callback.Note, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	k := keysOf(m)
	found := make([]*redis.MapStringStringCmd, len(ids))
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // its error is the first of found's
		for i, id := range ids {
			found[i] = p.HGetAll(ctx, k.note(callback.NoteID(id)))
		}
		return nil
	})
	notes := make([]callback.Note, 0, len(ids))
	var problems []error
	for i, cmd := range found {
		note, err := readNote(k, ids[i], cmd)
		if errors.Is(err, callback.ErrStoreDown) {
			return nil, err // the others fail alike
		}
		if errors.Is(err, callback.ErrNoNote) && index != "" {
			err = broken(index, fmt.Errorf("names note %s, which is not there: %w", ids[i], callback.ErrBroken))
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		notes = append(notes, note)
	}
	return notes, errors.Join(problems...)
}

func readNote(k keys, id string, cmd *redis.MapStringStringCmd) (callback.Note, error) {
	key := k.note(callback.NoteID(id))
	fields, err := cmd.Result()
	if err != nil {
		return callback.Note{}, unread(key, err)
	}
	if len(fields) == 0 {
		return callback.Note{}, fmt.Errorf("redis key %s: %w", key, callback.ErrNoNote)
	}
	note, err := callback.DecodeNote(fields)
	if err != nil {
		return callback.Note{}, broken(key, err)
	}
	if string(note.ID) != id {
		return callback.Note{}, broken(key, fmt.Errorf("holds note %s: %w", note.ID, callback.ErrBroken))
	}
	return note, nil
}

// Events gives the history of a note, first to last.
func (s *Store) Events(ctx context.Context, m call.MunicipalityID, id callback.NoteID) ([]callback.Event, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	entries, err := s.client.HGet(ctx, k.note(id), fieldLog).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, fmt.Errorf("redis key %s has no log: %w", k.note(id), callback.ErrNoNote)
	case err != nil:
		return nil, unread(k.note(id), err)
	}
	events, err := s.events(ctx, k.log(), strings.Fields(entries))
	if redis.HasErrorPrefix(err, "Invalid stream ID") {
		return nil, broken(k.note(id), &callback.FieldError{Field: fieldLog, Problem: "does not hold ids of the log"})
	}
	return events, err
}

func (s *Store) events(ctx context.Context, log string, entries []string) ([]callback.Event, error) {
	found := make([]*redis.XMessageSliceCmd, len(entries))
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, entry := range entries {
			found[i] = p.XRange(ctx, log, entry, entry)
		}
		return nil
	})
	if err != nil {
		return nil, unread(log, err)
	}
	events := make([]callback.Event, len(entries))
	for i, entry := range entries {
		if len(found[i].Val()) != 1 {
			return nil, broken(log, fmt.Errorf("entry %s is missing: %w", entry, callback.ErrBroken))
		}
		if events[i], err = callback.DecodeEvent(texts(found[i].Val()[0].Values)); err != nil {
			return nil, broken(log, fmt.Errorf("entry %s: %w", entry, err))
		}
	}
	return events, nil
}

func texts(values map[string]any) map[string]string {
	fields := make(map[string]string, len(values))
	for name, value := range values {
		fields[name], _ = value.(string) // a stream holds nothing else
	}
	return fields
}

// Counts counts per team, also for teams that are no longer in the configuration but have notes. now decides what is overdue.
func (s *Store) Counts(ctx context.Context, m call.MunicipalityID, now time.Time) (map[call.TeamID]callback.Count, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	teams, err := s.client.SMembers(ctx, k.teams()).Result()
	if err != nil {
		return nil, unread(k.teams(), err)
	}
	ledger, err := s.client.HGetAll(ctx, k.ledger()).Result()
	if err != nil {
		return nil, unread(k.ledger(), err)
	}
	live, overdue := make([]*redis.IntCmd, len(teams)), make([]*redis.IntCmd, len(teams))
	before := "(" + milli(now.UnixMilli())                         // at the deadline itself there is still time
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // its error is the first of live's
		for i, team := range teams {
			live[i] = p.ZCard(ctx, k.due(call.TeamID(team)))
			overdue[i] = p.ZCount(ctx, k.due(call.TeamID(team)), "-inf", before)
		}
		return nil
	})
	counts := make(map[call.TeamID]callback.Count, len(teams))
	for i, team := range teams {
		if err := errors.Join(live[i].Err(), overdue[i].Err()); err != nil {
			return nil, unread(k.due(call.TeamID(team)), err)
		}
		counts[call.TeamID(team)] = callback.Count{Live: live[i].Val(), Overdue: overdue[i].Val()}
	}
	return counts, addLedger(counts, k, ledger)
}

func addLedger(counts map[call.TeamID]callback.Count, k keys, ledger map[string]string) error {
	var problems []error
	for field, value := range ledger {
		kind, team, _ := strings.Cut(field, ":")
		number, err := strconv.ParseInt(value, 10, 64)
		count := counts[call.TeamID(team)]
		switch {
		case err != nil || number < 0:
			problems = append(problems, broken(k.ledger(), &callback.FieldError{Field: field, Problem: "is not a count"}))
			continue
		case kind == ledgerMade:
			count.Made = number
		case kind == ledgerResolved:
			count.Resolved = number
		case kind == ledgerCancelled:
			count.Cancelled = number
		case kind == ledgerReopened:
			count.Reopened = number
		case kind == ledgerPurged:
			count.Purged = number
		}
		counts[call.TeamID(team)] = count
	}
	return errors.Join(problems...)
}

// unread says why a key could not be read: another type than ours is broken content, all else is Redis.
func unread(key string, err error) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return broken(key, fmt.Errorf("has another type than ours: %w", callback.ErrBroken))
	}
	return down("read "+key, err)
}
