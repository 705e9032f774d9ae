package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// ErrTorn is wrapped by the error that Open gives beside a journal whose file was damaged. Log it: a manual check is
// needed.
var ErrTorn = errors.New("the journal was damaged")

// TornError tells of a damaged journal: the file was set aside, and a fresh one has all readable events.
type TornError struct {
	Aside string // where the damaged file is now; it holds what callers told, so remove it after the check
	Kept  int    // events that could still be read
	Why   string
}

// Error says what was found, what was kept, and what to do.
func (e *TornError) Error() string {
	const text = "%v: %s; %d events could be read and are kept, the file was set aside as %s: " +
		"check the disk, then remove that file"
	return fmt.Sprintf(text, ErrTorn, e.Why, e.Kept, e.Aside)
}

// Unwrap makes it an ErrTorn.
func (e *TornError) Unwrap() error { return ErrTorn }

const (
	private    = 0o600 // numbers and what callers told
	newSuffix  = ".new"
	lockSuffix = ".lock"
)

// Open opens the journal at path, which begins empty when there is none; its directory must exist. When another process
// has it, Open waits for at most two seconds, then gives an error that wraps ErrInUse. A damaged file (cut, or with
// wrong bytes) is set aside, and every readable event goes into a fresh one: Open then gives a journal that can be
// used, and beside it an error that wraps ErrTorn. With any other error there is no journal.
func Open(path string) (*Journal, error) {
	held, err := locked(path + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{path: path, lock: held}
	torn, err := j.begin()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal %s: %w", path, err), held.release())
	}
	if torn != nil {
		return j, torn
	}
	return j, nil
}

// begin opens the file, or a fresh one in its place.
func (j *Journal) begin() (*TornError, error) {
	file, err := os.ReadFile(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, j.beginWith(nil)
	}
	if err != nil {
		return nil, err
	}
	why := intact(file)
	if why == nil {
		if why = j.openSound(); why == nil {
			return nil, nil
		}
		if !errors.Is(why, ErrDamaged) && !errors.Is(why, errBrokenRecord) {
			return nil, why
		}
	}
	return j.setAside(file, why)
}

// openSound opens a file whose pages hang together, and reads every record in it.
func (j *Journal) openSound() error {
	return unfaulted(func() error {
		db, err := opened(j.path)
		if err != nil {
			return err
		}
		if err := db.View(readThrough); err != nil {
			return errors.Join(err, db.Close())
		}
		j.db = db
		return nil
	})
}

func opened(path string) (*bbolt.DB, error) {
	return bbolt.Open(path, private, &bbolt.Options{Timeout: lockWithin})
}

// readThrough reads every record.
func readThrough(tx *bbolt.Tx) error {
	for _, name := range [][]byte{events, keys, forgotten} {
		bucket := tx.Bucket(name)
		if bucket == nil {
			return fmt.Errorf("there are no %s: %w", name, errBrokenRecord)
		}
		err := bucket.ForEach(func(at, value []byte) error {
			if bytes.Equal(name, keys) {
				return nil
			}
			r, length, err := unframed(value)
			if err != nil || length != len(value) || len(at) != idLength+8 || !bytes.HasPrefix(at, []byte(r.Note)) ||
				r.Fields != nil && binary.BigEndian.Uint64(at[idLength:]) != r.Ver {
				return errBrokenRecord
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setAside keeps the damaged file under another name, and begins a fresh one with its readable events. One of the two
// is at path at every moment, whenever the power fails.
func (j *Journal) setAside(file []byte, why error) (*TornError, error) {
	aside := j.path + ".torn-" + time.Now().UTC().Format("20060102T150405.000000000Z")
	if err := os.Link(j.path, aside); err != nil {
		return nil, fmt.Errorf("it was damaged (%w) and cannot be set aside: %w", why, err)
	}
	saved := standing(recordsIn(file))
	if err := j.beginWith(saved); err != nil {
		return nil, fmt.Errorf("it was damaged (%w), and its readable events cannot be written: %w", why, err)
	}
	return &TornError{Aside: aside, Kept: len(saved), Why: why.Error()}, nil
}

// beginWith makes a file with these events, puts it in the place of the old one, and opens it.
func (j *Journal) beginWith(saved []record) error {
	fresh := j.path + newSuffix
	if err := build(fresh, saved); err != nil {
		return errors.Join(err, removed(fresh))
	}
	if err := replace(j.path, fresh); err != nil {
		return err
	}
	return j.openSound()
}

func build(path string, saved []record) error {
	if err := removed(path); err != nil {
		return err
	}
	db, err := opened(path)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{events, keys, forgotten} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		last := uint64(0)
		for _, r := range saved {
			if len(r.Note) != idLength {
				continue // not ours
			}
			last = max(last, r.Seq)
			if err := r.putInto(tx); err != nil {
				return err
			}
		}
		return tx.Bucket(events).SetSequence(last)
	})
	return errors.Join(err, db.Close())
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// replace puts a file in the place of another; when it returns this is on the disk.
func replace(path, fresh string) error {
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return synced(filepath.Dir(path))
}

// synced writes the entries of a directory to the disk.
func synced(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
