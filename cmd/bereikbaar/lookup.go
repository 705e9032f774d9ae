package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/routing"
)

// lookup gives a command the configuration, without secrets: it talks to no server.
func lookup(run func(*cobra.Command, *config.Config, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cfg, err := loadConfig(cmd, nil)
		if err != nil {
			return err
		}
		return run(cmd, cfg, args)
	}
}

// teamNamed finds the team that an option names. It may be left out where there is only one.
func teamNamed(cfg *config.Config, name string) (routing.Team, error) {
	teams := cfg.Plan.Teams
	if name == "" && len(teams) == 1 {
		for id := range teams {
			name = string(id)
		}
	}
	if team, ok := teams[call.TeamID(name)]; ok {
		return team, nil
	}
	return routing.Team{}, unknown("team", name, cfg.Path, slices.Sorted(maps.Keys(teams)))
}

// municipalityNamed finds the municipality that an option names. It may be left out where there is only one.
func municipalityNamed(cfg *config.Config, name string) (routing.Municipality, error) {
	municipalities := cfg.Plan.Municipalities
	if name == "" && len(municipalities) == 1 {
		for id := range municipalities {
			name = string(id)
		}
	}
	if m, ok := municipalities[call.MunicipalityID(name)]; ok {
		return m, nil
	}
	return routing.Municipality{}, unknown("municipality", name, cfg.Path, slices.Sorted(maps.Keys(municipalities)))
}

// unknown says that an option names nothing of the configuration, and what there is.
func unknown[T ~string](option, name, path string, known []T) error {
	list := listed(known)
	if name == "" {
		return fmt.Errorf("--%s is missing: name one of %s", option, list)
	}
	return fmt.Errorf("--%s %q is not in %s: name one of %s", option, name, path, list)
}

// listed gives names as people read them in a sentence.
func listed[T ~string](names []T) string {
	var text strings.Builder
	for i, name := range names {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(string(name))
	}
	return text.String()
}
