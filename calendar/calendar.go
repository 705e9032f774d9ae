// Package calendar knows a municipality's working days and the opening hours of its teams, and counts deadlines with
// them.
package calendar

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/rickar/cal/v2"
)

// Week is the opening hours on each day of the week. A day without spans is closed.
type Week map[time.Weekday][]Span

// Exceptions are days that differ from the week: closed without spans, else open at these hours. An exception overrides
// a holiday, so a municipality can be open on one.
type Exceptions map[Date][]Span

// Spec says when a municipality is open.
type Spec struct {
	Location   *time.Location // of its clocks
	Hours      Week
	Exceptions Exceptions      // local closing days and special hours
	Reasons    map[Date]string // why a day is an exception, for people; optional
	// it is closed on Good Friday (the labour agreement says a working day, the general-terms act a holiday)
	GoodFriday     bool
	OpenOnHolidays bool // holidays do not close it, but they are still no working days
}

// Calendar is the working days and opening hours of one municipality. It is immutable.
type Calendar struct {
	location       *time.Location
	hours          Week
	exceptions     Exceptions
	reasons        map[Date]string
	holidays       []*cal.Holiday
	openOnHolidays bool
}

// New makes the municipality's calendar. Its error names every fault in the spec.
func New(spec Spec) (*Calendar, error) {
	var problems []error
	if spec.Location == nil {
		problems = append(problems, errors.New("the municipality has no time zone"))
	}
	hours, err := spec.Hours.checked()
	problems = append(problems, err)
	exceptions, err := spec.Exceptions.checked()
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	c := &Calendar{
		location:       spec.Location,
		hours:          hours,
		exceptions:     exceptions,
		reasons:        maps.Clone(spec.Reasons),
		holidays:       holidays(spec.GoodFriday),
		openOnHolidays: spec.OpenOnHolidays,
	}
	for day := time.Monday; day <= time.Friday; day++ {
		if len(hours[day]) > 0 {
			return c, nil
		}
	}
	return nil, errors.New(
		"the municipality has no opening hours from Monday to Friday, so that no deadline could be counted",
	)
}

// Location is the zone in which the municipality's clocks run.
func (c *Calendar) Location() *time.Location { return c.location }

// WorkingDay reports whether d counts for the norm (domain.md, "The norm"): a day from Monday to Friday on which the
// municipality is open and that is no holiday. Saturday and Sunday never count (Algemene termijnenwet), even when it is
// open.
func (c *Calendar) WorkingDay(d Date) bool { return c.day(d).Working }

// Day is one day by the calendar.
type Day struct {
	Date      Date
	Open      []Span // in order; empty when closed
	Working   bool   // it counts for the norm
	Exception bool   // it differs from the week by configuration
	Why       string // why it is closed or special, for people; empty on an ordinary open day
}

func (d Day) closing() Clock { return d.Open[len(d.Open)-1].To }

func (c *Calendar) day(d Date) Day {
	weekday := d.Weekday()
	weekend := weekday == time.Saturday || weekday == time.Sunday
	if spans, ok := c.exceptions[d]; ok {
		return Day{
			Date: d, Open: spans, Working: len(spans) > 0 && !weekend, Exception: true,
			Why: exceptional(c.reasons[d], spans, ""),
		}
	}
	if name, ok := c.Holiday(d); ok {
		day := Day{Date: d, Why: name}
		if c.openOnHolidays {
			day.Open = c.hours[weekday]
		}
		return day
	}
	day := Day{Date: d, Open: c.hours[weekday], Working: len(c.hours[weekday]) > 0 && !weekend}
	switch {
	case weekend:
		day.Why = "weekend"
	case len(day.Open) == 0:
		day.Why = fmt.Sprintf("closed on %ss", weekday)
	}
	return day
}

// exceptional says why a day is an exception.
func exceptional(reason string, spans []Span, suffix string) string {
	switch {
	case reason != "":
		return reason
	case len(spans) == 0:
		return "closing day" + suffix
	default:
		return "special hours" + suffix
	}
}

func (w Week) checked() (Week, error) {
	week := make(Week, len(w))
	var problems []error
	for weekday := time.Sunday; weekday <= time.Saturday; weekday++ {
		spans, err := sorted(w[weekday])
		if err != nil {
			problems = append(problems, fmt.Errorf("hours on %s: %w", weekday, err))
		}
		week[weekday] = spans
	}
	return week, errors.Join(problems...)
}

func (e Exceptions) checked() (Exceptions, error) {
	checked := make(Exceptions, len(e))
	var problems []error
	for date, spans := range e {
		day, err := sorted(spans)
		if err != nil {
			problems = append(problems, fmt.Errorf("hours on %s: %w", date, err))
		}
		checked[date] = day
	}
	return checked, errors.Join(problems...)
}
