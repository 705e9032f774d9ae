package metrics_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	answerThreshold = 30 * time.Second
	shortAbandon    = 5 * time.Second
)

// planOf makes a plan of one municipality, deventer, with these teams.
func planOf(teams ...call.TeamID) *routing.Plan {
	plan := &routing.Plan{
		Teams:          map[call.TeamID]routing.Team{},
		Municipalities: map[call.MunicipalityID]routing.Municipality{"deventer": {ID: "deventer"}},
	}
	for _, id := range teams {
		plan.Teams[id] = routing.Team{ID: id, Municipality: "deventer"}
	}
	return plan
}

func options(plan *routing.Plan) metrics.Options {
	return metrics.Options{
		Plan:            plan,
		AnswerThreshold: answerThreshold,
		ShortAbandon:    shortAbandon,
		Version:         "1.2.3",
		EventSkips:      []string{"unknown", "malformed"},
		LinkLosses:      []string{"unreachable", "closed"},
		Operations:      []string{"claim", "export"},
		TokenRefusals:   []string{"missing", "unknown"},
		SignInWays:      []string{"account"},
		SignInRefusals:  []string{"password"},
		SessionEndings:  []string{"person"},
		Notifications: metrics.NotificationLabels{
			Channels: []string{"mail", "webhook"}, Kinds: []string{"new", "daily"}, Failures: []string{"unreachable"},
			Drops: []string{"moot", "rejected"},
		},
	}
}

// pedant is a registry that also checks collectors against what they describe.
func pedant() *prometheus.Registry { return prometheus.NewPedanticRegistry() }

func newMetrics(t require.TestingT, teams ...call.TeamID) (*metrics.Metrics, *prometheus.Registry) {
	reg := pedant()
	m, err := metrics.New(reg, options(planOf(teams...)))
	require.NoError(t, err)
	return m, reg
}

// exposition is what Prometheus reads, without comments.
func exposition(t require.TestingT, g prometheus.Gatherer) string {
	var lines []string
	for line := range strings.Lines(fullExposition(t, g)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func fullExposition(t require.TestingT, g prometheus.Gatherer) string {
	families, err := g.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, family := range families {
		_, err := expfmt.MetricFamilyToText(&text, family)
		require.NoError(t, err)
	}
	return text.String()
}

// requireLine wants a line of an exposition, and shows the lines of the same metric when it is not there.
func requireLine(t require.TestingT, text, line string, why ...any) {
	name, _, _ := strings.Cut(strings.ReplaceAll(line, " ", "{"), "{")
	var same []string
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, name) {
			same = append(same, strings.TrimSuffix(l, "\n"))
		}
	}
	require.Contains(t, same, line, why...)
}

// pass lets time go by inside a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }

// series is one series of an exposition, as read back from its text.
type series struct {
	name   string
	labels map[string]string
	value  float64
}

// read parses an exposition as Prometheus would.
func read(t require.TestingT, text string) []series {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
	var all []series
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			all = append(all, values(name, labels, metric)...)
		}
	}
	return all
}

func values(name string, labels map[string]string, m *dto.Metric) []series {
	if h := m.GetHistogram(); h != nil {
		return []series{
			{name + "_sum", labels, h.GetSampleSum()},
			{name + "_count", labels, float64(h.GetSampleCount())},
		}
	}
	return []series{{name, labels, m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()}}
}

// sum adds up the series of a name whose labels have these values: name, then label and value in turn.
func sum(all []series, name string, labels ...string) float64 {
	total := 0.0
	for _, s := range all {
		if s.name != name {
			continue
		}
		fits := true
		for pair := range slices.Chunk(labels, 2) {
			fits = fits && s.labels[pair[0]] == pair[1]
		}
		if fits {
			total += s.value
		}
	}
	return total
}

func answered(team call.TeamID, waited, talked time.Duration) call.Contact {
	return contact(call.Answered, call.Offer{
		Team: team, Open: true, Result: call.OfferAnswered, Waited: waited, Talked: talked, Rung: 1,
	})
}

func abandoned(team call.TeamID, waited time.Duration) call.Contact {
	return contact(call.Abandoned, call.Offer{Team: team, Open: true, Result: call.OfferAbandoned, Waited: waited})
}

func contact(outcome call.Outcome, offers ...call.Offer) call.Contact {
	return call.Contact{Municipality: "deventer", Outcome: outcome, Offers: offers}
}

// queues is a dispatcher that says what it is told to say.
type queues func() []queue.TeamSnapshot

func (q queues) Snapshot() []queue.TeamSnapshot { return q() }

// notes is a store that counts what it is told to count.
type notes func(ctx context.Context, m call.MunicipalityID) (map[call.TeamID]note.Count, error)

func (n notes) Counts(ctx context.Context, m call.MunicipalityID, _ time.Time) (map[call.TeamID]note.Count, error) {
	return n(ctx, m)
}

func counted(counts map[call.TeamID]note.Count) notes {
	return func(context.Context, call.MunicipalityID) (map[call.TeamID]note.Count, error) {
		return maps.Clone(counts), nil
	}
}

func part(name string, needed bool, h metrics.Health) metrics.Part {
	return metrics.Part{Name: name, Needed: needed, Health: func(context.Context) metrics.Health { return h }}
}

// openOn makes the hours of a team that is open on one day of the week only.
func openOn(t *testing.T, day time.Weekday) *calendar.Hours {
	nine, err := calendar.ParseSpan("09:00-17:00")
	require.NoError(t, err)
	week := calendar.Week{}
	for d := time.Monday; d <= time.Friday; d++ {
		week[d] = []calendar.Span{nine}
	}
	municipality, err := calendar.New(calendar.Spec{Location: time.UTC, Hours: week})
	require.NoError(t, err)
	hours, err := municipality.Team(calendar.TeamSpec{Hours: calendar.Week{day: {nine}}})
	require.NoError(t, err)
	return hours
}
