package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The limit survives a crash of the daemon: callers over the limit keep their place in the queue, for a person.
func TestAfterTheLastNoteOfTheDayACallerIsOfferedAPerson(t *testing.T) {
	s := open(t, map[string]any{"callbacks": map[string]any{"limits": map[string]any{"day": 1}}})
	s.asksForANote("0612345678").confirmed("0612345678", "vergunningen", true)
	s.crashes()
	c := s.asksForANote("0687654321")
	c.hears("nl/callback-not-possible")
	c.hears("music")
	c.hangsUp()
	require.Empty(t, s.notes("0687654321"))
	require.Equal(t, 1.0, s.metric("bereikbaar_notes_refused_total", "team", "vergunningen", "reason", "day_limit"))
	s.atRest()
}
