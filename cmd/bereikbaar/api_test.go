package main

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/web"
)

// The daemon as it is wired, before it has run: what is asked of its API is in what Prometheus reads.
func TestTheDaemonCountsWhatIsAskedOfItsAPI(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler), withTokens(t))
	before := scraped(t, d)
	for _, operation := range web.Operations() {
		require.Contains(t, before, `bereikbaar_api_requests_total{operation="`+operation+`",status="5xx"} 0`)
	}
	for _, reason := range web.Refusals() {
		require.Contains(t, before, `bereikbaar_api_tokens_refused_total{reason="`+reason+`"} 0`)
	}
	d.api.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/api/me", nil))
	after := scraped(t, d)
	require.Contains(t, after, `bereikbaar_api_requests_total{operation="(other)",status="4xx"} 1`)
	require.Contains(t, after, `bereikbaar_api_tokens_refused_total{reason="missing"} 1`)
}

// scraped is what Prometheus would read.
func scraped(t *testing.T, d *service) string {
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
