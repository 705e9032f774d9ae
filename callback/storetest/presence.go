package storetest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// SetAbsent keeps that a colleague is absent.
func (m *Memory) SetAbsent(_ context.Context, of call.MunicipalityID, a callback.Absence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if m.absent[of] == nil {
		m.absent[of] = make(map[call.AgentID]callback.Absence)
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
func (m *Memory) Absence(_ context.Context, of call.MunicipalityID, colleague call.AgentID) (callback.Absence, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return callback.Absence{}, false, m.down
	}
	a, absent := m.absent[of][colleague]
	return a, absent, nil
}

// Absences gives who is absent.
func (m *Memory) Absences(_ context.Context, of call.MunicipalityID) ([]callback.Absence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	return slices.SortedFunc(maps.Values(m.absent[of]), func(a, b callback.Absence) int {
		return cmp.Compare(a.Colleague, b.Colleague)
	}), nil
}

func whoIsAbsent(t *testing.T, s callback.WorkStore) {
	absences := func() []callback.Absence {
		t.Helper()
		got, err := s.Absences(t.Context(), town)
		require.NoError(t, err)
		for _, colleague := range []call.AgentID{"els", "piet", "jan"} {
			one, absent, err := s.Absence(t.Context(), town, colleague)
			require.NoError(t, err)
			at := slices.IndexFunc(got, func(a callback.Absence) bool { return a.Colleague == colleague })
			require.Equal(t, at >= 0, absent)
			if absent {
				require.Equal(t, got[at], one)
			}
		}
		return got
	}
	require.Empty(t, absences())
	piet := callback.Absence{Colleague: "piet", Since: begun, By: jan}
	elsAway := callback.Absence{Colleague: "els", Since: begun.AddDate(0, 0, 1), By: callback.BySystem}
	require.NoError(t, s.SetAbsent(t.Context(), town, piet))
	require.NoError(t, s.SetAbsent(t.Context(), town, elsAway))
	require.NoError(t, s.SetAbsent(t.Context(), other, piet))
	require.Equal(t, []callback.Absence{elsAway, piet}, absences())
	later := callback.Absence{Colleague: "piet", Since: begun.AddDate(0, 0, 2), By: els}
	require.NoError(t, s.SetAbsent(t.Context(), town, later))
	require.Equal(t, []callback.Absence{elsAway, later}, absences())
	require.NoError(t, s.SetPresent(t.Context(), town, "els"))
	require.NoError(t, s.SetPresent(t.Context(), town, "els"), "who is present may say so")
	require.Equal(t, []callback.Absence{later}, absences())
	require.NoError(t, s.SetPresent(t.Context(), town, "piet"))
	require.Empty(t, absences())
	elsewhere, err := s.Absences(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, []callback.Absence{piet}, elsewhere)
}
