package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// An editor writes a file in several steps. It is read once it has been quiet, and not before.
func TestAFileIsReadWhenItHasSettled(t *testing.T) {
	text, err := os.ReadFile("../deploy/bereikbaar.yaml")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	first, err := Load(path, nil)
	require.NoError(t, err)

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var taken, refused atomic.Int32 // the watcher's goroutine counts, this one reads
		w := &Watcher{
			onChange: func(*Config) { taken.Add(1) }, onRefused: func(error) { refused.Add(1) },
			asked: make(chan struct{}, 1), done: make(chan struct{}), current: first, lastRead: text,
		}
		changed := make(chan struct{}, 1)
		go func() {
			defer close(w.done)
			w.run(ctx, changed)
		}()
		save := func(text string) {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			changed <- struct{}{}
			synctest.Wait()
		}
		save(string(text[:100]))
		<-time.After(quiet - time.Millisecond)
		save(strings.Replace(string(text), "KCC Telefonie", "KCC Balie", 1))
		<-time.After(quiet - time.Millisecond)
		synctest.Wait()
		require.Zero(t, taken.Load()+refused.Load(), "it changed less than a quiet time ago")
		<-time.After(time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 1, taken.Load())
		require.Zero(t, refused.Load(), "the half of the file was never read")

		save(strings.Replace(string(text), "KCC Telefonie", "KCC Balie", 1))
		<-time.After(time.Hour)
		synctest.Wait()
		require.EqualValues(t, 1, taken.Load(), "the same text is no change")

		w.Reload()
		w.Reload()
		synctest.Wait()
		require.GreaterOrEqual(t, taken.Load(), int32(2), "Reload reads at once, and what did not change too")
		cancel()
		w.Wait()
	})
}
