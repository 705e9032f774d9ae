package rig

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestOverridesAreMergedIntoTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		overrides map[string]any
		want      string
	}{
		"nothing": {
			nil, "a: 1\nnumber: \"0140570\"\nteam: {members: [x], ring: 20s}\nday: 2026-05-15\n",
		},
		"a value": {
			map[string]any{"a": 2}, "a: 2\nnumber: \"0140570\"\nteam: {members: [x], ring: 20s}\nday: 2026-05-15\n",
		},
		"a value further in": {
			map[string]any{"team": map[string]any{"ring": "1s"}},
			"a: 1\nnumber: \"0140570\"\nteam: {members: [x], ring: 1s}\nday: 2026-05-15\n",
		},
		"a list in place of a list": {
			map[string]any{"team": map[string]any{"members": []string{"y", "z"}}},
			"a: 1\nnumber: \"0140570\"\nteam: {members: [y, z], ring: 20s}\nday: 2026-05-15\n",
		},
		"a key less": {
			map[string]any{"team": nil, "unknown": nil}, "a: 1\nnumber: \"0140570\"\nday: 2026-05-15\n",
		},
		"a key more": {
			map[string]any{"redis": map[string]any{"address": "x"}},
			"a: 1\nnumber: \"0140570\"\nteam: {members: [x], ring: 20s}\nday: 2026-05-15\nredis: {address: x}\n",
		},
		"a mapping where a value was": {
			map[string]any{"a": map[string]any{"b": 1}},
			"a: {b: 1}\nnumber: \"0140570\"\nteam: {members: [x], ring: 20s}\nday: 2026-05-15\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var document yaml.Node
			require.NoError(
				t,
				yaml.Unmarshal(
					[]byte("a: 1\nnumber: \"0140570\"\nteam: {members: [x], ring: 20s}\nday: 2026-05-15\n"), &document,
				),
			)
			require.NoError(t, merge(document.Content[0], test.overrides))
			merged, err := yaml.Marshal(&document)
			require.NoError(t, err)
			require.YAMLEq(t, test.want, string(merged))
			require.NotContains(t, string(merged), "T00:00:00", "a date stays as it was written")
		})
	}
}

func TestPrometheusScrapesTheDaemonsAddressAndKnowsTheRules(t *testing.T) {
	t.Parallel()
	o := withoutDaemon(t)
	o.Without = append(o.Without, TheAsterisk, TheRedis)
	o.Prometheus = 200 * time.Millisecond
	r, ctx := newRig(t, o)
	listener, err := net.Listen("tcp", r.Daemon.Operations)
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("rig_test_value 42\n"))
	})}
	go func() { _ = server.Serve(listener) }() // until it is closed
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	require.Eventually(t, func() bool {
		samples, err := r.Prometheus.Query(ctx, "rig_test_value")
		return err == nil && len(samples) == 1 && samples[0].Value == 42 && samples[0].Labels["job"] == "bereikbaar"
	}, 20*time.Second, 100*time.Millisecond)
	_, err = r.Prometheus.Query(ctx, "nonsense(")
	require.ErrorContains(t, err, "parse error")
	status, rules, err := get(ctx, "http://"+r.Prometheus.Address+"/api/v1/rules")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, rules, "reachability")
}
