package callback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// staleTries bounds the tries of a change that may follow any other, while others come first.
const staleTries = 8

// Step names a note, the actor of its change, and the time.
type Step struct {
	Municipality call.MunicipalityID
	Note         note.ID
	Ver          uint64 // the version that the actor has seen: at another the change is refused; 0 for any
	Who          note.Actor
	At           time.Time
}

// steps makes the next event of a note and stores it. It asks no rules of the configuration.
type steps struct {
	store  WorkStore
	random io.Reader
	clocks func(m call.MunicipalityID) *time.Location // the zone of times for people; nil for UTC
}

// local is the note with its times by the municipality's clocks, for texts that people read.
func (w steps) local(n note.Note) note.Note {
	if w.clocks == nil {
		return n
	}
	return n.In(w.clocks(n.Municipality))
}

// merge counts that the caller asked again for the same, see Worklist.Merge.
func (w steps) merge(ctx context.Context, s Step, in call.ID, reason string) (note.Note, error) {
	return w.advance(ctx, s, func(note.Note) (note.Event, error) {
		return note.Event{Kind: note.EventMerged, Call: in, Reason: reason}, nil
	})
}

// advance reads the note, makes the event of it, and stores it. When the step names no version and another change came
// first, it looks again.
func (w steps) advance(ctx context.Context, s Step, build func(n note.Note) (note.Event, error)) (note.Note, error) {
	var err error
	for range staleTries {
		var n note.Note
		if n, err = w.store.Note(ctx, s.Municipality, s.Note); err != nil {
			return note.Note{}, err
		}
		if s.Ver != 0 && s.Ver != n.Ver {
			return note.Note{}, &note.StaleError{Note: n.ID, Saw: s.Ver, Now: n.Ver}
		}
		var after note.Note
		if after, err = w.commit(ctx, s, n, build); err == nil {
			return after, nil
		}
		var stale *note.StaleError
		if s.Ver != 0 || !errors.As(err, &stale) {
			break
		}
	}
	return note.Note{}, err
}

// commit makes the event of the note as it is, and stores it.
func (w steps) commit(ctx context.Context, s Step, n note.Note, build func(n note.Note) (note.Event, error)) (
	note.Note, error,
) {
	e, err := build(n)
	if err != nil {
		return note.Note{}, err
	}
	if !s.Who.Valid() {
		return note.Note{}, &note.RuleError{Event: e.Kind, Text: "the actor is missing"}
	}
	if !note.IsText(e.Reason, note.MaxReason) {
		return note.Note{}, &note.RuleError{
			Event: e.Kind, Text: fmt.Sprintf("the text is longer than %d characters or not text", note.MaxReason),
		}
	}
	at := s.At.UTC().Truncate(time.Millisecond)
	id, err := ulid.New(ulid.Timestamp(at), w.random)
	if err != nil {
		return note.Note{}, fmt.Errorf("draw an event id: %w", err)
	}
	e.ID, e.Note, e.Ver, e.At, e.Who = note.EventID(id.String()), n.ID, n.Ver+1, at, s.Who
	if _, err := note.Apply(n, e); err != nil { // before anything is written, also to a journal
		_, err = note.Apply(w.local(n), e) // the same, in words for people
		return note.Note{}, err
	}
	return w.store.Advance(ctx, n, e)
}
