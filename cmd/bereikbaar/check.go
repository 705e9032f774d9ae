package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/config"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check a configuration file: every problem at once, with its line and how to mend it",
		Args:  cobra.NoArgs,
		Long: "Check a configuration file: every problem at once, with its line and how to mend it.\n\n" +
			"It looks at the secret files of the pages and of notify too, and says when this user may not read\n" +
			"them. A fault there is a warning: the telephone goes on without that part. It does not look at the\n" +
			"secrets of Asterisk and Redis: bereikbaar doctor does.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.LoadToCheck(configPath(cmd), os.Getenv)
			if err != nil {
				cmd.PrintErrln(err)
				return errReported
			}
			for _, off := range cfg.Off {
				if off.Unseen {
					cmd.PrintErrln("not looked at:", off.Problem)
					continue
				}
				cmd.PrintErrln("warning:", off)
			}
			for _, warning := range cfg.Warnings {
				cmd.PrintErrln("warning:", warning)
			}
			cmd.Printf("%s is valid: numbers %d, teams %d, agents %d\n", cfg.Path, len(cfg.Plan.Entries), len(
				cfg.Plan.Teams,
			),
				len(cfg.Plan.Agents))
			return nil
		},
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { cmd.Println(version()) },
	}
}

// version is what the Go toolchain wrote into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("bereikbaar %s, %s", info.Main.Version, info.GoVersion)
}
