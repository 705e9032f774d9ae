package keeper_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// history is the events of every note, first to last.
type history map[note.ID][]note.Event

// written is a journal with notes at every stage of their lives, and the content of it and Redis.
type written struct {
	file  []byte
	redis redistest.Stored
	all   history // of the journal
}

func write(t *testing.T, server *redistest.Server) written {
	t.Helper()
	path := filepath.Join(storetest.InMemory(t), "journal.db")
	d := starts(t, server, path)
	stages := len(life(""))
	for i := range 2 * (stages + 1) {
		n := d.promises(t)
		for _, step := range life(call.AgentID(fmt.Sprintf("collega%d", i)))[:i%(stages+1)] {
			n = d.does(t, n, step(n))
		}
	}
	gone := d.promises(t)
	erased, err := d.worklist.Erase(ctx, deventer, gone.Number, note.BySystem, gone.Made)
	require.NoError(t, err)
	require.Equal(t, 1, erased)
	w := written{redis: requireInvariants(t, server), all: d.content(t)}
	require.Len(t, w.all, len(w.redis.Notes))
	require.Empty(t, d.watch.Failed)
	d.ends(t)
	w.file, err = os.ReadFile(path)
	require.NoError(t, err)
	return w
}

// content are all events in the journal.
func (d *daemon) content(t *testing.T) history {
	t.Helper()
	notes, err := d.journal.Notes()
	require.NoError(t, err)
	all := make(history)
	for _, n := range notes {
		all[n.Note], err = d.journal.Events(n.Note)
		require.NoError(t, err)
	}
	return all
}

// torn are the ways to spoil the journal, and the event that is lost; nil when it is unknown.
func (w written) torn() map[string]tear {
	const step = 1511 // a prime, so that it falls on every part of an entry
	page, all := os.Getpagesize(), make(map[string]tear)
	for cut := range len(w.file) {
		if rest := cut % page; cut%step == 0 || rest <= 1 || rest == page-1 {
			all[fmt.Sprintf("cut at byte %d of %d", cut, len(w.file))] = tear{file: w.file[:cut]}
		}
	}
	for _, events := range w.all {
		for _, e := range events {
			// All copies of it: an older one in a free page would do as well.
			was := entryOf(e)
			is := bytes.Replace(was, []byte("note"), []byte("nota"), 1)
			all[fmt.Sprintf("event %d of note %s destroyed", e.Ver, e.Note)] = tear{
				file: bytes.ReplaceAll(w.file, was, is), gone: &e,
			}
		}
	}
	return all
}

// entryOf is the beginning of an event's entry in the file; the entry is shorter than longest.
func entryOf(e note.Event) []byte {
	return fmt.Appendf(nil, `"note":"%s","ver":%d,`, e.Note, e.Ver)
}

const longest = 2048

type tear struct {
	file []byte
	gone *note.Event
}

// opened starts a daemon with the spoilt journal, and gives the events that could be read: all of them were written;
// before a cut none is missing; and when a single entry was destroyed only that one is.
func (w written) opened(t *testing.T, server *redistest.Server, dir, name string, torn tear) (*daemon, history) {
	t.Helper()
	path := filepath.Join(dir, "journal.db")
	require.NoError(t, os.WriteFile(path, torn.file, 0o600))
	d := starts(t, server, path)
	kept, events := d.content(t), 0
	for id, of := range kept {
		events += len(of)
		for _, e := range of {
			require.Contains(t, w.all[id], e, name)
		}
	}
	for id, of := range w.all {
		for _, e := range of {
			if bytes.Contains(torn.file[:max(0, len(torn.file)-longest)], entryOf(e)) {
				require.Contains(t, kept[id], e, "%s: it stands before the cut", name)
			}
		}
	}
	if torn.gone != nil {
		require.ErrorContains(t, d.torn, "damaged", name)
		require.NotContains(t, kept[torn.gone.Note], *torn.gone, name)
		require.Equal(t, w.events()-1, events, "%s: and nothing else", name)
	}
	return d, kept
}

func (w written) events() int {
	sum := 0
	for _, of := range w.all {
		sum += len(of)
	}
	return sum
}

// Row 11 of the fault matrix: the journal is torn, and Redis has everything. Redis does not change, no alarm is raised,
// and each note with an event left in the journal gets its whole history back.
func TestRow11ATornJournalBesideAWholeRedis(t *testing.T) {
	t.Parallel()
	dir := storetest.InMemory(t)
	server := redistest.StartIn(t, dir)
	w := write(t, server)
	for name, torn := range w.torn() {
		d, _ := w.opened(t, server, dir, name, torn)
		d.catchesUp(t)
		require.Zero(t, d.watch.Lost, name)
		stored := requireInvariants(t, server)
		require.Equal(t, w.redis, stored, "%s: Redis is as it was", name)
		d.requireJournal(t, stored)
		d.ends(t)
	}
}

// Notes that the journal lost altogether return to it with their next change: then Redis can be lost, and every promise
// is kept.
func TestRow11ATornJournalIsWholeAgainWithTheNextChange(t *testing.T) {
	t.Parallel()
	dir := storetest.InMemory(t)
	server := redistest.StartIn(t, dir)
	w := write(t, server)
	file, lost := w.file, len(w.all)/2
	for _, id := range slices.Collect(maps.Keys(w.all))[:lost] {
		file = bytes.ReplaceAll(file, fmt.Appendf(nil, `"note":"%s"`, id), fmt.Appendf(nil, `"nota":"%s"`, id))
	}
	d, kept := w.opened(t, server, dir, "half of the notes are lost", tear{file: file})
	require.Len(t, kept, len(w.all)-lost)
	d.catchesUp(t)
	for _, n := range w.redis.Notes {
		if n.State != note.Purged {
			d.does(t, n, next(n, note.EventCommented, "els", func(e *note.Event) { e.Reason = "gezien" }))
		}
	}
	require.Empty(t, d.watch.Failed)
	before := requireInvariants(t, server)
	server.Empty()
	d.catchesUp(t)
	after := requireInvariants(t, server)
	for id, n := range before.Notes {
		if n.State != note.Purged {
			require.Contains(t, after.Notes, id, "I1")
			storetest.RequireRestored(t, n, after.Notes[id])
		}
	}
}

// Two faults at once: the journal is torn, and Redis has lost everything. Redis gets every readable history without a
// hole; a note with a hole is named, and does not hold up others.
func TestRow11ATornJournalAndRedisIsEmpty(t *testing.T) {
	t.Parallel()
	dir := storetest.InMemory(t)
	server := redistest.StartIn(t, dir)
	w := write(t, server)
	for name, torn := range w.torn() {
		d, kept := w.opened(t, server, dir, name, torn)
		server.Empty()
		problem := d.catchUp()
		require.Empty(t, d.watch.Differing, name)
		stored := requireInvariants(t, server)
		require.Subset(t, slices.Collect(maps.Keys(kept)), slices.Collect(maps.Keys(stored.Notes)), name)
		for id, events := range kept {
			if events[0].Kind == note.EventPurged {
				continue // there is no promise to keep
			}
			whole := unbroken(events)
			require.Equal(t, idsOf(whole), idsOf(stored.Events[id]), "%s: I1", name)
			was, err := note.Replay(whole)
			require.NoError(t, err)
			if was.State != note.None {
				storetest.RequireRestored(t, was, stored.Notes[id])
			}
			if len(whole) < len(events) {
				require.ErrorContains(t, problem, string(id), name)
			}
		}
		d.ends(t)
	}
}

// unbroken are the events from the first version on, up to a hole.
func unbroken(events []note.Event) []note.Event {
	for i, e := range events {
		if e.Ver != uint64(i+1) {
			return events[:i]
		}
	}
	return events
}
