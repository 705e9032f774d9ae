package main

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// Row 23 of the fault matrix: the command as people run it, without --at, while the machine's clock shows the given
// moment. The clock is synctest's, because libfaketime cannot move that of a Go program, which asks the kernel and not
// the C library. A clock that is an hour off changes the deadline only where the day changes with it: see the pairs
// around midnight.
func TestDeadlineOfNow(t *testing.T) {
	moments := []struct{ now, made, deadline string }{ // in order: simulated time does not run backwards
		{"2025-12-31T22:59:59Z", "2025-12-31T23:59:59+01:00", "2026-01-02T17:00:00+01:00"},
		{"2025-12-31T23:00:00Z", "2026-01-01T00:00:00+01:00", "2026-01-02T17:00:00+01:00"},
		{"2026-02-05T21:59:59Z", "2026-02-05T22:59:59+01:00", "2026-02-06T17:00:00+01:00"}, // an hour before midnight
		// the last second of Thursday
		{"2026-02-05T22:59:59Z", "2026-02-05T23:59:59+01:00", "2026-02-06T17:00:00+01:00"},
		{"2026-02-05T23:00:00Z", "2026-02-06T00:00:00+01:00", "2026-02-09T17:00:00+01:00"}, // the first of Friday
		// an hour into Friday; midnight in UTC
		{"2026-02-06T00:00:00Z", "2026-02-06T01:00:00+01:00", "2026-02-09T17:00:00+01:00"},
		{"2026-03-27T22:59:59Z", "2026-03-27T23:59:59+01:00", "2026-03-30T17:00:00+02:00"},
		// the second before the skip
		{"2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00", "2026-03-30T17:00:00+02:00"},
		{"2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00", "2026-03-30T17:00:00+02:00"}, // the next
		{"2026-03-29T21:59:59Z", "2026-03-29T23:59:59+02:00", "2026-03-30T17:00:00+02:00"}, // the day has 23 hours
		{"2026-03-29T22:00:00Z", "2026-03-30T00:00:00+02:00", "2026-03-31T17:00:00+02:00"},
		{"2026-10-24T22:00:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T17:00:00+01:00"},
		{"2026-10-25T00:30:00Z", "2026-10-25T02:30:00+02:00", "2026-10-26T17:00:00+01:00"}, // the first 02:30
		{"2026-10-25T01:30:00Z", "2026-10-25T02:30:00+01:00", "2026-10-26T17:00:00+01:00"}, // the second
		{"2026-10-25T22:59:59Z", "2026-10-25T23:59:59+01:00", "2026-10-26T17:00:00+01:00"}, // the day has 25 hours
		{"2026-10-25T23:00:00Z", "2026-10-26T00:00:00+01:00", "2026-10-27T17:00:00+01:00"},
	}
	path := townhall.Written(t, townhall.YAML)
	synctest.Test(t, func(t *testing.T) {
		for _, m := range moments {
			now, err := time.Parse(time.RFC3339, m.now)
			require.NoError(t, err)
			<-time.After(time.Until(now))
			out, err := run(t, path, "deadline", "--team", "kcc", "--json")
			require.NoError(t, err)
			var answer deadlineAnswer
			require.NoError(t, json.Unmarshal([]byte(out), &answer))
			require.Equal(t, m.made, answer.Made)
			require.Equal(t, m.deadline, answer.Deadline, out)
		}
	})
}

// Without --month it is the month that the municipality's calendar shows, not UTC's.
func TestHoursOfThisMonth(t *testing.T) {
	path := townhall.Written(t, townhall.YAML)
	synctest.Test(t, func(t *testing.T) {
		for _, m := range []struct{ now, month string }{
			{"2026-04-30T21:59:59Z", "2026-04"}, {"2026-04-30T22:00:00Z", "2026-05"},
		} {
			now, err := time.Parse(time.RFC3339, m.now)
			require.NoError(t, err)
			<-time.After(time.Until(now))
			out, err := run(t, path, "hours", "--team", "kcc", "--json")
			require.NoError(t, err)
			require.Contains(t, out, `"month": "`+m.month+`"`)
		}
	})
}
