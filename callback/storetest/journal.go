package storetest

import (
	"maps"
	"slices"
	"sync"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

var _ callback.Journal = (*Journal)(nil)

// Journal is a journal in memory, for tests of what needs one and no disk. It is safe for use by several goroutines.
type Journal struct {
	mu     sync.Mutex
	events map[callback.NoteID]map[uint64]callback.Event
	towns  map[callback.NoteID]call.MunicipalityID
	broken error
}

// NewJournal gives an empty journal.
func NewJournal() *Journal {
	return &Journal{
		events: make(map[callback.NoteID]map[uint64]callback.Event),
		towns:  make(map[callback.NoteID]call.MunicipalityID),
	}
}

// Fail makes every method answer with err, until Fail(nil).
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = err
}

// Append adds events.
func (j *Journal) Append(m call.MunicipalityID, events ...callback.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		if j.broken != nil {
			break
		}
		if j.events[e.Note] == nil {
			j.events[e.Note] = make(map[uint64]callback.Event)
		}
		j.events[e.Note][e.Ver], j.towns[e.Note] = e, m
	}
	return j.broken
}

// Forget removes the events of a note from a version on.
func (j *Journal) Forget(id callback.NoteID, from uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	maps.DeleteFunc(j.events[id], func(ver uint64, _ callback.Event) bool { return ver >= from })
	if len(j.events[id]) == 0 {
		delete(j.events, id)
	}
	return nil
}

// Events gives what is kept of a note.
func (j *Journal) Events(id callback.NoteID) ([]callback.Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return nil, j.broken
	}
	var found []callback.Event
	for _, ver := range slices.Sorted(maps.Keys(j.events[id])) {
		found = append(found, j.events[id][ver])
	}
	return found, nil
}

// ByKey gives the note that was made for a key.
func (j *Journal) ByKey(m call.MunicipalityID, key callback.Key) (callback.NoteID, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return "", false, j.broken
	}
	for id, events := range j.events {
		if made, ok := events[1]; ok && j.towns[id] == m && made.Kind == callback.EventMade && made.Base.Key == key {
			return id, true, nil
		}
	}
	return "", false, nil
}

// Notes gives every note that is kept.
func (j *Journal) Notes() ([]callback.Kept, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return nil, j.broken
	}
	var kept []callback.Kept
	for _, id := range slices.Sorted(maps.Keys(j.events)) {
		kept = append(kept, callback.Kept{Municipality: j.towns[id], Note: id, Ver: slices.Max(slices.Collect(maps.Keys(j.events[id])))})
	}
	return kept, nil
}
