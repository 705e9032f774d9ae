// Command bench measures Bereikbaar against Asterisk's own app_queue: the same callers, the same phones, the same
// Asterisk, in turn. Compare figures of one run only: the machine is too noisy for more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bereikbaar/bereikbaar/test/bench/save"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// plan is the size of the measurement.
type plan struct {
	Phones  int           `json:"phones"`
	Rate    int           `json:"calls_per_second"`
	Length  time.Duration `json:"-"`
	Hold    time.Duration `json:"-"`
	Rounds  int           `json:"rounds"`
	Queued  int           `json:"queued_for_one_agent"`
	Waiting int           `json:"waiting_for_memory"`
	Full    []int         `json:"full_queues"`
	Highest int           `json:"highest_rate_tried"`
}

func main() {
	p := plan{Phones: 300, Hold: time.Second, Queued: 20, Waiting: 300, Full: []int{200, 500, 1000}}
	flag.IntVar(&p.Rate, "rate", 60, "calls a second")
	flag.DurationVar(&p.Length, "length", 10*time.Second, "of one measurement")
	flag.IntVar(&p.Rounds, "rounds", 9, "interleaved pairs, without and with sound")
	flag.IntVar(&p.Highest, "highest", 160, "the highest rate that is tried")
	full := flag.Bool("full", false, "only full queues")
	out := flag.String("json", filepath.Join("build", "bench.json"), "where the figures go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bench := run
	if *full {
		bench = runFull
	}
	if err := bench(ctx, p, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, out string) error {
	r, err := measure(ctx, p)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	r.printFull(os.Stdout)
	return errors.Join(save.JSON(out, r), r.aims(os.Stdout))
}

func runFull(ctx context.Context, p plan, out string) error {
	r := &results{Plan: p, Full: map[string][]waiting{}}
	if err := r.fullQueues(ctx); err != nil {
		return err
	}
	r.printFull(os.Stdout)
	return save.JSON(out, r)
}

// The two sides of the comparison.
const (
	ours   = "bereikbaar"
	theirs = "app_queue"
)

// The numbers that callers dial for them.
var numbers = map[string]string{ours: "0570800801", theirs: "0570800802"}

func sides() []string { return []string{ours, theirs} }

// start makes a rig with n phones that both sides ring.
func start(ctx context.Context, n int) (*rig.Rig, error) {
	agents, members := map[string]any{}, []string{}
	for _, phone := range rig.CrowdPhones(n) {
		agents[phone.Name] = map[string]any{"endpoint": "PJSIP/" + phone.Name}
		members = append(members, phone.Name)
	}
	config := rig.Overrides(rig.AlwaysOpen(), map[string]any{
		"agents": agents,
		"teams": map[string]any{"crowd": map[string]any{
			"name": "Crowd", "members": members, "wrap_up": "0s", "announce": "0s", "missed_limit": 0,
			"music": "bereikbaar", "callback": map[string]any{"enabled": false},
		}},
		"entries": []any{
			map[string]any{"number": "140570", "municipality": "deventer", "first": map[string]any{"menu": "keuze"}},
			map[string]any{
				"number": numbers[ours], "municipality": "deventer", "first": map[string]any{"team": "crowd"},
			},
		},
	})
	return rig.Start(ctx, rig.Options{
		Phones: append(rig.DefaultPhones(), rig.CrowdPhones(n)...), Config: config,
		AsteriskExtra: rig.QueueOfCrowd(numbers[theirs], n),
	})
}
