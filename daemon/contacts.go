package daemon

import (
	"log/slog"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/metrics"
)

// loggedContacts counts how calls ended, and logs a line for each, to be found by the call's id. The line holds no
// number, no pressed key and no name.
type loggedContacts struct {
	*metrics.Metrics
	repeats *repeats
	log     *slog.Logger
}

// Contact implements ivr.Register.
func (l loggedContacts) Contact(c call.Contact) {
	l.Metrics.Contact(c)
	l.repeats.over(c.Call.ID)
	var teams []call.TeamID
	var waited, talked time.Duration
	for _, o := range c.Offers {
		if !slices.Contains(teams, o.Team) {
			teams = append(teams, o.Team)
		}
		waited, talked = waited+o.Waited, talked+o.Talked
	}
	line := []any{
		"call", c.Call.ID, "municipality", c.Municipality, "outcome", c.Outcome, "teams", teams,
		"waited", waited.Round(time.Millisecond), "talked", talked.Round(time.Millisecond),
	}
	if c.NoteID != "" {
		line = append(line, "note", c.NoteID)
	}
	if c.About != "" {
		line = append(line, "about", c.About)
	}
	l.log.Info("a call is over", line...)
}
