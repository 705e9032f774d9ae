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
func (k *Keeper) behindFirst() []Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	var notes []Kept
	for id, m := range k.behind {
		notes = append(notes, Kept{Municipality: m, Note: id})
	}
	slices.SortFunc(notes, func(a, b Kept) int { return cmp.Compare(b.Note, a.Note) })
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
	k.watched.Behind(len(k.behind))
}

// agreed: journal and store have the same of a note.
func (k *Keeper) agreed(id NoteID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.told, id)
	delete(k.behind, id)
	k.watched.Behind(len(k.behind))
}

// unmark takes the mark from notes that the store was seen to have. After a crash before it they are counted as behind, until
// CatchUp finds them in the store: what is told then may be behind too many, never lost too many.
func (k *Keeper) unmark(ids ...NoteID) {
	if len(ids) == 0 {
		return
	}
	if err := k.journal.Stored(ids...); err != nil {
		k.watched.JournalFailed(err)
	}
}
