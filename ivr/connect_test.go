package ivr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
)

func TestAPhoneThatIsHungUpBeforeTheTwoAreConnectedCostsTheCallerNothing(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Second)
		s.dispatch.Phone("PJSIP/kcc2", queue.PhoneOffline)
		s.phones.vanish["kcc1"] = 1
		s.rings("140570")
		s.after(1500 * time.Millisecond)
		s.presses("2")
		s.after(1500 * time.Millisecond)
		require.Empty(t, s.line.talkingTo())
		_, talks := s.operator.Talking("kcc1")
		require.False(t, talks)
		require.Equal(t, 1, waitingIn(s, "kcc"))
		s.after(time.Second)
		require.Equal(t, "kcc1", s.line.talkingTo())
		s.agentHangsUp()
		c := s.contact()
		require.Equal(t, call.Answered, c.Outcome)
		require.Len(t, c.Offers, 1)
		require.Equal(t, 2, c.Offers[0].Rung)
		require.Equal(t, 2*time.Second, c.Offers[0].Waited)
	})
}

func TestACallerWhoHangsUpBeforeTheConnectionWasNotAnswered(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Second)
		s.dispatch.Phone("PJSIP/kcc2", queue.PhoneOffline)
		s.phones.vanish["kcc1"] = 1
		s.rings("140570")
		s.after(1500 * time.Millisecond)
		s.presses("2")
		s.after(1500 * time.Millisecond)
		s.hangsUp()
		c := s.contact()
		require.Equal(t, call.Abandoned, c.Outcome)
		require.Equal(t, call.OfferAbandoned, c.Offers[0].Result)
		require.Empty(t, c.Offers[0].Agent)
	})
}

func TestAPhoneThatHangsUpEachTimeCountsAsNobody(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Second)
		s.dispatch.Phone("PJSIP/kcc2", queue.PhoneOffline)
		s.phones.vanish["kcc1"] = 1000
		s.rings("140570")
		s.presses("2")
		s.after(4 * time.Second)
		require.Contains(
			t, s.line.all(), "Onze medewerker is nu niet bereikbaar. Wilt u dat wij u terugbellen? Toets 1.",
		)
		s.hangsUp()
		require.Equal(t, call.Abandoned, s.contact().Outcome)
	})
}
