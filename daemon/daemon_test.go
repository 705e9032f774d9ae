package daemon

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// daemonWith is the daemon as it is wired, before it has run, with more lines of configuration.
func daemonWith(t *testing.T, log *slog.Logger, lines ...string) *Daemon {
	t.Helper()
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "not-asked-for")
	dir := t.TempDir()
	lines = append(lines, "state: {directory: "+dir+"}", "prompts: {directory: "+dir+"/prompts}", "agents:")
	cfg, err := config.Load(townhall.Written(t, townhall.YAML, "agents:", strings.Join(lines, "\n")), os.Getenv)
	require.NoError(t, err)
	d, err := New(cfg, log, &slog.LevelVar{}, "test")
	require.NoError(t, err)
	t.Cleanup(func() {
		d.journal.Close()
		d.store.Close()
		d.lock.Close()
	})
	return d
}

// atTheOffice is an office whose notes are promised by the rules of the daemon.
func atTheOffice(t *testing.T) *townhall.Office {
	t.Helper()
	return townhall.Open(t, func(cfg *config.Config) (*redisstore.Store, *callback.Service) {
		settings := NewSettings(cfg)
		store := redisstore.Open(RedisOptions(cfg.Redis))
		return store, callback.NewService(store, settings, settings, nil)
	})
}

func TestTheLevelOfTheLogCanBeSetWhileTheDaemonRuns(t *testing.T) {
	level := &slog.LevelVar{}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
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
