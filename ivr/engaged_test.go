package ivr_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
)

func utc(call.MunicipalityID) *time.Location { return time.UTC }

// noteFor is the nth note for a number, each with a colleague of its own.
func noteFor(number string, nth int) note.Note {
	return note.Note{
		ID: note.ID(fmt.Sprint("note-", nth)), Municipality: "deventer", Team: "permits", State: note.Claimed,
		Colleague: call.AgentID(fmt.Sprint("verg", nth)), Number: call.Number{E164: number},
	}
}

func refusal(t *testing.T, err error) *dialling.Error {
	t.Helper()
	var why *dialling.Error
	require.ErrorAs(t, err, &why)
	return why
}

func TestOfManyAtOnceOneGetsTheNumber(t *testing.T) {
	engaged := ivr.NewEngaged(utc)
	var got atomic.Int32
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if engaged.Reserve(noteFor("+31612345678", i)) == nil {
				got.Add(1)
			}
		})
	}
	all.Wait()
	require.Equal(t, int32(1), got.Load())
}

func TestANumberIsCalledByOneAtATime(t *testing.T) {
	engaged := ivr.NewEngaged(utc)
	first, second := noteFor("+31612345678", 1), noteFor("+31612345678", 2)
	require.NoError(t, engaged.Reserve(first))
	require.NoError(t, engaged.Reserve(first), "it is theirs already")
	why := refusal(t, engaged.Reserve(second))
	require.Equal(t, dialling.ReasonEngaged, why.Code)
	require.Equal(t, call.AgentID("verg1"), why.Colleague)
	require.Equal(t, call.TeamID("permits"), why.Team)
	require.WithinDuration(t, time.Now(), why.Since, time.Minute)
	require.Contains(t, why.Text, "verg1 calls this number for team permits since ")
	require.NotContains(t, why.Error(), "12345678")
	require.Error(t, engaged.Check(second))
	require.NoError(t, engaged.Check(noteFor("+31687654321", 3)))
	neighbour := second
	neighbour.Municipality = "raalte"
	why = refusal(t, engaged.Reserve(neighbour))
	require.Empty(t, string(why.Colleague)+string(why.Team))
	require.NotContains(t, why.Text, "verg1", "another municipality's people are not named")
	engaged.Release(first.ID)
	require.NoError(t, engaged.Reserve(second))
}

// A caller is on the telephone with us from the first ring to the end of the call, by the number of their line.
func TestACallerIsEngagedAsLongAsTheirCallLasts(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		n := noteFor("+31687654321", 1)
		n.Shown = call.Number{E164: s.caller.E164}
		s.phones.answers("kcc1", 10*time.Second)
		s.rings("140570")
		s.after(5 * time.Second)
		why := refusal(t, s.operator.Engaged.Reserve(n))
		require.Equal(t, dialling.ReasonCallerHere, why.Code)
		require.Contains(t, why.Text, "in the menu since 2026-11-23 11:00 CET", "by the clocks of the municipality")
		s.presses("2")
		s.after(2 * time.Second)
		why = refusal(t, s.operator.Engaged.Reserve(n))
		require.Contains(t, why.Text, "waits at team kcc since ")
		require.Equal(t, call.TeamID("kcc"), why.Team)
		state := s.stops()
		require.NoError(t, s.operator.Engaged.Check(n), "no daemon handles the call here")
		s.comesBack(state)
		require.Contains(t, refusal(t, s.operator.Engaged.Check(n)).Text, "waits at team kcc since ")
		s.after(20 * time.Second)
		require.Equal(t, "kcc1", s.line.talkingTo())
		why = refusal(t, s.operator.Engaged.Reserve(n))
		require.Contains(t, why.Text, "talks with kcc1 of team kcc since ")
		require.Equal(t, call.AgentID("kcc1"), why.Colleague)
		s.hangsUp()
		s.contact()
		require.NoError(t, s.operator.Engaged.Reserve(n))
	})
}

func TestAConversationThatWasTakenBackKeepsItsCallerEngaged(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		leg := &fakeLeg{id: "kcc1", gone: make(chan struct{})}
		s.begin(func(ctx context.Context, c call.Call) error {
			return s.operator.TakeBack(ctx, s.line, c, ivr.Kept{
				State: ivr.State{Team: "kcc"}.String(), Talk: &ivr.Talk{Agent: "kcc1", Leg: leg, Since: time.Now()},
			})
		})
		require.Contains(
			t, refusal(t, s.operator.Engaged.Check(noteFor(s.caller.E164, 1))).Text, "talks with kcc1 of team kcc",
		)
		require.NoError(t, leg.HangUp(t.Context()))
		s.contact()
		require.NoError(t, s.operator.Engaged.Check(noteFor(s.caller.E164, 1)))
	})
}

func TestAWithheldNumberEngagesNobody(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		s.caller = call.Withheld()
		s.rings("140570")
		s.after(time.Second)
		require.NoError(t, s.operator.Engaged.Check(noteFor("+31612345678", 1)))
		require.NoError(t, s.operator.Engaged.Check(note.Note{ID: "x"}))
		s.hangsUp()
	})
}

// The number is kept while it rings and while the two talk, also under the next daemon, and not while the colleague
// gives the result.
func TestANumberIsEngagedAsLongAsItIsCalled(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		second := noteFor(s.note.Number.E164, 2)
		refused := func() {
			t.Helper()
			require.Equal(t, call.AgentID("verg1"), refusal(t, s.callbacks.Engaged.Check(second)).Colleague)
		}
		refused()
		s.after(30 * time.Second)
		require.Equal(t, "out", s.exchange.line.talking)
		refused()
		s.stops()
		require.NoError(t, s.callbacks.Engaged.Check(second), "another daemon knows of it now")
		s.takenBack()
		refused()
		s.callerHangsUp()
		require.NoError(t, s.callbacks.Engaged.Check(second))
		s.answersDesk('2')
		require.NoError(t, s.over())
	})
}

// The caller rings us while the colleague's phone rings: nobody is dialled, no attempt is made and nothing is counted.
func TestACallerWhoHasRungUsMeanwhileIsNotDialled(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.rings("140570")
		s.after(20 * time.Second)
		why := refusal(t, <-s.failed)
		require.Equal(t, dialling.ReasonCallerHere, why.Code)
		require.Contains(t, s.exchange.line.all(), "De beller is nu zelf bij ons aan de lijn. Er is niet gebeld.")
		require.Empty(t, s.exchange.dialled)
		require.Equal(t, note.Claimed, s.stands().State)
		require.Empty(t, s.stands().Attempts)
		full, err := s.store.Full(
			t.Context(), dialling.DayOf("deventer", time.Now(), time.UTC), []dialling.Limit{{What: "dialled", Most: 1}},
		)
		require.NoError(t, err)
		require.Zero(t, full, "the caps are as they were")
		s.hangsUp()
		require.NoError(t, s.callbacks.Engaged.Check(s.note))
	})
}
