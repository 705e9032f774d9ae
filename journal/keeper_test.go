package journal_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/callback/storetest"
	"github.com/bereikbaar/bereikbaar/journal"
)

// promiseWithin is how long a promise may take, as callback.Service bounds it.
const promiseWithin = 430 * time.Millisecond

// slow is a store that takes its time, or is silent for as long as anybody waits.
type slow struct {
	*storetest.Memory
	takes time.Duration // of a note that is made
}

func (s *slow) Make(ctx context.Context, made callback.Event) (callback.Note, error) {
	select {
	case <-time.After(s.takes):
		return s.Memory.Make(ctx, made)
	case <-ctx.Done():
		return callback.Note{}, fmt.Errorf("%w: %w", callback.ErrStoreDown, ctx.Err())
	}
}

// hesitant is the journal, where everybody who looks for a key has his answer before anybody goes on.
type hesitant struct{ *journal.Journal }

func (h hesitant) ByKey(m call.MunicipalityID, key callback.Key) (callback.NoteID, bool, error) {
	id, found, err := h.Journal.ByKey(m, key)
	<-time.After(time.Millisecond)
	return id, found, err
}

// unheard is who watches a keeper of which nothing is to be told.
type unheard struct{ t *testing.T }

func (u unheard) JournalFailed(err error)     { assert.NoError(u.t, err) }
func (u unheard) Behind(int)                  {}
func (u unheard) Restored(notes int)          { assert.Zero(u.t, notes) }
func (u unheard) Diverged(id callback.NoteID) { assert.Empty(u.t, id) }

// A browser that sends again, a daemon of the municipality's own that tries twice: the same request comes from many sides at once.
// Whoever is told a note must find it in the journal or in the store (I1), and all are told the same one (I2).
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
			dir := fast(t)
			synctest.Test(t, func(t *testing.T) {
				j, err := journal.Open(dir + "/journal")
				require.NoError(t, err)
				defer func() { require.NoError(t, j.Close()) }()
				store := &slow{Memory: storetest.NewMemory(), takes: test.takes}
				k := callback.NewKeeper(store, hesitant{j}, unheard{t})
				before := aPromise(t)
				request := func() callback.Event {
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
				_, err = k.CatchUp(t.Context())
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

// fromAllSides asks four times at once, and four times more before there was an answer. It gives what was told.
func fromAllSides(t *testing.T, k *callback.Keeper, request func() callback.Event) []callback.Note {
	t.Helper()
	var mu sync.Mutex
	var told []callback.Note
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
