package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/doctor"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/web/api"
	"github.com/bereikbaar/bereikbaar/web/pages"
)

func doctorCommand() *cobra.Command {
	var etc string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at a running installation: what is wrong with it, and how to mend it",
		Long: "Look at a running installation: what is wrong with it, and how to mend it.\n\n" +
			"It rings nobody and changes nothing. It rehearses whether Redis keeps what it confirms, with a\n" +
			"throwaway server of Redis's own program and files, in a directory that is gone afterwards. It ends\n" +
			"with 0 when nothing is wrong (warnings are allowed), else with 1.\n" +
			"Run it on the daemon's machine, with the same configuration and secrets, as a user who may read both.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := configPath(cmd)
			cfg, err := config.Load(path, os.Getenv)
			if err != nil {
				return show(cmd.OutOrStdout(), doctor.NewReport(doctor.Configuration(path, nil, err)), asJSON)
			}
			store := redisstore.Open(daemon.RedisOptions(cfg.Redis))
			defer store.Close()
			var mail func(context.Context) error
			if smtp := daemon.SMTPOf(cfg); smtp != nil {
				mail = smtp.Try
			}
			var rehearsal sync.Mutex // held as long as it has something to clean up
			report := doctor.Examine(cmd.Context(), doctor.Installation{
				Config: cfg, Notes: store, AsteriskEtc: etc, Tokens: readTokens, Look: readLook, Mail: mail,
				Proof: daemon.WitnessOf(cfg).Read,
				Rehearse: func(ctx context.Context) error {
					rehearsal.Lock()
					defer rehearsal.Unlock()
					return redisstore.Rehearsal{Running: daemon.RedisOptions(cfg.Redis)}.Hold(ctx)
				},
			})
			rehearsal.Lock() // also when somebody pressed Ctrl-C
			defer rehearsal.Unlock()
			return show(cmd.OutOrStdout(), report, asJSON)
		},
	}
	cmd.Flags().StringVar(&etc, "asterisk-etc", "/etc/asterisk", "Asterisk's configuration directory")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

// readLook says what is wrong with the files of the pages' look.
func readLook(files config.Look) error {
	_, err := pages.OpenLook(pages.LookFiles(files))
	return err
}

// readTokens says what is wrong with a tokens file.
func readTokens(path string) error {
	_, err := api.OpenTokens(path, slog.New(slog.DiscardHandler))
	return err
}

// show prints a report and gives errReported when something is wrong.
func show(w io.Writer, report doctor.Report, asJSON bool) error {
	write := report.Print
	if asJSON {
		write = func(w io.Writer) error { return printJSON(w, report) }
	}
	if err := write(w); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if report.Verdict == doctor.Wrong {
		return errReported
	}
	return nil
}
