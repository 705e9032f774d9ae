package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// promiseWithin is how long a promise may take, as callback.Service bounds it.
const promiseWithin = 430 * time.Millisecond

// slow is a store that takes its time, or is silent for as long as anybody waits.
type slow struct {
	*storetest.Memory
	takes time.Duration // of a note that is made
}

func (s *slow) Make(ctx context.Context, made note.Event) (note.Note, error) {
	select {
	case <-time.After(s.takes):
		return s.Memory.Make(ctx, made)
	case <-ctx.Done():
		return note.Note{}, fmt.Errorf("%w: %w", note.ErrStoreDown, ctx.Err())
	}
}

// hesitant is a journal in which every look for a key is answered before any request goes on.
type hesitant struct{ *journal.Journal }

func (h hesitant) ByKey(m call.MunicipalityID, key note.Key) (note.ID, bool, error) {
	id, found, err := h.Journal.ByKey(m, key)
	<-time.After(time.Millisecond)
	return id, found, err
}

// unheard observes a keeper that must have nothing to tell.
type unheard struct{ t *testing.T }

func (u unheard) JournalFailed(err error) { assert.NoError(u.t, err) }
func (u unheard) Behind(int)              {}
func (u unheard) Apart(int)               {}
func (u unheard) Restored(notes int)      { assert.Zero(u.t, notes) }
func (u unheard) Diverged(id note.ID)     { assert.Empty(u.t, id) }

// A browser that sends again, a daemon of the municipality's own that tries twice: the same request comes from many
// sides at once. Each one that is told a note must find it in the journal or in the store (I1), and all are told the
// same note (I2).
func TestOneKeyFromManySidesIsOneNote(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		live  bool // the caller has a live note for the same, so that none is made
		taken bool // another note has the reference of the first to ask
		away  bool // the store refuses
	}{
		"the store is quick":                             {},
		"the store is slow":                              {takes: 40 * time.Millisecond},
		"the store is slow and has a live note":          {takes: 40 * time.Millisecond, live: true},
		"the store is slow and the references are taken": {takes: 40 * time.Millisecond, taken: true},
		"the store is silent":                            {takes: 400 * time.Millisecond},
		"the store refuses":                              {away: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := storetest.InMemory(t)
			synctest.Test(t, func(t *testing.T) {
				j, err := journal.Open(dir + "/journal")
				require.NoError(t, err)
				defer func() { require.NoError(t, j.Close()) }()
				store := &slow{Memory: storetest.NewMemory(), takes: test.takes}
				k := keeper.New(store, hesitant{j}, unheard{t})
				before := aPromise(t)
				request := func() note.Event {
					made := aPromise(t)
					made.Base.Key = "pbx1/one"
					if !test.live {
						made.Base.Number.E164 = "+31687654321"
					}
					if test.taken {
						made.Base.Reference = before.Base.Reference
					}
					return made
				}
				_, err = store.Memory.Make(t.Context(), before)
				require.NoError(t, err)
				if test.away {
					store.Fail(errors.New("connection refused"))
				}

				told := fromAllSides(t, k, request)
				store.takes = 0
				again, err := k.Make(t.Context(), request())
				if test.live || test.taken {
					require.Empty(t, told, "nothing was made")
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				require.NotEmpty(t, told)
				store.Fail(errors.New("connection refused"))
				away, err := k.Make(t.Context(), request())
				require.NoError(t, err)
				store.Fail(nil)
				_, err = k.CatchUp(t.Context(), "")
				require.NoError(t, err)
				for _, n := range append(told, again, away) {
					require.Equal(t, told[0].ID, n.ID)
					require.Equal(t, told[0].Reference, n.Reference)
				}
				_, err = store.Note(t.Context(), town, told[0].ID)
				require.NoError(t, err)
			})
		})
	}
}

// fromAllSides asks four times at once, and four times more before there was an answer. It gives the answers.
func fromAllSides(t *testing.T, k *keeper.Keeper, request func() note.Event) []note.Note {
	t.Helper()
	var mu sync.Mutex
	var told []note.Note
	var all sync.WaitGroup
	for range 2 {
		for range 4 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), promiseWithin)
				defer cancel()
				n, err := k.Make(ctx, request())
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					told = append(told, n)
				}
			})
		}
		<-time.After(10 * time.Millisecond)
	}
	all.Wait()
	return told
}

// cut gives the journal as it is opened again when one event of a note could not be read.
func cut(t *testing.T, path string, n note.ID, ver uint64) *journal.Journal {
	t.Helper()
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	text := fmt.Appendf(nil, `"note":"%s","ver":%d,`, n, ver)
	require.Contains(t, string(file), string(text))
	spoilt := bytes.Replace(text, []byte(n), bytes.Repeat([]byte{'?'}, len(n)), 1) // no copy of it is whole
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(file, text, spoilt), 0o600))
	j, err := journal.Open(path)
	require.ErrorIs(t, err, journal.ErrTorn)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

// Fault matrix, row 11: events that a torn journal lost come back as long as the store has them.
func TestRow11AHoleInAHistoryIsMendedFromTheStore(t *testing.T) {
	for name, ver := range map[string]uint64{
		"its beginning is lost": 1, "its middle is lost": 2, "its end is lost": 3,
	} {
		for how, mend := range map[string]func(t *testing.T, k *keeper.Keeper, n note.Note) note.Note{
			"and all is compared": func(t *testing.T, k *keeper.Keeper, n note.Note) note.Note {
				t.Helper()
				mended, err := k.CatchUp(t.Context(), "")
				require.NoError(t, err)
				require.Zero(t, mended.Mended, "the store lacks nothing")
				return n
			},
			"and the note is changed": func(t *testing.T, k *keeper.Keeper, n note.Note) note.Note {
				t.Helper()
				n, err := k.Advance(t.Context(), n, comment(n.ID, n.Ver+1, "verder"))
				require.NoError(t, err)
				return n
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				path, store := pathOf(t), storetest.NewMemory()
				j, err := journal.Open(path)
				require.NoError(t, err)
				k := keeper.New(store, j, unheard{t})
				n, err := k.Make(t.Context(), aPromise(t))
				require.NoError(t, err)
				for _, text := range []string{"een", "twee"} {
					n, err = k.Advance(t.Context(), n, comment(n.ID, n.Ver+1, text))
					require.NoError(t, err)
				}
				require.NoError(t, j.Close())

				j = cut(t, path, n.ID, ver)
				kept, err := j.Events(n.ID)
				require.NoError(t, err)
				require.Len(t, kept, 2)
				k = keeper.New(store, j, unheard{t})
				n = mend(t, k, n)
				require.Zero(t, k.Behind())

				emptied := storetest.NewMemory()
				k = keeper.New(emptied, j, lenient{unheard{t}})
				_, err = k.CatchUp(t.Context(), "")
				require.NoError(t, err)
				restored, err := emptied.Note(t.Context(), town, n.ID)
				require.NoError(t, err)
				require.Equal(t, n, restored, "whole")
				id, found, err := j.ByKey(town, n.Key)
				require.NoError(t, err)
				require.True(t, found)
				require.Equal(t, n.ID, id)
			})
		}
	}
}

// lenient is unheard for a store that did lose notes.
type lenient struct{ unheard }

func (lenient) Restored(int) {}

func TestRow11AHoleIsMendedFromAStoreThatWasSetBack(t *testing.T) {
	path, store := pathOf(t), storetest.NewMemory()
	j, err := journal.Open(path)
	require.NoError(t, err)
	made := aPromise(t)
	n, err := store.Make(t.Context(), made)
	require.NoError(t, err)
	second, third := comment(n.ID, 2, "een"), comment(n.ID, 3, "twee")
	n, err = store.Advance(t.Context(), n, second)
	require.NoError(t, err)
	require.NoError(t, j.Append(town, made, second, third))
	require.NoError(t, j.Close())

	j = cut(t, path, n.ID, 2)
	c, err := keeper.New(store, j, lenient{unheard{t}}).CatchUp(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, 1, c.Mended)
	theirs, err := store.Events(t.Context(), town, n.ID)
	require.NoError(t, err)
	require.Equal(t, []note.Event{made, second, third}, theirs)
	ours, err := j.Events(n.ID)
	require.NoError(t, err)
	require.Equal(t, theirs, ours)
}
