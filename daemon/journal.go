package daemon

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
)

// JournalFile is the journal, in the state directory.
const JournalFile = "journal.db"

// openJournal opens the journal in the state directory. A torn one is set aside, and its readable notes are kept.
func openJournal(dir string, watch keeperObserver) (*journal.Journal, error) {
	kept, err := journal.Open(filepath.Join(dir, JournalFile))
	if kept == nil {
		return nil, fmt.Errorf("the journal of callback notes: %w", err)
	}
	if err != nil {
		watch.figures.JournalFailed(err)
		watch.log.Error("the journal of callback notes was torn; continuing with what could be read", "err", err)
	}
	return kept, nil
}

// keeperObserver counts and logs what the keeper reports.
type keeperObserver struct {
	figures *metrics.Keeping
	log     *slog.Logger
}

func (w keeperObserver) JournalFailed(err error) {
	w.figures.JournalFailed(err)
	w.log.Error("the journal of callback notes fails; notes are kept by Redis alone", "err", err)
}

func (w keeperObserver) Behind(notes int) { w.figures.Behind(notes) }

func (w keeperObserver) Apart(notes int) { w.figures.Apart(notes) }

func (w keeperObserver) Restored(notes int) {
	w.figures.Restored(notes)
	w.log.Error("Redis had lost confirmed callback notes; restored from the journal", "notes", notes)
}

func (w keeperObserver) Diverged(id note.ID) {
	w.figures.Diverged(id)
	w.log.Error("note history in Redis differs from the confirmed one; manual check needed", "note", id)
}
