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

// Leftovers reports whether something was forgotten since the file was last compacted, be it by an earlier program: it
// may still stand in free pages.
func (j *Journal) Leftovers() (bool, error) {
	var left bool
	err := j.view(func(tx *bbolt.Tx) error {
		at, _ := tx.Bucket(forgotten).Cursor().First()
		left = at != nil
		return nil
	})
	return left, err
}

// Compact writes what is kept into a fresh file, which takes the place of the old one. Do so after personal data was
// removed (AVG, article 17): what was forgotten may until then still stand in free pages; what is forgotten meanwhile,
// until the next time. On an error the journal goes on with the old file. Others go on writing while it is copied, and
// wait while what they wrote is added; one whose change makes the file outgrow its mapping, which happens when its size
// has doubled, waits for the copy.
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

// copyTo writes what is kept into a fresh file, and has all changes from then on noted for goOnWith.
func (j *Journal) copyTo(fresh string) error {
	j.mu.Lock() // no change is halfway: what is not noted is in the copy
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

// goOnWith adds to a copy what was changed since it was begun, and puts it in the place of the file.
func (j *Journal) goOnWith(fresh string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	changed := j.changes.end()
	if err := j.usable(); err != nil {
		return errors.Join(err, removed(fresh))
	}
	if err := unfaulted(func() error { return addChanged(fresh, j.db, changed) }); err != nil {
		return errors.Join(
			fmt.Errorf("compact the journal %s: add what was changed meanwhile: %w", j.path, err), removed(fresh),
		)
	}
	if err := os.Rename(fresh, j.path); err != nil {
		return errors.Join(fmt.Errorf("compact the journal: %w", err), removed(fresh))
	}
	old := j.db
	j.db = nil
	err := unfaulted(func() (err error) { // nothing is read: others wait, and it was written just now
		j.db, err = opened(j.path)
		return err
	})
	// Last, because the old file has no name any more, whatever becomes of this.
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
	// Not bbolt.Compact: it lets go of what it reads before it has written it, and others write over that.
	err = from.View(func(now *bbolt.Tx) error {
		return to.Update(func(tx *bbolt.Tx) error {
			if _, err := tx.CreateBucket(forgotten); err != nil { // nothing that was forgotten stands in the fresh file
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

// emptied gives a bucket with nothing in it.
func emptied(tx *bbolt.Tx, name []byte) (*bbolt.Bucket, error) {
	if err := tx.DeleteBucket(name); err != nil {
		return nil, err
	}
	return tx.CreateBucket(name)
}

// addChanged makes a copy the same as the file again: of the notes that were changed it takes all that is kept now.
// What was forgotten of them is taken over too, because it may stand in the copy.
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
			index, err := emptied(tx, keys) // small: no note's key is looked for
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

// retake makes what stands under a prefix in one bucket what stands there in another.
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

// changes are the notes that were changed while the file is copied. The zero value notes nothing.
type changes struct {
	mu    sync.Mutex
	notes map[note.ID]bool // nil while nothing is copied
}

func (c *changes) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = make(map[note.ID]bool)
}

// note is called before the change: one that fails is noted in vain.
func (c *changes) note(ids []note.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.notes != nil && len(id) == idLength {
			c.notes[id] = true
		}
	}
}

// end gives those that were noted, and notes nothing any more.
func (c *changes) end() []note.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := slices.Collect(maps.Keys(c.notes))
	c.notes = nil
	return ids
}
