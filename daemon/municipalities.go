package daemon

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/routing"
)

// municipalitiesFile, in the state directory, names every municipality that was ever in the configuration, one a line.
const municipalitiesFile = "municipalities"

// municipalities are those whose notes are looked after: one that left the configuration may still have some. Only
// names is safe outside the goroutine that makes rounds.
type municipalities struct {
	mu   sync.Mutex // of all
	all  []call.MunicipalityID
	plan *routing.Plan                // of which all is known
	told map[call.MunicipalityID]bool // those that left the configuration and were logged
}

// follow takes over a changed configuration. journal gives whose notes the journal keeps. On an error it knows those
// that it could find, and tries again the next time.
func (m *municipalities) follow(plan *routing.Plan, dir string, journal func() ([]call.MunicipalityID, error)) error {
	if plan == m.plan {
		return nil
	}
	kept, journalErr := journal()
	all, err := remember(
		filepath.Join(dir, municipalitiesFile), append(slices.Collect(maps.Keys(plan.Municipalities)), kept...),
	)
	m.mu.Lock()
	m.all = all
	m.mu.Unlock()
	if err = errors.Join(journalErr, err); err != nil {
		return fmt.Errorf("find the municipalities that may have notes: %w", err)
	}
	m.plan, m.told = plan, make(map[call.MunicipalityID]bool)
	return nil
}

// names gives all of them, in order.
func (m *municipalities) names() []call.MunicipalityID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all)
}

// strangers gives those that are not in the configuration, each once after a change of it.
func (m *municipalities) strangers(plan *routing.Plan) []call.MunicipalityID {
	var fresh []call.MunicipalityID
	for _, id := range m.all {
		if _, ok := plan.Municipalities[id]; !ok && m.plan == plan && !m.told[id] {
			m.told[id] = true
			fresh = append(fresh, id)
		}
	}
	return fresh
}

// remember adds municipalities to those that the file names, and gives all, in order.
func remember(path string, these []call.MunicipalityID) ([]call.MunicipalityID, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return slices.Compact(slices.Sorted(slices.Values(these))), err
	}
	known := strings.Fields(string(text))
	for _, m := range these {
		if !slices.Contains(known, string(m)) {
			known = append(known, string(m))
		}
	}
	slices.Sort(known)
	all := make([]call.MunicipalityID, len(known))
	for i, m := range known {
		all[i] = call.MunicipalityID(m)
	}
	fresh := strings.Join(known, "\n") + "\n"
	if fresh == string(text) {
		return all, nil
	}
	return all, renameio.WriteFile(path, []byte(fresh), 0o640)
}

// takeOver follows the configuration of the moment. The journal tells whose notes it keeps, too.
func (m *municipalities) takeOver(cfg *config.Config, kept *keeper.Keeper) error {
	return m.follow(cfg.Plan, cfg.State.Directory, kept.Municipalities)
}
