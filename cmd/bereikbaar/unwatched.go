package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// keptUnwatched reports whether a state directory has a journal that no daemon looks after: what an operator does
// meanwhile is told to nobody. Who may not look there is told false.
func keptUnwatched(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, journalFile)); err != nil {
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

// afterErasure says what of an erasure is left to do while no daemon runs.
const afterErasure = "No daemon runs on this machine. Notes that it confirmed while Redis was away are in its journal alone " +
	"and were not erased, and a Redis that is given a backup before it starts has this person again: start the daemon, and " +
	"then erase the number once more."
