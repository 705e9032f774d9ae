package main

import (
	"cmp"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// machineLog is the machine's journal, where the daemon's log is too, or standard error where there is none.
type machineLog struct{}

// Write implements io.Writer, for one line.
func (machineLog) Write(line []byte) (int, error) {
	if !journal.Enabled() {
		return os.Stderr.Write(line)
	}
	err := journal.Send(strings.TrimSpace(string(line)), journal.PriInfo, map[string]string{"SYSLOG_IDENTIFIER": "bereikbaar"})
	return len(line), err
}

// accessed writes who looked at which notes by the command (AVG: an access log), as the API does: never a number, a name of a
// caller or what he said.
func (b *bench) accessed(did string, what ...any) {
	out := b.options.access
	if out == nil {
		out = machineLog{}
	}
	slog.New(slog.NewTextHandler(out, nil)).Info("access to notes",
		append([]any{"user", account(), "as", b.options.as, "municipality", b.town.ID, "did", "command " + did}, what...)...)
}

// account is who is logged in at the machine, also behind sudo.
func account() string {
	name := ""
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	return cmp.Or(os.Getenv("SUDO_USER"), name, "unknown")
}

var _ io.Writer = machineLog{}
