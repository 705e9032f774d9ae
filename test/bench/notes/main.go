// Command notes measures the store of callback notes: the same work on a Redis with few notes and on one with very
// many, in turn, and notes made per second against the bare script. Compare figures of one run only: the machine is too
// noisy for more.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bereikbaar/bereikbaar/test/bench/fill"
	"github.com/bereikbaar/bereikbaar/test/bench/save"
)

// plan is the size of the measurement.
type plan struct {
	Small  fill.Scale `json:"small"`
	Large  fill.Scale `json:"large"`
	Rounds int        `json:"rounds"`
	Each   int        `json:"operations_a_round"`
	List   int        `json:"notes_in_a_list"`
	Made   int        `json:"notes_made_for_speed"`
	Runs   int        `json:"runs_for_speed"`
}

const within = 15 * time.Minute // in all; four on an idle machine

func main() {
	p := plan{Small: fill.Scale{Notes: 1000, Live: 100, Teams: 2}}
	flag.IntVar(&p.Large.Notes, "notes", 1_000_000, "in the large Redis")
	flag.IntVar(&p.Large.Live, "live", 100_000, "of them")
	flag.IntVar(&p.Large.Teams, "teams", 200, "that have them")
	flag.IntVar(&p.Rounds, "rounds", 12, "in which small and large take turns")
	flag.IntVar(&p.Each, "each", 20, "operations of a kind in a round")
	flag.IntVar(&p.List, "list", 25, "length of a due list")
	flag.IntVar(&p.Made, "made", 15_000, "notes in a run for speed")
	flag.IntVar(&p.Runs, "runs", 9, "for speed, of the store and of the bare script in turn")
	out := flag.String("json", filepath.Join("build", "bench-notes.json"), "where the figures go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := run(ctx, p, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench of notes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, out string) error {
	r := &results{Plan: p, Operations: make(map[string]*pair)}
	if err := r.speed(ctx); err != nil {
		return err
	}
	owner := &fill.Owner{}
	err := owner.Do(func() error { return r.atScale(ctx, owner) })
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	if err := save.JSON(out, r); err != nil {
		return err
	}
	return r.aims(os.Stdout)
}
