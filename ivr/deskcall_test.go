package ivr_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// fakeExchange rings a colleague and a caller who act as in the story.
type fakeExchange struct {
	deskErr, outErr error
	outRings        time.Duration
	line            *fakeLine
	leg             *fakeLeg
	desk            ivr.Desk
	goesOn          error // the error of the talk on the colleague's phone
	dialled         []ivr.Outside
	atDial          func()
	endless         bool // see fakeLine
}

func (x *fakeExchange) RingDesk(_ context.Context, desk ivr.Desk, talk func(context.Context, ivr.Line) error) error {
	x.desk = desk
	if x.deskErr != nil {
		return x.deskErr
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(errors.New("the call is over"))
	x.line = &fakeLine{keys: make(chan rune, 64), hangUp: cancel, state: desk.State, endless: x.endless}
	x.goesOn = talk(ctx, x.line)
	return nil
}

func (x *fakeExchange) Dial(ctx context.Context, out ivr.Outside) (dispatch.Leg, error) {
	x.dialled = append(x.dialled, out)
	x.atDial()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(x.outRings):
	}
	if x.outErr != nil {
		return nil, x.outErr
	}
	x.leg = &fakeLeg{id: "out", gone: make(chan struct{})}
	return x.leg, nil
}

// deskScene is a colleague about to call back the caller of a claimed note.
type deskScene struct {
	*scene
	store     *storetest.Memory
	worklist  *callback.Worklist
	exchange  *fakeExchange
	callbacks *ivr.Callbacks
	note      note.Note
	failed    chan error
	freed     atomic.Bool // whether the colleague may be rung for another caller
	stood     note.State  // of the note when the first digit was dialled
}

// workRules are those of a municipality that dials out three times a day at most.
type workRules struct{ plan *routing.Plan }

func (r workRules) Knows(team call.TeamID) bool {
	_, ok := r.plan.Teams[team]
	return ok
}

func (r workRules) Policy(m call.MunicipalityID) dialling.Policy {
	return dialling.Policy{
		Countries: []string{"NL"}, Clocks: r.plan.Municipalities[m].Location,
		Caps: dialling.Caps{Target: 3, Colleague: 3, Day: 3},
	}
}

func (r workRules) Work(m call.MunicipalityID) callback.Work {
	return callback.Work{
		Location: r.plan.Municipalities[m].Location, ContactCentre: "kcc", Lease: 15 * time.Minute,
		Attempts: callback.AttemptPolicy{Least: 3, Parts: []calendar.Clock{12 * 60}},
	}
}

func deskStory(t *testing.T, prepare func(*deskScene), f func(t *testing.T, s *deskScene)) {
	t.Helper()
	story(t, func(t *testing.T, base *scene) {
		town := base.plan.Municipalities["deventer"]
		town.CallerID, town.Name = "+31140570", "Deventer"
		base.plan.Municipalities["deventer"] = town
		rules := workRules{base.plan}
		s := &deskScene{scene: base, store: storetest.NewMemory(), failed: make(chan error, 1)}
		s.exchange = &fakeExchange{outRings: 3 * time.Second, atDial: func() { s.stood = s.stands().State }}
		s.worklist = callback.NewWorklist(s.store, rules, nil)
		s.callbacks = &ivr.Callbacks{
			Plan: base.operator.Plan, Exchange: s.exchange, Attempts: s.worklist,
			Guard: dialling.NewGuard(rules, s.store, func(dialling.Reason) {}), Engaged: base.operator.Engaged,
			Lease:  func(m call.MunicipalityID) time.Duration { return rules.Work(m).Lease },
			Sounds: base.operator.Sounds, Register: base.diary, Log: base.operator.Log,
		}
		s.claimed()
		prepare(s)
		go func() {
			s.failed <- s.callbacks.CallBack(t.Context(), s.note, "PJSIP/verg1", func() { s.freed.Store(true) })
		}()
		synctest.Wait()
		f(t, s)
	})
}

// claimed makes a note and lets a colleague claim it.
func (s *deskScene) claimed() {
	made := note.Made(note.Note{
		ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", Reference: "10000004", Municipality: "deventer", Team: "permits",
		Owner: "permits",
		Key:   "test/1", Number: s.scene.caller, Language: "nl", Made: time.Now().UTC(),
		Deadline: time.Now().UTC().Add(24 * time.Hour),
	}, note.ByCaller)
	_, err := s.store.Make(s.t.Context(), made)
	require.NoError(s.t, err)
	s.note, err = s.worklist.Claim(s.t.Context(), callback.Step{
		Municipality: "deventer", Note: made.Note, Who: note.ByAgent("verg1"), At: time.Now(),
	})
	require.NoError(s.t, err)
}

func (s *deskScene) stands() note.Note {
	n, err := s.store.Note(s.t.Context(), "deventer", s.note.ID)
	require.NoError(s.t, err)
	return n
}

// answersDesk presses a key on the colleague's phone once the question can have been understood.
func (s *deskScene) answersDesk(key rune) {
	s.after(time.Second)
	s.exchange.line.keys <- key
	synctest.Wait()
}

func (s *deskScene) over() error {
	s.after(5 * time.Minute)
	select {
	case err := <-s.failed:
		return err
	default:
		s.t.Fatal("the callback is not over")
		return nil
	}
}

// says lets the colleague give the result elsewhere.
func (s *deskScene) says(result attempt.Result) note.Note {
	s.t.Helper()
	n, err := s.worklist.EndAttempt(s.t.Context(), callback.Step{
		Municipality: "deventer", Note: s.note.ID, Who: note.ByAgent("verg1"), At: time.Now(),
	}, attempt.LineUnknown, 0, result)
	require.NoError(s.t, err)
	return n
}

func nothing(*deskScene) {}

func TestACallerIsReachedAndTheNoteIsClosed(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		require.Equal(t, ivr.Desk{
			Agent: "verg1", Endpoint: "PJSIP/verg1", Name: "Terugbelnotitie 10000004", Number: "+31612345678",
			For:   20 * time.Second,
			State: `{"municipality":"deventer","note":"01JD5V3Z5QXKZ9W7M2R4T6Y8AB","team":"permits","number":"+31612345678","tries":0}`,
		}, s.exchange.desk)
		s.after(30 * time.Second)
		require.Equal(t, []ivr.Outside{{
			Agent: "verg1", Note: s.note.ID, Number: "+31612345678", Shown: "+31140570", Name: "Deventer", State: s.exchange.desk.State,
			For: 45 * time.Second,
		}}, s.exchange.dialled)
		require.Equal(t, note.Calling, s.stood, "the attempt was written before the first digit")
		require.Equal(t, "out", s.exchange.line.talking)
		s.after(time.Minute)
		require.NoError(t, s.exchange.leg.HangUp(t.Context())) // the caller hangs up
		synctest.Wait()
		s.answersDesk('1')
		s.answersDesk('1')
		require.NoError(t, s.over())
		n := s.stands()
		require.Equal(t, note.Resolved, n.State)
		require.Equal(t, note.Reached, n.Outcome)
		require.True(t, n.NormMet)
		require.Equal(t, attempt.LineAnswered, n.Attempts[0].Line)
		require.Equal(t, attempt.Reached, n.Attempts[0].Result)
		require.Greater(t, n.Attempts[0].Talked, time.Minute)
		require.Equal(t, "hung up", s.exchange.line.released)
	})
}

func TestTheLinesResultIsRecorded(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		line   attempt.LineResult
		result attempt.Result
	}{
		"busy":            {dispatch.ErrBusy, attempt.LineBusy, attempt.NotReached},
		"no answer":       {dispatch.ErrNoAnswer, attempt.LineNoAnswer, attempt.NotReached},
		"refused":         {dispatch.ErrDeclined, attempt.LineRefused, attempt.Refused},
		"not reachable":   {dispatch.ErrUnreachable, attempt.LineFailed, attempt.NotReached},
		"a fault of ours": {errors.New("out of order"), attempt.LineFailed, attempt.NotReached},
	} {
		t.Run(name, func(t *testing.T) {
			deskStory(t, func(s *deskScene) { s.exchange.outErr = test.err }, func(t *testing.T, s *deskScene) {
				require.NoError(t, s.over())
				n := s.stands()
				require.Equal(t, note.Claimed, n.State, "the colleague's to try again")
				require.Equal(t, test.line, n.Attempts[0].Line)
				require.Equal(t, test.result, n.Attempts[0].Result)
				require.Contains(t, s.exchange.line.all(), "noteerd")
			})
		})
	}
}

func TestTheColleaguesResultDecides(t *testing.T) {
	for key, result := range map[rune]attempt.Result{
		'2': attempt.Voicemail, '3': attempt.WrongNumber, '4': attempt.Refused,
	} {
		t.Run(string(result), func(t *testing.T) {
			deskStory(t, nothing, func(t *testing.T, s *deskScene) {
				s.after(30 * time.Second)
				require.NoError(t, s.exchange.leg.HangUp(t.Context()))
				synctest.Wait()
				s.answersDesk('9') // wrong key: asked again
				s.answersDesk(key)
				require.NoError(t, s.over())
				require.Equal(t, result, s.stands().Attempts[0].Result)
				require.Equal(t, note.Claimed, s.stands().State)
			})
		})
	}
}

// The caller did not hang up on the colleague; all that is known is that their phone may have rung.
func TestAColleagueWhoGivesUpWhileItRingsTellsNothingOfTheCaller(t *testing.T) {
	deskStory(t, func(s *deskScene) { s.exchange.outRings = time.Minute }, func(t *testing.T, s *deskScene) {
		s.after(20 * time.Second)
		require.NotEmpty(t, s.exchange.dialled)
		s.exchange.line.hangUp(ivr.ErrHungUp)
		require.NoError(t, s.over())
		n := s.stands()
		require.Equal(t, note.Claimed, n.State)
		require.Equal(t, attempt.LineAbandoned, n.Attempts[0].Line)
		require.Equal(t, attempt.NotReached, n.Attempts[0].Result)
	})
}

func TestAColleagueWhoHangsUpGivesTheResultElsewhere(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.after(30 * time.Second)
		s.exchange.line.hangUp(ivr.ErrHungUp)
		require.NoError(t, s.over())
		require.Equal(t, note.Calling, s.stands().State)
		require.Equal(t, attempt.LineAnswered, s.stands().Attempts[0].Line, "the line's own result")
		after := s.says(attempt.Reached)
		require.Equal(t, attempt.LineAnswered, after.Attempts[0].Line)
		require.Positive(t, after.Attempts[0].Talked)
		select {
		case <-s.exchange.leg.Gone():
		default:
			t.Fatal("the caller was left on the line alone")
		}
	})
}

// By the keys of the colleague's phone, at once: the caller's channel leaves us and goes on in the dialplan.
func TestACallerWhomTheColleagueTransfersIsNotHungUp(t *testing.T) {
	deskStory(t, nothing, func(t *testing.T, s *deskScene) {
		s.after(30 * time.Second)
		close(s.exchange.leg.gone)
		synctest.Wait()
		s.exchange.line.hangUp(ivr.ErrHungUp)
		require.NoError(t, s.over())
		require.Zero(t, s.exchange.leg.told.Load())
		require.Equal(t, attempt.LineAnswered, s.stands().Attempts[0].Line)
	})
}

// The caller talks on with another person, in our bridge.
func TestAColleagueWhoTransferredTheCallerIsFreeForTheNext(t *testing.T) {
	for name, before := range map[string]func(*deskScene){
		"in one go":                    nothing,
		"in a call that is taken back": func(s *deskScene) { s.stops(); s.takenBack() },
	} {
		t.Run(name, func(t *testing.T) {
			deskStory(t, nothing, func(t *testing.T, s *deskScene) {
				s.after(30 * time.Second)
				before(s)
				s.exchange.line.transfers = true
				require.False(t, s.freed.Load())
				s.exchange.line.hangUp(ivr.ErrHungUp)
				synctest.Wait()
				require.True(t, s.freed.Load())
				s.rounds(time.Hour)
				require.Equal(t, note.Calling, s.stands().State, "the claim holds")
				s.says(attempt.Reached)
				s.callerHangsUp()
				require.NoError(t, s.over())
				require.Equal(t, attempt.Reached, s.stands().Attempts[0].Result)
			})
		})
	}
}

func TestNobodyIsDialled(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*deskScene)
		says    string
	}{
		"the colleague does not answer": {
			func(s *deskScene) { s.exchange.deskErr = dispatch.ErrNoAnswer }, "no answer",
		},
		"the number is not allowed": {
			func(s *deskScene) { s.note.Number = call.Number{E164: "+31900123456"} }, "not dialled",
		},
		"the store is away": {
			func(s *deskScene) { s.store.Fail(errors.New("frozen")) }, "does not answer as it should",
		},
		"another colleague has it": {func(s *deskScene) { s.note.Colleague = "verg2" }, "verg1 has it"},
	} {
		t.Run(name, func(t *testing.T) {
			deskStory(t, test.prepare, func(t *testing.T, s *deskScene) {
				require.ErrorContains(t, s.over(), test.says)
				require.Empty(t, s.exchange.dialled)
				s.store.Fail(nil)
				require.Equal(t, note.Claimed, s.stands().State, "no attempt was made")
				require.Empty(t, s.stands().Attempts)
			})
		})
	}
}

func TestTheLogOfACallbackNamesItsNote(t *testing.T) {
	var written strings.Builder
	deskStory(t, func(s *deskScene) {
		s.exchange.endless, s.exchange.outErr = true, dispatch.ErrBusy
		s.callbacks.Log = slog.New(slog.NewTextHandler(&written, nil))
	}, func(t *testing.T, s *deskScene) {
		require.NoError(t, s.over())
		lines := strings.Split(strings.TrimSpace(written.String()), "\n")
		require.Contains(t, lines[0], "no PlaybackFinished; continuing")
		for _, line := range lines {
			require.Contains(t, line, "note="+string(s.note.ID))
		}
	})
}

func TestAResultIsStoredWhenTheStoreIsBack(t *testing.T) {
	deskStory(t, func(s *deskScene) {
		s.exchange.outErr = dispatch.ErrBusy
		s.exchange.atDial = func() { s.store.Fail(errors.New("away")) }
	}, func(t *testing.T, s *deskScene) {
		s.after(20 * time.Second)
		require.NotEmpty(t, s.exchange.dialled)
		s.store.Fail(nil)
		require.NoError(t, s.over())
		require.Equal(t, attempt.NotReached, s.stands().Attempts[0].Result)
	})
}
