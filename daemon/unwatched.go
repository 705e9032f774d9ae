package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// KeptUnwatched reports whether a state directory has a journal that no daemon looks after: what an operator does
// meanwhile is told to nobody. Who may not look there is told false.
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
