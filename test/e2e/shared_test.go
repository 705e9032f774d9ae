package e2e

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// leavesAnotherNumber lets a caller ask the department for a note on another number than their line's.
func (s *scene) leavesAnotherNumber(line, number string) note.Note {
	s.t.Helper()
	c := s.ringsFrom(line)
	c.answersUntil("nl/enter-number", []answer{
		{"nl/menu-aanvraag", "1"}, {"nl/offer-callback", "1"}, {"nl/confirm-number", "2"}, {"nl/enter-number", ""},
	})
	c.presses(number + "#")
	c.hears("nl/confirm-number")
	c.presses("1")
	return c.confirmed(number, "vergunningen", false)
}

// A caller is known by the number to ring back, and by the line that they rang on.
func TestACallerWhoLeftAnotherNumberIsRecognisedByBoth(t *testing.T) {
	const line, number = "0612345670", "0687654321"
	s := open(t, nil)
	s.leavesAnotherNumber(line, number)
	c := s.ringsAgain(number)
	c.presses("2")
	c.hearsWhole("nl/note-stays")
	c.isHungUp()
	require.Equal(t, 1, s.kept(number).Repeats)

	c = s.ringsAgain(line)
	c.presses("3")
	c.hearsWhole("nl/confirm-withdrawal")
	c.presses("1")
	c.hearsWhole("nl/note-withdrawn")
	c.hangsUp()
	require.Equal(t, note.Cancelled, s.kept(number).State, "they need not be called any more")
	s.atRest()
}

// A colleague sees the caller's note, so that a helped caller is not called back.
func TestACallerWhoRingsFromTheirLineIsHelpedAndNotCalledBack(t *testing.T) {
	const line, number = "0570693911", "0687654321"
	s := open(t, nil)
	n := s.leavesAnotherNumber(line, number)
	agent := s.agent("verg1", rig.Behaviour{})
	c := s.ringsFrom(line)
	c.hears("nl/note-choices")
	c.presses("1")
	c.getsThrough(agent, 1)
	said, err := agent.Messages()
	require.NoError(t, err)
	require.Contains(t, said, "TBN "+string(n.Reference))
	desk := &colleague{Agent: agent, s: s}
	desk.tells("resolve", s.kept(number), `{"outcome": "settled"}`)
	require.Equal(t, note.Resolved, s.kept(number).State)
	c.hangsUp()
	s.atRest()
}

// The company has one number, and the people behind it do not know of each other.
const company = "0570693911"

// ofReference gives the note of the company with a reference.
func (s *scene) ofReference(r note.Reference) note.Note {
	s.t.Helper()
	var n note.Note
	s.eventually("the note is in Redis", func() error {
		notes := s.notes(company)
		i := slices.IndexFunc(notes, func(n note.Note) bool { return n.Reference == r })
		if i < 0 {
			return errors.New("it is not there")
		}
		n = notes[i]
		return nil
	})
	return n
}

// asksForSomethingElse lets a second person of the company ask the same team for a note.
func (s *scene) asksForSomethingElse(hears string) note.Note {
	s.t.Helper()
	c := s.ringsFrom(company)
	c.answersUntil("nl/call-back-by", []answer{
		{hears, ""},
		{"nl/note-choices", "4"},
		{"nl/menu-aanvraag", "1"},
		{"nl/offer-callback", "1"},
		{"nl/confirm-number", "1"},
		{"nl/call-back-by", ""},
	})
	c.hearsWhole("nl/goodbye")
	c.isHungUp()
	return s.ofReference(c.heardReference())
}

// Each has a note of their own, and nobody withdraws another's.
func TestSeveralPeopleBehindOneCompanysNumber(t *testing.T) {
	s := open(t, nil)
	first := s.hasANote(company)
	second := s.asksForSomethingElse("nl/note-for-this-number")
	require.NotEqual(t, first.ID, second.ID)
	require.Equal(t, first.Team, second.Team)
	require.Zero(t, s.ofReference(first.Reference).Repeats, "they did not ring about it")

	c := s.ringsFrom(company)
	c.hearsWhole("nl/notes-for-this-number")
	c.hears("nl/notes-choices")
	c.presses("3")
	c.hears("nl/enter-reference")
	c.presses("10000004") // not a reference here
	c.hearsWhole("nl/reference-unknown")
	c.hears("nl/enter-reference")
	c.presses(string(second.Reference))
	c.hearsWhole("nl/confirm-withdrawal")
	c.presses("1")
	c.hearsWhole("nl/note-withdrawn")
	c.hangsUp()
	require.Equal(t, note.Cancelled, s.ofReference(second.Reference).State)
	require.Equal(t, note.Open, s.ofReference(first.Reference).State, "another's stays")
	s.atRest()
}

func TestNobodyWithdrawsANoteOfTheCompanyWithoutItsReference(t *testing.T) {
	s := open(t, nil)
	first := s.hasANote(company)
	c := s.ringsFrom(company)
	c.hears("nl/note-choices")
	c.presses("3")
	c.hearsWhole("nl/enter-reference")
	c.hears("nl/searching-agent", "nl/not-reachable", "music") // they do nothing, and get a person
	// a key before its end may be an answer to the previous question
	c.hearsWhole("nl/offer-callback")
	c.presses("1")
	c.hears("nl/confirm-number")
	c.presses("1")
	reference := c.isPromised()
	require.NotEqual(t, first.Reference, reference, "no caller hears the reference of another's note")
	require.Equal(t, note.Open, s.ofReference(first.Reference).State)
	s.atRest()
	require.Zero(t, s.ended(call.NoteWithdrawn))
}

// A caller who keys in their reference hears how their own note stands.
func TestSomebodyOfTheCompanyHearsHowTheirNoteStands(t *testing.T) {
	s := open(t, nil)
	s.hasANote(company)
	second := s.asksForSomethingElse("nl/note-for-this-number")
	c := s.ringsFrom(company)
	c.hears("nl/notes-choices")
	c.presses("2")
	c.hears("nl/enter-reference")
	c.presses(string(second.Reference))
	c.hearsWhole("nl/note-already-open")
	c.hearsWhole("nl/call-back-by")
	c.hears("nl/note-choices")
	c.presses("2")
	c.hearsWhole("nl/note-stays")
	c.isHungUp()
	require.Equal(t, 1, s.ofReference(second.Reference).Repeats)
	s.atRest()
}
