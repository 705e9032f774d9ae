package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// A full queue: the calls a second, the time of the measurement, and the limit of a restart.
const (
	comeIn       = 60
	watchedFor   = 10 * time.Second
	comeInLimit  = 5 * time.Minute
	restartLimit = time.Minute
)

// waiting are callers who wait for one agent who talks all the time.
type waiting struct {
	Callers  int     `json:"callers"`
	Asterisk float64 `json:"cpu_asterisk_ms_per_caller_and_second"`
	Daemon   float64 `json:"cpu_daemon_ms_per_caller_and_second"`
	Restart  restart `json:"restart_after_kill_ms"` // ours only
}

func (w waiting) cpu() float64 { return w.Asterisk + w.Daemon }

// restart are times in milliseconds from the kill of the daemon, which is started again at once; 0 for more than
// restartLimit.
type restart struct {
	Answers float64 `json:"readiness_is_answered"`
	Ready   float64 `json:"ready"`
	Back    float64 `json:"all_taken_back"`
	CPU     float64 `json:"cpu_of_both_until_ready"`
}

// fullQueues measures full queues of each size, the two sides in turn.
func (r *results) fullQueues(ctx context.Context) error {
	one, err := start(ctx, 1)
	if err != nil {
		return err
	}
	return errors.Join(r.ofEachSize(ctx, one), one.Close())
}

func (r *results) ofEachSize(ctx context.Context, one *rig.Rig) error {
	for _, n := range r.Plan.Full {
		for _, side := range sides() {
			w, err := r.fullQueue(ctx, one, side, n)
			if err != nil {
				return fmt.Errorf("%d waiting callers, %s: %w", n, side, err)
			}
			r.Full[side] = append(r.Full[side], w)
			fmt.Printf("waiting %-6d %-11s CPU %5.2f + %4.2f ms a caller and second\n", n, side, w.Asterisk, w.Daemon)
		}
	}
	return nil
}

func (r *results) fullQueue(ctx context.Context, one *rig.Rig, side string, n int) (w waiting, err error) {
	phone, err := one.Crowd(rig.Behaviour{}, false)
	if err != nil {
		return w, err
	}
	callers, err := one.Load(rig.LoadOptions{To: numbers[side], Calls: n, PerSecond: comeIn})
	if err != nil {
		return w, err
	}
	if err := allAnswered(ctx, callers, n, comeInLimit); err != nil {
		return w, err
	}
	if w, err = watched(ctx, one, side, n); err != nil {
		return w, err
	}
	if side == ours {
		if w.Restart, err = restarted(ctx, one); err != nil {
			return w, err
		}
	}
	if _, err := one.Asterisk.CLI(ctx, "channel request hangup all"); err != nil {
		return w, err
	}
	return w, errors.Join(callers.AwaitEnd(ctx), phone.Close(), one.Asterisk.AwaitIdle(ctx))
}

// watched measures the cost of waiting.
func watched(ctx context.Context, one *rig.Rig, side string, n int) (waiting, error) {
	began := time.Now()
	before, err := use(one)
	if err != nil {
		return waiting{}, err
	}
	select {
	case <-ctx.Done():
		return waiting{}, context.Cause(ctx)
	case <-time.After(watchedFor):
	}
	now, err := use(one)
	if err != nil {
		return waiting{}, err
	}
	each := time.Since(began).Seconds() * float64(n)
	w := waiting{Callers: n, Asterisk: milliseconds(now.asterisk.CPU-before.asterisk.CPU) / each}
	if side == ours {
		w.Daemon = milliseconds(now.daemon.CPU-before.daemon.CPU) / each
	}
	return w, nil
}

// active finds the number of active calls in the daemon's metrics.
var active = regexp.MustCompile(`(?m)^bereikbaar_calls_active (\d+)$`)

func handled(ctx context.Context, one *rig.Rig) (int, error) {
	text, err := one.Daemon.Metrics(ctx)
	found := active.FindStringSubmatch(text)
	if err != nil || found == nil {
		return 0, fmt.Errorf("no number of active calls in the daemon's metrics: %w", err)
	}
	return strconv.Atoi(found[1])
}

// restarted kills the daemon, starts it at once and waits until it has every call again.
func restarted(ctx context.Context, one *rig.Rig) (r restart, err error) {
	had, err := handled(ctx, one)
	if err != nil {
		return r, err
	}
	if err := one.Daemon.Kill(); err != nil {
		return r, err
	}
	killed := time.Now()
	before, err := one.Asterisk.Process().Usage()
	if err != nil {
		return r, err
	}
	if err := one.Daemon.Launch(); err != nil {
		return r, err
	}
	since := func() float64 { return milliseconds(time.Since(killed)) }
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for time.Since(killed) < restartLimit && r.Back == 0 {
		status, _, err := one.Daemon.Get(ctx, "/readyz")
		if err == nil && r.Answers == 0 {
			r.Answers = since()
		}
		if status == http.StatusOK && r.Ready == 0 {
			r.Ready = since()
			now, err := use(one)
			if err != nil {
				return r, err
			}
			r.CPU = milliseconds(now.asterisk.CPU - before.CPU + now.daemon.CPU)
		}
		if r.Ready != 0 {
			if has, err := handled(ctx, one); err == nil && has >= had {
				r.Back = since()
			}
		}
		select {
		case <-ctx.Done():
			return r, context.Cause(ctx)
		case <-ticks.C:
		}
	}
	return r, nil
}

// printFull writes the figures of full queues as text.
func (r *results) printFull(w io.Writer) {
	fmt.Fprintf(w, "\n%-44s %12s %12s %8s\n", "full queues", ours, theirs, "ratio")
	for i, o := range r.Full[ours] {
		if i >= len(r.Full[theirs]) {
			break
		}
		t := r.Full[theirs][i]
		fmt.Fprintf(w, "%-44s %5.2f + %4.2f %12.2f %8s\n", fmt.Sprintf(
			"CPU of a caller, %d waiting, ms a second", o.Callers,
		),
			o.Asterisk, o.Daemon, t.Asterisk, shown(o.cpu()/t.cpu()))
	}
	for _, o := range r.Full[ours] {
		fmt.Fprintf(
			w, "%-44s %12s\n", fmt.Sprintf("killed until ready, %d waiting, ms", o.Callers), told(o.Restart.Ready),
		)
		fmt.Fprintf(
			w, "%-44s %12s\n", fmt.Sprintf("killed until all taken back, %d waiting, ms", o.Callers),
			told(o.Restart.Back),
		)
	}
}

// told prints a time; 0 stands for too long.
func told(ms float64) string {
	if ms == 0 {
		return "over a minute"
	}
	return fmt.Sprintf("%.0f", ms)
}
