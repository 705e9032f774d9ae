package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// Asterisk is one real Asterisk with its own configuration, run directory and ports. Files under the rig's directory
// have the same path inside and outside of its root.
type Asterisk struct {
	// SIP is the address that trunk and phones talk to, host:port over UDP.
	SIP string
	// HTTP is the address of ARI, host:port.
	HTTP string
	// Password is that of the ARI user `bereikbaar`.
	Password string
	// LogDir holds messages.log, queue_log, cdr-csv/Master.csv and cel-custom/Master.csv.
	LogDir string

	dir     string
	tree    string
	shared  []string
	process *Process
}

// MusicDir holds the music for waiting callers in A-law, as dev/setup made it.
func MusicDir() (string, error) {
	cache, err := root.CacheDir()
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(cache, "music"))
	if err != nil {
		return "", fmt.Errorf("no music for waiting callers: %w (run dev/setup as root)", err)
	}
	return dir, nil
}

// PID is the process id of Asterisk itself, for its CPU and memory.
func (a *Asterisk) PID() int { return a.process.PID() }

// Process gives access to freezing, killing and the log of Asterisk.
func (a *Asterisk) Process() *Process { return a.process }

// Start starts Asterisk and waits until it takes calls.
func (a *Asterisk) Start(ctx context.Context) error {
	cmd, err := root.Command(
		a.tree, a.dir, a.shared, "/usr/sbin/asterisk", "-f", "-C", filepath.Join(a.dir, "etc", "asterisk.conf"),
	)
	if err != nil {
		return err
	}
	process, err := start(filepath.Dir(a.dir), "asterisk", cmd)
	if err != nil {
		return err
	}
	a.process = process
	return process.await(ctx, "takes calls", func(ctx context.Context) error {
		answer, err := a.CLI(ctx, "core waitfullybooted")
		if err != nil {
			return err
		}
		if !strings.Contains(answer, "fully booted") {
			return fmt.Errorf("core waitfullybooted answers %q", answer)
		}
		return nil
	})
}

// Stop ends Asterisk in an orderly way; calls are cut off.
func (a *Asterisk) Stop() error { return a.process.stop(10 * time.Second) }

// Kill ends Asterisk with SIGKILL, as a crash would.
func (a *Asterisk) Kill() error { return a.process.Kill() }

// close ends Asterisk when the rig ends. An orderly unload of a hundred modules would take a second.
func (a *Asterisk) close() error {
	if a.process == nil {
		return nil
	}
	return a.Kill()
}

// Restart starts Asterisk again after Stop or Kill, or stops it first when it runs.
func (a *Asterisk) Restart(ctx context.Context) error {
	if a.process != nil && a.process.Running() {
		if err := a.Stop(); err != nil {
			return err
		}
	}
	return a.Start(ctx)
}

// CLI runs one command on Asterisk's console and gives its output. It speaks to the control socket itself: one
// `asterisk -rx` per look would cost more CPU than the switch.
func (a *Asterisk) CLI(ctx context.Context, command string) (string, error) {
	run, err := os.Open(filepath.Join(a.dir, "run"))
	if err != nil {
		return "", fmt.Errorf("the console of Asterisk: %w", err)
	}
	defer run.Close()
	// By way of the open directory: the name of a socket may have 107 bytes at most.
	socket := fmt.Sprintf("/proc/self/fd/%d/asterisk.ctl", run.Fd())
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return "", fmt.Errorf("the console of Asterisk: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Write([]byte("cli quit after " + command + "\x00")); err != nil {
		return "", fmt.Errorf("the console of Asterisk, %q: %w", command, err)
	}
	output, err := io.ReadAll(conn)
	if ctx.Err() != nil {
		return "", fmt.Errorf("the console of Asterisk, %q: %w", command, context.Cause(ctx))
	}
	// When a command ends at once Asterisk may reset the connection after the last byte.
	if err != nil && len(output) == 0 {
		return "", fmt.Errorf("the console of Asterisk, %q: %w", command, err)
	}
	// The first line is Asterisk's greeting: host/pid/version.
	_, text, _ := bytes.Cut(output, []byte("\n"))
	return string(text), nil
}

// Idle gives an error that names the channels and bridges that are left.
func (a *Asterisk) Idle(ctx context.Context) error {
	channels, err := a.CLI(ctx, "core show channels concise")
	if err != nil {
		return err
	}
	bridges, err := a.CLI(ctx, "bridge show all")
	if err != nil {
		return err
	}
	var left []string
	for _, line := range strings.Split(strings.TrimSpace(channels), "\n") {
		if strings.Contains(line, "!") {
			left = append(left, "channel "+line)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(bridges), "\n")[1:] {
		left = append(left, "bridge "+line)
	}
	if len(left) > 0 {
		return errors.New("left behind in Asterisk:\n" + strings.Join(left, "\n"))
	}
	return nil
}

// AwaitIdle waits until no channel and no bridge is left.
func (a *Asterisk) AwaitIdle(ctx context.Context) error {
	return poll(ctx, "Asterisk is idle", a.Idle)
}

// Messages are the lines of messages.log of the given levels, such as "ERROR" and "WARNING".
func (a *Asterisk) Messages(levels ...string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(a.LogDir, "messages.log"))
	if err != nil {
		return nil, fmt.Errorf("the log of Asterisk: %w", err)
	}
	var found []string
	for _, line := range strings.Split(string(text), "\n") {
		for _, level := range levels {
			if strings.Contains(line, "] "+level+"[") {
				found = append(found, line)
			}
		}
	}
	return found, nil
}
