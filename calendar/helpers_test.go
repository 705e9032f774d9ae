package calendar_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zones

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
)

var amsterdam = zone("Europe/Amsterdam")

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// at reads a moment on Amsterdam's clocks.
func at(t *testing.T, s string) time.Time {
	t.Helper()
	moment, err := time.ParseInLocation("2006-01-02 15:04", s, amsterdam)
	require.NoError(t, err)
	return moment
}

func shown(t time.Time) string { return t.In(amsterdam).Format("Mon 2006-01-02 15:04") }

func date(t require.TestingT, s string) calendar.Date {
	d, err := calendar.ParseDate(s)
	require.NoError(t, err)
	return d
}

func spans(t require.TestingT, texts ...string) []calendar.Span {
	list := []calendar.Span{}
	for _, s := range texts {
		span, err := calendar.ParseSpan(s)
		require.NoError(t, err)
		list = append(list, span)
	}
	return list
}

// office is a week of the same hours from Monday to Friday.
func office(t require.TestingT, hours ...string) calendar.Week {
	return days(t, hours, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday)
}

func days(t require.TestingT, hours []string, weekdays ...time.Weekday) calendar.Week {
	week := calendar.Week{}
	for _, day := range weekdays {
		week[day] = spans(t, hours...)
	}
	return week
}

// deventer is open from nine to five, as the specification of the norm assumes.
func deventer(t require.TestingT, change ...func(*calendar.Spec)) *calendar.Calendar {
	spec := calendar.Spec{Location: amsterdam, Hours: office(t, "09:00-17:00")}
	for _, f := range change {
		f(&spec)
	}
	c, err := calendar.New(spec)
	require.NoError(t, err)
	return c
}

func team(t require.TestingT, c *calendar.Calendar, spec calendar.TeamSpec) *calendar.Hours {
	h, err := c.Team(spec)
	require.NoError(t, err)
	return h
}

// closedOn adds closing days.
func closedOn(t require.TestingT, dates ...string) func(*calendar.Spec) {
	return func(spec *calendar.Spec) {
		if spec.Exceptions == nil {
			spec.Exceptions = calendar.Exceptions{}
		}
		for _, d := range dates {
			spec.Exceptions[date(t, d)] = nil
		}
	}
}
