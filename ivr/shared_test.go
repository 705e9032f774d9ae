package ivr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// behindOneNumber lets the caller ring from a company's number, for which there are notes with these references, one
// due after the other.
func (s *scene) behindOneNumber(references ...note.Reference) []note.Note {
	s.t.Helper()
	var err error
	s.caller, err = call.ParseNumber("0570693911")
	require.NoError(s.t, err)
	return s.severalNotes(references...)
}

func (s *scene) severalNotes(references ...note.Reference) []note.Note {
	var notes []note.Note
	for i, r := range references {
		n := s.callersNote(tried(attempt.NotReached))
		n.ID, n.Reference = note.ID("note-of-"+r), r
		n.Deadline = n.Deadline.Add(time.Duration(i) * time.Hour)
		notes = append(notes, n)
	}
	s.notes.live = notes
	return notes
}

const (
	one   = note.Reference("10000004")
	other = note.Reference("20000008")
)

func TestSomebodyElseOfTheCompanyGetsANoteOfTheirOwn(t *testing.T) {
	for name, test := range map[string]struct {
		references []note.Reference
		hears      string
		keys       []string
	}{
		"for something else, behind one note": {
			[]note.Reference{one},
			"Er staat al een terugbelnotitie voor dit telefoonnummer. Wij bellen u uiterlijk op dinsdag",
			[]string{"4", "2"},
		},
		"for something else, behind several": {
			[]note.Reference{one, other},
			"Er staan al terugbelnotities voor dit telefoonnummer. Weten wanneer wij bellen? Toets 2.",
			[]string{"4", "2"},
		},
		"for a person, who is not there": {[]note.Reference{one}, "Belt u voor iets anders? Toets 4.", []string{"1"}},
		"and stays on the line":          {[]note.Reference{one, other}, "blijf aan de lijn", nil},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.behindOneNumber(test.references...)
				s.phones.answers("nobody", time.Hour)
				s.rings("140570")
				s.after(welcomeIs)
				require.Contains(t, s.line.all(), test.hears)
				require.NotContains(t, s.line.all(), "niet bereikt", "the attempts of another's note are not told")
				for _, key := range test.keys {
					s.answers(key)
				}
				s.after(50 * time.Second)
				s.comesBack(s.stops()) // in the queue
				s.after(5 * time.Second)
				s.presses("1")
				s.answers("1")
				s.after(30 * time.Second)
				require.Len(t, s.notes.made, 1)
				require.True(t, s.notes.made[0].Separate, "it is no repeat contact of another's")
				require.NotContains(t, s.line.all(), "één nul, nul nul", "nor is another's reference told")
				require.Equal(t, "note-1", s.contact().NoteID)
			})
		})
	}
}

func TestAMobileIsOnePersons(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.callersNote()
		s.rings("140570")
		s.after(welcomeIs)
		s.answers("4")
		s.after(time.Second)
		require.Contains(t, s.line.all(), "Belt u over een aanvraag?")
		s.answers("2")
		s.after(10 * time.Second)
		s.presses("1")
		s.answers("1")
		s.after(30 * time.Second)
		require.Len(t, s.notes.made, 1)
		require.True(t, s.notes.made[0].Separate, "they ring for something else")
		require.Empty(t, s.notes.repeated)
		require.Equal(t, "note-1", s.contact().NoteID)
	})
}

func TestANoteThatMayBeAnothersIsWithdrawnByItsReference(t *testing.T) {
	for name, test := range map[string]struct {
		scene     func(*scene) []note.Note
		keys      []string
		withdrawn int // which of the notes, from 1
	}{
		"the reference, and then yes": {company(one), []string{"3", string(one), "1"}, 1},
		"one of several":              {company(one, other), []string{"3", string(other), "1"}, 2},
		"at the second try":           {company(one), []string{"3", string(other), string(one), "1"}, 1},
		"with a hash behind it":       {company(one), []string{"3", "1000#", string(one), "1"}, 1},
		"told first how it stands":    {company(one, other), []string{"2", string(other), "3", "1"}, 2},
		"of several of a mobile":      {mobile(one, other), []string{"3", string(other), "1"}, 2},
		"the reference of another number's note": {
			company(one), []string{"3", string(other), string(other), string(other)}, 0,
		},
		"the reference, and no":                   {company(one), []string{"3", string(one), "2"}, 0},
		"the reference, and nothing":              {company(one), []string{"3", string(one)}, 0},
		"no reference":                            {company(one), []string{"3"}, 0},
		"yes instead of the reference":            {company(one), []string{"3", "1"}, 0},
		"the state of a note without a reference": {company(one, other), []string{"2"}, 0},
		"the key of a mobile on a shared number":  {company(one, other), []string{"3", "1#", "1#", "1#"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				notes := test.scene(s)
				for _, agent := range []call.AgentID{"kcc1", "verg1"} {
					s.phones.answers(agent, time.Second)
				}
				s.rings("140570")
				s.after(welcomeIs)
				for _, key := range test.keys {
					s.answers(key)
				}
				s.after(time.Minute)
				if test.withdrawn > 0 {
					require.Equal(t, []note.ID{notes[test.withdrawn-1].ID}, s.notes.withdrawn)
					require.Contains(t, s.line.all(), "Wij bellen u niet meer terug.")
				} else {
					require.Empty(t, s.notes.withdrawn)
					require.NotEmpty(t, s.line.talkingTo(), "they get a person")
				}
				s.hangsUp()
			})
		})
	}
}

func company(references ...note.Reference) func(*scene) []note.Note {
	return func(s *scene) []note.Note { return s.behindOneNumber(references...) }
}

func mobile(references ...note.Reference) func(*scene) []note.Note {
	return func(s *scene) []note.Note { return s.severalNotes(references...) }
}

// A caller who keys in a stranger's number does not hear the reference: it would let them withdraw the note.
func TestTheReferenceOfANoteThatStoodIsToldToTheirOwnMobileOnly(t *testing.T) {
	for name, test := range map[string]struct {
		number call.Number
		told   bool
	}{
		"their own": {call.Number{}, true},
		"another's": {call.Number{E164: "+31687654321", Kind: call.KindMobile, Country: "NL"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.notes.stands = &note.Note{
					ID: "note-7", Reference: one, Municipality: "deventer", Number: s.caller,
					Deadline: monday.Add(30 * time.Hour),
				}
				if !test.told {
					s.notes.stands.Number = test.number
				}
				s.rings("140570")
				s.after(5 * time.Second)
				s.presses("2")
				s.after(5 * time.Second)
				s.presses("1")
				s.answers("1")
				s.after(30 * time.Second)
				require.Equal(t, "note-7", s.contact().NoteID)
				require.Contains(t, s.line.all(), "Wij bellen u uiterlijk op dinsdag")
				if test.told {
					require.Contains(t, s.line.all(), "Uw kenmerk is, één nul, nul nul")
				} else {
					require.NotContains(t, s.line.all(), "kenmerk is")
				}
			})
		})
	}
}
