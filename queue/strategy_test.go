package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestPickers(t *testing.T) {
	at := func(minutes int) time.Time { return time.Date(2026, 3, 2, 9, minutes, 0, 0, time.UTC) }
	anna, bram, carla := candidate{"anna", at(5)}, candidate{"bram", at(3)}, candidate{"carla", at(3)}
	fresh := candidate{agent: "fresh"}
	tests := map[string]struct {
		strategy   routing.Strategy
		candidates []candidate
		want       []call.AgentID
	}{
		"the agent who talked longest ago": {LongestIdle, []candidate{anna, bram}, []call.AgentID{"bram"}},
		"of equals the first of the list": {
			LongestIdle, []candidate{anna, bram, carla}, []call.AgentID{"bram"},
		},
		"an agent who has not talked at all": {
			LongestIdle, []candidate{anna, bram, fresh}, []call.AgentID{"fresh"},
		},
		"the first of the list":           {FixedOrder, []candidate{anna, bram, fresh}, []call.AgentID{"anna"}},
		"all agents":                      {RingAll, []candidate{bram, anna}, []call.AgentID{"bram", "anna"}},
		"an unknown word is longest idle": {"by_horoscope", []candidate{anna, bram}, []call.AgentID{"bram"}},
		"no word at all is longest idle":  {"", []candidate{anna, bram}, []call.AgentID{"bram"}},
		"the only agent, by longest idle": {LongestIdle, []candidate{anna}, []call.AgentID{"anna"}},
		"the only agent, in fixed order":  {FixedOrder, []candidate{carla}, []call.AgentID{"carla"}},
		"the only agent, of all":          {RingAll, []candidate{carla}, []call.AgentID{"carla"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, strategyFor(test.strategy).pick(test.candidates))
		})
	}
}

func TestTheStrategiesThatAConfigurationMayName(t *testing.T) {
	require.Equal(t, []routing.Strategy{LongestIdle, RingAll, FixedOrder}, Strategies(), "the default first")
	for _, name := range Strategies() {
		require.Equal(t, name, strategyFor(name).name)
		require.NotNil(t, strategyFor(name).pick)
	}
}

func TestSlots(t *testing.T) {
	var s, other slots
	require.True(t, s.empty())
	for _, slot := range []int{0, 63, 64, 300} {
		require.False(t, s.has(slot))
		s.put(slot, true)
		require.True(t, s.has(slot))
	}
	require.Equal(t, 4, s.count())
	require.True(t, s.beyond(nil))
	for _, slot := range []int{0, 63, 64} {
		other.put(slot, true)
	}
	require.True(t, s.beyond(other), "300 is only in the longer one")
	require.False(t, other.beyond(s))
	s.put(300, false)
	s.put(1000, false)
	require.False(t, s.has(300))
	require.False(t, s.beyond(other), "the longer one is empty at its end")
	require.Equal(t, 3, s.count())
}
