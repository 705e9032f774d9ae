package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// written gives the bytes of a journal with a few events, and those.
func written(tb testing.TB, notes int) ([]byte, map[string]bool) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "journal")
	j, err := Open(path)
	require.NoError(tb, err)
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	wrote := make(map[string]bool)
	for i := range notes {
		id := note.ID("01JD5V3Z5QXKZ9W7M2R4T6Y8A" + string(rune('A'+i)))
		made := note.Made(note.Note{
			ID: id, Reference: "10000004", Municipality: "deventer", Team: "kcc", Owner: "kcc",
			Key:    note.CallKey("pbx1", call.ID(id)),
			Number: call.Number{E164: "+31612345678", Kind: call.KindMobile}, Language: "nl", Made: at,
			Deadline: at.Add(time.Hour),
		}, note.ByCaller)
		require.NoError(tb, j.Append("deventer", made))
		require.NoError(
			tb,
			j.Append("deventer", note.Event{
				ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", Note: id, Kind: note.EventRaised, Ver: 2, At: at, Who: note.BySystem,
			}),
		)
		wrote[string(placeOf(id, 1))], wrote[string(placeOf(id, 2))] = true, true
	}
	require.NoError(tb, j.Close())
	file, err := os.ReadFile(path)
	require.NoError(tb, err)
	require.NoError(tb, intact(file))
	return file, wrote
}

// Fault matrix, row 11: the file is cut at every byte, and every byte is wrong once. The check looks only at a copy in
// memory, so it is tested here without files: it never leaves its bounds, and no event comes up that was not written.
func TestRow11EveryCutAndEveryWrongByte(t *testing.T) {
	file, wrote := written(t, 3)
	beginning, err := metaAt(file, 0)
	require.NoError(t, err)
	second, err := metaAt(file, beginning.pageSize)
	require.NoError(t, err)
	used := max(beginning.pages, second.pages) * beginning.pageSize
	requireWritten := func(spoilt []byte) {
		for _, r := range standing(recordsIn(spoilt)) {
			if !wrote[string(placeOf(r.Note, r.Ver))] {
				require.Fail(t, "an event came up that was not written", "note %s version %d", r.Note, r.Ver)
			}
		}
	}
	for cut := range file {
		if intact(file[:cut]) == nil && uint64(cut) < used {
			require.Fail(t, "a cut was not noticed", "at byte %d of %d", cut, used)
		}
		if cut%16 == 0 {
			requireWritten(file[:cut])
		}
	}
	spoilt := append([]byte(nil), file...)
	for at := range spoilt {
		for _, flip := range []byte{0x01, 0x10, 0x80, 0xFF} {
			spoilt[at] ^= flip
			_ = intact(spoilt) // right or wrong, it comes back
			if flip == 0xFF && at%16 == 0 {
				requireWritten(spoilt)
			}
			spoilt[at] ^= flip
		}
	}
	for at := range uint64(pageHead + metaLength) {
		for _, page := range []uint64{0, beginning.pageSize} {
			spoilt[page+at] ^= 0xFF
			if at >= pageHead && intact(spoilt) == nil {
				require.Fail(t, "a damaged beginning was not noticed", "byte %d of the page at %d", at, page)
			}
			spoilt[page+at] ^= 0xFF
		}
	}
}

func TestIntactChecksManyPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	saved := make([]record, 3000)
	for i := range saved {
		saved[i] = record{
			Seq: uint64(i + 1), Municipality: "deventer", Note: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", Ver: uint64(i + 1),
			Fields: map[string]string{"reason": "lang verhaal"},
		}
	}
	require.NoError(t, build(path, saved))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, intact(file), "branches and leaves")
	require.Len(t, standing(recordsIn(file)), len(saved))
	found := 0
	for page := 2 * os.Getpagesize(); page < len(file); page += os.Getpagesize() {
		file[page+8] ^= 0xFF // what kind of page it is
		if intact(file) != nil {
			found++
		}
		file[page+8] ^= 0xFF
	}
	require.Greater(t, found, 100)
}

func FuzzIntact(f *testing.F) {
	file, _ := written(f, 1)
	f.Add(file, 4096+100, byte(1))
	f.Add(file[:5000], 0, byte(0))
	f.Fuzz(func(_ *testing.T, file []byte, at int, flip byte) {
		if len(file) > 0 {
			file[(at%len(file)+len(file))%len(file)] ^= flip
		}
		_ = intact(file)
		_ = standing(recordsIn(file))
	})
}
