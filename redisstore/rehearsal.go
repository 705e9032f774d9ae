package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Rehearsal starts a throwaway server with the program, the configuration and the users of the running one, and checks
// that it keeps the writes of scripts over a restart. The running server is only asked a few questions. Nothing that it
// names is run with more rights than its process has: see account.
type Rehearsal struct {
	// Running is how the daemon reaches the running server.
	Running Options
	// Dir is where its directory is made; empty for the system's temporary directory.
	Dir string
	// Command makes the command that runs a program; nil for one of this machine.
	Command func(program string, args ...string) (*exec.Cmd, error)

	elsewhere bool // the program is found by Command
}

// ErrNotRehearsed is wrapped by the error of a rehearsal that could not be held: it says why, and tells nothing of the
// server.
var ErrNotRehearsed = errors.New("it could not be rehearsed")

// ErrWouldNotStart is wrapped besides by the error of a rehearsal that the server's own files stopped: they stop its
// next start as well.
var ErrWouldNotStart = errors.New("Redis does not start with its own files")

// ErrForgets is wrapped by the error of a rehearsal in which a script's writes were gone after a restart.
var ErrForgets = errors.New("what a script writes is gone after a restart")

const (
	rehearsalStart = 5 * time.Second // for a server without data to start or stop
	rehearsalPoll  = 10 * time.Millisecond
	rehearsalDir   = "bereikbaar-rehearsal-"
	rehearsalStale = 10 * time.Minute // none lasts that long
	rehearsalLog   = 1 << 20          // bytes of its log that are read
)

// Hold holds the rehearsal. Nil says that all confirmed writes were there after an orderly stop and after a kill. It
// leaves nothing behind.
func (r Rehearsal) Hold(ctx context.Context) error {
	r.elsewhere = r.Command != nil
	if !r.elsewhere {
		r.Command = func(program string, args ...string) (*exec.Cmd, error) {
			return exec.Command(program, args...), nil //nolint:noctx // it is stopped by signals
		}
	}
	running, as, err := r.running(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRehearsed, err)
	}
	r.sweep()
	dir, err := os.MkdirTemp(r.Dir, rehearsalDir) // 0700
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRehearsed, err)
	}
	defer os.RemoveAll(dir)
	stage := &stage{
		Rehearsal: r, dir: dir, config: filepath.Join(dir, "rehearsal.conf"), program: programOf(running["executable"]),
		as: as,
	}
	defer stage.end(syscall.SIGKILL)
	if err := stage.set(running["config_file"]); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRehearsed, err)
	}
	return stage.play(ctx, running)
}

// sweep removes the directories of killed rehearsals: their servers ended with them.
func (r Rehearsal) sweep() {
	parent := r.Dir
	if parent == "" {
		parent = os.TempDir()
	}
	left, err := filepath.Glob(filepath.Join(parent, rehearsalDir+"*"))
	if err != nil {
		return // the pattern is right
	}
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > rehearsalStale {
			_ = os.RemoveAll(dir) // the next one tries again
		}
	}
}

// running asks the running server for its program and files, and checks that they are here and may be used. It gives
// the account to use them with.
func (r Rehearsal) running(ctx context.Context) (map[string]string, account, error) {
	s := Open(r.Running)
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, 4*requestLimit)
	defer cancel()
	text, err := s.client.Info(ctx).Result()
	if err != nil {
		return nil, account{}, down("ask for INFO", err)
	}
	info := parseInfo(text)
	switch {
	case !filepath.IsAbs(info["config_file"]):
		return nil, account{}, errors.New("Redis runs without a configuration file, or does not tell which")
	case info["executable"] == "":
		return nil, account{}, errors.New("Redis does not tell which program it is")
	case !runsHere(info):
		return nil, account{}, errors.New("Redis runs on another machine or in a container: let the doctor look there")
	}
	as, err := r.usable(info)
	return info, as, err
}

// usable checks the program and the file that Redis named, and gives the account to use them with.
func (r Rehearsal) usable(info map[string]string) (account, error) {
	as, err := accountOf(info["process_id"])
	if err != nil {
		return as, err
	}
	as = as.ours()
	if err := as.alone(info["config_file"]); err != nil {
		return as, fmt.Errorf("the configuration of Redis cannot be used, or is on another machine: %w", err)
	}
	if !r.elsewhere {
		if err := as.genuine(programOf(info["executable"]), info["process_id"]); err != nil {
			return as, err
		}
	}
	file, err := openOthers(info["config_file"])
	if err != nil {
		return as, fmt.Errorf("the configuration of Redis is on another machine, or this user may not read it: %w", err)
	}
	return as, file.Close()
}

// runsHere reports whether the process that Redis names runs on this machine: another machine may have the same files.
func runsHere(info map[string]string) bool {
	line, err := os.ReadFile(filepath.Join("/proc", filepath.Base(info["process_id"]), "cmdline"))
	return err == nil && strings.Contains(string(line), filepath.Base(info["executable"]))
}

// programOf finds the program that Redis names: a server that was started by its name alone names a file in its
// directory.
func programOf(executable string) string {
	if _, err := os.Stat(executable); err != nil {
		if found, err := exec.LookPath(filepath.Base(executable)); err == nil {
			return found
		}
	}
	return executable
}

// stage is the throwaway server.
type stage struct {
	Rehearsal
	dir, config, program string
	as                   account

	process *os.Process
	ended   chan struct{}
}

// set writes its configuration, and gives its directory to its account.
func (s *stage) set(own string) error {
	if err := os.WriteFile(s.config, []byte(s.configuration(own)), 0o600); err != nil {
		return err
	}
	if s.as.credential() == nil {
		return nil
	}
	return errors.Join(os.Chown(s.config, int(s.as.uid), int(s.as.gid)), os.Chown(s.dir, int(s.as.uid), int(s.as.gid)))
}

// configuration is the running server's own, and after it what keeps the throwaway apart: a later line wins.
func (s *stage) configuration(own string) string {
	return strings.Join(append([]string{"include " + own}, s.apart()...), "\n") + "\n"
}

// apart keeps the throwaway apart.
func (s *stage) apart() []string {
	return []string{
		"port 0", "tls-port 0", "tls-replication no", "tls-cluster no", "unixsocket " + s.socket(),
		"unixsocketperm 700",
		"dir " + s.dir, "daemonize no", "supervised no", `pidfile ""`, "logfile " + s.log(), "syslog-enabled no",
		"replicaof no one", "min-replicas-to-write 0", "cluster-enabled no", `save ""`, "key-load-delay 0",
	}
}

func (s *stage) socket() string { return filepath.Join(s.dir, "s") }
func (s *stage) log() string    { return filepath.Join(s.dir, "log") }

// own is the way to the throwaway server, as the daemon's user. It takes no more from the way to the running server,
// whose sentinels would lead there.
func (s *stage) own() Options {
	return Options{Addr: s.socket(), Username: s.Running.Username, Password: s.Running.Password, DB: s.Running.DB}
}

// play writes, stops the server in one way and in the other, and checks the writes each time.
func (s *stage) play(ctx context.Context, running map[string]string) error {
	var proof Proof
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, 0} {
		if err := s.start(ctx); err != nil {
			return err
		}
		after, err := s.attest(ctx, proof, running)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrNotRehearsed, err)
		case !after.Lost.IsZero():
			return s.forgets()
		case signal != 0:
			s.end(signal)
		}
		proof = after
	}
	return nil
}

// forgets is the error for lost writes, with the reason when the server's log has it.
func (s *stage) forgets() error {
	log, err := lastOf(s.log(), rehearsalLog)
	if err == nil && strings.Contains(log, "AOF-loading-client") && strings.Contains(log, "NOPERM") {
		return fmt.Errorf("%w: Redis reads its own log as its user default, which lacks the rights for it", ErrForgets)
	}
	return ErrForgets
}

// attest is Attest with the throwaway server, which must match the running one.
func (s *stage) attest(ctx context.Context, proof Proof, running map[string]string) (Proof, error) {
	store := Open(s.own())
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, rehearsalStart)
	defer cancel()
	text, err := store.client.Info(ctx).Result()
	if err != nil {
		return proof, down("ask for INFO", err)
	}
	here := parseInfo(text)
	for field, what := range map[string]string{
		"redis_version": "version", "server_name": "server", "aof_enabled": "appendonly",
	} {
		if here[field] != running[field] {
			return proof, fmt.Errorf("%s of Redis's own program and file is %q, and the running server has %q: "+
				"restart it, or look whether it runs elsewhere",
				what, here[field], running[field])
		}
	}
	return store.Attest(ctx, proof)
}

// start starts the server on its own data, and waits until it answers. The kernel ends it when we end: for that the
// thread that starts it lives as long as it does.
func (s *stage) start(ctx context.Context) error {
	cmd, err := s.Command(s.program, s.config)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRehearsed, err)
	}
	// Ctrl-C reaches us alone, and passwords are ours alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: s.as.credential()}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	begun, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		begun <- err
		if err == nil {
			_ = cmd.Wait() // ended by a signal, as a rule
		}
	}()
	if err := <-begun; err != nil {
		return fmt.Errorf("%w: start %s: %w", ErrNotRehearsed, s.program, err)
	}
	s.process, s.ended = cmd.Process, ended
	return s.answers(ctx, &said)
}

func (s *stage) answers(ctx context.Context, said *strings.Builder) error {
	o := s.own()
	client := redis.NewClient(&redis.Options{
		Addr: o.Addr, Username: o.Username, Password: o.Password, DisableIdentity: true, MaxRetries: -1,
	})
	defer client.Close()
	ticks := time.NewTicker(rehearsalPoll)
	defer ticks.Stop()
	limit := time.After(rehearsalStart)
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return s.endedAtOnce(said.String())
		case <-limit:
			return fmt.Errorf("%w: the throwaway server does not answer: %w", ErrNotRehearsed, err)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrNotRehearsed, context.Cause(ctx))
		case <-ticks.C:
		}
	}
}

// endedAtOnce is the error for a server that did not start.
func (s *stage) endedAtOnce(said string) error {
	if log, err := lastOf(s.log(), rehearsalLog); err == nil && log != "" {
		said += "\n" + log
	}
	said = strings.TrimSpace(said)
	last := said[strings.LastIndex(said, "\n")+1:]
	if ownFault(said, s.apart()) {
		return fmt.Errorf("%w: %w: %s ended at once: %s", ErrNotRehearsed, ErrWouldNotStart, s.program, last)
	}
	return fmt.Errorf("%w: %s ended at once: %s", ErrNotRehearsed, s.program, last)
}

// ownFault reports whether what a server said at its end blames its own files. What we may not read, or a line of ours
// that this version does not know, says nothing of them.
func ownFault(said string, ours []string) bool {
	if strings.Contains(said, "Permission denied") {
		return false
	}
	for _, line := range ours {
		if strings.Contains(said, ">>> '"+line+"'") {
			return false
		}
	}
	return slices.ContainsFunc([]string{"FATAL CONFIG FILE ERROR", "because of ACL errors", "Can't load module"},
		func(words string) bool { return strings.Contains(said, words) })
}

// end ends the server, when it runs, and waits until it is gone.
func (s *stage) end(signal syscall.Signal) {
	if s.process == nil {
		return
	}
	_ = s.process.Signal(signal) // it may be gone already
	select {
	case <-s.ended:
	case <-time.After(rehearsalStart):
		_ = s.process.Kill()
		<-s.ended
	}
	s.process = nil
}
