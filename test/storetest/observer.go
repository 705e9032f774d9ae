package storetest

import (
	"sync"

	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
)

var _ keeper.Observer = (*Observer)(nil)

// Observer keeps a keeper's reports. It is safe for use by several goroutines; read it when the keeper is idle.
type Observer struct {
	mu        sync.Mutex
	Failed    []error
	Waiting   int // notes that are behind, as reported last
	Most      int // of those, at any time
	Stuck     int // notes that are apart, as reported last
	Lost      int // notes that were restored, in all
	Differing []note.ID
}

// JournalFailed implements keeper.Observer.
func (o *Observer) JournalFailed(err error) { o.note(func() { o.Failed = append(o.Failed, err) }) }

// Behind implements keeper.Observer.
func (o *Observer) Behind(notes int) {
	o.note(func() { o.Waiting, o.Most = notes, max(o.Most, notes) })
}

// Apart implements keeper.Observer.
func (o *Observer) Apart(notes int) { o.note(func() { o.Stuck = notes }) }

// Restored implements keeper.Observer.
func (o *Observer) Restored(notes int) { o.note(func() { o.Lost += notes }) }

// Diverged implements keeper.Observer.
func (o *Observer) Diverged(id note.ID) {
	o.note(func() { o.Differing = append(o.Differing, id) })
}

func (o *Observer) note(what func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	what()
}
