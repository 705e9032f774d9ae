// Package redistest starts real Redis servers for tests and measurements, lets them fail (killed, frozen, restarted, or
// behind a connection that loses replies), and audits their data.
package redistest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	startLimit  = 20 * time.Second
	signalLimit = 5 * time.Second
	pollEvery   = 2 * time.Millisecond
)

// Owner starts servers: a test, or a measurement.
type Owner interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	FailNow()
	Cleanup(func())
}

// Server is a test's own Redis, on a unix socket. It keeps its data over Kill and Restart, and is removed with the
// test.
type Server struct {
	// Addr is the path of its socket.
	Addr string

	*Installation

	tb        Owner
	directive []string

	mu          sync.Mutex
	process     *process
	environment []string // moves its clock or slows its disk, see SetClock and SetDisk
}

// process is one run of redis-server.
type process struct {
	pid   int
	ready chan struct{} // closed when it takes commands
	ended chan struct{} // closed when it is gone
	mu    sync.Mutex
	log   []string
}

// Start starts the Redis of this machine with the shipped files and waits until it takes commands. directives are
// further lines of redis.conf; they win. The test fails when redis-server is not installed.
func Start(tb Owner, directives ...string) *Server {
	tb.Helper()
	return StartIn(tb, "", directives...)
}

// StartIn is Start with the data in a new directory under parent; empty for the system's temporary directory.
func StartIn(tb Owner, parent string, directives ...string) *Server {
	tb.Helper()
	s := Prepare(tb, parent, Redis, directives...)
	s.Restart()
	return s
}

// StartKind is Start for one of the servers.
func StartKind(tb Owner, kind Kind, directives ...string) *Server {
	tb.Helper()
	s := Prepare(tb, "", kind, directives...)
	s.Restart()
	return s
}

// Prepare installs a server without starting it.
func Prepare(tb Owner, parent string, kind Kind, directives ...string) *Server {
	tb.Helper()
	// Not TempDir: it has the test's name in it, and the path of a unix socket may have 107 bytes.
	dir, err := os.MkdirTemp(parent, "redis")
	require.NoError(tb, err)
	s := &Server{Addr: filepath.Join(dir, "s"), tb: tb}
	s.directive = append([]string{"port 0", "unixsocket " + s.Addr}, directives...)
	s.Installation, err = Install(dir, kind)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove the data of redis-server: %v", err)
		}
	})
	return s
}

// Restart starts the server again with its data, and waits until it takes commands. directives are added for this run
// and later ones.
func (s *Server) Restart(directives ...string) {
	s.tb.Helper()
	s.Begin(directives...)
	s.AwaitReady()
}

// Begin is Restart without the wait.
func (s *Server) Begin(directives ...string) {
	s.tb.Helper()
	s.Kill()
	require.NoError(s.tb, s.BeforeStart())
	s.directive = append(s.directive, directives...)
	require.NoError(s.tb, s.Configure(s.directive...))
	cmd, err := s.Command()
	require.NoError(s.tb, err)
	p, err := launch(cmd, s.environment)
	require.NoError(s.tb, err, "start redis-server: install the package redis-server")
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
}

// AwaitReady waits until the server takes commands.
func (s *Server) AwaitReady() {
	s.tb.Helper()
	p := s.running()
	select {
	case <-p.ready:
	case <-p.ended:
		s.tb.Fatalf("redis-server ended at once:\n%s", p.tail())
	case <-time.After(startLimit):
		s.tb.Fatalf("redis-server is not ready after %s:\n%s", startLimit, p.tail())
	}
}

// Kill ends the server at once (SIGKILL) and waits until it is gone. Acknowledged writes must be there after Restart.
func (s *Server) Kill() {
	if p := s.running(); p != nil {
		_ = syscall.Kill(p.pid, syscall.SIGKILL) // it may be gone already
		<-p.ended
	}
}

// Stop ends the server in an orderly way (SIGTERM), as systemd does, and waits until it is gone.
func (s *Server) Stop() {
	s.tb.Helper()
	p := s.running()
	require.NoError(s.tb, syscall.Kill(p.pid, syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(startLimit):
		s.tb.Fatalf("redis-server has not ended after %s:\n%s", startLimit, p.tail())
	}
}

// Log is the server's output in its last run.
func (s *Server) Log() string {
	p := s.running()
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// Freeze stops the server (SIGSTOP): it accepts connections and never answers.
func (s *Server) Freeze() {
	s.tb.Helper()
	s.signal(syscall.SIGSTOP, "T")
}

// Thaw resumes a frozen server.
func (s *Server) Thaw() {
	s.tb.Helper()
	s.signal(syscall.SIGCONT, "SRD")
}

// Pid is the current process id.
func (s *Server) Pid() int { return s.running().pid }

// Ended is closed when the current process has ended, for tests in which it ends by itself.
func (s *Server) Ended() <-chan struct{} { return s.running().ended }

// Dir is the directory of the server's data.
func (s *Server) Dir() string { return s.Installation.dir }

func (s *Server) running() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// signal sends a signal and waits until the process is in one of the states.
func (s *Server) signal(sig syscall.Signal, states string) {
	s.tb.Helper()
	pid := s.running().pid
	require.NoError(s.tb, syscall.Kill(pid, sig))
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	limit := time.After(signalLimit)
	for !strings.Contains(states, stateOf(pid)) {
		select {
		case <-poll.C:
		case <-limit:
			s.tb.Fatalf("redis-server is in state %s %s after %s", stateOf(pid), signalLimit, sig)
		}
	}
}

// stateOf gives the state letter of /proc/<pid>/stat, which follows the name in parentheses.
func stateOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "gone"
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return after[:1]
}

// launch runs redis-server from a thread that lives as long as the process does: the kernel kills the server when that
// thread ends, so a test that dies leaves none behind.
func launch(cmd *exec.Cmd, environment []string) (*process, error) {
	p := &process{ready: make(chan struct{}), ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		cmd.Env = append(os.Environ(), environment...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err == nil {
			cmd.Stderr = cmd.Stdout
			err = cmd.Start()
		}
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.follow(out)
		_ = cmd.Wait() // ended by a signal, as a rule
	}()
	return p, <-started
}

// follow reads the server's output until it ends.
func (p *process) follow(out io.Reader) {
	var once sync.Once
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.mu.Lock()
		p.log = append(p.log, lines.Text())
		p.mu.Unlock()
		// 7.0 says "The server is now ready to accept connections", later ones "Ready to accept connections". A
		// sentinel names what it watches.
		if strings.Contains(lines.Text(), "eady to accept connections") || strings.Contains(
			lines.Text(), "+monitor master",
		) {
			once.Do(func() { close(p.ready) })
		}
	}
}

func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(slices.Clone(p.log[max(0, len(p.log)-20):]), "\n")
}
