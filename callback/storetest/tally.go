package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
)

// countedInADay: a count stands for what, whose, which municipality and which day.
func countedInADay(t *testing.T, s callback.WorkStore) {
	friday := callback.Day{Municipality: town, Date: "2026-11-20"}
	saturday := callback.Day{Municipality: town, Date: "2026-11-21"}
	elsewhere := callback.Day{Municipality: other, Date: friday.Date}
	bell := func(of string, most int) []callback.Limit {
		return []callback.Limit{{What: "bell", Of: of, Most: most}, {What: "bells", Most: 3}}
	}
	full := callback.Limit{What: "bell", Of: "els", Most: 2}
	for i, step := range []struct {
		day    callback.Day
		once   string
		limits []callback.Limit
		want   callback.Limit // that is full
	}{
		{friday, "1", bell("els", 2), callback.Limit{}},
		{friday, "1", bell("els", 2), callback.Limit{}}, // a reply was lost
		{friday, "2", bell("els", 2), callback.Limit{}},
		{friday, "3", bell("els", 2), full},
		{friday, "3", bell("els", 2), full},
		{friday, "2", bell("els", 2), callback.Limit{}}, // was counted
		{elsewhere, "1", bell("els", 2), callback.Limit{}},
		{friday, "4", bell("jan", 2), callback.Limit{}}, // what was refused counted for nothing
		{friday, "5", bell("jan", 2), callback.Limit{What: "bells", Most: 3}},
		{friday, "6", bell("jan", 0), callback.Limit{What: "bell", Of: "jan"}},
		{friday, "7", []callback.Limit{{What: "door", Of: "els", Most: 1}}, callback.Limit{}},
		{saturday, "1", bell("els", 2), callback.Limit{}},
		{saturday, "2", nil, callback.Limit{}},
	} {
		what := fmt.Sprintf("step %d", i)
		if step.want != (callback.Limit{}) {
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
