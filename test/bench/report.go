package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// middle is the median of a figure over the rounds.
func middle(rounds []load, figure func(load) float64) float64 {
	values := make([]float64, len(rounds))
	for i, l := range rounds {
		values[i] = figure(l)
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// ratio is the median over the rounds of ours / theirs of the same round.
func ratio(all map[string][]load, figure func(load) float64) float64 {
	var values []float64
	for i := range all[ours] {
		values = append(values, figure(all[ours][i])/figure(all[theirs][i]))
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// print writes the figures as text.
func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "\n%d calls a second, %s of talk, %d phones; the middle of %d interleaved rounds\n\n",
		r.Plan.Rate, r.Plan.Hold, r.Plan.Phones, r.Plan.Rounds)
	fmt.Fprintf(w, "%-44s %12s %12s %8s\n", "", ours, theirs, "ratio")
	for _, part := range []struct {
		kind string
		all  map[string][]load
	}{{"", r.Load}, {", with sound", r.Spoken}} {
		for _, f := range figures() {
			fmt.Fprintf(w, "%-44s %12.2f %12.2f %8s\n", f.name+part.kind, middle(part.all[ours], f.of), middle(
				part.all[theirs], f.of,
			),
				shown(ratio(part.all, f.of)))
		}
	}
	for _, f := range []struct {
		name string
		of   func(spread) float64
	}{{"agent's BYE to next INVITE, p50, ms", p50}, {"agent's BYE to next INVITE, p99, ms", p99}} {
		a, b := f.of(r.Next[ours]), f.of(r.Next[theirs])
		fmt.Fprintf(w, "%-44s %12.2f %12.2f %8.3f\n", f.name, a, b, a/b)
	}
	fmt.Fprintf(w, "%-44s %12d %12d\n", "highest rate under 0.1 % failures", r.Rates[ours], r.Rates[theirs])
	fmt.Fprintf(w, "%-44s %6.0f + %3.0f %12.0f\n", "memory of a waiting caller, KiB",
		r.Memory[ours].Asterisk, r.Memory[ours].Daemon, r.Memory[theirs].Asterisk)
}

// shown prints a ratio; "-" when the other side has no figure.
func shown(ratio float64) string {
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return "-"
	}
	return fmt.Sprintf("%.2f", ratio)
}

func p50(s spread) float64 { return s.P50 }
func p99(s spread) float64 { return s.P99 }

func answerP99(l load) float64 { return l.Answer.P99 }
func ringP99(l load) float64   { return l.Ring.P99 }

// figure is one line of the table.
type figure struct {
	name string
	of   func(load) float64
}

func figures() []figure {
	return []figure{
		{"CPU of Asterisk, ms a call", func(l load) float64 { return l.Asterisk }},
		{"CPU of the daemon, ms a call", func(l load) float64 { return l.Daemon }},
		{"CPU in sum, ms a call", load.cpu},
		{"caller's INVITE to 200, p50, ms", func(l load) float64 { return l.Answer.P50 }},
		{"caller's INVITE to 200, p99, ms", answerP99},
		{"caller's to agent's INVITE, p50, ms", func(l load) float64 { return l.Ring.P50 }},
		{"caller's to agent's INVITE, p99, ms", ringP99},
		{"failed calls", func(l load) float64 { return float64(l.Failed) }},
	}
}

// aims prints which aims are met; it gives an error when one was missed.
func (r *results) aims(w io.Writer) error {
	fmt.Fprintln(w, "\nAims:")
	missed := false
	for _, aim := range []struct {
		what  string
		value float64
		limit float64
	}{
		{"sum of CPU, times app_queue", ratio(r.Load, load.cpu), 1.25},
		{"sum of CPU with sound, times app_queue", ratio(r.Spoken, load.cpu), 1.25},
		{"p99 of INVITE to 200, ms", middle(r.Load[ours], answerP99), 50},
		{"p99 of INVITE to 200 with sound, ms", middle(r.Spoken[ours], answerP99), 50},
		{"p99 of INVITE to agent's INVITE, ms", middle(r.Load[ours], ringP99), 50},
		{"p99 of INVITE to agent's INVITE with sound, ms", middle(r.Spoken[ours], ringP99), 50},
		{"agent free to next ring, times app_queue", r.Next[ours].P50 / r.Next[theirs].P50, 0.1},
		{"failed calls", failures(r.Load[ours]) + failures(r.Spoken[ours]), 0},
	} {
		verdict := "met"
		if !(aim.value <= aim.limit) {
			verdict, missed = "MISSED", true
		}
		fmt.Fprintf(w, "  %-46s %8.3f, at most %g: %s\n", aim.what, aim.value, aim.limit, verdict)
	}
	if missed {
		return errors.New("an aim was missed")
	}
	return nil
}

func failures(rounds []load) float64 {
	total := 0
	for _, l := range rounds {
		total += l.Failed
	}
	return float64(total)
}
