package callback

import (
	"context"
	"errors"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// What a store can answer besides a note.
var (
	// ErrStoreDown: nothing is certain. The caller must not be told that he will be called back; he is told that it is not
	// possible now and is offered a person. A note may have been made all the same: asking again with the same key finds it.
	ErrStoreDown = errors.New("the store of callback notes does not answer as it should")
	// ErrReferenceTaken: another note has this reference; nothing was stored.
	ErrReferenceTaken = errors.New("the reference is taken")
	// ErrNoNote: there is no such note.
	ErrNoNote = errors.New("no such callback note")
)

// Store makes notes durable.
type Store interface {
	// Make stores the note that a made event begins, and the event, as one step. When it returns without an error the
	// note survives a crash of the store (invariant I8). A key that has a note already gives that note and stores nothing:
	// compare the ids. Errors wrap ErrStoreDown, ErrReferenceTaken or ErrBroken. It honours the deadline of ctx.
	Make(ctx context.Context, made Event) (Note, error)
}

// Reader finds notes. Errors wrap ErrStoreDown, ErrNoNote or ErrBroken. Lists give the notes that can be read even when
// the error says that others are broken.
type Reader interface {
	Note(ctx context.Context, m call.MunicipalityID, id NoteID) (Note, error)
	ByReference(ctx context.Context, m call.MunicipalityID, r Reference) (Note, error)
	// ByNumber gives at most limit notes for a number, the newest first, whatever their state.
	ByNumber(ctx context.Context, m call.MunicipalityID, n call.Number, limit int) ([]Note, error)
	// Due gives at most limit live notes of a team, the one whose deadline comes first before the others.
	Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]Note, error)
	// Counts counts per team, also for teams that are no longer in the configuration but have notes.
	Counts(ctx context.Context, m call.MunicipalityID, now time.Time) (map[call.TeamID]Count, error)
}

// Count is how many notes a team has and had.
type Count struct {
	Live      int64 // open or claimed, now
	Overdue   int64 // of Live, those whose deadline has passed
	Made      int64 // ever, for this team at first
	Resolved  int64 // ever, by this team
	Cancelled int64 // ever, at this team
}
