package ivr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
)

// The moment at which the menu of a scene, after the welcome, moves on without a key.
const menuIsOver = welcomeIs + spokenFor + 5*time.Second

func TestAKeyThatIsLateForTheMenuAsksForNoNote(t *testing.T) {
	for name, late := range map[string]time.Duration{
		"while a person is looked for": 300 * time.Millisecond, "after that": 2 * time.Second,
		"from far away": 3900 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.phones.answers("kcc1", 10*time.Second)
				s.rings("140570")
				s.after(menuIsOver + late)
				s.presses("1")
				s.after(time.Second)
				require.NotContains(
					t, s.line.all(), "Wij bellen u terug op nummer", "they never heard that 1 asks for a note here",
				)
				require.Zero(t, s.line.cuts(), "nor is anything cut short by it")
				s.after(10 * time.Second)
				require.Equal(t, "kcc1", s.line.talking)
				s.hangsUp()
				require.Empty(t, s.contact().Choices)
			})
		})
	}
}

func TestAKeyIsHeardAgainSoonAfterTheMenu(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.after(menuIsOver + 4100*time.Millisecond)
		s.presses("1")
		require.Contains(t, s.line.all(), "Wij bellen u terug op nummer")
	})
}

func TestASecondPressOnPurposeAsksForANote(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.after(welcomeIs)
		s.answers("1")
		s.after(500 * time.Millisecond)
		s.presses("1")
		require.Contains(t, s.line.all(), "Wij bellen u terug op nummer", "the first one was answer enough to the menu")
	})
}

func TestAnOfferThatWasHeardMayBeTakenAtOnce(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.dispatch.Phone("PJSIP/kcc1", queue.PhoneOffline)
		s.dispatch.Phone("PJSIP/kcc2", queue.PhoneOffline)
		s.rings("140570")
		s.after(menuIsOver + 700*time.Millisecond)
		s.presses("1")
		require.NotContains(t, s.line.all(), "Wij bellen u terug op nummer", "the offer was not spoken yet")
		s.after(400 * time.Millisecond)
		require.Contains(t, s.line.all(), "Wilt u dat wij u terugbellen? Toets 1.")
		s.presses("1")
		require.Contains(t, s.line.all(), "Wij bellen u terug op nummer")
	})
}

func TestACallerWithANoteWhoPressesForAPersonTwiceKeepsTheirPlace(t *testing.T) {
	for name, keys := range map[string]struct{ first, second string }{
		"1 twice": {"1", "1"}, "1 too late": {"", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.callersNote()
				s.phones.answers("verg1", 10*time.Second)
				s.rings("140570")
				s.after(welcomeIs)
				if keys.first != "" {
					s.answers(keys.first)
				} else {
					s.after(4 * time.Second)
				}
				s.after(time.Second)
				s.presses(keys.second)
				s.after(11 * time.Second)
				require.Equal(t, "verg1", s.line.talking)
				s.hangsUp()
				require.Equal(t, call.Answered, s.contact().Outcome)
			})
		})
	}
}

func TestACallerWithANoteWhoPressesNothingGetsAPersonSoon(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.callersNote()
		s.rings("140570")
		s.after(welcomeIs + spokenFor)
		require.Empty(t, s.phones.rings(), "they may still choose")
		s.after(3100 * time.Millisecond)
		require.Equal(t, []call.AgentID{"verg1"}, s.phones.rings())
	})
}
