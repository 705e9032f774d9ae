package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/note"
)

// The replies of the scripts; the methods that run them document each.
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
//	ARGV  1 what must be free, JSON: {reply, key by number, field} each, none for a purged note
//	      2 the changes, JSON, see common.lua  3 N, how many arguments the note takes
//	      4… the note's fields and values (N)  then the event's fields and values
//	returns {"made"} | {"exists", id of the note that has the key} | {"open", ids of the live notes for the same}
//	      | {"reference_taken", ids of the notes that have it} | {"there"}, and purged | {"broken", key, problem}
//
// A lost reply does no harm: a repeat, one by Make itself too, finds the note by its key.
func (s *Store) Make(ctx context.Context, made note.Event) (note.Note, error) {
	return s.make(ctx, made)
}

// Restore is Make for a note that was confirmed already: a taken reference or another live note for the same does not
// keep it out.
func (s *Store) Restore(ctx context.Context, made note.Event) (note.Note, error) {
	return s.make(ctx, made, replyOpen, replyReferenceTaken)
}

// make makes a note. mayBeTaken names replies of the script that do not keep it out.
func (s *Store) make(ctx context.Context, made note.Event, mayBeTaken ...string) (note.Note, error) {
	n, err := note.Apply(note.Note{}, made)
	if err != nil {
		return note.Note{}, fmt.Errorf("make a note: %w", err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	keys, args := makeArguments(n, made, mayBeTaken)
	reply, err := s.run(ctx, makeScript, keys, args)
	if err != nil {
		return note.Note{}, down("make a note", err)
	}
	switch {
	case len(reply) == 1 && reply[0] == replyMade:
		return n, nil
	case len(reply) == 2 && reply[0] == replyExists && reply[1] == string(n.ID): // an earlier try of this very call
		return s.note(ctx, n.Municipality, n.ID, "")
	case len(reply) == 2 && reply[0] == replyExists:
		return s.note(ctx, n.Municipality, note.ID(reply[1]), keysOf(n.Municipality).idem())
	case len(reply) == 1 && reply[0] == replyThere:
		return s.note(ctx, n.Municipality, n.ID, "")
	case len(reply) == 2 && reply[0] == replyOpen:
		if err := s.openFor(ctx, n, strings.Fields(reply[1])); err != nil {
			return note.Note{}, err
		}
		return s.make(ctx, made, replyOpen)
	case len(reply) == 2 && reply[0] == replyReferenceTaken:
		return note.Note{}, fmt.Errorf("make a note: %w", note.ErrReferenceTaken)
	}
	return note.Note{}, s.unexpected("make a note", reply)
}

// openFor is the error that names the first live note for the same as a new one. It is nil when the index leads to no
// such note: junk must not keep a caller from a promise.
func (s *Store) openFor(ctx context.Context, made note.Note, ids []string) error {
	k := keysOf(made.Municipality)
	found, err := s.notes(ctx, made.Municipality, ids, k.open())
	if errors.Is(err, note.ErrStoreDown) {
		return err
	}
	for _, open := range found {
		switch {
		case !open.State.Live(): // closed meanwhile, as a rule
		case open.SameAs(made):
			return fmt.Errorf("make a note: %w", &note.OpenError{Note: open})
		default:
			_ = s.brokenEntry(k.open(), string(open.ID), "which is for something else") // recorded, and skipped
		}
	}
	return nil
}

// unexpected is the error for a broken key, which any script can meet, and for an unknown reply.
func (s *Store) unexpected(what string, reply []string) error {
	if len(reply) == 3 && reply[0] == replyBroken {
		return s.broken(reply[1], fmt.Errorf("%s: %w", reply[2], note.ErrBroken))
	}
	return fmt.Errorf("%s: the script gave an unknown reply of %d values: %w", what, len(reply), note.ErrStoreDown)
}

func makeArguments(n note.Note, made note.Event, mayBeTaken []string) (keys []string, args []any) {
	plan := planOf(note.Note{}, n, made)
	free := plan.mustBeFree(n, mayBeTaken)
	fields, event := note.NoteFields(n), note.EventFields(made)
	args = make([]any, 0, 3+len(fields)+len(event))
	args = append(args, free.String(), plan.changes.String(), len(fields))
	args = append(args, fields...)
	return plan.keys, append(args, event...)
}

// mustBeFree gives the fields that keep a new note out when they are set, with the script's reply for each.
func (p *plan) mustBeFree(n note.Note, mayBeTaken []string) (free entries) {
	if n.State == note.Purged {
		return nil
	}
	k := keysOf(n.Municipality)
	free = free.add(replyExists, p.at(k.idem()), string(n.Key))
	if !slices.Contains(mayBeTaken, replyOpen) {
		free = free.add(replyOpen, p.at(k.open()), same(n))
	}
	if !slices.Contains(mayBeTaken, replyReferenceTaken) {
		free = free.add(replyReferenceTaken, p.at(k.references()), string(n.Reference))
	}
	return free
}
