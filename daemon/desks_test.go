package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// The daemon as it is wired, before it has run: requests to its API are in the figures for Prometheus.
func TestTheDaemonCountsWhatIsAskedOfItsAPI(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler), withTokens(t))
	before := scraped(t, d)
	for _, operation := range api.Operations() {
		require.Contains(t, before, `bereikbaar_api_requests_total{operation="`+operation+`",status="5xx"} 0`)
	}
	for _, reason := range api.Refusals() {
		require.Contains(t, before, `bereikbaar_api_tokens_refused_total{reason="`+reason+`"} 0`)
	}
	d.web.mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/api/me", nil))
	after := scraped(t, d)
	require.Contains(t, after, `bereikbaar_api_requests_total{operation="(other)",status="4xx"} 1`)
	require.Contains(t, after, `bereikbaar_api_tokens_refused_total{reason="missing"} 1`)
}

// A refused colleague is told at once, and not in the log alone; each refusal is counted once.
func TestNobodyIsPutThroughWhoCannotBeRung(t *testing.T) {
	office := atTheOffice(t)
	const wayOut = "callbacks: {dial: \"PJSIP/{number}@trunk\"}"
	for name, test := range map[string]struct {
		colleague call.AgentID
		number    string
		dial      string
		code      dialling.Reason
	}{
		"no way outside":              {"kcc1", "0612345678", "", dialling.ReasonOff},
		"a colleague without a phone": {"by-token-only", "0612345678", wayOut, dialling.ReasonNoPhone},
		"a number that must not be":   {"kcc1", "0900123456", wayOut, dialling.ReasonNumber},
		"being put through already":   {"kcc1", "0612345678", wayOut, dialling.ReasonBusy},
		"Asterisk cannot be reached":  {"kcc1", "0612345678", wayOut, dialling.ReasonExchange},
	} {
		t.Run(name, func(t *testing.T) {
			whole := daemonWith(t, slog.New(slog.DiscardHandler), test.dial, office.RedisLine())
			d := whole.desks
			d.busy["kcc1"] = test.code != dialling.ReasonExchange // else it is looked at first
			d.guard = dialling.NewGuard(d.settings, new(dialling.LocalTally), d.refusals.add)
			number, err := call.ParseNumber(test.number)
			require.NoError(t, err)
			err = d.CallBack(note.Note{Municipality: "deventer", Colleague: test.colleague, Number: number})
			var refused *dialling.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.code, refused.Code)
			figures := scraped(t, whole)
			for _, code := range dialling.Reasons() {
				count := 0
				if code == test.code {
					count = 1
				}
				require.Contains(t, figures, fmt.Sprintf("bereikbaar_dials_refused_total{reason=%q} %d\n", code, count))
			}
		})
	}
}

// A colleague rings a number with a phone of their own: nobody else is put through to it until they have reported the
// result.
func TestANumberThatAColleagueRingsByThemselvesIsNotCalled(t *testing.T) {
	c := atTheOffice(t)
	d := daemonWith(t, slog.New(slog.DiscardHandler), c.RedisLine())
	one, two := c.Note("kcc"), c.Note("parttime")
	does := func(n note.Note, who call.AgentID, change func(context.Context, callback.Step) (note.Note, error)) {
		t.Helper()
		step := callback.Step{Municipality: "deventer", Note: n.ID, Who: note.ByAgent(who), At: time.Now()}
		_, err := change(t.Context(), step)
		require.NoError(t, err)
	}
	does(one, "kcc1", d.worklist.Claim)
	require.NoError(t, d.desks.Check(two), "nobody rings yet")
	does(one, "kcc1", func(ctx context.Context, s callback.Step) (note.Note, error) {
		return d.worklist.StartAttempt(ctx, s, "")
	})
	require.NoError(t, d.desks.Check(one), "it is their own attempt")
	var why *dialling.Error
	require.ErrorAs(t, d.desks.Check(two), &why)
	require.Equal(t, dialling.ReasonEngaged, why.Code)
	require.Equal(t, call.AgentID("kcc1"), why.Colleague)
	require.Equal(t, call.TeamID("kcc"), why.Team)
	require.Contains(t, scraped(t, d), `bereikbaar_dials_refused_total{reason="engaged"} 1`)
	does(one, "kcc1", func(ctx context.Context, s callback.Step) (note.Note, error) {
		return d.worklist.EndAttempt(ctx, s, attempt.LineUnknown, 0, attempt.Voicemail)
	})
	require.NoError(t, d.desks.Check(two))
}

// scraped is the page that Prometheus would read.
func scraped(t *testing.T, d *Daemon) string {
	t.Helper()
	families, err := d.registry.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, family := range families {
		_, err := expfmt.MetricFamilyToText(&text, family)
		require.NoError(t, err)
	}
	return text.String()
}
