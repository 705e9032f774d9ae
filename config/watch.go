package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long a file must be left alone before it is read again: editors write in several steps.
const quiet = 250 * time.Millisecond

// Watcher keeps a configuration up to date with its file. The zero value is of no use: see Watch.
type Watcher struct {
	getenv    func(string) string
	onChange  func(*Config)
	onRefused func(error)

	asked chan struct{} // by Reload
	done  chan struct{}

	mu       sync.Mutex
	current  *Config
	lastRead []byte // the text of current, or of the refusal after it
}

// Watch reads the file of current again when it changes, until ctx ends. onChange gets each new configuration that is
// valid and differs from the one before; keys that need a restart keep their values there, and are named in
// NeedsRestart. onRefused gets the Problems of an invalid one: the old one then stays. One goroutine calls both. When
// the file cannot be watched, onRefused is told at once, and only Reload reads it again.
func Watch(
	ctx context.Context, current *Config, getenv func(string) string, onChange func(*Config), onRefused func(error),
) *Watcher {
	w := &Watcher{
		getenv: getenv, onChange: onChange, onRefused: onRefused,
		asked: make(chan struct{}, 1), done: make(chan struct{}), current: current,
	}
	w.lastRead, _ = readFile(current.Path) // a file that is gone by now counts as changed when it comes back
	changed, stop, err := watchFile(current.Path)
	if err != nil {
		onRefused(fmt.Errorf("cannot watch %s, send SIGHUP after each change: %w", current.Path, err))
	}
	go func() {
		defer close(w.done)
		defer stop()
		w.run(ctx, changed)
	}()
	return w
}

// Reload reads the file again soon, even when it did not change: for SIGHUP. It never waits.
func (w *Watcher) Reload() {
	select {
	case w.asked <- struct{}{}:
	default: // asked already
	}
}

// Current is the running configuration.
func (w *Watcher) Current() *Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current
}

// Wait returns when the watcher has ended, after its context.
func (w *Watcher) Wait() { <-w.done }

// run reads the file once it has been quiet after a change.
func (w *Watcher) run(ctx context.Context, changed <-chan struct{}) {
	settled := time.NewTimer(quiet)
	settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			settled.Reset(quiet)
		case <-w.asked:
			settled.Stop()
			w.read(true)
		case <-settled.C:
			w.read(false)
		}
	}
}

// read takes over the file as it is now, or refuses it. It skips an unchanged file unless asked.
func (w *Watcher) read(asked bool) {
	old := w.Current()
	raw, err := readFile(old.Path)
	if err != nil {
		w.refuse(nil, err)
		return
	}
	if !asked && bytes.Equal(raw, w.lastRead) {
		return
	}
	fresh, err := load(old.Path, raw, w.getenv)
	if err != nil {
		w.refuse(raw, err)
		return
	}
	w.lastRead = raw
	fresh.keep(old)
	w.mu.Lock()
	w.current = fresh
	w.mu.Unlock()
	w.onChange(fresh)
}

func (w *Watcher) refuse(raw []byte, err error) {
	w.lastRead = raw
	w.onRefused(err)
}

// keep takes over the keys that need a restart from the running configuration, and names those that differ.
func (c *Config) keep(running *Config) {
	c.NeedsRestart = nil
	for _, part := range []struct {
		key          string
		fresh, holds any
	}{
		{"ari", &c.ARI, running.ARI},
		{"redis", &c.Redis, running.Redis},
		{"listen", &c.Listen, running.Listen},
		{"web", &c.Web, running.Web},
		{"sign_in", &c.SignIn, running.SignIn},
		{"look", &c.Look, running.Look},
		{"prompts.directory", &c.Prompts.Directory, running.Prompts.Directory},
		{"prompts.asterisk_directory", &c.Prompts.AsteriskDirectory, running.Prompts.AsteriskDirectory},
		{"state", &c.State, running.State},
		{"log.format", &c.Log.Format, running.Log.Format},
		{"kpi", &c.KPI, running.KPI},
	} {
		fresh := reflect.ValueOf(part.fresh).Elem()
		if !reflect.DeepEqual(fresh.Interface(), part.holds) {
			c.NeedsRestart = append(c.NeedsRestart, part.key)
			fresh.Set(reflect.ValueOf(part.holds))
		}
	}
}

// watchFile reports changes to a file. It watches the directories, because editors and configuration systems put a new
// file in place of the old one; where the path is a link, both the link's and the file's.
func watchFile(path string) (changed <-chan struct{}, stop func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, func() {}, err
	}
	dirs := []string{filepath.Dir(path)}
	target, err := filepath.EvalSymlinks(path)
	linked := err == nil && target != filepath.Clean(path)
	if linked {
		dirs = append(dirs, filepath.Dir(target))
	}
	for _, dir := range dirs {
		if err := watcher.Add(dir); err != nil {
			return nil, func() {}, errors.Join(fmt.Errorf("watch %s: %w", dir, err), watcher.Close())
		}
	}
	tell := make(chan struct{}, 1)
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case event, open := <-watcher.Events:
				if !open {
					return
				}
				// Behind a link, any of several names may have been replaced.
				if !linked && filepath.Base(event.Name) != filepath.Base(path) {
					continue
				}
			case _, open := <-watcher.Errors: // an overflow: something changed
				if !open {
					return
				}
			}
			select {
			case tell <- struct{}{}:
			default:
			}
		}
	})
	return tell, func() {
		_ = watcher.Close() // nothing is left to do
		ended.Wait()
	}, nil
}
