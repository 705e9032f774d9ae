package callback_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

func (f *floor) absences(t *testing.T) []callback.Absence {
	t.Helper()
	absences, err := f.list.Absences(t.Context(), town)
	require.NoError(t, err)
	return absences
}

// unheld is a store that does not say what a colleague has.
type unheld struct{ *floor }

func (unheld) Held(context.Context, call.MunicipalityID, call.AgentID, int) ([]callback.Note, error) {
	return nil, callback.ErrStoreDown
}

func TestAbsentGivesEverythingToTheTeam(t *testing.T) {
	f := newFloor()
	made := aNote().Made
	forEls := func(n *callback.Note) { n.Personal = "els" }
	claimed, calling, personal := f.note(t, made), f.note(t, made), f.note(t, made, forEls)
	both, jans := f.note(t, made, forEls), f.note(t, made)
	for _, n := range []callback.Note{claimed, calling, both} {
		_, err := f.list.Claim(t.Context(), by(els, n))
		require.NoError(t, err)
	}
	_, err := f.list.StartAttempt(t.Context(), by(els, calling), "")
	require.NoError(t, err)
	_, err = f.list.Claim(t.Context(), by(jan, jans))
	require.NoError(t, err)

	released, err := f.list.Absent(t.Context(), town, "els", jan, made.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 4, released)
	for _, n := range []callback.Note{claimed, calling, personal, both} {
		after := f.now(t, n)
		require.Equal(t, callback.Open, after.State)
		require.Empty(t, after.Holder())
		events, err := f.Events(t.Context(), town, n.ID)
		require.NoError(t, err)
		last := events[len(events)-1]
		require.Equal(t, callback.ReleaseAbsent, last.Cause)
		require.Equal(t, jan, last.Who, "the history names who said so")
	}
	require.Equal(t, callback.ResultUntold, f.now(t, calling).Attempts[0].Result, "he may have been reached")
	require.Equal(t, call.AgentID("jan"), f.now(t, jans).Colleague, "what others have is theirs")
	released, err = f.list.Absent(t.Context(), town, "els", callback.BySystem, made.Add(3*time.Hour))
	require.NoError(t, err)
	require.Zero(t, released)
	require.Equal(t, []callback.Absence{{Colleague: "els", Since: made.Add(2 * time.Hour), By: jan}}, f.absences(t), "as it was said first")
}

func TestAbsentTakesMoreThanOneRoundWhenItMust(t *testing.T) {
	f := newFloor()
	for range 401 {
		f.note(t, aNote().Made, func(n *callback.Note) { n.Personal = "els" })
	}
	released, err := f.list.Absent(t.Context(), town, "els", callback.BySystem, aNote().Made.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 401, released)
}

func TestAbsentIsNotForTheCallerToSay(t *testing.T) {
	for name, who := range map[string]callback.Actor{"the caller": callback.ByCaller, "nobody": ""} {
		t.Run(name, func(t *testing.T) {
			f := newFloor()
			n := f.note(t, aNote().Made, func(n *callback.Note) { n.Personal = "els" })
			released, err := f.list.Absent(t.Context(), town, "els", who, n.Made.Add(time.Hour))
			var rule *callback.RuleError
			require.ErrorAs(t, err, &rule)
			require.Zero(t, released)
			require.Equal(t, n, f.now(t, n), "nothing was changed")
			require.Empty(t, f.absences(t))
			require.ErrorAs(t, f.list.Present(t.Context(), town, "els", who), &rule)
		})
	}
}

func TestAbsentSaysWhatItCouldNotDo(t *testing.T) {
	f := newFloor()
	f.note(t, aNote().Made, func(n *callback.Note) { n.Personal = "els" })
	f.Fail(errors.New("out of order"))
	_, err := f.list.Absent(t.Context(), town, "els", els, aNote().Made)
	require.ErrorIs(t, err, callback.ErrStoreDown)
	require.ErrorContains(t, err, "look whether els is absent")
	f.Fail(nil)
	_, err = callback.NewWorklist(unheld{f}, f, nil).Absent(t.Context(), town, "els", els, aNote().Made)
	require.ErrorIs(t, err, callback.ErrStoreDown)
	require.ErrorContains(t, err, "find the notes of els")
	require.Len(t, f.absences(t), 1, "it is known that she is absent: the next round goes on")
}

// Els is set absent in the morning; a minute later a note is made for her in person.
func TestAPromiseForWhoIsAbsentIsMadeForTheTeam(t *testing.T) {
	h := newHouse()
	list, s := callback.NewWorklist(h, nil, nil), callback.NewService(h, h, h, nil)
	_, err := list.Absent(t.Context(), town, "els", jan, aNote().Made.Add(-time.Hour))
	require.NoError(t, err)
	ask := func(personal call.AgentID, key callback.Key) callback.Event {
		r := aRequest()
		r.Personal, r.Key, r.Subject = personal, key, string(key)
		n, err := s.Promise(t.Context(), r)
		require.NoError(t, err)
		events, err := h.Events(t.Context(), town, n.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, n.Personal, events[0].Base.Personal)
		return events[0]
	}
	forEls := ask("els", "1")
	require.Empty(t, forEls.Base.Personal, "anybody of the team may take it")
	require.Equal(t, "asked for els in person, who is absent since 2026-11-20T14:00:00.123Z, says agent:jan", forEls.Reason)
	require.Equal(t, aRequest().Reason, forEls.Base.Reason, "what the caller told is what he told")
	forJan := ask("jan", "2")
	require.Equal(t, call.AgentID("jan"), forJan.Base.Personal)
	require.Empty(t, forJan.Reason)
	require.NoError(t, list.Present(t.Context(), town, "els", els))
	require.Equal(t, call.AgentID("els"), ask("els", "3").Base.Personal, "she is there again")
}

func TestAPromiseInPersonIsMadeWhileNobodyKnowsWhoIsAbsent(t *testing.T) {
	h := newHouse()
	_, err := callback.NewWorklist(h, nil, nil).Absent(t.Context(), town, "els", els, aNote().Made)
	require.NoError(t, err)
	r := aRequest()
	r.Personal = "els"
	n, err := callback.NewService(forgetful{h}, h, h, nil).Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, call.AgentID("els"), n.Personal)
}

// forgetful is a store that does not say who is absent.
type forgetful struct{ *house }

func (forgetful) Absence(context.Context, call.MunicipalityID, call.AgentID) (callback.Absence, bool, error) {
	return callback.Absence{}, false, callback.ErrStoreDown
}

func TestARoundFreesWhatIsForAnAbsentColleagueInPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		forEls := func(n *callback.Note) { n.Personal = "els" }
		_, err := f.list.Absent(t.Context(), town, "els", jan, now())
		require.NoError(t, err)
		require.Empty(t, round(t, f).Freed)
		late := f.note(t, now(), forEls)
		forJan := f.note(t, now(), func(n *callback.Note) { n.Personal = "jan" })
		freed := round(t, f).Freed
		require.Len(t, freed, 1)
		require.Equal(t, f.now(t, late), freed[0])
		require.Empty(t, freed[0].Personal)
		require.Equal(t, forJan, f.now(t, forJan))
		events, err := f.Events(t.Context(), town, late.ID)
		require.NoError(t, err)
		last := events[len(events)-1]
		require.Equal(t, callback.ReleaseAbsent, last.Cause)
		require.Equal(t, callback.BySystem, last.Who)
		require.Contains(t, last.Reason, "says agent:jan")
		require.Empty(t, round(t, f).Freed)
	})
}

// Who works is there, whatever was said before.
func TestWhoClaimsIsPresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor()
		for _, who := range []call.AgentID{"els", "jan"} {
			_, err := f.list.Absent(t.Context(), town, who, callback.BySystem, now())
			require.NoError(t, err)
		}
		n := f.note(t, now())
		_, err := f.list.Claim(t.Context(), by(els, n))
		require.NoError(t, err)
		require.Empty(t, round(t, f).Freed)
		require.Equal(t, call.AgentID("els"), f.now(t, n).Colleague)
		left := f.absences(t)
		require.Len(t, left, 1)
		require.Equal(t, call.AgentID("jan"), left[0].Colleague, "another's claim says nothing of him")
		require.NoError(t, f.SetAbsent(t.Context(), town, callback.Absence{Colleague: "els", Since: now(), By: jan})) // at the same moment
		require.Empty(t, round(t, f).Freed)
		require.Equal(t, call.AgentID("els"), f.now(t, n).Colleague, "what she claimed is hers")
	})
}

func TestAnAbsenceIsReadBack(t *testing.T) {
	want := callback.Absence{Colleague: "els", Since: aNote().Made, By: jan}
	got, err := callback.DecodeAbsence("els", callback.EncodeAbsence(want))
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, text := range []string{"", "yes", "2026-11-20T15:00:00.123Z", "2026-11-20T15:00:00.123Z somebody", "yesterday agent:jan"} {
		_, err := callback.DecodeAbsence("els", text)
		require.ErrorIs(t, err, callback.ErrBroken, text)
	}
}

func TestOnlyAnIDCanBeAbsent(t *testing.T) {
	f := newFloor()
	_, err := f.list.Absent(t.Context(), town, "els {x}", jan, aNote().Made)
	var rule *callback.RuleError
	require.ErrorAs(t, err, &rule)
	require.Empty(t, f.absences(t))
}
