// Command bereikbaar is the engine behind a municipality's one telephone number, and its tools for operators.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/spelling"
)

const defaultConfig = "/etc/bereikbaar/bereikbaar.yaml"

// exitSecond is the exit code of a second daemon on one state directory. The systemd unit does not start that one
// again.
const exitSecond = 75

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root(nil).ExecuteContext(ctx)
	stop()
	os.Exit(exitCode(err))
}

// root is the command. Its access log goes to access, or to the machine's log when that is nil.
func root(access io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "bereikbaar",
		Short:         "The engine behind a municipality's one telephone number",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetOut(os.Stdout) // what cmd.Print prints are results; unset, it would go to standard error with the problems
	cmd.PersistentFlags().StringP("config", "c", defaultConfig, "the configuration file")
	cmd.AddCommand(serveCommand(), checkCommand(), doctorCommand(), promptsCommand(), versionCommand())
	cmd.AddCommand(deadlineCommand(), hoursCommand(), numberCommand(), notesCommand(access), tokenCommand())
	cmd.AddCommand(accountCommand(access))
	cmd.InitDefaultHelpCmd()
	cmd.InitDefaultCompletionCmd()
	strict(cmd)
	return cmd
}

// strict makes every command that has commands refuse one that it does not have: a script must not take a page of help
// for success.
func strict(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
	if cmd.Name() == "help" {
		cmd.RunE, cmd.Run = helped, nil
		return
	}
	if cmd.HasSubCommands() && !cmd.Runnable() {
		help := cmd.Flags().VarPF(unseen{}, "help", "h", "help for "+cmd.Name())
		help.NoOptDefVal = "true"
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noCommand(cmd, args[0])
		}
	}
}

// unseen is the flag --help of a command that gives its help anyway. Cobra answers a flag that it knows before it
// checks that the named command exists.
type unseen struct{}

func (unseen) String() string   { return "false" }
func (unseen) Set(string) error { return nil }
func (unseen) Type() string     { return "bool" }

// helped shows the help of the command that is named.
func helped(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil {
		return noCommand(cmd.Root(), args[0])
	}
	if len(rest) > 0 {
		return noCommand(found, rest[0])
	}
	found.InitDefaultHelpFlag()
	return found.Help()
}

// noCommand says that a command has no such command, and lists those that it has.
func noCommand(cmd *cobra.Command, name string) error {
	var known []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	if len(known) == 0 {
		return fmt.Errorf("%s has no command %q, nor any other", cmd.CommandPath(), name)
	}
	list := strings.Join(known, ", ")
	if near := spelling.Nearest(name, known); near != "" {
		return fmt.Errorf("%s has no command %q: did you mean %s? There are %s", cmd.CommandPath(), name, near, list)
	}
	return fmt.Errorf("%s has no command %q: there are %s", cmd.CommandPath(), name, list)
}

// errReported ends a command whose findings were printed already.
var errReported = errors.New("problems were found")

func exitCode(err error) int {
	var code exitError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return 1
	case errors.As(err, &code):
		fmt.Fprintln(os.Stderr, err)
		return code.code
	default:
		fmt.Fprintln(os.Stderr, "bereikbaar:", err)
		return 1
	}
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return "bereikbaar: " + e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

func configPath(cmd *cobra.Command) string {
	path, err := cmd.Flags().GetString("config")
	if err != nil { // the flag is defined above
		panic(err)
	}
	return path
}

// loadConfig reads the configuration, with its secrets when getenv is given. Its problems are printed; the error is
// errReported.
func loadConfig(cmd *cobra.Command, getenv func(string) string) (*config.Config, error) {
	cfg, err := config.Load(configPath(cmd), getenv)
	if err != nil {
		cmd.PrintErrln(err)
		return nil, errReported
	}
	return cfg, nil
}

// printJSON prints a value for other programs.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
