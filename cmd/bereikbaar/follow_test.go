package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
)

// unwatched fails the test when a keeper has something bad to tell.
type unwatched struct{ t *testing.T }

func (u unwatched) JournalFailed(err error) { require.NoError(u.t, err) }
func (u unwatched) Behind(int)              {} // a busy machine may make Redis slow
func (u unwatched) Apart(notes int)         { require.Zero(u.t, notes) }
func (u unwatched) Restored(notes int)      { require.Zero(u.t, notes) }
func (u unwatched) Diverged(id note.ID)     { require.Empty(u.t, id) }

// The command writes to Redis alone; notes that it closed or erased must not stay in the daemon's journal for ever.
func TestTheJournalFollowsAnOperator(t *testing.T) {
	c := atTheCounter(t)
	path := filepath.Join(t.TempDir(), "journal.db")
	kept, err := journal.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { kept.Close() })
	k := keeper.New(c.Store, kept, unwatched{t})
	work := callback.Joined{Notes: k, Tally: c.Store, Presence: c.Store}
	cfg, err := config.Load(c.Path, os.Getenv)
	require.NoError(t, err)
	settings := daemon.NewSettings(cfg)
	c.Notes = callback.NewService(work, settings, settings, nil)
	worked, erased := c.Note("kcc"), c.Note("parttime")

	catchUp := func() {
		t.Helper()
		require.Eventually(t, func() bool {
			_, err := k.CatchUp(t.Context(), "")
			return err == nil
		}, 30*time.Second, 10*time.Millisecond)
	}

	catchUp()
	c.does("claim", string(worked.ID), "--as", "kcc1")
	c.does("cancel", string(worked.ID), "--as", "kcc1")
	catchUp()
	events, err := kept.Events(worked.ID)
	require.NoError(t, err)
	after, err := note.Replay(events)
	require.NoError(t, err)
	require.Equal(t, note.Cancelled, after.State)
	require.Equal(t, uint64(3), after.Ver)

	c.does("erase", "0612345678", "--as", "kcc1")
	catchUp()
	for _, n := range []note.Note{worked, erased} {
		events, err := kept.Events(n.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, note.EventPurged, events[0].Kind)
		require.Empty(t, events[0].Base.Number.E164)
	}
	pruned, err := k.Prune(t.Context(), time.Now().Add(100*time.Hour), 72*time.Hour)
	require.NoError(t, err)
	require.Zero(t, pruned, "the erasure stays known: an old backup may bring the person back")
}

// A note that was confirmed while Redis was away is in the journal of a stopped daemon only: the command cannot erase
// it, and must say so.
func TestAnErasureWithoutADaemonSaysWhatIsLeft(t *testing.T) {
	c := atTheCounter(t)
	c.Note("kcc")
	state := t.TempDir()
	text, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.Path, append(text, "state: {directory: "+state+"}\n"...), 0o600))
	erases := func() (said string) {
		t.Helper()
		var out, problems bytes.Buffer
		require.Eventually(t, func() bool { // a busy machine may make Redis slow
			out.Reset()
			problems.Reset()
			cmd := root(io.Discard)
			cmd.SetOut(&out)
			cmd.SetErr(&problems)
			cmd.SetIn(strings.NewReader("0612345678"))
			cmd.SetArgs([]string{"notes", "erase", "--as", "kcc1", "--config", c.Path})
			return cmd.ExecuteContext(t.Context()) == nil
		}, 30*time.Second, 10*time.Millisecond)
		require.Regexp(t, `^[01] notes were erased\n$`, out.String())
		return problems.String()
	}
	require.Empty(t, erases(), "there is no journal here")

	kept, err := journal.Open(filepath.Join(state, daemon.JournalFile))
	require.NoError(t, err)
	require.NoError(t, kept.Close())
	require.Contains(t, erases(), "start the daemon, and then erase the number once more")
	lock, err := daemon.LockState(state)
	require.NoError(t, err)
	require.Empty(t, erases())
	require.NoError(t, lock.Close())
	require.Contains(t, erases(), "No daemon runs")
}
