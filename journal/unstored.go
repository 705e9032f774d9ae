package journal

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// first is the version of the event that carries a note's mark. The mark is part of its record, so it survives a torn
// file.
const first = 1

// Stored takes the mark from notes, see Begin. Unmarked and unknown notes are left as they are.
func (j *Journal) Stored(ids ...note.ID) error {
	return j.update("unmark notes in", ids, func(tx *bbolt.Tx) error {
		for _, id := range ids {
			if err := unmark(tx, id); err != nil {
				return fmt.Errorf("note %s: %w", id, err)
			}
		}
		return nil
	})
}

func unmark(tx *bbolt.Tx, id note.ID) error {
	made := tx.Bucket(events).Get(placeOf(id, first))
	if made == nil {
		return nil
	}
	r, _, err := unframed(made)
	if err != nil || !r.Unstored {
		return err
	}
	r.Unstored = false
	if r.Seq, err = tx.Bucket(events).NextSequence(); err != nil {
		return err
	}
	framed, err := r.framed()
	if err != nil {
		return err
	}
	return tx.Bucket(events).Put(placeOf(id, first), framed)
}

// Unstored gives the marked notes, see Begin, with their municipalities. It reads the first event of every note.
func (j *Journal) Unstored() (map[note.ID]call.MunicipalityID, error) {
	marked := make(map[note.ID]call.MunicipalityID)
	err := j.view(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(events).Cursor()
		for at, value := cursor.First(); at != nil; at, value = cursor.Next() {
			id := bytes.Clone(at[:idLength])
			r, _, err := unframed(value)
			if err != nil {
				return fmt.Errorf("event of note %s: %w", id, err)
			}
			if r.Unstored {
				marked[r.Note] = r.Municipality
			}
			lastOf(cursor, id)
		}
		return nil
	})
	return marked, err
}
