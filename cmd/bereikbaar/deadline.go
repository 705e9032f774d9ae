package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
)

func deadlineCommand() *cobra.Command {
	var team, at string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "deadline --team TEAM [--at TIME]",
		Short: "Print by when a note must have been called back, and how that was counted",
		Long: "Print by when a note of a team must have been called back (uiterste terugbeltijd), when it is warned\n" +
			"of, and how that was counted, day by day. It needs a configuration and no server; the daemon counts\n" +
			"with the same code.",
		Example: "  bereikbaar deadline --team vergunningen --at \"2026-11-20 16:00\"",
		Args:    cobra.NoArgs,
		RunE: lookup(func(cmd *cobra.Command, cfg *config.Config, _ []string) error {
			now := !cmd.Flags().Changed("at") // an empty --at is a fault of a script, not now
			answer, err := findDeadline(cfg, team, at, now)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return answer.print(cmd.OutOrStdout())
		}),
	}
	cmd.Flags().StringVar(&team, "team", "", "the team that the note is for")
	cmd.Flags().StringVar(
		&at, "at", "",
		"when the note is made: 2026-11-20 16:00 on the municipality's clocks, or RFC 3339; now when left out",
	)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// deadlineAnswer is what deadline prints. Its times are RFC 3339 with the offset of the municipality's clocks.
type deadlineAnswer struct {
	Deadline string        `json:"deadline"`
	Warn     *string       `json:"warn"` // null for no warning
	Team     call.TeamID   `json:"team"`
	Made     string        `json:"made"`
	Rule     calendar.Rule `json:"rule"`
	Steps    []string      `json:"steps"`

	deadline, warn time.Time // on the municipality's clocks
}

func findDeadline(cfg *config.Config, name, at string, now bool) (deadlineAnswer, error) {
	team, err := teamNamed(cfg, name)
	if err != nil {
		return deadlineAnswer{}, err
	}
	loc, made := team.Hours.Location(), time.Now()
	if !now {
		if made, err = calendar.ParseMoment(at, loc); err != nil {
			return deadlineAnswer{}, fmt.Errorf("--at: %w", err)
		}
	}
	deadline, err := team.Hours.Deadline(made)
	if err != nil {
		return deadlineAnswer{}, fmt.Errorf("team %s: %w", team.ID, err)
	}
	answer := deadlineAnswer{
		Team: team.ID, Rule: team.Hours.Rule(), Steps: deadline.Steps,
		Deadline: deadline.At.In(loc).Format(time.RFC3339), Made: made.In(loc).Format(time.RFC3339),
		deadline: deadline.At.In(loc),
	}
	if warn := team.Hours.Warning(deadline, cfg.Callbacks.WarnAfter); !warn.IsZero() {
		text := warn.In(loc).Format(time.RFC3339)
		answer.Warn, answer.warn = &text, warn.In(loc)
	}
	return answer, nil
}

func (a deadlineAnswer) print(w io.Writer) error {
	const shown = "Monday 2 January 2006 15:04 MST"
	warn := "none"
	if a.Warn != nil {
		warn = a.warn.Format(shown)
	}
	if _, err := fmt.Fprintf(
		w, "deadline  %s\nwarning   %s\nrule      %s\n\n", a.deadline.Format(shown), warn, a.Rule,
	); err != nil {
		return err
	}
	for _, step := range a.Steps {
		if _, err := fmt.Fprintln(w, step); err != nil {
			return err
		}
	}
	return nil
}
