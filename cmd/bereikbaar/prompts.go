package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/prompts"
)

func promptsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prompts", Short: "Make and check the sound files of what callers hear"}
	cmd.AddCommand(renderCommand(), checkPromptsCommand())
	return cmd
}

func renderCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "render",
		Short: "Render the prompts that are new or changed with espeak-ng; recorded files go before them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(configPath(cmd), nil)
			if err != nil {
				cmd.PrintErrln(err)
				return errReported
			}
			report, err := prompts.Render(cmd.Context(), prompts.RenderOptions{
				Dir: cfg.Prompts.Directory, Manifest: cfg.Prompts.Manifest, Languages: cfg.Prompts.Languages,
				Progress: func(done, total int) {
					if done%25 == 0 || done == total {
						cmd.PrintErrf("\r%d of %d prompts", done, total)
					}
				},
			})
			if err != nil {
				return fmt.Errorf("render the prompts: %w", err)
			}
			cmd.PrintErrln()
			cmd.Println(report)
			return nil
		},
	}
}

func checkPromptsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say which sound files are missing, empty, silent or out of date",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(configPath(cmd), nil)
			if err != nil {
				cmd.PrintErrln(err)
				return errReported
			}
			problems := prompts.Check(cfg.Prompts.Directory, cfg.Prompts.Manifest, cfg.Prompts.Languages)
			for _, problem := range problems {
				cmd.PrintErrln(problem)
			}
			if len(problems) > 0 {
				return errReported
			}
			cmd.Println("every prompt is there")
			return nil
		},
	}
}
