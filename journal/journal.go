// Package journal owns the journal of callback notes on this machine: their events, in one file that is on the disk
// before a promise is spoken. It is the only package that knows bbolt.
package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
)

var _ keeper.Journal = (*Journal)(nil)

// The buckets of the file.
var (
	events    = []byte("events")    // note and version → record
	keys      = []byte("keys")      // municipality and key → note
	forgotten = []byte("forgotten") // note and sequence number → record without fields; until the file is compacted
)

// ErrDamaged is wrapped by every error of a journal whose file was damaged while it was in use: by the disk, or because
// somebody cut it. Open mends it as far as possible, so restart the daemon.
var ErrDamaged = errors.New("the file of the journal was damaged while it was in use")

// idLength is that of a ULID.
const idLength = 26

// Journal is a keeper.Journal in a file. It is safe for use by several goroutines.
type Journal struct {
	path   string
	lock   *lock
	damage atomic.Pointer[error] // once set, the file is not used: bbolt may hold its locks for ever

	mu sync.RWMutex // held for writing while the file is replaced by another
	db *bbolt.DB    // nil when closed

	compacting sync.Mutex
	changes    changes // made while the file is copied
}

// Append adds events as one step, and returns when they are on the disk. An event with the same note and version is
// replaced. On an error, such as a full disk, nothing was added; try again when there is room.
func (j *Journal) Append(m call.MunicipalityID, added ...note.Event) error {
	notes := make([]note.ID, len(added))
	for i, e := range added {
		notes[i] = e.Note
	}
	return j.update("append to", notes, func(tx *bbolt.Tx) error {
		for _, e := range added {
			if err := put(tx, m, e, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// Begin is Append for the first event of a note, and marks it: the store is not known to have it.
func (j *Journal) Begin(m call.MunicipalityID, made note.Event) error {
	return j.update("append to", []note.ID{made.Note}, func(tx *bbolt.Tx) error { return put(tx, m, made, true) })
}

func put(tx *bbolt.Tx, m call.MunicipalityID, e note.Event, unstored bool) error {
	wrong := func(err error) error { return fmt.Errorf("event %d of note %s: %w", e.Ver, e.Note, err) }
	if len(e.Note) != idLength || e.Ver == 0 {
		return wrong(errors.New("it has no note or no version"))
	}
	seq, err := tx.Bucket(events).NextSequence()
	if err != nil {
		return wrong(err)
	}
	r := record{Seq: seq, Municipality: m, Note: e.Note, Ver: e.Ver, Unstored: unstored, Fields: note.EncodeEvent(e)}
	if e.Kind == note.EventMade && e.Base != nil {
		r.Key = e.Base.Key
	}
	if err := r.putInto(tx); err != nil {
		return wrong(err)
	}
	return nil
}

// putInto writes an event, and its key into the index.
func (r record) putInto(tx *bbolt.Tx) error {
	framed, err := r.framed()
	if err != nil {
		return err
	}
	if r.Key != "" {
		if err := tx.Bucket(keys).Put(keyOf(r.Municipality, r.Key), []byte(r.Note)); err != nil {
			return err
		}
	}
	return tx.Bucket(events).Put(placeOf(r.Note, r.Ver), framed)
}

// Forget removes the events of a note from a version on; with its first event the note's key is free again. A record of
// this stays until the file is compacted, because the events may still stand in free pages, see Compact.
func (j *Journal) Forget(id note.ID, from uint64) error {
	if len(id) != idLength {
		return nil // there is none
	}
	return j.update("forget a note in", []note.ID{id}, func(tx *bbolt.Tx) error {
		gone, err := recordsOf(tx, id, from)
		if err != nil || len(gone) == 0 {
			return err
		}
		for _, r := range gone {
			if err := tx.Bucket(events).Delete(placeOf(id, r.Ver)); err != nil {
				return err
			}
			if err := freeKey(tx, r); err != nil {
				return err
			}
		}
		seq, err := tx.Bucket(events).NextSequence()
		if err != nil {
			return err
		}
		framed, err := record{Seq: seq, Note: id, Ver: from}.framed()
		if err != nil {
			return err
		}
		return tx.Bucket(forgotten).Put(placeOf(id, seq), framed)
	})
}

// recordsOf gives the records of a note from a version on, first to last.
func recordsOf(tx *bbolt.Tx, id note.ID, from uint64) ([]record, error) {
	var found []record
	cursor := tx.Bucket(events).Cursor()
	for at, value := cursor.Seek(placeOf(id, from)); bytes.HasPrefix(at, []byte(id)); at, value = cursor.Next() {
		r, _, err := unframed(value)
		if err != nil {
			return nil, fmt.Errorf("an event of note %s: %w", id, err)
		}
		found = append(found, r)
	}
	return found, nil
}

// freeKey takes the key of a note out of the index, unless another note has it by now.
func freeKey(tx *bbolt.Tx, r record) error {
	at := keyOf(r.Municipality, r.Key)
	if r.Key == "" || !bytes.Equal(tx.Bucket(keys).Get(at), []byte(r.Note)) {
		return nil
	}
	return tx.Bucket(keys).Delete(at)
}

// Events gives the kept events of a note, first to last; none for an unknown note.
func (j *Journal) Events(id note.ID) ([]note.Event, error) {
	if len(id) != idLength {
		return nil, nil
	}
	var found []note.Event
	err := j.view(func(tx *bbolt.Tx) error {
		records, err := recordsOf(tx, id, 0)
		if err != nil {
			return err
		}
		for _, r := range records {
			e, err := note.DecodeEvent(r.Fields)
			if err != nil {
				return fmt.Errorf("event %d of note %s: %w", r.Ver, id, err)
			}
			found = append(found, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// ByKey gives the note that was made for a key, and false when none is there.
func (j *Journal) ByKey(m call.MunicipalityID, key note.Key) (note.ID, bool, error) {
	var id note.ID
	err := j.view(func(tx *bbolt.Tx) error {
		id = note.ID(tx.Bucket(keys).Get(keyOf(m, key)))
		return nil
	})
	return id, id != "", err
}

// Notes gives every note that is kept, the oldest first, with the version of its last event.
func (j *Journal) Notes() ([]keeper.JournalNote, error) {
	var kept []keeper.JournalNote
	err := j.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(events).Cursor()
		for at, _ := cursor.First(); at != nil; {
			id := bytes.Clone(at[:idLength])
			last, value := lastOf(cursor, id)
			r, _, err := unframed(value)
			if err != nil {
				return fmt.Errorf("event of note %s: %w", id, err)
			}
			kept = append(kept, keeper.JournalNote{
				Municipality: r.Municipality, Note: note.ID(id), Ver: binary.BigEndian.Uint64(last[idLength:]),
			})
			at, _ = cursor.Next()
		}
		return nil
	})
	return kept, err
}

// lastOf moves the cursor to the last event of a note, from one that it has.
func lastOf(cursor *bbolt.Cursor, id []byte) (at, value []byte) {
	if at, _ = cursor.Seek(placeOf(note.ID(id), 1<<64-1)); at == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}

// Close releases the file. A closed journal answers with errors.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db == nil {
		return nil
	}
	db := j.db
	j.db = nil
	var err error
	if j.damage.Load() == nil { // a damaged one would wait for locks that are never released
		err = db.Close()
	}
	return errors.Join(err, j.lock.release())
}

// update changes the kept events of notes.
func (j *Journal) update(what string, notes []note.ID, do func(tx *bbolt.Tx) error) error {
	// Not Batch: it commits in goroutines of its own, in which a damaged page would end the daemon.
	return j.guarded(what, func(db *bbolt.DB) error {
		j.changes.note(notes)
		return db.Update(do)
	})
}

func (j *Journal) view(do func(tx *bbolt.Tx) error) error {
	return j.guarded("read", func(db *bbolt.DB) error { return db.View(do) })
}

// guarded runs do on the file. Damage to the file gives an error and never ends the daemon: the file is mapped into
// memory, and reading a missing part is a fault.
func (j *Journal) guarded(what string, do func(db *bbolt.DB) error) (err error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.db == nil {
		return fmt.Errorf("%s the journal: it is closed", what)
	}
	if damage := j.damage.Load(); damage != nil {
		return *damage
	}
	if err := unfaulted(func() error { return do(j.db) }); err != nil {
		err = fmt.Errorf("%s the journal %s: %w", what, j.path, err)
		if errors.Is(err, ErrDamaged) {
			j.damage.Store(&err)
		}
		return err
	}
	return nil
}

// unfaulted turns a fault of memory, or any other panic, into an error that wraps ErrDamaged.
func unfaulted(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, fault)
		}
	}()
	return do()
}
