package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
)

func TestOpen(t *testing.T) {
	c := deventer(t, func(s *calendar.Spec) {
		s.Hours = office(t, "09:00-12:30", "13:00-17:00")
		s.Exceptions = calendar.Exceptions{date(t, "2026-05-15"): nil, date(t, "2026-12-24"): spans(t, "09:00-12:00")}
	})
	town := team(t, c, calendar.TeamSpec{})
	late := team(t, c, calendar.TeamSpec{
		Hours:      days(t, []string{"08:00-20:00"}, time.Tuesday, time.Thursday),
		Exceptions: calendar.Exceptions{date(t, "2026-02-03"): nil, date(t, "2026-02-04"): spans(t, "10:00-11:00")},
	})
	emergencies := team(t, c, calendar.TeamSpec{Hours: office(t, "00:00-24:00"), OpenOnHolidays: true})
	tests := map[string]struct {
		hours *calendar.Hours
		at    string
		want  bool
	}{
		"a minute before opening":                {town, "2026-02-02 08:59", false},
		"at opening":                             {town, "2026-02-02 09:00", true},
		"in the lunch break":                     {town, "2026-02-02 12:30", false},
		"after it":                               {town, "2026-02-02 13:00", true},
		"the last minute":                        {town, "2026-02-02 16:59", true},
		"at closing":                             {town, "2026-02-02 17:00", false},
		"Saturday":                               {town, "2026-02-07 10:00", false},
		"Easter Monday":                          {town, "2026-04-06 10:00", false},
		"Good Friday":                            {town, "2026-04-03 10:00", true},
		"a local closing day":                    {town, "2026-05-15 10:00", false},
		"special hours, within":                  {town, "2026-12-24 11:59", true},
		"special hours, after":                   {town, "2026-12-24 12:00", false},
		"summer time in winter's clock":          {town, "2026-03-30 09:00", true},
		"a team's own hours":                     {late, "2026-02-05 19:59", true},
		"a team's own closed day":                {late, "2026-02-06 10:00", false},
		"a team's own closing day":               {late, "2026-02-03 10:00", false},
		"a team's own special hours":             {late, "2026-02-04 10:30", true},
		"the town's early closing binds a team":  {late, "2026-12-24 12:30", false},
		"and it is open until then":              {late, "2026-12-24 08:30", false},
		"but not outside the town's hours there": {late, "2026-12-24 09:30", true},
		"a holiday closes a team":                {late, "2026-05-14 10:00", false},
		"emergencies on a holiday":               {emergencies, "2026-12-25 03:00", true},
		"emergencies on a local closing day":     {emergencies, "2026-05-15 03:00", true},
		"emergencies on Saturday":                {emergencies, "2026-02-07 03:00", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, test.hours.Open(at(t, test.at)))
			require.Equal(
				t, test.want, test.hours.Open(at(t, test.at).UTC()), "the zone of the argument does not matter",
			)
		})
	}
}

func TestNext(t *testing.T) {
	c := deventer(t, func(s *calendar.Spec) { s.Hours = office(t, "09:00-12:30", "13:00-17:00") })
	town := team(t, c, calendar.TeamSpec{})
	nights := team(t, c, calendar.TeamSpec{Hours: calendar.Week{
		time.Friday: spans(t, "22:00-24:00"), time.Saturday: spans(t, "00:00-06:00"),
	}, OpenOnHolidays: true})
	tests := map[string]struct {
		hours    *calendar.Hours
		at       string
		from, to string
	}{
		"in the morning":           {town, "2026-02-02 10:00", "Mon 2026-02-02 13:00", "Mon 2026-02-02 17:00"},
		"at opening":               {town, "2026-02-02 09:00", "Mon 2026-02-02 13:00", "Mon 2026-02-02 17:00"},
		"in the lunch break":       {town, "2026-02-02 12:45", "Mon 2026-02-02 13:00", "Mon 2026-02-02 17:00"},
		"at closing":               {town, "2026-02-02 17:00", "Tue 2026-02-03 09:00", "Tue 2026-02-03 12:30"},
		"Friday afternoon":         {town, "2026-02-06 16:00", "Mon 2026-02-09 09:00", "Mon 2026-02-09 12:30"},
		"over Easter":              {town, "2026-04-03 17:30", "Tue 2026-04-07 09:00", "Tue 2026-04-07 12:30"},
		"over Christmas 2025":      {town, "2025-12-24 18:00", "Mon 2025-12-29 09:00", "Mon 2025-12-29 12:30"},
		"hours over midnight":      {nights, "2026-02-06 23:00", "Fri 2026-02-13 22:00", "Sat 2026-02-14 06:00"},
		"after midnight":           {nights, "2026-02-07 05:59", "Fri 2026-02-13 22:00", "Sat 2026-02-14 06:00"},
		"over the change of March": {town, "2026-03-27 17:30", "Mon 2026-03-30 09:00", "Mon 2026-03-30 12:30"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			from, to, ok := test.hours.Next(at(t, test.at))
			require.True(t, ok)
			require.Equal(t, test.from, shown(from))
			require.Equal(t, test.to, shown(to))
			require.Equal(t, amsterdam, from.Location())
		})
	}
}

func TestHoursThatNeverChange(t *testing.T) {
	now := at(t, "2025-12-25 03:00")
	always := calendar.AlwaysOpen(amsterdam)
	require.True(t, always.Open(now))
	_, _, ok := always.Next(now)
	require.False(t, ok)
	require.Equal(t, spans(t, "00:00-24:00"), always.Day(date(t, "2025-12-25")).Open)
	d, err := always.Deadline(now)
	require.NoError(t, err)
	require.Equal(
		t, "Tue 2025-12-30 00:00", shown(d.At), "Monday at 24:00: Christmas and the weekend are no working days",
	)

	for name, never := range map[string]*calendar.Hours{
		"a team without hours":       team(t, deventer(t), calendar.TeamSpec{Hours: calendar.Week{}}),
		"hours that were never made": {},
	} {
		t.Run(name, func(t *testing.T) {
			require.False(t, never.Open(now))
			require.Empty(t, never.Day(date(t, "2025-12-25")).Open)
			_, _, ok = never.Next(now)
			require.False(t, ok)
			require.NotNil(t, never.Location())
		})
	}
}

func TestTheChangesOfTheClock(t *testing.T) {
	// On 29 March 2026 the clocks skip from 02:00 to 03:00, on 25 October they show 02:00 to 03:00 twice.
	sunday := func(hours ...string) *calendar.Hours {
		week := office(t, "09:00-17:00")
		week[time.Sunday] = spans(t, hours...)
		return team(t, deventer(t), calendar.TeamSpec{Hours: week, OwnDays: true, OpenOnHolidays: true})
	}
	utc := func(s string) time.Time {
		moment, err := time.Parse("2006-01-02 15:04", s)
		require.NoError(t, err)
		return moment
	}
	t.Run("hours that begin in the skipped hour begin at the skip", func(t *testing.T) {
		from, _, _ := sunday("02:30-06:00").Next(utc("2026-03-28 20:00"))
		require.True(t, utc("2026-03-29 01:00").Equal(from), from)
	})
	t.Run("hours within the skipped hour do not exist", func(t *testing.T) {
		from, _, _ := sunday("02:15-02:45").Next(utc("2026-03-28 20:00"))
		require.Equal(t, "Mon 2026-03-30 09:00", shown(from))
	})
	t.Run("hours that end in the hour that comes twice end the first time", func(t *testing.T) {
		h := sunday("01:00-02:30")
		_, closes, ok := h.Next(utc("2026-10-24 20:00"))
		require.True(t, ok)
		require.True(t, utc("2026-10-25 00:30").Equal(closes), closes)
		require.False(t, h.Open(utc("2026-10-25 01:15")), "the second 02:15")
	})
	t.Run("a deadline in the hour that comes twice is its first", func(t *testing.T) {
		d, err := sunday("00:00-02:30").Deadline(at(t, "2026-10-24 12:00"))
		require.NoError(t, err)
		require.Equal(t, utc("2026-10-25 00:30"), d.At)
	})
	t.Run("a deadline in the skipped hour is the skip", func(t *testing.T) {
		d, err := sunday("00:00-02:30").Deadline(at(t, "2026-03-28 12:00"))
		require.NoError(t, err)
		require.Equal(t, utc("2026-03-29 01:00"), d.At)
	})
}

func TestMidnightThatDoesNotExist(t *testing.T) {
	cairo := zone("Africa/Cairo") // 24 April 2026 begins there at 01:00
	week := days(t, []string{"00:00-24:00"}, time.Thursday, time.Friday)
	c, err := calendar.New(calendar.Spec{Location: cairo, Hours: week})
	require.NoError(t, err)
	h := team(t, c, calendar.TeamSpec{})
	_, closes, ok := h.Next(time.Date(2026, 4, 22, 12, 0, 0, 0, cairo))
	require.True(t, ok)
	require.Equal(t, "2026-04-25 00:00", closes.Format("2006-01-02 15:04"))
	d, err := h.Deadline(time.Date(2026, 4, 22, 12, 0, 0, 0, cairo))
	require.NoError(t, err)
	require.Equal(t, "2026-04-24 01:00", d.At.In(cairo).Format("2006-01-02 15:04"), "the end of Thursday")
}

func TestWeekIsThatOfOrdinaryDays(t *testing.T) {
	c := deventer(t, closedOn(t, "2026-02-03"))
	town := team(t, c, calendar.TeamSpec{})
	require.Equal(t, spans(t, "09:00-17:00"), town.Week()[time.Tuesday])
	require.Empty(t, town.Week()[time.Saturday])
	own := team(t, c, calendar.TeamSpec{Hours: days(t, []string{"10:00-15:00"}, time.Tuesday)})
	require.Equal(t, spans(t, "10:00-15:00"), own.Week()[time.Tuesday])
	require.Empty(t, own.Week()[time.Monday])
	require.Empty(t, new(calendar.Hours).Week())
}

func TestADayTellsWhy(t *testing.T) {
	c := deventer(t, func(s *calendar.Spec) {
		s.Exceptions = calendar.Exceptions{date(t, "2026-05-15"): nil, date(t, "2026-12-24"): spans(t, "09:00-12:00")}
	})
	h := team(t, c, calendar.TeamSpec{Exceptions: calendar.Exceptions{
		date(t, "2026-02-03"): nil, date(t, "2026-02-04"): spans(t, "10:00-11:00"), date(t, "2026-02-05"): nil,
	}, Reasons: map[calendar.Date]string{date(t, "2026-02-05"): "teamdag"}})
	for day, want := range map[string]string{
		"2026-02-02": "", "2026-02-03": "closing day of the team", "2026-02-04": "special hours of the team",
		"2026-02-05": "teamdag",
		"2026-05-14": "Hemelvaartsdag", "2026-05-15": "closing day", "2026-12-24": "special hours",
		"2026-02-07": "closed on Saturdays",
	} {
		got := h.Day(date(t, day))
		require.Equal(t, want, got.Why, day)
		require.Equal(t, date(t, day), got.Date)
	}
}

func BenchmarkOpen(b *testing.B) {
	h := team(b, deventer(b), calendar.TeamSpec{})
	now := time.Date(2026, 2, 2, 10, 0, 0, 0, amsterdam)
	for b.Loop() {
		h.Open(now)
	}
}
