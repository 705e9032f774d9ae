package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// What the scripts answer, see above the methods that run them.
const (
	replyMade           = "made"
	replyExists         = "exists"
	replyThere          = "there"
	replyOpen           = "open"
	replyReferenceTaken = "reference_taken"
	replyBroken         = "broken"

	replyAdvanced = "advanced"
	replyDone     = "done"
	replyStale    = "stale"
	replyHeld     = "held"
	replyNone     = "none"
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
//	ARGV  1 what must be free, JSON: {reply, key by number, field} each, none for what remains of a purged note
//	      2 the changes, JSON, see common.lua  3 N, how many arguments the note takes
//	      4… the note's fields and values (N)  then the event's fields and values
//	returns {"made"} | {"exists", id of the note that has the key} | {"open", ids of the live notes for the same}
//	      | {"reference_taken", ids of the notes that have it} | {"there"}, and purged | {"broken", key, problem}
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
	case len(reply) == 1 && reply[0] == replyMade:
		return note, nil
	case len(reply) == 2 && reply[0] == replyExists && reply[1] == string(note.ID): // an earlier try of this very call
		return s.note(ctx, note.Municipality, note.ID, "")
	case len(reply) == 2 && reply[0] == replyExists:
		return s.note(ctx, note.Municipality, callback.NoteID(reply[1]), keysOf(note.Municipality).idem())
	case len(reply) == 1 && reply[0] == replyThere:
		return s.note(ctx, note.Municipality, note.ID, "")
	case len(reply) == 2 && reply[0] == replyOpen:
		return callback.Note{}, s.openFor(ctx, note.Municipality, strings.Fields(reply[1]))
	case len(reply) == 2 && reply[0] == replyReferenceTaken:
		return callback.Note{}, fmt.Errorf("make a note: %w", callback.ErrReferenceTaken)
	}
	return callback.Note{}, unexpected("make a note", reply)
}

// openFor is the error that names the first of the live notes for the same.
func (s *Store) openFor(ctx context.Context, m call.MunicipalityID, ids []string) error {
	index := keysOf(m).open()
	if len(ids) == 0 {
		return broken(index, fmt.Errorf("has a field that names no note: %w", callback.ErrBroken))
	}
	open, err := s.note(ctx, m, callback.NoteID(ids[0]), index)
	if err != nil {
		return err
	}
	return fmt.Errorf("make a note: %w", &callback.OpenError{Note: open})
}

// unexpected is the error for what scripts alike can answer, and for what none should.
func unexpected(what string, reply []string) error {
	if len(reply) == 3 && reply[0] == replyBroken {
		return broken(reply[1], fmt.Errorf("%s: %w", reply[2], callback.ErrBroken))
	}
	return fmt.Errorf("%s: the script gave %d values that mean nothing: %w", what, len(reply), callback.ErrStoreDown)
}

func makeArguments(n callback.Note, made callback.Event, restore bool) (keys []string, args []any) {
	plan := planOf(callback.Note{}, n, made)
	free := plan.mustBeFree(n, restore)
	fields, event := pairs(callback.EncodeNote(n)), pairs(callback.EncodeEvent(made))
	args = make([]any, 0, 3+len(fields)+len(event))
	args = append(args, list(free), list(plan.changes), len(fields))
	args = append(args, fields...)
	return plan.keys, append(args, event...)
}

// mustBeFree gives the fields that keep a new note out when they are set, and what the script answers then.
func (p *plan) mustBeFree(n callback.Note, restore bool) [][]any {
	if n.State == callback.Purged {
		return nil
	}
	k := keysOf(n.Municipality)
	free := [][]any{{replyExists, p.at(k.idem()), string(n.Key)}}
	if restore {
		return free
	}
	return append(free,
		[]any{replyOpen, p.at(k.open()), same(n)},
		[]any{replyReferenceTaken, p.at(k.references()), string(n.Reference)})
}
