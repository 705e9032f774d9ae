package ivr_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
)

// stops lets the daemon stop in the middle of the call; Asterisk keeps the line, with its remembered state.
func (s *deskScene) stops() {
	s.t.Helper()
	s.exchange.line.hangUp(ivr.ErrShutdown)
	synctest.Wait()
	require.NoError(s.t, <-s.failed)
	require.ErrorIs(s.t, s.exchange.goesOn, ivr.ErrShutdown)
	require.Empty(s.t, s.exchange.line.released, "the colleague is not cut off")
}

// takenBack lets the next daemon find the colleague's phone, bridged with the caller when the two still talk.
func (s *deskScene) takenBack() {
	kept := ivr.Kept{State: s.exchange.line.state}
	if leg := s.exchange.leg; leg != nil {
		select {
		case <-leg.Gone():
		default:
			kept.Talk = &ivr.Talk{Agent: "verg1", Leg: leg, Since: time.Now()}
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	s.exchange.line = &fakeLine{keys: make(chan rune, 64), hangUp: cancel, state: kept.State}
	s.freed.Store(false)
	go func() {
		s.failed <- s.callbacks.TakeBack(ctx, s.exchange.line, "verg1", kept, func() { s.freed.Store(true) })
	}()
	synctest.Wait()
}

func (s *deskScene) callerHangsUp() {
	require.NoError(s.t, s.exchange.leg.HangUp(s.t.Context()))
	synctest.Wait()
}

// untilTheQuestion lets the caller be reached and hang up, until the colleague is asked for the result.
func (s *deskScene) untilTheQuestion() {
	s.after(time.Minute)
	s.callerHangsUp()
	require.Contains(s.t, s.exchange.line.all(), "Hebt u de beller gesproken?")
}

func TestACallbackIsTakenBackWhereItWas(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*deskScene)
		until   func(*deskScene) // and then the daemon stops
		away    func(*deskScene) // meanwhile
		presses string           // once it is there again
		dials   int              // in all
		hears   string           // at first, once it is there again
		state   note.State       // in the end
		attempt attempt.Attempt  // in the end
	}{
		"the caller was not rung yet, and is rung now": {
			prepare: func(s *deskScene) { s.exchange.outErr = dispatch.ErrBusy }, hears: "U belt terug.",
			dials: 1, state: note.Claimed, attempt: attempt.Attempt{Line: attempt.LineBusy, Result: attempt.NotReached},
		},
		"the caller's phone may have rung": {
			prepare: func(s *deskScene) { s.exchange.outRings = time.Hour },
			until:   func(s *deskScene) { s.after(time.Minute) }, hears: "Niet bereikt.",
			dials: 1, state: note.Claimed,
			attempt: attempt.Attempt{Line: attempt.LineAbandoned, Result: attempt.NotReached},
		},
		"they talk on, and the caller hangs up": {
			until: func(s *deskScene) { s.after(time.Minute) }, away: func(s *deskScene) { s.after(time.Minute) },
			presses: "2", hears: "Hebt u de beller gesproken?",
			dials: 1, state: note.Claimed,
			attempt: attempt.Attempt{Line: attempt.LineAnswered, Result: attempt.Voicemail},
		},
		"the caller has hung up meanwhile": {
			until: func(s *deskScene) { s.after(time.Minute) }, away: (*deskScene).callerHangsUp, presses: "3",
			hears: "Hebt u de beller gesproken?",
			dials: 1, state: note.Claimed,
			attempt: attempt.Attempt{Line: attempt.LineAnswered, Result: attempt.WrongNumber},
		},
		"the colleague was asked for the result, and is asked again": {
			until: (*deskScene).untilTheQuestion, away: func(s *deskScene) { s.after(time.Minute) }, presses: "4",
			hears: "Hebt u de beller gesproken?",
			dials: 1, state: note.Claimed,
			attempt: attempt.Attempt{Line: attempt.LineAnswered, Result: attempt.Refused},
		},
		"the colleague had answered reached, and is asked whether the note is done": {
			until: func(s *deskScene) { s.untilTheQuestion(); s.answersDesk('1') }, presses: "1",
			hears: "Is de vraag beantwoord?",
			dials: 1, state: note.Resolved,
			attempt: attempt.Attempt{Line: attempt.LineAnswered, Result: attempt.Reached},
		},
	} {
		t.Run(name, func(t *testing.T) {
			did := func(what func(*deskScene), s *deskScene) {
				if what != nil {
					what(s)
				}
			}
			deskStory(t, func(s *deskScene) { did(test.prepare, s) }, func(t *testing.T, s *deskScene) {
				did(test.until, s)
				s.stops()
				before := s.stands().Attempts
				did(test.away, s)
				s.takenBack()
				if s.exchange.line.talking != "" {
					s.after(time.Minute)
					s.callerHangsUp()
				}
				require.True(t, strings.HasPrefix(s.exchange.line.all(), test.hears), s.exchange.line.all())
				for _, key := range test.presses {
					s.answersDesk(key)
				}
				require.NoError(t, s.over())
				require.Equal(t, "hung up", s.exchange.line.released)
				require.Len(t, s.exchange.dialled, test.dials)
				n := s.stands()
				require.Equal(t, test.state, n.State)
				require.Len(t, n.Attempts, 1)
				require.Equal(t, test.attempt.Line, n.Attempts[0].Line)
				require.Equal(t, test.attempt.Result, n.Attempts[0].Result)
				require.Equal(t, test.attempt.Line == attempt.LineAnswered, n.Attempts[0].Talked > 0)
				if len(before) > 0 && before[0].Line != attempt.LineUnknown {
					require.Equal(t, before[0].Talked, n.Attempts[0].Talked, "the line's result was recorded already")
				}
			})
		})
	}
}

func TestACallbackGoesOnWhenTheLinkIsBack(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.after(time.Minute)
		back := s.exchange.line.losesLink()
		s.callerHangsUp()
		s.after(time.Minute)
		require.Empty(t, s.exchange.line.released)
		back()
		s.answersDesk('2')
		require.NoError(t, s.over())
		require.Equal(t, "hung up", s.exchange.line.released)
		require.Equal(t, attempt.Voicemail, s.stands().Attempts[0].Result)
		require.Less(t, s.stands().Attempts[0].Talked, time.Minute, "without the time that the link was lost")
	})
}

func TestATransferToTheColleaguesLineHearsTheResultOfTheCallback(t *testing.T) {
	deskStory(t, func(s *deskScene) { s.exchange.outRings = 20 * time.Second }, func(t *testing.T, s *deskScene) {
		s.after(20 * time.Second)
		require.NotEmpty(t, s.exchange.dialled)
		s.exchange.line.putsThrough()
		require.Contains(t, s.exchange.line.all(), "Niet bereikt.")
		require.NoError(t, s.over())
		require.Equal(t, "hung up", s.exchange.line.released)
		require.Len(t, s.exchange.dialled, 1)
		require.Equal(t, attempt.LineAbandoned, s.stands().Attempts[0].Line)
	})
}

// The lease began to run before the daemon was away, and the two talk for long.
func TestAClaimHoldsThroughACallbackThatIsTakenBack(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.after(4 * time.Minute)
		s.stops()
		s.after(10 * time.Minute)
		s.takenBack()
		s.rounds(time.Hour)
		require.Equal(t, "out", s.exchange.line.talking)
		require.Equal(t, note.Calling, s.stands().State)
		s.callerHangsUp()
		s.answersDesk('2')
		require.NoError(t, s.over())
		require.Greater(t, s.stands().Attempts[0].Talked, 73*time.Minute, "from when the caller answered")
		s.rounds(16 * time.Minute)
		require.Equal(t, note.Open, s.stands().State, "the claim is no longer renewed")
	})
}

// seenOut lets the next daemon find the caller in conversation after the colleague has transferred them.
func (s *deskScene) seenOut(ctx context.Context, since time.Time) (over chan error) {
	over = make(chan error)
	go func() {
		s.failed <- s.callbacks.SeeOut(ctx, "verg1", s.exchange.dialled[0].State, since, func() error { return <-over })
	}()
	synctest.Wait()
	return over
}

func TestAClaimHoldsAsLongAsATransferredCallerTalks(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.after(4 * time.Minute)
		since := time.Now()
		s.stops()
		s.after(10 * time.Minute)
		over := s.seenOut(t.Context(), since)
		require.Error(t, s.callbacks.Engaged.Check(noteFor(s.note.Number.E164, 2)), "nobody else calls that number")
		s.rounds(time.Hour)
		require.Equal(t, note.Calling, s.stands().State)
		over <- nil
		require.NoError(t, s.over())
		require.Equal(t, attempt.LineAnswered, s.stands().Attempts[0].Line)
		require.InDelta(t, 70, s.stands().Attempts[0].Talked.Minutes(), 1)
		s.rounds(16 * time.Minute)
		require.Equal(t, note.Open, s.stands().State, "the claim is no longer renewed")
	})
}

func TestAColleaguesResultOfATransferredCallbackStands(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.after(time.Minute)
		s.stops()
		over := s.seenOut(t.Context(), time.Now())
		s.says(attempt.Reached)
		over <- nil
		require.NoError(t, s.over())
		require.Equal(t, attempt.Reached, s.stands().Attempts[0].Result)
	})
}

func TestATransferredCallbackThatGoesOnGetsNoResult(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.after(time.Minute)
		s.stops()
		s.seenOut(t.Context(), time.Now()) <- ivr.ErrShutdown
		require.ErrorIs(t, s.over(), ivr.ErrShutdown)
		require.Equal(t, attempt.LineUnknown, s.stands().Attempts[0].Line)
		s.rounds(16 * time.Minute)
		require.Equal(t, note.Open, s.stands().State, "the claim is no longer renewed")
	})
}

func TestACallbackWithoutItsNoteGetsNoResult(t *testing.T) {
	for name, lost := range map[string]func(*deskScene){
		"the claim ran out":              func(s *deskScene) { s.rounds(20 * time.Minute) },
		"the remembered state is broken": func(s *deskScene) { s.exchange.line.state = "{" },
	} {
		for when, until := range map[string]func(*deskScene){
			"while they talk": func(s *deskScene) { s.after(time.Minute) },
			"at the question": (*deskScene).untilTheQuestion,
		} {
			t.Run(name+" "+when, func(t *testing.T) {
				deskStory(t, nothing, func(t *testing.T, s *deskScene) {
					until(s)
					s.stops()
					lost(s)
					before := s.stands()
					s.takenBack()
					s.after(time.Minute)
					s.callerHangsUp()
					_ = s.over()
					require.Equal(t, "hung up", s.exchange.line.released)
					require.Equal(t, before, s.stands())
				})
			})
		}
	}
}
