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

// crashes kills the daemon and starts it again. It gives the moment between the two.
func (s *scene) crashes() time.Time {
	s.t.Helper()
	require.NoError(s.t, s.Daemon.Kill())
	died := time.Now()
	require.NoError(s.t, s.Daemon.Restart(s.ctx))
	return died
}

// Row 10 of the fault matrix, while a caller asks for a note: an unconfirmed note may exist, but never twice.
func TestTheDaemonIsKilledBeforeANoteIsConfirmed(t *testing.T) {
	s := open(t, nil)
	for i, step := range []struct {
		hears   string // then the daemon is killed
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
		require.LessOrEqual(t, len(s.notes(from)), step.most, "killed when they hear %s", step.hears)
	}
}

// asksUntil lets a caller ask for a note of the department, where nobody is, until they hear a phrase.
func (s *scene) asksUntil(from, phrase string) *caller {
	s.t.Helper()
	c := s.ringsFrom(from)
	c.answersUntil(phrase, []answer{
		{"nl/menu-aanvraag", "1"},
		{"nl/offer-callback", "1"},
		{"nl/call-back-on-number", ""},
		{"nl/confirm-number", "1"},
		{phrase, ""},
	})
	return c
}

// answer is the key that a caller presses at a phrase.
type answer struct{ hears, presses string }

// answersUntil lets the caller answer phrases, until they hear a given one.
func (c *caller) answersUntil(phrase string, answers []answer) {
	c.s.t.Helper()
	for _, a := range answers {
		c.hears(a.hears)
		if a.hears == phrase {
			return
		}
		c.presses(a.presses)
	}
	require.Fail(c.s.t, "the caller never hears "+phrase)
}

// hearsAgain waits until the current phrase is played once more.
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

// The same during the confirmation: there is one note, with the deadline and reference that the caller hears. They do
// not wait again, and hear both once more.
func TestTheDaemonIsKilledWhileANoteIsConfirmed(t *testing.T) {
	t.Parallel()
	const from = "0612345678"
	for name, step := range map[string]struct {
		hears string
		whole bool // they have heard their reference to its end by then
	}{
		"the deadline":            {"nl/call-back-by", false},
		"the reference":           {"nl/your-reference-is", false},
		"the reference once more": {"nl/your-reference-is", true},
		"goodbye":                 {"nl/goodbye", true},
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

// A caller whose number is withheld keys one in: neither is stored before they confirm.
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
		{"nl/call-back-on-number", "", 0}, // the keyed number is read back
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
		require.LessOrEqual(t, len(s.notes(number)), step.most, "killed when they hear %s", step.hears)
		require.Empty(t, s.notes(hidden))
	}
}

// A caller hears how their note stands: it does not change before they choose.
func TestTheDaemonIsKilledWhileACallerHearsOfTheirNote(t *testing.T) {
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
		c.hears("nl/note-already-open", "nl/note-stays", "nl/menu-aanvraag") // not cut off: they may choose again
		c.hangsUp()
		s.atRest()
		after := s.kept(from)
		require.LessOrEqual(t, after.Repeats, step.most, "killed when they hear %s", step.hears)
		if after.Repeats == 0 {
			require.Equal(t, before, after)
		}
	}
}

// A caller withdraws their note: what they heard holds.
func TestTheDaemonIsKilledWhileANoteIsWithdrawn(t *testing.T) {
	s := open(t, nil)
	for i, step := range []struct {
		when string
		may  []note.State
	}{
		{"asked", []note.State{note.Open}},
		{"confirmed", []note.State{note.Open, note.Cancelled}},
		{"the withdrawal is said", []note.State{note.Cancelled}},
	} {
		from := fmt.Sprintf("061234560%d", i)
		s.wasPromised(from)
		c := s.ringsFrom(from)
		c.answersUntil("nl/confirm-withdrawal", []answer{{"nl/note-choices", "3"}, {"nl/confirm-withdrawal", ""}})
		if step.when != "asked" {
			c.hearsWhole("nl/confirm-withdrawal") // a key before its end does not count
			c.presses("1")
		}
		if step.when == "the withdrawal is said" {
			c.hears("nl/note-withdrawn")
		}
		c.listened = s.crashes()
		require.Contains(t, step.may, s.kept(from).State, "killed when %s", step.when)
		c.hears("nl/note-already-open", "nl/menu-aanvraag")
		c.hangsUp()
		s.atRest()
	}
}

// The same, with the note on this machine's disk only.
func TestTheDaemonIsKilledWhileRedisIsFrozen(t *testing.T) {
	s := open(t, nil)
	require.NoError(t, s.Redis.Process().Freeze())
	c := s.asksUntil("0612345678", "nl/goodbye")
	reference := c.heardReference()
	require.NoError(t, s.Daemon.Kill())
	c.hangsUp()
	require.NoError(t, s.Redis.Process().Kill()) // writes that it had only read are lost
	require.NoError(t, s.Daemon.Restart(s.ctx))
	require.Equal(t, 1.0, s.metric("bereikbaar_journal_notes_behind"), "the journal knows what Redis lacks")
	require.NoError(t, s.Redis.Start(s.ctx))
	s.storedOnce("0612345678", reference)
	s.atRest()
	require.Zero(t, s.metric("bereikbaar_journal_notes_behind"))
	require.Zero(t, s.metric("bereikbaar_journal_notes_restored_total"), "nothing was lost: no alarm")
}
