package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const (
	lockWithin = 2 * time.Second // a daemon that stops releases its journal in this time
	lockAgain  = 20 * time.Millisecond
)

// ErrInUse is wrapped by Open's error when another process has the journal.
var ErrInUse = errors.New("the journal is in use by another process: is a second daemon running?")

// lock keeps others from the journal. It is a file of its own: the journal's file is replaced now and then, and a
// process that reads it while another writes would take it for torn.
type lock struct{ file *os.File }

func locked(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: the directory must exist and be writable", err)
	}
	for deadline := time.Now().Add(lockWithin); ; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return &lock{file}, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		case time.Now().After(deadline):
			return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrInUse), file.Close())
		}
		time.Sleep(lockAgain)
	}
}

func (l *lock) release() error { return l.file.Close() }
