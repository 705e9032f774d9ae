package callback_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
)

func TestNotesThatWillMissTheirDeadlineAtThePaceOfTheDay(t *testing.T) {
	const hours = time.Hour
	for name, test := range map[string]struct {
		day   callback.Day
		miss  int
		known bool
	}{
		"nothing is due":         {callback.Day{Overdue: 9}, 0, true},
		"the day has just begun": {callback.Day{Due: 3, Worked: 20 * time.Minute, Left: 8 * time.Hour}, 0, false},
		"nobody has closed any":  {callback.Day{Due: 3, Worked: time.Hour, Left: time.Hour}, 3, true},
		"the pace is enough":     {callback.Day{Due: 4, Closed: 8, Worked: 4 * hours, Left: 2 * hours}, 0, true},
		"the pace is not enough": {callback.Day{Due: 7, Closed: 8, Worked: 4 * hours, Left: 2 * hours}, 3, true},
		"overdue ones go first": {
			callback.Day{Overdue: 3, Due: 4, Closed: 8, Worked: 4 * hours, Left: 2 * hours}, 3, true,
		},
		"no more than there are":      {callback.Day{Overdue: 30, Due: 4, Worked: 4 * hours, Left: 2 * hours}, 4, true},
		"the day's working time ends": {callback.Day{Due: 2, Closed: 80, Worked: 8 * time.Hour}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			miss, known := test.day.WillMiss()
			require.Equal(t, test.known, known)
			require.Equal(t, test.miss, miss)
		})
	}
}
