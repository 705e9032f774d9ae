package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
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
