package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/note"
)

var (
	//go:embed advance.lua
	advanceSource string

	advanceScript = redis.NewScript(commonSource + advanceSource)
)

// The modes of advance.lua, for events that need more than the version.
const (
	modeLapse = "lapse" // only when the lease has run out
	modePurge = "purge" // also removes the earlier events from the log
)

// Advance stores the next event of a note, what it changes and its indexes as one step.
//
//	KEYS  1 note (hash)  2 log (stream)  then those of the changes
//	ARGV  1 event id  2 the version that the event follows  3 how long the lease runs, ms; 0 for no lease
//	      4 "", "lapse" or "purge"  5 the changes, JSON, see common.lua  6 the fields that go, JSON
//	      7 N, how many arguments the note takes
//	      8… the note's changed fields and values (N)  then the event's fields and values
//	returns {"advanced", end of the lease in ms or ""} | {"done"} | {"stale", version}
//	      | {"held", end of the lease in ms} | {"none"} | {"broken", key, problem}
//
// A lost reply does no harm: a repeat, one by Advance itself too, finds the event by its id.
func (s *Store) Advance(ctx context.Context, before note.Note, e note.Event) (note.Note, error) {
	e.Until, e.Hold = time.Time{}, e.Hold.Truncate(time.Millisecond) // the script sets the end
	if !e.Kind.Leases() {
		e.Hold = 0
	}
	expected := e
	if e.Hold > 0 {
		expected.Until = e.At.Add(e.Hold)
	}
	after, err := note.Apply(before, expected)
	if err != nil {
		return note.Note{}, err
	}
	if err := readable(after, e); err != nil {
		return note.Note{}, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	keys, args := advanceArguments(before, after, e)
	reply, err := s.run(ctx, advanceScript, keys, args)
	what := "change note " + string(after.ID)
	if err != nil {
		return note.Note{}, down(what, err)
	}
	switch {
	case len(reply) == 2 && reply[0] == replyAdvanced:
		if e.Hold > 0 {
			after.Lease = milliTime(reply[1])
		}
		return after, nil
	case len(reply) == 1 && reply[0] == replyDone: // an earlier try of this very event; others may have followed
		return s.note(ctx, after.Municipality, after.ID, "")
	case len(reply) == 2 && reply[0] == replyStale:
		now, _ := strconv.ParseUint(reply[1], 10, 64) // the script compared it as a number
		return note.Note{}, &note.StaleError{Note: after.ID, Saw: before.Ver, Now: now}
	case len(reply) == 2 && reply[0] == replyHeld:
		return note.Note{}, &note.HeldError{Note: after.ID, Until: milliTime(reply[1])}
	case len(reply) == 1 && reply[0] == replyNone:
		return note.Note{}, fmt.Errorf("%s: %w", what, note.ErrNoNote)
	}
	return note.Note{}, s.unexpected(what, reply)
}

// readable refuses an event that could not be read back: it would make its whole note unreadable.
func readable(after note.Note, e note.Event) error {
	if _, err := note.DecodeEvent(note.EncodeEvent(e)); err != nil {
		return fmt.Errorf("event %s of note %s is invalid: %w", e.Kind, after.ID, err)
	}
	if _, err := note.DecodeNote(note.EncodeNote(after)); err != nil {
		return fmt.Errorf("event %s makes note %s invalid: %w", e.Kind, after.ID, err)
	}
	return nil
}

func advanceArguments(before, after note.Note, e note.Event) (keys []string, args []any) {
	plan := planOf(before, after, e)
	changed, gone := differs(note.EncodeNote(before), note.EncodeNote(after))
	fields, event := pairs(changed), note.EventFields(e)
	mode := ""
	switch {
	case e.Kind == note.EventReleased && e.Cause == note.ReleaseLapsed:
		mode = modeLapse
	case e.Kind == note.EventPurged:
		mode = modePurge
	}
	args = make([]any, 0, 7+len(fields)+len(event))
	args = append(
		args, string(e.ID), e.Ver-1, e.Hold.Milliseconds(), mode, plan.changes.String(), list(gone), len(fields),
	)
	args = append(args, fields...)
	return plan.keys, append(args, event...)
}

func milliTime(ms string) time.Time {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
