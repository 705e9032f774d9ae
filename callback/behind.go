package callback

import (
	"cmp"
	"slices"

	"github.com/bereikbaar/bereikbaar/call"
)

// Behind is how many notes are confirmed and not known to be in the store: CatchUp is due.
func (k *Keeper) Behind() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.behind)
}

// behindFirst gives the notes that are behind, the newest first: their callers were told last.
func (k *Keeper) behindFirst() []JournalNote {
	k.mu.Lock()
	defer k.mu.Unlock()
	var notes []JournalNote
	for id, m := range k.behind {
		notes = append(notes, JournalNote{Municipality: m, Note: id})
	}
	slices.SortFunc(notes, func(a, b JournalNote) int { return cmp.Compare(b.Note, a.Note) })
	return notes
}

func (k *Keeper) isBehind(id NoteID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, behind := k.behind[id]
	return behind
}

func (k *Keeper) setBehind(id NoteID, m call.MunicipalityID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.behind[id] = m
	k.observer.Behind(len(k.behind))
}

// agreed: journal and store have the same of a note.
func (k *Keeper) agreed(id NoteID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.told, id)
	delete(k.behind, id)
	k.observer.Behind(len(k.behind))
}

// unmark takes down in the journal which notes the store was seen to have. After a crash before it they are counted as behind, until
// CatchUp finds them in the store: what is told then may be behind too many, never lost too many.
func (k *Keeper) unmark(ids ...NoteID) {
	if len(ids) == 0 {
		return
	}
	if err := k.journal.Stored(ids...); err != nil {
		k.observer.JournalFailed(err)
	}
}
