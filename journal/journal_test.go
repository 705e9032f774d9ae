package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWrittenEventsAreThereAfterARestart(t *testing.T) {
	path := pathOf(t)
	j, err := journal.Open(path)
	require.NoError(t, err)
	first, second := aPromise(t), aPromise(t)
	said := comment(first.Note, 2, "Zij is tot vier uur thuis.")
	require.NoError(t, j.Append(town, second))
	require.NoError(t, j.Append(town, first, said))
	require.NoError(t, j.Close())

	j = open(t, path)
	notes, err := j.Notes()
	require.NoError(t, err)
	require.Equal(
		t,
		[]keeper.JournalNote{
			{Municipality: town, Note: first.Note, Ver: 2}, {Municipality: town, Note: second.Note, Ver: 1},
		},
		notes, "the oldest first",
	)
	events, err := j.Events(first.Note)
	require.NoError(t, err)
	require.Equal(t, []note.Event{first, said}, events)
	id, ok, err := j.ByKey(town, second.Base.Key)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, second.Note, id)
	_, ok, err = j.ByKey("olst-wijhe", second.Base.Key)
	require.NoError(t, err)
	require.False(t, ok, "a key is its municipality's own")
}

func TestAnEventThatIsWrittenAgainIsReplaced(t *testing.T) {
	j := open(t, pathOf(t))
	made := aPromise(t)
	require.NoError(t, j.Append(town, made, comment(made.Note, 2, "eerst")))
	last := comment(made.Note, 2, "daarna")
	require.NoError(t, j.Append(town, last))
	events, err := j.Events(made.Note)
	require.NoError(t, err)
	require.Equal(t, []note.Event{made, last}, events)
}

func TestForget(t *testing.T) {
	j := open(t, pathOf(t))
	made, kept := aPromise(t), aPromise(t)
	require.NoError(
		t,
		j.Append(
			town, made, comment(made.Note, 2, "twee"), comment(made.Note, 3, "drie"), comment(made.Note, 4, "vier"),
		),
	)
	require.NoError(t, j.Append(town, kept))

	require.NoError(t, j.Forget(made.Note, 3))
	events, err := j.Events(made.Note)
	require.NoError(t, err)
	require.Len(t, events, 2)
	_, ok, err := j.ByKey(town, made.Base.Key)
	require.NoError(t, err)
	require.True(t, ok, "its first event is kept")

	require.NoError(t, j.Forget(made.Note, 1))
	events, err = j.Events(made.Note)
	require.NoError(t, err)
	require.Empty(t, events)
	_, ok, err = j.ByKey(town, made.Base.Key)
	require.NoError(t, err)
	require.False(t, ok, "the key went with it")
	require.Equal(t, map[note.ID][]note.Event{kept.Note: {kept}}, content(t, j))

	require.NoError(t, j.Forget(made.Note, 1), "an unknown note can be forgotten")
	require.NoError(t, j.Append(town, made), "and written anew")
	require.Len(t, content(t, j), 2)
}

func TestForgettingANoteLeavesAKeyThatAnotherHasByNow(t *testing.T) {
	j := open(t, pathOf(t))
	first, second := aPromise(t), aPromise(t)
	second.Base.Key = first.Base.Key
	require.NoError(t, j.Append(town, first))
	require.NoError(t, j.Append(town, second))
	require.NoError(t, j.Forget(first.Note, 1))
	id, ok, err := j.ByKey(town, first.Base.Key)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, second.Note, id)
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Run("no directory", func(t *testing.T) {
		_, err := journal.Open(filepath.Join(t.TempDir(), "not", "there"))
		require.ErrorContains(t, err, "the directory must exist")
	})
	t.Run("another process has it", func(t *testing.T) {
		path := pathOf(t)
		open(t, path)
		_, err := journal.Open(path)
		require.ErrorIs(t, err, journal.ErrInUse)
		require.ErrorContains(t, err, "second daemon")
	})
	t.Run("it is a directory", func(t *testing.T) {
		_, err := journal.Open(t.TempDir())
		require.Error(t, err)
		require.NotErrorIs(t, err, journal.ErrTorn)
	})
	t.Run("an event of no note", func(t *testing.T) {
		j := open(t, pathOf(t))
		require.ErrorContains(t, j.Append(town, note.Event{Note: "17", Ver: 1}), "no note or no version")
		require.Empty(t, content(t, j))
	})
}

func TestAClosedJournalAnswersWithErrors(t *testing.T) {
	path := pathOf(t)
	j, err := journal.Open(path)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	require.NoError(t, j.Close(), "twice does no harm")
	_, err = j.Notes()
	require.ErrorContains(t, err, "it is closed")
	require.ErrorContains(t, j.Append(town, aPromise(t)), "it is closed")
	require.ErrorContains(t, j.Compact(), "it is closed")
	open(t, path)
}

func TestTheFileIsForTheDaemonAlone(t *testing.T) {
	path := pathOf(t)
	j := open(t, path)
	require.NoError(t, j.Append(town, aPromise(t)))
	require.NoError(t, j.Compact())
	found, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	for _, f := range found {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
}

func TestManyWriteAtOnce(t *testing.T) {
	const many, each = 8, 12
	path := pathOf(t)
	j := open(t, path)
	wrote := make([][]note.Event, many)
	for i := range many {
		for range each {
			wrote[i] = append(wrote[i], aPromise(t))
		}
	}
	errs := make([]error, many*each)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			for k, e := range wrote[i] {
				errs[i*each+k] = j.Append(town, e)
			}
		})
	}
	compacted := make(chan error, 1)
	all.Go(func() { compacted <- j.Compact() })
	all.Wait()
	require.NoError(t, <-compacted)
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, content(t, j), many*each)
}

// Purged data must be nowhere in the file: not in free pages, not at the end of a page.
func TestCompactLeavesNoByteOfForgottenEvents(t *testing.T) {
	path := pathOf(t)
	j := open(t, path)
	var made []note.Event
	for i := range 60 {
		e := aPromise(t)
		e.Base.Number.E164 = fmt.Sprintf("+3165550%04d", i)
		e.Base.Reason = strings.Repeat(fmt.Sprintf("Zwaantje %d. ", i), 20)
		require.NoError(t, j.Append(town, e))
		made = append(made, e)
	}
	before, err := os.Stat(path)
	require.NoError(t, err)
	for i, e := range made {
		if i%10 == 0 {
			continue
		}
		require.NoError(t, j.Forget(e.Note, 1))
		if i == len(made)-1 {
			continue // nothing is written after it, so that its pages are as they were
		}
		n := *e.Base
		n.Ver = 1
		require.NoError(t, j.Append(town, note.Remains(n, e.ID, begun, note.BySystem, "retention")))
	}
	want := content(t, j)
	require.NotEmpty(t, leftOf(t, path, made), "forgetting alone is not enough: this test would see it")

	require.NoError(t, j.Compact())
	require.Equal(t, want, content(t, j))
	id, ok, err := j.ByKey(town, made[0].Base.Key)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, made[0].Note, id)
	require.Empty(t, leftOf(t, path, made))
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, after.Size(), before.Size())
	left, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{path, path + ".lock"}, left, "nothing lies beside it")

	e := aPromise(t)
	require.NoError(t, j.Append(town, e), "and it goes on")
	require.NoError(t, j.Close())
	require.Len(t, content(t, open(t, path)), 60)
}

// leftOf gives the purged notes that have left personal data in the file. One in ten was not purged.
func leftOf(t *testing.T, path string, made []note.Event) []int {
	t.Helper()
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	var left []int
	for i, e := range made {
		found := bytes.Contains(file, []byte(e.Base.Number.E164)) || bytes.Contains(file, []byte(e.Base.Key)) ||
			bytes.Contains(file, fmt.Appendf(nil, "Zwaantje %d.", i))
		if i%10 == 0 {
			require.True(t, found, "an unpurged note is there")
		} else if found {
			left = append(left, i)
		}
	}
	return left
}

func TestAJournalThatCannotBeCompactedGoesOn(t *testing.T) {
	path := pathOf(t)
	j := open(t, path)
	made := aPromise(t)
	require.NoError(t, j.Append(town, made))
	require.NoError(t, os.MkdirAll(filepath.Join(path+".new", "in the way"), 0o700))
	require.Error(t, j.Compact())
	require.NoError(t, j.Append(town, comment(made.Note, 2, "verder")))
	require.Len(t, content(t, j)[made.Note], 2)
	require.NoError(t, os.RemoveAll(path+".new"))
	require.NoError(t, j.Compact())
	require.Len(t, content(t, j)[made.Note], 2)
}

// Whatever is written, forgotten and compacted, and however often it is opened anew: a journal is a table of events.
func TestJournalIsATableOfEvents(t *testing.T) {
	dir := storetest.InMemory(t)
	nth := 0
	rapid.Check(t, func(r *rapid.T) {
		nth++
		path := filepath.Join(dir, fmt.Sprint("journal", nth))
		j, err := journal.Open(path)
		require.NoError(r, err)
		promises := []note.Event{aPromise(t), aPromise(t), aPromise(t)}
		model := make(map[note.ID]map[uint64]note.Event)
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			made := rapid.SampledFrom(promises).Draw(r, "note")
			ver := rapid.Uint64Range(1, 4).Draw(r, "ver")
			switch rapid.SampledFrom([]string{"append", "append", "append", "forget", "compact", "restart"}).Draw(
				r, "step",
			) {
			case "append":
				e := made
				if ver > 1 {
					e = comment(made.Note, ver, rapid.StringN(0, 50, -1).Draw(r, "text"))
				}
				require.NoError(r, j.Append(town, e))
				if model[e.Note] == nil {
					model[e.Note] = make(map[uint64]note.Event)
				}
				model[e.Note][ver] = e
			case "forget":
				require.NoError(r, j.Forget(made.Note, ver))
				for v := range model[made.Note] {
					if v >= ver {
						delete(model[made.Note], v)
					}
				}
			case "compact":
				require.NoError(r, j.Compact())
			case "restart":
				require.NoError(r, j.Close())
				j, err = journal.Open(path)
				require.NoError(r, err)
			}
		}
		requireModel(r, j, promises, model)
		require.NoError(r, j.Close())
	})
}

func requireModel(r *rapid.T, j *journal.Journal, promises []note.Event, model map[note.ID]map[uint64]note.Event) {
	var want []keeper.JournalNote
	for _, made := range promises {
		var events []note.Event
		for ver := uint64(1); ver <= 4; ver++ {
			if e, ok := model[made.Note][ver]; ok {
				events = append(events, e)
			}
		}
		got, err := j.Events(made.Note)
		require.NoError(r, err)
		require.Equal(r, events, got)
		if len(events) > 0 {
			want = append(want, keeper.JournalNote{Municipality: town, Note: made.Note, Ver: events[len(events)-1].Ver})
		}
		id, found, err := j.ByKey(town, made.Base.Key)
		require.NoError(r, err)
		_, first := model[made.Note][1]
		require.Equal(r, first, found)
		if first {
			require.Equal(r, made.Note, id)
		}
	}
	got, err := j.Notes()
	require.NoError(r, err)
	require.Equal(r, want, got)
	_, found, err := j.ByKey(call.MunicipalityID("raalte"), promises[0].Base.Key)
	require.NoError(r, err)
	require.False(r, found)
}
