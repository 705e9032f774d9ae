package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// absenceShown is an absence as --json prints it.
type absenceShown struct {
	Colleague call.AgentID `json:"colleague"`
	Since     time.Time    `json:"since"`
	By        note.Actor   `json:"by"`
}

func absentCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "absent [COLLEAGUE]",
		Short: "Say that a colleague is absent, and give all his notes to their teams; without a colleague: who is absent",
		Long: "Say that a colleague is absent, and give all his notes to their teams. He is absent until he is present again: what is promised\n" +
			"for him in person meanwhile is made for the team. Without a colleague it prints who is absent.",
		Args: cobra.MaximumNArgs(1),
		RunE: withNotes(o, func(b *session, args []string) error {
			if len(args) == 0 {
				return b.absences()
			}
			who, err := b.who()
			if err != nil {
				return err
			}
			colleague, err := b.person(args[0])
			if err != nil {
				return err
			}
			released, err := b.worklist.Absent(b.cmd.Context(), b.town.ID, colleague, who, b.now)
			b.accessed("absent", "colleague", colleague, "count", released, "done", err == nil)
			return b.counted("released", released, err)
		}),
	}
}

func presentCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "present COLLEAGUE",
		Short: "Say that a colleague is present again; who claims a note is so without it",
		Args:  cobra.ExactArgs(1),
		RunE: withNotes(o, func(b *session, args []string) error {
			who, err := b.who()
			if err != nil {
				return err
			}
			colleague := call.AgentID(args[0]) // also who has left the configuration since
			if _, away, err := b.worklist.Absence(b.cmd.Context(), b.town.ID, colleague); err != nil || !away {
				if _, unknown := b.person(args[0]); err != nil || unknown != nil {
					return errors.Join(err, unknown)
				}
			}
			err = b.worklist.Present(b.cmd.Context(), b.town.ID, colleague, who)
			b.accessed("present", "colleague", colleague, "done", err == nil)
			return err
		}),
	}
}

// absences prints who is absent.
func (b *session) absences() error {
	absences, err := b.worklist.Absences(b.cmd.Context(), b.town.ID)
	if err != nil {
		return err
	}
	b.accessed("absent", "count", len(absences))
	if b.options.asJSON {
		shown := make([]absenceShown, len(absences))
		for i, a := range absences {
			shown[i] = absenceShown(a)
		}
		return printJSON(b.out(), shown)
	}
	table := tabwriter.NewWriter(b.out(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COLLEAGUE\tSINCE\tSAYS")
	for _, a := range absences {
		fmt.Fprintf(table, "%s\t%s\t%s\n", a.Colleague, a.Since.In(b.town.Location).Format("2006-01-02 15:04"), a.By)
	}
	return table.Flush()
}
