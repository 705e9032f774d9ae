package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestMenusAreMeasuredForCallersWhoPressNothing(t *testing.T) {
	length := func(_ prompts.Language, id prompts.ID) time.Duration {
		return map[prompts.ID]time.Duration{"welcome": 2 * time.Second, "a": 3 * time.Second, "b": 4 * time.Second}[id]
	}
	plan := &routing.Plan{
		Entries: map[string]routing.Entry{"+31140570": {Welcome: "welcome", First: routing.Target{Menu: "first"}}},
		Unknown: routing.Entry{Welcome: "welcome", First: routing.Target{Team: "kcc"}},
		Menus: map[routing.MenuID]routing.Menu{
			"first": {
				Prompts: []prompts.ID{"a", "b"}, Wait: 5 * time.Second, StayOnLine: routing.Target{Team: "kcc"},
				Options: map[rune]routing.Target{'1': {Menu: "second"}, '2': {Team: "kcc"}},
			},
			"second": {
				Prompts: []prompts.ID{"b"}, Wait: 5 * time.Second, Repeats: 1,
				StayOnLine: routing.Target{Menu: "third"},
				Options:    map[rune]routing.Target{'1': {Menu: "first"}},
			},
			"third": {
				Prompts: []prompts.ID{"a", "no file"}, Wait: 4 * time.Second, StayOnLine: routing.Target{Team: "kcc"},
			},
			"unused": {Prompts: []prompts.ID{"a"}, Wait: time.Minute, StayOnLine: routing.Target{Team: "kcc"}},
		},
	}
	measured := silences(plan, length)
	require.Equal(t, []silence{{"first", 14 * time.Second}, {"second", 25 * time.Second}}, measured)
	found := judgeSilences(measured)
	require.Len(t, found, 1)
	finds(t, found, Warning, "menus.second wait 25s")

	finds(t, judgeSilences(measured[:1]), OK, "wait 14s at most")
	require.Empty(t, judgeSilences(nil), "no menu")
}
