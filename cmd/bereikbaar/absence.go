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
		Short: "Mark a colleague absent, and give their notes to the teams; without a colleague: list the absent",
		Long: "Mark a colleague absent, and give their notes to the teams. They are absent until they are present\n" +
			"again: notes for them in person are made for the team meanwhile. Without a colleague it lists the\n" +
			"absent ones.",
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
		Short: "Mark a colleague present again; a claim does the same",
		Args:  cobra.ExactArgs(1),
		RunE: withNotes(o, func(b *session, args []string) error {
			who, err := b.who()
			if err != nil {
				return err
			}
			colleague := call.AgentID(args[0]) // also one who left the configuration
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

// absences prints the absent colleagues.
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
