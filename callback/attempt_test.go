package callback_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func amsterdam(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	return loc
}

// wall is a time as the clocks of Amsterdam show it, such as "2026-11-20 09:30".
func wall(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, amsterdam(t))
	require.NoError(t, err)
	return at.UTC()
}

// tries are attempts at these times, each ended a minute later.
func tries(t *testing.T, as attempt.Result, times ...string) []attempt.Attempt {
	t.Helper()
	var all []attempt.Attempt
	for _, text := range times {
		at := wall(t, text)
		all = append(all, attempt.Attempt{Began: at, Ended: at.Add(time.Minute), By: "els", Result: as})
	}
	return all
}

func TestAttemptPolicyIsMet(t *testing.T) {
	halves := callback.AttemptPolicy{Least: 3, Parts: []calendar.Clock{storetest.Noon}}
	thirds := callback.AttemptPolicy{Least: 3, Parts: []calendar.Clock{storetest.Noon, 15 * 60}}
	missed, voicemail := attempt.NotReached, attempt.Voicemail
	for name, test := range map[string]struct {
		policy   callback.AttemptPolicy
		attempts []attempt.Attempt
		at       string // empty: not met
		left     int
	}{
		"nobody tried": {halves, nil, "", 3},
		"three times on one morning count once": {
			halves, tries(t, missed, "2026-11-20 09:00", "2026-11-20 10:00", "2026-11-20 11:59"), "", 2,
		},
		"morning, afternoon, and the next morning": {
			halves, tries(t, missed, "2026-11-20 11:59", "2026-11-20 12:00", "2026-11-21 09:00"), "2026-11-21 09:01", 0,
		},
		"the attempt that completed it decides, not later ones": {
			halves,
			tries(
				t, voicemail, "2026-11-20 09:00", "2026-11-20 14:00", "2026-11-20 15:00", "2026-11-21 09:00",
				"2026-11-22 09:00",
			),
			"2026-11-21 09:01", 0,
		},
		"three parts of one day": {
			thirds, tries(t, missed, "2026-11-20 09:00", "2026-11-20 12:00", "2026-11-20 15:00"), "2026-11-20 15:01", 0,
		},
		"a wrong number does not count": {
			halves, tries(t, attempt.WrongNumber, "2026-11-20 09:00", "2026-11-20 13:00", "2026-11-21 09:00"), "", 3,
		},
		"nor does a refusal":                   {halves, tries(t, attempt.Refused, "2026-11-20 09:00"), "", 3},
		"an untold attempt does not count":     {halves, tries(t, attempt.Untold, "2026-11-20 09:00"), "", 3},
		"a running attempt does not count yet": {halves, tries(t, "", "2026-11-20 09:00"), "", 3},
		"the parts are the municipality's, not UTC's": {
			halves, tries(t, missed, "2026-07-20 11:30", "2026-07-20 12:30"), "", 1,
		},
		"on the night that the clocks go back": {
			callback.AttemptPolicy{Least: 2, Parts: []calendar.Clock{3 * 60}},
			tries(t, missed, "2026-10-25 01:30", "2026-10-25 02:30"), "", 1,
		},
		"across the day that the clocks go forward": {
			halves, tries(t, missed, "2026-03-28 13:00", "2026-03-29 11:59", "2026-03-29 12:00"), "2026-03-29 12:01", 0,
		},
		"midnight begins another day": {
			callback.AttemptPolicy{Least: 2},
			tries(t, missed, "2026-11-20 23:59", "2026-11-21 00:00"),
			"2026-11-21 00:01", 0,
		},
		"without parts a day is one": {
			callback.AttemptPolicy{Least: 2}, tries(t, missed, "2026-11-20 09:00", "2026-11-20 17:00"), "", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			at, left, ok := test.policy.Met(test.attempts, amsterdam(t))
			require.Equal(t, test.left, left)
			require.Equal(t, test.at != "", ok)
			if ok {
				require.Equal(t, wall(t, test.at), at)
			}
		})
	}
}

// Three clicks on a trunk that is down ring no phone.
func TestOnlyAnAttemptThatMayHaveRungThePhoneCounts(t *testing.T) {
	once := callback.AttemptPolicy{Least: 1}
	for line, counts := range map[attempt.LineResult]bool{
		attempt.LineUnknown:   true, // the colleague dialled by hand, and says so
		attempt.LineAnswered:  true,
		attempt.LineBusy:      true,
		attempt.LineNoAnswer:  true,
		attempt.LineRefused:   false,
		attempt.LineFailed:    false,
		"told by a later one": false,
	} {
		for _, result := range []attempt.Result{attempt.NotReached, attempt.Voicemail} {
			attempts := tries(t, result, "2026-11-20 09:00")
			attempts[0].Line = line
			_, _, met := once.Met(attempts, amsterdam(t))
			require.Equal(t, counts, met, "the line reported %q, the colleague %q", line, result)
		}
	}
}

// hours are those of a team that is open on working days from nine to five, with a lunch break on Fridays.
func hours(t *testing.T) *calendar.Hours {
	t.Helper()
	week := calendar.Week{}
	for day := time.Monday; day <= time.Thursday; day++ {
		week[day] = []calendar.Span{{From: 9 * 60, To: 17 * 60}}
	}
	week[time.Friday] = []calendar.Span{{From: 9 * 60, To: storetest.Noon}, {From: 13 * 60, To: 17 * 60}}
	town, err := calendar.New(calendar.Spec{Location: amsterdam(t), Hours: week})
	require.NoError(t, err)
	team, err := town.Team(calendar.TeamSpec{})
	require.NoError(t, err)
	return team
}

func TestSuggest(t *testing.T) {
	policy := callback.AttemptPolicy{Least: 3, Parts: []calendar.Clock{storetest.Noon}}
	window := func(from, to int) calendar.Span {
		return calendar.Span{From: calendar.Clock(from * 60), To: calendar.Clock(to * 60)}
	}
	const deadline = "2026-11-24 17:00" // a Tuesday; the note is of Monday
	for name, test := range map[string]struct {
		now      string
		tried    []string
		window   calendar.Span
		deadline string
		want     string
	}{
		"at once, when nobody tried yet": {
			"2026-11-23 10:20", nil, calendar.Span{}, deadline, "2026-11-23 10:20",
		},
		"when the team opens": {
			"2026-11-23 07:00", nil, calendar.Span{}, deadline, "2026-11-23 09:00",
		},
		"tomorrow, when it has closed": {
			"2026-11-23 17:00", nil, calendar.Span{}, deadline, "2026-11-24 09:00",
		},
		"this afternoon, after this morning": {
			"2026-11-23 10:20", []string{"2026-11-23 10:00"}, calendar.Span{}, deadline, "2026-11-23 12:00",
		},
		"tomorrow, after both": {
			"2026-11-23 14:00",
			[]string{"2026-11-23 10:00", "2026-11-23 13:00"},
			calendar.Span{},
			deadline,
			"2026-11-24 09:00",
		},
		"after the lunch break": {
			"2026-11-20 10:00", []string{"2026-11-20 09:30"}, calendar.Span{}, deadline, "2026-11-20 13:00",
		},
		"on Monday, after Friday": {
			"2026-11-20 16:59",
			[]string{"2026-11-20 09:30", "2026-11-20 13:30"},
			calendar.Span{},
			deadline,
			"2026-11-23 09:00",
		},
		"in the window today": {
			"2026-11-23 10:20", nil, window(14, 16), deadline, "2026-11-23 14:00",
		},
		"at once, within the window": {
			"2026-11-23 15:10", nil, window(14, 16), deadline, "2026-11-23 15:10",
		},
		"in the window tomorrow": {
			"2026-11-23 16:00", nil, window(14, 16), deadline, "2026-11-24 14:00",
		},
		"in the window, in a part not tried": {
			"2026-11-23 10:20", []string{"2026-11-23 10:00"}, window(9, 13), deadline, "2026-11-23 12:00",
		},
		"when the window opens before the team does": {
			"2026-11-23 06:00", nil, window(7, 10), deadline, "2026-11-23 09:00",
		},
		"the norm goes before the window": {
			"2026-11-24 10:00", nil, window(18, 20), deadline, "2026-11-24 10:00",
		},
		"a window that begins at the deadline is too late": {
			"2026-11-24 10:00", nil, window(17, 18), deadline, "2026-11-24 10:00",
		},
		"overdue: at once, whatever the window": {
			"2026-11-25 10:00", nil, window(14, 16), deadline, "2026-11-25 10:00",
		},
		"overdue, and tried today": {
			"2026-11-25 10:00", []string{"2026-11-25 09:00"}, calendar.Span{}, deadline, "2026-11-25 12:00",
		},
		"no part is left before the deadline: the first after": {
			"2026-11-24 14:00",
			[]string{"2026-11-24 10:00", "2026-11-24 13:00"},
			calendar.Span{},
			deadline,
			"2026-11-25 09:00",
		},
		"over Easter": {
			"2026-04-02 17:30", nil, calendar.Span{}, "2026-04-07 17:00", "2026-04-03 09:00",
		},
		"after Easter": {
			"2026-04-03 17:30", nil, calendar.Span{}, "2026-04-07 17:00", "2026-04-07 09:00",
		},
		"on the Monday after the clocks went forward": {
			"2026-03-28 12:00", nil, window(9, 10), "2026-03-30 17:00", "2026-03-30 09:00",
		},
		"on the Monday after the clocks went back": {
			"2026-10-24 12:00", nil, window(9, 10), "2026-10-26 17:00", "2026-10-26 09:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := storetest.ANote()
			n.State, n.Window, n.Deadline = note.Open, test.window, wall(t, test.deadline)
			n.Attempts = tries(t, attempt.NotReached, test.tried...)
			got, ok := policy.Suggest(n, hours(t), wall(t, test.now))
			require.True(t, ok)
			require.Equal(t, time.UTC, got.Location())
			require.Equal(t, wall(t, test.want).In(amsterdam(t)).String(), got.In(amsterdam(t)).String())
		})
	}
	t.Run("any attempt counts as tried, also an untold one", func(t *testing.T) {
		n := storetest.ANote()
		n.State, n.Deadline = note.Open, wall(t, deadline)
		n.Attempts = tries(t, attempt.Untold, "2026-11-23 10:00")
		got, ok := policy.Suggest(n, hours(t), wall(t, "2026-11-23 10:20"))
		require.True(t, ok)
		require.Equal(t, wall(t, "2026-11-23 12:00"), got.UTC())
	})
	t.Run("attempts before the reopening do not count", func(t *testing.T) {
		n := storetest.ANote()
		n.State, n.Deadline = note.Open, wall(t, deadline)
		n.Attempts, n.Earlier = tries(t, attempt.NotReached, "2026-11-23 09:30", "2026-11-23 10:00"), 2
		got, ok := policy.Suggest(n, hours(t), wall(t, "2026-11-23 10:20"))
		require.True(t, ok)
		require.Equal(t, wall(t, "2026-11-23 10:20"), got)
	})
	t.Run("a closed note needs no attempt", func(t *testing.T) {
		n := storetest.ANote()
		n.State = note.Resolved
		_, ok := policy.Suggest(n, hours(t), wall(t, "2026-11-23 10:20"))
		require.False(t, ok)
	})
	t.Run("a team that never opens", func(t *testing.T) {
		n := storetest.ANote()
		n.State = note.Open
		_, ok := policy.Suggest(n, &calendar.Hours{}, wall(t, "2026-11-23 10:20"))
		require.False(t, ok)
	})
	t.Run("a team that never closes", func(t *testing.T) {
		n := storetest.ANote()
		n.State, n.Deadline = note.Open, wall(t, deadline)
		n.Attempts = tries(t, attempt.NotReached, "2026-11-23 22:00")
		got, ok := policy.Suggest(n, calendar.AlwaysOpen(amsterdam(t)), wall(t, "2026-11-23 22:05"))
		require.True(t, ok)
		require.Equal(t, wall(t, "2026-11-24 00:00"), got.UTC())
	})
}
