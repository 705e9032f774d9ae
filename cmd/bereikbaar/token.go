package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/web/api"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make tokens for the JSON API"}
	cmd.AddCommand(newTokenCommand())
	return cmd
}

func newTokenCommand() *cobra.Command {
	var line api.TokenLine
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Print a fresh token, and the line for the tokens file that lets it in",
		Long: "Print a fresh token, and the line for the file that web.tokens_file names. The token is shown this\n" +
			"once: the file has its hash only. It needs neither a configuration nor a server.",
		Example: "  bereikbaar token new --name desk-anouk --role agent --agent kcc1 " +
			"--municipality deventer --teams kcc",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, hash, err := api.NewToken(nil)
			if err != nil {
				return err
			}
			line.SHA256 = hash
			if err := line.Check(); err != nil {
				return fmt.Errorf("--%w", err)
			}
			text, err := yaml.Marshal([]api.TokenLine{line})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The token, for %s alone. It is not shown again:\n\n%s\n\n"+
				"The line for the tokens file:\n\n%s", line.Name, token, text)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&line.Name, "name", "", "what the log calls it, such as desk-anouk")
	flags.StringVar(&line.Role, "role", "agent", "reader, agent, lead or admin")
	flags.StringVar(&line.Agent, "agent", "", "the id of the person who uses it; not for a reader")
	flags.StringVar(&line.Municipality, "municipality", "", "the municipality whose notes it sees")
	flags.StringSliceVar(&line.Teams, "teams", nil, "the teams whose notes it sees, or * for all; not for an admin")
	flags.StringVar(
		&line.Expires, "expires", time.Now().AddDate(1, 0, 0).Format(time.DateOnly),
		"the day from which it is refused; empty for never",
	)
	return cmd
}
