package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/bench/fill"
)

// heard is a line that an open page heard.
type heard struct {
	by   *person
	line string
	at   time.Time
}

// streams are open pages, as far as they hear of changes. lost is closed when one ended.
type streams struct {
	lines chan heard
	lost  chan error
}

// follow opens a page for everybody.
func (s *subject) follow(ctx context.Context, people []*person) (*streams, error) {
	all := &streams{lines: make(chan heard, 10_000), lost: make(chan error, len(people))}
	for _, who := range people {
		if err := s.open(ctx, who, all); err != nil {
			return nil, fmt.Errorf("open the page of %s: %w", who.id, err)
		}
	}
	return all, nil
}

// open opens one, and waits until it follows.
func (s *subject) open(ctx context.Context, who *person, into *streams) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.web+"/events", nil)
	if err != nil {
		return err
	}
	r.AddCookie(who.cookie)
	answer, err := s.client.Do(r) //nolint:bodyclose // the goroutine below closes it
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(answer.Body)
	if answer.StatusCode != http.StatusOK || !lines.Scan() || lines.Text() != "event: ready" {
		answer.Body.Close()
		return fmt.Errorf("status %d, and not ready", answer.StatusCode)
	}
	go func() {
		defer answer.Body.Close()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") {
				into.lines <- heard{who, lines.Text(), time.Now()}
			}
		}
		into.lost <- fmt.Errorf("the page of %s follows no more: %w", who.id, lines.Err())
	}()
	return nil
}

// reach claims notes of the contact centre, one after the other, and gives how long each claim took to reach everybody.
// The next follows as soon as all heard: just after the daemon looked, so it waits longest for the next look.
func (s *subject) reach(ctx context.Context, p plan, by *person, open *streams) ([]time.Duration, error) {
	notes, err := s.store.Due(ctx, fill.Town, centre, p.Changes)
	if err != nil {
		return nil, err
	}
	took := make([]time.Duration, 0, len(notes))
	for _, n := range notes {
		began := time.Now()
		form := url.Values{"ver": {strconv.FormatUint(n.Ver, 10)}}
		if _, err := s.post(ctx, by, "/notes/"+string(n.Reference)+"/claim", form); err != nil {
			return nil, err
		}
		last, err := open.all(ctx, p.People, n.ID)
		if err != nil {
			return nil, err
		}
		took = append(took, last.Sub(began))
	}
	return took, nil
}

// patience is how long a change may take before the measurement is given up.
const patience = 10 * time.Second

// all waits until everybody heard of a note, and gives when the last did.
func (o *streams) all(ctx context.Context, people int, of note.ID) (last time.Time, err error) {
	told := map[*person]bool{}
	late := time.After(patience)
	for len(told) < people {
		select {
		case h := <-o.lines:
			if strings.Contains(h.line, string(of)) {
				told[h.by], last = true, h.at
			}
		case err := <-o.lost:
			return last, err
		case <-late:
			return last, fmt.Errorf("%d of %d pages heard of a change within %s", len(told), people, patience)
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
	return last, nil
}

// memory is what the daemon takes.
type memory struct {
	// Goal is how large the heap gets before the next collection: by Go's rule twice what the last one left, and the
	// stacks. What is left cannot be asked for.
	Goal  float64 `json:"heap_goal_bytes"`
	Stack float64 `json:"stack_bytes"`
	// Resident is that of the process: what waits for the next collection is in it, and the parts of the journal's file
	// that were read.
	Resident float64 `json:"resident_bytes"`
}

// since is what was added, and still in use after a collection.
func (m memory) since(before memory) float64 {
	stack := m.Stack - before.Stack
	return (m.Goal-before.Goal-stack)/2 + stack
}

// collections is how many rounds of the garbage collector there are while memory is read.
const collections = 12

// settled reads the memory after some collections, which visits bring about. It gives the least: a collection finds
// more while a page or the figures are being made.
func (s *subject) settled(ctx context.Context, people []*person) (memory, error) {
	var least memory
	seen, last := 0, 0.0
	for i := 0; i < len(people) || seen < collections; i++ { // everybody's visit costs something once
		if _, _, err := s.get(ctx, people[i%len(people)], "/"); err != nil {
			return memory{}, err
		}
		if i%10 > 0 { // figures cost more than a page
			continue
		}
		f, err := s.figures(ctx)
		if err != nil {
			return memory{}, err
		}
		at := f["go_memstats_last_gc_time_seconds"]
		if at == last || i < len(people)/2 {
			continue
		}
		now := memory{
			Goal: f["go_memstats_next_gc_bytes"], Stack: f["go_memstats_stack_inuse_bytes"],
			Resident: f["process_resident_memory_bytes"],
		}
		if last = at; seen == 0 {
			least = now
		}
		least = memory{
			min(least.Goal, now.Goal), min(least.Stack, now.Stack), min(least.Resident, now.Resident),
		}
		seen++
	}
	return least, nil
}
