package calendar_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
)

func TestHolidays(t *testing.T) {
	tests := map[string]string{
		"2026-01-01": "Nieuwjaarsdag",
		"2026-04-03": "",
		"2026-04-05": "Eerste Paasdag",
		"2026-04-06": "Tweede Paasdag",
		"2025-04-26": "Koningsdag",
		"2025-04-27": "",
		"2026-04-26": "",
		"2026-04-27": "Koningsdag",
		"2031-04-26": "Koningsdag",
		"2024-05-05": "Bevrijdingsdag",
		"2025-05-05": "Bevrijdingsdag",
		"2026-05-05": "Bevrijdingsdag",
		"2026-05-14": "Hemelvaartsdag",
		"2026-05-24": "Eerste Pinksterdag",
		"2026-05-25": "Tweede Pinksterdag",
		"2026-12-24": "",
		"2026-12-25": "Eerste Kerstdag",
		"2026-12-26": "Tweede Kerstdag",
		"2026-12-31": "",
		"2038-04-25": "Eerste Paasdag", // the latest Easter can be
	}
	c := deventer(t)
	for day, want := range tests {
		name, ok := c.Holiday(date(t, day))
		require.Equal(t, want, name, day)
		require.Equal(t, want != "", ok, day)
	}
	name, _ := deventer(t, func(s *calendar.Spec) { s.GoodFriday = true }).Holiday(date(t, "2026-04-03"))
	require.Equal(t, "Goede Vrijdag", name)
}

// Midnight does not exist on 27 April 2029 in Cairo, nor on 31 March 2024 in Beirut: a library that computes in the
// machine's own zone would lose King's Day and Easter.
func TestTheZoneOfTheMachineDoesNotMatter(t *testing.T) {
	if os.Getenv("CALENDAR_TEST_CHILD") != "" {
		c := deventer(t)
		require.False(t, c.WorkingDay(date(t, "2029-04-27")))
		require.True(t, c.WorkingDay(date(t, "2029-04-26")))
		_, ok := c.Holiday(date(t, "2024-03-31"))
		require.True(t, ok)
		d, err := team(t, c, calendar.TeamSpec{}).Deadline(at(t, "2029-04-26 16:00"))
		require.NoError(t, err)
		require.Equal(t, "Mon 2029-04-30 17:00", shown(d.At))
		return
	}
	for _, tz := range []string{"UTC", "Africa/Cairo", "Asia/Beirut", "America/Santiago", "Pacific/Kiritimati"} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "TZ="+tz, "CALENDAR_TEST_CHILD=1")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "TZ=%s\n%s", tz, out)
	}
}

func TestWorkingDays(t *testing.T) {
	c := deventer(t, func(s *calendar.Spec) {
		s.Hours = days(t, []string{"09:00-17:00"}, time.Monday, time.Tuesday, time.Thursday, time.Friday, time.Saturday)
		s.OpenOnHolidays = true
		s.Exceptions = calendar.Exceptions{date(t, "2026-02-02"): nil, date(t, "2026-02-04"): spans(t, "09:00-12:00")}
	})
	for day, want := range map[string]bool{
		"2026-02-02": false, // a closing day
		"2026-02-03": true,
		"2026-02-04": true,  // open by exception
		"2026-02-07": false, // an open Saturday
		"2026-02-08": false,
		"2026-02-11": false, // closed on Wednesdays
		"2026-05-05": false, // open on a holiday
	} {
		require.Equal(t, want, c.WorkingDay(date(t, day)), day)
	}
}

func TestNewNamesEverythingThatIsWrong(t *testing.T) {
	_, err := calendar.New(calendar.Spec{
		Hours: calendar.Week{
			time.Monday:  {{9 * 60, 12 * 60}, {11 * 60, 17 * 60}},
			time.Tuesday: {{17 * 60, 9 * 60}},
		},
		Exceptions: calendar.Exceptions{date(t, "2026-12-24"): {{-1, 9000}}},
	})
	for _, part := range []string{
		"no time zone", "Monday: 09:00-12:00 and 11:00-17:00 overlap", "Tuesday: 17:00-09:00 ends before it begins",
		"2026-12-24", "outside the day",
	} {
		require.ErrorContains(t, err, part)
	}
	_, err = calendar.New(calendar.Spec{Location: amsterdam, Hours: days(t, []string{"09:00-17:00"}, time.Saturday)})
	require.ErrorContains(t, err, "no opening hours from Monday to Friday")

	c := deventer(t)
	_, err = c.Team(calendar.TeamSpec{Rule: "tomorrow"})
	require.ErrorContains(t, err, `"tomorrow" is not known`)
	_, err = c.Team(calendar.TeamSpec{Hours: calendar.Week{time.Monday: {{5, 5}}}})
	require.ErrorContains(t, err, "Monday")
	_, err = c.Team(calendar.TeamSpec{Exceptions: calendar.Exceptions{date(t, "2026-12-24"): {{5, 5}}}})
	require.ErrorContains(t, err, "2026-12-24")
}

func TestACalendarKeepsNothingOfItsCaller(t *testing.T) {
	spec := calendar.Spec{
		Location:   amsterdam,
		Hours:      office(t, "13:00-17:00", "09:00-12:00"),
		Exceptions: calendar.Exceptions{date(t, "2026-02-03"): nil},
	}
	c, err := calendar.New(spec)
	require.NoError(t, err)
	spec.Hours[time.Monday][0] = calendar.Span{From: 0, To: 1}
	delete(spec.Exceptions, date(t, "2026-02-03"))
	require.Equal(
		t, spans(t, "09:00-12:00", "13:00-17:00"), team(t, c, calendar.TeamSpec{}).Day(date(t, "2026-02-02")).Open,
	)
	require.False(t, c.WorkingDay(date(t, "2026-02-03")))
}

func TestParsing(t *testing.T) {
	for text, want := range map[string]calendar.Clock{
		"09:00": 540, "9:00": 540, "00:00": 0, "23:59": 1439, "24:00": calendar.EndOfDay,
	} {
		c, err := calendar.ParseClock(text)
		require.NoError(t, err)
		require.Equal(t, want, c)
	}
	for _, text := range []string{
		"", "9", "24:01", "25:00", "12:60", "-1:00", "9:0", "09.00", "٠٩:٠٠", "09:00:00", " 09:00",
	} {
		_, err := calendar.ParseClock(text)
		require.Error(t, err, text)
	}
	for text, want := range map[string]calendar.Span{
		"09:00-17:00": {540, 1020}, "9:00 - 17:00": {540, 1020}, "09:00–17:00": {540, 1020}, "00:00-24:00": {0, 1440},
	} {
		s, err := calendar.ParseSpan(text)
		require.NoError(t, err)
		require.Equal(t, want, s)
	}
	for _, text := range []string{
		"", "09:00", "17:00-09:00", "09:00-09:00", "09:00-25:00", "24:00-24:00", "9-17", "09:00-12:00-17:00",
	} {
		_, err := calendar.ParseSpan(text)
		require.Error(t, err, text)
	}
	for _, text := range []string{
		"", "2026-02-29", "2026-2-1", "01-02-2026", "2026-13-01", "tomorrow", "2026-02-01T00:00:00Z",
	} {
		_, err := calendar.ParseDate(text)
		require.Error(t, err, text)
	}
	require.Equal(t, "2028-02-29", date(t, "2028-02-28").AddDays(1).String())
}
