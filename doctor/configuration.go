package doctor

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/bereikbaar/bereikbaar/config"
)

// Configuration judges the result of config.Load for the file at path: a configuration or an error.
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
	whole := Finding{Check: checkConfiguration, Verdict: OK, Text: fmt.Sprintf(
		"%s is valid: numbers %d, teams %d, agents %d",
		path, len(cfg.Plan.Entries), len(cfg.Plan.Teams), len(cfg.Plan.Agents),
	)}
	return slices.Concat([]Finding{whole}, switchedOff(cfg.Off), configurationProblems(Warning, cfg.Warnings))
}

// switchedOff judges the secrets that cannot be used.
func switchedOff(parts []config.Off) []Finding {
	var found []Finding
	for _, off := range parts {
		f := configurationProblems(Wrong, config.Problems{off.Problem})[0]
		f.Text += "; a start of the daemon switches this off: " + off.Part
		found = append(found, f)
	}
	return found
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

// quoted matches a value of the file that a problem repeats; longNumber matches a possible telephone number in it.
var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	longNumber = regexp.MustCompile(`\+?[0-9][0-9 ()-]{5,}[0-9]`)
)

// withoutNumbers hides possible telephone numbers: reports are sent around. `bereikbaar check` shows them.
func withoutNumbers(text string) string {
	return quoted.ReplaceAllStringFunc(
		text, func(value string) string { return longNumber.ReplaceAllString(value, "…") },
	)
}
