package keeper

import (
	"cmp"
	"slices"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Behind is how many notes are confirmed and wait for the store, which is not known to have them: CatchUp is due. Those
// that it could not reconcile do not wait for the store but for people.
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

// isBehind reports whether the store is not known to have a note as it was confirmed, whatever that waits for.
func (k *Keeper) isBehind(id note.ID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, behind := k.behind[id]
	return behind || k.apart[id]
}

func (k *Keeper) setBehind(id note.ID, m call.MunicipalityID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.behind[id] = m
	k.tell()
}

// setApart: the store answers, and yet journal and store cannot be reconciled about a note.
func (k *Keeper) setApart(id note.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.behind, id)
	k.apart[id] = true
	k.tell()
}

// agreed: journal and store have the same of a note.
func (k *Keeper) agreed(id note.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.told, id)
	delete(k.behind, id)
	delete(k.apart, id)
	k.tell()
}

// tell is called with mu held.
func (k *Keeper) tell() {
	k.observer.Behind(len(k.behind))
	k.observer.Apart(len(k.apart))
}

// unmark takes down in the journal which notes the store was seen to have. After a crash before it they are counted as
// behind, until CatchUp finds them in the store: what is told then may be behind too many, never lost too many.
func (k *Keeper) unmark(ids ...note.ID) {
	if len(ids) == 0 {
		return
	}
	if err := k.journal.Stored(ids...); err != nil {
		k.observer.JournalFailed(err)
	}
}
