package doctor

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestAConfigurationIsJudgedByItsProblemsAndItsWarnings(t *testing.T) {
	problem := config.Problem{Key: "teams.kcc", What: "it has no members", Mend: "name some"}
	off := []config.Off{{Problem: problem, Part: "mail"}}
	for name, test := range map[string]struct {
		cfg     *config.Config
		err     error
		verdict Verdict
		words   string
	}{
		"right":        {&config.Config{Plan: &routing.Plan{}}, nil, OK, "is valid"},
		"with a doubt": {&config.Config{Plan: &routing.Plan{}, Warnings: config.Problems{problem}}, nil, Warning, "it has no members"},
		"without mail": {&config.Config{Plan: &routing.Plan{}, Off: off}, nil, Wrong, "switches this off: mail"},
		"wrong":        {nil, config.Problems{problem}, Wrong, "it has no members"},
		"not there":    {nil, errors.New("open x.yaml: no such file"), Wrong, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Configuration("x.yaml", test.cfg, test.err)
			finds(t, found[len(found)-1:], test.verdict, test.words)
		})
	}
}

func TestPagesThatAreSwitchedOffAreNotCalledUnset(t *testing.T) {
	require.Empty(t, judgePages(&config.Config{Off: []config.Off{{Restart: true}}}, nil))
}
