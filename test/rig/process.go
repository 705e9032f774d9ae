package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is one child of the rig. It dies with the test, even when that gets SIGKILL.
type Process struct {
	Name string
	// Log is the file with the output of the process.
	Log string

	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// spawner starts every child from one thread that lives as long as the test process: Linux sends the parent-death
// signal when the thread that forked ends, not when the process does.
var spawner = sync.OnceValue(func() chan func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// start runs a command with its output in logs/NAME.log under dir. The child leads its own session, like a service:
// Ctrl-C in a terminal reaches the test alone, which stops the parts in order. A kernel with sched_autogroup should
// share the processor among sessions, so that the thousand threads of a busy Asterisk leave the daemon its share; the
// effect was not measured.
func start(dir, name string, cmd *exec.Cmd) (*Process, error) {
	path := filepath.Join(dir, "logs", name+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("log directory of %s: %w", name, err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	defer log.Close()
	if cmd.Dir == "" {
		cmd.Dir = dir
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}

	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w (`dev/setup` installs what is missing)", name, err)
	}
	p := &Process{Name: name, Log: path, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the process id, also after the process ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running tells whether the process lives. A frozen process runs.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ExitCode waits for the end and gives the exit code, -1 when a signal ended the process.
func (p *Process) ExitCode(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s still runs: %w", p.Name, context.Cause(ctx))
	}
}

// Signal sends a signal to the process, if it still lives.
func (p *Process) Signal(signal syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s to %s: %w", signal, p.Name, err)
	}
	return nil
}

// Freeze stops the process in its tracks (SIGSTOP): it keeps its sockets and answers nothing.
func (p *Process) Freeze() error { return p.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on (SIGCONT).
func (p *Process) Thaw() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the process at once (SIGKILL) and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Usage is the CPU time and memory of a process so far.
type Usage struct {
	// CPU is the CPU time of all its threads, kernel included.
	CPU time.Duration
	// Memory is its resident size, in bytes.
	Memory int64
}

// clockTick is the unit of CPU times in /proc on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// Usage reads CPU time and memory of the running process.
func (p *Process) Usage() (Usage, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return Usage{}, fmt.Errorf("the usage of %s: %w", p.Name, err)
	}
	// The second field is the name in parentheses and may hold anything; the third is the state.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 22 {
		return Usage{}, fmt.Errorf("the usage of %s: /proc has %q", p.Name, text)
	}
	var ticks, pages int64
	for field, sum := range map[int]*int64{11: &ticks, 12: &ticks, 21: &pages} {
		n, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("the usage of %s: %w", p.Name, err)
		}
		*sum += n
	}
	return Usage{CPU: time.Duration(ticks) * clockTick, Memory: pages * int64(os.Getpagesize())}, nil
}

// stop sends SIGTERM, and after grace kills the process with its whole group.
func (p *Process) stop(grace time.Duration) error {
	if p == nil {
		return nil
	}
	_ = p.Thaw()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	var err error
	select {
	case <-p.done:
	case <-time.After(grace):
		err = fmt.Errorf("%s did not end within %s and was killed; its log is %s", p.Name, grace, p.Log)
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
	return err
}

// ended is the error for a process that should run and has ended, with the last lines of its log.
func (p *Process) ended() error {
	text, _ := os.ReadFile(p.Log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 12 {
		lines = lines[len(lines)-12:]
	}
	state := "without a word"
	if p.err != nil {
		state = p.err.Error()
	}
	return fmt.Errorf("%s ended (%s); the end of %s:\n%s", p.Name, state, p.Log, strings.Join(lines, "\n"))
}

// startLimit bounds the start of a part on a slow machine.
const startLimit = 60 * time.Second

// await polls ready until it succeeds, the process ends, or the time is up. The error holds the last reason.
func (p *Process) await(ctx context.Context, what string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return poll(ctx, p.Name+" "+what, func(ctx context.Context) error {
		err := ready(ctx)
		if err != nil && !p.Running() {
			return final{p.ended()}
		}
		return err
	})
}

// final marks an error that no further try can mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// poll tries until try succeeds or gives a final error, at most once in 10 ms.
func poll(ctx context.Context, what string, try func(context.Context) error) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try(ctx)
		var last final
		switch {
		case err == nil:
			return nil
		case errors.As(err, &last):
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w; last: %w", what, context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}
