package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/daemon"
)

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

// afterErasure says what is left to do of an erasure while no daemon runs.
const afterErasure = "No daemon runs on this machine. Notes that it confirmed while Redis was away are in its " +
	"journal alone and were not erased, and a Redis that is given a backup before it starts has this person again: " +
	"start the daemon, and then erase the number once more."
