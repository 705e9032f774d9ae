package metrics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/queue"
)

const (
	rulesDirectory = "../deploy/prometheus/rules"
	testsDirectory = "../deploy/prometheus/tests"
	dashboardFile  = "../deploy/grafana/bereikbaar.json"
	dictionaryFile = "../docs/kpis.md"
)

func promtool(t *testing.T, input string, arguments ...string) string {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool is missing: install the Debian package prometheus")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, arguments...)
	cmd.Stdin = strings.NewReader(input)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Run(), "promtool %s: %s", strings.Join(arguments, " "), &said)
	return said.String()
}

// wholeExposition has every metric that there can be.
func wholeExposition(t *testing.T) string {
	var text string
	synctest.Test(t, func(t *testing.T) { // in a bubble no source is slow
		m, reg := newMetrics(t, "kcc", "vergunningen")
		m.ARI.CommandDone("answer", 200, time.Millisecond)
		m.Contact(answered("kcc", time.Second, time.Minute))
		require.NoError(t, m.Watch(metrics.Sources{
			Queues:  queues(func() []queue.TeamSnapshot { return snapshotAt(time.Now()) }),
			Notes:   counted(map[call.TeamID]note.Count{"kcc": {Live: 1, Made: 1}}),
			Parts:   []metrics.Part{part("ari", true, metrics.Health{Up: true})},
			Active:  func() (int, int) { return 1, 1 },
			Backlog: func() int { return 0 },
			Faults:  func() map[string]int { return map[string]int{"due": 0} },
		}))
		text = fullExposition(t, reg)
	})
	return text
}

func ruleFiles(t *testing.T, directory, pattern string) []string {
	files, err := filepath.Glob(filepath.Join(directory, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files, "%s/%s", directory, pattern)
	return files
}

func TestTheExpositionIsCleanForPromtool(t *testing.T) {
	require.Empty(t, promtool(t, wholeExposition(t), "check", "metrics"))
}

func TestTheConfigurationAndRulesOfPrometheusAreValid(t *testing.T) {
	promtool(t, "", "check", "config", "../deploy/prometheus/prometheus.yml")
	promtool(t, "", append([]string{"check", "rules"}, ruleFiles(t, rulesDirectory, "*.rules.yml")...)...)
}

func TestTheRulesGiveTheFiguresReckonedByHand(t *testing.T) {
	promtool(t, "", append([]string{"test", "rules"}, ruleFiles(t, testsDirectory, "*.test.yml")...)...)
}

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type ruleGroup struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

func ruleGroups(t *testing.T) []ruleGroup {
	var all []ruleGroup
	for _, file := range ruleFiles(t, rulesDirectory, "*.rules.yml") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var parsed struct {
			Groups []ruleGroup `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal(text, &parsed), file)
		all = append(all, parsed.Groups...)
	}
	return all
}

func TestTheFiguresOfAllWindowsAreMadeAlike(t *testing.T) {
	made := map[string][]string{}
	for _, group := range ruleGroups(t) {
		window, ok := strings.CutPrefix(group.Name, "bereikbaar_kpis_")
		if !ok {
			continue
		}
		for _, r := range group.Rules {
			made[window] = append(made[window], strings.ReplaceAll(r.Record+" = "+r.Expr, window, "WINDOW"))
		}
	}
	require.Len(t, made, 4)
	for _, window := range []string{"5m", "15m", "1h", "1d"} {
		require.Len(t, made[window], 7, window)
		require.Equal(t, made["5m"], made[window], window)
	}
}

var wordEdge = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func TestEveryAlertSaysHowBadItIsAndWhereToReadOn(t *testing.T) {
	count := 0
	for _, group := range ruleGroups(t) {
		for _, r := range group.Rules {
			if r.Alert == "" {
				continue
			}
			count++
			name, ok := strings.CutPrefix(r.Alert, "Bereikbaar")
			require.True(t, ok, r.Alert)
			anchor := strings.ToLower(wordEdge.ReplaceAllString(name, "$1-$2"))
			require.Equal(t, "docs/operating.md#"+anchor, r.Annotations["runbook"], r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			require.NotEmpty(t, r.Annotations["description"], r.Alert)
			require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		}
	}
	require.Equal(t, 23, count)
}

// grew finds what an alert asks of a counter that must not grow: the counter and the time.
var grew = regexp.MustCompile(`increase\(([a-z_:]+(?:\{[^}]*\})?)\[([0-9a-z]+)\]\)\)* > 0(?:[^.0-9]|$)`)

// weakly gives the counters of an expression of which an alert would miss what was counted before the first reading, or
// by a daemon that was started anew: the head of the alerts' file says why three conditions are needed.
func weakly(expr string) []string {
	expr = strings.Join(strings.Fields(expr), " ")
	var weak []string
	for _, found := range grew.FindAllStringSubmatch(expr, -1) {
		x, within := found[1], found[2]
		for _, condition := range []string{
			x + " - (last_over_time(" + x + "[1d] offset " + within + ") or " + x + " * 0) > 0",
			"(" + x + " > 0 and on (job, instance) " +
				"(process_start_time_seconds > last_over_time(process_start_time_seconds[1d] offset " + within + ")))",
		} {
			if !strings.Contains(expr, condition) {
				weak = append(weak, x)
			}
		}
	}
	return weak
}

func TestNoAlertMissesWhatWasCountedBeforeTheFirstReading(t *testing.T) {
	asked := 0
	for _, group := range ruleGroups(t) {
		for _, r := range group.Rules {
			if r.Alert == "" {
				continue
			}
			require.Empty(t, weakly(r.Expr), r.Alert)
			asked += len(grew.FindAllString(strings.Join(strings.Fields(r.Expr), " "), -1))
		}
	}
	require.Equal(t, 11, asked)
	for _, weak := range []string{
		`increase(bereikbaar_x_total[1h]) > 0`,
		`sum without (team) (increase(bereikbaar_x_total{reason=~".*_limit"}[15m])) > 0`,
		"bereikbaar_y == 0 or increase(bereikbaar_x_total[15m]) > 0\n  or\nvector(1)",
		`increase(bereikbaar_x_total[1h]) > 0 or bereikbaar_x_total - (last_over_time(bereikbaar_x_total[1d] offset 1h) or bereikbaar_x_total * 0) > 0`,
	} {
		require.NotEmpty(t, weakly(weak), weak)
	}
}

// metricName finds what an expression or a page names: our metrics, the recorded ones, and those of the runtime.
var metricName = regexp.MustCompile(`(?:team:)?\bbereikbaar[_:][a-z0-9_:]+|\b(?:go|process)_[a-z0-9_]+`)

// known is every name that an expression may use.
func known(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(wholeExposition(t)) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "# TYPE"):
			names[fields[2]] = true
		case !strings.HasPrefix(line, "#"):
			name, _, _ := strings.Cut(fields[0], "{")
			names[name] = true
		}
	}
	for _, group := range ruleGroups(t) {
		for _, r := range group.Rules {
			names[r.Record] = true
		}
	}
	return names
}

func TestEveryRuleReadsMetricsThatExist(t *testing.T) {
	names := known(t)
	for _, group := range ruleGroups(t) {
		for _, r := range group.Rules {
			for _, name := range metricName.FindAllString(r.Expr, -1) {
				require.Contains(t, names, name, "%s%s", r.Record, r.Alert)
			}
		}
	}
}

type panel struct {
	ID          int                      `json:"id"`
	Type        string                   `json:"type"`
	Title       string                   `json:"title"`
	Description string                   `json:"description"`
	GridPos     struct{ X, Y, W, H int } `json:"gridPos"`
	Targets     []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

type dashboard struct {
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
}

func readDashboard(t *testing.T) dashboard {
	text, err := os.ReadFile(dashboardFile)
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// expressions are all that the dashboard asks Prometheus, as Grafana sends them with everything chosen.
func (d dashboard) expressions() []string {
	var all []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, a.Expr)
	}
	chosen := strings.NewReplacer("$job", "(bereikbaar)", "$team", "(kcc|vergunningen)")
	for i, e := range all {
		all[i] = chosen.Replace(e)
	}
	return all
}

func TestEveryExpressionOfTheDashboardParses(t *testing.T) {
	expressions := readDashboard(t).expressions()
	require.Greater(t, len(expressions), 30)
	var file struct {
		Groups []map[string]any `yaml:"groups"`
	}
	var rules []map[string]string
	for _, e := range expressions {
		require.NotContains(t, e, "$", "a variable that is not replaced")
		rules = append(rules, map[string]string{"record": "dashboard", "expr": e})
	}
	file.Groups = []map[string]any{{"name": "dashboard", "rules": rules}}
	text, err := yaml.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	promtool(t, "", "check", "rules", path)
}

func TestEveryMetricOfTheDashboardExists(t *testing.T) {
	d := readDashboard(t)
	names := known(t)
	asked := d.expressions()
	for _, variable := range d.Templating.List {
		asked = append(asked, variable.Definition)
	}
	found := 0
	for _, e := range asked {
		for _, name := range metricName.FindAllString(e, -1) {
			require.Contains(t, names, name, e)
			found++
		}
	}
	require.Greater(t, found, 40)
}

func TestThePanelsOfTheDashboardStandSideBySide(t *testing.T) {
	const width = 24
	taken := map[[2]int]string{}
	var ids []int
	for _, p := range readDashboard(t).Panels {
		require.NotContains(t, ids, p.ID, p.Title)
		ids = append(ids, p.ID)
		require.NotEmpty(t, p.Title)
		require.True(t, p.Type == "row" || p.Description != "", "%s says what it shows", p.Title)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, width, p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestTheDictionaryNamesWhatExistsAndAllOfIt(t *testing.T) {
	text, err := os.ReadFile(dictionaryFile)
	require.NoError(t, err)
	page := string(text)
	names := known(t)
	for _, name := range metricName.FindAllString(page, -1) {
		require.Contains(t, names, name, "docs/kpis.md names a metric that does not exist")
	}
	for line := range strings.Lines(wholeExposition(t)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "# TYPE bereikbaar_") {
			require.Contains(t, page, "`"+fields[2]+"`", "docs/kpis.md does not tell of a metric")
		}
	}
	for _, group := range ruleGroups(t) {
		_, window, _ := strings.Cut(group.Name, "bereikbaar_kpis_")
		for _, r := range group.Rules {
			name := r.Record + r.Alert
			if window != "" { // the page names the figures of a quarter for all windows
				name = strings.TrimSuffix(name, window) + "15m"
			}
			require.Contains(t, page, "`"+name+"`", "docs/kpis.md does not tell of a rule")
		}
	}
}

func TestTheDictionaryTellsOfEveryKPI(t *testing.T) {
	text, err := os.ReadFile(dictionaryFile)
	require.NoError(t, err)
	for _, kpi := range []string{
		"Offered", "Reachability", "Service level", "Average speed of answer", "Abandonment", "Answered directly",
		"Caller rings back", "Norm met", "Attempted in time", "Repeat contacts", "Promise ledger",
	} {
		require.Contains(t, string(text), "\n### "+kpi+"\n")
	}
}
