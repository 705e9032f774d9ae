package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

// noteFlags are what changes of a note may say.
type noteFlags struct{ reason, team, outcome, result, text string }

// change is a command that changes one note.
type change struct {
	use, short string
	flags      func(*cobra.Command, *noteFlags)
	act        func(context.Context, *session, callback.Step, *noteFlags) (note.Note, error)
}

func withReason(cmd *cobra.Command, f *noteFlags) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the history of the note")
}

func changes() []change {
	return []change{
		{"claim", "Take a note, for as long as the lease runs", nil, func(
			ctx context.Context, b *session, s callback.Step, _ *noteFlags,
		) (note.Note, error) {
			if _, err := b.person(b.options.as); err != nil {
				return note.Note{}, fmt.Errorf("--as: %w", err)
			}
			return b.worklist.Claim(ctx, s)
		}},
		{"release", "Give a note back to its team", withReason, func(
			ctx context.Context, b *session, s callback.Step, f *noteFlags,
		) (note.Note, error) {
			return b.worklist.Release(ctx, s, f.reason)
		}},
		{"reroute", "Send a note to another team; the deadline stays", func(cmd *cobra.Command, f *noteFlags) {
			withReason(cmd, f)
			cmd.Flags().StringVar(&f.team, "team", "", "the team that it is for")
		}, reroute},
		{"attempt", "Record an attempt to reach the caller; for the colleague with the claim", func(
			cmd *cobra.Command, f *noteFlags,
		) {
			cmd.Flags().StringVar(&f.result, "result", "", fmt.Sprintf("one of %v", attempt.Results()))
		}, tryCaller},
		{"comment", "Add a comment to a note", func(cmd *cobra.Command, f *noteFlags) {
			cmd.Flags().StringVar(&f.text, "text", "", "the comment")
		}, func(ctx context.Context, b *session, s callback.Step, f *noteFlags) (note.Note, error) {
			return b.worklist.Comment(ctx, s, f.text)
		}},
		{"resolve", "Close a note, because it is done", func(cmd *cobra.Command, f *noteFlags) {
			withReason(cmd, f)
			cmd.Flags().StringVar(
				&f.outcome, "outcome", "",
				fmt.Sprintf(
					"one of %v; settled is the caller's own word, the others are for the colleague with the claim",
					note.Outcomes(),
				),
			)
		}, func(ctx context.Context, b *session, s callback.Step, f *noteFlags) (note.Note, error) {
			return b.worklist.Resolve(ctx, s, note.Outcome(f.outcome), f.reason)
		}},
		{"cancel", "Close a note, because the caller no longer needs it", withReason, func(
			ctx context.Context, b *session, s callback.Step, f *noteFlags,
		) (note.Note, error) {
			return b.worklist.Cancel(ctx, s, f.reason)
		}},
		{"reopen", "Make a closed note live again; the deadline stays", withReason, func(
			ctx context.Context, b *session, s callback.Step, f *noteFlags,
		) (note.Note, error) {
			return b.worklist.Reopen(ctx, s, f.reason)
		}},
	}
}

func reroute(ctx context.Context, b *session, s callback.Step, f *noteFlags) (note.Note, error) {
	if !b.settings.HasTeam(b.town.ID, call.TeamID(f.team)) {
		return note.Note{}, unknown("team", f.team, b.cfg.Path, b.settings.Teams(b.town.ID))
	}
	return b.worklist.Reroute(ctx, s, call.TeamID(f.team), f.reason)
}

// tryCaller records an attempt that is over: its beginning and its end. One that could not be ended must not be begun:
// the note would stay at "calling" until the claim runs out.
func tryCaller(ctx context.Context, b *session, s callback.Step, f *noteFlags) (note.Note, error) {
	if err := note.CheckResult(attempt.Result(f.result)); err != nil {
		return note.Note{}, err
	}
	n, err := b.worklist.StartAttempt(ctx, s, "")
	if err != nil {
		return note.Note{}, err
	}
	s.Ver = n.Ver
	return b.worklist.EndAttempt(ctx, s, attempt.LineUnknown, 0, attempt.Result(f.result))
}

func changeCommands(o *sessionOptions) []*cobra.Command {
	var commands []*cobra.Command
	for _, c := range changes() {
		f := &noteFlags{}
		cmd := &cobra.Command{Use: c.use + " NOTE", Short: c.short, Args: cobra.ExactArgs(
			1,
		), RunE: withNotes(o, func(b *session, args []string) error {
			return b.change(
				args[0], func(ctx context.Context, s callback.Step) (note.Note, error) { return c.act(ctx, b, s, f) },
			)
		})}
		if c.flags != nil {
			c.flags(cmd, f)
		}
		commands = append(commands, cmd)
	}
	return commands
}

// change changes one note, and prints it as it is then.
func (b *session) change(name string, act func(context.Context, callback.Step) (note.Note, error)) error {
	who, err := b.who()
	if err != nil {
		return err
	}
	ctx := b.cmd.Context()
	n, err := b.find(ctx, name)
	if err != nil {
		return err
	}
	after, err := act(ctx, callback.Step{
		Municipality: n.Municipality, Note: n.ID, Ver: b.options.ver, Who: who, At: b.now,
	})
	if err != nil {
		b.accessed(b.cmd.Name(), "notes", n.ID, "done", false)
	}
	if stale := (*note.StaleError)(nil); errors.As(err, &stale) {
		return fmt.Errorf("%w: %s", err, n.In(b.town.Location).Standing())
	}
	if err != nil {
		return err
	}
	b.accessed(b.cmd.Name(), "notes", after.ID)
	if b.options.asJSON {
		return printJSON(b.out(), b.look().Of(after))
	}
	return noteview.Table(b.out(), []note.Note{after}, b.look(), b.town.Location, b.now)
}

func eraseNotesCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "erase",
		Short: "Remove what is personal from every note for a number (AVG, article 17); it cannot be undone",
		Long: "Remove what is personal from every note for a number, on the request of the person (AVG, article\n" +
			"17). Live notes are cancelled first. It cannot be undone. A running daemon takes them out of its\n" +
			"journal within seconds.\n\n" +
			"The number is asked for, or read from standard input. It may be an argument too, but then the\n" +
			"shell's history and the list of processes show it.",
		Example: "  bereikbaar notes erase --as els",
		Args:    cobra.MaximumNArgs(1),
		RunE: withNotes(o, func(b *session, args []string) error {
			who, err := b.who()
			if err != nil {
				return err
			}
			typed, err := typedNumber(b.cmd, args)
			if err != nil {
				return err
			}
			number, err := call.ParseTyped(typed)
			if err != nil {
				return err
			}
			erased, err := b.worklist.Erase(b.cmd.Context(), b.town.ID, number, who, b.now)
			b.accessed("erase", "count", erased, "done", err == nil)
			if daemon.KeptUnwatched(b.cfg.State.Directory) {
				b.cmd.PrintErrln(afterErasure)
			}
			return b.counted("erased", erased, err)
		}),
	}
}

// longestTyped bounds what is read of standard input, in bytes.
const longestTyped = 1024

// typedNumber is the number of an argument, or else of standard input, asked for at a terminal.
func typedNumber(cmd *cobra.Command, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return args[0], nil
	}
	in := cmd.InOrStdin()
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			cmd.PrintErr("the number: ")
			line, err := bufio.NewReader(io.LimitReader(in, longestTyped)).ReadString('\n')
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return line, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(in, longestTyped))
	return string(text), err
}

// counted prints how many notes were changed, also when an error ended it halfway.
func (b *session) counted(done string, notes int, err error) error {
	if err != nil {
		return fmt.Errorf("%d notes were %s, and then: %w", notes, done, err)
	}
	if b.options.asJSON {
		return printJSON(b.out(), map[string]int{done: notes})
	}
	_, err = fmt.Fprintf(b.out(), "%d notes were %s\n", notes, done)
	return err
}

func exportNotesCommand(o *sessionOptions) *cobra.Command {
	var format, dialect, team, from, until string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all live notes, or those that were closed in a period, as CSV or JSON lines",
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
				return err
			}
			return out.Close()
		}),
	}
	cmd.Flags().StringVar(&format, "format", "csv", "csv or jsonl")
	cmd.Flags().StringVar(
		&dialect, "dialect", "excel", "of CSV: excel, which a Dutch spreadsheet opens, or rfc4180 for programs",
	)
	cmd.Flags().StringVar(&team, "team", "", "of this team; of every team without it")
	cmd.Flags().StringVar(&from, "closed-from", "", "closed on or after this day, such as 2026-11-01")
	cmd.Flags().StringVar(&until, "closed-until", "", "closed before this day")
	cmd.MarkFlagsRequiredTogether("closed-from", "closed-until")
	return cmd
}

// noteWriter is a form in which notes are exported.
type noteWriter interface {
	Write(notes []note.Note) error
	Close() error
}

func (b *session) writer(format, dialect string) (noteWriter, error) {
	switch {
	case b.options.asJSON || format == "jsonl":
		return noteview.NewLines(b.out(), b.look()), nil
	case format != "csv":
		return nil, fmt.Errorf("--format %q is not csv or jsonl", format)
	case dialect == "excel":
		return noteview.NewCSV(b.out(), b.look(), noteview.ForPeople(b.town.Location)), nil
	case dialect == "rfc4180":
		return noteview.NewCSV(b.out(), b.look(), noteview.ForPrograms()), nil
	}
	return nil, fmt.Errorf("--dialect %q is not excel or rfc4180", dialect)
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

// afterErasure says what is left to do of an erasure while no daemon runs.
const afterErasure = "No daemon runs on this machine. Notes that it confirmed while Redis was away are in its " +
	"journal alone and were not erased, and a Redis that is given a backup before it starts has this person again: " +
	"start the daemon, and then erase the number once more."
