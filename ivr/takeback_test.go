package ivr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

func TestACallerWhoHangsUpWhileTheLinkIsLostLeavesOneContact(t *testing.T) {
	for name, test := range map[string]struct {
		keys string
		lost time.Duration // until the caller hangs up
		want call.Outcome
	}{
		"in the menu": {"9", 2 * time.Second, call.HungUpInMenu},
		"in a queue":  {"2", time.Minute, call.Abandoned},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.rings("140570")
				s.after(1500 * time.Millisecond) // the menu
				s.presses(test.keys)
				s.line.losesLink()
				s.after(test.lost)
				s.hangsUp()
				c := s.contact()
				require.Equal(t, test.want, c.Outcome)
				require.Equal(t, test.keys, c.Choices)
				require.Equal(t, 0, waitingIn(s, "kcc"))
			})
		})
	}
}

func TestACallGoesOnWhereItWasWhenTheLinkIsBack(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		n := s.callersNote()
		s.rings("140570")
		s.after(welcomeIs)
		s.answers("1")
		s.after(65 * time.Second) // nobody of the department, and no new note: the contact centre
		require.Equal(t, 1, waitingIn(s, "kcc"))
		back := s.line.losesLink()
		s.after(time.Minute)
		require.Equal(t, 0, waitingIn(s, "kcc"), "no phone rings that could not be connected")
		s.phones.answers("kcc1", time.Second)
		back()
		s.after(3 * time.Second)
		require.Equal(t, "kcc1", s.line.talkingTo())
		s.agentHangsUp()
		c := s.contact()
		require.Equal(t, string(n.ID), c.About)
		require.Equal(t, call.Answered, c.Outcome)
		require.Len(t, c.Offers, 2, "to wait on for the same team is no other offer")
		require.Equal(t, call.OfferMovedOn, c.Offers[0].Result)
		require.Equal(t, call.OfferAnswered, c.Offers[1].Result)
		require.Equal(t, call.TeamID("kcc"), c.Offers[1].Team)
		require.Greater(t, c.Offers[1].Waited, time.Minute)
		require.Equal(t, len(s.phones.rings()), c.Offers[0].Rung+c.Offers[1].Rung, "before the loss and after it")
	})
}

func TestACallerHearsThePromiseAgainWhenTheLinkIsBack(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.presses("2")
		s.after(5 * time.Second)
		s.presses("1")
		s.after(time.Second)
		back := s.line.losesLink()
		s.presses("1") // the note is made, and the caller cannot hear so
		s.after(30 * time.Second)
		require.Len(t, s.notes.made, 1)
		require.NotContains(t, s.line.all(), thePromise)
		back()
		require.Contains(t, s.line.all(), thePromise)
		s.after(time.Minute)
		c := s.contact()
		require.Equal(t, call.CallbackPromised, c.Outcome)
		require.Equal(t, "note-1", c.NoteID)
		require.Len(t, c.Offers, 1)
		require.Equal(t, call.OfferTookNote, c.Offers[0].Result)
	})
}

func TestALinkThatIsLostAgainAndAgainEndsInTheFallback(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.losesEachCommand = true
		s.rings("140570")
		s.after(time.Minute)
		require.Error(t, <-s.done)
		require.Equal(t, "handed over", s.line.released)
		require.Equal(t, call.Fallback, s.diary.contacts[0].Outcome)
	})
}

func TestACallMayBeTransferredAnyNumberOfTimes(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.presses("2")
		for range 25 {
			s.after(time.Second)
			s.line.putsThrough()
		}
		require.Equal(t, 1, waitingIn(s, "kcc"))
		require.Empty(t, s.line.released)
		s.phones.answers("kcc2", time.Second)
		s.after(time.Minute)
		require.Equal(t, "kcc2", s.line.talkingTo())
		s.agentHangsUp()
		c := s.contact()
		require.Equal(t, call.Answered, c.Outcome)
		require.Len(t, c.Offers, 1, "it was put before the team once")
		require.Greater(t, c.Offers[0].Waited, 25*time.Second)
	})
}
