package metrics_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/httpserver"
)

const (
	startWithin   = 60 * time.Second
	answersWithin = 30 * time.Second
	seenWithin    = 60 * time.Second
	lookEvery     = 100 * time.Millisecond
)

// server is a real Prometheus, with the shipped configuration and rules, that reads target every second.
type server struct{ address string }

func startPrometheus(t *testing.T, target string, features ...string) server {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	require.NoError(t, err, "prometheus is missing: install the Debian package prometheus")
	directory := t.TempDir()
	require.NoError(t, os.CopyFS(directory, os.DirFS("../deploy/prometheus")))
	file := filepath.Join(directory, "prometheus.yml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	text = regexp.MustCompile(`127\.0\.0\.1:9570`).ReplaceAll(text, []byte(target))
	text = regexp.MustCompile(`(_interval|_timeout): .*`).ReplaceAll(text, []byte("${1}: 1s"))
	require.Contains(t, string(text), target)
	require.NoError(t, os.WriteFile(file, text, 0o600))

	free, err := httpserver.Listen(t.Context(), "listen.operations", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	arguments := []string{
		"--config.file", file, "--storage.tsdb.path", filepath.Join(directory, "data"), "--web.listen-address", address,
		"--log.level", "warn",
	}
	cmd := exec.CommandContext(ctx, program, append(arguments, features...)...)
	log, err := os.Create(filepath.Join(directory, "log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stop()
		cmd.Wait() // it was told to end
		require.NoError(t, log.Close())
		if said, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("prometheus said:\n%s", said)
		}
	})
	p := server{address}
	require.Eventually(t, func() bool {
		r, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	}, startWithin, lookEvery, "prometheus is ready")
	return p
}

func (p server) ask(t *testing.T, path string, answer any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answersWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	require.NoError(t, err)
	got, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer got.Body.Close()
	require.Equal(t, http.StatusOK, got.StatusCode, path)
	require.NoError(t, json.NewDecoder(got.Body).Decode(answer), path)
}

// value is the one value of an expression now; NaN when there is none.
func (p server) value(t *testing.T, expression string) float64 {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	p.ask(t, "/api/v1/query?query="+url.QueryEscape(expression), &answer)
	if len(answer.Data.Result) == 0 {
		return math.NaN()
	}
	require.Len(t, answer.Data.Result, 1, expression)
	value, err := strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
	require.NoError(t, err)
	return value
}

// becomes waits until an expression has a value.
func (p server) becomes(t *testing.T, expression string, want float64) {
	t.Helper()
	var got float64
	for end := time.Now().Add(seenWithin); time.Now().Before(end); <-time.After(lookEvery) {
		if got = p.value(t, expression); math.Abs(got-want) < 1e-9 {
			return
		}
	}
	require.InDelta(t, want, got, 1e-9, expression)
}

// script is ten offers in opening hours to kcc: 6 answered, of which 4 within T, waiting 137 s together; 1 abandoned
// within S, 1 after it; 1 note, 1 moved on. And what may not count.
func script() []call.Contact {
	closed := call.Offer{Team: "kcc", Result: call.OfferAbandoned, Waited: time.Hour}
	return []call.Contact{
		answered("kcc", time.Second, time.Minute),
		answered("kcc", 6*time.Second, time.Minute),
		answered("kcc", 10*time.Second, time.Minute),
		answered("kcc", 30*time.Second, time.Minute),
		answered("kcc", 40*time.Second, time.Minute),
		answered("kcc", 50*time.Second, time.Minute),
		abandoned("kcc", 4*time.Second),
		abandoned("kcc", time.Minute),
		contact(call.CallbackPromised, call.Offer{
			Team: "kcc", Open: true, Result: call.OfferTookNote, Waited: time.Minute,
		}),
		contact(call.Answered,
			call.Offer{Team: "kcc", Open: true, Result: call.OfferMovedOn},
			call.Offer{Team: "vergunningen", Open: true, Result: call.OfferAnswered, Waited: 3 * time.Second}),
		contact(call.Abandoned, closed), contact(call.Abandoned, closed),
		contact(call.HungUpInMenu),
	}
}

func TestARealPrometheusGivesTheFiguresOfAScript(t *testing.T) {
	for name, features := range map[string][]string{
		"with fixed buckets":     nil,
		"with native histograms": {"--enable-feature=native-histograms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, reg := newMetrics(t, "kcc", "vergunningen", "belastingen")
			p := startPrometheus(t, serve(t, m.Operations(reg, quiet)), features...)
			offered := `sum(bereikbaar_calls_offered_total{team="kcc"})`
			p.becomes(t, offered, 0)
			contacts := script()
			half := len(contacts) / 2
			for _, c := range contacts[:half] {
				m.Contact(c)
			}
			p.becomes(t, offered, float64(half))
			for _, c := range contacts[half:] {
				m.Contact(c)
			}
			p.becomes(t, `team:bereikbaar_reachability:ratio5m{team="kcc"}`, 6.0/9)
			p.becomes(t, `team:bereikbaar_service_level:ratio5m{team="kcc"}`, 4.0/9)
			p.becomes(t, `team:bereikbaar_service_level_of_answered:ratio5m{team="kcc"}`, 4.0/6)
			p.becomes(t, `team:bereikbaar_abandonment:ratio5m{team="kcc"}`, 1.0/9)
			p.becomes(t, `team:bereikbaar_speed_of_answer_seconds:mean5m{team="kcc"}`, 137.0/6)
			p.becomes(t, `team:bereikbaar_reachability:ratio15m{team="kcc"}`, 6.0/9)
			p.becomes(t, `team:bereikbaar_reachability:ratio5m{team="vergunningen"}`, 1)
			require.True(
				t, math.IsNaN(p.value(t, `team:bereikbaar_reachability:ratio5m{team="belastingen"}`)), "nobody rang",
			)
			classic := p.value(t, `count(bereikbaar_call_waiting_seconds_sum{team="kcc"})`)
			require.Equal(
				t, features == nil, !math.IsNaN(classic),
				"the other kind of histogram is not stored: the rules did without it",
			)
			p.requireHealthyRules(t)
		})
	}
}

func (p server) requireHealthyRules(t *testing.T) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					Name, Health, LastError string
				} `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	p.ask(t, "/api/v1/rules", &answer)
	rules := 0
	for _, group := range answer.Data.Groups {
		for _, r := range group.Rules {
			require.Empty(t, r.LastError, r.Name)
			// unknown: of a long window, not reckoned yet
			require.Contains(t, []string{"ok", "unknown"}, r.Health, r.Name)
			rules++
		}
	}
	require.Equal(t, 52, rules)
}
