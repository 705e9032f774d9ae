package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/calendar"
)

func TestWorked(t *testing.T) {
	lunch := deventer(t, func(s *calendar.Spec) {
		s.Hours = office(t, "09:00-12:30", "13:00-17:00")
		s.Exceptions = calendar.Exceptions{date(t, "2026-05-15"): nil, date(t, "2026-12-24"): spans(t, "09:00-12:00")}
	})
	town := team(t, lunch, calendar.TeamSpec{})
	mornings := days(t, []string{"09:00-12:00"}, time.Tuesday, time.Thursday)
	partTime := team(t, lunch, calendar.TeamSpec{Hours: mornings})
	ownDays := team(t, lunch, calendar.TeamSpec{Hours: mornings, OwnDays: true})
	nights := office(t)
	nights[time.Saturday], nights[time.Sunday] = spans(t, "22:00-24:00"), spans(t, "00:00-06:00")
	emergencies := team(t, lunch, calendar.TeamSpec{Hours: nights, OwnDays: true, OpenOnHolidays: true})
	tests := map[string]struct {
		hours    *calendar.Hours
		from, to string
		want     time.Duration
	}{
		"a morning": {
			town, "2026-02-02 09:00", "2026-02-02 12:00", 3 * time.Hour,
		},
		"the lunch break does not count": {town, "2026-02-02 12:00", "2026-02-02 13:30", time.Hour},
		"within the lunch break":         {town, "2026-02-02 12:35", "2026-02-02 12:55", 0},
		"from before opening until after closing": {
			town, "2026-02-02 07:00", "2026-02-02 22:00", 7*time.Hour + 30*time.Minute,
		},
		"a minute over midnight": {town, "2026-02-02 23:59", "2026-02-03 00:01", 0},
		"Friday at four until Monday at closing": {
			town, "2026-02-06 16:00", "2026-02-09 17:00", 8*time.Hour + 30*time.Minute,
		},
		"over Easter": {
			town, "2026-04-03 16:00", "2026-04-07 09:30", time.Hour + 30*time.Minute,
		},
		"over Ascension and the Friday after it": {
			town, "2026-05-13 16:00", "2026-05-18 10:00", 2 * time.Hour,
		},
		"Christmas Eve, until noon": {
			town, "2026-12-24 08:00", "2026-12-24 17:00", 3 * time.Hour,
		},
		"the weekend of summer time": {
			town, "2026-03-27 16:00", "2026-03-30 10:00", 2 * time.Hour,
		},
		"the weekend of winter time": {
			town, "2026-10-23 16:00", "2026-10-26 10:00", 2 * time.Hour,
		},
		"no time at all":      {town, "2026-02-02 10:00", "2026-02-02 10:00", 0},
		"backwards":           {town, "2026-02-02 12:00", "2026-02-02 10:00", 0},
		"backwards over days": {town, "2026-02-09 12:00", "2026-02-02 10:00", 0},
		"a team's own hours": {
			partTime, "2026-02-03 08:00", "2026-02-03 20:00", 3 * time.Hour,
		},
		"a team closed on a working day: the town's hours": {
			partTime, "2026-02-04 08:00", "2026-02-04 20:00", 7*time.Hour + 30*time.Minute,
		},
		"own hours on one day, the town's on the next": {
			partTime, "2026-02-03 11:00", "2026-02-04 10:00", 2 * time.Hour,
		},
		"own days: a closed day does not count": {ownDays, "2026-02-04 08:00", "2026-02-04 20:00", 0},
		"own days: Tuesday at eleven until Thursday": {
			ownDays, "2026-02-03 11:00", "2026-02-05 12:00", 4 * time.Hour,
		},
		"closed on a holiday, own Tuesday": {partTime, "2026-05-05 08:00", "2026-05-05 20:00", 0},
		"the night that skips an hour": {
			emergencies, "2026-03-28 20:00", "2026-03-29 12:00", 7 * time.Hour,
		},
		"the night that has an hour twice": {
			emergencies, "2026-10-24 20:00", "2026-10-25 12:00", 9 * time.Hour,
		},
		"an ordinary night": {
			emergencies, "2026-02-07 20:00", "2026-02-08 12:00", 8 * time.Hour,
		},
		"hours that were never made": {
			new(calendar.Hours), "2026-02-02 00:00", "2026-02-09 00:00", 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, test.hours.Worked(at(t, test.from), at(t, test.to)))
			require.Equal(
				t, test.want, test.hours.Worked(at(t, test.from).UTC(), at(t, test.to).UTC()),
				"the zone of the arguments does not matter",
			)
		})
	}
}

func TestWorkedCountsAtMostAYear(t *testing.T) {
	h := team(t, deventer(t), calendar.TeamSpec{})
	year := h.Worked(at(t, "2026-01-01 00:00"), at(t, "2027-01-01 00:00"))
	require.Greater(t, year, 250*8*time.Hour)
	require.Equal(t, year, h.Worked(at(t, "2026-01-01 00:00"), at(t, "2100-01-01 00:00")))
}

func TestAfter(t *testing.T) {
	town := team(
		t, deventer(t, func(s *calendar.Spec) { s.Hours = office(t, "09:00-12:30", "13:00-17:00") }),
		calendar.TeamSpec{},
	)
	tests := map[string]struct {
		part           float64
		from, to, want string
	}{
		"half of a morning":                   {0.5, "2026-02-02 09:00", "2026-02-02 12:00", "Mon 2026-02-02 10:30"},
		"half of a day with a lunch break":    {0.5, "2026-02-02 07:00", "2026-02-02 17:00", "Mon 2026-02-02 13:15"},
		"three quarters of it":                {0.75, "2026-02-02 09:00", "2026-02-02 17:00", "Mon 2026-02-02 15:07"},
		"half of Friday afternoon and Monday": {0.5, "2026-02-06 16:00", "2026-02-09 17:00", "Mon 2026-02-09 12:15"},
		"half, where the lunch break begins":  {0.5, "2026-02-02 16:30", "2026-02-03 17:00", "Tue 2026-02-03 12:30"},
		"nothing of it: when work begins":     {0, "2026-02-02 07:00", "2026-02-02 17:00", "Mon 2026-02-02 09:00"},
		"all of it":                           {1, "2026-02-02 07:00", "2026-02-02 22:00", "Mon 2026-02-02 17:00"},
		"no working time: the end":            {0.5, "2026-02-07 09:00", "2026-02-08 17:00", "Sun 2026-02-08 17:00"},
		"over the change to summer time":      {0.5, "2026-03-27 16:00", "2026-03-30 17:00", "Mon 2026-03-30 12:15"},
		"over the change to winter time":      {0.5, "2026-10-23 16:00", "2026-10-26 17:00", "Mon 2026-10-26 12:15"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, shown(town.After(test.part, at(t, test.from), at(t, test.to))))
		})
	}
}

func TestWarning(t *testing.T) {
	c := deventer(t)
	town := team(t, c, calendar.TeamSpec{})
	tuesdays := team(t, c, calendar.TeamSpec{Hours: days(t, []string{"10:00-15:00"}, time.Tuesday, time.Thursday)})
	ownDays := team(t, c, calendar.TeamSpec{
		Hours: days(t, []string{"10:00-15:00"}, time.Tuesday, time.Thursday), OwnDays: true,
	})
	afternoons := team(t, c, calendar.TeamSpec{Hours: office(t, "14:00-17:00"), Rule: calendar.SameTime})
	tests := map[string]struct {
		hours               *calendar.Hours
		part                float64
		made, due, warnedAt string
	}{
		"Friday at four, half": {
			town, 0.5, "2026-02-06 16:00", "Mon 2026-02-09 17:00", "Mon 2026-02-09 12:30",
		},
		"Monday at nine, half": {
			town, 0.5, "2026-02-02 09:00", "Tue 2026-02-03 17:00", "Mon 2026-02-02 17:00",
		},
		"a Saturday, a quarter": {
			town, 0.25, "2026-02-07 11:00", "Mon 2026-02-09 17:00", "Mon 2026-02-09 11:00",
		},
		"over Christmas": {
			town, 0.5, "2025-12-24 16:00", "Mon 2025-12-29 17:00", "Mon 2025-12-29 12:30",
		},
		"a stand-in's hours": {
			tuesdays, 0.5, "2026-02-03 15:00", "Wed 2026-02-04 17:00", "Wed 2026-02-04 13:00",
		},
		"own days": {
			ownDays, 0.5, "2026-02-03 15:00", "Thu 2026-02-05 15:00", "Thu 2026-02-05 12:30",
		},
		"due before its own team comes in": {
			afternoons, 0.5, "2026-02-08 11:00", "Mon 2026-02-09 11:00", "Mon 2026-02-09 10:00",
		},
		"a warning that nobody asked for": {town, 0, "2026-02-06 16:00", "Mon 2026-02-09 17:00", ""},
		"nearly all of it": {
			afternoons, 0.99, "2026-02-02 14:30", "Tue 2026-02-03 14:30", "Tue 2026-02-03 14:28",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := test.hours.Deadline(at(t, test.made))
			require.NoError(t, err)
			require.Equal(t, test.due, shown(d.At))
			warning := test.hours.Warning(d, test.part)
			if test.warnedAt == "" {
				require.Zero(t, warning)
				return
			}
			require.Equal(t, test.warnedAt, shown(warning))
			require.Equal(t, time.UTC, warning.Location())
		})
	}
	t.Run("nobody works before the deadline", func(t *testing.T) {
		made := at(t, "2026-02-07 11:00")
		require.Zero(t, town.Warning(calendar.Deadline{Made: made, At: made.Add(time.Hour)}, 0.5))
	})
}

func TestAfterPartsTheWorkingTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, spec := drawHours(t)
		h := team(t, c, spec)
		from := moments().Draw(t, "from")
		to := from.Add(time.Duration(rapid.Int64Range(0, int64(30*24*time.Hour)).Draw(t, "length")))
		all := h.Worked(from, to)
		require.GreaterOrEqual(t, all, time.Duration(0))
		require.LessOrEqual(t, all, to.Sub(from))

		half := h.After(0.5, from, to)
		require.False(t, half.Before(from))
		require.False(t, half.After(to))
		if all == 0 {
			require.Equal(t, to, half)
			return
		}
		require.InDelta(t, all/2, h.Worked(from, half), float64(time.Microsecond))
		require.InDelta(t, all/2, h.Worked(half, to), float64(time.Microsecond))

		part := rapid.Float64Range(0, 1).Draw(t, "part")
		require.InDelta(t, float64(all)*part, h.Worked(from, h.After(part, from, to)), float64(time.Microsecond))

		middle := from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from))).Draw(t, "middle")))
		require.Equal(t, all, h.Worked(from, middle)+h.Worked(middle, to), "nothing is counted twice or not at all")
	})
}

func TestAWarningComesBetweenPromiseAndDeadline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, spec := drawHours(t)
		if rapid.Bool().Draw(t, "same time") {
			spec.Rule = calendar.SameTime
		}
		h := team(t, c, spec)
		d, err := h.Deadline(moments().Draw(t, "made"))
		require.NoError(t, err)
		part := rapid.Float64Range(0.01, 0.99).Draw(t, "part")
		if warning := h.Warning(d, part); !warning.IsZero() {
			require.False(t, warning.Before(d.Made))
			require.True(t, warning.Before(d.At))
		}
	})
}
