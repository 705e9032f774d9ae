package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
)

// daemonWith is the daemon as it is wired, before it has run, with more lines of configuration.
func daemonWith(t *testing.T, log *slog.Logger, lines ...string) *service {
	t.Helper()
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "not-asked-for")
	dir := t.TempDir()
	lines = append(lines, "state: {directory: "+dir+"}", "prompts: {directory: "+dir+"/prompts}", "agents:")
	cfg, err := config.Load(written(t, townHall, "agents:", strings.Join(lines, "\n")), os.Getenv)
	require.NoError(t, err)
	d, err := newDaemon(cfg, log, &slog.LevelVar{})
	require.NoError(t, err)
	t.Cleanup(func() {
		d.journal.Close()
		d.store.Close()
		d.lock.Close()
	})
	return d
}

func TestTheLevelOfTheLogCanBeSetWhileTheDaemonRuns(t *testing.T) {
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		log, level := newLogger(config.Log{Level: slog.LevelInfo, Format: format})
		require.True(t, log.Enabled(t.Context(), slog.LevelInfo))
		require.False(t, log.Enabled(t.Context(), slog.LevelDebug))
		d := daemonWith(t, log)
		d.level = level
		fresh := *d.settings.config()
		fresh.Log.Level = slog.LevelDebug
		d.reload(t.Context(), &fresh)
		require.True(t, log.Enabled(t.Context(), slog.LevelDebug))
		fresh.Log.Level = slog.LevelError
		d.reload(t.Context(), &fresh)
		require.False(t, log.Enabled(t.Context(), slog.LevelInfo))
	}
}
