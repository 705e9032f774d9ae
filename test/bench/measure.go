package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// results are all figures of a run. Times are in milliseconds.
type results struct {
	Plan   plan                 `json:"plan"`
	Load   map[string][]load    `json:"load"`       // without sound, by side, one per round
	Spoken map[string][]load    `json:"load_sound"` // with sound
	Next   map[string]spread    `json:"agent_free_to_next_ring_ms"`
	Rates  map[string]int       `json:"highest_rate_under_0.1_percent_failures"`
	Memory map[string]memory    `json:"memory_per_waiting_caller_kib"`
	Full   map[string][]waiting `json:"full_queues"`
}

// load is one side under a steady stream of calls.
type load struct {
	Calls    int     `json:"calls"`
	Failed   int     `json:"failed"`
	Asterisk float64 `json:"cpu_asterisk_ms_per_call"`
	Daemon   float64 `json:"cpu_daemon_ms_per_call"`
	Answer   spread  `json:"invite_to_200_ms"`
	Ring     spread  `json:"invite_to_agent_invite_ms"`
}

func (l load) cpu() float64 { return l.Asterisk + l.Daemon }

// memory is the cost of one waiting caller, in KiB of resident memory.
type memory struct {
	Asterisk float64 `json:"asterisk"`
	Daemon   float64 `json:"daemon"`
}

// spread is a set of times, in milliseconds.
type spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func spreadOf(times []time.Duration) spread {
	if len(times) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(times)
	at := func(q float64) float64 {
		i := min(len(times)-1, int(math.Ceil(q*float64(len(times))))-1)
		return float64(times[max(i, 0)]) / float64(time.Millisecond)
	}
	return spread{P50: at(0.50), P99: at(0.99), Max: at(1)}
}

// measure takes all figures, the two sides always in turn.
func measure(ctx context.Context, p plan) (*results, error) {
	r := &results{
		Plan: p, Load: map[string][]load{}, Spoken: map[string][]load{},
		Next: map[string]spread{}, Rates: map[string]int{}, Memory: map[string]memory{},
		Full: map[string][]waiting{},
	}
	crowd, err := start(ctx, p.Phones)
	if err != nil {
		return nil, err
	}
	err = errors.Join(r.underLoad(ctx, crowd), crowd.Close())
	if err != nil {
		return nil, err
	}
	one, err := start(ctx, 1)
	if err != nil {
		return nil, err
	}
	return r, errors.Join(r.withOneAgent(ctx, one), r.memoryOfWaiting(ctx, one), one.Close(), r.fullQueues(ctx))
}

func (r *results) underLoad(ctx context.Context, crowd *rig.Rig) error {
	for _, sound := range []bool{false, true} {
		kind, into := "without sound", r.Load
		if sound {
			kind, into = "with sound", r.Spoken
		}
		phones, err := crowd.Crowd(rig.Behaviour{}, sound)
		if err != nil {
			return err
		}
		for round := range r.Plan.Rounds + 1 { // the first warms up and does not count
			for _, side := range sides() {
				l, err := r.stream(ctx, crowd, phones, side, r.Plan.Rate, sound)
				if err != nil {
					return err
				}
				if round == 0 {
					continue
				}
				into[side] = append(into[side], l)
				fmt.Printf("%-14s round %d  %-11s CPU %5.2f + %4.2f ms a call, %d of %d failed\n",
					kind, round, side, l.Asterisk, l.Daemon, l.Failed, l.Calls)
			}
		}
		if !sound {
			if err := r.highest(ctx, crowd, phones); err != nil {
				return err
			}
		}
		if err := phones.Close(); err != nil {
			return err
		}
	}
	return nil
}

// stream makes calls at a steady rate, each with a talk.
func (r *results) stream(
	ctx context.Context, crowd *rig.Rig, phones *rig.Crowd, side string, rate int, sound bool,
) (load, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Plan.Length+time.Minute)
	defer cancel()
	before := len(phones.Rings())
	used, err := use(crowd)
	if err != nil {
		return load{}, err
	}
	callers, err := crowd.Load(rig.LoadOptions{
		To: numbers[side], Calls: rate * int(r.Plan.Length/time.Second), PerSecond: rate, HoldFor: r.Plan.Hold,
		Speak: sound,
	})
	if err != nil {
		return load{}, err
	}
	_ = callers.AwaitEnd(ctx) // failures are counted below
	if err := crowd.Asterisk.AwaitIdle(ctx); err != nil {
		return load{}, err
	}
	now, err := use(crowd)
	if err != nil {
		return load{}, err
	}
	l := load{Calls: len(callers.Calls())}
	l.Asterisk = milliseconds(now.asterisk.CPU-used.asterisk.CPU) / float64(l.Calls)
	if side == ours {
		l.Daemon = milliseconds(now.daemon.CPU-used.daemon.CPU) / float64(l.Calls)
	}
	if err := l.times(callers, phones, before); err != nil {
		return load{}, err
	}
	return l, nil
}

// times gives both latencies; an unanswered call, or one that rang no phone, counts as failed.
func (l *load) times(callers *rig.Load, phones *rig.Crowd, before int) error {
	from, err := phones.Callers()
	if err != nil {
		return err
	}
	rang := map[string]time.Time{}
	for _, ring := range phones.Rings()[before:] {
		number := canonical(from[ring.CallID])
		if at, ok := rang[number]; !ok || ring.Invited.Before(at) {
			rang[number] = ring.Invited
		}
	}
	var answers, rings []time.Duration
	for n, c := range callers.Calls() {
		at, ok := rang[canonical(rig.LoadNumber(n))]
		if c.Answered.IsZero() || !ok {
			l.Failed++
			continue
		}
		answers = append(answers, c.Answered.Sub(c.Invited))
		rings = append(rings, at.Sub(c.Invited))
	}
	l.Answer, l.Ring = spreadOf(answers), spreadOf(rings)
	return nil
}

// canonical unifies the notations in which the two sides show a number to a phone.
func canonical(number string) string {
	n, err := call.ParseNumber(number)
	if err != nil {
		return number
	}
	return n.E164
}

// highest finds the highest rate at which fewer than one call in a thousand fails.
func (r *results) highest(ctx context.Context, crowd *rig.Rig, phones *rig.Crowd) error {
	const step = 20
	for _, side := range sides() {
		for rate := r.Plan.Rate; rate <= r.Plan.Highest; rate += step {
			l, err := r.stream(ctx, crowd, phones, side, rate, false)
			if err != nil {
				return err
			}
			if l.Failed*1000 >= l.Calls {
				break
			}
			r.Rates[side] = rate
		}
		fmt.Printf("highest rate   %-11s %d calls a second\n", side, r.Rates[side])
	}
	return nil
}

// memoryOfWaiting lets callers wait for one agent who talks all the time.
func (r *results) memoryOfWaiting(ctx context.Context, one *rig.Rig) error {
	for _, side := range sides() {
		phone, err := one.Crowd(rig.Behaviour{}, false)
		if err != nil {
			return err
		}
		before, err := use(one)
		if err != nil {
			return err
		}
		callers, err := one.Load(rig.LoadOptions{
			To: numbers[side], Calls: r.Plan.Waiting, PerSecond: 30, HoldFor: 30 * time.Second,
		})
		if err != nil {
			return err
		}
		if err := allAnswered(ctx, callers, r.Plan.Waiting, time.Minute); err != nil {
			return err
		}
		now, err := use(one)
		if err != nil {
			return err
		}
		m := memory{Asterisk: kib(now.asterisk.Memory-before.asterisk.Memory) / float64(r.Plan.Waiting)}
		if side == ours {
			m.Daemon = kib(now.daemon.Memory-before.daemon.Memory) / float64(r.Plan.Waiting)
		}
		r.Memory[side] = m
		if err := errors.Join(callers.AwaitEnd(ctx), phone.Close(), one.Asterisk.AwaitIdle(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func allAnswered(ctx context.Context, callers *rig.Load, n int, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		answered := 0
		for _, c := range callers.Calls() {
			if !c.Answered.IsZero() {
				answered++
			}
		}
		if answered == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d callers wait: %w", answered, n, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// withOneAgent measures how soon one agent's phone rings again after the agent hangs up, with callers waiting.
func (r *results) withOneAgent(ctx context.Context, one *rig.Rig) error {
	for _, side := range sides() {
		phone, err := one.Crowd(rig.Behaviour{TalkFor: 400 * time.Millisecond}, false)
		if err != nil {
			return err
		}
		callers, err := one.Load(rig.LoadOptions{To: numbers[side], Calls: r.Plan.Queued, PerSecond: 20})
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
		err = callers.AwaitEnd(limited)
		cancel()
		if err != nil {
			return err
		}
		var gaps []time.Duration
		rings := phone.Rings()
		for i := 1; i < len(rings); i++ {
			if !rings[i-1].Ended.IsZero() {
				gaps = append(gaps, rings[i].Invited.Sub(rings[i-1].Ended))
			}
		}
		r.Next[side] = spreadOf(gaps)
		if err := errors.Join(phone.Close(), one.Asterisk.AwaitIdle(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// usage is that of the two processes.
type usage struct{ asterisk, daemon rig.Usage }

func use(r *rig.Rig) (usage, error) {
	asterisk, err := r.Asterisk.Process().Usage()
	if err != nil {
		return usage{}, err
	}
	d, err := r.Daemon.Process().Usage()
	return usage{asterisk, d}, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func kib(bytes int64) float64 { return float64(bytes) / 1024 }
