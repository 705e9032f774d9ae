// Package keeper holds the journal on this machine and the store together: a confirmed note is durable, and a store
// that was away, empty or set back gets from the journal what it lacks.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Journal keeps the events of notes on this machine, whatever happens to the store. When a method that writes returns
// without an error, its change survives a crash of the machine. It is safe for use by several goroutines.
type Journal interface {
	// Begin adds the event with which a note begins and, in the same step, that the store is not known to have the
	// note.
	Begin(m call.MunicipalityID, made note.Event) error
	// Stored records that the store has notes; notes that are recorded already stay as they are.
	Stored(ids ...note.ID) error
	// Unstored gives the notes that the store is not known to have, also after a crash, with their municipalities.
	Unstored() (map[note.ID]call.MunicipalityID, error)
	// Append adds events. One that is there already, by note and version, is replaced.
	Append(m call.MunicipalityID, events ...note.Event) error
	// Forget removes the events of a note from a version on, and the note with its last event.
	Forget(id note.ID, from uint64) error
	// Events gives the kept events of a note, first to last; none for a note that is not there.
	Events(id note.ID) ([]note.Event, error)
	// ByKey gives the note that was made for a key, and false when none is there.
	ByKey(m call.MunicipalityID, key note.Key) (note.ID, bool, error)
	// Notes gives every note that is kept, the oldest first, with the version of its last event.
	Notes() ([]JournalNote, error)
}

// JournalNote is a note in a journal.
type JournalNote struct {
	Municipality call.MunicipalityID
	Note         note.ID
	Ver          uint64 // of its last event
}

// Observer hears from a keeper what people must know.
type Observer interface {
	// JournalFailed: something was stored without the journal, or could not be cleared from it.
	JournalFailed(err error)
	// Behind: so many notes wait for the store, which lacks them or their last events. 0 when all is well.
	Behind(notes int)
	// Apart: so many notes could not be reconciled with a store that answers: one side cannot be read, or their
	// histories differ. They may be in the journal only. 0 when all is well.
	Apart(notes int)
	// Restored: the store had lost so many confirmed notes, or events of them, and has them again.
	Restored(notes int)
	// Diverged: the store has another event in the place of one that was confirmed. Nothing was changed: a manual check
	// is needed. It is told once per note, until it is mended.
	Diverged(id note.ID)
}

// Store is the store that a keeper brings up to date: it makes notes and their changes durable, and finds them.
type Store interface {
	note.Store
	note.Reader
}

// Keeper keeps promises whatever happens to the store: a note is written to a journal on this machine before it is
// stored, and is confirmed when either has it for certain. Changes are stored first, because two people may want the
// same one, and confirmed when the journal has them too. CatchUp brings a store that was away, empty or set back up to
// date with the journal.
type Keeper struct {
	Store
	journal  Journal
	observer Observer

	mu     sync.Mutex
	behind map[note.ID]call.MunicipalityID // confirmed, and not known to be in the store
	apart  map[note.ID]bool                // not reconciled although the store answers: a manual check is needed
	told   map[note.ID]bool                // diverged, and the observer was told
	erased int                             // notes erased from the journal on request so far

	turns turns
}

// New puts a journal before a store, and reads from it which notes the store was not known to have when the last daemon
// ended. Call CatchUp before the first promise, and whenever the store was away.
func New(store Store, journal Journal, observer Observer) *Keeper {
	k := &Keeper{
		Store: store, journal: journal, observer: observer,
		behind: make(map[note.ID]call.MunicipalityID), apart: make(map[note.ID]bool), told: make(map[note.ID]bool),
	}
	unstored, err := journal.Unstored()
	if err != nil {
		observer.JournalFailed(err)
	}
	maps.Copy(k.behind, unstored)
	k.tell()
	return k
}

// Make writes the note to the journal and then stores it. When the store does not answer, the journal alone confirms
// it. The error wraps ErrStoreDown only when neither could, or when another request with its key was at work until ctx
// ended. Requests with one key take turns: while one waits for the store its note is in the journal and not confirmed,
// and a refusal by the store removes it from there.
func (k *Keeper) Make(ctx context.Context, made note.Event) (note.Note, error) {
	n, err := note.Apply(note.Note{}, made)
	if err != nil {
		return note.Note{}, err
	}
	done, err := k.turns.take(ctx, onKey(n.Municipality, n.Key))
	if err != nil {
		return note.Note{}, err
	}
	defer done()
	if known, ok := k.known(ctx, n); ok {
		return known, nil
	}
	return k.make(ctx, n, made)
}

// make is Make for a key that has no note yet.
func (k *Keeper) make(ctx context.Context, n note.Note, made note.Event) (note.Note, error) {
	done, err := k.turns.take(ctx, onNote(n.ID)) // a comparison must know whether it is confirmed
	if err != nil {
		return note.Note{}, err
	}
	defer done()
	journalErr := k.journal.Begin(n.Municipality, made)
	if journalErr != nil {
		k.observer.JournalFailed(journalErr)
	}
	stored, err := k.Store.Make(ctx, made)
	switch {
	case err == nil && stored.ID == n.ID:
		if journalErr == nil {
			k.unmark(n.ID)
		}
		return stored, nil
	case errors.Is(err, note.ErrStoreDown) && journalErr == nil:
		k.setBehind(n.ID, n.Municipality)
		return n, nil
	case errors.Is(err, note.ErrStoreDown):
		return note.Note{}, errors.Join(err, fmt.Errorf("and the journal cannot be written: %w", journalErr))
	}
	k.forget(n.ID, 1) // another note answers for the key, or none was made
	return stored, err
}

// known finds the note that was made for the same key while the store did not answer.
func (k *Keeper) known(ctx context.Context, n note.Note) (note.Note, bool) {
	id, ok, err := k.journal.ByKey(n.Municipality, n.Key)
	if err != nil {
		k.observer.JournalFailed(err)
	}
	if err != nil || !ok {
		return note.Note{}, false
	}
	if !k.isBehind(id) { // else the store did not answer: do not wait for it again
		if stored, err := k.Store.Note(ctx, n.Municipality, id); err == nil {
			return stored, true
		}
	}
	events, err := k.journal.Events(id)
	if err != nil {
		k.observer.JournalFailed(err)
		return note.Note{}, false
	}
	kept, err := note.Replay(events)
	return kept, err == nil && kept.ID != ""
}

// Note gives a note, from the journal when it is confirmed and not stored yet.
func (k *Keeper) Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error) {
	n, err := k.Store.Note(ctx, m, id)
	if !errors.Is(err, note.ErrNoNote) || !k.isBehind(id) {
		return n, err
	}
	events, problem := k.journal.Events(id)
	if problem != nil {
		return note.Note{}, errors.Join(err, problem)
	}
	kept, problem := note.Replay(events)
	if problem != nil || kept.ID != id || kept.Municipality != m {
		return note.Note{}, errors.Join(err, problem)
	}
	return kept, nil
}

// ByNumber gives the notes for a number, see Reader. Those that only the journal has are stored first, so that a caller
// is recognised and erased by them too; notes whose history differs need a manual check.
func (k *Keeper) ByNumber(ctx context.Context, m call.MunicipalityID, n call.Number, limit int) ([]note.Note, error) {
	if k.Behind() > 0 {
		p := k.pass()
		_, stopped := p.over(ctx, k.behindFirst())
		p.end()
		if stopped != nil {
			return nil, stopped
		}
	}
	return k.Store.ByNumber(ctx, m, n, limit)
}

// Advance stores the event and then writes it to the journal, with what the journal lacks of this note. A note that the
// store does not have yet cannot be changed: the error wraps ErrStoreDown. A change of a note as it was before the
// journal's last event is a *StaleError; if that is because the store was set back, the note is brought up to date at
// once.
func (k *Keeper) Advance(ctx context.Context, before note.Note, e note.Event) (note.Note, error) {
	done, err := k.turns.take(ctx, onNote(e.Note))
	if err != nil {
		return note.Note{}, err
	}
	defer done()
	kept, err := k.journal.Events(e.Note)
	if err != nil {
		k.observer.JournalFailed(err)
	}
	if now := note.Version(kept); now >= e.Ver && !contains(kept, e) {
		mended, err := k.catchUp(ctx, before.Municipality, e.Note)
		if mended {
			k.observer.Restored(1)
		}
		return note.Note{}, errors.Join(&note.StaleError{Note: e.Note, Saw: e.Ver - 1, Now: now}, err)
	}
	after, err := k.Store.Advance(ctx, before, e)
	if err != nil {
		if errors.Is(err, note.ErrNoNote) && k.isBehind(before.ID) {
			err = fmt.Errorf("%w: note %s is kept on this machine and not stored yet", note.ErrStoreDown, before.ID)
		}
		return note.Note{}, err
	}
	if e.Kind.Leases() && after.Ver == e.Ver { // else others have followed: the end of the lease is not this event's
		e.Until = after.Lease
	}
	if err := k.record(ctx, after, e); err != nil {
		k.observer.JournalFailed(err)
	}
	return after, nil
}

// record writes an event that is stored. Earlier events that the journal lacks come from the store: the journal may be
// younger than the note, may have failed, or may have been torn.
func (k *Keeper) record(ctx context.Context, n note.Note, e note.Event) error {
	kept, err := k.journal.Events(n.ID)
	if err != nil {
		return err
	}
	switch {
	case contains(kept, e):
		return nil // a reply was lost before
	case e.Kind == note.EventPurged:
		return k.purged(n.Municipality, e)
	case whole(kept) && note.Version(kept) == e.Ver-1 && n.Ver == e.Ver:
		return k.journal.Append(n.Municipality, e)
	}
	return k.copyHistory(ctx, n.Municipality, n.ID)
}

// copyHistory writes the store's events of a note to the journal.
func (k *Keeper) copyHistory(ctx context.Context, m call.MunicipalityID, id note.ID) error {
	all, err := k.Store.Events(ctx, m, id)
	if err != nil {
		return fmt.Errorf("complete the history of note %s: %w", id, err)
	}
	if len(all) > 0 && all[0].Kind == note.EventPurged {
		return k.purged(m, all...)
	}
	return k.journal.Append(m, all...)
}

// purged replaces a note in the journal by its remains.
func (k *Keeper) purged(m call.MunicipalityID, remains ...note.Event) error {
	if err := k.journal.Forget(remains[0].Note, 1); err != nil {
		return err
	}
	if erasure(remains[0]) {
		k.mu.Lock()
		k.erased++
		k.mu.Unlock()
	}
	return k.journal.Append(m, remains...)
}

// erasure reports whether an event purged a note on request, not because its retention had passed.
func erasure(e note.Event) bool { return e.Kind == note.EventPurged && e.Who != note.BySystem }

// Erased is how many notes were erased on request from the journal so far. Their content leaves its file only when that
// is compacted.
func (k *Keeper) Erased() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.erased
}

// Municipalities gives the municipalities of the journal's notes, be they in the configuration or not.
func (k *Keeper) Municipalities() ([]call.MunicipalityID, error) {
	notes, err := k.journal.Notes()
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	found := make(map[call.MunicipalityID]bool)
	for _, kept := range notes {
		found[kept.Municipality] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// whole reports whether these are all events of a note up to the last of them: a journal that was torn may have lost
// any.
func whole(events []note.Event) bool {
	if len(events) == 0 || events[0].Ver != 1 && events[0].Kind != note.EventPurged {
		return false
	}
	return note.Version(events) == events[0].Ver+uint64(len(events))-1 // no version is there twice
}

func contains(events []note.Event, e note.Event) bool {
	return slices.ContainsFunc(events, func(kept note.Event) bool { return kept.ID == e.ID && kept.Ver == e.Ver })
}

func (k *Keeper) forget(id note.ID, from uint64) {
	if err := k.journal.Forget(id, from); err != nil {
		k.observer.JournalFailed(err)
	}
}
