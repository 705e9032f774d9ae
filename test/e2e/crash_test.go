package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// crashes kills the daemon, as a crash would, and starts it again. It gives the moment between the two.
func (s *scene) crashes() time.Time {
	s.t.Helper()
	require.NoError(s.t, s.Daemon.Kill())
	died := time.Now()
	require.NoError(s.t, s.Daemon.Restart(s.ctx))
	return died
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
		c.hears("music", "nl/menu-aanvraag", "nl/call-back-by") // nobody is cut off
		c.hangsUp()
		s.atRest()
		require.LessOrEqual(t, len(s.notes(from)), step.most, "killed when he hears %s", step.hears)
	}
}

// asksUntil lets a caller ask for a note of the department, where nobody is, until he hears a phrase.
func (s *scene) asksUntil(from, phrase string) *caller {
	s.t.Helper()
	c := s.ringsFrom(from)
	c.answersUntil(phrase, []answer{
		{"nl/menu-aanvraag", "1"}, {"nl/offer-callback", "1"}, {"nl/call-back-on-number", ""},
		{"nl/confirm-number", "1"}, {phrase, ""},
	})
	return c
}

// answer is what a caller presses when he hears something.
type answer struct{ hears, presses string }

// answersUntil lets the caller answer what he hears, until he hears a phrase.
func (c *caller) answersUntil(phrase string, answers []answer) {
	c.s.t.Helper()
	for _, a := range answers {
		c.hears(a.hears)
		if a.hears == phrase {
			return
		}
		c.presses(a.presses)
	}
	require.Fail(c.s.t, "he never comes to "+phrase)
}

// hearsAgain waits until a phrase that he is hearing is said once more.
func (c *caller) hearsAgain(phrase string) {
	c.s.t.Helper()
	c.listened = c.listened.Add(1)
	c.hears(phrase)
}

// wasPromised makes a note of the department for a number, as an agent does.
func (s *scene) wasPromised(number string) note.Note {
	s.t.Helper()
	status, body, err := s.Daemon.API(
		s.ctx, "kcc1", http.MethodPost, "/api/notes", 0, fmt.Sprintf(`{"team": "vergunningen", "number": %q}`, number),
	)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusCreated, status, body)
	return s.kept(number)
}

// The same once he is being told: the note is there, once, with the deadline and reference that he hears. He is not
// asked to wait again: he hears them once more.
func TestTheDaemonIsKilledWhileANoteIsConfirmed(t *testing.T) {
	t.Parallel()
	const from = "0612345678"
	for name, step := range map[string]struct {
		hears string
		whole bool // he has heard his reference to its end by then
	}{
		"he hears the deadline":        {"nl/call-back-by", false},
		"he hears his reference":       {"nl/your-reference-is", false},
		"he hears his reference again": {"nl/your-reference-is", true},
		"he hears goodbye":             {"nl/goodbye", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			c := s.asksUntil(from, step.hears)
			if step.hears == "nl/your-reference-is" && step.whole {
				c.hearsAgain(step.hears)
			}
			crashed := s.crashes()
			n := s.kept(from)
			require.Equal(t, note.Open, n.State)
			if step.whole {
				require.Equal(t, n.Reference, c.heardReference())
			}
			c.listened = crashed
			require.Equal(t, n.Reference, c.isPromised())
			s.atRest()
			require.Equal(t, 1.0, s.ended(call.CallbackPromised), "since the daemon started anew")
			require.Equal(t, 1.0, s.offered("vergunningen", call.OfferTookNote))
			require.Len(t, s.notes(from), 1)
		})
	}
}

// A caller whose number is not shown keys one in: nothing is kept of either before he has confirmed.
func TestTheDaemonIsKilledWhileANumberIsKeyedIn(t *testing.T) {
	const hidden = "0687654321"
	s := open(t, nil)
	for i, step := range []struct {
		hears   string
		presses string
		most    int // notes
	}{
		{"nl/withheld-number", "", 0},
		{"nl/enter-number", "06123", 0},
		{"nl/call-back-on-number", "", 0}, // what he keyed in is read back
		{"nl/confirm-number", "1", 1},
	} {
		number := fmt.Sprintf("061234560%d", i)
		c := s.rings(rig.CallerOptions{From: hidden, Withheld: true})
		c.answersUntil(step.hears, []answer{
			{"nl/menu-aanvraag", "1"},
			{"nl/offer-callback", "1"},
			{"nl/withheld-number", ""},
			{"nl/enter-number", number + "#"},
			{"nl/call-back-on-number", ""},
			{"nl/confirm-number", ""},
		})
		c.presses(step.presses)
		s.crashes()
		c.hears("music", "nl/menu-aanvraag", "nl/call-back-by")
		c.hangsUp()
		s.atRest()
		require.LessOrEqual(t, len(s.notes(number)), step.most, "killed when he hears %s", step.hears)
		require.Empty(t, s.notes(hidden))
	}
}

// A caller who has a note is told how it stands: he has not changed it before he has chosen.
func TestTheDaemonIsKilledWhileACallerHearsOfHisNote(t *testing.T) {
	s := open(t, nil)
	for i, step := range []struct {
		hears   string
		presses string
		most    int // repeat contacts
	}{
		{"nl/note-already-open", "", 0},
		{"nl/call-back-by", "", 0},
		{"nl/note-choices", "", 0},
		{"nl/note-choices", "2", 1},
	} {
		from := fmt.Sprintf("061234560%d", i)
		before := s.wasPromised(from)
		c := s.ringsFrom(from)
		c.answersUntil(step.hears, []answer{
			{"nl/note-already-open", ""}, {"nl/call-back-by", ""}, {"nl/note-choices", ""},
		})
		c.presses(step.presses)
		c.listened = s.crashes()
		c.hears("nl/note-already-open", "nl/note-stays", "nl/menu-aanvraag") // he is not cut off, and may choose again
		c.hangsUp()
		s.atRest()
		after := s.kept(from)
		require.LessOrEqual(t, after.Repeats, step.most, "killed when he hears %s", step.hears)
		if after.Repeats == 0 {
			require.Equal(t, before, after)
		}
	}
}

// A caller withdraws his note: what he heard is so.
func TestTheDaemonIsKilledWhileANoteIsWithdrawn(t *testing.T) {
	s := open(t, nil)
	for i, step := range []struct {
		does string
		may  []note.State
	}{
		{"is asked", []note.State{note.Open}},
		{"has confirmed", []note.State{note.Open, note.Cancelled}},
		{"is told", []note.State{note.Cancelled}},
	} {
		from := fmt.Sprintf("061234560%d", i)
		s.wasPromised(from)
		c := s.ringsFrom(from)
		c.answersUntil("nl/confirm-withdrawal", []answer{{"nl/note-choices", "3"}, {"nl/confirm-withdrawal", ""}})
		if step.does != "is asked" {
			c.hearsWhole("nl/confirm-withdrawal") // a key before it is heard does not count
			c.presses("1")
		}
		if step.does == "is told" {
			c.hears("nl/note-withdrawn")
		}
		c.listened = s.crashes()
		require.Contains(t, step.may, s.kept(from).State, "killed when he %s", step.does)
		c.hears("nl/note-already-open", "nl/menu-aanvraag")
		c.hangsUp()
		s.atRest()
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
