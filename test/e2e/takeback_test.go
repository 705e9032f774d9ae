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
				"name": "Crowd", "members": []string{phones[0].Name}, "wrap_up": "0s", "announce": "0s", "missed_limit": 0,
				"music": "bereikbaar", "callback": map[string]any{"enabled": false},
			}},
			"entries": []any{
				map[string]any{"number": "140570", "municipality": "deventer", "first": map[string]any{"menu": "keuze"}},
				map[string]any{"number": number, "municipality": "deventer", "first": map[string]any{"team": "crowd"}},
			},
		}),
	})
}

// comesBack starts a daemon that was killed, and gives how long after its link was up it said that it is ready. From the first answer
// on it must answer every question.
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
			require.Regexp(s.t, `"name":"ari","state":"down".*"detail":"(connecting to|taking back)`, body, "it says what it is doing")
		}
	})
	return after
}

// Who waits keeps the place that they had, however many there are.
func TestAFullQueueIsTakenBackInOrder(t *testing.T) {
	const number, waiting = "0570800801", 100
	s := crowded(t, number)
	phone, err := s.Crowd(rig.Behaviour{TalkFor: 8 * time.Second}, false)
	require.NoError(t, err)
	callers, err := s.Load(rig.LoadOptions{To: number, Calls: waiting, PerSecond: 40})
	require.NoError(t, err)
	s.eventually("all wait", func() error {
		if n := s.metric("bereikbaar_calls_active"); n < waiting {
			return fmt.Errorf("%v of %d", n, waiting)
		}
		return nil
	})
	var ready []time.Duration
	for range 3 {
		require.NoError(t, s.Daemon.Kill())
		ready = append(ready, s.comesBack())
		s.eventually("nobody is lost", func() error {
			there := len(slices.DeleteFunc(callers.Calls(), func(c rig.Leg) bool { return !c.Ended.IsZero() }))
			if n := int(s.metric("bereikbaar_calls_active")); n != there {
				return fmt.Errorf("%d of %d", n, there)
			}
			return nil
		})
	}
	require.Less(t, slices.Min(ready), 500*time.Millisecond, "it says so at once: %v", ready)
	require.NoError(t, phone.AwaitRings(s.ctx, 4))
	from, err := phone.Callers()
	require.NoError(t, err)
	for n, ring := range phone.Rings()[:4] {
		want, err := call.ParseNumber(rig.LoadNumber(n))
		require.NoError(t, err)
		got, err := call.ParseNumber(from[ring.CallID])
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NoError(t, callers.Close())
	require.NoError(t, phone.Close())
}
