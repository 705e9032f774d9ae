// Package storetest is the contract of every store of callback notes: a suite that each passes, and the simplest store
// that does, in memory, for tests that need notes and no Redis.
package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

var (
	_ note.Store     = (*Memory)(nil)
	_ note.Reader    = (*Memory)(nil)
	_ listing.Finder = (*Memory)(nil)
)

// Memory is a store in memory, in the plainest code that keeps the rules: the model for others. It is safe for use by
// several goroutines. Its clock is time.Now, which a synctest bubble rules.
type Memory struct {
	mu     sync.Mutex
	events map[note.ID][]note.Event
	log    []note.Event // of all notes, in order of arrival
	notes  map[note.ID]note.Note
	counts map[place]note.Count
	tally  dialling.LocalTally
	absent map[call.MunicipalityID]map[call.AgentID]staff.Absence
	down   error
}

// place is a team of a municipality.
type place struct {
	municipality call.MunicipalityID
	team         call.TeamID
}

// NewMemory gives an empty store.
func NewMemory() *Memory {
	return &Memory{
		events: make(map[note.ID][]note.Event),
		notes:  make(map[note.ID]note.Note),
		counts: make(map[place]note.Count),
		absent: make(map[call.MunicipalityID]map[call.AgentID]staff.Absence),
	}
}

// Fail makes every method answer with an error that wraps ErrStoreDown and err, until Fail(nil).
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = nil
	if err != nil {
		m.down = fmt.Errorf("%w: %w", note.ErrStoreDown, err)
	}
}

// Make stores a new note.
func (m *Memory) Make(_ context.Context, made note.Event) (note.Note, error) {
	return m.make(made, false)
}

// Restore stores a note that was confirmed already.
func (m *Memory) Restore(_ context.Context, made note.Event) (note.Note, error) {
	return m.make(made, true)
}

func (m *Memory) make(made note.Event, restore bool) (note.Note, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, err := note.Apply(note.Note{}, made)
	if err := errors.Join(m.down, err); err != nil {
		return note.Note{}, err
	}
	if n, ok := m.first(kept.Municipality, func(n note.Note) bool {
		return n.Key == kept.Key && n.Key != "" || n.ID == kept.ID && n.State == note.Purged
	}); ok {
		return n, nil
	}
	if n, ok := m.first(kept.Municipality, func(n note.Note) bool {
		return n.State.Live() && n.SameAs(kept)
	}); ok && !restore {
		return note.Note{}, &note.OpenError{Note: n}
	}
	if _, taken := m.first(
		kept.Municipality, func(n note.Note) bool { return n.Reference == kept.Reference },
	); taken && !restore {
		return note.Note{}, note.ErrReferenceTaken
	}
	m.keep(kept, made)
	return kept, nil
}

// first gives the oldest note that matches.
func (m *Memory) first(of call.MunicipalityID, is func(n note.Note) bool) (note.Note, bool) {
	found := m.all(of, is, byID)
	if len(found) == 0 {
		return note.Note{}, false
	}
	return found[0], true
}

// Advance stores the next event of a note.
func (m *Memory) Advance(_ context.Context, before note.Note, e note.Event) (note.Note, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return note.Note{}, m.down
	}
	now, ok := m.notes[before.ID]
	if !ok || now.Municipality != before.Municipality {
		return note.Note{}, note.ErrNoNote
	}
	for _, stored := range m.events[before.ID] {
		if stored.ID == e.ID {
			return now, nil
		}
	}
	if now.Ver != e.Ver-1 {
		return note.Note{}, &note.StaleError{Note: before.ID, Saw: e.Ver - 1, Now: now.Ver}
	}
	if e.Cause == note.ReleaseLapsed && now.Lease.After(time.Now()) {
		return note.Note{}, &note.HeldError{Note: before.ID, Until: now.Lease}
	}
	if e.Hold > 0 {
		e.Until = time.Now().Add(e.Hold).UTC().Truncate(time.Millisecond)
	}
	after, err := note.Apply(now, e)
	if err != nil {
		return note.Note{}, err
	}
	m.keep(after, e)
	return after, nil
}

func (m *Memory) keep(n note.Note, e note.Event) {
	before := m.notes[n.ID].State
	m.notes[n.ID] = n
	if e.Kind == note.EventPurged {
		m.events[n.ID] = nil
	}
	m.events[n.ID] = append(m.events[n.ID], e)
	m.log = append(m.log, e)
	at := place{n.Municipality, n.Team}
	count := m.counts[at]
	switch e.Kind {
	case note.EventMade:
		count.Made++
	case note.EventResolved:
		count.Resolved++
	case note.EventCancelled:
		count.Cancelled++
	case note.EventReopened:
		count.Reopened++
	case note.EventPurged:
		count.Purged++
	default:
	}
	m.counts[at] = count
	if before == note.None && e.Kind == note.EventPurged {
		m.made(n)
	}
}

// made counts a restored note whose events are purged: it was made and closed, too.
func (m *Memory) made(n note.Note) {
	first := place{n.Municipality, n.Team}
	count := m.counts[first]
	if n.Outcome == "" {
		count.Cancelled++
	} else {
		count.Resolved++
	}
	m.counts[first] = count
	if len(n.Stints) > 0 {
		first.team = n.Stints[0].Team
	}
	count = m.counts[first]
	count.Made++
	m.counts[first] = count
}

// Note gives a note.
func (m *Memory) Note(_ context.Context, of call.MunicipalityID, id note.ID) (note.Note, error) {
	return m.one(of, byID, func(n note.Note) bool { return n.ID == id })
}

// ByReference gives the note of a reference.
func (m *Memory) ByReference(_ context.Context, of call.MunicipalityID, r note.Reference) (note.Note, error) {
	return m.one(of, func(a, b note.Note) int {
		switch {
		case a.State.Live() == b.State.Live():
			return b.Made.Compare(a.Made)
		case a.State.Live():
			return -1
		}
		return 1
	}, func(n note.Note) bool { return n.Reference == r && r != "" })
}

// ByNumber gives the notes for a number.
func (m *Memory) ByNumber(_ context.Context, of call.MunicipalityID, number call.Number, limit int) (
	[]note.Note, error,
) {
	return m.list(of, limit, func(n note.Note) bool {
		return number.Known() && (n.Number.E164 == number.E164 || n.Shown.E164 == number.E164)
	},
		func(a, b note.Note) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(b.ID, a.ID)) })
}

// Due gives the live notes of a team.
func (m *Memory) Due(_ context.Context, of call.MunicipalityID, team call.TeamID, limit int) ([]note.Note, error) {
	return m.list(of, limit, func(n note.Note) bool { return n.State.Live() && n.Team == team }, func(
		a, b note.Note,
	) int {
		return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ID, b.ID))
	})
}

// Page gives a part of the live notes of teams.
func (m *Memory) Page(_ context.Context, of call.MunicipalityID, q listing.Query) (listing.Page, error) {
	score, id, err := q.After.Parts()
	if err != nil {
		return listing.Page{}, err
	}
	after, _ := strconv.ParseFloat(score, 64) // Parts has checked it
	due := func(n note.Note) float64 {
		at, _ := strconv.ParseFloat(listing.Score(n), 64)
		return at
	}
	notes, err := m.list(of, math.MaxInt, func(n note.Note) bool {
		return q.Matches(n) && (score == "" || due(n) > after || due(n) == after && n.ID > id)
	}, func(a, b note.Note) int { return cmp.Or(cmp.Compare(due(a), due(b)), byID(a, b)) })
	page := listing.Page{Notes: notes[:min(len(notes), max(q.Limit, 1))]}
	if last := len(page.Notes) - 1; len(notes) > len(page.Notes) {
		page.Next = listing.At(listing.Score(page.Notes[last]), page.Notes[last].ID)
	}
	return page, err
}

// ByName gives the notes of a name.
func (m *Memory) ByName(_ context.Context, of call.MunicipalityID, name string, limit int) ([]note.Note, error) {
	words := listing.Words(name)
	return m.list(of, limit, func(n note.Note) bool {
		return n.State != note.Purged && listing.Called(n, words)
	}, func(a, b note.Note) int { return byID(b, a) })
}

// Held gives a colleague's live notes.
func (m *Memory) Held(_ context.Context, of call.MunicipalityID, colleague call.AgentID, limit int) (
	[]note.Note, error,
) {
	return m.list(of, limit, func(n note.Note) bool { return colleague != "" && n.Holder() == colleague }, byID)
}

// Lapsed gives the notes whose lease has run out.
func (m *Memory) Lapsed(_ context.Context, of call.MunicipalityID, limit int) ([]note.Note, error) {
	return m.list(of, limit, func(n note.Note) bool { return n.State.Held() && !n.Lease.After(time.Now()) },
		func(a, b note.Note) int { return cmp.Or(a.Lease.Compare(b.Lease), byID(a, b)) })
}

// Marked gives the live notes whose next mark lies at or before now.
func (m *Memory) Marked(_ context.Context, of call.MunicipalityID, now time.Time, limit int) ([]note.Note, error) {
	next := func(n note.Note) time.Time {
		_, at, _ := n.NextMark()
		return at
	}
	return m.list(of, limit, func(n note.Note) bool {
		_, at, ok := n.NextMark()
		return ok && !at.After(now)
	}, func(a, b note.Note) int { return cmp.Or(next(a).Compare(next(b)), byID(a, b)) })
}

// ClosedBefore gives the notes that were closed before t and are not purged.
func (m *Memory) ClosedBefore(_ context.Context, of call.MunicipalityID, t time.Time, limit int) ([]note.Note, error) {
	return m.list(of, limit, func(n note.Note) bool {
		return (n.State == note.Resolved || n.State == note.Cancelled) && n.Closed.Before(t)
	}, func(a, b note.Note) int { return cmp.Or(a.Closed.Compare(b.Closed), byID(a, b)) })
}

// ClosedSince gives the notes that were closed at t or later and are not purged.
func (m *Memory) ClosedSince(_ context.Context, of call.MunicipalityID, t time.Time, limit int) ([]note.Note, error) {
	return m.list(of, limit, func(n note.Note) bool {
		return (n.State == note.Resolved || n.State == note.Cancelled) && !n.Closed.Before(t)
	}, func(a, b note.Note) int { return cmp.Or(b.Closed.Compare(a.Closed), byID(b, a)) })
}

// Events gives the history of a note.
func (m *Memory) Events(_ context.Context, of call.MunicipalityID, id note.ID) ([]note.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	if len(m.events[id]) == 0 || m.notes[id].Municipality != of {
		return nil, note.ErrNoNote
	}
	return slices.Clone(m.events[id]), nil
}

// Log gives events in order of arrival, by their number.
func (m *Memory) Log(
	_ context.Context, of call.MunicipalityID, after string, limit int,
) ([]note.Event, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, after, m.down
	}
	passed, _ := strconv.Atoi(after) // empty for none
	var found []note.Event
	for i, e := range m.log {
		if i < passed || len(found) == limit {
			continue
		}
		after = strconv.Itoa(i + 1)
		if m.notes[e.Note].Municipality == of &&
			slices.ContainsFunc(m.events[e.Note], func(kept note.Event) bool { return kept.ID == e.ID }) {
			found = append(found, e)
		}
	}
	return found, after, nil
}

// Counts counts per team.
func (m *Memory) Counts(_ context.Context, of call.MunicipalityID, now time.Time) (map[call.TeamID]note.Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	counts := make(map[call.TeamID]note.Count, len(m.counts))
	for at, count := range m.counts {
		if at.municipality == of {
			counts[at.team] = count
		}
	}
	for _, n := range m.all(of, func(n note.Note) bool { return n.State.Live() }, byID) {
		count := counts[n.Team]
		count.Live++
		if n.Deadline.Before(now) {
			count.Overdue++
		}
		counts[n.Team] = count
	}
	return counts, nil
}

// Count adds to the day's counts.
func (m *Memory) Count(ctx context.Context, day dialling.Day, once string, limits []dialling.Limit) (
	dialling.Limit, error,
) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return dialling.Limit{}, m.down
	}
	return m.tally.Count(ctx, day, once, limits)
}

// TakeBack subtracts from the day's counts.
func (m *Memory) TakeBack(ctx context.Context, day dialling.Day, once string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	return m.tally.TakeBack(ctx, day, once)
}

// Full gives the first count that is full.
func (m *Memory) Full(ctx context.Context, day dialling.Day, limits []dialling.Limit) (dialling.Limit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return dialling.Limit{}, m.down
	}
	return m.tally.Full(ctx, day, limits)
}

func byID(a, b note.Note) int { return cmp.Compare(a.ID, b.ID) }

func (m *Memory) one(of call.MunicipalityID, order func(a, b note.Note) int, is func(note.Note) bool) (
	note.Note, error,
) {
	notes, err := m.list(of, 1, is, order)
	if err != nil {
		return note.Note{}, err
	}
	if len(notes) == 0 {
		return note.Note{}, note.ErrNoNote
	}
	return notes[0], nil
}

func (m *Memory) list(of call.MunicipalityID, limit int, is func(note.Note) bool, order func(a, b note.Note) int) (
	[]note.Note, error,
) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	found := m.all(of, is, order)
	return found[:min(len(found), max(limit, 0))], nil
}

// all gives the notes that match, in order. m.mu is held.
func (m *Memory) all(of call.MunicipalityID, is func(note.Note) bool, order func(a, b note.Note) int) []note.Note {
	var found []note.Note
	for _, n := range m.notes {
		if n.Municipality == of && is(n) {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, order)
	return found
}
