// Package root owns the private root of dev/setup: a tree of Debian testing, and how a program is run in it.
package root

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed enter-root.sh
var enter string

// CacheDir is where dev/setup keeps what is made once for a machine and user.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("the cache directory: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	return filepath.Join(dir, "bereikbaar"), nil
}

// Tree is the system tree that dev/setup linked under a name: "asterisk" (/ or the private root) or "testing" (the private root).
func Tree(name string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	tree, err := filepath.EvalSymlinks(filepath.Join(cache, name))
	if err != nil {
		return "", fmt.Errorf("no private root: %w (run dev/setup as root)", err)
	}
	return tree, nil
}

// Command runs a program of a tree, which is only read, in a mount namespace of its own. dir holds its mount point and is made.
// Each shared directory is OUTSIDE=INSIDE, or one path for both. The program has the process id of the command.
func Command(tree, dir string, shared []string, program ...string) (*exec.Cmd, error) {
	mountPoint := filepath.Join(dir, "root")
	if err := os.MkdirAll(mountPoint, 0o755); err != nil {
		return nil, fmt.Errorf("entering a private root: %w", err)
	}
	script := filepath.Join(dir, "enter-root.sh")
	if err := os.WriteFile(script, []byte(enter), 0o755); err != nil {
		return nil, fmt.Errorf("entering a private root: %w", err)
	}
	args := append([]string{"--mount", "sh", script, tree, mountPoint}, shared...)
	args = append(append(args, "--"), program...)
	return exec.Command("unshare", args...), nil
}
