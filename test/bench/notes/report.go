package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

func (p *pair) ratio() float64 { return p.Large.P50 / p.Small.P50 }

func (p *pair) serverRatio() float64 { return p.Large.ServerUS / p.Small.ServerUS }

func (p *pair) serverP50Ratio() float64 { return p.Large.ServerP50 / p.Small.ServerP50 }

// print writes the figures as text.
func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d notes, %d of them live in %d teams, against %d, %d and %d. Filled in %.0f s, %.0f MiB.\n\n",
		r.Plan.Large.Notes, r.Plan.Large.Live, r.Plan.Large.Teams, r.Plan.Small.Notes, r.Plan.Small.Live,
		r.Plan.Small.Teams,
		r.FillS, r.LargeMiB)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(
		table, "\tsmall, p50\tlarge, p50\tratio\tsmall, in Redis, mean (p50)\tlarge, in Redis, mean (p50)\tratio",
	)
	for _, what := range operations() {
		p := r.Operations[what]
		fmt.Fprintf(table, "%s\t%.2f ms\t%.2f ms\t%.2f\t%.0f (%.0f) µs\t%.0f (%.0f) µs\t%.2f (%.2f)\n", what,
			p.Small.P50, p.Large.P50, p.ratio(), p.Small.ServerUS, p.Small.ServerP50, p.Large.ServerUS,
			p.Large.ServerP50, p.serverRatio(), p.serverP50Ratio())
	}
	_ = table.Flush() // to a terminal
	fmt.Fprintf(w, "\nNotes made per second from 64 sides: %.0f through the store, %.0f by raw EVALSHA, ratio %.2f\n",
		median(r.Store), median(r.Raw), r.speedRatio())
}

func (r *results) speedRatio() float64 { return median(r.Store) / median(r.Raw) }

func median[T cmp.Ordered](of []T) T {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// aims prints which aims are met; it gives an error when one was missed.
func (r *results) aims(w io.Writer) error {
	fmt.Fprintln(w, "\nAims:")
	missed := false
	tell := func(what, limit string, value float64, met bool) {
		verdict := "met"
		if !met {
			verdict, missed = "MISSED", true
		}
		fmt.Fprintf(w, "  %-60s %6.2f, %s: %s\n", what, value, limit, verdict)
	}
	for _, what := range operations() {
		p := r.Operations[what]
		tell(what+", large against small", "at most 1.5", p.ratio(), p.ratio() <= 1.5)
		tell(what+", the same in Redis alone", "at most 1.5", p.serverRatio(), p.serverRatio() <= 1.5)
		tell(what+", the same, the middle", "at most 1.5", p.serverP50Ratio(), p.serverP50Ratio() <= 1.5)
	}
	tell("notes per second, the store against raw EVALSHA", "at least 0.9", r.speedRatio(), r.speedRatio() >= 0.9)
	if missed {
		return errors.New("an aim was missed")
	}
	return nil
}
