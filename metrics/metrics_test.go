package metrics_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

func expositionOf(t *testing.T, o metrics.Options) string {
	reg := pedant()
	_, err := metrics.New(reg, o)
	require.NoError(t, err)
	return exposition(t, reg)
}

func TestNewRefusesOptionsThatCannotBeMeasured(t *testing.T) {
	tests := map[string]struct {
		spoil func(*metrics.Options)
		says  string
	}{
		"no plan":             {func(o *metrics.Options) { o.Plan = nil }, "no plan"},
		"no answer threshold": {func(o *metrics.Options) { o.AnswerThreshold = 0 }, "answer threshold 0s"},
		"a negative short abandon": {
			func(o *metrics.Options) { o.ShortAbandon = -time.Second }, "short abandon threshold -1s",
		},
		"S above T": {
			func(o *metrics.Options) { o.ShortAbandon = time.Minute }, "more than the short abandon threshold 1m0s",
		},
		"S equal to T": {
			func(o *metrics.Options) { o.ShortAbandon = answerThreshold }, "more than the short abandon threshold",
		},
		"a team without a name": {func(o *metrics.Options) { o.Plan = planOf("") }, `team ""`},
		"a team named like the others": {
			func(o *metrics.Options) { o.Plan = planOf(metrics.Elsewhere) }, `team "(other)"`,
		},
		"a team that is no text": {func(o *metrics.Options) { o.Plan = planOf("\xff") }, `team "\xff"`},
		"a municipality without a name": {
			func(o *metrics.Options) { o.Plan.Municipalities[""] = routing.Municipality{} }, `municipality ""`,
		},
		"a municipality that is no text": {
			func(o *metrics.Options) { o.Plan.Municipalities["\xc0"] = routing.Municipality{} }, "municipality",
		},
		"a municipality named (other)": {
			func(o *metrics.Options) { o.Plan.Municipalities[metrics.Elsewhere] = routing.Municipality{} },
			"municipality",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(planOf("kcc"))
			test.spoil(&o)
			reg := pedant()
			_, err := metrics.New(reg, o)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "metrics: ")
			require.Empty(t, exposition(t, reg), "a refused one leaves nothing behind")
		})
	}
}

func TestNoShortAbandonsAtAllIsAllowed(t *testing.T) {
	o := options(planOf("kcc"))
	o.ShortAbandon = 0
	requireLine(t, expositionOf(t, o), "bereikbaar_short_abandon_threshold_seconds 0")
}

func TestTheSameRegistryTwiceIsAnErrorAndNoPanic(t *testing.T) {
	reg := pedant()
	_, err := metrics.New(reg, options(planOf("kcc")))
	require.NoError(t, err)
	_, err = metrics.New(reg, options(planOf("kcc")))
	require.ErrorContains(t, err, "metrics: register")
}

func TestAReloadBringsAndTakesTeams(t *testing.T) {
	m, reg := newMetrics(t, "kcc", "vergunningen")
	m.Contact(answered("vergunningen", time.Second, time.Minute))

	require.NoError(t, m.Apply(planOf("kcc", "belastingen")))
	got := exposition(t, reg)
	requireLine(
		t, got, `bereikbaar_calls_offered_total{hours="open",result="answered",team="belastingen",waited="short"} 0`,
	)
	requireLine(t, got, `bereikbaar_team_open{team="belastingen"} 1`)
	require.NotContains(t, got, `bereikbaar_team_open{team="vergunningen"}`)

	m.Contact(answered("vergunningen", time.Second, time.Minute)) // a call that began before the reload
	m.Contact(answered("belastingen", time.Second, time.Minute))
	got = exposition(t, reg)
	requireLine(
		t, got, `bereikbaar_calls_offered_total{hours="open",result="answered",team="vergunningen",waited="short"} 2`,
	)
	requireLine(
		t, got, `bereikbaar_calls_offered_total{hours="open",result="answered",team="belastingen",waited="short"} 1`,
	)
	requireLine(t, got, `bereikbaar_contact_faults_total{fault="unknown_team"} 0`)
}

func TestAReloadThatCannotBeMeasuredChangesNothing(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	before := strings.Count(exposition(t, reg), "\n")
	require.ErrorContains(t, m.Apply(planOf("kcc", "vergunningen", "\xff")), `team "\xff"`)
	require.ErrorContains(t, m.Apply(nil), "no plan")
	require.Equal(t, before, strings.Count(exposition(t, reg), "\n"))
}

func TestTheLinkWithAsterisk(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	m.ARI.LinkUp()
	m.ARI.LinkLost("closed")
	m.ARI.LinkUp()
	m.ARI.EventSkipped("unknown")
	m.ARI.EventSkipped("huge")
	m.ARI.CommandDone("answer", 204, 2*time.Millisecond)
	m.ARI.CommandDone("answer", 404, 3*time.Millisecond)
	m.ARI.CommandDone("play", 0, 2*time.Second)
	m.ARI.CommandDone("play", -7, -time.Second)
	m.ARI.CommandDone("play", 99999, time.Second)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP bereikbaar_ari_command_errors_total Commands to Asterisk that failed, by HTTP status; none is no answer in time. 404 and 412 are callers who hung up first.
# TYPE bereikbaar_ari_command_errors_total counter
bereikbaar_ari_command_errors_total{status="400"} 0
bereikbaar_ari_command_errors_total{status="403"} 0
bereikbaar_ari_command_errors_total{status="404"} 1
bereikbaar_ari_command_errors_total{status="409"} 0
bereikbaar_ari_command_errors_total{status="412"} 0
bereikbaar_ari_command_errors_total{status="422"} 0
bereikbaar_ari_command_errors_total{status="500"} 0
bereikbaar_ari_command_errors_total{status="none"} 3
# HELP bereikbaar_ari_connection_losses_total Times that the link with Asterisk was lost or could not be made, by reason.
# TYPE bereikbaar_ari_connection_losses_total counter
bereikbaar_ari_connection_losses_total{reason="closed"} 1
bereikbaar_ari_connection_losses_total{reason="unreachable"} 0
# HELP bereikbaar_ari_connections_total Times that the link with Asterisk was made; each after the first is a reconnect.
# TYPE bereikbaar_ari_connections_total counter
bereikbaar_ari_connections_total 2
# HELP bereikbaar_ari_events_dropped_total Events of Asterisk that did not reach their call: a fault of ours, must be 0.
# TYPE bereikbaar_ari_events_dropped_total counter
bereikbaar_ari_events_dropped_total 0
# HELP bereikbaar_ari_events_skipped_total Messages of Asterisk that were not handled, by reason: unknown, malformed, too long.
# TYPE bereikbaar_ari_events_skipped_total counter
bereikbaar_ari_events_skipped_total{reason="huge"} 1
bereikbaar_ari_events_skipped_total{reason="malformed"} 0
bereikbaar_ari_events_skipped_total{reason="unknown"} 1
`), "bereikbaar_ari_command_errors_total", "bereikbaar_ari_connection_losses_total", "bereikbaar_ari_connections_total",
		"bereikbaar_ari_events_dropped_total", "bereikbaar_ari_events_skipped_total"))
	got := exposition(t, reg)
	requireLine(t, got, `bereikbaar_ari_command_duration_seconds_bucket{command="answer",le="0.0025"} 1`)
	requireLine(t, got, `bereikbaar_ari_command_duration_seconds_count{command="answer"} 2`)
	requireLine(t, got, `bereikbaar_ari_command_duration_seconds_sum{command="play"} 3`)
	m.ARI.EventDropped()
	requireLine(t, exposition(t, reg), "bereikbaar_ari_events_dropped_total 1")
}

func TestALabelDoesNotGrowWithWhatIsPassedByMistake(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	for _, command := range []string{"\xff", "", metrics.Elsewhere} {
		m.ARI.CommandDone(command, 200, time.Millisecond)
	}
	require.InDelta(
		t, 3,
		sum(read(t, exposition(t, reg)), "bereikbaar_ari_command_duration_seconds_count", "command", metrics.Elsewhere),
		0,
	)
	for i := range 1000 {
		m.ARI.CommandDone(fmt.Sprintf("POST /channels/%d/answer", i), 200, time.Millisecond)
	}
	all := read(t, exposition(t, reg))
	count := 0
	for _, s := range all {
		if s.name == "bereikbaar_ari_command_duration_seconds_count" {
			count++
		}
	}
	require.LessOrEqual(t, count, 65)
	require.InDelta(t, 1003, sum(all, "bereikbaar_ari_command_duration_seconds_count"), 0, "none is lost")
}

func TestNotesByTelephone(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	m.Notes.Promised("kcc")
	m.Notes.Promised("gone") // of a team that left the plan: a promise all the same
	for _, err := range []error{
		&dialling.Refusal{Code: dialling.CodeWithheld},
		fmt.Errorf("promise a callback: %w", &dialling.Refusal{Code: dialling.CodeKind}),
		fmt.Errorf("promise a callback: %w", note.ErrStoreDown),
		fmt.Errorf("promise a callback: %w", note.ErrReferenceTaken),
		&dialling.Refusal{Code: "0612345678"},
		errors.New("for 0612345678"),
		nil,
	} {
		m.Notes.Refused("kcc", err)
	}
	got := exposition(t, reg)
	for _, line := range []string{
		`bereikbaar_notes_promised_total{team="kcc"} 1`,
		`bereikbaar_notes_promised_total{team="(other)"} 1`,
		`bereikbaar_notes_refused_total{reason="withheld",team="kcc"} 1`,
		`bereikbaar_notes_refused_total{reason="kind",team="kcc"} 1`,
		`bereikbaar_notes_refused_total{reason="country",team="kcc"} 0`,
		`bereikbaar_notes_refused_total{reason="store_down",team="kcc"} 1`,
		`bereikbaar_notes_refused_total{reason="other",team="kcc"} 4`,
	} {
		requireLine(t, got, line)
	}
	require.NotContains(t, got, "0612345678")
}

func TestReloadsOfTheConfiguration(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	state := func() (ok, refused, successful, at float64) {
		all := read(t, exposition(t, reg))
		return sum(all, "bereikbaar_config_reloads_total", "result", "ok"),
			sum(all, "bereikbaar_config_reloads_total", "result", "refused"),
			sum(all, "bereikbaar_config_last_reload_successful"),
			sum(all, "bereikbaar_config_last_reload_success_timestamp_seconds")
	}
	ok, refused, successful, started := state()
	require.Equal(t, []float64{0, 0, 1}, []float64{ok, refused, successful})
	require.InDelta(t, float64(time.Now().Unix()), started, 60)

	m.Config.Refused()
	ok, refused, successful, at := state()
	require.Equal(
		t, []float64{0, 1, 0, started}, []float64{ok, refused, successful, at}, "the old one is still the one in force",
	)

	m.Config.Reloaded()
	ok, refused, successful, at = state()
	require.Equal(t, []float64{1, 1, 1}, []float64{ok, refused, successful})
	require.Greater(t, at, started)
}

func TestOtherCounters(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	m.PromptMissing("nl", "welcome")
	m.PromptMissing(prompts.Language("\xff"), "digit-5")
	m.Redis.CommandFailed()
	got := exposition(t, reg)
	requireLine(t, got, "bereikbaar_prompts_missing_total 2")
	requireLine(t, got, "bereikbaar_redis_command_errors_total 1")
}

func TestTheBuildIsNamed(t *testing.T) {
	require.Regexp(
		t, `bereikbaar_build_info\{go_version="go1\.[^"]+",revision="[^"]+",version="1\.2\.3"\} 1`,
		expositionOf(t, options(planOf("kcc"))),
	)
	unnamed := options(planOf("kcc"))
	unnamed.Version = ""
	require.Regexp(
		t, `bereikbaar_build_info\{go_version="go1\.[^"]+",revision="[^"]+",version="[^"]+"\} 1`,
		expositionOf(t, unnamed),
	)
}

// The register of ivr is kept by metrics as it stands.
var _ interface {
	Contact(call.Contact)
	PromptMissing(prompts.Language, prompts.ID)
} = (*metrics.Metrics)(nil)
