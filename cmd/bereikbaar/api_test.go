package main

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/web"
)

// The daemon as it is wired, before it has run: what is asked of its API is in what Prometheus reads.
func TestTheDaemonCountsWhatIsAskedOfItsAPI(t *testing.T) {
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "not-asked-for")
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.yaml")
	require.NoError(t, os.WriteFile(tokens, nil, 0o600))
	cfg, err := config.Load(written(t, townHall, "agents:", "state: {directory: "+dir+"}\nprompts: {directory: "+dir+
		"/prompts}\nweb: {tokens_file: "+tokens+"}\nlisten: {web: \"127.0.0.1:0\"}\nagents:"), os.Getenv)
	require.NoError(t, err)
	d, err := newDaemon(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() {
		d.journal.Close()
		d.store.Close()
		d.lock.Close()
	})
	listener, api, err := d.listenAPI(t.Context())
	require.NoError(t, err)
	listener.Close()

	before := scraped(t, d)
	for _, operation := range web.Operations() {
		require.Contains(t, before, `bereikbaar_api_requests_total{operation="`+operation+`",status="5xx"} 0`)
	}
	for _, reason := range web.Refusals() {
		require.Contains(t, before, `bereikbaar_api_tokens_refused_total{reason="`+reason+`"} 0`)
	}
	api.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/api/me", nil))
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
