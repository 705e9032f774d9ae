package ivr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
)

// callersNote makes the live note of a scene's caller, due on Tuesday at five.
func (s *scene) callersNote(change ...func(*note.Note)) note.Note {
	n := note.Note{
		ID: "note-7", Reference: "10000004", Municipality: "deventer", Team: "permits", State: note.Open,
		Number:   s.caller,
		Deadline: time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC),
	}
	for _, c := range change {
		c(&n)
	}
	s.notes.live = []note.Note{n}
	return n
}

const (
	noteStands = "Er staat al een terugbelnotitie voor u. Wij bellen u uiterlijk op dinsdag vierentwintig november om zeventien uur."
	welcomeIs  = 1 * time.Second
)

func TestACallerWithANoteHearsHowItStandsAndLeavesIt(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		n := s.callersNote()
		s.rings("140570")
		s.after(welcomeIs)
		require.Contains(t, s.line.all(), noteStands)
		s.answers("2")
		s.after(10 * time.Second)
		c := s.contact()
		require.Equal(t, call.NoteExplained, c.Outcome)
		require.Equal(t, string(n.ID), c.About)
		require.Contains(t, s.line.all(), "Uw terugbelnotitie blijft staan.")
		require.Equal(t, []note.ID{n.ID}, s.notes.repeated)
		require.Empty(t, s.notes.withdrawn)
		require.Equal(t, "hung up", s.line.released)
	})
}

func TestACallerWithANoteGetsAPerson(t *testing.T) {
	for name, keys := range map[string]string{
		"by pressing 1": "1", "by doing nothing": "", "by wrong keys": "88",
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				n := s.callersNote()
				s.phones.answers("verg1", time.Second)
				s.rings("140570")
				s.after(welcomeIs)
				for _, key := range keys {
					s.answers(string(key))
				}
				s.after(30 * time.Second)
				require.Equal(t, "verg1", s.line.talking, "the team that has the note")
				require.Contains(t, s.line.state, "10000004", "which note it is travels with the call")
				talking, ok := s.operator.Talking("verg1")
				require.True(t, ok)
				require.Equal(t, n.Reference, talking.Note)
				s.hangsUp()
				_, ok = s.operator.Talking("verg1")
				require.False(t, ok, "the conversation is over")
				require.Equal(t, call.Answered, s.contact().Outcome)
				require.Equal(t, []note.ID{n.ID}, s.notes.repeated)
			})
		})
	}
}

func TestAConversationThatWasTakenBackKeepsItsNote(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		leg := &fakeLeg{id: "kcc1", gone: make(chan struct{})}
		s.begin(func(ctx context.Context, c call.Call) error {
			return s.operator.TakeBack(ctx, s.line, c, ivr.Kept{
				State: ivr.State{Team: "kcc", Reference: "10000004"}.String(),
				Talk:  &ivr.Talk{Agent: "kcc1", Leg: leg, Since: time.Now()},
			})
		})
		talking, ok := s.operator.Talking("kcc1")
		require.True(t, ok)
		require.Equal(t, ivr.Talking{Call: talking.Call, Since: time.Now().UTC(), Note: "10000004"}, talking)
		require.NotEmpty(t, talking.Call)
		require.NoError(t, leg.HangUp(t.Context()))
		require.Equal(t, call.Answered, s.contact().Outcome)
		_, ok = s.operator.Talking("kcc1")
		require.False(t, ok)
	})
}

func TestACallerWithANoteOfATeamThatIsNotThereGetsTheContactCentre(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.callersNote(func(n *note.Note) { n.Team = "gone" })
		s.phones.answers("kcc1", time.Second)
		s.rings("140570")
		s.after(welcomeIs)
		s.answers("1")
		s.after(10 * time.Second)
		require.Equal(t, "kcc1", s.line.talking)
		s.hangsUp()
	})
}

func TestACallerWithdrawsTheirNote(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		n := s.callersNote()
		s.rings("140570")
		s.after(welcomeIs)
		s.answers("3")
		require.Empty(t, s.notes.withdrawn, "not before the caller has confirmed it")
		s.answers("1")
		require.Equal(t, []note.ID{n.ID}, s.notes.withdrawn)
		require.Contains(t, s.line.all(), "Wij bellen u niet meer terug.")
		s.after(3 * time.Second)
		require.Contains(t, s.line.all(), "Belt u over een aanvraag?", "the caller may have another question")
		s.hangsUp()
		require.Equal(t, call.NoteWithdrawn, s.contact().Outcome)
		require.Empty(t, s.notes.repeated)
	})
}

func TestAWithdrawalThatIsNotConfirmedOrNotPossibleEndsAtAPerson(t *testing.T) {
	for name, down := range map[string]bool{"not confirmed": false, "not possible": true} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.callersNote()
				s.phones.answers("verg1", time.Second)
				s.rings("140570")
				s.after(welcomeIs)
				s.answers("3")
				if down {
					s.notes.down = true
					s.answers("1")
				}
				s.after(30 * time.Second)
				require.Empty(t, s.notes.withdrawn)
				require.Equal(t, "verg1", s.line.talking)
				s.hangsUp()
			})
		})
	}
}

func TestHowANoteStandsIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*note.Note)
		says   string
	}{
		"a colleague works on it": {
			func(n *note.Note) { n.State = note.Claimed }, "Een medewerker is er nu mee bezig. Wij bellen u uiterlijk",
		},
		"it was tried": {
			tried(attempt.NotReached), "Wij hebben u al gebeld, maar u niet bereikt. Wij bellen u uiterlijk",
		},
		"a machine answered": {
			tried(attempt.Voicemail), "Wij hebben u al gebeld, maar u niet bereikt. Wij bellen u uiterlijk",
		},
		"the caller was reached": {tried(attempt.NotReached, attempt.Reached), "voor u. Wij bellen u uiterlijk"},
		"it has no result":       {tried(attempt.NotReached, attempt.Untold), "voor u. Wij bellen u uiterlijk"},
		"it is late": {
			func(n *note.Note) { n.Deadline = monday.Add(-time.Hour) },
			"Wij hadden u al willen bellen. Dat spijt ons. Wilt u",
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.callersNote(test.change)
				s.rings("140570")
				s.after(welcomeIs)
				require.Contains(t, s.line.all(), test.says)
				s.hangsUp()
			})
		})
	}
}

// tried gives attempts with these results.
func tried(results ...attempt.Result) func(*note.Note) {
	return func(n *note.Note) {
		for _, r := range results {
			n.Attempts = append(n.Attempts, attempt.Attempt{Result: r})
		}
	}
}

// Two notes would let two teams ring them.
func TestACallerWhoHasANoteGetsNoSecondOne(t *testing.T) {
	const again = "Er staat al een terugbelnotitie voor u. Wij bellen u uiterlijk op dinsdag vierentwintig november om zeventien uur. " +
		"Uw kenmerk is, één nul, nul nul, nul nul, nul vier. Uw kenmerk is"
	for name, test := range map[string]struct {
		team    call.TeamID
		counted bool // when the caller chose
		then    func(*scene)
	}{
		"at the team that has it":                        {"permits", true, func(*scene) {}},
		"at the contact centre, for its team is no more": {"gone", true, func(*scene) {}},
		"when it could not be counted at first": {
			"permits", false, func(s *scene) { s.notes.set(func(n *fakeNotes) { n.down = false }) },
		},
		"when the notes cannot be read any more": {
			"permits", true, func(s *scene) { s.notes.set(func(n *fakeNotes) { n.down = true }) },
		},
		"when another daemon took the call over": {"permits", true, func(s *scene) { s.comesBack(s.stops()) }},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				n := s.callersNote(func(n *note.Note) { n.Team = test.team })
				s.rings("140570")
				s.after(welcomeIs)
				s.notes.set(func(n *fakeNotes) { n.down = !test.counted })
				s.answers("1")
				s.after(5 * time.Second)
				test.then(s)
				s.after(time.Minute)
				require.Contains(t, s.line.all(), "Wilt u dat wij u terugbellen?")
				s.presses("1") // between two offers: the key asks for one too
				s.after(30 * time.Second)
				require.Contains(t, s.line.all(), again)
				c := s.contact()
				require.Empty(t, s.notes.made)
				require.Equal(t, []note.ID{n.ID}, s.notes.repeated, "a call counts once")
				require.Equal(t, call.CallbackPromised, c.Outcome)
				require.Equal(t, string(n.ID), c.NoteID)
				require.Equal(t, string(n.ID), c.About)
				require.Equal(t, call.OfferTookNote, c.Offers[len(c.Offers)-1].Result)
				require.Equal(t, "hung up", s.line.released)
			})
		})
	}
}

func TestACallerWhoseNoteWasClosedMeanwhileGetsANewOne(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.callersNote()
		s.rings("140570")
		s.after(welcomeIs)
		s.answers("1")
		s.after(5 * time.Second)
		s.notes.set(func(n *fakeNotes) { n.live = nil }) // a colleague closed it
		s.presses("1")
		s.answers("1")
		s.after(30 * time.Second)
		require.Len(t, s.notes.made, 1)
		require.Equal(t, "note-1", s.contact().NoteID)
	})
}

func TestHangingUpDuringTheWelcomeIsARepeatContactToo(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		n := s.callersNote()
		s.rings("140570")
		s.after(welcomeIs / 2)
		s.hangsUp()
		c := s.contact()
		require.Equal(t, string(n.ID), c.About)
		require.Equal(t, call.HungUpInMenu, c.Outcome)
		require.Empty(t, s.notes.repeated, "the note itself is as it was")
	})
}

// A waiting caller who asks to be called back after all gets the note that there is. Its deadline may have passed: then
// it must not be promised.
func TestACallerWithALateNoteIsPromisedNothingInThePast(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.notes.due = monday.Add(-time.Hour)
		s.rings("140570")
		s.after(5 * time.Second)
		s.presses("2")
		s.after(5 * time.Second)
		s.presses("1")
		s.answers("1")
		s.after(20 * time.Second)
		require.Equal(t, call.CallbackPromised, s.contact().Outcome)
		require.Contains(
			t, s.line.all(),
			"Er staat al een terugbelnotitie voor u. Wij hadden u al willen bellen. Dat spijt ons. Uw kenmerk is",
		)
		require.NotContains(t, s.line.all(), "uiterlijk")
	})
}

func TestNobodyIsRecognised(t *testing.T) {
	for name, prepare := range map[string]func(*scene){
		"a caller without a note":         func(*scene) {},
		"a withheld number":               func(s *scene) { s.callersNote(); s.caller = call.Withheld() },
		"notes that cannot be read":       func(s *scene) { s.callersNote(); s.notes.down = true },
		"notes that are not read in time": func(s *scene) { s.callersNote(); s.notes.deaf = true },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				prepare(s)
				s.rings("140570")
				s.after(welcomeIs)
				require.Contains(
					t, s.line.all(), "Belt u over een aanvraag?", "the call goes on like any other, without a pause",
				)
				s.hangsUp()
				require.Empty(t, s.contact().About)
			})
		})
	}
}
