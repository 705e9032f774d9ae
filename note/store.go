package note

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// The errors of a store.
var (
	// ErrStoreDown: nothing is certain. The caller must not hear a promise: they hear that it is not possible now, and
	// are offered a person. A note may exist all the same: a request with the same key finds it.
	ErrStoreDown = errors.New("the store of callback notes does not answer as it should")
	// ErrReferenceTaken: another note has this reference; nothing was stored.
	ErrReferenceTaken = errors.New("the reference is taken")
	// ErrNoNote: there is no such note.
	ErrNoNote = errors.New("no such callback note")
)

// ErrIncomplete comes with a partial answer. An error beside it names the rest, and wraps ErrBroken.
var ErrIncomplete = errors.New("some stored content cannot be read")

// UncountedError says which teams could not be counted; the counts of all others are given.
type UncountedError struct {
	Teams []call.TeamID // in order
	Err   error         // why; wraps ErrBroken
}

// Error names what is wrong.
func (e *UncountedError) Error() string { return "not every team could be counted: " + e.Err.Error() }

// Unwrap gives why.
func (e *UncountedError) Unwrap() []error { return []error{ErrIncomplete, e.Err} }

// StaleError says that the change was made for another version of the note: somebody else was first. Nothing was
// changed.
type StaleError struct {
	Note ID
	Saw  uint64 // the version that the change was made for
	Now  uint64
}

// Error says what to do: look again.
func (e *StaleError) Error() string {
	return fmt.Sprintf(
		"note %s was changed meanwhile: it is at version %d, not %d; look at it again", e.Note, e.Now, e.Saw,
	)
}

// HeldError says that a lease that was to lapse still runs, by the clock of the store. Nothing was changed.
type HeldError struct {
	Note  ID
	Until time.Time // UTC
}

// Error names the note and the time.
func (e *HeldError) Error() string {
	return fmt.Sprintf("the claim on note %s holds until %s", e.Note, e.Until.Format(storedTime))
}

// OpenError says that the caller has a live note of this team and subject already. Nothing was stored.
type OpenError struct{ Note Note }

// Error names the note that there is.
func (e *OpenError) Error() string {
	return "there is a live note for the same already: " + e.Note.String()
}

// Store makes notes and their changes durable. Errors wrap ErrStoreDown or ErrBroken besides what each method names.
// Every method honours the deadline of ctx, and when it returns without an error its change survives a crash of the
// store (I8).
type Store interface {
	// Make stores the note that a made event begins, and the event, as one step. A key that has a note already gives
	// that note and stores nothing: compare the ids. Errors: ErrReferenceTaken, *OpenError.
	Make(ctx context.Context, made Event) (Note, error)
	// Restore is Make for a note that was confirmed to its caller and that the store does not have: neither a reference
	// that is taken nor a live note for the same keeps it out.
	Restore(ctx context.Context, made Event) (Note, error)
	// Advance stores the next event of a note and what it changes as one step, if the note is still as before: its
	// version is the fencing token. It gives the note as it is then, with the end of a lease by the store's clock. An
	// event that is stored already, known by its ID, is no error: a reply may have been lost. A release for a lapse is
	// refused while the lease runs. Errors: those of Apply, *StaleError, *HeldError, ErrNoNote.
	Advance(ctx context.Context, before Note, e Event) (Note, error)
}

// Reader finds notes. Errors wrap ErrStoreDown, ErrNoNote or ErrBroken. Lists and histories give what can be read even
// when the error, an ErrIncomplete then, says that the rest is broken; a list entry that is no note does not count
// towards the limit.
type Reader interface {
	Note(ctx context.Context, m call.MunicipalityID, id ID) (Note, error)
	// ByReference gives the note of a reference; should two have it (see Store.Restore), a live one and the newest
	// first.
	ByReference(ctx context.Context, m call.MunicipalityID, r Reference) (Note, error)
	// ByNumber gives at most limit notes of a number, the newest first, whatever their state: those to ring it back,
	// and those that were asked for from it, see Note.Numbers.
	ByNumber(ctx context.Context, m call.MunicipalityID, n call.Number, limit int) ([]Note, error)
	// Due gives at most limit live notes of a team: by deadline, and with one deadline the higher priority first.
	Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]Note, error)
	// Held gives at most limit live notes that a colleague has claimed or that are for them in person.
	Held(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, limit int) ([]Note, error)
	// Lapsed gives at most limit notes whose lease has run out, by the clock of the store.
	Lapsed(ctx context.Context, m call.MunicipalityID, limit int) ([]Note, error)
	// Marked gives at most limit live notes whose next mark lies at or before now, see Note.NextMark.
	Marked(ctx context.Context, m call.MunicipalityID, now time.Time, limit int) ([]Note, error)
	// ClosedBefore gives at most limit resolved or cancelled notes that were closed before t, the oldest first.
	ClosedBefore(ctx context.Context, m call.MunicipalityID, t time.Time, limit int) ([]Note, error)
	// ClosedSince gives at most limit resolved or cancelled notes that were closed at t or later, the newest first.
	ClosedSince(ctx context.Context, m call.MunicipalityID, t time.Time, limit int) ([]Note, error)
	// Events gives the history of a note, first to last.
	Events(ctx context.Context, m call.MunicipalityID, id ID) ([]Event, error)
	// Log gives at most limit events of all notes in the order in which they were stored, after a place in it; and the
	// place of the last one, from which to go on. The place is empty for the beginning. The events before a purge are
	// not there any more.
	Log(ctx context.Context, m call.MunicipalityID, after string, limit int) ([]Event, string, error)
	// Counts counts per team, also for teams that are no longer in the configuration but have notes. Error also:
	// *UncountedError.
	Counts(ctx context.Context, m call.MunicipalityID, now time.Time) (map[call.TeamID]Count, error)
}

// Count is how many notes a team has and had. The totals only grow: over all teams together, Made = Live + Resolved +
// Cancelled - Reopened, the purged ones among those resolved or cancelled.
type Count struct {
	Live      int64 // open or held, now
	Overdue   int64 // of Live, those whose deadline has passed
	Made      int64 // ever, for this team at first
	Resolved  int64 // ever, by this team
	Cancelled int64 // ever, at this team
	Reopened  int64 // ever, at this team
	Purged    int64 // ever, at this team
}
