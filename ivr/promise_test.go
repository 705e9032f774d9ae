package ivr_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/queue"
)

const thePromise = "Wij bellen u uiterlijk op dinsdag vierentwintig november om elf uur"

// takesANote lets a caller in the contact centre's queue ask for a note, up to its confirmation.
func (s *scene) takesANote() {
	s.t.Helper()
	s.rings("140570")
	s.presses("2")
	s.after(5 * time.Second)
	s.presses("1")
	s.answers("1")
	s.after(200 * time.Millisecond)
	require.Contains(s.t, s.line.all(), thePromise)
	require.Empty(s.t, s.line.released)
}

func TestNoPhoneRingsForACallerWithAPromise(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		for _, agent := range []string{"kcc1", "kcc2"} {
			s.dispatch.Phone("PJSIP/"+agent, queue.PhoneOffline)
		}
		s.rings("140570")
		s.presses("2")
		s.after(time.Second)
		require.Contains(t, s.line.all(), "Wilt u dat wij u terugbellen?")
		s.answers("1")
		s.answers("1")
		s.after(200 * time.Millisecond)
		require.Contains(t, s.line.all(), thePromise)
		s.dispatch.Phone("PJSIP/kcc1", queue.PhoneFree)
		s.after(30 * time.Second)
		require.Empty(t, s.phones.rings())
		c := s.contact()
		require.Equal(t, call.CallbackPromised, c.Outcome)
		require.Equal(t, call.OfferTookNote, c.Offers[0].Result)
		require.InDelta(t, 3, c.Offers[0].Waited.Seconds(), 1, "until the promise, not its confirmation")
	})
}

func TestAnAgentWhoAnswersCutsWordsAboutANumberShort(t *testing.T) {
	for name, test := range map[string]struct {
		caller string // empty for a number that is withheld
		keys   []string
		hears  string
	}{
		"that is withheld":           {"", nil, "Wij zien uw nummer niet."},
		"that cannot be called back": {"09001234", nil, "Naar dit nummer kunnen wij niet terugbellen."},
		"that was keyed wrong":       {"", []string{"09001234#"}, "Naar dit nummer kunnen wij niet terugbellen."},
		"that was given up": {
			"", []string{"09001234#", "09001234#", "09001234#"}, "Het lukt niet met dit telefoonnummer.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				s.caller = call.Withheld()
				if test.caller != "" {
					number, err := call.ParseNumber(test.caller)
					require.NoError(t, err)
					s.caller = number
				}
				for _, agent := range []string{"kcc1", "kcc2"} {
					s.dispatch.Phone("PJSIP/"+agent, queue.PhoneOffline)
				}
				s.phones.answers("kcc1", 300*time.Millisecond)
				s.rings("140570")
				s.presses("2")
				s.after(time.Second)
				s.answers("1")
				for _, keys := range test.keys {
					s.after(1500 * time.Millisecond)
					s.presses(keys)
				}
				if len(test.keys) == 3 {
					s.after(1100 * time.Millisecond) // the last number was refused too
				}
				require.Contains(t, s.line.all(), test.hears)
				s.dispatch.Phone("PJSIP/kcc1", queue.PhoneFree)
				s.after(400 * time.Millisecond)
				require.Equal(t, "kcc1", s.line.talkingTo())
				s.hangsUp()
				require.Equal(t, call.Answered, s.contact().Outcome)
			})
		})
	}
}

func TestACallerHearsThePromiseAgainFromTheNextDaemon(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.phones.answers("kcc1", time.Minute)
		s.takesANote()
		s.comesBack(s.stops())
		require.Contains(t, s.line.all(), thePromise)
		s.after(time.Minute)
		require.Equal(t, []call.AgentID{"kcc1"}, s.phones.rings(), "the caller no longer waits")
		c := s.contact()
		require.Equal(t, "hung up", s.line.released)
		require.Equal(t, call.CallbackPromised, c.Outcome)
		require.Equal(t, "note-1", c.NoteID)
		require.Len(t, c.Offers, 1)
		require.Equal(t, call.OfferTookNote, c.Offers[0].Result)
		require.InDelta(t, 6, c.Offers[0].Waited.Seconds(), 1)
		require.Len(t, s.notes.made, 1)
	})
}

func TestACallerHearsAPromiseOutsideOpeningHoursAgainToo(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		shared := s.plan.Entries["+31140570"]
		shared.Municipality = "" // on a shared number only the team tells it
		s.plan.Entries["+31140570"] = shared
		s.after(10 * time.Hour)
		s.rings("140570")
		s.presses("2")
		s.after(3 * time.Second)
		s.answers("1")
		s.answers("1")
		s.after(200 * time.Millisecond)
		s.comesBack(s.stops())
		require.Contains(
			t, s.line.all(), "Wij bellen u uiterlijk op dinsdag vierentwintig november om eenentwintig uur",
		)
		s.after(time.Minute)
		c := s.contact()
		require.Equal(t, call.CallbackPromised, c.Outcome)
		require.Equal(t, call.MunicipalityID("deventer"), c.Municipality)
		require.Empty(t, c.Offers)
	})
}

// A daemon that was killed between the note and its confirmation leaves a note that the caller does not know of. A call
// makes one note: a caller who keys in another number now must hear which number it has.
func TestTheNumberOfAnEarlierNoteIsSaid(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		first, err := call.ParseNumber("0612345678")
		require.NoError(t, err)
		s.notes.note = note.Note{
			ID: "note-1", Reference: "12345678", Key: "test/call-1", Number: first,
			Deadline: monday.Add(24 * time.Hour),
		}
		s.caller = call.Withheld()
		s.rings("140570")
		s.presses("2")
		s.after(5 * time.Second)
		s.presses("1")
		s.after(2 * time.Second)
		s.presses("0570693911#")
		s.answers("1")
		s.after(200 * time.Millisecond)
		require.Contains(
			t, s.line.all(),
			"Wij bellen u terug op nummer, nul zes, één twee, drie vier, vijf zes, zeven acht. "+thePromise,
		)
		s.after(time.Minute)
		require.Equal(t, "note-1", s.contact().NoteID)
	})
}

func TestALimitThatIsReachedIsNoFault(t *testing.T) {
	for code, level := range map[dialling.Code]string{
		dialling.CodeCallerLimit: "INFO", dialling.CodeTargetLimit: "INFO", dialling.CodeDayLimit: "INFO",
		dialling.CodeRequest: "ERROR",
	} {
		t.Run(string(code), func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				var written strings.Builder
				s.operator.Log = slog.New(slog.NewTextHandler(&written, nil))
				s.notes.full = fmt.Errorf("promise: %w", &dialling.Refusal{Code: code})
				s.rings("140570")
				s.presses("2")
				s.after(5 * time.Second)
				s.presses("1")
				s.answers("1")
				s.after(5 * time.Second)
				require.Contains(t, s.line.all(), "Wij kunnen nu niet noteren dat wij u terugbellen.")
				require.Contains(t, written.String(), "level="+level)
				require.Equal(t, 1, strings.Count(written.String(), "level="), written.String())
				s.hangsUp()
			})
		})
	}
}
