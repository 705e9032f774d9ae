package keeper_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// Row 11 of the fault matrix: the disk of the journal is full. Redis alone confirms, with an alarm; without Redis
// nothing is confirmed, within the time limit. With room again a change gives the journal what it lacks.
func TestRow11TheDiskOfTheJournalIsFull(t *testing.T) {
	disk := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"), "this test needs root, for a small disk")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, 0)) })
	ballast := filepath.Join(disk, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 600<<10), 0o600))
	server := redistest.Start(t)
	d := starts(t, server, filepath.Join(disk, "journal.db"))
	defer d.ends(t) // before the disk goes

	var told []note.Note
	for len(d.watch.Failed) == 0 {
		r := longStory()
		n, err := storetest.Patiently(func() (note.Note, error) { return storetest.Just(d.service.Promise(ctx, r)) })
		require.NoError(t, err, "the caller hears their reference, also when the disk is full")
		told = append(told, n)
		require.Less(t, len(told), 2000, "the disk gets full")
	}
	require.ErrorIs(t, d.watch.Failed[0], syscall.ENOSPC, "the alarm is raised")
	last := told[len(told)-1] // the journal does not have it
	for _, n := range told[:len(told)-1] {
		require.Contains(t, d.content(t), n.ID, "the earlier ones are kept")
	}
	d.catchesUp(t)                                   // a busy machine may have made Redis too slow to wait for
	claimed := d.does(t, last, life("els")[0](last)) // it is worked like any other
	requireTold(t, requireInvariants(t, server), append(told, claimed))

	server.Kill()
	for { // one more may fit in free pages
		began := time.Now()
		n, _, err := d.service.Promise(ctx, longStory())
		require.Less(t, time.Since(began), time.Second)
		if err != nil {
			require.ErrorIs(t, err, note.ErrStoreDown, "neither can keep it: no confirmation")
			require.ErrorIs(t, err, syscall.ENOSPC)
			break
		}
		told = append(told, n)
	}
	server.Restart()
	d.catchesUp(t)
	require.Len(
		t, requireInvariants(t, server).Notes, len(told), "refused callers have no note, and all others have theirs",
	)

	require.NoError(t, os.Remove(ballast))
	failed := len(d.watch.Failed)
	claimed = d.does(t, claimed, life("els")[1](claimed))
	require.Len(t, d.watch.Failed, failed, "there is room again")
	server.Empty()
	d.catchesUp(t)
	requireTold(t, requireInvariants(t, server), append(told, claimed))
	require.Equal(t, len(told), d.watch.Lost)
}

// longStory is a request with a long text.
func longStory() callback.Request {
	r := request()
	r.Reason = strings.Repeat("een lang verhaal ", 100)
	return r
}
