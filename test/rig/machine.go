package rig

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/test/root"
)

//go:embed boot-root.sh
var bootRoot string

// Machine is a Debian in a root of its own, booted by its own systemd. It has the processes, mounts, name and services
// of a machine; kernel, clock and network are those of the process that boots it.
type Machine struct {
	// Root is its root directory, seen from outside.
	Root string
	// Clone is the project's source on it, seen from inside.
	Clone string

	dir     string
	cgroup  string
	shared  []string
	process *Process
	init    int
}

// cloneDir is the clone's path on a machine.
const cloneDir = "/root/bereikbaar"

// NewMachine copies the machine of dev/setup and clones this source tree onto it; files that git ignores stay behind.
// It gets a Go toolchain; Debian's is too old.
func NewMachine(ctx context.Context) (*Machine, error) {
	tree, err := root.Tree("machine")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bereikbaar-machine-")
	if err != nil {
		return nil, fmt.Errorf("the directory of the machine: %w", err)
	}
	m := &Machine{Root: filepath.Join(dir, "root"), Clone: cloneDir, dir: dir}
	return m, errors.Join(m.lay(ctx, tree), m.shareGo(ctx), m.claimGroup())
}

func (m *Machine) lay(ctx context.Context, tree string) error {
	source, err := root.Source()
	if err != nil {
		return err
	}
	const script = `set -eu -o pipefail
cp --archive --reflink=auto "$1" "$2"
echo bereikbaar >"$2/etc/hostname"
[ -e "$2/etc/hosts" ] || echo 127.0.0.1 localhost >"$2/etc/hosts" # as Debian's installer does, and debootstrap does not
mkdir -p "$2$4"
cd "$3"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory "$2$4"`
	out, err := exec.CommandContext(ctx, "bash", "-c", script, "lay", tree, m.Root, source, m.Clone).CombinedOutput()
	if err != nil {
		return fmt.Errorf("laying the machine: %w\n%s", err, out)
	}
	return nil
}

// shareGo gives the machine the toolchain and the caches of this one.
func (m *Machine) shareGo(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("the Go toolchain: %w", err)
	}
	m.shared = strings.Fields(string(out))
	return nil
}

// unifiedMount is the line of mountinfo (proc(5)) for the second version of control groups.
var unifiedMount = regexp.MustCompile(`(?m)^\d+ \d+ \S+ \S+ (\S+) .* - cgroup2 `)

// claimGroup makes the machine's root control group: systemd does not start without one.
func (m *Machine) claimGroup() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("the control groups: %w", err)
	}
	found := unifiedMount.FindSubmatch(mounts)
	if found == nil {
		return errors.New("no cgroup2 is mounted on this machine, and systemd needs one")
	}
	m.cgroup = filepath.Join(string(found[1]), fmt.Sprintf("bereikbaar-machine-%d", os.Getpid()))
	if err := os.MkdirAll(m.cgroup, 0o755); err != nil {
		return fmt.Errorf("the control group of the machine: %w", err)
	}
	return nil
}

// Boot starts the machine and waits until its systemd has started all enabled units.
func (m *Machine) Boot(ctx context.Context) error {
	script := filepath.Join(m.dir, "boot-root.sh")
	if err := os.WriteFile(script, []byte(bootRoot), 0o755); err != nil {
		return fmt.Errorf("booting the machine: %w", err)
	}
	args := []string{
		"-c", `echo $$ >"$0/cgroup.procs"; exec unshare --fork --kill-child --pid --mount --uts --ipc --cgroup sh "$@"`,
		m.cgroup, script, m.Root,
	}
	var err error
	if m.process, err = start(m.dir, "machine", exec.Command("sh", append(args, m.shared...)...)); err != nil {
		return err
	}
	return m.process.await(ctx, "is up", func(ctx context.Context) error {
		pid := strconv.Itoa(m.process.PID())
		children, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
		if err != nil {
			return err
		}
		if m.init, err = strconv.Atoi(strings.TrimSpace(string(children))); err != nil {
			return errors.New("it has no first process")
		}
		if text, err := m.Run(ctx, "systemctl is-system-running"); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		return nil
	})
}

// Run runs a script as root in the clone, and gives its output. Standard input is empty.
func (m *Machine) Run(ctx context.Context, script string) (string, error) {
	environment := []string{
		"env", "--ignore-environment", "HOME=/root", "USER=root", "TERM=dumb", "LANG=C.UTF-8",
		"DEBIAN_FRONTEND=noninteractive",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:" + m.shared[0] + "/bin",
		"GOMODCACHE=" + m.shared[1], "GOCACHE=" + m.shared[2], "GOFLAGS=-mod=readonly", "GOPROXY=off",
	}
	args := append([]string{"--target", strconv.Itoa(m.init), "--mount", "--uts", "--ipc", "--pid"}, environment...)
	cmd := exec.CommandContext(ctx, "nsenter", append(args, "bash", "-c", "cd "+m.Clone+" && exec bash -s")...)
	cmd.Stdin = strings.NewReader(script)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// Halt cuts its power.
func (m *Machine) Halt() error {
	if m.process == nil {
		return nil
	}
	return m.process.Kill()
}

// Close halts it and removes it.
func (m *Machine) Close() error {
	err := m.Halt()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	return errors.Join(err, poll(ctx, "the control group of the machine is empty", func(context.Context) error {
		return removeGroup(m.cgroup)
	}), os.RemoveAll(m.dir))
}

// removeGroup removes a control group and those below it; they must be empty.
func removeGroup(group string) error {
	var groups []string
	err := filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			groups = append(groups, path)
		}
		return err
	})
	for i := len(groups) - 1; i >= 0; i-- {
		err = errors.Join(err, os.Remove(groups[i]))
	}
	return err
}
