// Package plainfile owns how a file that somebody names is read: an ordinary one only, and a secret only where nobody
// but its owner can.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// ErrTooLarge is given for a file that holds more than it may.
var ErrTooLarge = errors.New("it is too large")

// ExposedError is given for a secret that others can get at.
type ExposedError struct {
	Mode os.FileMode // its permissions
}

// Error says so.
func (e ExposedError) Error() string {
	return fmt.Sprintf("it can be read by others than its owner (mode %04o)", e.Mode)
}

// Open opens a file for reading, but neither a directory nor a pipe, which could block for ever. Its errors name the
// fault and leave the path to the caller.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		var fault *os.PathError
		if errors.As(err, &fault) {
			err = fault.Err
		}
		return nil, fmt.Errorf("it cannot be opened: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadPrivate reads a file that nobody but its owner can, of at most so many bytes. In credentials, the directory that
// systemd makes for LoadCredential=, and in that of any service, which root reads by its full path, the group bits are
// let be: there they are the mask of an access list that lets the service's own user read. Empty stands for no such
// directory. Besides those of Open it gives an ExposedError and ErrTooLarge.
func ReadPrivate(path, credentials string, most int) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&exposing(path, credentials) != 0 {
		return nil, ExposedError{mode}
	}
	raw, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it cannot be read: %w", err)
	case len(raw) > most:
		return nil, ErrTooLarge
	}
	return raw, nil
}

// everyCredential is where systemd makes a directory for each service with credentials. Only root can write there.
const everyCredential = "/run/credentials"

// exposing are the bits of a file's mode that let others get at it.
func exposing(path, credentials string) os.FileMode {
	dir := filepath.Dir(filepath.Clean(path))
	if credentials != "" && dir == filepath.Clean(credentials) || filepath.Dir(dir) == everyCredential {
		return 0o007
	}
	return 0o077
}
