package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
)

func TestParseMoment(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-20 16:00":          "2026-11-20T15:00:00Z",
		"2026-11-20T16:00":          "2026-11-20T15:00:00Z",
		"2026-07-20 16:00:30":       "2026-07-20T14:00:30Z",
		"2026-11-20T16:00:00+01:00": "2026-11-20T15:00:00Z",
		"2026-11-20T16:00:00Z":      "2026-11-20T16:00:00Z",
		"2026-11-20T16:00:00-05:00": "2026-11-20T21:00:00Z",
		"2026-03-29 01:59":          "2026-03-29T00:59:00Z", // the last minute before the skip
		"2026-03-29 03:00":          "2026-03-29T01:00:00Z", // the first after it
		"2026-10-25 02:30":          "2026-10-25T00:30:00Z", // the first of the two
		"2026-10-25T02:30:00+01:00": "2026-10-25T01:30:00Z", // the second
		"2028-02-29 00:00":          "2028-02-28T23:00:00Z",
	} {
		got, err := calendar.ParseMoment(text, amsterdam)
		require.NoError(t, err, text)
		require.Equal(t, want, got.UTC().Format(time.RFC3339), text)
	}
	for _, text := range []string{"2026-03-29 02:00", "2026-03-29T02:59:59"} {
		_, err := calendar.ParseMoment(text, amsterdam)
		require.ErrorContains(t, err, "the clocks skip it", text)
		_, err = calendar.ParseMoment(text, time.UTC)
		require.NoError(t, err, "UTC skips nothing")
	}
	for _, text := range []string{
		"", "now", "16:00", "2026-11-20", "2026-02-29 10:00", "2026-11-20 24:00", "2026-11-20 10:60",
		"20-11-2026 10:00",
		"2026-11-20 16:00 ", "2026-11-20T16:00:00+0100", "1763650800", "2026-11-20 4:00pm",
	} {
		_, err := calendar.ParseMoment(text, amsterdam)
		require.ErrorContains(t, err, "write it as 2026-11-20 16:00 (in Europe/Amsterdam)", text)
	}
}

func TestMonth(t *testing.T) {
	h := team(t, deventer(t), calendar.TeamSpec{})
	for text, days := range map[string]int{"2026-02": 28, "2028-02": 29, "2026-05": 31, "2026-12": 31, "9999-12": 31} {
		first, err := calendar.ParseMonth(text)
		require.NoError(t, err)
		month := h.Month(first)
		require.Len(t, month, days, text)
		require.Equal(t, text+"-01", month[0].Date.String())
		require.Equal(t, month, h.Month(first.AddDays(20)), "any day of the month names it")
	}
	for _, text := range []string{"", "2026", "2026-13", "2026-5", "mei", "2026-05-01", "0000-01", "05-2026"} {
		_, err := calendar.ParseMonth(text)
		require.ErrorContains(t, err, "write it as 2026-05", text)
	}
	require.Empty(t, new(calendar.Hours).Month(date(t, "2026-02-01"))[0].Open)
}

func FuzzParseMoment(f *testing.F) {
	for _, seed := range []string{
		"2026-11-20 16:00", "2026-03-29 02:30", "2026-10-25T02:30:00+01:00", "0000-01-01 00:00", "9999-12-31T23:59", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		moment, err := calendar.ParseMoment(text, amsterdam)
		if err != nil {
			require.Less(t, len(err.Error()), 400)
			return
		}
		if moment.Year() < 1970 {
			return // the clocks' offsets had seconds, which RFC 3339 cannot write; no deadline is counted from there
		}
		again, err := calendar.ParseMoment(moment.Format(time.RFC3339Nano), amsterdam)
		require.NoError(t, err)
		require.True(t, moment.Equal(again))
	})
}
