package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func requireMarked(t *testing.T, j *journal.Journal, want ...note.Event) {
	t.Helper()
	marked := make(map[note.ID]call.MunicipalityID)
	for _, made := range want {
		marked[made.Note] = town
	}
	got, err := j.Unstored()
	require.NoError(t, err)
	require.Equal(t, marked, got)
}

func TestTheJournalKnowsTheUnstoredNotes(t *testing.T) {
	path := pathOf(t)
	j, err := journal.Open(path)
	require.NoError(t, err)
	requireMarked(t, j)
	waits, stored, refused, copied, never := aPromise(t), aPromise(t), aPromise(t), aPromise(t), aPromise(t)
	for _, made := range []note.Event{waits, stored, refused, copied} {
		require.NoError(t, j.Begin(town, made))
	}
	require.NoError(t, j.Append(town, never))
	requireMarked(t, j, waits, stored, refused, copied)
	require.NoError(t, j.Append(town, comment(waits.Note, 2, "verder"), copied, comment(stored.Note, 2, "verder")))
	require.NoError(t, j.Forget(refused.Note, 1))
	require.NoError(t, j.Stored(stored.Note, refused.Note, never.Note, "none"))
	requireMarked(t, j, waits)
	require.NotContains(t, content(t, j), refused.Note, "what is gone stays gone")
	require.Equal(t, waits, content(t, j)[waits.Note][0], "a mark is no part of the event")

	require.NoError(t, j.Compact())
	requireMarked(t, j, waits)
	require.NoError(t, j.Close())
	requireMarked(t, open(t, path), waits)
}

func TestAMarkIsFoundAgainInATornJournal(t *testing.T) {
	path := filepath.Join(storetest.InMemory(t), "journal")
	j, err := journal.Open(path)
	require.NoError(t, err)
	waits, stored := aPromise(t), aPromise(t)
	require.NoError(t, j.Begin(town, waits))
	require.NoError(t, j.Begin(town, stored))
	require.NoError(t, j.Stored(stored.Note)) // the record with the mark still stands in free pages
	require.NoError(t, j.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(file), fmt.Sprintf(`"key":"%s","unstored":true`, stored.Base.Key))
	file[20] ^= 0xFF
	require.NoError(t, os.WriteFile(path, file, 0o600))

	j, err = journal.Open(path)
	require.ErrorIs(t, err, journal.ErrTorn)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	requireMarked(t, j, waits)
}

func TestTheJournalKnowsWhetherItsFileHoldsForgottenEvents(t *testing.T) {
	path := pathOf(t)
	j, err := journal.Open(path)
	require.NoError(t, err)
	requireLeft := func(want bool) {
		t.Helper()
		left, err := j.Leftovers()
		require.NoError(t, err)
		require.Equal(t, want, left)
	}
	made := aPromise(t)
	require.NoError(t, j.Append(town, made, aPromise(t)))
	require.NoError(t, j.Forget(aPromise(t).Note, 1))
	requireLeft(false)
	require.NoError(t, j.Forget(made.Note, 1))
	requireLeft(true)
	require.NoError(t, j.Close())
	j = open(t, path)
	requireLeft(true)
	require.NoError(t, j.Compact())
	requireLeft(false)
}
