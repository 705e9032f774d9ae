package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// aSmallJournal gives the bytes of a journal, and what it keeps.
func aSmallJournal(tb testing.TB, notes int) ([]byte, map[note.ID][]note.Event) {
	tb.Helper()
	path := filepath.Join(storetest.InMemory(tb), "journal")
	j := open(tb, path)
	for i := range notes {
		made := aPromise(tb)
		require.NoError(tb, j.Append(town, made))
		require.NoError(tb, j.Append(town, comment(made.Note, 2, fmt.Sprint("woord ", i))))
	}
	file, err := os.ReadFile(path)
	require.NoError(tb, err)
	return file, content(tb, j)
}

// reopened opens a journal of these bytes, and gives what it keeps and whether it was torn. It must be usable.
func reopened(tb testing.TB, dir string, file []byte) (map[note.ID][]note.Event, *journal.TornError) {
	tb.Helper()
	path := filepath.Join(dir, "journal")
	require.NoError(tb, os.WriteFile(path, file, 0o600))
	j, err := journal.Open(path)
	var torn *journal.TornError
	if err != nil {
		require.ErrorIs(tb, err, journal.ErrTorn)
		require.ErrorAs(tb, err, &torn)
		aside, err := os.ReadFile(torn.Aside)
		require.NoError(tb, err)
		require.Len(tb, aside, len(file), "the damaged file is set aside as it was")
		require.NoError(tb, os.Remove(torn.Aside))
	}
	kept := content(tb, j)
	require.NoError(tb, j.Append(town, aPromise(tb)))
	require.NoError(tb, j.Close())
	return kept, torn
}

// requirePart requires that all that is kept was written.
func requirePart(tb testing.TB, kept, wrote map[note.ID][]note.Event) {
	tb.Helper()
	for id, events := range kept {
		for _, e := range events {
			require.Contains(tb, wrote[id], e)
		}
	}
}

// Fault matrix, row 11: a torn journal, opened after cuts of every kind. TestRow11EveryCutAndEveryWrongByte looks at
// every byte, without files.
func TestRow11ATornFileIsOpened(t *testing.T) {
	file, wrote := aSmallJournal(t, 3)
	dir := storetest.InMemory(t)
	whole := 0
	page := os.Getpagesize()
	for cut := range len(file) + 1 {
		if cut%64 != 0 && cut%page > 1 && cut%page < page-1 {
			continue
		}
		kept, torn := reopened(t, dir, file[:cut])
		requirePart(t, kept, wrote)
		if torn == nil {
			require.Equal(t, wrote, kept, "cut at byte %d and nobody noticed", cut)
			whole++
		}
	}
	require.NotZero(t, whole, "the whole file is whole")
}

func TestRow11ACutFileKeepsWhatStoodBeforeTheCut(t *testing.T) {
	file, wrote := aSmallJournal(t, 40)
	kept, torn := reopened(t, storetest.InMemory(t), file[:len(file)/2])
	require.NotNil(t, torn)
	require.ErrorContains(t, torn, "cut off")
	require.Greater(t, len(kept), 3, "of %d", len(wrote))
	requirePart(t, kept, wrote)
}

func TestRow11FlippedBytesInTheMetaPages(t *testing.T) {
	file, wrote := aSmallJournal(t, 3)
	dir, page := storetest.InMemory(t), os.Getpagesize()
	found := 0
	for _, meta := range []int{0, page} {
		for at := range 80 { // the page's head and the meta itself
			for _, flip := range []byte{0x01, 0x80, 0xFF} {
				spoilt := append([]byte(nil), file...)
				spoilt[meta+at] ^= flip
				kept, torn := reopened(t, dir, spoilt)
				require.Equal(t, wrote, kept, "byte %d of the page at %d", at, meta)
				if torn != nil {
					found++
				}
			}
		}
	}
	require.Greater(t, found, 2*3*64, "every byte of a meta counts")
}

func TestRow11FlippedBytesAnywhere(t *testing.T) {
	file, wrote := aSmallJournal(t, 3)
	dir := storetest.InMemory(t)
	for at := 0; at < len(file); at += 61 {
		spoilt := append([]byte(nil), file...)
		spoilt[at] ^= 0xFF
		kept, torn := reopened(t, dir, spoilt)
		requirePart(t, kept, wrote)
		if torn == nil {
			require.Equal(t, wrote, kept, "byte %d was wrong and nobody noticed", at)
		}
	}
}

func TestRow11OneFlippedByteCostsOneEventAtMost(t *testing.T) {
	file, wrote := aSmallJournal(t, 3)
	at := strings.LastIndex(string(file), "woord 1") // in the newest copy
	spoilt := append([]byte(nil), file...)
	spoilt[at] ^= 0x20
	kept, torn := reopened(t, storetest.InMemory(t), spoilt)
	require.NotNil(t, torn)
	requirePart(t, kept, wrote)
	lost := 0
	for id, events := range wrote {
		lost += len(events) - len(kept[id])
	}
	require.LessOrEqual(t, lost, 1)
}

func TestRow11NotAJournalAtAll(t *testing.T) {
	for name, file := range map[string][]byte{
		"nothing":   {},
		"text":      []byte("de kat krabt de krullen van de trap"),
		"zeros":     make([]byte, 1<<16),
		"a picture": append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 5000)...),
	} {
		t.Run(name, func(t *testing.T) {
			kept, torn := reopened(t, t.TempDir(), file)
			require.Empty(t, kept)
			require.NotNil(t, torn)
			require.Zero(t, torn.Kept)
		})
	}
}

// Forgotten events stand in free pages until the file is compacted, and must not come back from there.
func TestATornJournalDoesNotBringBackForgottenEvents(t *testing.T) {
	path := filepath.Join(storetest.InMemory(t), "journal")
	j, err := journal.Open(path)
	require.NoError(t, err)
	gone, half, kept := aPromise(t), aPromise(t), aPromise(t)
	require.NoError(t, j.Append(town, half, comment(half.Note, 2, "weg")))
	require.NoError(t, j.Forget(half.Note, 2))
	again := comment(half.Note, 2, "opnieuw")
	require.NoError(t, j.Append(town, again))
	require.NoError(t, j.Append(town, kept))
	require.NoError(t, j.Append(town, gone, comment(gone.Note, 2, "weg")))
	require.NoError(t, j.Forget(gone.Note, 1)) // nothing is written after it, so that its pages are as they were
	require.NoError(t, j.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(file), string(gone.Base.Key), "its bytes are still there")
	file[20] ^= 0xFF

	got, torn := reopened(t, storetest.InMemory(t), file)
	require.NotNil(t, torn)
	require.Equal(t, map[note.ID][]note.Event{half.Note: {half, again}, kept.Note: {kept}}, got)
	require.Equal(t, 3, torn.Kept)
}

func TestAKeyIsFoundAgainInATornJournal(t *testing.T) {
	path := filepath.Join(storetest.InMemory(t), "journal")
	j, err := journal.Open(path)
	require.NoError(t, err)
	made := aPromise(t)
	require.NoError(t, j.Append(town, made))
	require.NoError(t, j.Close())
	require.NoError(t, os.Truncate(path, 3*int64(os.Getpagesize())))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(file), string(made.Base.Key), "its entry stands before the cut")
	j, err = journal.Open(path)
	require.ErrorIs(t, err, journal.ErrTorn)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	id, found, err := j.ByKey(town, made.Base.Key)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, made.Note, id)
}

// The disk, or a careless hand, cuts the file under a running daemon: what is mapped is gone, and a read of it is a
// fault.
func TestAFileThatIsCutWhileInUseDoesNotEndTheDaemon(t *testing.T) {
	path := pathOf(t)
	j, err := journal.Open(path)
	require.NoError(t, err)
	for range 50 {
		require.NoError(t, j.Append(town, aPromise(t)))
	}
	require.NoError(t, os.Truncate(path, int64(os.Getpagesize())))
	_, err = j.Notes()
	require.ErrorIs(t, err, journal.ErrDamaged)
	require.ErrorIs(t, j.Append(town, aPromise(t)), journal.ErrDamaged)
	require.ErrorIs(t, j.Compact(), journal.ErrDamaged)
	require.NoError(t, j.Close())
	j, err = journal.Open(path)
	require.ErrorIs(t, err, journal.ErrTorn, "a new start mends it as far as possible")
	require.NoError(t, j.Append(town, aPromise(t)))
	require.NoError(t, j.Close())
}

// Fault matrix, row 11: the disk of the journal is full.
func TestRow11DiskFull(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"), "this test needs root, for a small disk")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	path := filepath.Join(dir, "journal")
	j, err := journal.Open(path)
	require.NoError(t, err)
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 600<<10), 0o600))

	wrote := make(map[note.ID][]note.Event)
	var full error
	for range 2000 {
		e := aPromise(t)
		e.Base.Reason = strings.Repeat("lang verhaal ", 100)
		if full = j.Append(town, e); full != nil {
			break
		}
		wrote[e.Note] = []note.Event{e}
	}
	require.ErrorIs(t, full, syscall.ENOSPC)
	require.ErrorContains(t, full, path)
	require.NotErrorIs(t, full, journal.ErrDamaged)
	require.NotEmpty(t, wrote)
	require.Equal(t, wrote, content(t, j), "the earlier ones are kept, and nothing was written halfway")
	require.ErrorIs(t, j.Compact(), syscall.ENOSPC)
	require.Equal(t, wrote, content(t, j))

	require.NoError(t, os.Remove(ballast))
	e := aPromise(t)
	require.NoError(t, j.Append(town, e), "there is room again")
	wrote[e.Note] = []note.Event{e}
	require.NoError(t, j.Close())
	j, err = journal.Open(path)
	require.NoError(t, err)
	require.Equal(t, wrote, content(t, j))
	require.NoError(t, j.Close())
}
