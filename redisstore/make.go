package redisstore

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/callback"
)

var (
	//go:embed common.lua
	commonSource string
	//go:embed make.lua
	makeSource string

	makeScript = redis.NewScript(commonSource + makeSource)
)

// Make stores a new note, its first event and its indexes as one step.
//
//	KEYS  1 note (hash)  2 log (stream)  then those of the changes
//	ARGV  1 note id  2 "1" to restore  3 the changes, JSON, see common.lua  4 N, how many arguments the note takes
//	      5… the note's fields and values (N)  then the event's fields and values
//	returns {"made"} | {"exists", id of the note that has the key} | {"open", id of the live note for the same}
//	      | {"reference_taken"} | {"broken", key, problem}
//
// A reply that was lost is no harm: the key finds the note again, also in the repeats that Make does by itself.
func (s *Store) Make(ctx context.Context, made callback.Event) (callback.Note, error) {
	return s.make(ctx, made, false)
}

// Restore is Make for a note that was confirmed already: a taken reference or another live note for the same does not
// keep it out.
func (s *Store) Restore(ctx context.Context, made callback.Event) (callback.Note, error) {
	return s.make(ctx, made, true)
}

func (s *Store) make(ctx context.Context, made callback.Event, restore bool) (callback.Note, error) {
	note, err := callback.Apply(callback.Note{}, made)
	if err != nil {
		return callback.Note{}, fmt.Errorf("make a note: %w", err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	keys, args := makeArguments(note, made, restore)
	reply, err := s.run(ctx, makeScript, keys, args)
	if err != nil {
		return callback.Note{}, down("make a note", err)
	}
	switch {
	case len(reply) == 1 && reply[0] == "made":
		return note, nil
	case len(reply) == 2 && reply[0] == "exists" && reply[1] == string(note.ID): // an earlier try of this very call
		return s.note(ctx, note.Municipality, note.ID, "")
	case len(reply) == 2 && reply[0] == "exists":
		return s.note(ctx, note.Municipality, callback.NoteID(reply[1]), keysOf(note.Municipality).idem())
	case len(reply) == 2 && reply[0] == "open":
		open, err := s.note(ctx, note.Municipality, callback.NoteID(reply[1]), keysOf(note.Municipality).open())
		if err != nil {
			return callback.Note{}, err
		}
		return callback.Note{}, fmt.Errorf("make a note: %w", &callback.OpenError{Note: open})
	case len(reply) == 1 && reply[0] == "reference_taken":
		return callback.Note{}, fmt.Errorf("make a note: %w", callback.ErrReferenceTaken)
	}
	return callback.Note{}, unexpected("make a note", reply)
}

// unexpected is the error for what scripts alike can answer, and for what none should.
func unexpected(what string, reply []string) error {
	if len(reply) == 3 && reply[0] == "broken" {
		return broken(reply[1], fmt.Errorf("%s: %w", reply[2], callback.ErrBroken))
	}
	return fmt.Errorf("%s: the script gave %d values that mean nothing: %w", what, len(reply), callback.ErrStoreDown)
}

func makeArguments(n callback.Note, made callback.Event, restore bool) (keys []string, args []any) {
	plan := planOf(callback.Note{}, n, made)
	fields, event := pairs(callback.EncodeNote(n)), pairs(callback.EncodeEvent(made))
	args = make([]any, 0, 4+len(fields)+len(event))
	args = append(args, string(n.ID), flag(restore), list(plan.changes), len(fields))
	args = append(args, fields...)
	return plan.keys, append(args, event...)
}

func flag(set bool) string {
	if set {
		return "1"
	}
	return ""
}
