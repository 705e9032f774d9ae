package main

import (
	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/prompts"
)

func promptsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prompts", Short: "Make and check the sound files of what callers hear"}
	cmd.AddCommand(renderCommand(), checkPromptsCommand(), scriptCommand(), importCommand())
	return cmd
}

func renderCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "render",
		Short: "Render the prompts that are new or changed with espeak-ng; recorded files go before them",
		Args:  cobra.NoArgs,
		RunE: withPrompts(func(cmd *cobra.Command, p config.Prompts, _ []string) error {
			report, err := prompts.Render(cmd.Context(), prompts.RenderOptions{
				Dir: p.Directory, Manifest: p.Manifest, Languages: p.Languages, Progress: progress(cmd),
			})
			if err != nil {
				return err
			}
			cmd.Println(report)
			return nil
		}),
	}
}

func scriptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "script LANGUAGE",
		Short: "Print the texts for a voice to record, one line for each file",
		Args:  cobra.ExactArgs(1),
		RunE: withPrompts(func(cmd *cobra.Command, p config.Prompts, args []string) error {
			return prompts.WriteScript(cmd.OutOrStdout(), p.Manifest, prompts.Language(args[0]))
		}),
	}
}

func importCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import LANGUAGE DIRECTORY",
		Short: "Take in recorded sound files, in the formats that Asterisk plays as they are",
		Args:  cobra.ExactArgs(2),
		RunE: withPrompts(func(cmd *cobra.Command, p config.Prompts, args []string) error {
			report, refused, err := prompts.Import(cmd.Context(), prompts.ImportOptions{
				Dir: p.Directory, Manifest: p.Manifest, Language: prompts.Language(args[0]), From: args[1],
				Progress: progress(cmd),
			})
			for _, problem := range refused {
				cmd.PrintErrln(problem)
			}
			if err != nil {
				return err
			}
			cmd.Println(report)
			if len(refused) > 0 {
				return errReported
			}
			return nil
		}),
	}
}

// withPrompts gives a command what the configuration says of prompts.
func withPrompts(run func(*cobra.Command, config.Prompts, []string) error) func(*cobra.Command, []string) error {
	return lookup(
		func(cmd *cobra.Command, cfg *config.Config, args []string) error { return run(cmd, cfg.Prompts, args) },
	)
}

// progress shows on one line how far a long step is.
func progress(cmd *cobra.Command) func(done, total int) {
	return func(done, total int) {
		cmd.PrintErrf("\r%d of %d prompts", done, total)
		if done == total {
			cmd.PrintErrln()
		}
	}
}

func checkPromptsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say which sound files are missing, empty, silent or out of date",
		Args:  cobra.NoArgs,
		RunE: withPrompts(func(cmd *cobra.Command, p config.Prompts, _ []string) error {
			problems := prompts.Check(p.Directory, p.Manifest, p.Languages)
			for _, problem := range problems {
				cmd.PrintErrln(problem)
			}
			if len(problems) > 0 {
				return errReported
			}
			cmd.Println("every prompt is there")
			return nil
		}),
	}
}
