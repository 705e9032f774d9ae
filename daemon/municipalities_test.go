package daemon

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

func planOf(municipalities ...call.MunicipalityID) *routing.Plan {
	plan := &routing.Plan{Municipalities: make(map[call.MunicipalityID]routing.Municipality)}
	for _, m := range municipalities {
		plan.Municipalities[m] = routing.Municipality{}
	}
	return plan
}

func TestAMunicipalityThatLeavesIsStillLookedAfter(t *testing.T) {
	dir := t.TempDir()
	journal := func() ([]call.MunicipalityID, error) { return []call.MunicipalityID{"deventer", "raalte"}, nil }
	nobody := func() ([]call.MunicipalityID, error) { return nil, nil }
	both, one := planOf("olst-wijhe", "deventer"), planOf("deventer")
	var now municipalities
	require.NoError(t, now.follow(both, dir, journal))
	require.Equal(
		t, []call.MunicipalityID{"deventer", "olst-wijhe", "raalte"}, now.all,
		"the journal may have notes of one that left long ago",
	)
	require.Equal(t, []call.MunicipalityID{"raalte"}, now.strangers(both))
	require.Empty(t, now.strangers(both), "told once")
	require.NoError(t, now.follow(one, dir, nobody))
	require.Equal(t, []call.MunicipalityID{"olst-wijhe", "raalte"}, now.strangers(one))

	var later municipalities // another daemon
	require.NoError(t, later.follow(one, dir, nobody))
	require.Equal(t, []call.MunicipalityID{"deventer", "olst-wijhe", "raalte"}, later.all)
	file, err := os.ReadFile(filepath.Join(dir, municipalitiesFile))
	require.NoError(t, err)
	require.Equal(t, "deventer\nolst-wijhe\nraalte\n", string(file))
	require.NoError(t, os.WriteFile(filepath.Join(dir, municipalitiesFile), []byte("raalte"), 0o600)) // an operator
	require.NoError(t, later.follow(planOf("deventer"), dir, nobody))
	require.Equal(t, []call.MunicipalityID{"deventer", "raalte"}, later.all)
}

func TestTheConfigurationIsLookedAfterWhateverFails(t *testing.T) {
	broken := errors.New("the journal is damaged")
	plan := planOf("deventer")
	var now municipalities
	err := now.follow(
		plan, filepath.Join(t.TempDir(), "not", "there"), func() ([]call.MunicipalityID, error) { return nil, broken },
	)
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, []call.MunicipalityID{"deventer"}, now.all)
	require.NoError(
		t, now.follow(plan, t.TempDir(), func() ([]call.MunicipalityID, error) { return nil, nil }),
		"and it is tried again",
	)
}

// Notes of a municipality that left the configuration show in the figures, and so raise the alerts.
func TestNotesOfAMunicipalityThatLeftAreInTheFigures(t *testing.T) {
	c := atTheOffice(t)
	c.Note("kcc")
	d := daemonWith(t, slog.New(slog.DiscardHandler), c.RedisLine())
	require.Equal(
		t, []call.MunicipalityID{"deventer"}, d.municipalities.names(),
		"they are known before anybody asks for figures",
	)
	left := *d.settings.config()
	left.Plan = planOf("raalte")
	require.NoError(t, d.metrics.Apply(left.Plan))
	d.settings.replace(&left)
	require.NoError(t, d.municipalities.takeOver(d.settings.config(), d.keeper))
	require.Eventually(t, func() bool { // the store is asked at most every two seconds
		return strings.Contains(scraped(t, d), "bereikbaar_notes_open{team=\"(other)\"} 1\n")
	}, 30*time.Second, 10*time.Millisecond)
}
