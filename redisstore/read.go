package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Note gives a note by its id.
func (s *Store) Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.note(ctx, m, id, "")
}

func (s *Store) note(ctx context.Context, m call.MunicipalityID, id note.ID, index string) (note.Note, error) {
	notes, err := s.notes(ctx, m, []string{string(id)}, index)
	if err != nil {
		return note.Note{}, err
	}
	return notes[0], nil
}

// ByReference gives the note that a caller names. Two notes can have one reference only when one was promised while
// Redis was away; then a live note goes first, and then the newest.
func (s *Store) ByReference(ctx context.Context, m call.MunicipalityID, r note.Reference) (note.Note, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	ids, err := s.client.HGet(ctx, k.references(), string(r)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return note.Note{}, fmt.Errorf("no note has this reference: %w", note.ErrNoNote)
	case err != nil:
		return note.Note{}, s.unread(k.references(), err)
	}
	notes, err := s.notes(ctx, m, strings.Fields(ids), k.references())
	if errors.Is(err, note.ErrStoreDown) {
		return note.Note{}, err
	}
	problems := []error{err}
	notes = slices.DeleteFunc(notes, func(n note.Note) bool {
		if n.Reference != r {
			problems = append(problems, s.brokenEntry(k.references(), string(n.ID), "which has another reference"))
		}
		return n.Reference != r
	})
	if len(notes) == 0 && errors.Join(problems...) == nil {
		return note.Note{}, s.broken(k.references(), fmt.Errorf(
			"has a reference that leads to no note: %w", note.ErrBroken,
		))
	}
	if len(notes) == 0 {
		return note.Note{}, errors.Join(problems...)
	}
	return slices.MaxFunc(notes, func(a, b note.Note) int {
		return cmp.Or(cmp.Compare(count(a.State.Live()), count(b.State.Live())), a.Made.Compare(b.Made))
	}), nil
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Events gives the readable events of a note, first to last, also beside an error about the others.
func (s *Store) Events(ctx context.Context, m call.MunicipalityID, id note.ID) ([]note.Event, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	entries, err := s.client.HGet(ctx, k.note(id), fieldLog).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, fmt.Errorf("redis key %s has no log: %w", k.note(id), note.ErrNoNote)
	case err != nil:
		return nil, s.unread(k.note(id), err)
	}
	return s.events(ctx, k, id, strings.Fields(entries))
}

// Log gives the events of all notes after a place in the log, see note.Reader. An unreadable one is skipped: Audit and
// a read of the note report it.
func (s *Store) Log(
	ctx context.Context, m call.MunicipalityID, after string, limit int,
) ([]note.Event, string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	from, key := "-", keysOf(m).log()
	if after != "" {
		from = "(" + after
	}
	entries, err := s.client.XRangeN(ctx, key, from, "+", int64(limit)).Result()
	if err != nil {
		return nil, after, s.unread(key, err)
	}
	events := make([]note.Event, 0, len(entries))
	for _, entry := range entries {
		after = entry.ID
		if e, err := note.DecodeEvent(texts(entry.Values)); err == nil {
			events = append(events, e)
		}
	}
	return events, after, nil
}

// LogSince is the place in every log a while ago, by the clock of Redis: what was written since then comes after it.
func (s *Store) LogSince(ctx context.Context, ago time.Duration) (string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return "", down("ask for the time", err)
	}
	return milli(now.Add(-ago).UnixMilli()) + "-0", nil
}

// events reads entries of the log of one note. Those that can be read are given even when others are broken.
func (s *Store) events(ctx context.Context, k keys, id note.ID, entries []string) ([]note.Event, error) {
	found := make([]*redis.XMessageSliceCmd, len(entries))
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // its error is the first of found's
		for i, entry := range entries {
			found[i] = p.XRange(ctx, k.log(), entry, entry)
		}
		return nil
	})
	events := make([]note.Event, 0, len(entries))
	var problems []error
	for i, entry := range entries {
		event, err := s.event(k, id, entry, found[i])
		if errors.Is(err, note.ErrStoreDown) {
			return nil, err // the others fail alike
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		events = append(events, event)
	}
	return events, incomplete(problems)
}

func (s *Store) event(k keys, id note.ID, entry string, cmd *redis.XMessageSliceCmd) (note.Event, error) {
	found, err := cmd.Result()
	switch {
	case redis.HasErrorPrefix(err, "Invalid stream ID"):
		return note.Event{}, s.broken(k.note(id), &note.FieldError{
			Field: fieldLog, Problem: "does not hold ids of the log",
		})
	case err != nil:
		return note.Event{}, s.unread(k.log(), err)
	case len(found) != 1:
		return note.Event{}, s.broken(k.log(), fmt.Errorf("entry %s is missing: %w", entry, note.ErrBroken))
	}
	event, err := note.DecodeEvent(texts(found[0].Values))
	if err != nil {
		return note.Event{}, s.broken(k.log(), fmt.Errorf("entry %s: %w", entry, err))
	}
	return event, nil
}

func texts(values map[string]any) map[string]string {
	fields := make(map[string]string, len(values))
	for name, value := range values {
		fields[name], _ = value.(string) // a stream holds nothing else
	}
	return fields
}
