package keeper

import (
	"cmp"
	"slices"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Behind is how many confirmed notes the store is not known to have: CatchUp is due. Notes that it could not reconcile
// do not count: people must mend them.
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

// isBehind reports whether the store may lack a note as it was confirmed, be the note behind or apart.
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

// setApart marks a note that cannot be reconciled although the store answers.
func (k *Keeper) setApart(id note.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.behind, id)
	k.apart[id] = true
	k.tell()
}

// agreed clears the marks of a note that is the same in journal and store.
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

// unmark records in the journal that the store has these notes. After a crash before it they count as behind until
// CatchUp finds them in the store: the figures may then show too many behind, never too many lost.
func (k *Keeper) unmark(ids ...note.ID) {
	if len(ids) == 0 {
		return
	}
	if err := k.journal.Stored(ids...); err != nil {
		k.observer.JournalFailed(err)
	}
}
