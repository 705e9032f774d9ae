package storetest

import (
	"maps"
	"slices"
	"sync"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
)

var _ keeper.Journal = (*Journal)(nil)

// Journal is a journal in memory, for tests that need one and no disk. It is safe for use by several goroutines.
type Journal struct {
	mu             sync.Mutex
	events         map[note.ID]map[uint64]note.Event
	municipalities map[note.ID]call.MunicipalityID
	keys           map[request]note.ID // an index, as on a disk: additions overwrite, removals delete
	marked         map[note.ID]bool
	broken         error
}

// request identifies a note by its key.
type request struct {
	municipality call.MunicipalityID
	key          note.Key
}

// NewJournal gives an empty journal.
func NewJournal() *Journal {
	return &Journal{
		events:         make(map[note.ID]map[uint64]note.Event),
		municipalities: make(map[note.ID]call.MunicipalityID),
		keys:           make(map[request]note.ID),
		marked:         make(map[note.ID]bool),
	}
}

// Fail makes every method answer with err, until Fail(nil).
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = err
}

// Append adds events.
func (j *Journal) Append(m call.MunicipalityID, events ...note.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		j.add(m, e, false)
	}
	return j.broken
}

// Begin adds the event with which a note begins, and marks the note.
func (j *Journal) Begin(m call.MunicipalityID, made note.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.add(m, made, true)
	return j.broken
}

func (j *Journal) add(m call.MunicipalityID, e note.Event, marked bool) {
	if j.broken != nil {
		return
	}
	if j.events[e.Note] == nil {
		j.events[e.Note] = make(map[uint64]note.Event)
	}
	j.events[e.Note][e.Ver], j.municipalities[e.Note] = e, m
	if e.Kind == note.EventMade {
		j.keys[request{m, e.Base.Key}] = e.Note
		j.marked[e.Note] = marked
	}
}

// Stored takes the mark from notes.
func (j *Journal) Stored(ids ...note.ID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range ids {
		if j.broken == nil {
			delete(j.marked, id)
		}
	}
	return j.broken
}

// Unstored gives the notes that are marked.
func (j *Journal) Unstored() (map[note.ID]call.MunicipalityID, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	found := make(map[note.ID]call.MunicipalityID)
	for id, marked := range j.marked {
		if marked {
			found[id] = j.municipalities[id]
		}
	}
	return found, j.broken
}

// Forget removes the events of a note from a version on.
func (j *Journal) Forget(id note.ID, from uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if made, ok := j.events[id][1]; ok && from <= 1 {
		delete(j.marked, id)
		if at := (request{j.municipalities[id], made.Base.Key}); j.keys[at] == id {
			delete(j.keys, at)
		}
	}
	maps.DeleteFunc(j.events[id], func(ver uint64, _ note.Event) bool { return ver >= from })
	if len(j.events[id]) == 0 {
		delete(j.events, id)
	}
	return nil
}

// Events gives the kept events of a note.
func (j *Journal) Events(id note.ID) ([]note.Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return nil, j.broken
	}
	var found []note.Event
	for _, ver := range slices.Sorted(maps.Keys(j.events[id])) {
		found = append(found, j.events[id][ver])
	}
	return found, nil
}

// ByKey gives the note that was made for a key.
func (j *Journal) ByKey(m call.MunicipalityID, key note.Key) (note.ID, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return "", false, j.broken
	}
	id, found := j.keys[request{m, key}]
	return id, found, nil
}

// Notes gives every kept note.
func (j *Journal) Notes() ([]keeper.JournalNote, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return nil, j.broken
	}
	var kept []keeper.JournalNote
	for _, id := range slices.Sorted(maps.Keys(j.events)) {
		kept = append(kept, keeper.JournalNote{
			Municipality: j.municipalities[id], Note: id, Ver: slices.Max(slices.Collect(maps.Keys(j.events[id]))),
		})
	}
	return kept, nil
}
