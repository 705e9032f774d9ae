package keeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// CaughtUp is how far CatchUp came.
type CaughtUp struct {
	Mended int     // notes of which the store lacked something
	Done   bool    // every note was compared
	Next   note.ID // where the next pass begins; empty for the oldest
}

// CatchUp gives the store what it lacks of the journal's notes, and takes from the store what another program changed.
// Notes that are behind come first, the newest first: nobody can work on those. Then it compares all others, the oldest
// first, beginning at from: the Next of a pass that ctx or the store cut short. The end of ctx is no error. Notes that
// cannot be read, or whose history differs, are in the error, are told as apart, and stay unchanged.
func (k *Keeper) CatchUp(ctx context.Context, from note.ID) (CaughtUp, error) {
	p := k.pass()
	defer p.end()
	next := from
	_, stopped := p.over(ctx, k.behindFirst())
	if stopped == nil {
		notes, err := k.journal.Notes()
		if err != nil {
			return CaughtUp{Mended: p.mended, Next: from}, errors.Join(
				append(p.problems, fmt.Errorf("read the journal: %w", err))...,
			)
		}
		first := slices.IndexFunc(notes, func(kept JournalNote) bool { return kept.Note >= from })
		if first < 0 {
			first = len(notes)
		}
		next, stopped = p.over(ctx, notes[first:])
	}
	if stopped != nil && ctx.Err() == nil {
		p.problems = append(p.problems, stopped)
	}
	return CaughtUp{Mended: p.mended, Done: stopped == nil, Next: next}, errors.Join(p.problems...)
}

// pass is one comparison of notes.
type pass struct {
	*Keeper
	mended   int // notes of which the store lacked something
	lost     int // of those, the ones that the store was known to have
	compared map[note.ID]bool
	stored   []note.ID // no longer behind
	problems []error
}

func (k *Keeper) pass() *pass { return &pass{Keeper: k, compared: make(map[note.ID]bool)} }

// over compares notes, each once in a pass, until ctx ends or the store does not answer: the others would fail alike.
// It gives the first note that it did not come to, and why.
func (p *pass) over(ctx context.Context, notes []JournalNote) (note.ID, error) {
	for _, kept := range notes {
		if p.compared[kept.Note] {
			continue
		}
		if ctx.Err() != nil {
			return kept.Note, fmt.Errorf("%w: %w", note.ErrStoreDown, context.Cause(ctx))
		}
		if err := p.inTurn(ctx, kept); err != nil {
			return kept.Note, fmt.Errorf("note %s: %w", kept.Note, err)
		}
		p.compared[kept.Note] = true
	}
	return "", nil
}

// end reports what the pass did.
func (p *pass) end() {
	if p.lost > 0 {
		p.observer.Restored(p.lost)
	}
	p.unmark(p.stored...)
}

// inTurn compares one note when nobody else works on it, and records the result. The error wraps ErrStoreDown.
func (p *pass) inTurn(ctx context.Context, kept JournalNote) error {
	done, err := p.turns.take(ctx, onNote(kept.Note))
	if err != nil {
		return err
	}
	defer done()
	was := p.isBehind(kept.Note) // only now: a Make that ran meanwhile has marked it
	changed, err := p.catchUp(ctx, kept.Municipality, kept.Note)
	if changed {
		p.mended++
	}
	if changed && !was {
		p.lost++
	}
	switch {
	case errors.Is(err, note.ErrStoreDown):
		return err
	case err != nil:
		p.problems = append(p.problems, fmt.Errorf("note %s: %w", kept.Note, err))
		p.setApart(kept.Note)
	default:
		p.agreed(kept.Note)
		if was {
			p.stored = append(p.stored, kept.Note)
		}
	}
	return nil
}

// errDiverged: store and journal have different histories of a note.
var errDiverged = errors.New(
	"the store has another history of it than was confirmed: compare the two, and mend the store by hand",
)

// catchUp brings one note up to date on both sides, and reports whether the store lacked anything.
func (k *Keeper) catchUp(ctx context.Context, m call.MunicipalityID, id note.ID) (bool, error) {
	stored, err := k.Store.Note(ctx, m, id)
	if err != nil && !errors.Is(err, note.ErrNoNote) {
		return false, err
	}
	events, err := k.journal.Events(id)
	if err != nil {
		return false, err
	}
	if len(events) == 0 || stored.State == note.None && events[0].Kind == note.EventPurged {
		return false, nil // forgotten meanwhile, or purged: there is no promise to bring back
	}
	if events[0].Kind == note.EventPurged && stored.State != note.Purged { // whatever happened to it since
		return true, k.purgeAgain(ctx, stored, events[0])
	}
	if stored.Ver > note.Version(events) {
		return false, k.follow(ctx, m, id, events)
	}
	if stored.State != note.None && !whole(events) {
		if err := k.follow(ctx, m, id, events); err != nil {
			return false, err
		}
		if events, err = k.journal.Events(id); err != nil {
			return false, err
		}
	}
	same, err := agrees(stored, events)
	if err != nil {
		return false, err
	}
	if !same {
		return false, k.diverged(id)
	}
	lacked := false
	for _, e := range events {
		if e.Ver <= stored.Ver {
			continue
		}
		if stored, err = k.again(ctx, stored, e); err != nil {
			return lacked, err
		}
		lacked = true
	}
	return lacked, nil
}

// purgeAgain purges a note that came back with an old state of the store. The journal no longer has the events that
// closed it, so that it is closed anew.
func (k *Keeper) purgeAgain(ctx context.Context, stored note.Note, purge note.Event) error {
	remains := *purge.Base
	if stored.State.Live() {
		var err error
		stored, err = k.Store.Advance(ctx, stored, note.Event{
			ID: note.EventID(ulid.Make().String()), Note: stored.ID, Kind: note.EventCancelled, Ver: stored.Ver + 1,
			At: purge.At, Who: note.BySystem,
			Reason: "it was purged before the store was set back",
		})
		if err != nil {
			return err
		}
	}
	purge.ID, purge.Ver, purge.Base = note.EventID(ulid.Make().String()), stored.Ver+1, &remains
	if _, err := k.Store.Advance(ctx, stored, purge); err != nil {
		return err
	}
	return k.purged(stored.Municipality, purge)
}

// diverged tells the observer of a note whose histories differ: once, until it is mended.
func (k *Keeper) diverged(id note.ID) error {
	k.mu.Lock()
	was := k.told[id]
	k.told[id] = true
	k.mu.Unlock()
	if !was {
		k.observer.Diverged(id)
	}
	return errDiverged
}

// agrees reports whether the events lead to the note at its version. Leases are not compared: they run anew in a store
// that was brought up to date.
func agrees(stored note.Note, events []note.Event) (bool, error) {
	if stored.State == note.None || events[0].Ver > stored.Ver {
		return true, nil // nothing to compare: it has none of them
	}
	for note.Version(events) > stored.Ver {
		events = events[:len(events)-1]
	}
	ours, err := note.Replay(events)
	ours.Lease, stored.Lease = time.Time{}, time.Time{}
	return err == nil && maps.Equal(note.EncodeNote(ours), note.EncodeNote(stored)), err
}

// follow takes from the store what another program or an earlier daemon changed, and what the journal lost.
func (k *Keeper) follow(ctx context.Context, m call.MunicipalityID, id note.ID, ours []note.Event) error {
	theirs, err := k.Store.Events(ctx, m, id)
	if err != nil {
		return err
	}
	if len(theirs) > 0 && theirs[0].Kind != note.EventPurged {
		for _, e := range ours {
			if e.Ver <= note.Version(theirs) && !contains(theirs, e) {
				return k.diverged(id)
			}
		}
	}
	return k.copyHistory(ctx, m, id)
}

// again stores an event that was confirmed before.
func (k *Keeper) again(ctx context.Context, n note.Note, e note.Event) (note.Note, error) {
	if n.State == note.None {
		restored, err := k.Store.Restore(ctx, e)
		if err == nil && restored.ID != e.Note {
			return note.Note{}, fmt.Errorf("its idempotency key has note %s in the store: %w", restored.ID, k.diverged(e.Note))
		}
		return restored, err
	}
	if e.Cause == note.ReleaseLapsed {
		e.Cause = note.ReleaseByHand // it did lapse: the store's renewed lease must not refuse it
	}
	after, err := k.Store.Advance(ctx, n, e)
	var stale *note.StaleError
	if errors.As(err, &stale) {
		err = errors.Join(err, k.diverged(e.Note))
	}
	return after, err
}

// Prune removes from the journal the notes that were closed longer ago than keep and that the store has. It gives how
// many. The remains of a note that was erased on request stay: they hold nothing personal, and an old backup of the
// store would bring the whole note back.
func (k *Keeper) Prune(ctx context.Context, now time.Time, keep time.Duration) (int, error) {
	notes, err := k.journal.Notes()
	if err != nil {
		return 0, fmt.Errorf("read the journal: %w", err)
	}
	pruned := 0
	for _, kept := range notes {
		gone, err := k.prune(ctx, kept, now.Add(-keep))
		if err != nil {
			return pruned, fmt.Errorf("prune the journal: %w", err)
		}
		if gone {
			pruned++
		}
	}
	return pruned, nil
}

// prune removes one note, and reports whether it did.
func (k *Keeper) prune(ctx context.Context, kept JournalNote, before time.Time) (bool, error) {
	done, err := k.turns.take(ctx, onNote(kept.Note))
	if err != nil {
		return false, err
	}
	defer done()
	events, err := k.journal.Events(kept.Note)
	if err != nil {
		return false, err
	}
	n, err := note.Replay(events)
	if len(events) > 0 && erasure(events[len(events)-1]) {
		return false, nil
	}
	if err != nil || n.State == note.None || n.State.Live() || note.Version(
		events,
	) != kept.Ver || events[len(events)-1].At.After(before) {
		return false, nil // a note that does not replay needs a manual check
	}
	stored, err := k.Store.Note(ctx, kept.Municipality, kept.Note)
	switch {
	case errors.Is(err, note.ErrStoreDown):
		return false, err
	case err != nil || stored.Ver < kept.Ver || k.isBehind(n.ID):
		return false, nil // CatchUp tells of it
	}
	return true, k.journal.Forget(n.ID, 1)
}
