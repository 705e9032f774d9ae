package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

func exportNotesCommand(o *sessionOptions) *cobra.Command {
	var format, dialect, team, from, until string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all live notes, or those that were closed in a period, as CSV, a workbook or JSON lines",
		Args:  cobra.NoArgs,
		RunE: withNotes(o, func(b *session, _ []string) error {
			if _, err := b.who(); err != nil {
				return err
			}
			s, err := b.selected(team, from, until)
			if err != nil {
				return err
			}
			out, err := b.writer(format, dialect)
			if err != nil {
				return err
			}
			asked := []any{"team", team, "closed_from", from, "closed_until", until}
			b.accessed("export begins", asked...) // the reader may hang up, and this program then ends
			count := 0
			err = b.export(s, func(notes []note.Note) error {
				count += len(notes)
				return out.Write(notes)
			})
			b.accessed("export", append(asked, "count", count)...) // also of half an export
			if err != nil {
				out.Discard()
				return err
			}
			return out.Close()
		}),
	}
	cmd.Flags().StringVar(&format, "format", "csv", "csv, xlsx or jsonl")
	cmd.Flags().StringVar(
		&dialect, "dialect", "", "of CSV: excel, which a Dutch spreadsheet opens and is the default, or rfc4180 for programs",
	)
	cmd.Flags().StringVar(&team, "team", "", "of this team; of every team without it")
	cmd.Flags().StringVar(&from, "closed-from", "", "closed on or after this day, such as 2026-11-01")
	cmd.Flags().StringVar(&until, "closed-until", "", "closed before this day")
	cmd.MarkFlagsRequiredTogether("closed-from", "closed-until")
	return cmd
}

// writer gives the form that is asked for. --json goes before it.
func (b *session) writer(format, dialect string) (noteview.Writer, error) {
	if b.options.asJSON {
		format, dialect = "jsonl", ""
	}
	form, err := noteview.FormOf(format, dialect)
	if err != nil {
		return nil, fmt.Errorf("--format %q, --dialect %q: %w", format, dialect, err)
	}
	return form.NewWriter(b.out(), b.look(), b.town.Location), nil
}

// selection is what an export is asked for.
type selection struct {
	team        call.TeamID // empty for every team
	from, until time.Time   // of closed notes; both zero for the live ones
}

func (b *session) selected(team, from, until string) (selection, error) {
	var s selection
	var err, err2 error
	if team != "" {
		if s.team, err = b.team(team); err != nil {
			return s, err
		}
	}
	if from == "" && until == "" {
		return s, nil
	}
	s.from, err = time.ParseInLocation(time.DateOnly, from, b.town.Location)
	s.until, err2 = time.ParseInLocation(time.DateOnly, until, b.town.Location)
	if err != nil || err2 != nil || !s.from.Before(s.until) {
		return s, errors.New(
			"--closed-from and --closed-until are days such as 2026-11-01, the first before the second",
		)
	}
	return s, nil
}

// export gives the notes that can be read; the error says which cannot.
func (b *session) export(s selection, take func([]note.Note) error) error {
	wanted := func(team call.TeamID) bool { return s.team == "" || team == s.team }
	if s.from.IsZero() {
		return b.store.EachLive(b.cmd.Context(), b.town.ID, wanted, take)
	}
	return b.store.EachClosed(b.cmd.Context(), b.town.ID, s.from, s.until, func(notes []note.Note) error {
		return take(slices.DeleteFunc(notes, func(n note.Note) bool { return !wanted(n.Team) }))
	})
}
