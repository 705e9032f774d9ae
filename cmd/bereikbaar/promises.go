package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/journal"
)

const (
	// roundEvery is how often the passing of time is looked after: leases, warnings, deadlines, retention.
	roundEvery = time.Second
	// compareEvery is how often the journal is compared with Redis when nothing points to a loss.
	compareEvery = 10 * time.Minute
	// lookAgain is how often while there are notes that it could not bring up: people must mend those.
	lookAgain = time.Minute
	// pruneEvery and keepClosed say how long the journal keeps what Redis has too (docs/notes.md).
	pruneEvery = time.Hour
	keepClosed = 72 * time.Hour
	// keepLimit bounds one round or comparison: the next one goes on.
	keepLimit = 30 * time.Second

	journalFile = "journal.db"
)

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
	s.keeper = callback.NewKeeper(s.store, kept, watchedKeeper{s})
	return nil
}

// watchedKeeper counts and logs what the keeper tells.
type watchedKeeper struct{ *service }

func (w watchedKeeper) JournalFailed(err error) {
	w.metrics.Keeping.JournalFailed(err)
	w.log.Error("the journal of callback notes fails; notes are kept by Redis alone", "err", err)
}

func (w watchedKeeper) Behind(notes int) { w.metrics.Keeping.Behind(notes) }

func (w watchedKeeper) Restored(notes int) {
	w.metrics.Keeping.Restored(notes)
	w.log.Error("Redis had lost callback notes that it confirmed; it has them again from the journal", "notes", notes)
}

func (w watchedKeeper) Diverged(id callback.NoteID) {
	w.metrics.Keeping.Diverged(id)
	w.log.Error("Redis tells another history of a callback note than was confirmed; somebody must look", "note", id)
}

func (s *service) dialRefused(code callback.DialCode) {
	s.metrics.Keeping.DialRefused(code)
	s.log.Warn("a callback was not dialled", "why", code)
}

// keepPromises makes rounds, and brings Redis up to the journal: at the start, when Redis is another one than before or was
// away, and now and then.
func (s *service) keepPromises(ctx context.Context) {
	var compared, pruned time.Time
	left, again := 0, compareEvery // notes that the last comparison could not bring up, and when to make the next
	compacted := 0                 // purges that are gone from the journal's file
	var identity string
	quiet := map[string]string{} // the last error of each kind: one is logged once, not every second
	ticks := time.NewTicker(roundEvery)
	defer ticks.Stop()
	for {
		now := time.Now()
		seen, err := s.store.Identity(ctx)
		s.sayOnce(quiet, "Redis does not answer; promises are kept by the journal", err)
		if err == nil && (seen != identity || s.keeper.Behind() > left || now.Sub(compared) >= again) {
			err := s.compare(ctx)
			s.sayOnce(quiet, "the journal could not be compared with Redis", err)
			left, again = 0, compareEvery
			if err != nil && !errors.Is(err, callback.ErrStoreDown) {
				left, again = s.keeper.Behind(), lookAgain
			}
			if err == nil || left > 0 {
				identity, compared = seen, now
			}
		}
		if err == nil {
			s.sayOnce(quiet, "a round over the callback notes was not complete", s.round(ctx, now))
		}
		if now.Sub(pruned) >= pruneEvery && !compared.IsZero() {
			s.sayOnce(quiet, "the journal could not be pruned", s.prune(ctx, now))
			pruned = now
		}
		if purges := s.keeper.Purges(); purges != compacted { // what was purged or erased must not stay in the file
			s.sayOnce(quiet, "the journal could not be compacted", s.journal.Compact())
			compacted = purges
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

func (s *service) compare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keepLimit)
	defer cancel()
	mended, err := s.keeper.CatchUp(ctx)
	if mended > 0 {
		s.log.Info("Redis was brought up to the journal", "notes", mended)
	}
	return err
}

func (s *service) round(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, keepLimit)
	defer cancel()
	var problems []error
	for m := range s.settings.plan().Municipalities {
		r, err := s.worklist.Round(ctx, m, now.UTC())
		s.metrics.Keeping.Round(r)
		s.logRound(m, r)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (s *service) logRound(m call.MunicipalityID, r callback.Round) {
	for _, n := range r.Lapsed {
		s.log.Info("a claim ran out; the note is open again", "note", n.ID, "team", n.Team)
	}
	for _, n := range r.Warned {
		s.log.Info("the warning point of a note has passed", "note", n.ID, "team", n.Team, "deadline", n.Deadline)
	}
	for _, n := range r.Overdue {
		s.log.Warn("a note is overdue", "note", n.ID, "team", n.Team, "deadline", n.Deadline)
	}
	if r.Purged > 0 {
		s.log.Info("old notes were purged", "municipality", m, "notes", r.Purged)
	}
}

func (s *service) prune(ctx context.Context, now time.Time) error {
	pruned, err := s.keeper.Prune(ctx, now, keepClosed)
	if err != nil || pruned == 0 {
		return err
	}
	return s.journal.Compact() // what is personal must not stay in the file
}

// sayOnce logs an error when it is another one than the last of its kind.
func (s *service) sayOnce(last map[string]string, what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != last[what] {
		s.log.Error("callback notes are not looked after as they should be", "what", what, "err", err)
	}
	last[what] = text
}
