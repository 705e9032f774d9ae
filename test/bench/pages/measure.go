package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/test/bench/fill"
)

// results are all figures of a run.
type results struct {
	Plan      plan             `json:"plan"`
	Lists     map[string]*pair `json:"lists"` // by kind of person
	ReachedMS []float64        `json:"change_reached_all_ms"`
	Before    memory           `json:"memory_before"`
	After     memory           `json:"memory_with_open_pages"`
	First     int              `json:"bytes_of_first_visit"`
	Further   map[string]int   `json:"bytes_of_further_pages"`
}

// pair is one work-list at both scales.
type pair struct {
	Small side `json:"small"`
	Large side `json:"large"`
}

// side is one work-list at one scale.
type side struct {
	Rows  int     `json:"rows"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	CPU   float64 `json:"daemon_cpu_ms"` // of the daemon alone, for one page: what else the machine does is not in it
	times []time.Duration
	spent float64 // seconds of the daemon's processor
}

func (r *results) measure(ctx context.Context, o *fill.Owner) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", "build/bereikbaar", "./cmd/bereikbaar")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the daemon (run this at the top of the repository): %w: %s", err, out)
	}
	people := everybody(r.Plan)
	sides := make([]*subject, 2)
	for i, s := range []fill.Scale{r.Plan.Small, r.Plan.Large} {
		var err error
		if sides[i], err = newSubject(ctx, o, r.Plan, s, people); err != nil {
			return fmt.Errorf("with %d notes: %w", s.Notes, err)
		}
	}
	small, large := sides[0], sides[1]
	for _, who := range people {
		if err := small.signIn(ctx, who); err != nil {
			return err
		}
		if err := large.welcome(ctx, who, small); err != nil {
			return err
		}
	}
	open, err := r.opened(ctx, small, large, people)
	if err != nil {
		return err
	}
	if err := r.lists(ctx, sides, people); err != nil {
		return err
	}
	took, err := large.reach(ctx, r.Plan, people[0], open)
	if err != nil {
		return err
	}
	for _, t := range took {
		r.ReachedMS = append(r.ReachedMS, ms(t))
	}
	return r.bytes(ctx, o, large, people)
}

// opened opens everybody's page at both daemons, and measures what that costs the small one: it starts anew before, so
// that no password that was hashed and no note that was read at the start is in its memory.
func (r *results) opened(ctx context.Context, small, large *subject, people []*person) (open *streams, err error) {
	if err = small.start(ctx); err != nil {
		return nil, err
	}
	if r.Before, err = small.settled(ctx, people); err != nil {
		return nil, err
	}
	if _, err = small.follow(ctx, people); err != nil {
		return nil, err
	}
	if r.After, err = small.settled(ctx, people); err != nil {
		return nil, err
	}
	return large.follow(ctx, people)
}

// lists measures the work-list of each kind of person at both scales, in turn: so other work of the machine hits both.
func (r *results) lists(ctx context.Context, sides []*subject, people []*person) error {
	for _, kind := range kinds() {
		r.Lists[kind] = &pair{}
	}
	for round := range r.Plan.Rounds + 1 { // the first warms up and does not count
		for _, kind := range kinds() {
			p := r.Lists[kind]
			if round == 0 {
				p = &pair{}
			}
			if err := turns(ctx, r.Plan, round, sides, of(kind, people), p); err != nil {
				return fmt.Errorf("the work-list of %s: %w", kind, err)
			}
		}
	}
	for _, p := range r.Lists {
		p.Small.sum()
		p.Large.sum()
	}
	return nil
}

// of gives the people of a kind.
func of(kind string, people []*person) []*person {
	return slices.DeleteFunc(slices.Clone(people), func(p *person) bool { return p.kind != kind })
}

// turns visits the work-list of one person after the other, each at both daemons.
func turns(ctx context.Context, p plan, round int, sides []*subject, people []*person, into *pair) error {
	figures := []*side{&into.Small, &into.Large}
	if err := spend(ctx, sides, figures, -1); err != nil {
		return err
	}
	for i := range p.Each {
		who := people[(round*p.Each+i)%len(people)]
		for turn := range sides {
			nth := (turn + i) % len(sides) // each is first half of the time
			if err := sides[nth].visit(ctx, who, figures[nth]); err != nil {
				return err
			}
		}
	}
	return spend(ctx, sides, figures, 1)
}

// spend adds what the daemons have spent of the processor so far, with a sign: taken off before, and added afterwards.
func spend(ctx context.Context, sides []*subject, figures []*side, sign float64) error {
	for i, s := range sides {
		f, err := s.figures(ctx)
		if err != nil {
			return err
		}
		figures[i].spent += sign * f["process_cpu_seconds_total"]
	}
	return nil
}

func (s *subject) visit(ctx context.Context, who *person, into *side) error {
	page, took, err := s.get(ctx, who, "/")
	into.times = append(into.times, took)
	into.Rows = max(into.Rows, strings.Count(page, "data-ver="))
	return err
}

func (s *side) sum() {
	slices.Sort(s.times)
	s.P50, s.P99 = ms(s.times[len(s.times)/2]), ms(s.times[len(s.times)*99/100])
	s.CPU = 1000 * s.spent / float64(len(s.times))
}

func ms(t time.Duration) float64 { return float64(t) / float64(time.Millisecond) }
