package calendar

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Date is a day on the wall calendar, without a time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day that the wall calendar at loc shows at t.
func DateOf(t time.Time, loc *time.Location) Date {
	y, m, d := t.In(loc).Date()
	return Date{y, m, d}
}

// ParseDate reads a date as ISO 8601 writes it: 2026-04-27. A day that does not exist is an error.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date that exists, write it as 2026-04-27", clip(s))
	}
	return DateOf(t, time.UTC), nil
}

// AddDays is the date n days later, or earlier when n is negative.
func (d Date) AddDays(n int) Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC), time.UTC)
}

// Weekday is the day of the week of the date.
func (d Date) Weekday() time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday()
}

// String is the date as ISO 8601 writes it.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// long is the date as people write it, weekday included.
func (d Date) long() string {
	return fmt.Sprintf("%s %d %s %d", d.Weekday(), d.Day, d.Month, d.Year)
}

// at is the instant at which the clocks at loc first show c on this date. A time that the clocks skip becomes the
// instant of the skip. time.Date leaves both cases open, and a deadline must not depend on its choice.
func (d Date) at(c Clock, loc *time.Location) time.Time {
	t := time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, loc)
	wanted := time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, time.UTC)
	_, offset := t.Zone()
	shown := t.Add(time.Duration(offset) * time.Second)
	start, end := t.ZoneBounds()
	switch {
	case shown.Before(wanted):
		return end
	case shown.After(wanted):
		return start
	case start.IsZero():
		return t
	}
	_, before := start.Add(-time.Nanosecond).Zone()
	earlier := t.Add(-time.Duration(before-offset) * time.Second)
	if before > offset && earlier.Before(start) {
		return earlier
	}
	return t
}

// Clock is a time of day in minutes after midnight, as the clock on the wall shows it. EndOfDay is 24:00.
type Clock int

// SinceMidnight is the wall-clock time as a duration: what a clock shows, not what passes on a day with a DST change.
func (c Clock) SinceMidnight() time.Duration { return time.Duration(c) * time.Minute }

// EndOfDay is 24:00. Only a Span may end on it.
const EndOfDay Clock = 24 * 60

var clockText = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2})$`)

// ParseClock reads a time of day such as 9:00, 09:00 or 24:00.
func ParseClock(s string) (Clock, error) {
	m := clockText.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a time of day, write it as 09:00", clip(s))
	}
	hours, _ := strconv.Atoi(m[1]) // one or two digits
	minutes, _ := strconv.Atoi(m[2])
	c := Clock(hours*60 + minutes)
	if minutes > 59 || c > EndOfDay {
		return 0, fmt.Errorf("%q is not a time of day, it must lie between 00:00 and 24:00", clip(s))
	}
	return c, nil
}

// ClockOf is the time of day that the clocks at loc show at t, in whole minutes.
func ClockOf(t time.Time, loc *time.Location) Clock {
	t = t.In(loc)
	return Clock(t.Hour()*60 + t.Minute())
}

// String is the time of day as 09:00.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// Span is a stretch of one day on the wall clock, from From up to but not including To.
type Span struct{ From, To Clock }

var spanText = regexp.MustCompile(`^\s*([0-9:]+)\s*[-–]\s*([0-9:]+)\s*$`)

// ParseSpan reads a span such as 09:00-17:00.
func ParseSpan(s string) (Span, error) {
	m := spanText.FindStringSubmatch(s)
	if m == nil {
		return Span{}, fmt.Errorf("%q is not a span of hours, write it as 09:00-17:00", clip(s))
	}
	from, err := ParseClock(m[1])
	if err != nil {
		return Span{}, err
	}
	to, err := ParseClock(m[2])
	if err != nil {
		return Span{}, err
	}
	span := Span{from, to}
	return span, span.check()
}

// String is the span as 09:00-17:00.
func (s Span) String() string { return s.From.String() + "-" + s.To.String() }

func (s Span) check() error {
	switch {
	case s.From < 0 || s.To > EndOfDay:
		return fmt.Errorf("%s lies outside the day, it must lie between 00:00 and 24:00", s)
	case s.From >= s.To:
		return fmt.Errorf(
			"%s ends before it begins, a span past midnight is written as two: until 24:00 and, on the next day, from 00:00",
			s,
		)
	}
	return nil
}

// CheckSpans finds faults in the opening hours of one day: a span outside the day, or two that overlap.
func CheckSpans(spans []Span) error {
	_, err := sorted(spans)
	return err
}

func sorted(spans []Span) ([]Span, error) {
	day := slices.Clone(spans)
	slices.SortFunc(day, func(a, b Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	var problems []error
	for i, s := range day {
		if err := s.check(); err != nil {
			problems = append(problems, err)
			continue
		}
		if i > 0 && s.From < day[i-1].To {
			problems = append(problems, fmt.Errorf("%s and %s overlap", day[i-1], s))
		}
	}
	return day, errors.Join(problems...)
}

// intersect is the hours that both lists have. Both are sorted and without overlap.
func intersect(a, b []Span) []Span {
	var both []Span
	for _, x := range a {
		for _, y := range b {
			if s := (Span{max(x.From, y.From), min(x.To, y.To)}); s.From < s.To {
				both = append(both, s)
			}
		}
	}
	return both
}

// clip keeps a hostile value from filling an error text.
func clip(s string) string {
	const limit = 40
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
