package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/callback"
)

//go:embed make.lua
var makeSource string

var makeScript = redis.NewScript(makeSource)

// Make stores a new note, its first event and its indexes as one step.
//
//	KEYS  1 note (hash)  2 due:<team> (zset)  3 idem (hash)  4 references (hash)  5 number:<hash> (zset)  6 teams (set)
//	      7 ledger (hash)  8 log (stream)
//	ARGV  1 note id  2 reference  3 idempotency key  4 team  5 made, ms  6 deadline, ms  7 field of the ledger
//	      8 N, how many arguments the note takes  9… the note's fields and values (N)  then the event's fields and values
//	returns {"made"} | {"exists", id of the note that has the key} | {"reference_taken"} | {"broken", key, problem}
//
// A reply that was lost is no harm: the key finds the note again, also in the repeats that Make does by itself.
func (s *Store) Make(ctx context.Context, made callback.Event) (callback.Note, error) {
	note, err := callback.Apply(callback.Note{}, made)
	if err != nil {
		return callback.Note{}, fmt.Errorf("make a note: %w", err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	keys, args := makeArguments(note, made)
	reply, err := s.run(ctx, makeScript, keys, args)
	if err != nil {
		return callback.Note{}, down("make a note", err)
	}
	switch {
	case len(reply) == 1 && reply[0] == "made":
		return note, nil
	case len(reply) == 2 && reply[0] == "exists" && reply[1] == string(note.ID): // an earlier try of this very call
		return note, nil
	case len(reply) == 2 && reply[0] == "exists":
		return s.note(ctx, note.Municipality, callback.NoteID(reply[1]), keysOf(note.Municipality).idem())
	case len(reply) == 1 && reply[0] == "reference_taken":
		return callback.Note{}, fmt.Errorf("make a note: %w", callback.ErrReferenceTaken)
	case len(reply) == 3 && reply[0] == "broken":
		return callback.Note{}, broken(reply[1], fmt.Errorf("%s: %w", reply[2], callback.ErrBroken))
	}
	return callback.Note{}, fmt.Errorf("make a note: make.lua gave %d values that mean nothing: %w", len(reply), callback.ErrStoreDown)
}

func makeArguments(n callback.Note, made callback.Event) (names []string, args []any) {
	k := keysOf(n.Municipality)
	names = []string{
		k.note(n.ID), k.due(n.Team), k.idem(), k.references(), k.number(n.Number), k.teams(), k.ledger(), k.log(),
	}
	fields, event := pairs(callback.EncodeNote(n)), pairs(callback.EncodeEvent(made))
	args = make([]any, 0, 8+len(fields)+len(event))
	args = append(args,
		string(n.ID), string(n.Reference), string(n.Key), string(n.Team), n.Made.UnixMilli(), n.Deadline.UnixMilli(),
		ledgerMade+":"+string(n.Team), len(fields))
	args = append(args, fields...)
	return names, append(args, event...)
}

// pairs lays fields out as a script takes them, in a fixed order.
func pairs(fields map[string]string) []any {
	laid := make([]any, 0, 2*len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		laid = append(laid, name, fields[name])
	}
	return laid
}
