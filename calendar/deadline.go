package calendar

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoWorkingDay is returned (wrapped) when a calendar has no working day within a year: a promise would have no
// deadline.
var ErrNoWorkingDay = errors.New("no working day within a year")

// Deadline is the moment by which a caller must have been rung back (uiterste terugbeltijd), and how it was counted.
type Deadline struct {
	Made  time.Time // when the note was made, UTC
	At    time.Time // UTC
	Steps []string  // how it was counted, a line per day, in the municipality's time
}

// Deadline counts the norm of one working day for a note made at made (domain.md, "The norm"): the day itself does not
// count, and the deadline lies on the first working day after it, at closing time: the team's, or the municipality's
// when the team is closed on that day.
//
// With SameTime it is the clock time at which the note was made, in whole minutes, but never after that closing time.
// When nobody works before it, as for a note made in the night of Saturday, it is the closing time.
func (h *Hours) Deadline(made time.Time) (Deadline, error) {
	const latestYear = 9000 // beyond which dates no longer parse when read back
	if made.IsZero() || made.Year() < 1970 || made.Year() > latestYear {
		return Deadline{}, fmt.Errorf("a deadline cannot be counted from the year %d", made.Year())
	}
	loc := h.Location()
	day := DateOf(made, loc)
	deadline := Deadline{Made: made.UTC()}
	deadline.step("%s: the note is made at %s (%s), the day itself does not count", day.long(), ClockOf(made, loc), loc)
	for range lookAhead {
		day = day.AddDays(1)
		d := h.Day(day)
		if !d.Working {
			deadline.step("%s: no working day (%s)", day.long(), d.notWorking())
			continue
		}
		deadline.At = h.due(&deadline, d).UTC()
		return deadline, nil
	}
	return Deadline{}, fmt.Errorf(
		"after %s: %w, check the opening hours and exceptions of the team and its municipality", DateOf(made, loc),
		ErrNoWorkingDay,
	)
}

// due picks the time on the working day that was found.
func (h *Hours) due(deadline *Deadline, d Day) time.Time {
	loc := h.Location()
	var closing Clock
	reason := "closing time"
	if len(d.Open) > 0 {
		closing = d.closing()
	} else {
		closing = h.municipality.day(d.Date).closing()
		reason = fmt.Sprintf("the team is closed (%s), the municipality's closing time counts:", d.Why)
	}
	if h.rule == SameTime {
		clock := ClockOf(deadline.Made, loc)
		switch at := d.Date.at(clock, loc); {
		case clock > closing:
			reason = "the same time lies after closing time, which counts:"
		case !h.opensBetween(deadline.Made, at):
			reason = "the team is not open before the same time, so that closing time counts:"
		default:
			deadline.step("%s: the first working day, at the same time %s", d.Date.long(), clock)
			return at
		}
	}
	deadline.step("%s: the first working day, %s %s", d.Date.long(), reason, closing)
	return d.Date.at(closing, loc)
}

// opensBetween reports whether somebody is at work between the two moments: the team, or the municipality in its stead.
func (h *Hours) opensBetween(from, to time.Time) bool {
	municipal := &Hours{municipality: h.municipality}
	for _, hours := range []*Hours{h, municipal} {
		if run, ok := hours.runAfter(from); ok && run.from.Before(to) {
			return true
		}
	}
	return false
}

func (d Day) notWorking() string {
	if d.Why == "" {
		return "not a working day of the municipality"
	}
	return d.Why
}

func (d *Deadline) step(format string, args ...any) {
	d.Steps = append(d.Steps, fmt.Sprintf(format, args...))
}
