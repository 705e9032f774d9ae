package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/bench/fill"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// results are all figures of a run.
type results struct {
	Plan       plan             `json:"plan"`
	Operations map[string]*pair `json:"operations"`
	Store      []float64        `json:"store_notes_per_second"`
	Raw        []float64        `json:"raw_evalsha_notes_per_second"`
	FillS      float64          `json:"fill_seconds"`
	LargeMiB   float64          `json:"memory_of_large_mib"`
}

// pair is one operation at both scales.
type pair struct {
	Small side `json:"small"`
	Large side `json:"large"`
}

// side is one operation at one scale.
type side struct {
	P50 float64 `json:"p50_ms"` // as the client sees it, the disk included
	// mean of Redis's own time in commands per operation: a few slow ones count
	ServerUS  float64 `json:"server_us"`
	ServerP50 float64 `json:"server_p50_us"` // the median of the same: shows whether it was a few
	times     []time.Duration
	serverUS  []float64
}

// The operations.
const (
	makeOne   = "make"
	claimOne  = "claim"
	listDue   = "list due first"
	pageOf    = "page of a work-list, not the first"
	makeKept  = "make, with the journal" // as the daemon does it
	claimKept = "claim, with the journal"
)

func operations() []string { return []string{makeOne, claimOne, listDue, pageOf, makeKept, claimKept} }

// subject is a measured Redis, with a journal of its live notes.
type subject struct {
	scale  fill.Scale
	store  *redisstore.Store
	keeper *keeper.Keeper // journal and store
	past   *redis.Client
	next   int // the number of the next note
}

// newSubject starts and fills one.
func newSubject(ctx context.Context, o *fill.Owner, s fill.Scale) (*subject, error) {
	server := redistest.Start(o)
	past := redistest.Client(server.Addr)
	store := redisstore.Open(redistest.As(server.Addr))
	o.Cleanup(func() { _ = errors.Join(past.Close(), store.Close()) })
	kept, err := journal.Open(filepath.Join(server.Dir(), "journal.db")) // on the disk of Redis
	if err != nil {
		return nil, err
	}
	o.Cleanup(func() { _ = kept.Close() })
	if err := fill.Redis(ctx, past, kept, s); err != nil {
		return nil, err
	}
	return &subject{scale: s, store: store, keeper: keeper.New(store, kept, strict{o}), past: past, next: s.Notes}, nil
}

// strict ends the measurement when the keeper reports a fault: the figures would be wrong.
type strict struct{ *fill.Owner }

// JournalFailed is called when the journal's disk is full, say.
func (s strict) JournalFailed(err error) { s.Errorf("the journal: %w", err) }

// Behind is called when Redis was too slow.
func (s strict) Behind(notes int) {
	if notes > 0 {
		s.Errorf("%d notes are in the journal alone", notes)
	}
}

// Restored is not expected here.
func (s strict) Restored(notes int) { s.Errorf("%d notes were restored", notes) }

// Apart is not expected here.
func (s strict) Apart(notes int) {
	if notes > 0 {
		s.Errorf("%d notes could not be reconciled", notes)
	}
}

// Diverged is not expected here.
func (s strict) Diverged(id note.ID) { s.Errorf("note %s: the histories differ", id) }

// atScale measures each operation at both scales, in turn.
func (r *results) atScale(ctx context.Context, o *fill.Owner) error {
	sides := make([]*subject, 2)
	for i, s := range []fill.Scale{r.Plan.Small, r.Plan.Large} {
		start := time.Now()
		side, err := newSubject(ctx, o, s)
		if err != nil {
			return err
		}
		r.FillS = time.Since(start).Seconds()
		if i == 0 {
			if err := fill.Audited(ctx, side.past, s); err != nil {
				return err
			}
		}
		sides[i] = side
	}
	for _, what := range operations() {
		r.Operations[what] = &pair{}
	}
	for round := range r.Plan.Rounds + 1 { // the first warms up and does not count
		for _, what := range operations() {
			p := &pair{}
			if err := turns(ctx, what, r.Plan, sides, p); err != nil {
				return err
			}
			if round > 0 {
				r.Operations[what].add(p)
			}
		}
	}
	for _, p := range r.Operations {
		p.Small.sum()
		p.Large.sum()
	}
	r.LargeMiB = float64(infoNumber(ctx, sides[1].past, "memory", `used_memory:(\d+)`)) / (1 << 20)
	return nil
}

func (p *pair) add(of *pair) {
	p.Small.add(of.Small)
	p.Large.add(of.Large)
}

func (s *side) add(of side) {
	s.times = append(s.times, of.times...)
	s.serverUS = append(s.serverUS, of.serverUS...)
}

func (s *side) sum() {
	s.P50 = float64(median(s.times)) / float64(time.Millisecond)
	s.ServerP50 = median(s.serverUS)
	for _, us := range s.serverUS {
		s.ServerUS += us / float64(len(s.serverUS))
	}
}

// turns lets both sides do one operation a few times, in turn: so other work of the machine hits both, and neither
// finds a processor's cache warm from doing the same a moment ago.
func turns(ctx context.Context, what string, p plan, sides []*subject, into *pair) error {
	work := make([][]func() error, len(sides))
	for i, s := range sides {
		var err error
		if work[i], err = s.prepare(ctx, what, p); err != nil {
			return fmt.Errorf("%s, with %d notes: %w", what, s.scale.Notes, err)
		}
	}
	for nth := range p.Each {
		for i, into := range []*side{&into.Small, &into.Large} {
			if err := sides[i].time(ctx, work[i][nth], into); err != nil {
				return fmt.Errorf("%s, with %d notes: %w", what, sides[i].scale.Notes, err)
			}
		}
	}
	for _, s := range sides {
		if err := s.undo(ctx, what); err != nil {
			return fmt.Errorf("release the claims: %w", err)
		}
	}
	return nil
}

// time does one operation, and adds its times.
func (s *subject) time(ctx context.Context, operation func() error, into *side) error {
	if err := s.past.ConfigResetStat(ctx).Err(); err != nil {
		return err
	}
	start := time.Now()
	if err := operation(); err != nil {
		return err
	}
	into.times = append(into.times, time.Since(start))
	into.serverUS = append(
		into.serverUS,
		float64(infoNumber(ctx, s.past, "commandstats", `cmdstat_(?:evalsha|zrange|hgetall):calls=\d+,usec=(\d+)`)),
	)
	return nil
}

// prepare makes a timed operation ready.
func (s *subject) prepare(ctx context.Context, what string, p plan) ([]func() error, error) {
	work := make([]func() error, p.Each)
	var err error
	for i := range work {
		switch what {
		case makeOne:
			work[i], err = s.making(ctx, s.store)
		case makeKept:
			work[i], err = s.making(ctx, s.keeper)
		case claimOne:
			work[i], err = s.claiming(ctx, s.store, p, i)
		case claimKept:
			work[i], err = s.claiming(ctx, s.keeper, p, i)
		case pageOf:
			work[i], err = s.paging(ctx, p)
		default:
			work[i] = s.listing(ctx, p, i)
		}
		if err != nil {
			return nil, err
		}
	}
	return work, nil
}

func (s *subject) making(ctx context.Context, through note.Store) (func() error, error) {
	_, e, err := fill.Note(s.scale, s.next)
	s.next++
	return func() error { _, err := through.Make(ctx, e); return err }, err
}

// claiming claims notes of as many teams as the small side has: so notes come back equally often on both sides, and
// their histories grow alike.
func (s *subject) claiming(ctx context.Context, through note.Store, p plan, i int) (func() error, error) {
	due, err := s.store.Due(ctx, fill.Town, fill.Team(s.scale, i%p.Small.Teams), p.Each)
	if err != nil {
		return nil, err
	}
	n := due[i%len(due)]
	return func() error { _, err := through.Advance(ctx, n, claim(n)); return err }, nil
}

func (s *subject) listing(ctx context.Context, p plan, i int) func() error {
	team := fill.Team(s.scale, s.next+i)
	return func() error {
		due, err := s.store.Due(ctx, fill.Town, team, p.List)
		if err == nil && len(due) != p.List {
			err = fmt.Errorf("only %d notes are due", len(due))
		}
		return err
	}
}

// paging reads the second page of a work-list of as many teams as the small side has.
func (s *subject) paging(ctx context.Context, p plan) (func() error, error) {
	q := listing.Query{Limit: p.List}
	for i := range p.Small.Teams {
		q.Teams = append(q.Teams, fill.Team(s.scale, i))
	}
	first, err := s.store.Page(ctx, fill.Town, q)
	if err != nil {
		return nil, err
	}
	q.After = first.Next
	return func() error {
		page, err := s.store.Page(ctx, fill.Town, q)
		if err == nil && len(page.Notes) != p.List {
			err = fmt.Errorf("only %d notes are on the page", len(page.Notes))
		}
		return err
	}, nil
}

const colleague call.AgentID = "els"

func claim(n note.Note) note.Event {
	return next(n, note.EventClaimed, func(e *note.Event) { e.Hold = 10 * time.Minute })
}

func next(n note.Note, kind note.EventKind, change func(*note.Event)) note.Event {
	e := note.Event{
		ID: note.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1, At: n.Made.Add(time.Hour),
		Who: note.ByAgent(colleague),
	}
	change(&e)
	return e
}

// undo releases the claims, so that all rounds are alike; through the keeper, so that the journal follows.
func (s *subject) undo(ctx context.Context, what string) error {
	if what != claimOne && what != claimKept {
		return nil
	}
	held, err := s.store.Held(ctx, fill.Town, colleague, 1000)
	for _, n := range held {
		_, failed := s.keeper.Advance(
			ctx, n, next(n, note.EventReleased, func(e *note.Event) { e.Cause = note.ReleaseByHand }),
		)
		err = errors.Join(err, failed)
	}
	return err
}

// infoNumber adds up the numbers that a pattern finds in a section of INFO.
func infoNumber(ctx context.Context, c *redis.Client, section, pattern string) int64 {
	var sum int64
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(c.Info(ctx, section).Val(), -1) {
		n, _ := strconv.ParseInt(found[1], 10, 64) // digits
		sum += n
	}
	return sum
}
