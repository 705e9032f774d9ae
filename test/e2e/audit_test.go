package e2e

import (
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// deventer is the municipality whose notes these tests make.
const deventer call.MunicipalityID = "deventer"

// promisesHold asserts what holds after every test, whatever was killed in it: the invariants in Redis, one history of
// every note in Redis and the journal, and every confirmed note in one of them (I1). It starts a Redis that the test
// left down.
func (s *scene) promisesHold() {
	s.t.Helper()
	require.NoError(s.t, s.Daemon.Stop(), "the daemon may not write any more")
	s.redisRuns()
	stored, err := redistest.AuditAt(s.ctx, s.Redis.Address, deventer)
	require.NoError(s.t, err)
	confirmed := s.journalled()
	for id, events := range confirmed {
		has := make(map[uint64]note.EventID)
		for _, e := range stored.Events[id] {
			has[e.Ver] = e.ID
		}
		for _, e := range events {
			require.Contains(
				s.t, []note.EventID{"", e.ID}, has[e.Ver], "note %s has another history in Redis than in the journal",
				id,
			)
		}
	}
	var references []note.Reference
	for _, n := range stored.Notes {
		references = append(references, n.Reference)
	}
	for id, events := range confirmed {
		n, err := note.Replay(events)
		require.NoError(s.t, err, "the journal's history of note %s", id)
		references = append(references, n.Reference)
	}
	for _, c := range s.callers {
		if heard, err := c.reference(); err == nil {
			require.Contains(s.t, references, heard, "I1: a caller heard it")
		}
	}
}

func (s *scene) redisRuns() {
	s.t.Helper()
	if p := s.Redis.Process(); p != nil && p.Running() {
		require.NoError(s.t, p.Thaw())
		return
	}
	require.NoError(s.t, s.Redis.Start(s.ctx))
}

// journalled are the events in the daemon's journal.
func (s *scene) journalled() map[note.ID][]note.Event {
	s.t.Helper()
	kept, err := journal.Open(filepath.Join(s.Daemon.StateDir, "journal.db"))
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, kept.Close()) }()
	notes, err := kept.Notes()
	require.NoError(s.t, err)
	all := make(map[note.ID][]note.Event)
	for _, n := range notes {
		all[n.Note], err = kept.Events(n.Note)
		require.NoError(s.t, err)
	}
	return all
}
