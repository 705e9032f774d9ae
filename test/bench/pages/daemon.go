package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/bench/fill"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// subject is a measured daemon, with its Redis.
type subject struct {
	scale           fill.Scale
	dir             string // its configuration and its state
	redis           *redistest.Server
	store           *redisstore.Store
	web, operations string // its addresses
	client          *http.Client
	stop            func() // ends the daemon
}

// newSubject fills a Redis, and starts the daemon.
func newSubject(ctx context.Context, o *fill.Owner, p plan, s fill.Scale, people []*person) (*subject, error) {
	server := redistest.Start(o)
	is := &subject{
		scale: s, redis: server, dir: filepath.Join(server.Dir(), "daemon"),
		store: redisstore.Open(redistest.As(server.Addr)), client: newClient(), stop: func() {},
	}
	o.Cleanup(func() { _ = is.store.Close() })
	if err := is.fill(ctx); err != nil {
		return nil, err
	}
	var err error
	if is.web, err = freeAddress(); err != nil {
		return nil, err
	}
	if is.operations, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(is.file(), []byte(settings(p, is, people)), 0o600); err != nil {
		return nil, err
	}
	o.Cleanup(func() { is.stop() })
	return is, is.start(ctx)
}

func (s *subject) file() string { return filepath.Join(s.dir, "bereikbaar.yaml") }

// newClient is one that follows no redirects, and decompresses nothing.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fill stores the notes, and those of the journal beside them.
func (s *subject) fill(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	kept, err := journal.Open(filepath.Join(s.dir, daemon.JournalFile))
	if err != nil {
		return err
	}
	past := redistest.Client(s.redis.Addr)
	defer func() { _ = past.Close() }()
	return errors.Join(fill.Redis(ctx, past, kept, s.scale), kept.Close())
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start starts the daemon, again when it runs, and waits until its web port answers. It dies with the benchmark.
func (s *subject) start(ctx context.Context) error {
	s.stop()
	binary, err := filepath.Abs(filepath.Join("build", "bereikbaar"))
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "serve", "--config", s.file())
	cmd.Env = append(
		os.Environ(), "BEREIKBAAR_ARI_PASSWORD=not-asked-for", "BEREIKBAAR_REDIS_PASSWORD="+redistest.Password,
	)
	cmd.Stdout, cmd.Stderr = &said, &said
	ended, err := launch(cmd)
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	s.stop = func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	}
	for {
		select {
		case <-ended:
			return fmt.Errorf("the daemon ended at once: %s", said.String())
		case <-ctx.Done():
			return fmt.Errorf("start the daemon: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
		if _, _, err := s.get(ctx, nil, "/sign-in"); err == nil {
			return nil
		}
	}
}

// launch starts a program from a thread that lives as long as it does: the kernel kills it when that thread ends.
func launch(cmd *exec.Cmd) (ended chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	ended = make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed, as a rule
		}
	}()
	return ended, <-started
}

// get asks for a page, and gives how long the whole of it took.
func (s *subject) get(ctx context.Context, who *person, path string) (string, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.web+path, nil)
	if err != nil {
		return "", 0, err
	}
	began := time.Now()
	is, err := s.ask(r, who)
	took := time.Since(began)
	if err == nil && is.status != http.StatusOK {
		err = fmt.Errorf("%s: status %d", path, is.status)
	}
	return is.body, took, err
}

// post sends a form, as the page that has it does.
func (s *subject) post(ctx context.Context, who *person, path string, form url.Values) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.web+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	is, err := s.ask(r, who)
	if err == nil && is.status != http.StatusSeeOther {
		err = fmt.Errorf("%s: status %d", path, is.status)
	}
	return is, err
}

// answer is one that was read to its end.
type answer struct {
	status  int
	cookies []*http.Cookie
	body    string
}

func (s *subject) ask(r *http.Request, who *person) (answer, error) {
	r.Header.Set("Accept", "text/html")
	if who != nil {
		r.AddCookie(who.cookie)
	}
	came, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer came.Body.Close()
	body, err := io.ReadAll(came.Body)
	return answer{came.StatusCode, came.Cookies(), string(body)}, err
}

// figures reads the daemon's own metrics, those without labels.
func (s *subject) figures(ctx context.Context) (map[string]float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.operations+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	is, err := s.ask(r, nil)
	all := map[string]float64{}
	for line := range strings.Lines(is.body) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			all[name] = value
		}
	}
	return all, err
}
