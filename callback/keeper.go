package callback

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// Journal keeps the events of notes on this machine, whatever happens to the store. When a method that writes returns
// without an error, what it wrote survives a crash of the machine. It is safe for use by several goroutines.
type Journal interface {
	// Append adds events. One that is there already, by note and version, is replaced.
	Append(m call.MunicipalityID, events ...Event) error
	// Forget removes the events of a note from a version on, and the note with its last event.
	Forget(id NoteID, from uint64) error
	// Events gives what is kept of a note, first to last; nothing for a note that is not there.
	Events(id NoteID) ([]Event, error)
	// ByKey gives the note that was made for a key, and false when none is there.
	ByKey(m call.MunicipalityID, key Key) (NoteID, bool, error)
	// Notes gives every note that is kept, the oldest first, with the version of its last event.
	Notes() ([]Kept, error)
}

// Kept is a note in a journal.
type Kept struct {
	Municipality call.MunicipalityID
	Note         NoteID
	Ver          uint64 // of its last event
}

// Watched is what a keeper tells whoever watches it.
type Watched interface {
	// JournalFailed: something was stored without the journal, or could not be cleared from it.
	JournalFailed(err error)
	// Behind: so many notes are in the journal and not, or not as far, in the store. 0 when all is well.
	Behind(notes int)
	// Restored: the store had lost so many notes or events that it had confirmed, and has them again.
	Restored(notes int)
	// Diverged: the store has another event in the place of one that was confirmed. Nothing was changed: people must look.
	Diverged(id NoteID)
}

// Keeper keeps promises whatever happens to the store: a note is written to a journal on this machine before it is stored, and
// is confirmed when either has it for certain. Changes are stored first, because two people may want the same one, and
// confirmed when the journal has them too. CatchUp brings a store that was away, empty, or set back to where the journal is.
type Keeper struct {
	WorkStore
	journal Journal
	watched Watched

	mu     sync.Mutex
	behind map[NoteID]bool // confirmed, and not known to be in the store
}

// NewKeeper puts a journal before a store. Call CatchUp before the first promise, and whenever the store was away.
func NewKeeper(store WorkStore, journal Journal, watched Watched) *Keeper {
	return &Keeper{WorkStore: store, journal: journal, watched: watched, behind: make(map[NoteID]bool)}
}

// Make writes the note to the journal and then stores it. When the store does not answer, the journal alone confirms it.
// The error wraps ErrStoreDown only when neither could.
func (k *Keeper) Make(ctx context.Context, made Event) (Note, error) {
	note, err := Apply(Note{}, made)
	if err != nil {
		return Note{}, err
	}
	if known, ok := k.known(ctx, note); ok {
		return known, nil
	}
	journalErr := k.journal.Append(note.Municipality, made)
	if journalErr != nil {
		k.watched.JournalFailed(journalErr)
	}
	stored, err := k.WorkStore.Make(ctx, made)
	switch {
	case err == nil && stored.ID == note.ID:
		return stored, nil
	case errors.Is(err, ErrStoreDown) && journalErr == nil:
		k.setBehind(note.ID, true)
		return note, nil
	case errors.Is(err, ErrStoreDown):
		return Note{}, errors.Join(err, fmt.Errorf("and the journal cannot be written: %w", journalErr))
	}
	k.forget(note.ID, 1) // another note answers for the key, or none was made
	return stored, err
}

// known finds the note that was made for the same key while the store did not answer.
func (k *Keeper) known(ctx context.Context, note Note) (Note, bool) {
	id, ok, err := k.journal.ByKey(note.Municipality, note.Key)
	if err != nil {
		k.watched.JournalFailed(err)
	}
	if err != nil || !ok {
		return Note{}, false
	}
	if stored, err := k.WorkStore.Note(ctx, note.Municipality, id); err == nil {
		return stored, true
	}
	events, err := k.journal.Events(id)
	if err != nil {
		k.watched.JournalFailed(err)
		return Note{}, false
	}
	kept, err := Replay(events)
	return kept, err == nil && kept.ID != ""
}

// Advance stores the event and then writes it to the journal, with what the journal lacks of this note. A note that the store does
// not have yet cannot be changed: the error wraps ErrStoreDown.
func (k *Keeper) Advance(ctx context.Context, before Note, e Event) (Note, error) {
	after, err := k.WorkStore.Advance(ctx, before, e)
	if err != nil {
		if errors.Is(err, ErrNoNote) && k.isBehind(before.ID) {
			err = fmt.Errorf("%w: note %s is kept on this machine and not stored yet", ErrStoreDown, before.ID)
		}
		return Note{}, err
	}
	e.Until = after.Lease
	if err := k.record(ctx, after, e); err != nil {
		k.watched.JournalFailed(err)
	}
	return after, nil
}

// record writes an event that is stored. The earlier ones of a note that was made before this journal, or while it could
// not be written, come from the store.
func (k *Keeper) record(ctx context.Context, n Note, e Event) error {
	if e.Kind == EventPurged {
		if err := k.journal.Forget(n.ID, 1); err != nil {
			return err
		}
		return k.journal.Append(n.Municipality, e)
	}
	kept, err := k.journal.Events(n.ID)
	if err != nil {
		return err
	}
	if len(kept) > 0 && kept[len(kept)-1].Ver == e.Ver-1 {
		return k.journal.Append(n.Municipality, e)
	}
	all, err := k.WorkStore.Events(ctx, n.Municipality, n.ID)
	if err != nil {
		return fmt.Errorf("complete the history of note %s: %w", n.ID, err)
	}
	return k.journal.Append(n.Municipality, all...)
}

// CatchUp compares every note of the journal with the store and gives the store what it lacks. It gives the number of
// notes that it had to mend. Notes that could not be compared are in the error, and counted as behind.
func (k *Keeper) CatchUp(ctx context.Context) (int, error) {
	notes, err := k.journal.Notes()
	if err != nil {
		return 0, fmt.Errorf("read the journal: %w", err)
	}
	mended, lost := 0, 0
	var problems []error
	for _, kept := range notes {
		was := k.isBehind(kept.Note)
		changed, err := k.catchUp(ctx, kept)
		if err != nil {
			k.setBehind(kept.Note, true)
			problems = append(problems, fmt.Errorf("note %s: %w", kept.Note, err))
			if errors.Is(err, ErrStoreDown) {
				break // the others fail alike
			}
			continue
		}
		k.setBehind(kept.Note, false)
		if changed {
			mended++
		}
		if changed && !was {
			lost++
		}
	}
	if lost > 0 {
		k.watched.Restored(lost)
	}
	k.tellBehind()
	return mended, errors.Join(problems...)
}

// catchUp gives the store what it lacks of one note, and reports whether it lacked anything.
func (k *Keeper) catchUp(ctx context.Context, kept Kept) (bool, error) {
	stored, err := k.WorkStore.Note(ctx, kept.Municipality, kept.Note)
	if err != nil && !errors.Is(err, ErrNoNote) {
		return false, err
	}
	if stored.Ver > kept.Ver {
		return false, k.follow(ctx, stored)
	}
	if stored.Ver == kept.Ver {
		return false, nil
	}
	events, err := k.journal.Events(kept.Note)
	if err != nil {
		return false, err
	}
	for _, e := range events {
		if e.Ver <= stored.Ver {
			continue
		}
		if stored, err = k.again(ctx, stored, e); err != nil {
			return false, err
		}
	}
	return true, nil
}

// follow writes to the journal what was changed without it, by another program on the same store: a note that was closed or erased
// there would stay in the journal for ever, with the caller's number.
func (k *Keeper) follow(ctx context.Context, stored Note) error {
	events, err := k.WorkStore.Events(ctx, stored.Municipality, stored.ID)
	if err != nil {
		return fmt.Errorf("what the journal lacks: %w", err)
	}
	if stored.State == Purged {
		err = k.journal.Forget(stored.ID, 1)
	}
	if err == nil {
		err = k.journal.Append(stored.Municipality, events...)
	}
	if err != nil {
		k.watched.JournalFailed(err)
	}
	return nil // the store has it
}

// again stores an event that was confirmed before.
func (k *Keeper) again(ctx context.Context, n Note, e Event) (Note, error) {
	if e.Kind == EventMade || n.State == None {
		restored, err := k.WorkStore.Restore(ctx, e)
		if err == nil && restored.ID != e.Note {
			k.watched.Diverged(e.Note)
			return Note{}, fmt.Errorf("its key has note %s in the store", restored.ID)
		}
		return restored, err
	}
	if e.Cause == ReleaseLapsed {
		e.Cause = ReleaseByHand // it has lapsed: the lease that the store runs anew must not stand in the way
	}
	after, err := k.WorkStore.Advance(ctx, n, e)
	var stale *StaleError
	if errors.As(err, &stale) {
		k.watched.Diverged(e.Note)
	}
	return after, err
}

// Prune removes from the journal the notes that were closed longer ago than keep and that the store has. It gives how many.
func (k *Keeper) Prune(now time.Time, keep time.Duration) (int, error) {
	notes, err := k.journal.Notes()
	if err != nil {
		return 0, fmt.Errorf("read the journal: %w", err)
	}
	pruned := 0
	for _, kept := range notes {
		events, err := k.journal.Events(kept.Note)
		if err != nil {
			return pruned, err
		}
		n, err := Replay(events)
		if err != nil || n.State.Live() || k.isBehind(n.ID) || events[len(events)-1].At.After(now.Add(-keep)) {
			continue // what cannot be replayed is for people
		}
		if err := k.journal.Forget(n.ID, 1); err != nil {
			return pruned, err
		}
		pruned++
	}
	return pruned, nil
}

func (k *Keeper) forget(id NoteID, from uint64) {
	if err := k.journal.Forget(id, from); err != nil {
		k.watched.JournalFailed(err)
	}
}

// Behind is how many notes are confirmed and not known to be in the store: CatchUp is due.
func (k *Keeper) Behind() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.behind)
}

func (k *Keeper) isBehind(id NoteID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.behind[id]
}

func (k *Keeper) setBehind(id NoteID, behind bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if behind == k.behind[id] {
		return
	}
	if behind {
		k.behind[id] = true
	} else {
		delete(k.behind, id)
	}
	k.watched.Behind(len(k.behind))
}

func (k *Keeper) tellBehind() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watched.Behind(len(k.behind))
}
