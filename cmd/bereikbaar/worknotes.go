package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/spelling"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// The exit codes of bereikbaar notes, besides 0 and 1 (docs/api.md).
const (
	exitNoNote   = 3 // there is no such note
	exitConflict = 4 // somebody else was first, or the note or its rules do not allow it
	exitStore    = 5 // Redis does not answer: the outcome is unknown
)

const notesHelp = `Work callback notes at the machine, directly on Redis.

It is for operators: it needs the configuration and its secrets, sees every team, and shows numbers in full.
Changes and exports need --as, the id of the person who makes them. Every look at notes is logged in the
machine's journal. A running daemon takes the changes over by itself.

It ends with 0 when done, 3 when there is no such note, 4 when somebody else was first or the note's rules do
not allow it, 5 when Redis does not answer, and 1 for anything else.`

// session is an operator's work on notes: the store and the rules, without the daemon.
type session struct {
	cmd      *cobra.Command
	options  *sessionOptions
	cfg      *config.Config
	settings *daemon.Settings
	town     routing.Municipality
	store    *redisstore.Store
	worklist *callback.Worklist
	now      time.Time
}

type sessionOptions struct {
	municipality, as string
	asJSON           bool
	ver              uint64
	access           io.Writer // see session.accessed
}

func notesCommand(access io.Writer) *cobra.Command {
	o := &sessionOptions{access: access}
	cmd := &cobra.Command{Use: "notes", Short: "Work callback notes at the machine", Long: notesHelp}
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.municipality, "municipality", "", "the municipality whose notes; needed when there are several")
	flags.StringVar(&o.as, "as", "", "your id; needed for every change and for an export")
	flags.BoolVar(&o.asJSON, "json", false, "print it as JSON")
	flags.Uint64Var(&o.ver, "ver", 0, "change the note at this version only; at any without it")
	cmd.AddCommand(
		listNotesCommand(o), findNotesCommand(o), showNoteCommand(o), exportNotesCommand(o), eraseNotesCommand(o),
		absentCommand(o), presentCommand(o),
	)
	cmd.AddCommand(changeCommands(o)...)
	return cmd
}

// withNotes gives a command its session, and errors their exit codes.
func withNotes(o *sessionOptions, run func(*session, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if o.as != "" && !call.IsPersonID(o.as) { // it is in the access log, also without a change
			return errors.New("--as is not an id: use letters, digits, dots, hyphens and underscores, at most 64")
		}
		cfg, err := config.LoadWithoutARI(configPath(cmd), os.Getenv)
		if err != nil {
			cmd.PrintErrln(err)
			return errReported
		}
		b := &session{cmd: cmd, options: o, cfg: cfg, settings: daemon.NewSettings(cfg), now: time.Now().UTC()}
		b.store = redisstore.Open(daemon.RedisOptions(cfg.Redis))
		defer b.store.Close()
		if b.town, err = b.municipality(o.municipality); err != nil {
			return coded(err)
		}
		b.worklist = callback.NewWorklist(b.store, b.settings, nil)
		return coded(run(b, args))
	}
}

// coded gives an error its exit code, for scripts.
func coded(err error) error {
	var stale *note.StaleError
	var illegal *note.IllegalError
	var rule *note.RuleError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, note.ErrNoNote), errors.Is(err, note.ErrReference), errors.Is(err, errNoAccount),
		errors.Is(err, errNobody):
		return exitError{exitNoNote, err}
	case errors.As(err, &stale), errors.As(err, &illegal), errors.As(err, &rule),
		errors.Is(err, signin.ErrChanged), errors.Is(err, errAccountThere):
		return exitError{exitConflict, err}
	case errors.Is(err, note.ErrStoreDown):
		return exitError{exitStore, err}
	}
	return err
}

func (b *session) out() io.Writer { return b.cmd.OutOrStdout() }

// who gives the person of --as, for changes and exports.
func (b *session) who() (note.Actor, error) {
	who := note.ByAgent(call.AgentID(b.options.as))
	if _, ok := who.Agent(); !ok {
		return "", errors.New("--as is missing: say who does it, by their id")
	}
	return who, nil
}

// person checks that a person is known: in the configuration, or by their own token.
func (b *session) person(name string) (call.AgentID, error) {
	id, agents := call.AgentID(name), b.cfg.Plan.Agents
	if _, ok := agents[id]; ok {
		return id, nil
	}
	var unread error
	if file := b.cfg.Web.TokensFile; file != "" {
		tokens, err := api.OpenTokens(file, slog.New(slog.DiscardHandler))
		if err == nil && tokens.Knows(b.town.ID, id, b.now) {
			return id, nil
		}
		unread = err
	}
	known := slices.Sorted(maps.Keys(agents))
	err := fmt.Errorf(
		"%q is nobody in %s (agents), and has no token: name one of %s", name, b.cfg.Path, listed(known),
	)
	if near := spelling.Nearest(id, known); near != "" {
		err = fmt.Errorf("%w; did you mean %s?", err, near)
	}
	return "", errors.Join(err, unread)
}

// find gives the note that an argument names, by its id or by its reference.
func (b *session) find(ctx context.Context, name string) (note.Note, error) {
	return listing.Named(ctx, b.store, b.town.ID, name)
}

// team checks that the municipality has a team, or had: one that left the configuration counts as long as Redis knows
// notes of it.
func (b *session) team(name string) (call.TeamID, error) {
	team := call.TeamID(name)
	if b.settings.HasTeam(b.town.ID, team) {
		return team, nil
	}
	known, err := b.store.Teams(b.cmd.Context(), b.town.ID)
	if err == nil && !slices.Contains(known, team) {
		return "", unknown("team", name, b.cfg.Path, b.settings.Teams(b.town.ID))
	}
	return team, err
}

// municipality finds the municipality whose notes are asked for. One that left the configuration counts as long as
// Redis knows notes of it; its times of day are then UTC's, as the daemon's are (see settings.Work).
func (b *session) municipality(name string) (routing.Municipality, error) {
	town, err := municipalityNamed(b.cfg, name)
	if err == nil || name == "" {
		return town, err
	}
	known, problem := b.store.Teams(b.cmd.Context(), call.MunicipalityID(name))
	switch {
	case problem != nil:
		return routing.Municipality{}, problem
	case len(known) == 0:
		return routing.Municipality{}, err
	}
	return routing.Municipality{ID: call.MunicipalityID(name), Location: time.UTC}, nil
}

// mostListed bounds a list: more is for an export.
const mostListed = 1000

func listNotesCommand(o *sessionOptions) *cobra.Command {
	var team, colleague string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List live notes, the first due at the top",
		Args:  cobra.NoArgs,
		RunE: withNotes(o, func(b *session, _ []string) error {
			if limit < 1 || limit > mostListed {
				return errors.New("--limit is a number from 1 to 1000")
			}
			notes, err := b.live(team, colleague, limit+1)
			if err != nil && len(notes) == 0 {
				return err
			}
			if len(notes) > limit {
				notes = notes[:limit]
				b.cmd.PrintErrf("there are more notes than these %d: ask for more with --limit, up to %d, "+
					"for one --team, or for all with export\n", limit, mostListed)
			}
			return b.show("list", notes, err)
		}),
	}
	cmd.Flags().StringVar(&team, "team", "", "of this team; of every team without it")
	cmd.Flags().StringVar(&colleague, "colleague", "", "claimed by this colleague or for them in person")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many, up to 1000")
	cmd.MarkFlagsMutuallyExclusive("team", "colleague")
	return cmd
}

func findNotesCommand(o *sessionOptions) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "find",
		Short: "Find the notes of a caller, by their number or name, the newest first",
		Long: "Find the notes of a caller who has forgotten their reference, the newest first, closed ones too: by the\n" +
			"number to call back or the one that they rang from, or by the name to ask for.\n\n" +
			"The number is asked for, or read from standard input. It may be an argument too, but then the\n" +
			"shell's history and the list of processes show it.",
		Example: "  bereikbaar notes find\n  bereikbaar notes find --name \"van der ven\"",
		Args:    cobra.MaximumNArgs(1),
		RunE: withNotes(o, func(b *session, args []string) error {
			if name == "" {
				typed, err := typedNumber(b.cmd, args)
				if err != nil {
					return err
				}
				number, err := call.ParseTyped(typed)
				if err != nil {
					return err
				}
				notes, err := b.store.ByNumber(b.cmd.Context(), b.town.ID, number, mostListed)
				return b.show("find", notes, err)
			}
			if len(args) > 0 {
				return errors.New("ask for a number or for a --name, not for both")
			}
			notes, err := b.store.ByName(b.cmd.Context(), b.town.ID, name, mostListed)
			return b.show("find", notes, err)
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "of the person to ask for; the beginnings of its words do")
	return cmd
}

// show prints a list, also beside an error about notes that cannot be read.
func (b *session) show(did string, notes []note.Note, err error) error {
	if err != nil && len(notes) == 0 {
		return err
	}
	b.accessed(did, "count", len(notes))
	if b.options.asJSON {
		return errors.Join(printJSON(b.out(), b.views(notes)), err)
	}
	return errors.Join(noteview.Table(b.out(), notes, b.look(), b.town.Location, b.now), err)
}

func (b *session) live(team, colleague string, limit int) ([]note.Note, error) {
	ctx := b.cmd.Context()
	if colleague != "" {
		notes, err := b.store.Held(ctx, b.town.ID, call.AgentID(colleague), limit)
		if err == nil && len(notes) == 0 { // else they are somebody, or were: notes wait for them
			_, err = b.person(colleague)
		}
		return notes, err
	}
	if team != "" {
		id, err := b.team(team)
		if err != nil {
			return nil, err
		}
		return b.store.Due(ctx, b.town.ID, id, limit)
	}
	teams, err := b.store.Teams(ctx, b.town.ID) // also those that are gone from the configuration
	if err != nil {
		return nil, err
	}
	var all []note.Note
	var problems []error
	for _, team := range teams {
		notes, err := b.store.Due(ctx, b.town.ID, team, limit)
		all, problems = append(all, notes...), append(problems, err)
	}
	slices.SortFunc(all, func(a, b note.Note) int {
		return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(limit, len(all))], errors.Join(problems...)
}

// look is how an operator at the machine sees notes.
func (b *session) look() noteview.Look {
	return noteview.Look{Digits: true, Next: func(n note.Note) time.Time { return b.settings.Next(n, b.now) }}
}

func (b *session) views(notes []note.Note) []noteview.Note {
	list := make([]noteview.Note, len(notes))
	for i, n := range notes {
		list[i] = b.look().Of(n)
	}
	return list
}

func showNoteCommand(o *sessionOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "show NOTE",
		Short: "Show a note, by its reference or id, with its history",
		Args:  cobra.ExactArgs(1),
		RunE: withNotes(o, func(b *session, args []string) error {
			n, err := b.find(b.cmd.Context(), args[0])
			if err != nil {
				return err
			}
			events, unread := b.store.Events(b.cmd.Context(), n.Municipality, n.ID)
			if unread != nil && !errors.Is(unread, note.ErrIncomplete) {
				return unread
			}
			b.accessed("show", "notes", n.ID)
			if o.asJSON {
				v := b.look().Of(n)
				v.History, v.Unread = noteview.History(events), unread != nil
				return errors.Join(printJSON(b.out(), v), unread)
			}
			return errors.Join(noteview.Sheet(b.out(), n, events, b.look(), b.town.Location), unread)
		}),
	}
}
