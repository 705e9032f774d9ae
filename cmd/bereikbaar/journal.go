package main

import (
	"fmt"
	"path/filepath"

	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
)

// journalFile is the journal, in the state directory.
const journalFile = "journal.db"

// openJournal opens the journal in the state directory. One that is torn is set aside; what could be read of it is kept.
func (s *service) openJournal() error {
	path := filepath.Join(s.settings.config().State.Directory, journalFile)
	kept, err := journal.Open(path)
	if kept == nil {
		return fmt.Errorf("the journal of callback notes: %w", err)
	}
	if err != nil {
		s.metrics.Keeping.JournalFailed(err)
		s.log.Error("the journal of callback notes was torn", "err", err)
	}
	s.journal = kept
	s.keeper = keeper.New(s.store, kept, keeperObserver{s})
	return nil
}

// keeperObserver counts and logs what the keeper tells.
type keeperObserver struct{ *service }

func (w keeperObserver) JournalFailed(err error) {
	w.metrics.Keeping.JournalFailed(err)
	w.log.Error("the journal of callback notes fails; notes are kept by Redis alone", "err", err)
}

func (w keeperObserver) Behind(notes int) { w.metrics.Keeping.Behind(notes) }

func (w keeperObserver) Apart(notes int) { w.metrics.Keeping.Apart(notes) }

func (w keeperObserver) Restored(notes int) {
	w.metrics.Keeping.Restored(notes)
	w.log.Error("Redis had lost callback notes that it confirmed; it has them again from the journal", "notes", notes)
}

func (w keeperObserver) Diverged(id note.ID) {
	w.metrics.Keeping.Diverged(id)
	w.log.Error("Redis tells another history of a callback note than was confirmed; somebody must look", "note", id)
}
