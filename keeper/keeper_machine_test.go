package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// machine lets callers ask and colleagues work, while the store, the journal and the daemon fail at any moment. Every
// confirmed note must be there in the end (I1), once (I2).
type machine struct {
	*guard
	requests  []callback.Request
	confirmed map[note.Key]note.Note // by the request that made it
	told      map[note.ID]uint64     // the version of a note that a person was told
	away      bool
}

func newMachine() *machine {
	return &machine{guard: newGuard(), confirmed: make(map[note.Key]note.Note), told: make(map[note.ID]uint64)}
}

// ask is a request: of a new caller, again in an earlier call, or in another call of an earlier caller.
func (m *machine) ask(t *rapid.T) {
	request := m.request()
	switch kind := rapid.IntRange(0, 3).Draw(t, "who asks"); {
	case len(m.requests) == 0 || kind == 0:
	case kind == 1:
		request.Number = rapid.SampledFrom(m.requests).Draw(t, "again").Number
	default:
		request = rapid.SampledFrom(m.requests).Draw(t, "same")
	}
	m.requests = append(m.requests, request)
	n, _, err := m.service.Promise(context.Background(), request)
	if err != nil {
		require.ErrorIs(t, err, note.ErrStoreDown)
		return
	}
	if before, ok := m.confirmed[request.Key]; ok && n.Key == request.Key && len(m.watch.journal) == 0 {
		require.Equal(t, before.ID, n.ID, "one note for a key")
		require.Equal(t, before.Reference, n.Reference)
	}
	if n.Key == request.Key {
		m.confirmed[request.Key] = n
	}
	m.told[n.ID] = max(m.told[n.ID], 1) // of the promise, not of what others did to it since
}

// work is a change by a colleague, allowed or not.
func (m *machine) work(t *rapid.T) {
	if len(m.told) == 0 {
		return
	}
	ids := make([]note.ID, 0, len(m.told))
	for _, r := range m.requests {
		if n, ok := m.confirmed[r.Key]; ok {
			ids = append(ids, n.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	ctx := context.Background()
	s := callback.Step{
		Municipality: storetest.Town, Note: rapid.SampledFrom(ids).Draw(t, "note"), At: storetest.Now(),
		Who: note.ByAgent(rapid.SampledFrom([]call.AgentID{"els", "jan"}).Draw(t, "who")),
	}
	do := map[string]func() (note.Note, error){
		"claim":   func() (note.Note, error) { return m.list.Claim(ctx, s) },
		"release": func() (note.Note, error) { return m.list.Release(ctx, s, "") },
		"try":     func() (note.Note, error) { return m.list.StartAttempt(ctx, s, "") },
		"end": func() (note.Note, error) {
			return m.list.EndAttempt(ctx, s, "", 0, attempt.Reached)
		},
		"resolve": func() (note.Note, error) { return m.list.Resolve(ctx, s, note.Settled, "") },
		"reopen":  func() (note.Note, error) { return m.list.Reopen(ctx, s, "") },
		"raise":   func() (note.Note, error) { return m.list.Raise(ctx, s, "") },
	}
	what := rapid.SampledFrom([]string{"claim", "claim", "release", "try", "end", "resolve", "reopen", "raise"}).Draw(
		t, "work",
	)
	if n, err := do[what](); err == nil {
		m.told[n.ID] = max(m.told[n.ID], n.Ver)
	}
}

func (m *machine) outage(t *rapid.T) {
	m.away = !m.away
	m.store.Fail(nil)
	if m.away {
		m.store.Fail(errors.New("connection refused"))
	}
}

func (m *machine) loseReply(t *rapid.T) { m.store.lose = rapid.IntRange(1, 2).Draw(t, "replies") }

// begin starts a new daemon, which catches up first if it can.
func (m *machine) begin(*rapid.T) {
	journal := m.watch.journal
	m.restart()
	m.watch.journal = journal
	_, _ = m.CatchUp(context.Background(), "") // the store may be away
}

func (m *machine) end(t *rapid.T) {
	m.store.Fail(nil)
	m.store.lose = 0
	m.journal.Fail(nil)
}

// After any run with a journal that works every promise and every change that a person was told of is in the store,
// though it was away, lost replies and all its content.
func TestKeeperKeepsConfirmedNotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		t.Repeat(map[string]func(*rapid.T){
			"ask": m.ask, "ask more": m.ask, "work": m.work, "work more": m.work, "outage": m.outage,
			"lose a reply": m.loseReply, "restart": m.begin,
			"catch up": func(*rapid.T) { _, _ = m.CatchUp(context.Background(), "") },
			"empty": func(*rapid.T) {
				m.store.Memory, m.away = storetest.NewMemory(), false
			},
		})
		m.end(t)
		_, err := m.CatchUp(context.Background(), "")
		require.NoError(t, err)
		require.Empty(t, m.watch.diverged)
		require.Zero(t, m.watch.behind)
		for id, ver := range m.told {
			n, err := m.store.Memory.Note(context.Background(), storetest.Town, id)
			require.NoError(t, err, "a promise was lost")
			require.GreaterOrEqual(t, n.Ver, ver, "a change was lost")
		}
		m.requireOnce(t)
	})
}

// The same with a journal that fails now and then, and a store that loses nothing: a promise is in one of the two.
func TestKeeperKeepsConfirmedNotesThoughTheJournalFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		t.Repeat(map[string]func(*rapid.T){
			"ask": m.ask, "ask more": m.ask, "work": m.work, "outage": m.outage, "lose a reply": m.loseReply,
			"restart":  m.begin,
			"catch up": func(*rapid.T) { _, _ = m.CatchUp(context.Background(), "") },
			"journal": func(t *rapid.T) {
				m.journal.Fail(nil)
				if rapid.Bool().Draw(t, "fails") {
					m.journal.Fail(errors.New("disk full"))
				}
			},
		})
		m.end(t)
		_, err := m.CatchUp(context.Background(), "")
		require.Equal(t, err != nil, len(m.watch.diverged) > 0, "a note missing in the store is reported: %v", err)
		for id, ver := range m.told {
			events, err := m.journal.Events(id)
			require.NoError(t, err)
			n, err := m.store.Memory.Note(context.Background(), storetest.Town, id)
			require.True(
				t, err == nil && n.Ver >= ver || len(events) > 0 && events[len(events)-1].Ver >= ver,
				"note %s was lost: %v", id, err,
			)
		}
		m.requireOnce(t)
	})
}

// requireOnce requires that no key has two notes in the store, and that each replays.
func (m *machine) requireOnce(t *rapid.T) {
	seen := make(map[note.Key]note.ID)
	for _, r := range m.requests {
		notes, err := m.store.ByNumber(context.Background(), storetest.Town, r.Number, 100)
		require.NoError(t, err)
		for _, n := range notes {
			if id, ok := seen[n.Key]; ok {
				require.Equal(t, id, n.ID, "two notes for one key")
			}
			seen[n.Key] = n.ID
			events, err := m.store.Events(context.Background(), storetest.Town, n.ID)
			require.NoError(t, err)
			replayed, err := note.Replay(events)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(note.EncodeNote(n)), fmt.Sprint(note.EncodeNote(replayed)))
		}
	}
}
