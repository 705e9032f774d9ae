package ivr_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

func TestDoingNothingEndsAtAPersonOfTheContactCentre(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", 4*time.Second)
		s.rings("140570")
		s.after(20 * time.Second)
		require.Equal(t, "kcc1", s.line.talking)
		s.after(30 * time.Second)
		s.agentHangsUp()

		c := s.contact()
		require.Equal(t, call.Answered, c.Outcome)
		offer, ok := c.Answered()
		require.True(t, ok)
		require.Equal(t, call.TeamID("kcc"), offer.Team)
		require.Equal(t, 4*time.Second, offer.Waited, "the phone rings while the greeting is spoken")
		require.InDelta(t, 39, offer.Talked.Seconds(), 2)
		require.Empty(t, c.Choices)
		require.Equal(t, "hung up", s.line.released)
		require.Contains(
			t, s.line.all(), "Welkom bij de gemeente. | Belt u over een aanvraag? Toets 1. Heeft u een andere vraag?",
		)
	})
}

func TestAKeyCutsTheMenuShort(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("verg1", time.Second)
		s.rings("140570")
		s.after(1500 * time.Millisecond)
		s.presses("1")
		require.Equal(t, 1, s.line.cut)
		s.after(2 * time.Second)
		require.Equal(t, "verg1", s.line.talking)
		s.hangsUp()
		c := s.contact()
		require.Equal(t, "1", c.Choices)
		require.Equal(t, call.Answered, c.Outcome)
		require.Empty(t, s.line.released, "a caller who is gone is not hung up again")
	})
}

func TestThreeWrongKeysEndAtAPerson(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Second)
		s.rings("140570")
		for range 3 {
			s.after(1500 * time.Millisecond)
			s.presses("9")
		}
		s.after(2 * time.Second)
		require.Equal(t, "kcc1", s.line.talking)
		require.Contains(t, s.line.all(), "Die keuze kennen wij niet.")
		s.hangsUp()
		require.Equal(t, "999", s.contact().Choices)
	})
}

func TestAnUnknownDialledNumberReachesAPerson(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Second)
		s.rings("0570999999")
		s.after(3 * time.Second)
		require.Equal(t, "kcc1", s.line.talking)
		s.hangsUp()
		require.Equal(t, call.Answered, s.contact().Outcome)
	})
}

func TestAnotherMunicipalityIsAnOrdinaryOutcome(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.presses("3")
		s.after(10 * time.Second)
		c := s.contact()
		require.Equal(t, call.OtherMunicipality, c.Outcome)
		require.Contains(t, s.line.all(), "Voor Raalte belt u 14 0572.")
		require.Equal(t, "hung up", s.line.released)
	})
}

func TestNobodyAnswersAndTheCallerTakesANote(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.presses("1")
		s.after(41 * time.Second) // two phones, twenty seconds each
		require.Equal(t, []call.AgentID{"verg1", "verg2"}, s.phones.rung)
		require.Contains(
			t, s.line.all(), "Onze medewerker is nu niet bereikbaar. Wilt u dat wij u terugbellen? Toets 1.",
		)
		s.answers("11") // a hasty caller presses twice
		require.Contains(t, s.line.all(), "Wij bellen u terug op nummer, nul zes")
		s.after(time.Second)
		require.Empty(t, s.notes.made, "nothing is promised before the caller has confirmed the number")
		s.answers("1")
		require.Len(t, s.notes.made, 1)
		require.Equal(t, note.Key("test/call-1"), s.notes.made[0].Key)
		require.Equal(t, "+31612345678", s.notes.made[0].Number.E164)
		require.Equal(t, call.TeamID("permits"), s.notes.made[0].Team)
		s.after(10 * time.Second)
		require.Contains(t, s.line.all(), "Wij bellen u uiterlijk op dinsdag vierentwintig november om elf uur")
		c := s.contact()
		require.Equal(t, call.CallbackPromised, c.Outcome)
		require.Equal(t, "note-1", c.NoteID)
		require.Equal(t, call.OfferTookNote, c.Offers[0].Result)
		require.Equal(t, 2, c.Offers[0].Rung)
	})
}

func TestACallerWhoDeclinesADepartmentsNoteGoesToTheContactCentre(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Second)
		s.rings("140570")
		s.presses("1")
		s.after(41 * time.Second)
		s.after(20 * time.Second) // asked twice, six seconds each
		require.Equal(t, "kcc1", s.line.talking)
		s.agentHangsUp()
		c := s.contact()
		require.Equal(t, call.Answered, c.Outcome)
		require.Len(t, c.Offers, 2)
		require.Equal(t, call.OfferMovedOn, c.Offers[0].Result)
		require.Equal(t, call.OfferAnswered, c.Offers[1].Result)
	})
}

func TestAWaitingCallerAsksForANoteWithAKey(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.presses("2")
		s.after(10 * time.Second)
		s.presses("1")
		require.Contains(t, s.line.all(), "Wij bellen u terug op nummer")
		s.answers("1")
		s.after(10 * time.Second)
		require.Equal(t, call.CallbackPromised, s.contact().Outcome)
		require.Equal(t, 0, waitingIn(s, "kcc"), "the place in the queue is given up")
	})
}

func TestAPersonWhoAnswersGoesBeforeTheNote(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", 12*time.Second)
		s.rings("140570")
		s.presses("2")
		s.after(11 * time.Second)
		s.presses("1") // while the number is read back, the phone is answered
		s.after(3 * time.Second)
		require.Equal(t, "kcc1", s.line.talking)
		require.Empty(t, s.notes.made)
		s.hangsUp()
		require.Equal(t, call.Answered, s.contact().Outcome)
	})
}

func TestAWithheldNumberIsKeyedIn(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.caller = call.Withheld()
		s.rings("140570")
		s.presses("2")
		s.after(5 * time.Second)
		s.presses("1")
		s.after(2 * time.Second)
		require.Contains(t, s.line.all(), "Wij zien uw nummer niet.")
		s.presses("09001234#") // costs money: refused
		s.after(2 * time.Second)
		require.Contains(t, s.line.all(), "Naar dit nummer kunnen wij niet terugbellen.")
		s.presses("0570*0570693911#") // a mistake, started again with a star
		s.answers("1")
		s.after(10 * time.Second)
		require.Len(t, s.notes.made, 1)
		require.Equal(t, "+31570693911", s.notes.made[0].Number.E164)
		require.False(t, s.notes.made[0].Shown.Known(), "a keyed number is not the caller's own shown one")
		require.Equal(t, call.CallbackPromised, s.contact().Outcome)
	})
}

func TestTheStoreIsDownAndTheCallerWaitsForAPerson(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.notes.down = true
		s.rings("140570")
		s.presses("2")
		s.after(5 * time.Second)
		s.presses("1")
		s.answers("1")
		require.Contains(t, s.line.all(), "Wij kunnen nu niet noteren dat wij u terugbellen.")
		require.NotContains(t, s.line.all(), "Uw kenmerk is")
		s.phones.answers("kcc1", time.Second)
		s.phones.answers("kcc2", time.Second)
		s.after(2 * time.Minute)
		require.NotEmpty(t, s.line.talking, "the caller kept their place and gets a person")
		s.agentHangsUp()
		require.Equal(t, call.Answered, s.contact().Outcome)
	})
}

func TestHangingUpRightAfterConfirmingStillMakesTheNote(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.notes.slow = 100 * time.Millisecond
		s.rings("140570")
		s.presses("2")
		s.after(5 * time.Second)
		s.presses("1")
		s.after(time.Second)
		s.line.keys <- '1'
		s.after(50 * time.Millisecond)
		s.hangsUp()
		s.after(time.Second)
		require.Len(t, s.notes.made, 1)
		require.Equal(t, call.CallbackPromised, s.contact().Outcome)
	})
}

func TestOutsideOpeningHours(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.after(10 * time.Hour) // Monday evening
		s.rings("140570")
		s.presses("2")
		s.after(3 * time.Second)
		require.Contains(
			t, s.line.all(), "Wij zijn nu gesloten. U kunt ons bellen op werkdagen tussen negen en zeventien uur.",
		)
		s.answers("1")
		s.answers("1")
		s.after(10 * time.Second)
		c := s.contact()
		require.Equal(t, call.CallbackPromised, c.Outcome)
		require.Empty(t, c.Offers, "a call outside opening hours was not put before the team")
		require.Empty(t, s.phones.rung)
	})
}

func TestHangingUpAtAnyMomentLeavesNothingBehind(t *testing.T) {
	for moment := 500 * time.Millisecond; moment < 90*time.Second; moment += 1500 * time.Millisecond {
		story(t, func(t *testing.T, s *scene) {
			s.phones.answers("verg2", 15*time.Second)
			s.rings("140570")
			s.presses("1")
			s.after(moment)
			s.hangsUp()
			c := s.contact()
			require.NotEmpty(t, c.Outcome)
			s.after(time.Minute)
			require.Equal(t, 0, waitingIn(s, "permits"))
			for _, leg := range s.phones.legs {
				select {
				case <-leg.Gone():
				default:
					t.Fatalf("hung up after %s: the agent's phone is still off the hook", moment)
				}
			}
		})
	}
}

func TestWaitingCallersHearTheirPosition(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.presses("2")
		s.after(35 * time.Second)
		require.Contains(
			t, s.line.all(),
			"Al onze medewerkers zijn in gesprek. Blijft u aan de lijn. U bent als eerste aan de beurt.",
		)
		require.GreaterOrEqual(t, s.line.musics, 2, "music goes on after the announcement")
		s.hangsUp()
		c := s.contact()
		require.Equal(t, call.Abandoned, c.Outcome)
		require.Equal(t, call.OfferAbandoned, c.Offers[0].Result)
		require.InDelta(t, 35, c.Offers[0].Waited.Seconds(), 3)
	})
}

func TestAFaultHandsTheCallToTheFallback(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.line.mu.Lock()
		s.line.failPlays = errors.New("500 from Asterisk")
		s.line.mu.Unlock()
		s.after(time.Minute)
		require.Error(t, <-s.done)
		require.Equal(t, "handed over", s.line.released)
		require.Equal(t, call.Fallback, s.diary.contacts[0].Outcome)
	})
}

func TestShutdownLeavesTheCallAndItsPlaceToTheNextDaemon(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.rings("140570")
		s.presses("2")
		s.after(10 * time.Second)
		before := time.Now()
		remembered := s.stops()
		s.phones.answers("kcc1", time.Second)
		s.comesBack(remembered)
		s.after(2 * time.Second)
		require.Equal(t, "kcc1", s.line.talking)
		require.NotContains(t, s.line.all(), "Welkom", "a caller who waited already is not welcomed again")
		s.agentHangsUp()
		c := s.contact()
		require.Equal(t, "2", c.Choices)
		require.WithinDuration(t, before.Add(-10*time.Second), c.Offers[0].At, 2*time.Second, "the place is kept")
	})
}

func TestABrokenStateStartsAtTheMenu(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.comesBack("{torn")
		require.Contains(t, s.line.all(), "Belt u over een aanvraag?")
		s.hangsUp()
		require.Equal(t, call.HungUpInMenu, s.contact().Outcome)
	})
}

func waitingIn(s *scene, team call.TeamID) int {
	for _, snapshot := range s.dispatch.Snapshot() {
		if snapshot.Team == team {
			return snapshot.Waiting
		}
	}
	return -1
}
