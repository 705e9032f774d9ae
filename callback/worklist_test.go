package callback_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestWorklistWorksANote(t *testing.T) {
	f := storetest.NewFloor()
	n := f.Promise(t, storetest.ANote().Made)
	step := func(do func(s callback.Step) (note.Note, error)) note.Note {
		t.Helper()
		after, err := do(storetest.By(storetest.Els, n))
		require.NoError(t, err)
		require.Equal(t, f.Now(t, n), after)
		n = after
		return after
	}
	step(func(s callback.Step) (note.Note, error) { return f.List.Claim(t.Context(), s) })
	require.Equal(t, call.AgentID("els"), n.Colleague)
	require.WithinRange(t, n.Lease, time.Now().Add(14*time.Minute), time.Now().Add(15*time.Minute))
	step(func(s callback.Step) (note.Note, error) { return f.List.Renew(t.Context(), s) })
	step(func(s callback.Step) (note.Note, error) {
		return f.List.StartAttempt(t.Context(), s, "1732300000.20")
	})
	step(func(s callback.Step) (note.Note, error) {
		return f.List.EndAttempt(t.Context(), s, attempt.LineAnswered, 90*time.Second+time.Microsecond, attempt.Reached)
	})
	require.Equal(t, 90*time.Second, n.Attempts[0].Talked)
	step(func(s callback.Step) (note.Note, error) { return f.List.Raise(t.Context(), s, "spoed") })
	step(func(s callback.Step) (note.Note, error) {
		return f.List.Merge(t.Context(), s, "1732300000.21", "nog een keer")
	})
	step(func(s callback.Step) (note.Note, error) {
		return f.List.Comment(t.Context(), s, "Zij hoort slecht.")
	})
	step(func(s callback.Step) (note.Note, error) {
		return f.List.Resolve(t.Context(), s, note.Reached, "opgelost")
	})
	require.True(t, n.NormMet)
	step(func(s callback.Step) (note.Note, error) { return f.List.Reopen(t.Context(), s, "toch niet") })
	step(func(s callback.Step) (note.Note, error) { return f.List.Cancel(t.Context(), s, "ingetrokken") })
	events, err := f.Events(t.Context(), storetest.Town, n.ID)
	require.NoError(t, err)
	seen := make(map[note.EventID]bool)
	for _, e := range events {
		seen[e.ID] = true
	}
	require.Len(t, seen, 11, "each event has its own name")
	require.Equal(t, call.ID("1732300000.20"), events[3].Call)
	require.Equal(t, "Zij hoort slecht.", events[7].Reason)
}

func TestWorklistRefuses(t *testing.T) {
	tests := map[string]struct {
		do   func(ctx context.Context, w *callback.Worklist, s callback.Step) (note.Note, error)
		says string
	}{
		"a note for a team that does not exist": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (
			note.Note, error,
		) {
			return w.Reroute(ctx, s, "zwembad", "niet van ons")
		}, `team "zwembad" is not in the configuration`},
		"a step of nobody": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (note.Note, error) {
			s.Who = ""
			return w.Cancel(ctx, s, "")
		}, "the actor is missing"},
		"a story without end": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (note.Note, error) {
			return w.Comment(ctx, s, strings.Repeat("é", 2001))
		}, "longer than 2000 characters"},
		"a comment with an escape in it": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (
			note.Note, error,
		) {
			return w.Comment(ctx, s, "\x1b[2J")
		}, "not text"},
		"an attempt without a result": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (
			note.Note, error,
		) {
			return w.EndAttempt(ctx, s, "", 0, "")
		}, "say what came of it, one of [reached not_reached voicemail wrong_number refused]"},
		"an attempt that is reported as untold": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (
			note.Note, error,
		) {
			return w.EndAttempt(ctx, s, "", 0, attempt.Untold)
		}, "say what came of it"},
		"an attempt without a claim": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (
			note.Note, error,
		) {
			return w.StartAttempt(ctx, s, "")
		}, "nobody has claimed the note; claim it first"},
		"a note that was never made": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (
			note.Note, error,
		) {
			s.Note = "01JD5V3Z5QXKZ9W7M2R4T6Y8AC"
			return w.Claim(ctx, s)
		}, note.ErrNoNote.Error()},
		"a note of another municipality": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (
			note.Note, error,
		) {
			s.Municipality = "olst-wijhe"
			return w.Claim(ctx, s)
		}, note.ErrNoNote.Error()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := storetest.NewFloor()
			n := f.Promise(t, storetest.ANote().Made)
			_, err := test.do(t.Context(), f.List, storetest.By(storetest.Els, n))
			require.ErrorContains(t, err, test.says)
			require.Equal(t, n, f.Now(t, n), "nothing was changed")
		})
	}
	t.Run("without randomness", func(t *testing.T) {
		f := storetest.NewFloor()
		n := f.Promise(t, storetest.ANote().Made)
		dry := callback.NewWorklist(f, f, iotest.ErrReader(errors.New("dry")))
		_, err := dry.Claim(t.Context(), storetest.By(storetest.Els, n))
		require.ErrorContains(t, err, "draw an event id")
	})
}

// Fault matrix, row 14.
func TestRow14AStaleOwnerIsRefused(t *testing.T) {
	f := storetest.NewFloor()
	n := f.Promise(t, storetest.ANote().Made)
	mine, err := f.List.Claim(t.Context(), storetest.By(storetest.Els, n))
	require.NoError(t, err)
	_, err = f.List.Release(t.Context(), storetest.By(note.BySystem, n), "de teamleider geeft het terug")
	require.NoError(t, err)
	_, err = f.List.Claim(t.Context(), storetest.By(storetest.Jan, n))
	require.NoError(t, err)
	stands := f.Now(t, n)

	seen := storetest.By(storetest.Els, n)
	seen.Ver = mine.Ver
	_, err = f.List.Resolve(t.Context(), seen, note.Settled, "")
	var stale *note.StaleError
	require.ErrorAs(t, err, &stale)
	require.Equal(t, note.StaleError{Note: n.ID, Saw: 2, Now: 4}, *stale)
	_, err = f.List.StartAttempt(t.Context(), storetest.By(storetest.Els, n), "")
	var rule *note.RuleError
	require.ErrorAs(t, err, &rule, "nor without the version that they saw")
	require.Equal(t, stands, f.Now(t, n))
}

// racing lets another change come first, the first so many times.
type racing struct {
	*storetest.Floor
	times int
	other func()
}

func (r *racing) Advance(ctx context.Context, before note.Note, e note.Event) (note.Note, error) {
	if r.times > 0 {
		r.times--
		r.other()
	}
	return r.Memory.Advance(ctx, before, e)
}

func TestWorklistLooksAgainWhenAnotherCameFirst(t *testing.T) {
	f := storetest.NewFloor()
	n := f.Promise(t, storetest.ANote().Made)
	r := &racing{Floor: f, times: 3, other: func() {
		_, err := f.List.Raise(t.Context(), storetest.By(storetest.Jan, n), "")
		require.NoError(t, err)
	}}
	list := callback.NewWorklist(r, f, nil)
	after, err := list.Merge(t.Context(), storetest.By(note.ByCaller, n), "", "")
	require.NoError(t, err)
	require.Equal(t, 4, after.Priority)
	require.Equal(t, 1, after.Repeats)

	r.times = 1
	s := storetest.By(storetest.Els, n)
	s.Ver = after.Ver
	_, err = list.Claim(t.Context(), s)
	var stale *note.StaleError
	require.ErrorAs(t, err, &stale, "not for a step that names a version")
	r.times = 1000
	_, err = list.Merge(t.Context(), storetest.By(note.ByCaller, n), "", "")
	require.ErrorAs(t, err, &stale, "nor for ever")
}

// Fault matrix, row 15, by the model of a store.
func TestRow15OneOf64ColleaguesGetsTheNote(t *testing.T) {
	f := storetest.NewFloor()
	n := f.Promise(t, storetest.ANote().Made)
	errs := make([]error, 64)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = f.List.Claim(
				t.Context(), storetest.By(note.ByAgent(call.AgentID(fmt.Sprint("colleague", i))), n),
			)
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	require.Equal(t, 1, won)
	require.Equal(t, uint64(2), f.Now(t, n).Ver)
}

// No wrong door: the second time that a team says "not ours" the contact centre owns it.
func TestReroute(t *testing.T) {
	f := storetest.NewFloor()
	n := f.Promise(t, storetest.ANote().Made)
	once, err := f.List.Reroute(t.Context(), storetest.By(storetest.Els, n), "vergunningen", "dat is een vergunning")
	require.NoError(t, err)
	require.Equal(t, call.TeamID("vergunningen"), once.Team)
	require.Equal(t, call.TeamID("burgerzaken"), once.Owner)
	twice, err := f.List.Reroute(t.Context(), storetest.By(storetest.Jan, n), "belastingen", "ook niet")
	require.NoError(t, err)
	require.Equal(t, call.TeamID("kcc"), twice.Team, "whatever team was named")
	require.Equal(t, call.TeamID("kcc"), twice.Owner)
	third, err := f.List.Reroute(t.Context(), storetest.By(storetest.Piet, n), "belastingen", "uitgezocht: belastingen")
	require.NoError(t, err)
	require.Equal(t, call.TeamID("belastingen"), third.Team, "the contact centre decides where it goes")
	require.Equal(t, call.TeamID("kcc"), third.Owner, "and still answers for it")
	require.Equal(t, n.Deadline, third.Deadline)
	t.Run("the contact centre was named first, and passes it on", func(t *testing.T) {
		n := f.Promise(t, storetest.ANote().Made)
		_, err := f.List.Reroute(t.Context(), storetest.By(storetest.Els, n), "kcc", "weet niet van wie dan wel")
		require.NoError(t, err)
		twice, err := f.List.Reroute(
			t.Context(), storetest.By(storetest.Piet, n), "belastingen", "uitgezocht: belastingen",
		)
		require.NoError(t, err)
		require.Equal(t, call.TeamID("belastingen"), twice.Team, "it has the note already: it decides where it goes")
		require.Equal(t, call.TeamID("kcc"), twice.Owner, "and answers for it")
	})
	t.Run("a note that the contact centre sent on comes back to it", func(t *testing.T) {
		n := f.Promise(t, storetest.ANote().Made, func(n *note.Note) { n.Team, n.Owner = "kcc", "kcc" })
		for round := range 3 {
			for _, step := range []struct{ to, stands call.TeamID }{
				{"vergunningen", "vergunningen"}, {"belastingen", "belastingen"}, {"vergunningen", "kcc"},
			} {
				after, err := f.List.Reroute(t.Context(), storetest.By(storetest.Els, n), step.to, "niet van ons")
				require.NoError(t, err)
				require.Equal(t, step.stands, after.Team, "round %d, to %s", round, step.to)
				require.Equal(t, call.TeamID("kcc"), after.Owner)
			}
		}
	})
	t.Run("a note that was reopened goes on where it was", func(t *testing.T) {
		n := f.Promise(t, storetest.ANote().Made)
		_, err := f.List.Cancel(t.Context(), storetest.By(storetest.Els, n), "")
		require.NoError(t, err)
		_, err = f.List.Reopen(t.Context(), storetest.By(storetest.Els, n), "")
		require.NoError(t, err)
		once, err := f.List.Reroute(t.Context(), storetest.By(storetest.Els, n), "vergunningen", "niet van ons")
		require.NoError(t, err)
		require.Equal(t, call.TeamID("vergunningen"), once.Team, "the first time")
	})
	t.Run("without a contact centre teams pass it on", func(t *testing.T) {
		f := storetest.NewFloor()
		f.Rules.ContactCentre = ""
		n := f.Promise(t, storetest.ANote().Made)
		_, err := f.List.Reroute(t.Context(), storetest.By(storetest.Els, n), "vergunningen", "niet van ons")
		require.NoError(t, err)
		twice, err := f.List.Reroute(t.Context(), storetest.By(storetest.Jan, n), "belastingen", "ook niet")
		require.NoError(t, err)
		require.Equal(t, call.TeamID("belastingen"), twice.Team)
	})
}

func TestResolveAndTheNorm(t *testing.T) {
	made := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC) // in this floor's zone; the deadline is a day later
	for name, test := range map[string]struct {
		tried []time.Duration // attempts after the note was made, not reached
		at    time.Duration
		as    note.Outcome
		norm  bool
		says  string
	}{
		"settled at the deadline itself": {nil, 24 * time.Hour, note.Settled, true, ""},
		"settled a moment after it":      {nil, 24*time.Hour + time.Millisecond, note.Settled, false, ""},
		"given up too soon": {
			[]time.Duration{time.Hour, 2 * time.Hour},
			3 * time.Hour, note.Unreached, false,
			"1 more, each in another part of the day",
		},
		"given up before the deadline": {
			[]time.Duration{time.Hour, 6 * time.Hour}, 7 * time.Hour, note.Unreached, true, "",
		},
		"the policy met before, closed after": {
			[]time.Duration{time.Hour, 6 * time.Hour}, 30 * time.Hour, note.Unreached, true, "",
		},
		"the policy met after the deadline": {
			[]time.Duration{time.Hour, 25 * time.Hour}, 30 * time.Hour, note.Unreached, false, "",
		},
		"nobody ever tried, and it is to be given up": {nil, 30 * time.Hour, note.Unreached, false, "2 more"},
	} {
		t.Run(name, func(t *testing.T) {
			f := storetest.NewFloor()
			n := f.Promise(t, made)
			s := storetest.By(storetest.Els, n)
			_, err := f.List.Claim(t.Context(), s)
			require.NoError(t, err)
			for _, after := range test.tried {
				s.At = made.Add(after)
				_, err = f.List.StartAttempt(t.Context(), s, "")
				require.NoError(t, err)
				_, err = f.List.EndAttempt(t.Context(), s, attempt.LineNoAnswer, 0, attempt.NotReached)
				require.NoError(t, err)
			}
			s.At = made.Add(test.at)
			done, err := f.List.Resolve(t.Context(), s, test.as, "")
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.norm, done.NormMet)
		})
	}
}

// Events are kept in whole milliseconds, and so is the norm.
func TestTheNormIsMetAtTheDeadlineItself(t *testing.T) {
	for late, met := range map[time.Duration]bool{
		-time.Hour: true, 0: true, time.Millisecond - 1: true, time.Millisecond: false, time.Hour: false,
	} {
		for _, resolve := range []func(f *storetest.Floor, s callback.Step) (note.Note, error){
			func(f *storetest.Floor, s callback.Step) (note.Note, error) {
				return f.List.Resolve(t.Context(), s, note.Settled, "")
			},
			func(f *storetest.Floor, s callback.Step) (note.Note, error) {
				return f.List.Settle(t.Context(), s, "", "")
			},
		} {
			f := storetest.NewFloor()
			n := f.Promise(t, storetest.ANote().Made)
			done, err := resolve(f, callback.Step{
				Municipality: storetest.Town, Note: n.ID, Who: storetest.Els, At: n.Deadline.Add(late),
			})
			require.NoError(t, err)
			require.Equal(t, met, done.NormMet, "closed at %s", done.Closed)
			require.Equal(t, met, !done.Closed.After(done.Deadline))
		}
	}
}
