package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/root"
)

// Daemon is `bereikbaar serve`, built from this source tree; with the race detector in a test, without it in the
// demonstration and the benchmark.
type Daemon struct {
	// ConfigFile is the shipped example with the rig's addresses and the overrides of the options in it.
	ConfigFile string
	// Operations is the address of /metrics, /healthz and /readyz, host:port.
	Operations string
	// Web is the address of the JSON API, host:port.
	Web string
	// StateDir is where the daemon keeps its journal.
	StateDir string
	// ARIPassword is given to the daemon at Start; a wrong one is refused.
	ARIPassword string
	// Env are variables, as NAME=value, for the daemon and other commands of the program, beside the test's own.
	Env []string

	dir     string
	base    map[string]any
	tokens  map[string]string // for the JSON API, by phone
	process *Process
}

// daemonBinary builds the daemon once per test process; an unchanged build takes a moment.
var daemonBinary = sync.OnceValues(func() (string, error) {
	source, err := root.Source()
	if err != nil {
		return "", err
	}
	name, args := "bereikbaar", []string{"build"}
	if testing.Testing() { // also when the test itself has none: it costs the phones, who only listen, too much
		name, args = "bereikbaar-race", append(args, "-race")
	}
	path := filepath.Join(source, "build", name)
	cmd := exec.Command("go", append(args, "-o", path, "./cmd/bereikbaar")...)
	cmd.Dir = source
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the daemon: %w\n%s", err, output)
	}
	return path, nil
})

// newDaemon prepares a daemon that has no configuration yet.
func newDaemon(dir, operations, web string, a *Asterisk, redis *Redis, o Options) (*Daemon, error) {
	d := &Daemon{
		ConfigFile: filepath.Join(dir, "bereikbaar.yaml"), Operations: operations, Web: web,
		StateDir:    filepath.Join(dir, "state"),
		ARIPassword: a.Password, dir: dir,
		base: map[string]any{
			"ari":     map[string]any{"url": "ws://" + a.HTTP + "/ari/events"},
			"redis":   map[string]any{"address": redis.Address},
			"listen":  map[string]any{"operations": operations, "web": web},
			"web":     map[string]any{"tokens_file": filepath.Join(dir, "tokens.yaml")},
			"prompts": map[string]any{"directory": o.PromptsDir, "asterisk_directory": o.PromptsDir},
			"state":   map[string]any{"directory": filepath.Join(dir, "state")},
		},
	}
	if err := os.MkdirAll(d.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("the daemon's directory: %w", err)
	}
	return d, d.writeTokens(filepath.Join(dir, "tokens.yaml"), o.Phones)
}

// Configure writes the configuration anew: the shipped example, the rig's addresses, and the overrides, merged key by
// key. A list replaces a list, nil removes a key. A running daemon notices the change; Reload makes sure of it.
func (d *Daemon) Configure(overrides map[string]any) error {
	source, err := root.Source()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(source, "deploy", "bereikbaar.yaml"))
	if err != nil {
		return fmt.Errorf("the shipped configuration: %w", err)
	}
	if text, err = Override(text, d.base, overrides); err != nil {
		return err
	}
	return d.WriteConfig(text)
}

// WriteConfig replaces the configuration by any text, atomically, as an editor does.
func (d *Daemon) WriteConfig(text []byte) error {
	draft := d.ConfigFile + ".new"
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	if err := os.Rename(draft, d.ConfigFile); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	return nil
}

// Run runs another command of the program, such as `check` or `doctor`, and gives its output.
func (d *Daemon) Run(ctx context.Context, args ...string) (string, error) {
	program, err := daemonBinary()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = d.environment()
	output, err := cmd.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("bereikbaar %s: %w:\n%s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}

func (d *Daemon) environment() []string {
	return slices.Concat(os.Environ(), []string{
		"BEREIKBAAR_ARI_PASSWORD=" + d.ARIPassword, "BEREIKBAAR_REDIS_PASSWORD=" + redistest.Password,
	}, d.Env)
}

// Launch starts the daemon and does not wait.
func (d *Daemon) Launch() error {
	program, err := daemonBinary()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "serve", "--config", d.ConfigFile)
	cmd.Env = d.environment()
	d.process, err = start(filepath.Dir(d.dir), "bereikbaar", cmd)
	return err
}

// Start starts the daemon and waits until it is ready to take calls.
func (d *Daemon) Start(ctx context.Context) error {
	if err := d.Launch(); err != nil {
		return err
	}
	return d.AwaitReady(ctx)
}

// AwaitReady waits until /readyz answers 200.
func (d *Daemon) AwaitReady(ctx context.Context) error {
	return d.process.await(ctx, "is ready", func(ctx context.Context) error {
		status, body, err := d.Get(ctx, "/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz answers %d: %s", status, body)
		}
		return err
	})
}

// Process gives access to freezing, signalling and the log of the daemon.
func (d *Daemon) Process() *Process { return d.process }

// Stop ends the daemon in an orderly way within the grace of its configuration, and reports its data races.
func (d *Daemon) Stop() error {
	if d.process == nil {
		return nil
	}
	return errors.Join(d.process.stop(45*time.Second), d.races())
}

// Kill ends the daemon with SIGKILL, as a crash would.
func (d *Daemon) Kill() error { return errors.Join(d.process.Kill(), d.races()) }

// Restart starts the daemon again after Stop or Kill, or stops it first when it runs.
func (d *Daemon) Restart(ctx context.Context) error {
	if d.process != nil && d.process.Running() {
		if err := d.Stop(); err != nil {
			return err
		}
	}
	return d.Start(ctx)
}

// Reload makes the daemon read its configuration again (SIGHUP).
func (d *Daemon) Reload() error { return d.process.Signal(syscall.SIGHUP) }

// races looks for reports of the race detector in the log.
func (d *Daemon) races() error {
	log, err := os.ReadFile(d.process.Log)
	if err != nil {
		return fmt.Errorf("the daemon's log: %w", err)
	}
	if at := strings.Index(string(log), "WARNING: DATA RACE"); at >= 0 {
		return fmt.Errorf("the daemon had a data race:\n%.4000s", log[at:])
	}
	return nil
}

// Get fetches a path of the operations port.
func (d *Daemon) Get(ctx context.Context, path string) (status int, body string, err error) {
	return get(ctx, "http://"+d.Operations+path)
}

// Metrics is the exposition as Prometheus would scrape it.
func (d *Daemon) Metrics(ctx context.Context) (string, error) {
	status, body, err := d.Get(ctx, "/metrics")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/metrics answers %d: %s", status, body)
	}
	return body, err
}

// get fetches a URL on a new connection: the daemon may be about to die.
func get(ctx context.Context, url string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", fmt.Errorf("asking %s: %w", url, err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("asking: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", fmt.Errorf("asking %s: %w", url, err)
	}
	return response.StatusCode, string(text), nil
}
