package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/dialling"
)

// countedInADay: a count is per subject, owner, municipality and day.
func countedInADay(t *testing.T, s Store) {
	friday := dialling.Day{Municipality: town, Date: "2026-11-20"}
	saturday := dialling.Day{Municipality: town, Date: "2026-11-21"}
	elsewhere := dialling.Day{Municipality: other, Date: friday.Date}
	bell := func(of string, most int) []dialling.Limit {
		return []dialling.Limit{{What: "bell", Of: of, Most: most}, {What: "bells", Most: 3}}
	}
	full := dialling.Limit{What: "bell", Of: "els", Most: 2}
	for i, step := range []struct {
		day    dialling.Day
		once   string
		limits []dialling.Limit
		want   dialling.Limit // that is full
	}{
		{friday, "1", bell("els", 2), dialling.Limit{}},
		{friday, "1", bell("els", 2), dialling.Limit{}}, // a reply was lost
		{friday, "2", bell("els", 2), dialling.Limit{}},
		{friday, "3", bell("els", 2), full},
		{friday, "3", bell("els", 2), full},
		{friday, "2", bell("els", 2), dialling.Limit{}}, // was counted
		{elsewhere, "1", bell("els", 2), dialling.Limit{}},
		{friday, "4", bell("jan", 2), dialling.Limit{}}, // refused operations counted nothing
		{friday, "5", bell("jan", 2), dialling.Limit{What: "bells", Most: 3}},
		{friday, "6", bell("jan", 0), dialling.Limit{What: "bell", Of: "jan"}},
		{friday, "7", []dialling.Limit{{What: "door", Of: "els", Most: 1}}, dialling.Limit{}},
		{saturday, "1", bell("els", 2), dialling.Limit{}},
		{saturday, "2", nil, dialling.Limit{}},
	} {
		what := fmt.Sprintf("step %d", i)
		if step.want != (dialling.Limit{}) {
			looked, err := s.Full(t.Context(), step.day, step.limits)
			require.NoError(t, err, what)
			require.Equal(t, step.want, looked, what)
		}
		got, err := s.Count(t.Context(), step.day, step.once, step.limits)
		require.NoError(t, err, what)
		require.Equal(t, step.want, got, what)
	}
	for range 3 { // a look counts nothing
		looked, err := s.Full(t.Context(), saturday, bell("els", 2))
		require.NoError(t, err)
		require.Zero(t, looked)
	}
}

// takenBack: a count that is taken back leaves no trace, whatever else was counted with the same limits.
func takenBack(t *testing.T, s Store) {
	day := dialling.Day{Municipality: town, Date: "2026-11-20"}
	limits := []dialling.Limit{{What: "bell", Of: "els", Most: 2}, {What: "bells", Most: 9}}
	count := func(once string) dialling.Limit {
		t.Helper()
		full, err := s.Count(t.Context(), day, once, limits)
		require.NoError(t, err)
		return full
	}
	takeBack := func(day dialling.Day, once string) {
		t.Helper()
		require.NoError(t, s.TakeBack(t.Context(), day, once))
	}
	takeBack(day, "1") // which was never counted
	require.Zero(t, count("1"))
	require.Zero(t, count("2"))
	require.Equal(t, limits[0], count("3"))
	takeBack(day, "3") // nor was this: it was refused
	takeBack(dialling.Day{Municipality: town, Date: "2026-11-21"}, "1")
	takeBack(dialling.Day{Municipality: other, Date: day.Date}, "1")
	require.Equal(t, limits[0], count("3"))
	takeBack(day, "1")
	takeBack(day, "1") // a reply was lost
	require.Zero(t, count("3"))
	require.Equal(t, limits[0], count("1"), "it is as new")
	takeBack(day, "2")
	require.Zero(t, count("1"))
	everybody, err := s.Full(t.Context(), day, []dialling.Limit{{What: "bells", Most: 3}})
	require.NoError(t, err)
	require.Zero(t, everybody, "of each of its counts")
	everybody, err = s.Full(t.Context(), day, []dialling.Limit{{What: "bells", Most: 2}})
	require.NoError(t, err)
	require.NotZero(t, everybody)
}
