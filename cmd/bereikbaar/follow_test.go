package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/journal"
)

// unwatched fails the test when a keeper has something bad to tell.
type unwatched struct{ t *testing.T }

func (u unwatched) JournalFailed(err error)     { require.NoError(u.t, err) }
func (u unwatched) Behind(int)                  {} // a busy machine may make Redis slow
func (u unwatched) Apart(notes int)             { require.Zero(u.t, notes) }
func (u unwatched) Restored(notes int)          { require.Zero(u.t, notes) }
func (u unwatched) Diverged(id callback.NoteID) { require.Empty(u.t, id) }

// The command writes to Redis alone; what it closed or erased must not stay in the daemon's journal for ever.
func TestTheJournalFollowsAnOperator(t *testing.T) {
	c := atTheCounter(t)
	path := filepath.Join(t.TempDir(), "journal.db")
	kept, err := journal.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { kept.Close() })
	keeper := callback.NewKeeper(c.store, kept, unwatched{t})
	c.notes = callback.NewService(keeper, settingsOf(t), settingsOf(t), nil)
	worked, erased := c.note("kcc"), c.note("parttime")

	catchUp := func() {
		t.Helper()
		require.Eventually(t, func() bool {
			_, err := keeper.CatchUp(t.Context(), "")
			return err == nil
		}, 30*time.Second, 10*time.Millisecond)
	}

	catchUp()
	c.does("claim", string(worked.ID), "--as", "kcc1")
	c.does("cancel", string(worked.ID), "--as", "kcc1")
	catchUp()
	events, err := kept.Events(worked.ID)
	require.NoError(t, err)
	after, err := callback.Replay(events)
	require.NoError(t, err)
	require.Equal(t, callback.Cancelled, after.State)
	require.Equal(t, uint64(3), after.Ver)

	c.does("erase", "0612345678", "--as", "kcc1")
	catchUp()
	for _, n := range []callback.Note{worked, erased} {
		events, err := kept.Events(n.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, callback.EventPurged, events[0].Kind)
		require.Empty(t, events[0].Base.Number.E164)
	}
	pruned, err := keeper.Prune(t.Context(), time.Now().Add(100*time.Hour), 72*time.Hour)
	require.NoError(t, err)
	require.Zero(t, pruned, "who was erased stays known as erased: an old backup may bring them back")
}
