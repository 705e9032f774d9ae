package storetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// SetAbsent keeps that a colleague is absent.
func (m *Memory) SetAbsent(_ context.Context, of call.MunicipalityID, a staff.Absence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if m.absent[of] == nil {
		m.absent[of] = make(map[call.AgentID]staff.Absence)
	}
	m.absent[of][a.Colleague] = a
	return nil
}

// SetPresent ends an absence.
func (m *Memory) SetPresent(_ context.Context, of call.MunicipalityID, colleague call.AgentID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.absent[of], colleague)
	return m.down
}

// Absence gives the absence of a colleague.
func (m *Memory) Absence(_ context.Context, of call.MunicipalityID, colleague call.AgentID) (
	staff.Absence, bool, error,
) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return staff.Absence{}, false, m.down
	}
	a, absent := m.absent[of][colleague]
	return a, absent, nil
}

// Absences gives the absent colleagues.
func (m *Memory) Absences(_ context.Context, of call.MunicipalityID) ([]staff.Absence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	return slices.SortedFunc(maps.Values(m.absent[of]), func(a, b staff.Absence) int {
		return cmp.Compare(a.Colleague, b.Colleague)
	}), nil
}

func lastingAbsence(t *testing.T, s Store) {
	absences := func() []staff.Absence {
		t.Helper()
		got, err := s.Absences(t.Context(), town)
		require.NoError(t, err)
		for _, colleague := range []call.AgentID{"els", "piet", "jan"} {
			one, absent, err := s.Absence(t.Context(), town, colleague)
			require.NoError(t, err)
			at := slices.IndexFunc(got, func(a staff.Absence) bool { return a.Colleague == colleague })
			require.Equal(t, at >= 0, absent)
			if absent {
				require.Equal(t, got[at], one)
			}
		}
		return got
	}
	require.Empty(t, absences())
	piet := staff.Absence{Colleague: "piet", Since: begun, By: jan}
	elsAway := staff.Absence{Colleague: "els", Since: begun.AddDate(0, 0, 1), By: note.BySystem}
	require.NoError(t, s.SetAbsent(t.Context(), town, piet))
	require.NoError(t, s.SetAbsent(t.Context(), town, elsAway))
	require.NoError(t, s.SetAbsent(t.Context(), other, piet))
	require.Equal(t, []staff.Absence{elsAway, piet}, absences())
	later := staff.Absence{Colleague: "piet", Since: begun.AddDate(0, 0, 2), By: els}
	require.NoError(t, s.SetAbsent(t.Context(), town, later))
	require.Equal(t, []staff.Absence{elsAway, later}, absences())
	require.NoError(t, s.SetPresent(t.Context(), town, "els"))
	require.NoError(t, s.SetPresent(t.Context(), town, "els"), "present already: no error")
	require.Equal(t, []staff.Absence{later}, absences())
	require.NoError(t, s.SetPresent(t.Context(), town, "piet"))
	require.Empty(t, absences())
	elsewhere, err := s.Absences(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, []staff.Absence{piet}, elsewhere)
}
