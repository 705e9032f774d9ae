package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// crashes kills the daemon, as a crash would, and starts it again.
func (s *scene) crashes() {
	s.t.Helper()
	require.NoError(s.t, s.Daemon.Kill())
	require.NoError(s.t, s.Daemon.Restart(s.ctx))
}

// Row 10 of the fault matrix, while a caller asks for a note: what he was not told may be or not, but never twice.
func TestTheDaemonIsKilledBeforeANoteIsConfirmed(t *testing.T) {
	s := open(t, nil)
	for i, step := range []struct {
		hears   string // and then the daemon is killed
		presses string // before that
		most    int    // notes
	}{
		{"nl/offer-callback", "", 0},
		{"nl/call-back-on-number", "", 0},
		{"nl/confirm-number", "", 0},
		{"nl/confirm-number", "1", 1},
	} {
		from := fmt.Sprintf("061234560%d", i)
		c := s.asksUntil(from, step.hears)
		c.presses(step.presses)
		s.crashes()
		require.LessOrEqual(t, len(s.notes(from)), step.most, "killed when he hears %s", step.hears)
		c.hears("music", "nl/menu-aanvraag", "nl/call-back-by") // nobody is cut off
		c.hangsUp()
		s.atRest()
	}
}

// asksUntil lets a caller ask for a note of the department, where nobody is, until he hears a phrase.
func (s *scene) asksUntil(from, phrase string) *caller {
	s.t.Helper()
	c := s.ringsFrom(from)
	for _, step := range []struct{ hears, presses string }{
		{"nl/menu-aanvraag", "1"}, {"nl/offer-callback", "1"}, {"nl/call-back-on-number", ""}, {"nl/confirm-number", "1"}, {phrase, ""},
	} {
		c.hears(step.hears)
		if step.hears == phrase {
			return c
		}
		c.presses(step.presses)
	}
	return c
}

// The same once he is being told: the note is there, once, with the deadline and reference that he hears. He is not asked
// to wait again: he hears them once more.
func TestTheDaemonIsKilledWhileANoteIsConfirmed(t *testing.T) {
	s := open(t, nil)
	for i, phrase := range []string{"nl/call-back-by", "nl/your-reference-is", "nl/goodbye"} {
		from := fmt.Sprintf("061234560%d", i)
		c := s.asksUntil(from, phrase)
		s.crashes()
		note := s.kept(from)
		require.Equal(t, callback.Open, note.State)
		if phrase == "nl/goodbye" {
			require.Equal(t, note.Reference, c.heardReference())
		}
		require.Equal(t, note.Reference, c.isPromised())
		s.atRest()
		require.Equal(t, 1.0, s.ended(call.CallbackPromised), "since the daemon started anew")
		require.Equal(t, 1.0, s.offered("vergunningen", call.OfferCallback))
		require.Len(t, s.notes(from), 1)
	}
}

// And when the note was on the disk of this machine only.
func TestTheDaemonIsKilledWhileRedisIsFrozen(t *testing.T) {
	s := open(t, nil)
	require.NoError(t, s.Redis.Process().Freeze())
	c := s.asksUntil("0612345678", "nl/goodbye")
	reference := c.heardReference()
	require.NoError(t, s.Daemon.Kill())
	c.hangsUp()
	require.NoError(t, s.Redis.Process().Kill()) // what it had read and not written is gone
	require.NoError(t, s.Daemon.Restart(s.ctx))
	require.Equal(t, 1.0, s.metric("bereikbaar_journal_notes_behind"), "it knows what Redis never had")
	require.NoError(t, s.Redis.Start(s.ctx))
	s.storedOnce("0612345678", reference)
	s.atRest()
	require.Zero(t, s.metric("bereikbaar_journal_notes_behind"))
	require.Zero(t, s.metric("bereikbaar_journal_notes_restored_total"), "nothing was lost: no alarm")
}
