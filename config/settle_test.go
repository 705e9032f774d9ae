package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
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
		var taken, refused int
		w := &Watcher{
			onChange: func(*Config) { taken++ }, onRefused: func(error) { refused++ },
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
		save(strings.Replace(string(text), "Anouk", "Anna", 1))
		<-time.After(quiet - time.Millisecond)
		synctest.Wait()
		require.Zero(t, taken+refused, "it changed less than a quiet time ago")
		<-time.After(time.Millisecond)
		synctest.Wait()
		require.Equal(t, 1, taken)
		require.Zero(t, refused, "the half of the file was never read")

		save(strings.Replace(string(text), "Anouk", "Anna", 1))
		<-time.After(time.Hour)
		synctest.Wait()
		require.Equal(t, 1, taken, "the same text is no change")

		w.Reload()
		w.Reload()
		synctest.Wait()
		require.GreaterOrEqual(t, taken, 2, "Reload reads at once, and what did not change too")
		cancel()
		w.Wait()
	})
}
