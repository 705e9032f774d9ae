// Package storetest owns what every store of callback notes must do: a suite that each passes, and the simplest store that
// does, in memory, for tests that need notes and no Redis.
package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

var (
	_ callback.Store  = (*Memory)(nil)
	_ callback.Reader = (*Memory)(nil)
)

// Memory is a store in memory, by the plainest code that keeps the rules: the model for others. It is safe for use by
// several goroutines. Its clock is time.Now, which a synctest bubble rules.
type Memory struct {
	mu     sync.Mutex
	events map[callback.NoteID][]callback.Event
	notes  map[callback.NoteID]callback.Note
	counts map[call.TeamID]callback.Count
	down   error
}

// NewMemory gives an empty store.
func NewMemory() *Memory {
	return &Memory{
		events: make(map[callback.NoteID][]callback.Event),
		notes:  make(map[callback.NoteID]callback.Note),
		counts: make(map[call.TeamID]callback.Count),
	}
}

// Fail makes every method answer with an error that wraps ErrStoreDown and err, until Fail(nil).
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = nil
	if err != nil {
		m.down = fmt.Errorf("%w: %w", callback.ErrStoreDown, err)
	}
}

// Make stores a new note.
func (m *Memory) Make(_ context.Context, made callback.Event) (callback.Note, error) {
	return m.make(made, false)
}

// Restore stores a note that was confirmed already.
func (m *Memory) Restore(_ context.Context, made callback.Event) (callback.Note, error) {
	return m.make(made, true)
}

func (m *Memory) make(made callback.Event, restore bool) (callback.Note, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	note, err := callback.Apply(callback.Note{}, made)
	if err := errors.Join(m.down, err); err != nil {
		return callback.Note{}, err
	}
	for _, n := range m.notes {
		switch {
		case n.Key == note.Key:
			return n, nil
		case restore:
		case n.State.Live() && n.Number.E164 == note.Number.E164 && n.Team == note.Team && n.Subject == note.Subject:
			return callback.Note{}, &callback.OpenError{Note: n}
		}
	}
	for _, n := range m.notes {
		if !restore && n.Reference == note.Reference {
			return callback.Note{}, callback.ErrReferenceTaken
		}
	}
	m.keep(note, made)
	return note, nil
}

// Advance stores the next event of a note.
func (m *Memory) Advance(_ context.Context, before callback.Note, e callback.Event) (callback.Note, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return callback.Note{}, m.down
	}
	now, ok := m.notes[before.ID]
	if !ok {
		return callback.Note{}, callback.ErrNoNote
	}
	for _, stored := range m.events[before.ID] {
		if stored.ID == e.ID {
			return now, nil
		}
	}
	if now.Ver != e.Ver-1 {
		return callback.Note{}, &callback.StaleError{Note: before.ID, Saw: e.Ver - 1, Now: now.Ver}
	}
	if e.Cause == callback.ReleaseLapsed && now.Lease.After(time.Now()) {
		return callback.Note{}, &callback.HeldError{Note: before.ID, Until: now.Lease}
	}
	if e.Hold > 0 {
		e.Until = time.Now().Add(e.Hold).UTC().Truncate(time.Millisecond)
	}
	after, err := callback.Apply(now, e)
	if err != nil {
		return callback.Note{}, err
	}
	m.keep(after, e)
	return after, nil
}

func (m *Memory) keep(n callback.Note, e callback.Event) {
	m.notes[n.ID] = n
	if e.Kind == callback.EventPurged {
		m.events[n.ID] = nil
	}
	m.events[n.ID] = append(m.events[n.ID], e)
	count := m.counts[n.Team]
	switch e.Kind {
	case callback.EventMade:
		count.Made++
	case callback.EventResolved:
		count.Resolved++
	case callback.EventCancelled:
		count.Cancelled++
	case callback.EventReopened:
		count.Reopened++
	case callback.EventPurged:
		count.Purged++
	default:
	}
	m.counts[n.Team] = count
}

// Note gives a note.
func (m *Memory) Note(_ context.Context, _ call.MunicipalityID, id callback.NoteID) (callback.Note, error) {
	return m.one(func(n callback.Note) bool { return n.ID == id })
}

// ByReference gives the note of a reference.
func (m *Memory) ByReference(_ context.Context, _ call.MunicipalityID, r callback.Reference) (callback.Note, error) {
	return m.one(func(n callback.Note) bool { return n.Reference == r && r != "" })
}

// ByNumber gives the notes for a number.
func (m *Memory) ByNumber(_ context.Context, _ call.MunicipalityID, number call.Number, limit int) ([]callback.Note, error) {
	return m.list(limit, func(n callback.Note) bool { return number.Known() && n.Number.E164 == number.E164 },
		func(a, b callback.Note) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(b.ID, a.ID)) })
}

// Due gives the live notes of a team.
func (m *Memory) Due(_ context.Context, _ call.MunicipalityID, team call.TeamID, limit int) ([]callback.Note, error) {
	return m.list(limit, func(n callback.Note) bool { return n.State.Live() && n.Team == team }, func(a, b callback.Note) int {
		return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ID, b.ID))
	})
}

// Held gives a colleague's live notes.
func (m *Memory) Held(_ context.Context, _ call.MunicipalityID, colleague call.AgentID, limit int) ([]callback.Note, error) {
	return m.list(limit, func(n callback.Note) bool { return colleague != "" && n.Holder() == colleague }, byID)
}

// Lapsed gives the notes whose lease has run out.
func (m *Memory) Lapsed(_ context.Context, _ call.MunicipalityID, limit int) ([]callback.Note, error) {
	return m.list(limit, func(n callback.Note) bool { return n.State.Held() && !n.Lease.After(time.Now()) },
		func(a, b callback.Note) int { return cmp.Or(a.Lease.Compare(b.Lease), byID(a, b)) })
}

// Marked gives the live notes whose next mark lies at or before now.
func (m *Memory) Marked(_ context.Context, _ call.MunicipalityID, now time.Time, limit int) ([]callback.Note, error) {
	next := func(n callback.Note) time.Time {
		_, at, _ := n.NextMark()
		return at
	}
	return m.list(limit, func(n callback.Note) bool {
		_, at, ok := n.NextMark()
		return ok && !at.After(now)
	}, func(a, b callback.Note) int { return cmp.Or(next(a).Compare(next(b)), byID(a, b)) })
}

// ClosedBefore gives the notes that were closed before t and are not purged.
func (m *Memory) ClosedBefore(_ context.Context, _ call.MunicipalityID, t time.Time, limit int) ([]callback.Note, error) {
	return m.list(limit, func(n callback.Note) bool {
		return (n.State == callback.Resolved || n.State == callback.Cancelled) && n.Closed.Before(t)
	}, func(a, b callback.Note) int { return cmp.Or(a.Closed.Compare(b.Closed), byID(a, b)) })
}

// Events gives the history of a note.
func (m *Memory) Events(_ context.Context, _ call.MunicipalityID, id callback.NoteID) ([]callback.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	if len(m.events[id]) == 0 {
		return nil, callback.ErrNoNote
	}
	return slices.Clone(m.events[id]), nil
}

// Counts counts per team.
func (m *Memory) Counts(_ context.Context, _ call.MunicipalityID, now time.Time) (map[call.TeamID]callback.Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	counts := make(map[call.TeamID]callback.Count, len(m.counts))
	for team, count := range m.counts {
		counts[team] = count
	}
	for _, n := range m.notes {
		count := counts[n.Team]
		if n.State.Live() {
			count.Live++
		}
		if n.State.Live() && n.Deadline.Before(now) {
			count.Overdue++
		}
		counts[n.Team] = count
	}
	return counts, nil
}

func byID(a, b callback.Note) int { return cmp.Compare(a.ID, b.ID) }

func (m *Memory) one(is func(callback.Note) bool) (callback.Note, error) {
	notes, err := m.list(1, is, byID)
	if err != nil {
		return callback.Note{}, err
	}
	if len(notes) == 0 {
		return callback.Note{}, callback.ErrNoNote
	}
	return notes[0], nil
}

func (m *Memory) list(limit int, is func(callback.Note) bool, order func(a, b callback.Note) int) ([]callback.Note, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	var found []callback.Note
	for _, n := range m.notes {
		if is(n) {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, order)
	return found[:min(len(found), max(limit, 0))], nil
}
