package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// The aims.
const (
	mostP99     = 50.0 // ms
	mostRatio   = 1.5
	mostReach   = 1000.0  // ms
	mostFirst   = 150_000 // bytes
	mostFurther = 15_000  // bytes
	mostMemory  = 64.0    // KiB
)

func (p *pair) p50() float64 { return p.Large.P50 / p.Small.P50 }

func (p *pair) p99() float64 { return p.Large.P99 / p.Small.P99 }

// alike reports whether the lists are equally long: only then do their times compare.
func (p *pair) alike() bool { return p.Large.Rows == p.Small.Rows }

// print writes the figures as text.
func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d live notes against %d, in the same %d teams, %d pages open at either daemon; %d visits of a kind.\n\n",
		r.Plan.Large.Notes, r.Plan.Small.Notes, r.Plan.Large.Teams, r.Plan.People, r.Plan.Rounds*r.Plan.Each)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "work-list of somebody of\trows\tsmall, p50 / p99\tlarge, p50 / p99\tratio\tdaemon's CPU, small / large")
	for _, kind := range kinds() {
		p := r.Lists[kind]
		fmt.Fprintf(table, "%s\t%d / %d\t%.1f / %.1f ms\t%.1f / %.1f ms\t%.2f / %.2f\t%.1f / %.1f ms\n", kind,
			p.Small.Rows, p.Large.Rows, p.Small.P50, p.Small.P99, p.Large.P50, p.Large.P99, p.p50(), p.p99(),
			p.Small.CPU, p.Large.CPU)
	}
	_ = table.Flush() // to a terminal
	fmt.Fprintf(w, "\nA claim reached all %d pages after %.0f ms in the middle, %.0f ms at most.\n", r.Plan.People,
		middle(r.ReachedMS), slices.Max(r.ReachedMS))
	fmt.Fprintln(w, "Bytes of a further page:")
	for _, what := range slices.Sorted(maps.Keys(r.Further)) {
		fmt.Fprintf(w, "  %-55s %6d\n", what, r.Further[what])
	}
	fmt.Fprintf(w, "Memory of an open page: %.1f KiB, %.1f of them stacks; the process grew by %.1f KiB a page.\n", r.memory(),
		(r.After.Stack-r.Before.Stack)/1024/float64(r.Plan.People),
		(r.After.Resident-r.Before.Resident)/1024/float64(r.Plan.People))
}

// memory is that of one open page, in KiB.
func (r *results) memory() float64 {
	return r.After.since(r.Before) / 1024 / float64(r.Plan.People)
}

func middle(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// aims prints which aims are met; it gives an error when one was missed.
func (r *results) aims(w io.Writer) error {
	fmt.Fprintln(w, "\nAims:")
	missed := false
	tell := func(what string, value, most float64, unit string) {
		verdict := "met"
		if value > most {
			verdict, missed = "MISSED", true
		}
		fmt.Fprintf(w, "  %-60s %9.2f%s, at most %g%s: %s\n", what, value, unit, most, unit, verdict)
	}
	for _, kind := range kinds() {
		p := r.Lists[kind]
		tell("work-list of "+kind+", p99", p.Large.P99, mostP99, " ms")
		if p.alike() {
			tell("the same, large against small, p99", p.p99(), mostRatio, "")
			tell("the same, the middle", p.p50(), mostRatio, "")
		} else {
			fmt.Fprintf(w, "  the same, large against small: %.2f in the middle, of %d rows against %d: not compared\n", p.p50(),
				p.Large.Rows, p.Small.Rows)
		}
	}
	tell("a change reaches every open page", slices.Max(r.ReachedMS), mostReach, " ms")
	tell("a first visit", float64(r.First)/1000, mostFirst/1000, " kB")
	tell("a further page", float64(slices.Max(slices.Collect(maps.Values(r.Further))))/1000, mostFurther/1000, " kB")
	tell("memory of the daemon for an open page", r.memory(), mostMemory, " KiB")
	if missed {
		return errors.New("an aim was missed")
	}
	return nil
}
