// Package root finds the source of the project, and the private roots of dev/setup, and runs programs in them.
package root

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed enter-root.sh
var enter string

// Source is the directory of the project's go.mod, found from the working directory upwards.
func Source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("the working directory: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("no go.mod above the working directory: run this inside the project")
		}
		dir = above
	}
}

// CacheDir is the directory where dev/setup keeps its results for a machine and user.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("the cache directory: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	return filepath.Join(dir, "bereikbaar"), nil
}

// Tree is the system tree that dev/setup linked under a name: "asterisk" (/ or the private root) or "testing" (the
// private root).
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

// Command runs a program of a read-only tree in its own mount namespace. dir is made, and holds the mount point. Each
// shared directory is OUTSIDE=INSIDE, or one path for both. The program has the process id of the command.
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
