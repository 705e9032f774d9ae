package metrics_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/queue"
)

var quiet = slog.New(slog.DiscardHandler)

type page struct {
	State string `json:"state"`
	Parts []struct {
		Name   string    `json:"name"`
		State  string    `json:"state"`
		Needed bool      `json:"needed"`
		Since  time.Time `json:"since"`
		Detail string    `json:"detail"`
	} `json:"parts"`
}

func ask(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func askPage(t *testing.T, h http.Handler, path string) (int, page) {
	t.Helper()
	w := ask(t, h, http.MethodGet, path)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var p page
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), w.Body.String())
	return w.Code, p
}

func TestReadiness(t *testing.T) {
	since := time.Date(2026, 3, 2, 9, 0, 0, 0, time.FixedZone("CET", 3600))
	up := metrics.Health{Up: true, Since: since}
	down := metrics.Health{Since: since, Detail: "connection refused"}
	weak := metrics.Health{Up: true, Degraded: true, Since: since, Detail: "appendonly is off"}
	tests := map[string]struct {
		ari, prompts, redis metrics.Health
		code                int
		state               string
	}{
		"all is there":                        {up, up, up, http.StatusOK, "ready"},
		"without Redis calls are still taken": {up, up, down, http.StatusOK, "degraded"},
		"not without Asterisk":                {down, up, up, http.StatusServiceUnavailable, "not_ready"},
		"not without prompts":                 {up, down, up, http.StatusServiceUnavailable, "not_ready"},
		"a Redis that keeps nothing":          {up, up, weak, http.StatusOK, "degraded"},
		"a degraded link":                     {weak, up, up, http.StatusOK, "degraded"},
		"the worst counts":                    {down, up, weak, http.StatusServiceUnavailable, "not_ready"},
		"nothing is there":                    {down, down, down, http.StatusServiceUnavailable, "not_ready"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, reg := newMetrics(t, "kcc")
				require.NoError(t, m.Watch(metrics.Sources{Parts: []metrics.Part{
					part("ari", true, test.ari), part("prompts", true, test.prompts), part("redis", false, test.redis),
				}}))
				code, got := askPage(t, m.Operations(reg, quiet), "/readyz")
				require.Equal(t, test.code, code)
				require.Equal(t, test.state, got.State)
				require.Len(t, got.Parts, 3)
				for i, want := range []metrics.Health{test.ari, test.prompts, test.redis} {
					state := "down"
					switch {
					case want.Degraded:
						state = "degraded"
					case want.Up:
						state = "up"
					}
					require.Equal(t, []string{"ari", "prompts", "redis"}[i], got.Parts[i].Name)
					require.Equal(t, state, got.Parts[i].State)
					require.Equal(t, since.UTC(), got.Parts[i].Since)
					require.Equal(t, i < 2, got.Parts[i].Needed)
					require.Equal(t, want.Detail, got.Parts[i].Detail)
				}
			})
		})
	}
}

func TestADaemonThatHasNotBegunIsAliveButNotReady(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	code, got := askPage(t, m.Operations(reg, quiet), "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, page{State: "not_ready", Parts: got.Parts}, got)
	require.Empty(t, got.Parts)
	code, got = askPage(t, m.Operations(reg, quiet), "/healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "alive", got.State)
}

// A script that waits for the daemon to start must not hear the state of a second ago: a start takes no longer.
func TestAPartInMemoryIsToldAsItIsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		var ari, redis metrics.Health
		asked := 0
		require.NoError(t, m.Watch(metrics.Sources{Parts: []metrics.Part{
			{Name: "ari", Needed: true, InMemory: true, Health: func(context.Context) metrics.Health { return ari }},
			{Name: "redis", Health: func(context.Context) metrics.Health { asked++; return redis }},
		}}))
		h := m.Operations(reg, quiet)
		code, _ := askPage(t, h, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, code)

		ari, redis = metrics.Health{Up: true}, metrics.Health{Up: true}
		code, got := askPage(t, h, "/readyz")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "degraded", got.State)
		require.Equal(t, 1, asked, "a part that may be slow is not asked by every reader")

		pass(time.Second)
		_, got = askPage(t, h, "/readyz")
		require.Equal(t, "ready", got.State)
	})
}

func TestAPartThatNoLongerAnswersIsNotUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		silent := make(chan struct{})
		since := time.Now().UTC()
		first := true
		require.NoError(t, m.Watch(metrics.Sources{Parts: []metrics.Part{{Name: "ari", Needed: true, Health: func(
			context.Context,
		) metrics.Health {
			if !first {
				<-silent
			}
			first = false
			return metrics.Health{Up: true, Since: since}
		}}}}))
		h := m.Operations(reg, quiet)
		code, _ := askPage(t, h, "/readyz")
		require.Equal(t, http.StatusOK, code)

		pass(5 * time.Second)
		asked := time.Now().UTC()
		code, got := askPage(t, h, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "silent", got.Parts[0].State)
		require.Equal(t, asked, got.Parts[0].Since)
		require.NotEmpty(t, got.Parts[0].Detail)
		requireLine(t, exposition(t, reg), `bereikbaar_part_up{part="ari"} 0`)
		require.LessOrEqual(t, time.Since(asked), 250*time.Millisecond)

		close(silent)
		synctest.Wait()
		code, _ = askPage(t, h, "/readyz")
		require.Equal(t, http.StatusOK, code)
	})
}

func TestLiveness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		reader := metrics.NewPulse("ari_reader", 10*time.Second)
		require.NoError(t, m.Watch(metrics.Sources{
			Pulses: []*metrics.Pulse{reader},
			Queues: queues(func() []queue.TeamSnapshot { return nil }),
			Parts:  []metrics.Part{part("ari", true, metrics.Health{})}, // Asterisk away is no reason for a restart
		}))
		h := m.Operations(reg, quiet)
		code, got := askPage(t, h, "/healthz")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "alive", got.State)
		require.Equal(t, []string{"ari_reader", "queues"}, []string{got.Parts[0].Name, got.Parts[1].Name})

		pass(9 * time.Second)
		reader.Beat()
		beat := time.Now().UTC()
		pass(9 * time.Second)
		code, got = askPage(t, h, "/healthz")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, beat, got.Parts[0].Since)

		pass(2 * time.Second)
		code, got = askPage(t, h, "/healthz")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "stuck", got.State)
		require.Equal(t, "silent", got.Parts[0].State)
		require.Equal(t, beat, got.Parts[0].Since, "the last turn")

		reader.Beat()
		code, _ = askPage(t, h, "/healthz")
		require.Equal(t, http.StatusOK, code)
	})
}

func TestQueuesThatNoLongerAnswerAreStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, reg := newMetrics(t, "kcc")
		locked := make(chan struct{})
		require.NoError(
			t, m.Watch(metrics.Sources{Queues: queues(func() []queue.TeamSnapshot { <-locked; return nil })}),
		)
		h := m.Operations(reg, quiet)
		code, _ := askPage(t, h, "/healthz")
		require.Equal(t, http.StatusOK, code, "a moment of work is not stuck")
		pass(5 * time.Second)
		code, got := askPage(t, h, "/healthz")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "stuck", got.State)
		close(locked)
		synctest.Wait()
		code, _ = askPage(t, h, "/healthz")
		require.Equal(t, http.StatusOK, code)
	})
}

func TestThePagesOfOperations(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	h := m.Operations(reg, quiet)
	w := ask(t, h, http.MethodGet, "/metrics")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Type"), "text/plain")
	requireLine(t, w.Body.String(), "bereikbaar_ari_events_dropped_total 0")

	require.Contains(t, ask(t, h, http.MethodGet, "/").Body.String(), "/readyz")
	require.Equal(t, http.StatusNotFound, ask(t, h, http.MethodGet, "/debug/pprof/").Code)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		require.Equal(t, http.StatusMethodNotAllowed, ask(t, h, http.MethodPost, path).Code)
		require.Equal(t, http.StatusOK, ask(t, h, http.MethodHead, "/healthz").Code)
	}
}

// broken is a collector that fails, as any can one day.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(d chan<- *prometheus.Desc) { d <- b.desc }
func (b broken) Collect(m chan<- prometheus.Metric) {
	m <- prometheus.NewInvalidMetric(b.desc, context.DeadlineExceeded)
}

func TestOneBrokenCollectorDoesNotBlindOperations(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	reg.MustRegister(broken{prometheus.NewDesc("broken", "x", nil, nil)})
	w := ask(t, m.Operations(reg, quiet), http.MethodGet, "/metrics")
	require.Equal(t, http.StatusOK, w.Code)
	requireLine(t, w.Body.String(), "bereikbaar_ari_events_dropped_total 0")
}

// serve starts the server on a free port and stops it at the end.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := httpserver.Listen(t.Context(), "listen.operations", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(ctx, l, h, quiet) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	return l.Addr().String()
}

// Row 27 of the fault matrix: calls are unaffected by readers that do not read.
func TestScrapersThatDoNotReadHoldUpNobody(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	address := serve(t, m.Operations(reg, quiet))
	for range 20 {
		slow, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { slow.Close() })
		_, err = io.WriteString(slow, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200))
		require.NoError(t, err)
	}
	before := time.Now()
	m.Contact(answered("kcc", time.Second, time.Second))
	require.Less(t, time.Since(before), time.Second)

	quick, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer quick.Close()
	require.NoError(t, quick.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(quick, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	status, err := bufio.NewReader(quick).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, status, "503", "not ready, but said so at once")
}
