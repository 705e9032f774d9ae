package journal

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// noteOf is the nth note of a test, which has a key that it shares with every third.
func noteOf(nth int) note.Event {
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	id := note.ID(fmt.Sprintf("01JD5V3Z5QXKZ9W7M2R4T6%04d", nth))
	return note.Made(note.Note{
		ID: id, Reference: "10000004", Municipality: "deventer", Team: "kcc", Owner: "kcc",
		Key:    note.Key(fmt.Sprint("pbx1/", nth%3)),
		Number: call.Number{E164: "+31612345678", Kind: call.KindMobile}, Language: "nl", Made: at,
		Deadline: at.Add(time.Hour),
	}, note.ByCaller)
}

// holds is all that a journal keeps: its events and its index as they stand in the file, and the number of the last
// change.
func holds(t require.TestingT, j *Journal) map[string]string {
	all := make(map[string]string)
	require.NoError(t, j.view(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{events, keys} {
			bucket := tx.Bucket(name)
			all[string(name)] = fmt.Sprint(bucket.Sequence())
			if err := bucket.ForEach(func(at, value []byte) error {
				all[string(name)+string(at)] = string(value)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

// changesSomething is one change of a journal, drawn at random.
func changesSomething(r *rapid.T, j *Journal) {
	made := noteOf(rapid.IntRange(0, 5).Draw(r, "note"))
	ver := rapid.Uint64Range(1, 4).Draw(r, "version")
	more := note.Event{
		ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", Note: made.Note, Kind: note.EventRaised, Ver: ver + 1, At: made.At,
		Who: note.BySystem,
	}
	switch rapid.SampledFrom([]string{"begin", "append", "append", "forget", "stored"}).Draw(r, "change") {
	case "begin":
		require.NoError(r, j.Begin("deventer", made))
	case "append":
		require.NoError(r, j.Append("deventer", made, more))
	case "forget":
		require.NoError(r, j.Forget(made.Note, ver))
	case "stored":
		require.NoError(r, j.Stored(made.Note))
	}
}

// The power fails at any moment: the file is the old one, with every change, until the fresh one with the same takes
// its place.
func TestChangesDuringACopyAreInTheFreshFile(t *testing.T) {
	dir, nth := storetest.InMemory(t), 0
	rapid.Check(t, func(r *rapid.T) {
		nth++
		path := filepath.Join(dir, fmt.Sprint("journal", nth))
		j, err := Open(path)
		require.NoError(r, err)
		changeSome := func(what string) {
			for range rapid.IntRange(0, 8).Draw(r, what) {
				changesSomething(r, j)
			}
		}
		crash := func(when string, upTo int) {
			file, err := os.ReadFile(path)
			require.NoError(r, err)
			other := path + "-" + when
			require.NoError(r, os.WriteFile(other, file, 0o600))
			if copied, err := os.ReadFile(path + newSuffix); err == nil {
				require.NoError(r, os.WriteFile(other+newSuffix, copied[:min(upTo, len(copied))], 0o600))
			}
			after, err := Open(other)
			require.NoError(r, err, when)
			require.Equal(r, holds(r, j), holds(r, after), when)
			require.NoError(r, after.Compact(), "a left-over copy does no harm")
			require.Equal(r, holds(r, j), holds(r, after), when)
			require.NoError(r, after.Close())
		}
		changeSome("changes before")
		require.NoError(r, j.copyTo(path+newSuffix))
		crash("copied", rapid.IntRange(0, 1<<15).Draw(r, "bytes of the copy"))
		changeSome("changes meanwhile")
		crash("changed", 1<<20)
		want := holds(r, j)
		require.NoError(r, j.goOnWith(path+newSuffix))
		require.Equal(r, want, holds(r, j))
		crash("replaced", 0)
		changeSome("changes after")
		want = holds(r, j)
		require.NoError(r, j.Close())

		file, err := os.ReadFile(path)
		require.NoError(r, err)
		found := make(map[string]bool) // of a file that is torn
		for _, e := range standing(recordsIn(file)) {
			found[string(events)+string(placeOf(e.Note, e.Ver))] = true
		}
		for at := range want {
			if strings.HasPrefix(at, string(events)) && at != string(events) {
				require.True(r, found[at])
				delete(found, at)
			}
		}
		require.Empty(r, found, "no event comes back that was forgotten during the copy")
	})
}

func TestEventsForgottenDuringACopyAreLeftToTheNextOne(t *testing.T) {
	path := filepath.Join(storetest.InMemory(t), "journal")
	j, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, j.Append("deventer", noteOf(1)))
	require.NoError(t, j.copyTo(path+newSuffix))
	require.NoError(t, j.Forget(noteOf(1).Note, 1))
	require.NoError(t, j.goOnWith(path+newSuffix))
	left, err := j.Leftovers()
	require.NoError(t, err)
	require.True(t, left, "the copy may hold it")
	require.NoError(t, j.Compact())
	left, err = j.Leftovers()
	require.NoError(t, err)
	require.False(t, left)
	require.NoError(t, j.Close())
}

// While a file of a few megabytes is copied, promises are written to it.
func TestWritesDoNotWaitForTheCopy(t *testing.T) {
	path := filepath.Join(storetest.InMemory(t), "journal")
	j, err := Open(path)
	require.NoError(t, err)
	var many []note.Event
	for nth := range 4000 {
		many = append(many, noteOf(nth))
	}
	require.NoError(t, j.Append("deventer", many...))
	require.NoError(t, j.Append("deventer", noteOf(4000))) // there is room in the file for what follows

	stop, wrote := make(chan struct{}), make(chan error)
	var written atomic.Int64
	go func() {
		for nth := 4001; ; nth++ {
			select {
			case <-stop:
				wrote <- nil
				return
			default:
			}
			if err := j.Append("deventer", noteOf(4001+nth%10)); err != nil {
				wrote <- err
				return
			}
			written.Add(1)
		}
	}()
	for written.Load() == 0 {
		runtime.Gosched()
	}
	before := written.Load()
	require.NoError(t, j.copyTo(path+newSuffix))
	require.Greater(t, written.Load(), before+2)
	close(stop)
	require.NoError(t, <-wrote)
	want := holds(t, j)
	require.NoError(t, j.goOnWith(path+newSuffix))
	require.True(t, maps.Equal(want, holds(t, j)), "every byte of it")
	require.NoError(t, j.Close())
}
