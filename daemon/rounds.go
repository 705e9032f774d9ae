package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
)

const (
	// roundEvery is how often leases, warnings, deadlines and retention are checked.
	roundEvery = time.Second
	// compareEvery is how often the journal is compared with Redis when nothing points to a loss.
	compareEvery = 10 * time.Minute
	// lookAgain is how often while some notes could not be reconciled and need a manual check; and how long to wait
	// after the journal's file could not be compacted.
	lookAgain = time.Minute
	// pruneEvery and keepClosed say how long the journal keeps what Redis has too (docs/notes.md).
	pruneEvery = time.Hour
	keepClosed = 72 * time.Hour
	// compactEvery is how often the journal's file is written anew, without what was pruned. An erased person is gone
	// from it within lookAgain.
	compactEvery = time.Hour
	// keepLimit bounds one round or comparison: the next one continues.
	keepLimit = 30 * time.Second
)

// rounds checks the leases, warnings, deadlines and retention of callback notes. It brings Redis up to the journal at
// the start, when Redis is back or another one answers, and now and then.
type rounds struct {
	store          *redisstore.Store
	keeper         *keeper.Keeper
	journal        *journal.Journal
	worklist       *callback.Worklist
	municipalities *municipalities
	settings       *Settings
	figures        *metrics.Keeping
	log            *slog.Logger

	comparison comparison
	outage     outage
	file       tidiness
	followed   followed
	pruned     time.Time
	quiet      map[string]string // the last error of each kind: one is logged once, not every second
}

// newRounds begins in an outage: without a daemon nobody could renew a claim either.
func (d *Daemon) newRounds() *rounds {
	return &rounds{
		store: d.store, keeper: d.keeper, journal: d.journal, worklist: d.worklist, municipalities: &d.municipalities,
		settings: d.settings, figures: d.metrics.Keeping, log: d.log,
		quiet: make(map[string]string), outage: outage{lasts: true},
	}
}

// run makes rounds until ctx ends.
func (k *rounds) run(ctx context.Context) {
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

func (k *rounds) tick(ctx context.Context, now time.Time) {
	seen, err := k.store.Identity(ctx)
	k.sayOnce("Redis does not answer; promises are kept by the journal", err)
	// it also answers while it loads, as a replica and with its memory full: nothing can be renewed or changed then
	if err == nil {
		err = k.store.TakesWrites(ctx)
		k.sayOnce("Redis takes no writes; promises are kept by the journal", err)
	}
	away := k.outage.heard(err, now)
	if err == nil {
		another, given := k.comparison.with != "" && seen != k.comparison.with, 0
		if k.comparison.due(seen, k.keeper.Behind(), now) {
			given, err = k.compare(ctx, now)
			k.sayOnce("the journal could not be compared with Redis", err)
		}
		k.sayBack(away, another, given)
		k.sayOnce("changes by other programs could not be taken into the journal", k.follow(ctx, seen))
		k.sayOnce("a round over the callback notes was incomplete", k.round(ctx, now))
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

// sayBack says that Redis is back, or that another one answers, and how many notes it was given at once from the
// journal. away is how long it was away; zero for not at all.
func (k *rounds) sayBack(away time.Duration, another bool, given int) {
	switch {
	case away > 0:
		k.log.Info("Redis is back: notes can be worked on again, and it got those that it missed",
			"away", away.Round(time.Millisecond), "notes", given, "another", another, "still_behind", k.keeper.Behind())
	case another:
		k.log.Info(
			"another Redis answers than before, or it was started anew; it was given the missing notes of the journal",
			"notes", given,
		)
	}
}

// compare gives how many notes Redis was given.
func (k *rounds) compare(ctx context.Context, now time.Time) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, keepLimit)
	defer cancel()
	came, err := k.keeper.CatchUp(ctx, k.comparison.from)
	if came.Mended > 0 {
		k.log.Info("Redis got the notes that it missed, from the journal", "notes", came.Mended)
	}
	k.comparison.came(came, err, now)
	return came.Mended, err
}

// followed is how far each municipality's log was followed.
type followed struct {
	with  string // the identity of that Redis: another one is followed from the beginning
	after map[call.MunicipalityID]string
}

// follow takes into the journal what other programs changed, such as `bereikbaar notes`.
func (k *rounds) follow(ctx context.Context, seen string) error {
	if k.followed.with != seen {
		k.followed = followed{with: seen, after: make(map[call.MunicipalityID]string)}
	}
	var problems []error
	for _, m := range k.municipalities.names() {
		next, err := k.keeper.Follow(ctx, m, k.followed.after[m])
		k.followed.after[m] = next
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// compact rids the journal's file of what this daemon or one before it forgot, if anything.
func (k *rounds) compact() error {
	left, err := k.journal.Leftovers()
	if err != nil || !left {
		return err
	}
	return k.journal.Compact()
}

func (k *rounds) round(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, keepLimit)
	defer cancel()
	problems := []error{k.municipalities.takeOver(k.settings.config(), k.keeper)}
	k.warnOfStrangers(ctx, now.UTC())
	for _, m := range k.municipalities.names() {
		r, err := k.worklist.RoundSince(ctx, m, now.UTC(), k.outage.over)
		k.figures.Round(r)
		k.logRound(m, r)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (k *rounds) logRound(m call.MunicipalityID, r callback.Round) {
	for _, n := range r.Lapsed {
		k.log.Info("a claim ran out; the note is open again", "note", n.ID, "team", n.Team)
	}
	for _, n := range r.Warned {
		k.log.Info("a note comes near its deadline", "note", n.ID, "team", n.Team, "deadline", n.Deadline)
	}
	for _, n := range r.Overdue {
		k.log.Warn("a note is overdue", "note", n.ID, "team", n.Team, "deadline", n.Deadline)
	}
	for _, n := range r.Freed {
		k.log.Info("a note for a colleague who is absent is the team's now", "note", n.ID, "team", n.Team)
	}
	if r.Purged > 0 {
		k.log.Info("old notes were purged", "municipality", m, "notes", r.Purged)
	}
}

// sayOnce logs an error when it is another one than the last of its kind.
func (k *rounds) sayOnce(what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != k.quiet[what] {
		k.log.Error("the regular check of callback notes failed; it is tried again", "what", what, "err", err)
	}
	k.quiet[what] = text
}

// warnOfStrangers logs the municipalities that left the configuration and still have live notes: nothing else shows
// them.
func (k *rounds) warnOfStrangers(ctx context.Context, now time.Time) {
	for _, m := range k.municipalities.strangers(k.settings.plan()) {
		counts, err := k.keeper.Counts(ctx, m, now)
		live := int64(0)
		for _, c := range counts {
			live += c.Live
		}
		if err != nil || live > 0 {
			k.log.Warn("a municipality that left the configuration may have callback notes: "+
				"bereikbaar notes --municipality lists them, and their claims, deadlines and retention are looked after "+
				"as long as "+municipalitiesFile+" in the state directory names it",
				"municipality", m, "live", live, "err", err)
		}
	}
}

// comparison is how far the journal was compared with Redis, and with which Redis.
type comparison struct {
	with  string        // the identity of that Redis: of another nothing is known
	from  note.ID       // where the next one goes on, when the last one was cut short
	round time.Time     // when it last went round; zero for never
	again time.Duration // how long after that to begin anew
}

// due reports whether the journal must be compared with the Redis that answers now.
func (c *comparison) due(identity string, behind int, now time.Time) bool {
	if identity != c.with {
		*c = comparison{with: identity}
	}
	return !c.wentRound() || c.from != "" || behind > 0 || now.Sub(c.round) >= c.again
}

// came records how far one came.
func (c *comparison) came(to keeper.CaughtUp, err error, now time.Time) {
	c.from = to.Next
	if !to.Done {
		return
	}
	c.round, c.again = now, compareEvery
	if err != nil {
		c.again = lookAgain
	}
}

// wentRound reports whether every note was compared with this Redis.
func (c *comparison) wentRound() bool { return !c.round.IsZero() }

// tidiness is when the journal's file was last compacted. The journal knows whether it needs to be.
type tidiness struct {
	erased int       // erased notes that are gone from the file
	done   time.Time // when it was last compacted; zero for not by this daemon
	last   time.Time // when that was last tried
}

// due reports whether to compact the file, when so many notes were erased so far.
func (t *tidiness) due(erased int, now time.Time) bool {
	return now.Sub(t.last) >= lookAgain && (erased != t.erased || now.Sub(t.done) >= compactEvery)
}

// tried records the result.
func (t *tidiness) tried(erased int, now time.Time, err error) {
	t.last = now
	if err == nil {
		t.erased, t.done = erased, now
	}
}

// outage is whether Redis is away or takes no writes, so that nobody can renew a claim, and when that was last over.
type outage struct {
	lasts bool
	since time.Time // when this daemon first met it; zero for never, and while it does not last
	over  time.Time // zero for never
}

// heard records whether Redis answered and takes writes. When it does again it gives how long it was away.
func (o *outage) heard(err error, now time.Time) (away time.Duration) {
	if o.lasts && err == nil {
		o.over = now
	}
	switch {
	case err != nil && o.since.IsZero():
		o.since = now
	case err == nil && !o.since.IsZero():
		away = max(now.Sub(o.since), time.Millisecond)
		o.since = time.Time{}
	}
	o.lasts = err != nil
	return away
}
