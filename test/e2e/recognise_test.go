package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// hasANote lets a caller ask for a note of the department, where nobody is.
func (s *scene) hasANote(from string) note.Note {
	s.t.Helper()
	return s.asksForANote(from).confirmed(from, "vergunningen", true)
}

// ringsAgain lets a caller with a note ring again, and hear how it stands.
func (s *scene) ringsAgain(from string) *caller {
	s.t.Helper()
	c := s.rings(rig.CallerOptions{From: from})
	c.hearsWhole("nl/note-already-open")
	c.hearsWhole("nl/call-back-by")
	c.hears("nl/note-choices")
	return c
}

func TestACallerWithANoteLeavesIt(t *testing.T) {
	s := open(t, nil)
	before := s.hasANote("0612345678")
	c := s.ringsAgain("0612345678")
	c.presses("2")
	c.hearsWhole("nl/note-stays")
	c.isHungUp()
	after := s.kept("0612345678")
	require.Equal(t, before.ID, after.ID)
	require.Equal(t, note.Open, after.State)
	require.Equal(t, before.Deadline, after.Deadline, "the clock never restarts")
	require.Equal(t, 1, after.Repeats)
	require.Equal(t, 1, after.Priority)
	s.atRest()
	require.Equal(t, 1.0, s.ended(call.NoteExplained))
	require.Equal(t, 1.0, s.metric("bereikbaar_notes_repeat_contacts_total", "team", "vergunningen"))
}

func TestACallerWithANoteWaitsForAPersonWhoSeesIt(t *testing.T) {
	s := open(t, nil)
	n := s.hasANote("0612345678")
	agent := s.agent("verg1", rig.Behaviour{})
	c := s.ringsAgain("0612345678")
	c.presses("1")
	c.getsThrough(agent, 1)
	said, err := agent.Messages()
	require.NoError(t, err)
	require.Contains(t, said, "TBN "+string(n.Reference), "the agent's phone shows the note")
	c.hangsUp()
	s.atRest()
	require.Equal(t, note.Open, s.kept("0612345678").State, "it stays open until it is resolved")
	require.Equal(t, 1.0, s.ended(call.Answered))
}

func TestAnAgentResolvesTheNoteInTheCall(t *testing.T) {
	s := open(t, nil)
	s.hasANote("0612345678")
	agent := s.agent("verg1", rig.Behaviour{})
	c := s.ringsAgain("0612345678")
	c.presses("1")
	c.getsThrough(agent, 1)
	desk := &colleague{Agent: agent, s: s}
	n := s.kept("0612345678")
	_, me, err := s.Daemon.API(s.ctx, "verg1", http.MethodGet, "/api/me", 0, "")
	require.NoError(t, err)
	require.Contains(t, me, `"note":"`+string(n.Reference)+`"`, "the desk can show the note of the caller")
	desk.tells("resolve", n, `{"outcome": "settled", "reason": "staat in het dossier"}`)
	after := s.kept("0612345678")
	require.Equal(t, note.Resolved, after.State)
	require.Equal(t, note.Settled, after.Outcome)
	require.True(t, after.NormMet)
	c.hangsUp()
	s.atRest()
	s.eventually(
		"it is counted",
		func() error { return equal(1, s.metric("bereikbaar_notes_resolved_total", "team", "vergunningen")) },
	)
}

func TestHangingUpAtEveryPromptAboutANoteChangesNothing(t *testing.T) {
	s := open(t, nil)
	before := s.hasANote("0612345678")
	for _, at := range []string{"note-already-open", "call-back-by", "note-choices", "confirm-withdrawal"} {
		c := s.rings(rig.CallerOptions{From: "0612345678"})
		for _, step := range []struct{ prompt, key string }{
			{"note-already-open", ""}, {"call-back-by", ""}, {"note-choices", "3"}, {"confirm-withdrawal", ""},
		} {
			c.hears("nl/" + step.prompt)
			if step.prompt == at {
				break
			}
			if step.key != "" {
				c.presses(step.key)
			}
		}
		c.hangsUp()
		s.atRest()
	}
	require.Equal(t, before, s.kept("0612345678"))
	c := s.ringsAgain("0612345678")
	c.presses("2")
	c.hears("nl/note-stays")
	c.hangsUp()
	s.atRest()
	require.Equal(t, 1, s.kept("0612345678").Repeats, "they had chosen already")
}

func TestACallerWithdrawsTheirNote(t *testing.T) {
	s := open(t, nil)
	s.hasANote("0612345678")
	c := s.ringsAgain("0612345678")
	c.presses("3")
	c.hearsWhole("nl/confirm-withdrawal") // a key before its end does not count
	c.presses("1")
	c.hearsWhole("nl/note-withdrawn")
	c.hears("nl/menu-aanvraag") // they may have another question
	c.hangsUp()
	require.Equal(t, note.Cancelled, s.kept("0612345678").State)
	s.atRest()
	require.Equal(t, 1.0, s.ended(call.NoteWithdrawn))
	s.eventually(
		"it is counted",
		func() error { return equal(1, s.metric("bereikbaar_notes_cancelled_total", "team", "vergunningen")) },
	)

	again := s.rings(rig.CallerOptions{From: "0612345678"})
	again.hearsWhole("nl/welkom-deventer")
	again.hears("nl/menu-aanvraag") // a cancelled note is not mentioned
	again.hangsUp()
	s.atRest()
}

func TestTwoRequestsForTheSameAreOneNote(t *testing.T) {
	s := open(t, nil)
	first := s.hasANote("0612345678")
	c := s.ringsAgain("0612345678")
	c.presses("1") // the department is empty: the contact centre's queue, which is empty too
	c.hearsWhole("nl/offer-callback")
	c.presses("1")
	c.hearsWhole("nl/note-already-open")
	require.Equal(t, first.Reference, c.isPromised())
	n := s.kept("0612345678")
	require.Equal(t, first.ID, n.ID)
	require.Equal(t, first.Deadline, n.Deadline, "the clock never restarts")
	require.Equal(t, 1, n.Repeats, "a call counts once")
	require.Equal(t, 1, n.Priority)
	s.atRest()
	require.Equal(t, 2.0, s.ended(call.CallbackPromised))
	require.Equal(t, 1.0, s.offered("kcc", call.OfferTookNote))
}

// longestSilenceWithANote is longestSilence plus the prompts about the note and the choices.
const longestSilenceWithANote = 25 * time.Second

// Doing nothing ends at a person for callers with a note, too.
func TestACallerWithANoteWhoPressesNothingGetsAPersonSoon(t *testing.T) {
	s := open(t, nil)
	s.hasANote("0612345678")
	agent := s.agent("verg1", rig.Behaviour{})
	c := s.ringsAgain("0612345678")
	since := c.Leg().Invited
	leg, err := agent.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	waited := leg.Invited.Sub(since)
	t.Logf("a phone rings after %s", waited)
	require.LessOrEqual(t, waited, longestSilenceWithANote)
	c.getsThrough(agent, 1)
	c.hangsUp()
	s.atRest()
}
