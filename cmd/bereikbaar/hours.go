package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
)

func hoursCommand() *cobra.Command {
	var team, month string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "hours --team TEAM [--month MONTH]",
		Short: "Print what the calendar makes of each day of a month: opening hours, working day or not, and why",
		Long: "Print what the calendar makes of each day of a month: the team's opening hours, whether the day\n" +
			"counts for its deadlines (werkdag), and why it is closed or special. It needs a configuration and no\n" +
			"server.",
		Example: "  bereikbaar hours --team vergunningen --month 2026-05",
		Args:    cobra.NoArgs,
		RunE: lookup(func(cmd *cobra.Command, cfg *config.Config, _ []string) error {
			now := !cmd.Flags().Changed("month")
			answer, err := findHours(cfg, team, month, now)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return answer.print(cmd.OutOrStdout())
		}),
	}
	cmd.Flags().StringVar(&team, "team", "", "the team")
	cmd.Flags().StringVar(&month, "month", "", "the month, such as 2026-05; this month when left out")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// hoursAnswer is what hours prints.
type hoursAnswer struct {
	Team     call.TeamID `json:"team"`
	Month    string      `json:"month"`
	TimeZone string      `json:"time_zone"`
	Days     []dayAnswer `json:"days"`
}

// dayAnswer is one day of the month.
type dayAnswer struct {
	Date       string   `json:"date"`
	Weekday    string   `json:"weekday"`
	Hours      []string `json:"hours"` // such as 09:00-12:30; empty when closed
	WorkingDay bool     `json:"working_day"`
	Why        string   `json:"why"` // empty on an ordinary open day
}

func findHours(cfg *config.Config, name, month string, now bool) (hoursAnswer, error) {
	team, err := teamNamed(cfg, name)
	if err != nil {
		return hoursAnswer{}, err
	}
	loc := team.Hours.Location()
	first := calendar.DateOf(time.Now(), loc)
	if !now {
		if first, err = calendar.ParseMonth(month); err != nil {
			return hoursAnswer{}, fmt.Errorf("--month: %w", err)
		}
	}
	answer := hoursAnswer{
		Team: team.ID, Month: fmt.Sprintf("%04d-%02d", first.Year, first.Month), TimeZone: loc.String(),
	}
	for _, d := range team.Hours.Month(first) {
		hours := make([]string, len(d.Open))
		for i, span := range d.Open {
			hours[i] = span.String()
		}
		answer.Days = append(answer.Days, dayAnswer{
			d.Date.String(), d.Date.Weekday().String(), hours, d.Working, d.Why,
		})
	}
	return answer, nil
}

func (a hoursAnswer) print(w io.Writer) error {
	rows := [][]string{{"date", "day", "hours", "working day", "why"}}
	for _, d := range a.Days {
		hours, working := "closed", "no"
		if len(d.Hours) > 0 {
			hours = strings.Join(d.Hours, " ")
		}
		if d.WorkingDay {
			working = "yes"
		}
		rows = append(rows, []string{d.Date, d.Weekday, hours, working, d.Why})
	}
	widest := 0
	for _, row := range rows {
		widest = max(widest, len(row[2]))
	}
	for _, row := range rows {
		line := fmt.Sprintf("%-10s  %-9s  %-*s  %-11s  %s", row[0], row[1], widest, row[2], row[3], row[4])
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}
