package ivr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

func TestACallDoesNotHangWhenTheEndOfASoundIsNeverTold(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Second)
		s.endless = true
		s.rings("140570")
		s.after(119 * time.Second)
		require.NotContains(t, s.line.all(), "Belt u over een aanvraag?", "the welcome may be a long one")
		s.after(2 * time.Second)
		require.Contains(t, s.line.all(), "Belt u over een aanvraag?")
		require.Equal(t, 1, s.line.cuts(), "if it is heard after all, it is not heard through what follows")
		s.after(120 * time.Second)
		require.Equal(t, 2, s.line.cuts())
		require.Empty(t, s.phones.rings(), "the menu waits as long as it does after a sound that ended")
		s.after(10 * time.Second)
		require.Equal(t, "kcc1", s.line.talking)
		s.hangsUp()
		require.Equal(t, call.Answered, s.contact().Outcome)
	})
}
