package callback_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// unheld is a store that does not give a colleague's notes.
type unheld struct{ *storetest.Floor }

func (unheld) Held(context.Context, call.MunicipalityID, call.AgentID, int) ([]note.Note, error) {
	return nil, note.ErrStoreDown
}

func TestAbsentGivesEverythingToTheTeam(t *testing.T) {
	f := storetest.NewFloor()
	made := storetest.ANote().Made
	forEls := func(n *note.Note) { n.Personal = "els" }
	claimed, calling, personal := f.Promise(t, made), f.Promise(t, made), f.Promise(t, made, forEls)
	both, jans := f.Promise(t, made, forEls), f.Promise(t, made)
	for _, n := range []note.Note{claimed, calling, both} {
		_, err := f.List.Claim(t.Context(), storetest.By(storetest.Els, n))
		require.NoError(t, err)
	}
	_, err := f.List.StartAttempt(t.Context(), storetest.By(storetest.Els, calling), "")
	require.NoError(t, err)
	_, err = f.List.Claim(t.Context(), storetest.By(storetest.Jan, jans))
	require.NoError(t, err)

	released, err := f.List.Absent(t.Context(), storetest.Town, "els", storetest.Jan, made.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 4, released)
	for _, n := range []note.Note{claimed, calling, personal, both} {
		after := f.Now(t, n)
		require.Equal(t, note.Open, after.State)
		require.Empty(t, after.Holder())
		events, err := f.Events(t.Context(), storetest.Town, n.ID)
		require.NoError(t, err)
		last := events[len(events)-1]
		require.Equal(t, note.ReleaseAbsent, last.Cause)
		require.Equal(t, storetest.Jan, last.Who, "the history names the source")
	}
	require.Equal(t, attempt.Untold, f.Now(t, calling).Attempts[0].Result, "the caller may have been reached")
	require.Equal(t, call.AgentID("jan"), f.Now(t, jans).Colleague, "others keep their notes")
	released, err = f.List.Absent(t.Context(), storetest.Town, "els", note.BySystem, made.Add(3*time.Hour))
	require.NoError(t, err)
	require.Zero(t, released)
	require.Equal(
		t, []staff.Absence{{Colleague: "els", Since: made.Add(2 * time.Hour), By: storetest.Jan}}, f.Absent(t),
		"the first report stands",
	)
}

func TestAbsentReleasesMoreNotesThanOneRoundTakes(t *testing.T) {
	f := storetest.NewFloor()
	for range 401 {
		f.Promise(t, storetest.ANote().Made, func(n *note.Note) { n.Personal = "els" })
	}
	released, err := f.List.Absent(
		t.Context(), storetest.Town, "els", note.BySystem, storetest.ANote().Made.Add(time.Hour),
	)
	require.NoError(t, err)
	require.Equal(t, 401, released)
}

func TestOnlyStaffAndTheSystemReportAnAbsence(t *testing.T) {
	for name, who := range map[string]note.Actor{"the caller": note.ByCaller, "nobody": ""} {
		t.Run(name, func(t *testing.T) {
			f := storetest.NewFloor()
			n := f.Promise(t, storetest.ANote().Made, func(n *note.Note) { n.Personal = "els" })
			released, err := f.List.Absent(t.Context(), storetest.Town, "els", who, n.Made.Add(time.Hour))
			var rule *note.RuleError
			require.ErrorAs(t, err, &rule)
			require.Zero(t, released)
			require.Equal(t, n, f.Now(t, n), "nothing was changed")
			require.Empty(t, f.Absent(t))
			require.ErrorAs(t, f.List.Present(t.Context(), storetest.Town, "els", who), &rule)
		})
	}
}

func TestAbsentReportsNotesThatItCouldNotRelease(t *testing.T) {
	f := storetest.NewFloor()
	f.Promise(t, storetest.ANote().Made, func(n *note.Note) { n.Personal = "els" })
	f.Fail(errors.New("out of order"))
	_, err := f.List.Absent(t.Context(), storetest.Town, "els", storetest.Els, storetest.ANote().Made)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorContains(t, err, "look whether els is absent")
	f.Fail(nil)
	_, err = callback.NewWorklist(unheld{f}, f, nil).Absent(
		t.Context(), storetest.Town, "els", storetest.Els, storetest.ANote().Made,
	)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorContains(t, err, "find the notes of els")
	require.Len(t, f.Absent(t), 1, "els is known to be absent: the next round goes on")
}

// Els is set absent in the morning; a minute later a note is made for them in person.
func TestAPromiseForAnAbsentColleagueIsMadeForTheTeam(t *testing.T) {
	h := storetest.NewHouse()
	list, s := callback.NewWorklist(h, nil, nil), callback.NewService(h, h, h, nil)
	_, err := list.Absent(t.Context(), storetest.Town, "els", storetest.Jan, storetest.ANote().Made.Add(-time.Hour))
	require.NoError(t, err)
	ask := func(personal call.AgentID, key note.Key) note.Event {
		r := storetest.ARequest()
		r.Personal, r.Key, r.Subject = personal, key, string(key)
		n, _, err := s.Promise(t.Context(), r)
		require.NoError(t, err)
		events, err := h.Events(t.Context(), storetest.Town, n.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, n.Personal, events[0].Base.Personal)
		return events[0]
	}
	forEls := ask("els", "1")
	require.Empty(t, forEls.Base.Personal, "anybody of the team may take it")
	require.Equal(
		t, "asked for els in person, who is absent since 2026-11-20T14:00:00.123Z, says agent:jan", forEls.Reason,
	)
	require.Equal(t, storetest.ARequest().Reason, forEls.Base.Reason, "the caller's story stays as it is")
	forJan := ask("jan", "2")
	require.Equal(t, call.AgentID("jan"), forJan.Base.Personal)
	require.Empty(t, forJan.Reason)
	require.NoError(t, list.Present(t.Context(), storetest.Town, "els", storetest.Els))
	require.Equal(t, call.AgentID("els"), ask("els", "3").Base.Personal, "els is present again")
}

func TestAPromiseInPersonIsMadeWhileAbsencesCannotBeRead(t *testing.T) {
	h := storetest.NewHouse()
	_, err := callback.NewWorklist(h, nil, nil).Absent(
		t.Context(), storetest.Town, "els", storetest.Els, storetest.ANote().Made,
	)
	require.NoError(t, err)
	r := storetest.ARequest()
	r.Personal = "els"
	n, _, err := callback.NewService(forgetful{h}, h, h, nil).Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, call.AgentID("els"), n.Personal)
}

// forgetful is a store that cannot give absences.
type forgetful struct{ *storetest.House }

func (forgetful) Absence(context.Context, call.MunicipalityID, call.AgentID) (staff.Absence, bool, error) {
	return staff.Absence{}, false, note.ErrStoreDown
}

func TestARoundFreesPersonalNotesOfAnAbsentColleague(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		forEls := func(n *note.Note) { n.Personal = "els" }
		_, err := f.List.Absent(t.Context(), storetest.Town, "els", storetest.Jan, storetest.Now())
		require.NoError(t, err)
		require.Empty(t, round(t, f).Freed)
		late := f.Promise(t, storetest.Now(), forEls)
		forJan := f.Promise(t, storetest.Now(), func(n *note.Note) { n.Personal = "jan" })
		freed := round(t, f).Freed
		require.Len(t, freed, 1)
		require.Equal(t, f.Now(t, late), freed[0])
		require.Empty(t, freed[0].Personal)
		require.Equal(t, forJan, f.Now(t, forJan))
		events, err := f.Events(t.Context(), storetest.Town, late.ID)
		require.NoError(t, err)
		last := events[len(events)-1]
		require.Equal(t, note.ReleaseAbsent, last.Cause)
		require.Equal(t, note.BySystem, last.Who)
		require.Contains(t, last.Reason, "says agent:jan")
		require.Empty(t, round(t, f).Freed)
	})
}

// A colleague who works is present, whatever was reported before.
func TestAClaimEndsAnAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFloor()
		for _, who := range []call.AgentID{"els", "jan"} {
			_, err := f.List.Absent(t.Context(), storetest.Town, who, note.BySystem, storetest.Now())
			require.NoError(t, err)
		}
		n := f.Promise(t, storetest.Now())
		_, err := f.List.Claim(t.Context(), storetest.By(storetest.Els, n))
		require.NoError(t, err)
		require.Empty(t, round(t, f).Freed)
		require.Equal(t, call.AgentID("els"), f.Now(t, n).Colleague)
		left := f.Absent(t)
		require.Len(t, left, 1)
		require.Equal(t, call.AgentID("jan"), left[0].Colleague, "another's claim leaves jan absent")
		// at the same moment
		require.NoError(
			t,
			f.SetAbsent(t.Context(), storetest.Town, staff.Absence{
				Colleague: "els", Since: storetest.Now(), By: storetest.Jan,
			}),
		)
		require.Empty(t, round(t, f).Freed)
		require.Equal(t, call.AgentID("els"), f.Now(t, n).Colleague, "els keeps the claimed note")
	})
}

func TestAnAbsenceIsReadBack(t *testing.T) {
	want := staff.Absence{Colleague: "els", Since: storetest.ANote().Made, By: storetest.Jan}
	got, err := staff.DecodeAbsence("els", staff.EncodeAbsence(want))
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, text := range []string{
		"", "yes", "2026-11-20T15:00:00.123Z", "2026-11-20T15:00:00.123Z somebody", "yesterday agent:jan",
	} {
		_, err := staff.DecodeAbsence("els", text)
		require.ErrorIs(t, err, note.ErrBroken, text)
	}
}

func TestOnlyAnIDCanBeAbsent(t *testing.T) {
	f := storetest.NewFloor()
	_, err := f.List.Absent(t.Context(), storetest.Town, "els {x}", storetest.Jan, storetest.ANote().Made)
	var rule *note.RuleError
	require.ErrorAs(t, err, &rule)
	require.Empty(t, f.Absent(t))
}
