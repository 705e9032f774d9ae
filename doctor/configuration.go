package doctor

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/bereikbaar/bereikbaar/config"
)

// Configuration judges what config.Load gave for the file at path: a configuration, or why there is none.
func Configuration(path string, cfg *config.Config, err error) []Finding {
	if problems, ok := errors.AsType[config.Problems](err); ok {
		return configurationProblems(Wrong, problems)
	}
	if err != nil {
		return []Finding{
			{
				checkConfiguration, Wrong, err.Error(),
				"Name the configuration file with --config, and let this user read it",
			},
		}
	}
	whole := Finding{Check: checkConfiguration, Verdict: OK, Text: fmt.Sprintf("%s is valid: numbers %d, teams %d, agents %d",
		path, len(cfg.Plan.Entries), len(cfg.Plan.Teams), len(cfg.Plan.Agents))}
	return append([]Finding{whole}, configurationProblems(Warning, cfg.Warnings)...)
}

func configurationProblems(verdict Verdict, problems config.Problems) []Finding {
	var found []Finding
	for _, p := range problems {
		where := p.File
		if p.Line > 0 {
			where = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		if p.Key != "" {
			where += ": " + p.Key
		}
		found = append(found, Finding{
			checkConfiguration, verdict, where + ": " + withoutNumbers(p.What), withoutNumbers(p.Mend),
		})
	}
	return found
}

// quoted is a value of the file as its checks repeat it; longNumber is what in it may be a telephone number.
var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	longNumber = regexp.MustCompile(`\+?[0-9][0-9 ()-]{5,}[0-9]`)
)

// withoutNumbers hides what may be somebody's telephone number: reports are sent around. `bereikbaar check` shows it.
func withoutNumbers(text string) string {
	return quoted.ReplaceAllStringFunc(
		text, func(value string) string { return longNumber.ReplaceAllString(value, "…") },
	)
}
