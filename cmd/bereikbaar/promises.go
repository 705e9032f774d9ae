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
	// lookAgain is how often while there are notes that it could not reconcile, which people must mend; and how long to wait
	// after the journal's file could not be compacted.
	lookAgain = time.Minute
	// pruneEvery and keepClosed say how long the journal keeps what Redis has too (docs/notes.md).
	pruneEvery = time.Hour
	keepClosed = 72 * time.Hour
	// compactEvery is how often the journal's file is rid of what was pruned: all of it is written anew. Who asked to be erased
	// is gone from it within lookAgain.
	compactEvery = time.Hour
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
	s.keeper = callback.NewKeeper(s.store, kept, keeperObserver{s})
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

func (w keeperObserver) Diverged(id callback.NoteID) {
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
	k := keeping{service: s, quiet: make(map[string]string), outage: outage{lasts: true}} // without a daemon nobody could renew either
	ticks := time.NewTicker(roundEvery)
	defer ticks.Stop()
	for {
		k.tick(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// keeping is what the rounds so far have left to know.
type keeping struct {
	*service
	comparison comparison
	outage     outage
	towns      towns
	file       tidiness
	pruned     time.Time
	quiet      map[string]string // the last error of each kind: one is logged once, not every second
}

func (k *keeping) tick(ctx context.Context, now time.Time) {
	seen, err := k.store.Identity(ctx)
	k.sayOnce("Redis does not answer; promises are kept by the journal", err)
	k.outage.heard(err, now)
	if err == nil {
		if k.comparison.due(seen, k.keeper.Behind(), now) {
			k.sayOnce("the journal could not be compared with Redis", k.compare(ctx, now))
		}
		k.sayOnce("a round over the callback notes was not complete", k.round(ctx, now))
	}
	if now.Sub(k.pruned) >= pruneEvery && k.comparison.wentRound() {
		_, err := k.keeper.Prune(ctx, now, keepClosed)
		k.sayOnce("the journal could not be pruned", err)
		k.pruned = now
	}
	if erased := k.keeper.Erased(); k.file.due(erased, now) {
		err := k.compact()
		k.sayOnce("the journal could not be compacted", err)
		k.file.tried(erased, now, err)
	}
}

func (k *keeping) compare(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, keepLimit)
	defer cancel()
	came, err := k.keeper.CatchUp(ctx, k.comparison.from)
	if came.Mended > 0 {
		k.log.Info("Redis was brought up to the journal", "notes", came.Mended)
	}
	k.comparison.came(came, err, now)
	return err
}

// compact rids the journal's file of what was forgotten, if anything was, by this daemon or by one before it.
func (k *keeping) compact() error {
	left, err := k.journal.Leftovers()
	if err != nil || !left {
		return err
	}
	return k.journal.Compact()
}

func (k *keeping) round(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, keepLimit)
	defer cancel()
	problems := []error{k.towns.follow(k.settings.plan(), k.settings.config().State.Directory, k.keeper.Municipalities)}
	k.warnOfStrangers(ctx, now.UTC())
	for _, m := range k.towns.all {
		r, err := k.worklist.RoundSince(ctx, m, now.UTC(), k.outage.over)
		k.metrics.Keeping.Round(r)
		k.logRound(m, r)
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
	for _, n := range r.Freed {
		s.log.Info("a note for a colleague who is absent is the team's now", "note", n.ID, "team", n.Team)
	}
	if r.Purged > 0 {
		s.log.Info("old notes were purged", "municipality", m, "notes", r.Purged)
	}
}

// sayOnce logs an error when it is another one than the last of its kind.
func (k *keeping) sayOnce(what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != k.quiet[what] {
		k.log.Error("callback notes are not looked after as they should be", "what", what, "err", err)
	}
	k.quiet[what] = text
}
