package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// KeptUnwatched reports whether a state directory has a journal that no daemon looks after: it misses what an operator
// changes meanwhile. It is false for a user who may not look there.
func KeptUnwatched(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, JournalFile)); err != nil {
		return false
	}
	lock, err := os.Stat(filepath.Join(dir, lockFile))
	if err != nil {
		return os.IsNotExist(err)
	}
	held, err := os.ReadFile("/proc/locks") // to try the lock would keep a daemon from starting in that moment
	stat, ok := lock.Sys().(*syscall.Stat_t)
	if err != nil || !ok {
		return false
	}
	inode := fmt.Sprint(":", stat.Ino)
	return !slices.ContainsFunc(
		strings.Fields(string(held)), func(field string) bool { return strings.HasSuffix(field, inode) },
	)
}
