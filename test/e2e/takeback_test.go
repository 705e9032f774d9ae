package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// crowded opens a scene with one phone of a crowd, which rings for callers of a number.
func crowded(t *testing.T, number string) *scene {
	t.Helper()
	phones := rig.CrowdPhones(1)
	return openWith(t, rig.Options{
		Phones: append(rig.DefaultPhones(), phones...),
		Config: rig.Overrides(rig.AlwaysOpen(), map[string]any{
			"agents": map[string]any{phones[0].Name: map[string]any{"endpoint": "PJSIP/" + phones[0].Name}},
			"teams": map[string]any{"crowd": map[string]any{
				"name": "Crowd", "members": []string{phones[0].Name}, "wrap_up": "0s", "announce": "0s",
				"missed_limit": 0,
				"music":        "bereikbaar", "callback": map[string]any{"enabled": false},
			}},
			"entries": []any{
				map[string]any{
					"number": "140570", "municipality": "deventer", "first": map[string]any{"menu": "keuze"},
				},
				map[string]any{"number": number, "municipality": "deventer", "first": map[string]any{"team": "crowd"}},
			},
		}),
	})
}

// comesBack starts a killed daemon, and gives the time from its link to its readiness. After its first answer /readyz
// must answer always.
func (s *scene) comesBack() time.Duration {
	s.t.Helper()
	require.NoError(s.t, s.Daemon.Launch())
	answers := 0
	var after time.Duration
	s.eventually("the daemon is ready", func() error {
		for {
			status, body, err := s.Daemon.Get(s.ctx, "/readyz")
			if err != nil {
				require.Zero(s.t, answers, "it answered before: %v", err)
				return err
			}
			answers++
			var page struct {
				Parts []struct{ Since time.Time }
			}
			require.NoError(s.t, json.Unmarshal([]byte(body), &page))
			if status == http.StatusOK {
				after = time.Since(page.Parts[0].Since)
				return nil
			}
			require.Equal(s.t, http.StatusServiceUnavailable, status)
			require.Regexp(
				s.t, `"name":"ari","state":"down".*"detail":"(connecting to|taking back)`, body,
				"/readyz gives the progress",
			)
		}
	})
	return after
}

// handles waits until the daemon handles as many calls as callers are on the line.
func (s *scene) handles(onTheLine func() int) {
	s.t.Helper()
	s.eventually("no call is missing", func() error {
		if n, want := int(s.metric("bereikbaar_calls_active")), onTheLine(); n != want {
			return fmt.Errorf("%d of %d", n, want)
		}
		return nil
	})
}

func onTheLine(legs ...rig.Leg) (n int) {
	for _, l := range legs {
		if !l.Answered.IsZero() && l.Ended.IsZero() {
			n++
		}
	}
	return n
}

// All waiting callers keep their places.
func TestAFullQueueIsTakenBackInOrder(t *testing.T) {
	const number, waiting = "0570800801", 100
	s := crowded(t, number)
	phone, err := s.Crowd(rig.Behaviour{TalkFor: 8 * time.Second}, false)
	require.NoError(t, err)
	var first []*caller
	ofFirst := func() (n int) {
		for _, c := range first {
			n += onTheLine(c.Leg())
		}
		return n
	}
	for n := range 4 { // one after the other: Asterisk lets simultaneous calls in in any order
		first = append(first, s.rings(rig.CallerOptions{To: number, From: fmt.Sprintf("068765432%d", n)}))
		s.handles(ofFirst)
	}
	callers, err := s.Load(rig.LoadOptions{To: number, Calls: waiting, PerSecond: 40})
	require.NoError(t, err)
	there := func() int { return onTheLine(callers.Calls()...) + ofFirst() }
	s.eventually("all came in", func() error {
		calls := callers.Calls()
		if len(calls) < waiting || slices.ContainsFunc(calls, func(c rig.Leg) bool { return c.Answered.IsZero() }) {
			return fmt.Errorf("%d of %d ring", len(calls), waiting)
		}
		return nil
	})
	var ready []time.Duration
	for range 3 {
		s.handles(there)
		require.NoError(t, s.Daemon.Kill())
		ready = append(ready, s.comesBack())
	}
	s.handles(there)
	require.Less(t, slices.Min(ready), 500*time.Millisecond, "ready at once: %v", ready)
	require.NoError(t, phone.AwaitRings(s.ctx, 4))
	var from map[string]string
	s.eventually("whom the phone saw is written down", func() (err error) {
		from, err = phone.Callers()
		for _, ring := range phone.Rings()[:4] {
			if from[ring.CallID] == "" {
				return fmt.Errorf("not of %s yet: %w", ring.CallID, err)
			}
		}
		return err
	})
	for n, ring := range phone.Rings()[:4] {
		want, err := call.ParseNumber(fmt.Sprintf("068765432%d", n))
		require.NoError(t, err)
		got, err := call.ParseNumber(from[ring.CallID])
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NoError(t, callers.Close())
	require.NoError(t, phone.Close())
}
