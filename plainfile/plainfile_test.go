package plainfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/plainfile"
)

func TestOnlyAnOrdinaryFileIsOpened(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{dir, pipe, "/dev/zero"} {
		_, err := plainfile.Open(path)
		require.ErrorContains(t, err, "not a regular file", path)
		_, err = plainfile.ReadPrivate(path, "", 10)
		require.ErrorContains(t, err, "not a regular file", path)
	}
	_, err := plainfile.Open(filepath.Join(dir, "nothing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), dir, "the path is the caller's to tell")
}

func TestASecretIsItsOwnersAlone(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "secret")
	for _, test := range []struct {
		mode        os.FileMode
		credentials string
		fine        bool
	}{
		{0o600, "", true},
		{0o400, "", true},
		{0o640, "", false},
		{0o604, "", false},
		{0o620, "", false},
		{0o440, dir, true}, // the mask of an access list
		{0o440, dir + "/", true},
		{0o440, elsewhere, false},
		{0o444, dir, false},
	} {
		require.NoError(t, os.WriteFile(path, []byte("geheim"), 0o600))
		require.NoError(t, os.Chmod(path, test.mode))
		raw, err := plainfile.ReadPrivate(path, test.credentials, 6)
		if test.fine {
			require.NoError(t, err, test.mode)
			require.Equal(t, "geheim", string(raw))
		} else {
			require.Equal(t, plainfile.ExposedError{Mode: test.mode}, err, test.mode)
		}
		require.NoError(t, os.Remove(path))
	}
	require.NoError(t, os.WriteFile(path, []byte("geheim"), 0o600))
	_, err := plainfile.ReadPrivate(path, "", 5)
	require.ErrorIs(t, err, plainfile.ErrTooLarge)
}
