package noteview

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

const (
	tableTime   = "Mon 2 Jan 15:04"
	longTime    = "Mon 2 Jan 2006 15:04:05"
	tableReason = 40 // runes of what the caller told, in a list
)

// Table prints notes as a table for people, with the times of loc. now decides which are overdue, and which can be
// tried at once.
func Table(w io.Writer, notes []note.Note, look Look, loc *time.Location, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DEADLINE\tREFERENCE\tTEAM\tSTATE\tCOLLEAGUE\tNUMBER\tTRIED\tTRY\tABOUT")
	for _, n := range notes {
		deadline := n.Deadline.In(loc).Format(tableTime)
		if n.State.Live() && n.Deadline.Before(now) {
			deadline += " !"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", deadline, dash(
			string(n.Reference),
		), n.Team, n.State, dash(string(n.Holder())),
			number(n), len(n.Tries()), try(look.Next(n), loc, now), about(n))
	}
	return t.Flush()
}

// number is the number to ring, and whether it is verified: a keyed-in number may be a stranger's.
func number(n note.Note) string {
	if n.Number.Known() && !n.Verified {
		return spoken(n.Number) + " not verified"
	}
	return dash(spoken(n.Number))
}

// try is the best next moment to try a caller.
func try(next time.Time, loc *time.Location, now time.Time) string {
	switch {
	case next.IsZero():
		return "-"
	case !next.After(now):
		return "now"
	default:
		return next.In(loc).Format(tableTime)
	}
}

// Sheet prints one note with its history for people.
func Sheet(w io.Writer, n note.Note, events []note.Event, look Look, loc *time.Location) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, plain(value))
		}
	}
	at := func(when time.Time) string {
		if when.IsZero() {
			return ""
		}
		return when.In(loc).Format(longTime)
	}
	line("reference", string(n.Reference))
	line("id", string(n.ID))
	line("state", fmt.Sprintf("%s (version %d)", n.State, n.Ver))
	line("team", string(n.Team))
	line("owner", string(n.Owner))
	line("for", string(n.Personal))
	line("colleague", string(n.Colleague))
	line("claim until", at(n.Lease))
	line("number", spoken(n.Number)+unverified(n))
	line("name", n.Name)
	line("subject", n.Subject)
	line("reason", n.Reason)
	if n.Window.To > 0 {
		line("rather", n.Window.String())
	}
	line("made", at(n.Made))
	line("deadline", at(n.Deadline))
	line("try next", at(look.Next(n)))
	line("mark", string(n.Mark))
	line("priority", fmt.Sprintf("%d (%d repeat contacts, %d times rerouted)", n.Priority, n.Repeats, n.Reroutes))
	line("outcome", outcome(n))
	line("closed", at(n.Closed))
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, e := range events {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", e.Ver, e.At.In(loc).Format(longTime), e.Who, e.Kind, plain(told(e)))
	}
	return t.Flush()
}

// told is what an event says besides its kind.
func told(e note.Event) string {
	var parts []string
	for _, part := range []string{
		string(e.Team), string(e.Cause), string(e.Line), string(e.Result), string(e.Outcome), e.Reason,
	} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

func outcome(n note.Note) string {
	switch {
	case n.Outcome == "":
		return ""
	case n.NormMet:
		return string(n.Outcome) + ", within the norm"
	default:
		return string(n.Outcome) + ", outside the norm"
	}
}

func unverified(n note.Note) string {
	if n.Verified || !n.Number.Known() {
		return ""
	}
	return " (not verified: not the number that the caller's line showed)"
}

func about(n note.Note) string {
	text := strings.TrimSpace(n.Subject + " " + n.Reason)
	if r := []rune(text); len(r) > tableReason {
		text = string(r[:tableReason]) + "…"
	}
	return dash(plain(text))
}

// plain drops control characters: a caller's words must not move the reader's cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func spoken(n call.Number) string { return strings.Join(n.Groups(), " ") }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
