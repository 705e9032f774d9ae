package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// machineLog is the machine's journal, where the daemon's log is too, or standard error where there is none.
type machineLog struct {
	// nil where there is no journal
	send   func(message string, priority journal.Priority, fields map[string]string) error
	screen io.Writer
}

func newMachineLog() machineLog {
	l := machineLog{screen: os.Stderr}
	if journal.Enabled() {
		l.send = journal.Send
	}
	return l
}

// Write implements io.Writer, for one line. A line that the journal refuses goes to standard error, with the reason.
func (l machineLog) Write(line []byte) (int, error) {
	if l.send == nil {
		return l.screen.Write(line)
	}
	err := l.send(strings.TrimSpace(string(line)), journal.PriInfo, map[string]string{
		"SYSLOG_IDENTIFIER": "bereikbaar",
	})
	if err != nil {
		_, err = fmt.Fprintf(
			l.screen, "the machine's journal refused this line of the access log (%v), so keep it: %s", err, line,
		)
	}
	return len(line), err
}

// accessed writes the access log of the command (AVG), as the API does: never a number, or a caller's name or words.
func (b *session) accessed(did string, what ...any) { b.written("access to notes", did, what...) }

// written writes a line of the access log.
func (b *session) written(message, did string, what ...any) {
	out := b.options.access
	if out == nil {
		out = newMachineLog()
	}
	slog.New(slog.NewTextHandler(out, nil)).Info(message, //nolint:sloglint // one of two
		append(
			[]any{"user", account(), "as", b.options.as, "municipality", b.town.ID, "did", "command " + did}, what...,
		)...)
}

// account is the user at the machine, also behind sudo.
func account() string {
	who, err := user.Current()
	if err != nil {
		who = nil
	}
	return accountOf(who, os.Getenv("SUDO_USER"))
}

// accountOf names the account, nil for unknown, and the user behind sudo. Everybody can set SUDO_USER in their
// environment: it replaces root only, which others become by sudo alone; otherwise it stands behind the account.
func accountOf(who *user.User, sudo string) string {
	name := "unknown"
	if who != nil {
		name = cmp.Or(who.Username, who.Uid)
	}
	switch {
	case sudo == "" || sudo == name:
		return name
	case who != nil && who.Uid == "0":
		return sudo
	}
	return name + "/" + sudo
}
