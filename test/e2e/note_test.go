package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// confirmed asserts that the caller hears reference and deadline, and that this note is kept, once: in Redis, or in the
// journal while Redis takes longer than a caller should wait, as on a busy machine.
func (c *caller) confirmed(number string, team call.TeamID, own bool) note.Note {
	c.s.t.Helper()
	c.hearsWhole("nl/call-back-by")
	n := c.s.kept(number)
	require.Equal(c.s.t, note.Open, n.State)
	require.Equal(c.s.t, team, n.Team)
	require.Equal(c.s.t, own, n.Verified)
	require.True(c.s.t, n.Deadline.After(time.Now()))
	c.hearsWhole("nl/your-reference-is")
	c.hearsWhole("nl/goodbye")
	c.isHungUp()
	require.Equal(c.s.t, n.Reference, c.heardReference())
	return n
}

// isPromised asserts that the caller hears deadline and reference to their end, and gives the reference.
func (c *caller) isPromised() note.Reference {
	c.s.t.Helper()
	c.hearsWhole("nl/call-back-by")
	c.hearsWhole("nl/goodbye")
	c.isHungUp()
	return c.heardReference()
}

// heardReference is the reference that the caller heard.
func (c *caller) heardReference() note.Reference {
	c.s.t.Helper()
	heard, err := c.reference()
	require.NoError(c.s.t, err)
	return heard
}

// reference is the last reference that the caller heard whole. It is played twice, and the second time may be cut
// short.
func (c *caller) reference() (note.Reference, error) {
	whole, err := note.Reference(""), errors.New("no reference was heard")
	var digits strings.Builder
	said := false
	for _, phrase := range c.Phrases() {
		digit := slices.IndexFunc(spokenDigits, phrase.Is)
		switch {
		case phrase.Is("nl/your-reference-is"):
			said = true
			digits.Reset()
		case digit < 0:
			said = false
		case said:
			fmt.Fprint(&digits, digit)
		}
		wrong := note.CheckReference(digits.String())
		if wrong == nil {
			whole, err = note.Reference(digits.String()), nil
		} else if whole == "" && digits.Len() > 0 {
			err = wrong
		}
	}
	return whole, err
}

var spokenDigits = []string{
	"nl/digit-0", "nl/digit-1", "nl/digit-2", "nl/digit-3", "nl/digit-4", "nl/digit-5", "nl/digit-6", "nl/digit-7",
	"nl/digit-8", "nl/digit-9",
}

// kept waits until the note of a number is in Redis, and asserts that it is there once.
func (s *scene) kept(number string) note.Note {
	s.t.Helper()
	var notes []note.Note
	s.eventually("the note is in Redis", func() error {
		if notes = s.notes(number); len(notes) == 0 {
			return errors.New("it is not there")
		}
		return nil
	})
	require.Len(s.t, notes, 1)
	return notes[0]
}

// storedOnce waits until the promised note is in Redis, once.
func (s *scene) storedOnce(number string, reference note.Reference) {
	s.t.Helper()
	require.Equal(s.t, reference, s.kept(number).Reference, "the caller heard the stored reference")
}

func TestNobodyOfTheDepartmentAnswersAndANoteIsMade(t *testing.T) {
	s := open(t, nil)
	s.agent("verg1", rig.Behaviour{NeverAnswers: true})
	s.agent("verg2", rig.Behaviour{NeverAnswers: true})

	caller := s.rings(rig.CallerOptions{From: "0612345678"})
	caller.hears("nl/menu-aanvraag")
	caller.presses("1")
	caller.hearsWhole("nl/not-reachable")
	caller.hears("nl/offer-callback")
	caller.presses("1")
	caller.hearsWhole("nl/call-back-on-number")
	for _, digit := range "0612345678" {
		caller.hears("nl/digit-" + string(digit))
	}
	caller.hears("nl/confirm-number")
	caller.presses("1")
	caller.confirmed("0612345678", "vergunningen", true)

	s.atRest()
	require.Equal(t, 1.0, s.ended(call.CallbackPromised))
	require.Equal(t, 1.0, s.offered("vergunningen", call.OfferTookNote))
	require.Equal(t, 1.0, s.metric("bereikbaar_notes_promised_total", "team", "vergunningen"))
	s.eventually("the note is counted as open", func() error {
		return equal(1, s.metric("bereikbaar_notes_open", "team", "vergunningen"))
	})
}

func TestNobodyIsLoggedInAndANoteIsOfferedAtOnce(t *testing.T) {
	s := open(t, nil)
	caller := s.rings(rig.CallerOptions{From: "0570693911"})
	caller.hears("nl/menu-aanvraag")
	caller.presses("1")
	caller.hears("nl/not-reachable")
	caller.hears("nl/offer-callback")
	caller.presses("1")
	caller.hears("nl/confirm-number")
	caller.presses("1")
	caller.confirmed("0570693911", "vergunningen", true)
	s.atRest()
}

func TestAnAgentWhoLogsInWhileANoteIsConfirmedIsNotRung(t *testing.T) {
	s := open(t, nil)
	c := s.asksUntil("0612345678", "nl/call-back-by")
	s.agent("verg1", rig.Behaviour{})
	s.agentIsFree("vergunningen")
	require.Zero(t, s.ended(call.CallbackPromised), "the confirmation still plays")
	c.hearsWhole("nl/goodbye")
	c.isHungUp()
	s.atRest()
	require.Equal(t, 1.0, s.ended(call.CallbackPromised))
	require.Equal(t, 1.0, s.offered("vergunningen", call.OfferTookNote))
	require.Equal(t, 1.0, s.metric("bereikbaar_call_phones_rung", "team", "vergunningen"), "one offer")
	for _, m := range s.families()["bereikbaar_call_phones_rung"].GetMetric() {
		require.Zero(t, m.GetHistogram().GetSampleSum(), "and no phone was rung for it")
	}
}

func TestAWaitingCallerAsksForANoteWithAKey(t *testing.T) {
	// the key comes first, not the offer after a missed ring
	s := open(t, team("kcc", map[string]any{"ring_time": "1m"}))
	s.agent("kcc1", rig.Behaviour{NeverAnswers: true})
	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("2")
	caller.hears("music")
	caller.presses("1")
	caller.hears("nl/confirm-number")
	caller.presses("1")
	caller.confirmed("0612345678", "kcc", true)
	s.atRest()
}

func TestAWithheldNumberIsKeyedInAndNeverStored(t *testing.T) {
	s := open(t, nil)
	caller := s.rings(rig.CallerOptions{From: "0687654321", Withheld: true})
	caller.hears("nl/menu-aanvraag")
	caller.presses("1")
	caller.hears("nl/offer-callback")
	caller.presses("1")
	caller.hearsWhole("nl/withheld-number")
	caller.hears("nl/enter-number")
	caller.presses("09001234#")
	caller.hearsWhole("nl/unusable-number")
	caller.hears("nl/enter-number")
	caller.presses("0612345678#")
	caller.hears("nl/confirm-number")
	caller.presses("1")
	caller.confirmed("0612345678", "vergunningen", false)
	require.Empty(t, s.notes("0687654321"), "the number that the trunk revealed is nowhere")
	s.atRest()
}

func TestAForeignNumberOfACountryThatIsNotCalled(t *testing.T) {
	s := open(t, nil)
	caller := s.rings(rig.CallerOptions{From: "+8613912345678"})
	caller.hears("nl/menu-aanvraag")
	caller.presses("1")
	caller.hears("nl/offer-callback")
	caller.presses("1")
	caller.hearsWhole("nl/unusable-number")
	caller.hears("nl/enter-number")
	caller.hangsUp()
	s.atRest()
}

func TestOutsideOpeningHoursANoteIsMade(t *testing.T) {
	s := open(t, map[string]any{
		"municipalities": map[string]any{"deventer": map[string]any{"hours": rig.EveryDay(opensLater())}},
	})
	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("2")
	caller.hearsWhole("nl/closed")
	caller.hears("nl/you-can-call-us")
	caller.hearsWhole("nl/offer-callback") // a key in its first moments does not count as an answer
	caller.presses("1")
	caller.hears("nl/confirm-number")
	caller.presses("1")
	caller.confirmed("0612345678", "kcc", true)
	s.atRest()
	require.Zero(
		t, s.metric("bereikbaar_calls_offered_total"), "a call outside opening hours was not put before anybody",
	)
}

// opensLater are opening hours that exclude the present moment in Amsterdam.
func opensLater() string {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	if time.Now().In(amsterdam).Hour() < 12 {
		return "20:00-22:00"
	}
	return "01:00-03:00"
}

func TestHangingUpAtEveryPromptLeavesNothing(t *testing.T) {
	s := open(t, team("vergunningen", map[string]any{"missed_limit": 0}))
	s.agent("verg1", rig.Behaviour{NeverAnswers: true})
	var numbers []string
	for i, at := range []string{
		"welkom-deventer", "menu-aanvraag", "searching-agent", "not-reachable", "offer-callback", "call-back-on-number",
		"confirm-number", "call-back-by", "your-reference-is",
	} {
		from := fmt.Sprintf("061234567%d", i) // a new caller each time: one with a note would be recognised
		numbers = append(numbers, from)
		caller := s.rings(rig.CallerOptions{From: from})
		for _, step := range []struct{ prompt, key string }{
			{"welkom-deventer", ""},
			{"menu-aanvraag", "1"},
			{"searching-agent", ""},
			{"not-reachable", ""},
			{"offer-callback", "1"},
			{"call-back-on-number", ""},
			{"confirm-number", "1"},
			{"call-back-by", ""},
			{"your-reference-is", ""},
		} {
			caller.hears("nl/" + step.prompt)
			if step.prompt == at {
				break
			}
			if step.key != "" {
				caller.presses(step.key)
			}
		}
		caller.hangsUp()
		s.atRest()
	}
	for i, from := range numbers {
		if i < len(numbers)-2 {
			require.Empty(t, s.notes(from), "nothing was confirmed to the caller")
			continue
		}
		s.kept(from)
	}
}

func TestAbandonedInTheQueue(t *testing.T) {
	s := open(t, nil)
	agent := s.agent("kcc1", rig.Behaviour{NeverAnswers: true})
	caller := s.rings(rig.CallerOptions{})
	caller.hears("nl/menu-aanvraag")
	caller.presses("2")
	_, err := agent.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	caller.hears("music")
	caller.hangsUp()
	_, err = agent.AwaitEnd(s.ctx, 1)
	require.NoError(t, err, "the phone stops ringing")
	s.atRest()
	require.Equal(t, 1.0, s.offered("kcc", call.OfferAbandoned))
	require.Equal(t, 1.0, s.ended(call.Abandoned))
}
