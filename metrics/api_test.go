package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/metrics"
)

var apiCounts = []string{
	"bereikbaar_api_requests_total", "bereikbaar_api_tokens_refused_total", "bereikbaar_api_requests_in_flight",
}

func TestTheJSONAPIBeginsAtNothing(t *testing.T) {
	_, reg := newMetrics(t, "kcc")
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP bereikbaar_api_requests_in_flight Requests to the JSON API that wait for their turn or are being worked, by state.
# TYPE bereikbaar_api_requests_in_flight gauge
bereikbaar_api_requests_in_flight{state="waiting"} 0
bereikbaar_api_requests_in_flight{state="working"} 0
# HELP bereikbaar_api_requests_total Requests to the JSON API, by operation and class of HTTP status; cut_off broke off halfway. Operation (other) reached none: no valid token, or nothing there.
# TYPE bereikbaar_api_requests_total counter
bereikbaar_api_requests_total{operation="(other)",status="2xx"} 0
bereikbaar_api_requests_total{operation="(other)",status="3xx"} 0
bereikbaar_api_requests_total{operation="(other)",status="4xx"} 0
bereikbaar_api_requests_total{operation="(other)",status="5xx"} 0
bereikbaar_api_requests_total{operation="(other)",status="cut_off"} 0
bereikbaar_api_requests_total{operation="claim",status="2xx"} 0
bereikbaar_api_requests_total{operation="claim",status="3xx"} 0
bereikbaar_api_requests_total{operation="claim",status="4xx"} 0
bereikbaar_api_requests_total{operation="claim",status="5xx"} 0
bereikbaar_api_requests_total{operation="claim",status="cut_off"} 0
bereikbaar_api_requests_total{operation="export",status="2xx"} 0
bereikbaar_api_requests_total{operation="export",status="3xx"} 0
bereikbaar_api_requests_total{operation="export",status="4xx"} 0
bereikbaar_api_requests_total{operation="export",status="5xx"} 0
bereikbaar_api_requests_total{operation="export",status="cut_off"} 0
# HELP bereikbaar_api_tokens_refused_total Requests to the JSON API without a valid token, by reason: missing, unknown (or out of date), too_many.
# TYPE bereikbaar_api_tokens_refused_total counter
bereikbaar_api_tokens_refused_total{reason="missing"} 0
bereikbaar_api_tokens_refused_total{reason="unknown"} 0
`), apiCounts...))
	got := exposition(t, reg)
	for _, operation := range []string{"claim", "export", metrics.Elsewhere} {
		requireLine(t, got, `bereikbaar_api_request_duration_seconds_count{operation="`+operation+`"} 0`)
	}
}

func TestRequestsToTheJSONAPI(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	for _, status := range []int{200, 201, 307, 400, 409, 499, 500, 503, 0, -1, 999} {
		m.API.Answered("claim", status, 20*time.Millisecond)
	}
	m.API.Answered("export", 200, 2*time.Minute)
	m.API.Answered("", 401, -time.Second)
	m.API.TokenRefused("unknown")
	m.API.Waits(1)
	m.API.Waits(1)
	m.API.Waits(-1)
	m.API.Works(1)
	m.API.Works(1)
	got := exposition(t, reg)
	for _, line := range []string{
		`bereikbaar_api_requests_total{operation="claim",status="2xx"} 2`,
		`bereikbaar_api_requests_total{operation="claim",status="3xx"} 1`,
		`bereikbaar_api_requests_total{operation="claim",status="4xx"} 3`,
		`bereikbaar_api_requests_total{operation="claim",status="5xx"} 2`,
		`bereikbaar_api_requests_total{operation="claim",status="cut_off"} 3`,
		`bereikbaar_api_requests_total{operation="export",status="2xx"} 1`,
		`bereikbaar_api_requests_total{operation="(other)",status="4xx"} 1`,
		`bereikbaar_api_request_duration_seconds_bucket{operation="claim",le="0.01"} 0`,
		`bereikbaar_api_request_duration_seconds_bucket{operation="claim",le="0.025"} 11`,
		`bereikbaar_api_request_duration_seconds_sum{operation="export"} 120`,
		`bereikbaar_api_request_duration_seconds_sum{operation="(other)"} 0`,
		`bereikbaar_api_tokens_refused_total{reason="unknown"} 1`,
		`bereikbaar_api_requests_in_flight{state="waiting"} 1`,
		`bereikbaar_api_requests_in_flight{state="working"} 2`,
	} {
		requireLine(t, got, line)
	}
}

func TestAClientsTextIsNeverALabel(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	before := strings.Count(exposition(t, reg), "\n")
	for _, sent := range []string{"/api/notes/0612345678", "bkb_secret", "\xff", "Claim"} {
		m.API.Answered(sent, 404, time.Millisecond)
		m.API.TokenRefused(sent)
	}
	got := exposition(t, reg)
	requireLine(t, got, `bereikbaar_api_requests_total{operation="(other)",status="4xx"} 4`)
	requireLine(t, got, `bereikbaar_api_tokens_refused_total{reason="(other)"} 4`)
	require.Equal(t, before+1, strings.Count(got, "\n"), "one series more, for a fault of ours")
}
