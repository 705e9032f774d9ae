// Package plainfile reads files that people name: regular ones only, and a secret only when others cannot read it.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// ErrTooLarge is returned for a file above its size limit.
var ErrTooLarge = errors.New("it is too large")

// ExposedError is returned for a secret that others can read or change.
type ExposedError struct {
	Mode os.FileMode // its permissions
}

// Error names the permissions.
func (e ExposedError) Error() string {
	return fmt.Sprintf("it can be read by others than its owner (mode %04o)", e.Mode)
}

// Open opens a regular file for reading; it refuses a directory, and a pipe, which could block for ever. Its errors
// name the fault and leave the path to the calling code.
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

// ReadPrivate reads a file of at most that many bytes, which only its owner can read. It ignores the group bits in
// credentials, the directory that systemd makes for LoadCredential= (empty for none), and in that of any service, which
// root reads by its full path: there they are the mask of an access list that lets the service's own user read. Besides
// the errors of Open it returns an ExposedError and ErrTooLarge.
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

// exposing are the bits of a file's mode that give others access.
func exposing(path, credentials string) os.FileMode {
	dir := filepath.Dir(filepath.Clean(path))
	if credentials != "" && dir == filepath.Clean(credentials) || filepath.Dir(dir) == everyCredential {
		return 0o007
	}
	return 0o077
}
