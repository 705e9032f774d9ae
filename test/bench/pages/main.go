// Command pages measures the pages in a browser: the same work-list with few notes and with very many, in turn, while
// two hundred pages follow the changes; how soon a change reaches them, what a page costs the network, and what an open
// one costs the daemon. Compare figures of one run only: the machine is too noisy for more.
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
	Small   fill.Scale `json:"small"`
	Large   fill.Scale `json:"large"`
	People  int        `json:"people"` // each with a page open
	Rounds  int        `json:"rounds"`
	Each    int        `json:"visits_of_a_kind_in_a_round"`
	Changes int        `json:"changes"`
}

const within = 15 * time.Minute // in all; four on an idle machine

func main() {
	// An hour ago: notes of long ago would be late, and the daemon would tell of each.
	begun := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	p := plan{
		Small: fill.Scale{Notes: 1000, Begun: begun, Told: true}, Large: fill.Scale{Begun: begun, Told: true},
		People: 200,
	}
	flag.IntVar(&p.Large.Notes, "notes", 100_000, "in the large Redis, all live")
	flag.IntVar(&p.Large.Teams, "teams", 200, "that have them, at both scales")
	flag.IntVar(&p.Rounds, "rounds", 12, "in which small and large take turns")
	flag.IntVar(&p.Each, "each", 100, "visits of a kind in a round")
	flag.IntVar(&p.Changes, "changes", 20, "that all open pages must hear of")
	out := flag.String("json", filepath.Join("build", "bench-pages.json"), "where the figures go")
	flag.Parse()
	p.Small.Teams, p.Small.Live, p.Large.Live = p.Large.Teams, p.Small.Notes, p.Large.Notes
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := run(ctx, p, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench of pages:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, out string) error {
	r := &results{Plan: p, Lists: make(map[string]*pair)}
	owner := &fill.Owner{}
	if err := owner.Do(func() error { return r.measure(ctx, owner) }); err != nil {
		return err
	}
	r.print(os.Stdout)
	if err := save.JSON(out, r); err != nil {
		return err
	}
	err := r.aims(os.Stdout)
	fmt.Println("\nCalls meanwhile: not measured here.") // there is no Asterisk
	return err
}
