package daemon

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/townhall"
	"github.com/bereikbaar/bereikbaar/web/api"
)

var (
	_ callback.Norm      = (*Settings)(nil)
	_ callback.Rules     = (*Settings)(nil)
	_ callback.WorkRules = (*Settings)(nil)
	_ api.Meter          = (*metrics.API)(nil)
	_ api.Directory      = (*Settings)(nil)
)

func settingsOf(t *testing.T, pairs ...string) *Settings {
	t.Helper()
	cfg, err := config.Load(townhall.Written(t, townhall.YAML, pairs...), nil)
	require.NoError(t, err)
	return NewSettings(cfg)
}

func TestTheNextAttemptIsWhileTheTeamIsOpen(t *testing.T) {
	evening, err := time.Parse(time.RFC3339, "2026-11-20T20:00:00+01:00") // a Friday
	require.NoError(t, err)
	n := note.Note{Municipality: "deventer", Team: "kcc", State: note.Open, Deadline: evening.AddDate(0, 0, 3)}
	next := settingsOf(t).Next(n, evening)
	require.Equal(t, "2026-11-23T08:00:00Z", next.Format(time.RFC3339))
	n.Team = "gone"
	require.Zero(t, settingsOf(t).Next(n, evening), "nobody knows its hours")
}

func TestTheTermFollowsTheConfiguration(t *testing.T) {
	made, err := time.Parse(time.RFC3339, "2026-11-20T16:00:00+01:00")
	require.NoError(t, err)
	for percent, want := range map[string]string{
		"25": "2026-11-23T10:15:00+01:00", "50": "2026-11-23T12:30:00+01:00", "0": "",
	} {
		term, err := settingsOf(t, "agents:", "callbacks: {warn_percent: "+percent+"}\nagents:").Term("kcc", made)
		require.NoError(t, err)
		require.Equal(t, "2026-11-23T16:00:00Z", term.Deadline.UTC().Format(time.RFC3339))
		if want == "" {
			require.Zero(t, term.Warn, "no warning")
			continue
		}
		warn, err := time.Parse(time.RFC3339, want)
		require.NoError(t, err)
		require.True(t, warn.Equal(term.Warn), "%s after %s percent", term.Warn, percent)
	}
	_, err = settingsOf(t).Term("gone", made)
	require.ErrorContains(t, err, `team "gone" is not in the configuration`)
}

func TestHowNotesAreWorkedFollowsTheConfiguration(t *testing.T) {
	s := settingsOf(
		t, "agents:",
		"callbacks: {lease: 1h, attempts: {least: 2, parts: [\"11:00\", \"15:00\"]}, retention_days: 30}\nagents:",
	)
	work := s.Work("deventer")
	require.Equal(t, "Europe/Amsterdam", work.Location.String())
	require.EqualValues(t, "kcc", work.ContactCentre)
	require.Equal(t, time.Hour, work.Lease)
	require.Equal(t, callback.AttemptPolicy{Least: 2, Parts: []calendar.Clock{11 * 60, 15 * 60}}, work.Attempts)
	require.Equal(t, 30*24*time.Hour, work.Retention)

	gone := s.Work("raalte")
	require.Equal(t, time.UTC, gone.Location, "its notes can still be worked")
	require.Empty(t, gone.ContactCentre)
	require.Equal(t, work.Lease, gone.Lease)
}
