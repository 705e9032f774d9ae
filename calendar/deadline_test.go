package calendar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
)

func TestDeadlineOfTheMunicipality(t *testing.T) {
	tests := map[string]struct{ made, want string }{
		"Monday a minute before opening":     {"2026-02-02 08:59", "Tue 2026-02-03 17:00"},
		"Monday a minute before closing":     {"2026-02-02 16:59", "Tue 2026-02-03 17:00"},
		"Monday a minute after closing":      {"2026-02-02 17:01", "Tue 2026-02-03 17:00"},
		"Tuesday a minute before opening":    {"2026-02-03 08:59", "Wed 2026-02-04 17:00"},
		"Tuesday a minute before closing":    {"2026-02-03 16:59", "Wed 2026-02-04 17:00"},
		"Tuesday a minute after closing":     {"2026-02-03 17:01", "Wed 2026-02-04 17:00"},
		"Wednesday a minute before opening":  {"2026-02-04 08:59", "Thu 2026-02-05 17:00"},
		"Wednesday a minute before closing":  {"2026-02-04 16:59", "Thu 2026-02-05 17:00"},
		"Wednesday a minute after closing":   {"2026-02-04 17:01", "Thu 2026-02-05 17:00"},
		"Thursday a minute before opening":   {"2026-02-05 08:59", "Fri 2026-02-06 17:00"},
		"Thursday a minute before closing":   {"2026-02-05 16:59", "Fri 2026-02-06 17:00"},
		"Thursday a minute after closing":    {"2026-02-05 17:01", "Fri 2026-02-06 17:00"},
		"Friday a minute before opening":     {"2026-02-06 08:59", "Mon 2026-02-09 17:00"},
		"Friday at four, as the norm says":   {"2026-02-06 16:00", "Mon 2026-02-09 17:00"},
		"Friday a minute before closing":     {"2026-02-06 16:59", "Mon 2026-02-09 17:00"},
		"Friday a minute after closing":      {"2026-02-06 17:01", "Mon 2026-02-09 17:00"},
		"Saturday a minute before opening":   {"2026-02-07 08:59", "Mon 2026-02-09 17:00"},
		"Saturday a minute before closing":   {"2026-02-07 16:59", "Mon 2026-02-09 17:00"},
		"Sunday a minute after closing":      {"2026-02-08 17:01", "Mon 2026-02-09 17:00"},
		"Sunday, the last minute":            {"2026-02-08 23:59", "Mon 2026-02-09 17:00"},
		"Monday, the first minute":           {"2026-02-09 00:00", "Tue 2026-02-10 17:00"},
		"Maundy Thursday: Good Friday works": {"2026-04-02 16:00", "Fri 2026-04-03 17:00"},
		"Good Friday":                        {"2026-04-03 16:00", "Tue 2026-04-07 17:00"},
		"Easter Sunday":                      {"2026-04-05 12:00", "Tue 2026-04-07 17:00"},
		"Easter Monday":                      {"2026-04-06 10:00", "Tue 2026-04-07 17:00"},
		"Friday before King's Day 2025":      {"2025-04-25 16:00", "Mon 2025-04-28 17:00"},
		"King's Day 2025, kept on the 26th":  {"2025-04-26 10:00", "Mon 2025-04-28 17:00"},
		"27 April 2025, an ordinary Sunday":  {"2025-04-27 10:00", "Mon 2025-04-28 17:00"},
		"Friday before King's Day 2026":      {"2026-04-24 16:00", "Tue 2026-04-28 17:00"},
		"King's Day 2026, a Monday":          {"2026-04-27 10:00", "Tue 2026-04-28 17:00"},
		"the day before 5 May 2026":          {"2026-05-04 11:00", "Wed 2026-05-06 17:00"},
		"5 May 2026 itself":                  {"2026-05-05 11:00", "Wed 2026-05-06 17:00"},
		"the day before 5 May 2027":          {"2027-05-04 11:00", "Fri 2027-05-07 17:00"}, // the 6th is Ascension
		"the day before Ascension 2026":      {"2026-05-13 11:00", "Fri 2026-05-15 17:00"},
		"Ascension 2026":                     {"2026-05-14 11:00", "Fri 2026-05-15 17:00"},
		"Friday before Whit Sunday":          {"2026-05-22 16:00", "Tue 2026-05-26 17:00"},
		"Whit Monday":                        {"2026-05-25 12:00", "Tue 2026-05-26 17:00"},
		"Christmas on Thursday and Friday":   {"2025-12-24 15:00", "Mon 2025-12-29 17:00"},
		"Boxing Day 2025":                    {"2025-12-26 15:00", "Mon 2025-12-29 17:00"},
		"Christmas on Friday and Saturday":   {"2026-12-24 15:00", "Mon 2026-12-28 17:00"},
		"Christmas on Saturday and Sunday":   {"2027-12-24 15:00", "Mon 2027-12-27 17:00"},
		"Christmas on Sunday and Monday":     {"2022-12-23 15:00", "Tue 2022-12-27 17:00"},
		"New Year's Eve on a Wednesday":      {"2025-12-31 15:00", "Fri 2026-01-02 17:00"},
		"New Year's Eve on a Thursday":       {"2026-12-31 15:00", "Mon 2027-01-04 17:00"},
		"Friday before summer time":          {"2026-03-27 16:00", "Mon 2026-03-30 17:00"},
		"the hour that summer time skips":    {"2026-03-29 03:00", "Mon 2026-03-30 17:00"},
		"Friday before winter time":          {"2026-10-23 16:00", "Mon 2026-10-26 17:00"},
		"the hour that comes twice":          {"2026-10-25 02:30", "Mon 2026-10-26 17:00"},
		"a leap day":                         {"2028-02-28 12:00", "Tue 2028-02-29 17:00"},
	}
	hours := team(t, deventer(t), calendar.TeamSpec{})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := hours.Deadline(at(t, test.made))
			require.NoError(t, err)
			require.Equal(t, test.want, shown(d.At), strings.Join(d.Steps, "\n"))
			require.Equal(t, time.UTC, d.At.Location())
			require.True(t, d.Made.Equal(at(t, test.made)))
		})
	}
}

func TestDeadlineByTheSameTimeRule(t *testing.T) {
	tests := map[string]struct{ made, want string }{
		"Friday at four":                        {"2026-02-06 16:00", "Mon 2026-02-09 16:00"},
		"Tuesday a minute before closing":       {"2026-02-03 16:59", "Wed 2026-02-04 16:59"},
		"after closing is due at closing":       {"2026-02-03 17:01", "Wed 2026-02-04 17:00"},
		"before opening has the day before it":  {"2026-02-03 08:59", "Wed 2026-02-04 08:59"},
		"Saturday at eleven":                    {"2026-02-07 11:00", "Mon 2026-02-09 11:00"},
		"Saturday night: nobody works before":   {"2026-02-07 03:00", "Mon 2026-02-09 17:00"},
		"over Easter":                           {"2026-04-03 10:15", "Tue 2026-04-07 10:15"},
		"over the change to summer time":        {"2026-03-27 10:15", "Mon 2026-03-30 10:15"},
		"over the change to winter time":        {"2026-10-23 10:15", "Mon 2026-10-26 10:15"},
		"exactly at closing":                    {"2026-02-03 17:00", "Wed 2026-02-04 17:00"},
		"in the lunch break of nobody: at noon": {"2026-02-03 12:00", "Wed 2026-02-04 12:00"},
	}
	hours := team(t, deventer(t), calendar.TeamSpec{Rule: calendar.SameTime})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := hours.Deadline(at(t, test.made).Add(37 * time.Second))
			require.NoError(t, err)
			require.Equal(t, test.want, shown(d.At), strings.Join(d.Steps, "\n"))
			require.Zero(t, d.At.Second(), "a deadline is spoken in minutes")
		})
	}
}

func TestDeadlineOfATeamOpenOnTuesdayAndThursday(t *testing.T) {
	week := days(t, []string{"10:00-15:00"}, time.Tuesday, time.Thursday)
	stretches := team(t, deventer(t), calendar.TeamSpec{Hours: week, OwnDays: true})
	doesNot := team(t, deventer(t), calendar.TeamSpec{Hours: week})
	tests := map[string]struct{ made, want, ownDays string }{
		"made on Monday: due on its own day": {
			"2026-02-02 11:00", "Tue 2026-02-03 15:00", "Tue 2026-02-03 15:00",
		},
		"made on Tuesday: Wednesday is a working day": {
			"2026-02-03 11:00", "Wed 2026-02-04 17:00", "Thu 2026-02-05 15:00",
		},
		"made on Thursday": {
			"2026-02-05 11:00", "Fri 2026-02-06 17:00", "Tue 2026-02-10 15:00",
		},
		"made on Friday": {
			"2026-02-06 11:00", "Mon 2026-02-09 17:00", "Tue 2026-02-10 15:00",
		},
		"before 5 May, its Tuesday": {
			"2026-05-04 11:00", "Wed 2026-05-06 17:00", "Thu 2026-05-07 15:00",
		},
		"before Ascension, its Thursday": {
			"2026-05-13 11:00", "Fri 2026-05-15 17:00", "Tue 2026-05-19 15:00",
		},
		"over both Christmas days": {
			"2025-12-23 11:00", "Wed 2025-12-24 17:00", "Tue 2025-12-30 15:00",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := doesNot.Deadline(at(t, test.made))
			require.NoError(t, err)
			require.Equal(t, test.want, shown(d.At), strings.Join(d.Steps, "\n"))
			d, err = stretches.Deadline(at(t, test.made))
			require.NoError(t, err)
			require.Equal(t, test.ownDays, shown(d.At), strings.Join(d.Steps, "\n"))
		})
	}
}

func TestDeadlineWithLocalDays(t *testing.T) {
	goodFriday := func(s *calendar.Spec) { s.GoodFriday = true }
	special := func(d string, hours ...string) func(*calendar.Spec) {
		return func(s *calendar.Spec) { s.Exceptions = calendar.Exceptions{date(t, d): spans(t, hours...)} }
	}
	tests := map[string]struct {
		change     func(*calendar.Spec)
		made, want string
	}{
		"closed on the Friday after Ascension": {
			closedOn(t, "2026-05-15"), "2026-05-13 11:00", "Mon 2026-05-18 17:00",
		},
		"Good Friday made a holiday": {goodFriday, "2026-04-02 16:00", "Tue 2026-04-07 17:00"},
		"Christmas Eve until noon": {
			special("2026-12-24", "09:00-12:00"), "2026-12-23 11:00", "Thu 2026-12-24 12:00",
		},
		"open on 5 May by exception": {
			special("2026-05-05", "10:00-14:00"), "2026-05-04 11:00", "Tue 2026-05-05 14:00",
		},
		"open on one Saturday: still no working day": {
			special("2026-02-07", "10:00-14:00"), "2026-02-06 11:00", "Mon 2026-02-09 17:00",
		},
		"a late evening counts": {
			special("2026-02-05", "09:00-12:00", "13:00-20:00"), "2026-02-04 11:00", "Thu 2026-02-05 20:00",
		},
		"open until midnight": {
			special("2026-02-05", "09:00-24:00"), "2026-02-04 11:00", "Fri 2026-02-06 00:00",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := team(t, deventer(t, test.change), calendar.TeamSpec{}).Deadline(at(t, test.made))
			require.NoError(t, err)
			require.Equal(t, test.want, shown(d.At), strings.Join(d.Steps, "\n"))
		})
	}
}

func TestDeadlineTellsHowItWasCounted(t *testing.T) {
	c := deventer(t, func(s *calendar.Spec) {
		s.Exceptions = calendar.Exceptions{date(t, "2026-05-15"): nil}
		s.Reasons = map[calendar.Date]string{date(t, "2026-05-15"): "dag na Hemelvaart"}
	})
	d, err := team(t, c, calendar.TeamSpec{Hours: days(t, []string{"10:00-15:00"}, time.Tuesday)}).Deadline(
		at(t, "2026-05-13 11:00"),
	)
	require.NoError(t, err)
	require.Equal(t, []string{
		"Wednesday 13 May 2026: the note is made at 11:00 (Europe/Amsterdam), the day itself does not count",
		"Thursday 14 May 2026: no working day (Hemelvaartsdag)",
		"Friday 15 May 2026: no working day (dag na Hemelvaart)",
		"Saturday 16 May 2026: no working day (closed on Saturdays)",
		"Sunday 17 May 2026: no working day (closed on Sundays)",
		"Monday 18 May 2026: the first working day, the team is closed (closed on Mondays), the municipality's closing time counts: 17:00",
	}, d.Steps)
}

func TestDeadlineThatCannotBeCounted(t *testing.T) {
	hours := team(t, deventer(t), calendar.TeamSpec{})
	for name, made := range map[string]time.Time{
		"no moment":         {},
		"before the clocks": time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC),
		"far too late":      time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hours.Deadline(made)
			require.ErrorContains(t, err, "cannot be counted")
		})
	}
	t.Run("a team on its own days that is never open", func(t *testing.T) {
		never := team(t, deventer(t), calendar.TeamSpec{Hours: calendar.Week{}, OwnDays: true})
		_, err := never.Deadline(at(t, "2026-02-02 11:00"))
		require.ErrorIs(t, err, calendar.ErrNoWorkingDay)
	})
	t.Run("hours that were never made", func(t *testing.T) {
		_, err := new(calendar.Hours).Deadline(at(t, "2026-02-02 11:00"))
		require.ErrorIs(t, err, calendar.ErrNoWorkingDay)
	})
}
