package asterisk

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAKeyThatIsReportedTwiceCountsOnce(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	type key struct {
		digit string
		at    int // when it was reported, milliseconds after noon
		held  int // milliseconds
	}
	for name, test := range map[string]struct {
		told []key
		want string
	}{
		"keys of a caller":                         {[]key{{"1", 0, 100}, {"1", 420, 90}, {"2", 600, 100}}, "112"},
		"twice on purpose, as fast as callers are": {[]key{{"1", 0, 60}, {"1", 300, 60}}, "11"},
		"again and again": {
			[]key{{"1", 0, 60}, {"1", 150, 60}, {"1", 310, 60}, {"1", 450, 60}, {"1", 620, 60}}, "111",
		},
		"as an event and as a tone":              {[]key{{"1", 0, 100}, {"1", 38, 90}}, "1"},
		"as an event and as an INFO":             {[]key{{"1", 0, 100}, {"1", 270, 250}}, "1"},
		"in all three ways":                      {[]key{{"1", 0, 100}, {"1", 38, 90}, {"1", 270, 250}}, "1"},
		"the end of an event told anew":          {[]key{{"1", 0, 100}, {"1", 20, 0}, {"1", 40, 0}}, "1"},
		"held long, and the INFO sounds as long": {[]key{{"1", 0, 900}, {"1", 935, 900}}, "1"},
		"held long, twice":                       {[]key{{"1", 0, 900}, {"1", 1100, 900}}, "11"},
		"a number of which each key comes twice": {
			[]key{{"0", 0, 100}, {"0", 140, 100}, {"0", 400, 100}, {"0", 540, 100}, {"9", 800, 100}, {"9", 940, 100}},
			"009",
		},
		"the INFO comes behind the next key": {
			[]key{{"1", 0, 100}, {"2", 220, 100}, {"1", 280, 160}, {"2", 500, 160}}, "12",
		},
		"told again while the one before sounds": {
			[]key{{"9", 0, 180}, {"1", 287, 180}, {"1", 446, 180}, {"1", 543, 180}, {"1", 671, 180}}, "911",
		},
		"another key at once": {[]key{{"1", 0, 180}, {"2", 10, 180}}, "12"},
		"without a duration":  {[]key{{"1", 0, 0}, {"1", 1, 0}}, "1"},
		"told in one moment":  {[]key{{"5", 0, 100}, {"5", 0, 100}, {"5", 0, 100}}, "5"},
		"a clock that was set back": {
			[]key{{"5", 3_600_000, 100}, {"5", 0, 100}, {"5", 500, 100}}, "555",
		},
	} {
		t.Run(name, func(t *testing.T) {
			line := &Line{keys: make(chan rune, keyRoom)}
			for _, k := range test.told {
				at := noon.Add(time.Duration(k.at) * time.Millisecond).Format("2006-01-02T15:04:05.000-0700")
				raw := fmt.Sprintf(
					`{"type":"ChannelDtmfReceived","timestamp":%q,"digit":%q,"duration_ms":%d,"channel":{"id":"c"}}`,
					at, k.digit, k.held,
				)
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
