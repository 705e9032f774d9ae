package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFile is in the state directory, and locked as long as a daemon runs on it.
const lockFile = "lock"

// SecondError says that a daemon runs on the state directory already.
type SecondError struct{ Directory, Process string }

// Error names the directory and the process.
func (e *SecondError) Error() string {
	return fmt.Sprintf("another bereikbaar (process %s) runs on %s; stop it first", e.Process, e.Directory)
}

// LockState makes sure that one daemon runs on a state directory: two would take each other's calls. The lock goes with
// the process, however it ends.
func LockState(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	path := filepath.Join(dir, lockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path) // only to name it
		file.Close()
		return nil, &SecondError{Directory: dir, Process: strings.TrimSpace(string(holder))}
	}
	if err := file.Truncate(0); err == nil {
		_, err = fmt.Fprintf(file, "%d\n", os.Getpid())
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("state directory: %w", err)
		}
	}
	return file, nil
}
