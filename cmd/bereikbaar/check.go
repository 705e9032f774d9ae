package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/config"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check a configuration file: every problem at once, with its line and how to mend it",
		Args:  cobra.NoArgs,
		RunE: lookup(func(cmd *cobra.Command, cfg *config.Config, _ []string) error {
			for _, warning := range cfg.Warnings {
				cmd.PrintErrln("warning:", warning)
			}
			cmd.Printf("%s is valid: numbers %d, teams %d, agents %d\n", cfg.Path, len(cfg.Plan.Entries), len(
				cfg.Plan.Teams,
			),
				len(cfg.Plan.Agents))
			return nil
		}),
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
