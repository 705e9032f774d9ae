package e2e

import (
	"crypto/rand"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/test/rig"
	"github.com/bereikbaar/bereikbaar/test/root"
)

// longestSilence is how long callers who press nothing, or nothing more, may wait until a person's phone rings.
const longestSilence = 20 * time.Second

// silentPath is a way through the menus of the shipped configuration, and its end without a further key.
type silentPath struct {
	number string // that is dialled
	keys   string
	last   string // text of the menu that it ends in; empty for a number without a menu
}

// shippedPaths are all ways of the shipped configuration to a menu, and to a team without one.
func shippedPaths(t *testing.T) []silentPath {
	source, err := root.Source()
	require.NoError(t, err)
	secret := func(name string) string { return map[string]string{"BEREIKBAAR_ARI_PASSWORD": rand.Text()}[name] }
	loaded, err := config.Load(filepath.Join(source, "deploy", "bereikbaar.yaml"), secret)
	require.NoError(t, err)
	paths := []silentPath{{number: straight}}
	var walk func(number, keys string, target routing.Target)
	walk = func(number, keys string, target routing.Target) {
		menu, ok := loaded.Plan.Menus[target.Menu]
		if !ok {
			return
		}
		paths = append(paths, silentPath{number, keys, "nl/" + string(menu.Prompts[len(menu.Prompts)-1])})
		for _, key := range slices.Sorted(maps.Keys(menu.Options)) {
			walk(number, keys+string(key), menu.Options[key])
		}
	}
	for _, number := range slices.Sorted(maps.Keys(loaded.Plan.Entries)) {
		walk(number, "", loaded.Plan.Entries[number].First)
	}
	require.Greater(t, len(paths), 2, "the shipped configuration has a menu behind a menu")
	return paths
}

// Doing nothing ends at a person, and soon: the menu does not repeat.
func TestACallerWhoPressesNothingGetsAPersonSoon(t *testing.T) {
	for _, path := range shippedPaths(t) {
		t.Run(fmt.Sprintf("after %q at %s", path.keys, path.number), func(t *testing.T) {
			waited := path.waits(open(t, nil), "")
			require.LessOrEqual(t, waited, longestSilence)
		})
	}
}

// After a wrong key the menu plays once more, and only once when the caller then presses nothing.
func TestACallerWhoPressesAWrongKeyHearsTheMenuOnceMore(t *testing.T) {
	for _, path := range shippedPaths(t) {
		if path.last == "" {
			continue
		}
		t.Run(fmt.Sprintf("after %q at %s", path.keys, path.number), func(t *testing.T) {
			waited := path.waits(open(t, nil), "9")
			require.LessOrEqual(t, waited, longestSilence+5*time.Second, "the prompt about the wrong key takes time")
		})
	}
}

// waits lets a caller go the way, press the wrong key if one is given, and then nothing more. It gives how long it
// takes from the last key, or from the call, until a phone rings.
func (path silentPath) waits(s *scene, wrong string) time.Duration {
	s.t.Helper()
	agent := s.agent("kcc1", rings)
	c := s.rings(rig.CallerOptions{To: path.number})
	since := c.Leg().Invited
	for _, key := range path.keys + wrong {
		c.hears("nl/menu-aanvraag", "nl/menu-afval")
		c.presses(string(key))
		since = time.Now()
	}
	if wrong != "" {
		c.hearsWhole("nl/wrong-choice")
	}
	if path.last != "" {
		c.hearsWhole(path.last)
	}
	leg, err := agent.AwaitRing(s.ctx, 1)
	require.NoError(s.t, err)
	waited := leg.Invited.Sub(since)
	s.t.Logf("a phone rings after %s", waited)
	c.hears("nl/searching-agent")
	c.getsThrough(agent, 1)
	if path.last != "" {
		require.Equal(s.t, 1, c.count(path.last), "the end of the menu plays once")
	}
	c.hangsUp()
	s.atRest()
	return waited
}

// count is how often the caller has heard a phrase to its end.
func (c *caller) count(id string) (times int) {
	for _, phrase := range c.Phrases() {
		if phrase.Is(id) && phrase.Whole {
			times++
		}
	}
	return times
}

// A caller who takes the telephone from their ear to find the key does not hear that the menu has gone on.
func TestAKeyThatIsLateForTheMenuAsksForNoNote(t *testing.T) {
	s := open(t, longRingOfTheContactCentre)
	agent := s.agent("kcc1", rig.Behaviour{NeverAnswers: true})
	c := s.rings(rig.CallerOptions{})
	c.hears("nl/searching-agent")
	c.presses("1")
	c.hearsWhole("nl/searching-agent")
	c.hears("music")
	c.staysOnMusic(3 * time.Second)
	require.Zero(t, c.count("nl/confirm-number"))
	_, err := agent.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	c.presses("1")
	c.hears("nl/confirm-number")
	c.hangsUp()
	s.atRest()
}

// longRingOfTheContactCentre lets a phone of it ring for the whole test, so that no note is offered unasked.
var longRingOfTheContactCentre = team("kcc", map[string]any{
	"ring_time": "2m", "announce": "5m", "callback": map[string]any{"after": "10m", "key": "1"},
})
