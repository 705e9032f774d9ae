package calendar_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/calendar"
)

func moments() *rapid.Generator[time.Time] {
	begin := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	return rapid.Custom(func(t *rapid.T) time.Time {
		return begin.Add(time.Duration(rapid.Int64Range(0, 20*366*24*60*60).Draw(t, "second")) * time.Second)
	})
}

func weeks(t *rapid.T, label string) calendar.Week {
	week := calendar.Week{}
	for day := time.Sunday; day <= time.Saturday; day++ {
		cuts := rapid.SliceOfNDistinct(rapid.IntRange(0, 1440), 0, 6, rapid.ID).Draw(t, label+day.String())
		slices.Sort(cuts)
		for i := 0; i+1 < len(cuts); i += 2 {
			week[day] = append(week[day], calendar.Span{From: calendar.Clock(cuts[i]), To: calendar.Clock(cuts[i+1])})
		}
	}
	return week
}

func drawHours(t *rapid.T) (*calendar.Calendar, calendar.TeamSpec) {
	spec := calendar.Spec{
		Location:       amsterdam,
		Hours:          weeks(t, "municipality"),
		GoodFriday:     rapid.Bool().Draw(t, "Good Friday"),
		OpenOnHolidays: rapid.Bool().Draw(t, "open on holidays"),
		Exceptions:     calendar.Exceptions{},
	}
	if len(spec.Hours[time.Wednesday]) == 0 {
		spec.Hours[time.Wednesday] = []calendar.Span{{From: 540, To: 1020}}
	}
	for _, moment := range rapid.SliceOfN(moments(), 0, 5).Draw(t, "closing days") {
		spec.Exceptions[calendar.DateOf(moment, amsterdam)] = nil
	}
	c, err := calendar.New(spec)
	require.NoError(t, err)
	teamSpec := calendar.TeamSpec{
		OwnDays: rapid.Bool().Draw(t, "own days"), OpenOnHolidays: rapid.Bool().Draw(t, "emergencies"),
	}
	if rapid.Bool().Draw(t, "own hours") {
		teamSpec.Hours = weeks(t, "team")
		if len(teamSpec.Hours[time.Tuesday]) == 0 {
			teamSpec.Hours[time.Tuesday] = []calendar.Span{{From: 600, To: 900}}
		}
	}
	return c, teamSpec
}

func TestDeadlinesAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, spec := drawHours(t)
		h := team(t, c, spec)
		made := moments().Draw(t, "made")
		d, err := h.Deadline(made)
		require.NoError(t, err)
		require.True(t, d.At.After(made))

		// A moment before the deadline, since 24:00 is already the next day.
		day := calendar.DateOf(d.At.Add(-time.Nanosecond), amsterdam)
		require.True(t, h.Day(day).Working)
		require.True(t, spec.OwnDays || c.WorkingDay(day))
		closing := h.Day(day).Open
		if len(closing) == 0 {
			closing = team(t, c, calendar.TeamSpec{}).Day(day).Open
		}
		require.Equal(t, closing[len(closing)-1].To%calendar.EndOfDay, calendar.ClockOf(d.At, amsterdam))
		for between := calendar.DateOf(made, amsterdam).AddDays(1); between != day; between = between.AddDays(1) {
			require.False(t, h.Day(between).Working, "%s was skipped", between)
		}

		later, err := h.Deadline(made.Add(time.Duration(rapid.Int64Range(0, int64(90*24*time.Hour)).Draw(t, "later"))))
		require.NoError(t, err)
		require.False(t, later.At.Before(d.At), "a later note is never due earlier")

		elsewhere, err := h.Deadline(made.In(zone("America/Santiago")))
		require.NoError(t, err)
		require.Equal(t, d, elsewhere)
	})
}

func TestTheSameTimeRuleIsTheStricterOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, spec := drawHours(t)
		lenient := team(t, c, spec)
		spec.Rule = calendar.SameTime
		strict := team(t, c, spec)
		made := moments().Draw(t, "made")
		d, err := strict.Deadline(made)
		require.NoError(t, err)
		atMost, err := lenient.Deadline(made)
		require.NoError(t, err)
		require.True(t, d.At.After(made))
		require.False(t, d.At.After(atMost.At))
		if d.At.Before(atMost.At) {
			require.True(t, strict.Day(calendar.DateOf(d.At, amsterdam)).Working)
			require.Equal(t, calendar.ClockOf(made, amsterdam), calendar.ClockOf(d.At, amsterdam))
		}
	})
}

func TestOpenAndNextAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, spec := drawHours(t)
		h := team(t, c, spec)
		now := moments().Draw(t, "now")
		from, to, ok := h.Next(now)
		if !ok {
			return
		}
		require.True(t, from.After(now))
		require.True(t, to.After(from))
		require.True(t, h.Open(from))
		require.False(t, h.Open(from.Add(-time.Nanosecond)))
		require.True(t, h.Open(to.Add(-time.Nanosecond)))
		if to.Sub(from) < 13*24*time.Hour { // else it is as far as is looked
			require.False(t, h.Open(to))
		}
		if !h.Open(now) {
			middle := now.Add(time.Duration(rapid.Int64Range(0, int64(from.Sub(now))-1).Draw(t, "middle")))
			require.False(t, h.Open(middle), "nothing is open before the next opening")
		}
	})
}

func FuzzParseClock(f *testing.F) {
	for _, seed := range []string{"09:00", "24:00", "9:5", "", ":", "99:99", "09:00-17:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := calendar.ParseClock(text)
		if err != nil {
			require.Less(t, len(err.Error()), 300)
			return
		}
		again, err := calendar.ParseClock(c.String())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func FuzzParseSpan(f *testing.F) {
	for _, seed := range []string{"09:00-17:00", "00:00-24:00", "-", "9-17", "17:00-09:00", "09:00 – 17:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := calendar.ParseSpan(text)
		if err != nil {
			return
		}
		require.NoError(t, calendar.CheckSpans([]calendar.Span{s}))
		again, err := calendar.ParseSpan(s.String())
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"2026-04-27", "2026-02-29", "0000-01-01", "9999-12-31", "", "27-04-2026"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := calendar.ParseDate(text)
		if err != nil {
			return
		}
		require.Equal(t, text, d.String())
		require.Equal(t, d, d.AddDays(1).AddDays(-1))
	})
}
