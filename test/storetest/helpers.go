package storetest

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
)

// Patiently retries while a store does not answer, for ten seconds: it may be away, a busy machine is slow, and the
// client library tries a dead server once a second. All operations of a store may be repeated.
func Patiently[V any](ask func() (V, error)) (V, error) {
	got, err := ask()
	if !errors.Is(err, note.ErrStoreDown) {
		return got, err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(10 * time.Second); errors.Is(err, note.ErrStoreDown); got, err = ask() {
		select {
		case <-tick.C:
		case <-limit:
			return got, err
		}
	}
	return got, err
}

// RequireSame requires that two notes are stored alike.
func RequireSame(tb testing.TB, want, got note.Note, why ...any) {
	tb.Helper()
	require.Equal(tb, note.EncodeNote(want), note.EncodeNote(got), why...)
}

// RequireRestored is RequireSame but for the end of a lease: a restored one runs anew.
func RequireRestored(tb testing.TB, want, got note.Note, why ...any) {
	tb.Helper()
	require.Equal(tb, want.Lease.IsZero(), got.Lease.IsZero(), why...)
	want.Lease, got.Lease = time.Time{}, time.Time{}
	RequireSame(tb, want, got, why...)
}

// InMemory gives a directory in memory, where there is one: a test with thousands of files waits for no disk.
func InMemory(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bereikbaar") //nolint:usetesting // in memory, which TempDir is not
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	return dir
}

// Just gives the note of a promise and drops the rest.
func Just(n note.Note, _ callback.How, err error) (note.Note, error) { return n, err }
