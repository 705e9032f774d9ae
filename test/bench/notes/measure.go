package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/redisstore/redistest"
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
	P50      float64 `json:"p50_ms"`    // as whoever asks sees it, the disk included
	ServerUS float64 `json:"server_us"` // of Redis's own time in commands, for one operation
	times    []time.Duration
	serverUS float64
}

// The operations.
const (
	makeOne  = "make"
	claimOne = "claim"
	listDue  = "list due first"
)

func operations() []string { return []string{makeOne, claimOne, listDue} }

// subject is a Redis that is measured.
type subject struct {
	scale scale
	store *redisstore.Store
	past  *redis.Client
	next  int // the number of the next note
}

// atScale measures each operation at both scales, in turn.
func (r *results) atScale(ctx context.Context, o *owner) error {
	sides := make([]*subject, 2)
	for i, s := range []scale{r.Plan.Small, r.Plan.Large} {
		server := redistest.Start(o)
		past := redis.NewClient(&redis.Options{Addr: server.Addr, ReadTimeout: time.Minute, WriteTimeout: time.Minute})
		store := redisstore.Open(redisstore.Options{Addr: server.Addr})
		o.Cleanup(func() { _ = errors.Join(past.Close(), store.Close()) })
		start := time.Now()
		if err := fill(ctx, past, s); err != nil {
			return err
		}
		r.FillS = time.Since(start).Seconds()
		if i == 0 {
			if err := audited(ctx, past, s); err != nil {
				return err
			}
		}
		sides[i] = &subject{scale: s, store: store, past: past, next: s.Notes}
	}
	for _, what := range operations() {
		r.Operations[what] = &pair{}
	}
	for round := range r.Plan.Rounds + 1 { // the first warms up and does not count
		for _, what := range operations() {
			p := r.Operations[what]
			for i, into := range []*side{&p.Small, &p.Large} {
				if err := sides[i].round(ctx, what, r.Plan, into); err != nil {
					return fmt.Errorf("%s, with %d notes: %w", what, sides[i].scale.Notes, err)
				}
			}
			if round == 0 {
				*p = pair{}
			}
		}
	}
	for _, p := range r.Operations {
		p.Small.sum(r.Plan)
		p.Large.sum(r.Plan)
	}
	r.LargeMiB = float64(infoNumber(ctx, sides[1].past, "memory", `used_memory:(\d+)`)) / (1 << 20)
	return nil
}

func (s *side) sum(p plan) {
	slices.Sort(s.times)
	s.P50 = float64(s.times[len(s.times)/2]) / float64(time.Millisecond)
	s.ServerUS = s.serverUS / float64(p.Rounds*p.Each)
}

// round does one operation some times, and adds what it took.
func (s *subject) round(ctx context.Context, what string, p plan, into *side) error {
	work, err := s.prepare(ctx, what, p)
	if err != nil {
		return err
	}
	if err := s.past.ConfigResetStat(ctx).Err(); err != nil {
		return err
	}
	for _, each := range work {
		start := time.Now()
		if err := each(); err != nil {
			return err
		}
		into.times = append(into.times, time.Since(start))
	}
	into.serverUS += float64(infoNumber(ctx, s.past, "commandstats", `cmdstat_(?:evalsha|zrange|hgetall):calls=\d+,usec=(\d+)`))
	return s.undo(ctx, what)
}

// prepare makes ready what is to be timed.
func (s *subject) prepare(ctx context.Context, what string, p plan) ([]func() error, error) {
	work := make([]func() error, p.Each)
	for i := range work {
		team := call.TeamID(teamOf(s.scale, s.next+i))
		switch what {
		case makeOne:
			_, e, err := note(s.scale, s.next)
			if err != nil {
				return nil, err
			}
			s.next++
			work[i] = func() error { _, err := s.store.Make(ctx, e); return err }
		case claimOne:
			due, err := s.store.Due(ctx, town, team, p.Each)
			if err != nil {
				return nil, err
			}
			n := due[i%len(due)]
			work[i] = func() error { _, err := s.store.Advance(ctx, n, claim(n)); return err }
		default:
			work[i] = func() error {
				due, err := s.store.Due(ctx, town, team, p.List)
				if err == nil && len(due) != p.List {
					err = fmt.Errorf("only %d notes are due", len(due))
				}
				return err
			}
		}
	}
	return work, nil
}

const colleague call.AgentID = "els"

func claim(n callback.Note) callback.Event {
	return next(n, callback.EventClaimed, func(e *callback.Event) { e.Hold = 10 * time.Minute })
}

func next(n callback.Note, kind callback.EventKind, change func(*callback.Event)) callback.Event {
	e := callback.Event{
		ID: callback.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1, At: n.Made.Add(time.Hour),
		Who: callback.ByAgent(colleague),
	}
	change(&e)
	return e
}

// undo gives back what was claimed, so that every round meets the same.
func (s *subject) undo(ctx context.Context, what string) error {
	if what != claimOne {
		return nil
	}
	held, err := s.store.Held(ctx, town, colleague, 1000)
	for _, n := range held {
		_, failed := s.store.Advance(ctx, n, next(n, callback.EventReleased, func(e *callback.Event) { e.Cause = callback.ReleaseByHand }))
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

// speed makes notes from 64 sides, through the store and by the bare script, in turn: the benchmarks of redisstore, which know
// the script.
func (r *results) speed(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return fmt.Errorf("measure the speed: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "redisstore.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./redisstore")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the benchmarks (run this at the top of the repository): %w: %s", err, out)
	}
	for range r.Plan.Runs {
		for _, b := range []struct {
			name string
			into *[]float64
		}{{"BenchmarkMake", &r.Store}, {"BenchmarkRawEvalsha", &r.Raw}} {
			cmd := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench=^"+b.name+"$", "-test.benchtime="+fmt.Sprint(r.Plan.Made)+"x")
			cmd.Dir = "redisstore"
			out, err := cmd.CombinedOutput()
			found := regexp.MustCompile(`([0-9.]+) notes/s`).FindStringSubmatch(string(out))
			if err != nil || found == nil {
				return fmt.Errorf("%s: %w: %s", b.name, err, strings.TrimSpace(string(out)))
			}
			perSecond, err := strconv.ParseFloat(found[1], 64)
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
			*b.into = append(*b.into, perSecond)
		}
	}
	return nil
}
