// Package rig runs the real parts for tests, demonstration and benchmark: Asterisk, Redis, Prometheus, the daemon, and
// phones, each a child process on the rig's own loopback addresses.
package rig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// Options choose the parts of a rig. The zero value is a rig for a test: a temporary directory, an address of its own,
// every part but Prometheus running.
type Options struct {
	// Dir holds everything that the rig writes; one rig at a time. Redis, the daemon and Prometheus keep their data in
	// it for the next rig. Empty: a new directory, which Close removes.
	Dir string
	// Address is where Asterisk, Redis, the daemon and Prometheus listen. Empty: a loopback address of the rig's own.
	Address string
	// Phones are the SIP accounts. Empty: DefaultPhones.
	Phones []Phone
	// PromptsDir keeps the spoken prompts between rigs. Empty: the cache directory of this machine.
	PromptsDir string
	// Config overrides the shipped configuration of the daemon, see Daemon.Configure.
	Config map[string]any
	// AsteriskExtra is text to append to files of deploy/asterisk, by file name.
	AsteriskExtra map[string]string
	// Without names parts that are prepared, for the test to start. Without both the prompts and the daemon the rig
	// needs no configuration of the daemon.
	Without []Part
	// Prometheus starts Prometheus as well, scraping at this interval; 0 for none.
	Prometheus time.Duration
	// Progress gets a line for each slow step, unless it is nil.
	Progress io.Writer
}

// Part is a part of the rig that can be left out.
type Part int

// The parts.
const (
	ThePrompts Part = iota + 1
	TheRedis
	TheAsterisk
	TheDaemon
)

// Rig is a running set of parts.
type Rig struct {
	// Dir is the directory with the parts' files; logs are in Dir/logs.
	Dir      string
	Asterisk *Asterisk
	Redis    *Redis
	Daemon   *Daemon
	// Prometheus is nil unless the options ask for it.
	Prometheus *Prometheus
	Phones     []Phone

	options Options
	// music is the directory of the music. Empty: MusicDir.
	music string
	// attached: Asterisk belongs to another installation, which rings a phone at the address of its log-in
	// (rewrite_contact). The phone logs in before it listens, from the same port.
	attached bool
	place    *place
	keep     bool

	mu      sync.Mutex
	agents  map[string]*Agent
	book    *Phrasebook
	closers []func() error
}

// Start starts the parts and waits until each is ready. After a failure no process is left.
func Start(ctx context.Context, o Options) (*Rig, error) {
	r, err := prepare(o)
	if err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context) error{
		r.startRedis, r.startAsterisk, r.startDaemon, r.startPrometheus,
	} {
		if err := start(ctx); err != nil {
			r.Keep()
			return nil, errors.Join(err, fmt.Errorf("the logs are in %s/logs", r.Dir), r.Close())
		}
	}
	return r, nil
}

// with tells whether a part is to be started.
func (r *Rig) with(p Part) bool { return !slices.Contains(r.options.Without, p) }

// prepare claims the rig's place on the network and in the file system.
func prepare(o Options) (*Rig, error) {
	place, err := claimPlace()
	if err != nil {
		return nil, err
	}
	r := &Rig{place: place, agents: map[string]*Agent{}}
	r.onClose(place.close)
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "bereikbaar-rig-"); err != nil {
			return nil, errors.Join(fmt.Errorf("the directory of the rig: %w", err), r.Close())
		}
		r.onClose(r.removeDir)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("the directory of the rig: %w", err), r.Close())
	}
	if err := r.takeDir(o.Dir); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if o.Address == "" {
		o.Address = place.host(hostServers)
	}
	if o.PromptsDir == "" {
		cache, err := root.CacheDir()
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		o.PromptsDir = filepath.Join(cache, "prompts")
	}
	o.Phones = slices.Clone(o.Phones)
	if len(o.Phones) == 0 {
		o.Phones = DefaultPhones()
	}
	for i := range o.Phones {
		if o.Phones[i].Password == "" {
			o.Phones[i].Password = rand.Text()
		}
	}
	r.Dir, r.Phones, r.options = o.Dir, o.Phones, o
	return r, nil
}

// takeDir locks the directory, and removes the leavings of an earlier rig, except data.
func (r *Rig) takeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("the directory of the rig: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("the directory of the rig: %w", err)
	}
	r.onClose(lock.Close)
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s is in use: end the other rig first (%w)", dir, err)
	}
	for _, name := range []string{"asterisk", "logs", "sipp", "softphone", "prometheus/rules"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("clearing the directory of the rig: %w", err)
		}
	}
	return nil
}

// Keep leaves the rig's directory in place after Close, to look into a failure.
func (r *Rig) Keep() { r.keep = true }

func (r *Rig) removeDir() error {
	if r.keep {
		return nil
	}
	return os.RemoveAll(r.options.Dir)
}

func (r *Rig) startRedis(ctx context.Context) error {
	address, err := r.address("tcp", 6379)
	if err != nil {
		return err
	}
	if r.Redis, err = newRedis(filepath.Join(r.Dir, "redis"), address); err != nil {
		return err
	}
	r.onClose(r.Redis.Stop)
	if !r.with(TheRedis) {
		return nil
	}
	r.tell("Redis on %s", address)
	return r.Redis.Start(ctx)
}

func (r *Rig) startAsterisk(ctx context.Context) error {
	sip, err := r.address("udp", 5060)
	if err != nil {
		return err
	}
	http, err := r.address("tcp", 8088)
	if err != nil {
		return err
	}
	if r.Asterisk, err = newAsterisk(filepath.Join(r.Dir, "asterisk"), sip, http, r.place, r.options); err != nil {
		return err
	}
	r.onClose(r.Asterisk.close)
	if !r.with(TheAsterisk) {
		return nil
	}
	r.tell("Asterisk on %s", sip)
	return r.Asterisk.Start(ctx)
}

func (r *Rig) startDaemon(ctx context.Context) error {
	operations, err := r.address("tcp", 9570)
	if err != nil {
		return err
	}
	web, err := r.address("tcp", 8570)
	if err != nil {
		return err
	}
	if r.Daemon, err = newDaemon(
		filepath.Join(r.Dir, "daemon"), operations, web, r.Asterisk, r.Redis, r.options,
	); err != nil {
		return err
	}
	if !r.with(ThePrompts) && !r.with(TheDaemon) {
		return nil
	}
	if err := r.Daemon.Configure(r.options.Config); err != nil {
		return err
	}
	r.onClose(r.Daemon.Stop)
	if r.with(ThePrompts) {
		r.tell("Prompts in %s", r.options.PromptsDir)
		if _, err := r.Daemon.Run(ctx, "prompts", "render", "--config", r.Daemon.ConfigFile); err != nil {
			return err
		}
	}
	if !r.with(TheDaemon) {
		return nil
	}
	r.tell("The daemon, with /metrics on %s", operations)
	return r.Daemon.Start(ctx)
}

func (r *Rig) startPrometheus(ctx context.Context) error {
	if r.options.Prometheus == 0 {
		return nil
	}
	address, err := r.address("tcp", 9090)
	if err != nil {
		return err
	}
	dir := filepath.Join(r.Dir, "prometheus")
	if r.Prometheus, err = newPrometheus(dir, address, r.Daemon.Operations, r.options.Prometheus); err != nil {
		return err
	}
	r.onClose(r.Prometheus.Stop)
	r.tell("Prometheus on %s", address)
	return r.Prometheus.Start(ctx)
}

// newHandset opens a handset that knows the prompts of this rig.
func (r *Rig) newHandset(host string) (*Handset, error) {
	book, err := r.phrasebook()
	if err != nil {
		return nil, err
	}
	h, err := newHandset(host, book)
	if err != nil {
		return nil, err
	}
	r.onClose(h.close)
	return h, nil
}

// phrasebook loads the prompts once, at the first call.
func (r *Rig) phrasebook() (*Phrasebook, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.book != nil {
		return r.book, nil
	}
	music, err := r.music, error(nil)
	if music == "" {
		music, err = MusicDir()
	}
	if err != nil {
		return nil, err
	}
	r.book, err = openPhrasebook(r.options.PromptsDir, music)
	return r.book, err
}

// address gives host:port on the rig's address, with the first free port from the preferred one on.
func (r *Rig) address(network string, preferred int) (string, error) {
	port, err := freePort(network, r.options.Address, preferred)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(r.options.Address, strconv.Itoa(port)), nil
}

// onClose adds a step to Close; they run in reverse order.
func (r *Rig) onClose(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closers = append(r.closers, f)
}

// Close stops every part, the last started first, and removes the directory unless it was given or kept. It may be
// called twice.
func (r *Rig) Close() error {
	r.mu.Lock()
	closers := r.closers
	r.closers = nil
	r.mu.Unlock()
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i]())
	}
	return errors.Join(errs...)
}

// tell writes a line of progress.
func (r *Rig) tell(format string, args ...any) {
	if r.options.Progress != nil {
		fmt.Fprintf(r.options.Progress, format+"\n", args...)
	}
}
