package calendar

import (
	"fmt"
	"time"
)

// moments are the ways to write a moment on the municipality's own clocks.
var moments = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}

// ParseMoment reads a moment as RFC 3339 writes it, or as the clocks at loc show it: 2026-11-20 16:00. Once a year the
// clocks skip an hour: a time in it is an error. Once a year an hour comes twice: the first is meant, and RFC 3339 can
// name the second.
func ParseMoment(s string, loc *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range moments {
		wanted, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		minute := DateOf(wanted, time.UTC).at(ClockOf(wanted, time.UTC), loc)
		if ClockOf(minute, loc) != ClockOf(wanted, time.UTC) {
			return time.Time{}, fmt.Errorf(
				"%q does not exist in %s: the clocks skip it, write a time before or after that hour", clip(s), loc,
			)
		}
		return minute.Add(time.Duration(wanted.Second()) * time.Second), nil
	}
	return time.Time{}, fmt.Errorf(
		"%q is not a moment that exists, write it as 2026-11-20 16:00 (in %s) or as 2026-11-20T16:00:00+01:00", clip(s),
		loc,
	)
}

// ParseMonth reads a month such as 2026-05, and returns its first day.
func ParseMonth(s string) (Date, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("%q is not a month, write it as 2026-05", clip(s))
	}
	return DateOf(t, time.UTC), nil
}

// Month is the month of a given day, day by day, by the team's calendar.
func (h *Hours) Month(in Date) []Day {
	var month []Day
	for d := (Date{in.Year, in.Month, 1}); d.Month == in.Month; d = d.AddDays(1) {
		month = append(month, h.Day(d))
	}
	return month
}

// Rule says how the team's deadlines are counted.
func (h *Hours) Rule() Rule { return h.rule }
