package calendar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
)

// How the table of the norm writes days.
const (
	madeOn = "Mon 2 Jan 2006"
	dueAt  = "Mon 2 Jan 15:04"
)

// theNorm is the norm of one working day, day by day, written by hand from domain.md. The municipality is open from
// nine to five and closed on the Friday after Ascension 2026; the team works on Tuesday and Thursday from ten to three:
// first by the municipality's working days, then by its own.
var theNorm = []struct{ made, municipality, parttime, ownDays string }{
	// An ordinary week.
	{"Mon 2 Feb 2026", "Tue 3 Feb 17:00", "Tue 3 Feb 15:00", "Tue 3 Feb 15:00"},
	{"Tue 3 Feb 2026", "Wed 4 Feb 17:00", "Wed 4 Feb 17:00", "Thu 5 Feb 15:00"},
	{"Wed 4 Feb 2026", "Thu 5 Feb 17:00", "Thu 5 Feb 15:00", "Thu 5 Feb 15:00"},
	{"Thu 5 Feb 2026", "Fri 6 Feb 17:00", "Fri 6 Feb 17:00", "Tue 10 Feb 15:00"},
	{"Fri 6 Feb 2026", "Mon 9 Feb 17:00", "Mon 9 Feb 17:00", "Tue 10 Feb 15:00"},
	{"Sat 7 Feb 2026", "Mon 9 Feb 17:00", "Mon 9 Feb 17:00", "Tue 10 Feb 15:00"},
	{"Sun 8 Feb 2026", "Mon 9 Feb 17:00", "Mon 9 Feb 17:00", "Tue 10 Feb 15:00"},
	// Easter 2026: Good Friday is a working day, Monday is not.
	{"Wed 1 Apr 2026", "Thu 2 Apr 17:00", "Thu 2 Apr 15:00", "Thu 2 Apr 15:00"},
	{"Thu 2 Apr 2026", "Fri 3 Apr 17:00", "Fri 3 Apr 17:00", "Tue 7 Apr 15:00"},
	{"Fri 3 Apr 2026", "Tue 7 Apr 17:00", "Tue 7 Apr 15:00", "Tue 7 Apr 15:00"},
	{"Sat 4 Apr 2026", "Tue 7 Apr 17:00", "Tue 7 Apr 15:00", "Tue 7 Apr 15:00"},
	{"Sun 5 Apr 2026", "Tue 7 Apr 17:00", "Tue 7 Apr 15:00", "Tue 7 Apr 15:00"},
	{"Mon 6 Apr 2026", "Tue 7 Apr 17:00", "Tue 7 Apr 15:00", "Tue 7 Apr 15:00"},
	{"Tue 7 Apr 2026", "Wed 8 Apr 17:00", "Wed 8 Apr 17:00", "Thu 9 Apr 15:00"},
	// King's Day 2025: the 27th is a Sunday, so that it is kept on Saturday the 26th.
	{"Thu 24 Apr 2025", "Fri 25 Apr 17:00", "Fri 25 Apr 17:00", "Tue 29 Apr 15:00"},
	{"Fri 25 Apr 2025", "Mon 28 Apr 17:00", "Mon 28 Apr 17:00", "Tue 29 Apr 15:00"},
	{"Sat 26 Apr 2025", "Mon 28 Apr 17:00", "Mon 28 Apr 17:00", "Tue 29 Apr 15:00"},
	{"Sun 27 Apr 2025", "Mon 28 Apr 17:00", "Mon 28 Apr 17:00", "Tue 29 Apr 15:00"},
	{"Mon 28 Apr 2025", "Tue 29 Apr 17:00", "Tue 29 Apr 15:00", "Tue 29 Apr 15:00"},
	// King's Day 2026 is a Monday, that of 2027 a Tuesday.
	{"Thu 23 Apr 2026", "Fri 24 Apr 17:00", "Fri 24 Apr 17:00", "Tue 28 Apr 15:00"},
	{"Fri 24 Apr 2026", "Tue 28 Apr 17:00", "Tue 28 Apr 15:00", "Tue 28 Apr 15:00"},
	{"Sat 25 Apr 2026", "Tue 28 Apr 17:00", "Tue 28 Apr 15:00", "Tue 28 Apr 15:00"},
	{"Sun 26 Apr 2026", "Tue 28 Apr 17:00", "Tue 28 Apr 15:00", "Tue 28 Apr 15:00"},
	{"Mon 27 Apr 2026", "Tue 28 Apr 17:00", "Tue 28 Apr 15:00", "Tue 28 Apr 15:00"},
	{"Tue 28 Apr 2026", "Wed 29 Apr 17:00", "Wed 29 Apr 17:00", "Thu 30 Apr 15:00"},
	{"Mon 26 Apr 2027", "Wed 28 Apr 17:00", "Wed 28 Apr 17:00", "Thu 29 Apr 15:00"},
	// 5 May is free every year: a Sunday in 2024, a Monday in 2025, a Tuesday in 2026.
	{"Fri 3 May 2024", "Mon 6 May 17:00", "Mon 6 May 17:00", "Tue 7 May 15:00"},
	{"Sun 5 May 2024", "Mon 6 May 17:00", "Mon 6 May 17:00", "Tue 7 May 15:00"},
	{"Fri 2 May 2025", "Tue 6 May 17:00", "Tue 6 May 15:00", "Tue 6 May 15:00"},
	{"Mon 5 May 2025", "Tue 6 May 17:00", "Tue 6 May 15:00", "Tue 6 May 15:00"},
	{"Mon 4 May 2026", "Wed 6 May 17:00", "Wed 6 May 17:00", "Thu 7 May 15:00"},
	{"Tue 5 May 2026", "Wed 6 May 17:00", "Wed 6 May 17:00", "Thu 7 May 15:00"},
	{"Wed 6 May 2026", "Thu 7 May 17:00", "Thu 7 May 15:00", "Thu 7 May 15:00"},
	// Ascension 2025, open on the Friday after it, and 2026, closed.
	{"Wed 28 May 2025", "Fri 30 May 17:00", "Fri 30 May 17:00", "Tue 3 Jun 15:00"},
	{"Thu 29 May 2025", "Fri 30 May 17:00", "Fri 30 May 17:00", "Tue 3 Jun 15:00"},
	{"Fri 30 May 2025", "Mon 2 Jun 17:00", "Mon 2 Jun 17:00", "Tue 3 Jun 15:00"},
	{"Tue 12 May 2026", "Wed 13 May 17:00", "Wed 13 May 17:00", "Tue 19 May 15:00"},
	{"Wed 13 May 2026", "Mon 18 May 17:00", "Mon 18 May 17:00", "Tue 19 May 15:00"},
	{"Thu 14 May 2026", "Mon 18 May 17:00", "Mon 18 May 17:00", "Tue 19 May 15:00"},
	{"Fri 15 May 2026", "Mon 18 May 17:00", "Mon 18 May 17:00", "Tue 19 May 15:00"},
	{"Sun 17 May 2026", "Mon 18 May 17:00", "Mon 18 May 17:00", "Tue 19 May 15:00"},
	{"Mon 18 May 2026", "Tue 19 May 17:00", "Tue 19 May 15:00", "Tue 19 May 15:00"},
	// Whit Monday 2026.
	{"Thu 21 May 2026", "Fri 22 May 17:00", "Fri 22 May 17:00", "Tue 26 May 15:00"},
	{"Fri 22 May 2026", "Tue 26 May 17:00", "Tue 26 May 15:00", "Tue 26 May 15:00"},
	{"Sun 24 May 2026", "Tue 26 May 17:00", "Tue 26 May 15:00", "Tue 26 May 15:00"},
	{"Mon 25 May 2026", "Tue 26 May 17:00", "Tue 26 May 15:00", "Tue 26 May 15:00"},
	{"Tue 26 May 2026", "Wed 27 May 17:00", "Wed 27 May 17:00", "Thu 28 May 15:00"},
	// Christmas on Thursday and Friday.
	{"Tue 23 Dec 2025", "Wed 24 Dec 17:00", "Wed 24 Dec 17:00", "Tue 30 Dec 15:00"},
	{"Wed 24 Dec 2025", "Mon 29 Dec 17:00", "Mon 29 Dec 17:00", "Tue 30 Dec 15:00"},
	{"Thu 25 Dec 2025", "Mon 29 Dec 17:00", "Mon 29 Dec 17:00", "Tue 30 Dec 15:00"},
	{"Fri 26 Dec 2025", "Mon 29 Dec 17:00", "Mon 29 Dec 17:00", "Tue 30 Dec 15:00"},
	{"Sun 28 Dec 2025", "Mon 29 Dec 17:00", "Mon 29 Dec 17:00", "Tue 30 Dec 15:00"},
	// On Friday and Saturday, on Saturday and Sunday, on Sunday and Monday.
	{"Thu 24 Dec 2026", "Mon 28 Dec 17:00", "Mon 28 Dec 17:00", "Tue 29 Dec 15:00"},
	{"Fri 25 Dec 2026", "Mon 28 Dec 17:00", "Mon 28 Dec 17:00", "Tue 29 Dec 15:00"},
	{"Thu 23 Dec 2027", "Fri 24 Dec 17:00", "Fri 24 Dec 17:00", "Tue 28 Dec 15:00"},
	{"Fri 24 Dec 2027", "Mon 27 Dec 17:00", "Mon 27 Dec 17:00", "Tue 28 Dec 15:00"},
	{"Sat 25 Dec 2027", "Mon 27 Dec 17:00", "Mon 27 Dec 17:00", "Tue 28 Dec 15:00"},
	{"Sun 26 Dec 2027", "Mon 27 Dec 17:00", "Mon 27 Dec 17:00", "Tue 28 Dec 15:00"},
	{"Fri 23 Dec 2022", "Tue 27 Dec 17:00", "Tue 27 Dec 15:00", "Tue 27 Dec 15:00"},
	{"Mon 26 Dec 2022", "Tue 27 Dec 17:00", "Tue 27 Dec 15:00", "Tue 27 Dec 15:00"},
	// New Year on a Thursday, a Friday, a Saturday, a Sunday.
	{"Tue 30 Dec 2025", "Wed 31 Dec 17:00", "Wed 31 Dec 17:00", "Tue 6 Jan 15:00"},
	{"Wed 31 Dec 2025", "Fri 2 Jan 17:00", "Fri 2 Jan 17:00", "Tue 6 Jan 15:00"},
	{"Thu 1 Jan 2026", "Fri 2 Jan 17:00", "Fri 2 Jan 17:00", "Tue 6 Jan 15:00"},
	{"Thu 31 Dec 2026", "Mon 4 Jan 17:00", "Mon 4 Jan 17:00", "Tue 5 Jan 15:00"},
	{"Fri 1 Jan 2027", "Mon 4 Jan 17:00", "Mon 4 Jan 17:00", "Tue 5 Jan 15:00"},
	{"Fri 31 Dec 2027", "Mon 3 Jan 17:00", "Mon 3 Jan 17:00", "Tue 4 Jan 15:00"},
	{"Fri 30 Dec 2022", "Mon 2 Jan 17:00", "Mon 2 Jan 17:00", "Tue 3 Jan 15:00"},
	// The clocks skip an hour on Sunday 29 March 2026, and show one twice on Sunday 25 October.
	{"Fri 27 Mar 2026", "Mon 30 Mar 17:00", "Mon 30 Mar 17:00", "Tue 31 Mar 15:00"},
	{"Sat 28 Mar 2026", "Mon 30 Mar 17:00", "Mon 30 Mar 17:00", "Tue 31 Mar 15:00"},
	{"Sun 29 Mar 2026", "Mon 30 Mar 17:00", "Mon 30 Mar 17:00", "Tue 31 Mar 15:00"},
	{"Mon 30 Mar 2026", "Tue 31 Mar 17:00", "Tue 31 Mar 15:00", "Tue 31 Mar 15:00"},
	{"Fri 23 Oct 2026", "Mon 26 Oct 17:00", "Mon 26 Oct 17:00", "Tue 27 Oct 15:00"},
	{"Sat 24 Oct 2026", "Mon 26 Oct 17:00", "Mon 26 Oct 17:00", "Tue 27 Oct 15:00"},
	{"Sun 25 Oct 2026", "Mon 26 Oct 17:00", "Mon 26 Oct 17:00", "Tue 27 Oct 15:00"},
	{"Mon 26 Oct 2026", "Tue 27 Oct 17:00", "Tue 27 Oct 15:00", "Tue 27 Oct 15:00"},
	// A leap day.
	{"Mon 28 Feb 2028", "Tue 29 Feb 17:00", "Tue 29 Feb 15:00", "Tue 29 Feb 15:00"},
	{"Tue 29 Feb 2028", "Wed 1 Mar 17:00", "Wed 1 Mar 17:00", "Thu 2 Mar 15:00"},
}

// The day on which a note is made does not count, so that its hour makes no difference.
func TestTheNormDayByDay(t *testing.T) {
	c := deventer(t, closedOn(t, "2026-05-15"))
	twoDays := days(t, []string{"10:00-15:00"}, time.Tuesday, time.Thursday)
	municipality := team(t, c, calendar.TeamSpec{})
	parttime := team(t, c, calendar.TeamSpec{Hours: twoDays})
	ownDays := team(t, c, calendar.TeamSpec{Hours: twoDays, OwnDays: true})
	sameTime := team(t, c, calendar.TeamSpec{Rule: calendar.SameTime})
	for _, row := range theNorm {
		day, err := time.ParseInLocation(madeOn, row.made, amsterdam)
		require.NoError(t, err)
		require.Equal(t, row.made, day.Format(madeOn), "the table names the day of the week rightly")
		for _, clock := range []string{"00:00", "08:59", "09:00", "16:59", "17:01", "23:59"} {
			made := at(t, day.Format(time.DateOnly)+" "+clock)
			for _, test := range []struct {
				whose string
				hours *calendar.Hours
				want  string
			}{
				{"the municipality", municipality, row.municipality},
				{"two days a week", parttime, row.parttime},
				{"own days", ownDays, row.ownDays},
				{
					"the same time", sameTime,
					bySameTime(row.municipality, clock, c.WorkingDay(calendar.DateOf(made, amsterdam))),
				},
			} {
				d, err := test.hours.Deadline(made)
				require.NoError(t, err)
				require.Equal(t, test.want, d.At.In(amsterdam).Format(dueAt), "%s, made on %s at %s\n%s",
					test.whose, row.made, clock, strings.Join(d.Steps, "\n"))
				require.Less(t, d.At.Sub(made), 10*24*time.Hour, "of this year")
			}
		}
	}
}

// bySameTime is the stricter rule by hand: the day is that of the municipality; the hour is the hour at which the note
// was made, but closing time after five, and when nobody was at work in between.
func bySameTime(closing, clock string, workedOn bool) string {
	if clock > "17:00" || !workedOn && clock <= "09:00" {
		return closing
	}
	return strings.TrimSuffix(closing, "17:00") + clock
}

// Deadlines are stored in UTC: the same wall-clock time is another instant after the clocks have changed.
func TestTheNormInUTCOverTheChangesOfTheClock(t *testing.T) {
	hours := team(t, deventer(t), calendar.TeamSpec{})
	sameTime := team(t, deventer(t), calendar.TeamSpec{Rule: calendar.SameTime})
	tests := map[string]struct{ made, closing, same string }{
		"the Thursday before summer time": {"2026-03-26T15:00:00Z", "2026-03-27T16:00:00Z", "2026-03-27T15:00:00Z"},
		"the Friday before summer time":   {"2026-03-27T15:00:00Z", "2026-03-30T15:00:00Z", "2026-03-30T14:00:00Z"},
		"a second before the skip":        {"2026-03-29T00:59:59Z", "2026-03-30T15:00:00Z", "2026-03-30T15:00:00Z"},
		"at the skip":                     {"2026-03-29T01:00:00Z", "2026-03-30T15:00:00Z", "2026-03-30T15:00:00Z"},
		"the Monday of summer time":       {"2026-03-30T14:00:00Z", "2026-03-31T15:00:00Z", "2026-03-31T14:00:00Z"},
		"the Thursday before winter time": {"2026-10-22T14:00:00Z", "2026-10-23T15:00:00Z", "2026-10-23T14:00:00Z"},
		"the Friday before winter time":   {"2026-10-23T14:00:00Z", "2026-10-26T16:00:00Z", "2026-10-26T15:00:00Z"},
		"the first 02:30":                 {"2026-10-25T00:30:00Z", "2026-10-26T16:00:00Z", "2026-10-26T16:00:00Z"},
		"the second 02:30":                {"2026-10-25T01:30:00Z", "2026-10-26T16:00:00Z", "2026-10-26T16:00:00Z"},
		"the Monday of winter time":       {"2026-10-26T15:00:00Z", "2026-10-27T16:00:00Z", "2026-10-27T15:00:00Z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made, err := time.Parse(time.RFC3339, test.made)
			require.NoError(t, err)
			d, err := hours.Deadline(made)
			require.NoError(t, err)
			require.Equal(t, test.closing, d.At.Format(time.RFC3339))
			d, err = sameTime.Deadline(made)
			require.NoError(t, err)
			require.Equal(t, test.same, d.At.Format(time.RFC3339), strings.Join(d.Steps, "\n"))
		})
	}
}

// Row 23 of the fault matrix (reliability.md). A clock that is an hour off can change one thing only: on which day a
// note seems to have been made. So the deadline is wrong for notes of the hour around midnight, when few people ring,
// by one working day at most; for all others it is the same to the second, also in the nights in which the clocks
// change. It is counted once, when the note is made, and stored: setting the clock right later moves no deadline (I9),
// and leases run by the clock of Redis.
func TestAClockThatIsAnHourOff(t *testing.T) {
	hours := team(t, deventer(t), calendar.TeamSpec{})
	deadline := func(made time.Time) time.Time {
		d, err := hours.Deadline(made)
		require.NoError(t, err)
		return d.At
	}
	t.Run("only the hour around midnight matters", func(t *testing.T) {
		for _, weekend := range []string{"2026-02-06 00:00", "2026-03-27 00:00", "2026-10-23 00:00"} {
			moved := 0
			for made := at(t, weekend); made.Before(at(t, weekend).AddDate(0, 0, 7)); made = made.Add(
				20 * time.Minute,
			) {
				for _, off := range []time.Duration{-time.Hour, time.Hour} {
					if deadline(made).Equal(deadline(made.Add(off))) {
						continue
					}
					moved++
					require.NotEqual(
						t, calendar.DateOf(made, amsterdam), calendar.DateOf(made.Add(off), amsterdam), "%s", made,
					)
				}
			}
			// Of seven midnights, those after Friday and Saturday change nothing: three days share one deadline.
			require.Equal(t, 5*2*3, moved)
		}
	})
	for name, test := range map[string]struct{ made, right, fast, slow string }{
		"Thursday at eleven in the evening": {
			"2026-02-05 23:00", "Fri 2026-02-06 17:00", "Mon 2026-02-09 17:00", "Fri 2026-02-06 17:00",
		},
		"Thursday, a minute before": {
			"2026-02-05 22:59", "Fri 2026-02-06 17:00", "Fri 2026-02-06 17:00", "Fri 2026-02-06 17:00",
		},
		"Friday, half past midnight": {
			"2026-02-06 00:30", "Mon 2026-02-09 17:00", "Mon 2026-02-09 17:00", "Fri 2026-02-06 17:00",
		},
		"Friday at one": {
			"2026-02-06 01:00", "Mon 2026-02-09 17:00", "Mon 2026-02-09 17:00", "Mon 2026-02-09 17:00",
		},
		"Friday at four": {
			"2026-02-06 16:00", "Mon 2026-02-09 17:00", "Mon 2026-02-09 17:00", "Mon 2026-02-09 17:00",
		},
		"around the skip": {
			"2026-03-29 01:30", "Mon 2026-03-30 17:00", "Mon 2026-03-30 17:00", "Mon 2026-03-30 17:00",
		},
		"the last hour of the day of 23": {
			"2026-03-29 23:30", "Mon 2026-03-30 17:00", "Tue 2026-03-31 17:00", "Mon 2026-03-30 17:00",
		},
		"around the hour that comes twice": {
			"2026-10-25 02:30", "Mon 2026-10-26 17:00", "Mon 2026-10-26 17:00", "Mon 2026-10-26 17:00",
		},
		"the last hour of the day of 25": {
			"2026-10-25 23:30", "Mon 2026-10-26 17:00", "Tue 2026-10-27 17:00", "Mon 2026-10-26 17:00",
		},
		"the first hour after the day of 25": {
			"2026-10-26 00:30", "Tue 2026-10-27 17:00", "Tue 2026-10-27 17:00", "Mon 2026-10-26 17:00",
		},
		"New Year's Eve, just before the end": {
			"2025-12-31 23:30", "Fri 2026-01-02 17:00", "Fri 2026-01-02 17:00", "Fri 2026-01-02 17:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			made := at(t, test.made)
			require.Equal(t, test.right, shown(deadline(made)))
			require.Equal(t, test.fast, shown(deadline(made.Add(time.Hour))), "an hour fast")
			require.Equal(t, test.slow, shown(deadline(made.Add(-time.Hour))), "an hour slow")
		})
	}
}
