package main

import (
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/daemon"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Answer the telephone",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(configPath(cmd), os.Getenv)
			if err != nil {
				return err
			}
			log, level := newLogger(cfg.Log)
			for _, warning := range cfg.Warnings {
				log.Warn("configuration", "warning", warning.String())
			}
			d, err := daemon.New(cfg, log, level, version())
			if second, ok := errors.AsType[*daemon.SecondError](err); ok {
				return exitError{exitSecond, second}
			}
			if err != nil {
				return err
			}
			return d.Run(cmd.Context())
		},
	}
}

// newLogger makes the log, and what sets its level while the daemon runs.
func newLogger(c config.Log) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(c.Level)
	options := &slog.HandlerOptions{Level: level}
	if c.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), level
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options)), level
}
