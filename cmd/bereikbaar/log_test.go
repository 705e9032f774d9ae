package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
)

func TestTheLevelOfTheLogCanBeSet(t *testing.T) {
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		log, level := newLogger(config.Log{Level: slog.LevelInfo, Format: format})
		require.True(t, log.Enabled(t.Context(), slog.LevelInfo))
		require.False(t, log.Enabled(t.Context(), slog.LevelDebug))
		level.Set(slog.LevelDebug)
		require.True(t, log.Enabled(t.Context(), slog.LevelDebug))
	}
}
