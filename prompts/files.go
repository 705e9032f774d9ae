package prompts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Where sound files live below the prompts directory: <tree>/<language>/<id>.<ext>.
const (
	recordedTree = "recorded" // a human voice; takes precedence
	renderedTree = "rendered" // espeak-ng
)

const (
	stampFile  = ".stamps.json"
	lockFile   = ".lock"
	workPrefix = ".work-"
)

// stamp records the source of a pair of sound files, and their sizes, so that a changed text and a truncated file are
// both noticed.
type stamp struct {
	From string `json:"from"`
	Alaw int64  `json:"alaw"`
	G722 int64  `json:"g722"`
}

// readStamps reads the stamps of a directory. When their file is missing or broken there are none, and every prompt is
// made again.
func readStamps(dir string) map[ID]stamp {
	stamps := map[ID]stamp{}
	raw, err := os.ReadFile(filepath.Join(dir, stampFile))
	if err != nil || json.Unmarshal(raw, &stamps) != nil {
		return map[ID]stamp{}
	}
	return stamps
}

func writeStamps(dir string, stamps map[ID]stamp) error {
	raw, err := json.MarshalIndent(stamps, "", " ")
	if err != nil {
		return err
	}
	draft := filepath.Join(dir, stampFile+".new")
	if err := os.WriteFile(draft, raw, 0o644); err != nil {
		return fmt.Errorf("write the stamps: %w", err)
	}
	return os.Rename(draft, filepath.Join(dir, stampFile))
}

// intact reports whether the files have the sizes with which they were made.
func (s stamp) intact(dir string, id ID) bool {
	return s.Alaw > 0 && s.Alaw == fileSize(dir, id, alawExt) && s.G722 > 0 && s.G722 == fileSize(dir, id, g722Ext)
}

func fileSize(dir string, id ID, ext string) int64 {
	info, err := os.Stat(filepath.Join(dir, string(id)+ext))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Duration is how long a prompt takes to be spoken: a recorded one in A-law or G.722, else the rendered one; 0 when
// there is neither.
func Duration(dir string, language Language, id ID) time.Duration {
	for _, tree := range []string{recordedTree, renderedTree} {
		for _, ext := range []string{alawExt, g722Ext} {
			if size := fileSize(filepath.Join(dir, tree, string(language)), id, ext); size > 0 {
				return lasting(int(size), 8000)
			}
		}
	}
	return 0
}

// lockRetry is how often a waiting process tries the lock again.
const lockRetry = 100 * time.Millisecond

// lockDir waits until no other process makes files in dir. The lock goes with the process, so a killed one leaves none
// behind.
func lockDir(ctx context.Context, dir string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the prompts directory: %w", err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("lock the prompts directory %s: %w", dir, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("another process is making prompts in %s: %w", dir, context.Cause(ctx))
		case <-time.After(lockRetry):
		}
	}
}

// workDir makes a directory for unfinished files, on the file system of their destination; it removes those of killed
// runs. The lock must be held.
func workDir(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), workPrefix) {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return "", err
			}
		}
	}
	return os.MkdirTemp(dir, workPrefix)
}
