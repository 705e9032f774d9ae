package journal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/bereikbaar/bereikbaar/note"
)

// Leftovers reports whether events were forgotten since the file was last compacted, by this program or an earlier one:
// they may still stand in free pages.
func (j *Journal) Leftovers() (bool, error) {
	var left bool
	err := j.view(func(tx *bbolt.Tx) error {
		at, _ := tx.Bucket(forgotten).Cursor().First()
		left = at != nil
		return nil
	})
	return left, err
}

// Compact copies the kept events into a fresh file, which replaces the old one. Run it after personal data was removed
// (AVG, article 17): until then forgotten events may still stand in free pages, and events that are forgotten during a
// run until the next one. On an error the journal goes on with the old file. Writers go on during the copy and wait
// only while their changes are added. A write that makes the file outgrow its mapping, which happens when its size has
// doubled, waits for the copy.
func (j *Journal) Compact() error {
	j.compacting.Lock()
	defer j.compacting.Unlock()
	fresh := j.path + newSuffix
	if err := j.copyTo(fresh); err != nil {
		j.changes.end()
		return err
	}
	return j.goOnWith(fresh)
}

// copyTo copies the kept events into a fresh file. Changes from then on are noted for goOnWith.
func (j *Journal) copyTo(fresh string) error {
	j.mu.Lock() // no change is under way: each is noted or in the copy
	j.changes.begin()
	j.mu.Unlock()
	j.mu.RLock()
	defer j.mu.RUnlock()
	if err := j.usable(); err != nil {
		return err
	}
	if err := unfaulted(func() error { return compact(fresh, j.db) }); err != nil {
		return errors.Join(fmt.Errorf("compact the journal %s: %w", j.path, err), removed(fresh))
	}
	return nil
}

// goOnWith adds the changes made since the copy began, and puts the copy in the place of the file.
func (j *Journal) goOnWith(fresh string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	changed := j.changes.end()
	if err := j.usable(); err != nil {
		return errors.Join(err, removed(fresh))
	}
	if err := unfaulted(func() error { return addChanged(fresh, j.db, changed) }); err != nil {
		return errors.Join(
			fmt.Errorf("compact the journal %s: add the changes made meanwhile: %w", j.path, err), removed(fresh),
		)
	}
	if err := os.Rename(fresh, j.path); err != nil {
		return errors.Join(fmt.Errorf("compact the journal: %w", err), removed(fresh))
	}
	old := j.db
	j.db = nil
	err := unfaulted(func() (err error) { // the records are not checked: writers wait, and they were written just now
		j.db, err = opened(j.path)
		return err
	})
	// Last: the old file has no name any more, so no error here brings it back.
	if err := errors.Join(old.Close(), err, synced(filepath.Dir(j.path))); err != nil {
		return fmt.Errorf("compact the journal %s: go on with the fresh file: %w", j.path, err)
	}
	return nil
}

// usable is called with mu held.
func (j *Journal) usable() error {
	if j.db == nil {
		return errors.New("compact the journal: it is closed")
	}
	if damage := j.damage.Load(); damage != nil {
		return *damage
	}
	return nil
}

func compact(path string, from *bbolt.DB) error {
	if err := removed(path); err != nil {
		return err
	}
	to, err := opened(path)
	if err != nil {
		return err
	}
	// Not bbolt.Compact: it releases pages before it has written their content, and other writers reuse them.
	err = from.View(func(now *bbolt.Tx) error {
		return to.Update(func(tx *bbolt.Tx) error {
			if _, err := tx.CreateBucket(forgotten); err != nil { // the fresh file holds no forgotten events
				return err
			}
			for _, name := range [][]byte{events, keys} {
				fresh, err := tx.CreateBucket(name)
				if err != nil {
					return err
				}
				fresh.FillPercent = 1 // they come in order
				old := now.Bucket(name)
				if err := errors.Join(old.ForEach(fresh.Put), fresh.SetSequence(old.Sequence())); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return errors.Join(err, to.Close())
}

// emptied gives a bucket anew, empty.
func emptied(tx *bbolt.Tx, name []byte) (*bbolt.Bucket, error) {
	if err := tx.DeleteBucket(name); err != nil {
		return nil, err
	}
	return tx.CreateBucket(name)
}

// addChanged brings a copy up to date: it takes over the changed notes as they are now. Their records in forgotten come
// along, because the forgotten events may stand in the copy.
func addChanged(path string, from *bbolt.DB, changed []note.ID) error {
	if len(changed) == 0 {
		return nil
	}
	to, err := opened(path)
	if err != nil {
		return err
	}
	err = from.View(func(now *bbolt.Tx) error {
		return to.Update(func(tx *bbolt.Tx) error {
			for _, bucket := range [][]byte{events, forgotten} {
				for _, id := range changed {
					if err := retake(tx.Bucket(bucket), now.Bucket(bucket), []byte(id)); err != nil {
						return err
					}
				}
			}
			index, err := emptied(tx, keys) // it is small, so it is copied whole
			if err != nil {
				return err
			}
			return errors.Join(
				now.Bucket(keys).ForEach(index.Put), tx.Bucket(events).SetSequence(now.Bucket(events).Sequence()),
			)
		})
	})
	return errors.Join(err, to.Close())
}

// retake replaces the entries under a prefix in one bucket by those of another.
func retake(to, from *bbolt.Bucket, prefix []byte) error {
	var gone [][]byte
	cursor := to.Cursor()
	for at, _ := cursor.Seek(prefix); bytes.HasPrefix(at, prefix); at, _ = cursor.Next() {
		gone = append(gone, bytes.Clone(at))
	}
	for _, at := range gone {
		if err := to.Delete(at); err != nil {
			return err
		}
	}
	cursor = from.Cursor()
	for at, value := cursor.Seek(prefix); bytes.HasPrefix(at, prefix); at, value = cursor.Next() {
		if err := to.Put(at, value); err != nil {
			return err
		}
	}
	return nil
}

// changes collects the notes that change while the file is copied. The zero value collects nothing.
type changes struct {
	mu    sync.Mutex
	notes map[note.ID]bool // nil while nothing is copied
}

func (c *changes) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = make(map[note.ID]bool)
}

// note is called before the change; a change that fails does no harm.
func (c *changes) note(ids []note.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.notes != nil && len(id) == idLength {
			c.notes[id] = true
		}
	}
}

// end gives the collected notes and stops collecting.
func (c *changes) end() []note.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := slices.Collect(maps.Keys(c.notes))
	c.notes = nil
	return ids
}
