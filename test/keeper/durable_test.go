package keeper_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// everyOrder is the shortest string that contains every order of four things.
const everyOrder = "123412314231243121342132413214321"

// town are the notes of a town, worked while its Redis suffers faults.
type town struct {
	t      *testing.T
	server *redistest.Server
	random *rand.Rand
	notes  callback.WorkStore // of the keeper, or of Redis alone
	desk   *callback.Service
	told   map[note.ID]note.Note // as confirmed last
	erased []note.Note           // the versions before
	backup string                // a directory
	then   redistest.Stored      // the content of the backup
}

func newTown(t *testing.T, server *redistest.Server, notes callback.WorkStore) *town {
	t.Helper()
	w := &town{
		t: t, server: server, random: rand.New(rand.NewPCG(1, 2)), notes: notes,
		told:   make(map[note.ID]note.Note),
		desk:   callback.NewService(notes, storetest.Rules{}, storetest.Rules{}, nil),
		backup: filepath.Join(t.TempDir(), "backup"),
	}
	w.backs()
	return w
}

// works lets people change notes a number of times, each change of another kind than the last.
func (w *town) works(changes int) {
	w.t.Helper()
	for range changes {
		ids := make([]note.ID, 0, len(w.told))
		for id, n := range w.told {
			if n.State != note.Purged {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		if len(ids) == 0 || w.random.IntN(4) == 0 {
			n := w.patiently(func() (note.Note, error) { return storetest.Just(w.desk.Promise(ctx, request())) })
			w.told[n.ID] = n
			continue
		}
		n := w.told[ids[w.random.IntN(len(ids))]]
		e := w.change(n)
		if e.Kind == note.EventPurged {
			w.erased = append(w.erased, n)
		}
		w.told[n.ID] = w.patiently(func() (note.Note, error) { return w.notes.Advance(ctx, n, e) })
	}
}

// change is a possible next event of a note.
func (w *town) change(n note.Note) note.Event {
	choose := func(kinds ...note.EventKind) note.EventKind { return kinds[w.random.IntN(len(kinds))] }
	kind := note.EventPurged
	switch {
	case n.State == note.Open:
		kind = choose(note.EventClaimed, note.EventClaimed, note.EventRerouted, note.EventCancelled)
	case n.State == note.Calling:
		kind = note.EventAttemptEnded
	case n.State == note.Claimed && len(n.Attempts) > 0:
		kind = choose(note.EventResolved, note.EventResolved, note.EventReleased)
	case n.State == note.Claimed:
		kind = choose(note.EventAttemptStarted, note.EventAttemptStarted, note.EventReleased)
	}
	return next(n, kind, "els", func(e *note.Event) {
		switch kind {
		case note.EventClaimed:
			e.Hold = 10 * time.Minute
		case note.EventRerouted:
			e.Team, e.Reason = "kcc", "is van hen"
			if n.Team == e.Team {
				e.Team = team
			}
		case note.EventAttemptEnded:
			e.Result = attempt.Reached
		case note.EventResolved:
			e.Outcome = note.Reached
		case note.EventReleased:
			e.Cause = note.ReleaseByHand
		case note.EventPurged:
			*e = note.Remains(n, e.ID, e.At, e.Who, "op verzoek")
		default:
		}
	})
}

func (w *town) patiently(do func() (note.Note, error)) note.Note {
	w.t.Helper()
	n, err := storetest.Patiently(do)
	require.NoError(w.t, err)
	return n
}

// suffers does one of four things to Redis, and reports whether that restored a backup.
func (w *town) suffers(what rune) bool {
	w.t.Helper()
	switch what {
	case '1':
		w.server.Stop()
		w.server.Restart()
	case '2':
		w.server.Kill()
		w.server.Restart()
	case '3':
		w.rewrites()
	case '4':
		w.server.Stop()
		log := filepath.Dir(w.server.Manifest())
		require.NoError(w.t, os.RemoveAll(log))
		require.NoError(w.t, os.CopyFS(log, os.DirFS(w.backup)))
		w.server.Restart()
		return true
	}
	return false
}

func (w *town) rewrites() {
	w.t.Helper()
	c := redistest.Client(w.server.Addr)
	defer c.Close()
	require.NoError(w.t, c.BgRewriteAOF(ctx).Err())
	w.atRest()
}

// atRest waits until no log is being rewritten.
func (w *town) atRest() {
	w.t.Helper()
	c := redistest.Client(w.server.Addr)
	defer c.Close()
	require.Eventually(w.t, func() bool {
		info, err := c.Info(ctx, "persistence").Result()
		return err == nil && strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(
			info, "aof_rewrite_scheduled:0",
		)
	}, 30*time.Second, 10*time.Millisecond)
}

// backs makes a backup as docs/operating.md says, while Redis runs.
func (w *town) backs() {
	w.t.Helper()
	c := redistest.Client(w.server.Addr)
	defer c.Close()
	require.NoError(w.t, c.ConfigSet(ctx, "auto-aof-rewrite-percentage", "0").Err())
	w.atRest()
	w.then = requireInvariants(w.t, w.server)
	require.NoError(w.t, os.RemoveAll(w.backup))
	require.NoError(w.t, os.CopyFS(w.backup, os.DirFS(filepath.Dir(w.server.Manifest()))))
	require.NoError(w.t, c.ConfigSet(ctx, "auto-aof-rewrite-percentage", "100").Err())
}

// holds requires that all confirmed changes are there, and that erased people are not.
func (w *town) holds(after string) {
	w.t.Helper()
	stored := requireInvariants(w.t, w.server)
	for id := range stored.Notes {
		require.Contains(w.t, w.told, id, after)
	}
	for id, n := range w.told {
		got := stored.Notes[id]
		if n.State == note.Purged { // a note without a backup is gone; one from the backup is purged anew
			require.Contains(w.t, []note.State{note.Purged, note.None}, got.State, after)
			continue
		}
		storetest.RequireRestored(w.t, n, got, after)
	}
	w.nobodyIsBack(after)
}

// nobodyIsBack requires that no note is found by an erased number.
func (w *town) nobodyIsBack(after string) {
	w.t.Helper()
	for _, n := range w.erased {
		found, err := storetest.Patiently(
			func() ([]note.Note, error) { return w.notes.ByNumber(ctx, deventer, n.Number, 5) },
		)
		require.NoError(w.t, err)
		require.Empty(w.t, found, "%s: an erased person is back", after)
	}
}

const (
	atFirst = 200 // changes before anything happens
	between = 3   // changes between two faults
)

// With the shipped files nothing confirmed is undone, in any order of stop, kill, rewrite of the log and restored
// backup. With the journal this holds for changes after the backup, too.
func TestNothingThatWasConfirmedIsUndone(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name+", with the journal", func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			d := starts(t, server, filepath.Join(t.TempDir(), "journal.db"))
			w := newTown(t, server, d.work)
			w.works(atFirst)
			for at, what := range everyOrder {
				restored := w.suffers(what)
				d.catchesUp(t)
				w.holds(everyOrder[:at+1])
				if restored {
					w.backs()
				}
				w.works(between)
			}
			require.NotEmpty(t, w.erased)
		})
		t.Run(kind.Name+", without it", func(t *testing.T) {
			t.Parallel()
			server := redistest.StartKind(t, kind)
			d := starts(t, server, filepath.Join(t.TempDir(), "journal.db"))
			w := newTown(t, server, d.store)
			w.works(atFirst)
			for at, what := range everyOrder {
				if !w.suffers(what) {
					w.holds(everyOrder[:at+1])
					w.works(between)
					continue
				}
				// Exactly the backup's content is there. People erased since must be erased anew, as docs/operating.md
				// says.
				stored := requireInvariants(t, server)
				require.Equal(t, w.then, stored, everyOrder[:at+1])
				w.told, w.erased = stored.Notes, nil
				w.works(between)
				w.backs()
				w.works(between)
			}
		})
	}
}

// `bereikbaar notes erase` works on Redis alone; the journal has forgotten the note, or has it unchanged. A backup
// restored then does not bring the person back.
func TestAnErasedPersonDoesNotComeBackFromABackup(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	path := filepath.Join(t.TempDir(), "journal.db")
	d := starts(t, server, path)
	w := newTown(t, server, d.work)
	live, closed := d.promises(t), d.promises(t)
	for _, step := range life("els") {
		closed = d.does(t, closed, step(closed))
	}
	later := time.Now().Add(100 * time.Hour)
	pruned, err := d.Prune(ctx, later, 72*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 1, pruned)
	w.backs()

	w.erased = []note.Note{live, closed}
	byHand := callback.NewWorklist(d.store, storetest.Rules{}, nil)
	for _, n := range w.erased {
		_, err := storetest.Patiently(
			func() (int, error) { return byHand.Erase(ctx, deventer, n.Number, note.ByAgent("els"), time.Now()) },
		)
		require.NoError(t, err)
	}
	w.nobodyIsBack("erased")
	d.follows(t)
	_, err = d.Prune(ctx, later, 72*time.Hour)
	require.NoError(t, err)
	d.ends(t)

	w.suffers('4')
	d = starts(t, server, path)
	w.notes = d.work
	d.catchesUp(t)
	w.nobodyIsBack("the backup is restored")
	requireInvariants(t, server)
	for _, n := range w.erased {
		require.NotContains(t, string(contentOf(t, path)), n.Number.E164[4:], "the journal has no number either")
	}
}

// follows takes the changes of other programs into the journal.
func (d *daemon) follows(t *testing.T) {
	t.Helper()
	_, err := storetest.Patiently(func() (string, error) { return d.Follow(ctx, deventer, "") })
	require.NoError(t, err)
	require.NoError(t, d.journal.Compact())
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}
