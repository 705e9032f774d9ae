package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// longRing lets a phone of the permits department ring for the whole test, so that no note is offered unasked.
var longRing = team("vergunningen", map[string]any{
	"ring_time": "2m", "announce": "5m", "callback": map[string]any{"after": "10m", "key": "1"},
})

// twice presses keys that the line reports twice: as an event or a tone, and as an INFO right behind it.
func (c *caller) twice(press func(key string) error, keys string) {
	c.s.t.Helper()
	for _, key := range keys {
		next := time.After(700 * time.Millisecond)
		require.NoError(c.s.t, press(string(key)))
		require.NoError(c.s.t, c.PressINFO(c.s.ctx, key))
		<-next
	}
}

// informs sends keys as INFO, one by one.
func (c *caller) informs(press func(ctx context.Context, key rune) error, keys string) {
	c.s.t.Helper()
	for _, key := range keys {
		next := time.After(400 * time.Millisecond)
		require.NoError(c.s.t, press(c.s.ctx, key))
		<-next
	}
}

// event presses a key as an RTP event and returns 120 ms after its release.
func (c *caller) event(key string) error { return c.PressEvery(c.s.ctx, key, 220*time.Millisecond) }

// tone presses a key as a tone and returns 120 ms after its release.
func (c *caller) tone(key string) error {
	sound, err := rig.KeyTone(rune(key[0]), 100*time.Millisecond)
	if err != nil {
		return err
	}
	return c.Speak(c.s.ctx, append(sound, make(rig.Sound, 960)...))
}

// chosenOnce asserts that the caller, after pressing 1, waits for the permits department; that another press brings the
// note; and that the number keyed in for it is read back correctly.
func (c *caller) chosenOnce(press func(keys string)) {
	c.s.t.Helper()
	c.hears("nl/searching-agent")
	c.hears("music")
	c.staysOnMusic(3 * time.Second)
	press("1")
	c.hears("nl/confirm-number")
	press("2")
	c.hears("nl/enter-number")
	press("0611223344#")
	for _, digits := range []string{"0", "6", "1", "1", "2", "2", "3", "3", "4", "4"} {
		c.hears("nl/digit-" + digits)
	}
}

// staysOnMusic asserts that the caller hears only music for so long.
func (c *caller) staysOnMusic(long time.Duration) {
	c.s.t.Helper()
	since := time.Now()
	require.NoError(c.s.t, c.AwaitSound(c.s.ctx, since, long))
	for _, phrase := range c.Phrases() {
		require.False(c.s.t, phrase.From.After(since) && !phrase.Is("music"), "the caller heard %s", phrase)
	}
}

func TestAKeyThatTheLineTellsOfTwiceIsOnePress(t *testing.T) {
	t.Run("as an event and as an INFO", func(t *testing.T) {
		s := open(t, longRing)
		s.agent("verg1", rig.Behaviour{NeverAnswers: true})
		c := s.rings(rig.CallerOptions{})
		press := func(keys string) { c.twice(c.event, keys) }
		c.hears("nl/menu-aanvraag")
		press("1")
		c.chosenOnce(press)
		c.hangsUp()
		s.atRest()
	})
	t.Run("as a tone and as an INFO", func(t *testing.T) {
		s := open(t, longRing)
		s.agent("verg1", rig.Behaviour{NeverAnswers: true})
		c := s.rings(rig.CallerOptions{NoEvents: true})
		press := func(keys string) { c.twice(c.tone, keys) }
		c.hears("nl/menu-aanvraag")
		press("1")
		c.chosenOnce(press)
		c.hangsUp()
		s.atRest()
	})
	t.Run("as two events", func(t *testing.T) {
		s := open(t, longRing)
		s.agent("verg1", rig.Behaviour{NeverAnswers: true})
		c := s.rings(rig.CallerOptions{})
		press := func(keys string) {
			for _, key := range keys {
				require.NoError(t, c.PressEvery(s.ctx, strings.Repeat(string(key), 2), 200*time.Millisecond))
				require.NoError(t, c.Speak(s.ctx, make(rig.Sound, 2400)))
			}
		}
		c.hears("nl/menu-aanvraag")
		press("1")
		c.chosenOnce(press)
		c.hangsUp()
		s.atRest()
	})
}

// A provider that offers no RTP events (RFC 4733) sends keys as tones in the sound, or as SIP INFO.
func TestKeysAreHeardWithoutEvents(t *testing.T) {
	for name, test := range map[string]struct {
		formats string
		press   func(c *caller, keys string)
	}{
		"as tones": {"8", func(c *caller, keys string) { require.NoError(c.s.t, c.PressTones(c.s.ctx, keys)) }},
		"as tones, on a trunk that would rather speak G.722": {"9 8", func(c *caller, keys string) {
			require.NoError(c.s.t, c.PressTones(c.s.ctx, keys))
		}},
		"as INFO": {"8", func(c *caller, keys string) { c.informs(c.PressINFO, keys) }},
		"as INFO with the key alone": {
			"8", func(c *caller, keys string) { c.informs(c.PressPlainINFO, keys) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, longRing)
			s.agent("verg1", rig.Behaviour{NeverAnswers: true})
			c := s.rings(rig.CallerOptions{NoEvents: true, Formats: test.formats})
			c.hears("nl/menu-aanvraag")
			test.press(c, "1")
			c.chosenOnce(func(keys string) { test.press(c, keys) })
			c.hears("nl/confirm-number")
			test.press(c, "1")
			c.confirmed("0611223344", "vergunningen", false)
			s.atRest()
		})
	}
}
