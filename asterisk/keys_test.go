package asterisk

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAKeyThatAsteriskTellsOfTwiceCountsOnce(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	type key struct {
		digit string
		at    int // when it was told, milliseconds after noon
		held  int // milliseconds
	}
	for name, test := range map[string]struct {
		told []key
		want string
	}{
		"keys of a person":                       {[]key{{"1", 0, 100}, {"1", 220, 90}, {"2", 400, 100}}, "112"},
		"a quick person":                         {[]key{{"1", 0, 60}, {"1", 110, 60}}, "11"},
		"told again while the one before sounds": {[]key{{"9", 0, 180}, {"1", 287, 180}, {"1", 446, 180}, {"1", 543, 180}, {"1", 671, 180}}, "911"},
		"another key at once":                    {[]key{{"1", 0, 180}, {"2", 10, 180}}, "12"},
		"without a duration":                     {[]key{{"1", 0, 0}, {"1", 1, 0}}, "11"},
		"told in one moment":                     {[]key{{"5", 0, 100}, {"5", 0, 100}, {"5", 0, 100}}, "5"},
		"a clock that was set back":              {[]key{{"5", 3_600_000, 100}, {"5", 0, 100}, {"5", 500, 100}}, "555"},
	} {
		t.Run(name, func(t *testing.T) {
			line := &Line{keys: make(chan rune, keyRoom)}
			for _, k := range test.told {
				at := noon.Add(time.Duration(k.at) * time.Millisecond).Format("2006-01-02T15:04:05.000-0700")
				raw := fmt.Sprintf(`{"type":"ChannelDtmfReceived","timestamp":%q,"digit":%q,"duration_ms":%d,"channel":{"id":"c"}}`, at, k.digit, k.held)
				event, skip := decodeEvent(raw)
				require.Empty(t, skip)
				line.pressed(event)
			}
			close(line.keys)
			var got string
			for key := range line.keys {
				got += string(key)
			}
			require.Equal(t, test.want, got)
		})
	}
}
