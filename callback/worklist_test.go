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

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/callback/storetest"
)

const town call.MunicipalityID = "deventer"

// floor is where notes are worked: rules and a store in memory.
type floor struct {
	*storetest.Memory
	work callback.Work
	list *callback.Worklist
}

func newFloor() *floor {
	f := &floor{Memory: storetest.NewMemory(), work: callback.Work{
		Location: time.UTC, ContactCentre: "kcc", Lease: 15 * time.Minute, Retention: 365 * 24 * time.Hour,
		Attempts: callback.AttemptPolicy{Least: 2, Parts: []calendar.Clock{noon}},
	}}
	f.list = callback.NewWorklist(f, f, nil)
	return f
}

func (f *floor) Knows(team call.TeamID) bool { return team != "zwembad" && team != "" }

func (f *floor) Work(call.MunicipalityID) callback.Work { return f.work }

// note promises one, made at a time; each has its own number.
func (f *floor) note(t *testing.T, made time.Time, changes ...func(n *callback.Note)) callback.Note {
	t.Helper()
	n := aNote()
	counts, err := f.Counts(t.Context(), town, made)
	require.NoError(t, err)
	nth := counts["burgerzaken"].Made
	n.ID = callback.NoteID(fmt.Sprintf("01JD5V3Z5QXKZ9W7M2R4T6%04d", nth))
	reference, err := callback.NewReference(strings.NewReader(fmt.Sprintf("%08d", nth)))
	require.NoError(t, err)
	n.Reference, n.Key = reference, callback.Key(n.ID)
	n.Number.E164 = fmt.Sprintf("+316%08d", 10_000_000+nth)
	n.Made, n.Warn, n.Deadline = made, made.Add(12*time.Hour), made.Add(24*time.Hour)
	for _, change := range changes {
		change(&n)
	}
	stored, err := f.Make(t.Context(), callback.Made(n, callback.ByCaller))
	require.NoError(t, err)
	return stored
}

func (f *floor) now(t *testing.T, n callback.Note) callback.Note {
	t.Helper()
	n, err := f.Note(t.Context(), town, n.ID)
	require.NoError(t, err)
	return n
}

// by is a step of somebody, an hour after the note was made.
func by(who callback.Actor, n callback.Note) callback.Step {
	return callback.Step{Municipality: town, Note: n.ID, Who: who, At: n.Made.Add(time.Hour)}
}

func TestWorklistWorksANote(t *testing.T) {
	f := newFloor()
	n := f.note(t, aNote().Made)
	step := func(do func(s callback.Step) (callback.Note, error)) callback.Note {
		t.Helper()
		after, err := do(by(els, n))
		require.NoError(t, err)
		require.Equal(t, f.now(t, n), after)
		n = after
		return after
	}
	step(func(s callback.Step) (callback.Note, error) { return f.list.Claim(t.Context(), s) })
	require.Equal(t, call.AgentID("els"), n.Colleague)
	require.WithinRange(t, n.Lease, time.Now().Add(14*time.Minute), time.Now().Add(15*time.Minute))
	step(func(s callback.Step) (callback.Note, error) { return f.list.Renew(t.Context(), s) })
	step(func(s callback.Step) (callback.Note, error) {
		return f.list.StartAttempt(t.Context(), s, "1732300000.20")
	})
	step(func(s callback.Step) (callback.Note, error) {
		return f.list.EndAttempt(t.Context(), s, callback.LineAnswered, 90*time.Second+time.Microsecond, callback.ResultReached)
	})
	require.Equal(t, 90*time.Second, n.Attempts[0].Talked)
	step(func(s callback.Step) (callback.Note, error) { return f.list.Raise(t.Context(), s, "spoed") })
	step(func(s callback.Step) (callback.Note, error) {
		return f.list.Merge(t.Context(), s, "1732300000.21", "nog een keer")
	})
	step(func(s callback.Step) (callback.Note, error) {
		return f.list.Comment(t.Context(), s, "Zij hoort slecht.")
	})
	step(func(s callback.Step) (callback.Note, error) {
		return f.list.Resolve(t.Context(), s, callback.Reached, "opgelost")
	})
	require.True(t, n.NormMet)
	step(func(s callback.Step) (callback.Note, error) { return f.list.Reopen(t.Context(), s, "toch niet") })
	step(func(s callback.Step) (callback.Note, error) { return f.list.Cancel(t.Context(), s, "ingetrokken") })
	events, err := f.Events(t.Context(), town, n.ID)
	require.NoError(t, err)
	seen := make(map[callback.EventID]bool)
	for _, e := range events {
		seen[e.ID] = true
	}
	require.Len(t, seen, 11, "each event has its own name")
	require.Equal(t, call.ID("1732300000.20"), events[3].Call)
	require.Equal(t, "Zij hoort slecht.", events[7].Reason)
}

func TestWorklistRefuses(t *testing.T) {
	tests := map[string]struct {
		do   func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error)
		says string
	}{
		"a note for a team that does not exist": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			return w.Reroute(ctx, s, "zwembad", "niet van ons")
		}, `team "zwembad" is not in the configuration`},
		"a step of nobody": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			s.Who = ""
			return w.Cancel(ctx, s, "")
		}, "who does it is missing"},
		"a story without end": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			return w.Comment(ctx, s, strings.Repeat("é", 2001))
		}, "longer than 2000 characters"},
		"a comment with an escape in it": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			return w.Comment(ctx, s, "\x1b[2J")
		}, "not text"},
		"an attempt of which nothing came": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			return w.EndAttempt(ctx, s, "", 0, "")
		}, "say what came of it, one of [reached not_reached voicemail wrong_number refused]"},
		"an attempt that nobody tells of": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			return w.EndAttempt(ctx, s, "", 0, callback.ResultUntold)
		}, "say what came of it"},
		"an attempt without a claim": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			return w.StartAttempt(ctx, s, "")
		}, "nobody has claimed the note; claim it first"},
		"what was never promised": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			s.Note = "01JD5V3Z5QXKZ9W7M2R4T6Y8AC"
			return w.Claim(ctx, s)
		}, callback.ErrNoNote.Error()},
		"what is another municipality's": {func(ctx context.Context, w *callback.Worklist, s callback.Step) (callback.Note, error) {
			s.Municipality = "olst-wijhe"
			return w.Claim(ctx, s)
		}, callback.ErrNoNote.Error()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFloor()
			n := f.note(t, aNote().Made)
			_, err := test.do(t.Context(), f.list, by(els, n))
			require.ErrorContains(t, err, test.says)
			require.Equal(t, n, f.now(t, n), "nothing was changed")
		})
	}
	t.Run("without randomness", func(t *testing.T) {
		f := newFloor()
		n := f.note(t, aNote().Made)
		dry := callback.NewWorklist(f, f, iotest.ErrReader(errors.New("dry")))
		_, err := dry.Claim(t.Context(), by(els, n))
		require.ErrorContains(t, err, "draw an event id")
	})
}

// Fault matrix, row 14.
func TestRow14AStaleOwnerIsRefused(t *testing.T) {
	f := newFloor()
	n := f.note(t, aNote().Made)
	mine, err := f.list.Claim(t.Context(), by(els, n))
	require.NoError(t, err)
	_, err = f.list.Release(t.Context(), by(callback.BySystem, n), "de teamleider geeft het terug")
	require.NoError(t, err)
	_, err = f.list.Claim(t.Context(), by(jan, n))
	require.NoError(t, err)
	stands := f.now(t, n)

	seen := by(els, n)
	seen.Ver = mine.Ver
	_, err = f.list.Resolve(t.Context(), seen, callback.Settled, "")
	var stale *callback.StaleError
	require.ErrorAs(t, err, &stale)
	require.Equal(t, callback.StaleError{Note: n.ID, Saw: 2, Now: 4}, *stale)
	_, err = f.list.StartAttempt(t.Context(), by(els, n), "")
	var rule *callback.RuleError
	require.ErrorAs(t, err, &rule, "nor when he does not say what he saw")
	require.Equal(t, stands, f.now(t, n))
}

// racing lets another change come first, the first so many times.
type racing struct {
	*floor
	times int
	other func()
}

func (r *racing) Advance(ctx context.Context, before callback.Note, e callback.Event) (callback.Note, error) {
	if r.times > 0 {
		r.times--
		r.other()
	}
	return r.Memory.Advance(ctx, before, e)
}

func TestWorklistLooksAgainWhenAnotherCameFirst(t *testing.T) {
	f := newFloor()
	n := f.note(t, aNote().Made)
	r := &racing{floor: f, times: 3, other: func() {
		_, err := f.list.Raise(t.Context(), by(jan, n), "")
		require.NoError(t, err)
	}}
	list := callback.NewWorklist(r, f, nil)
	after, err := list.Merge(t.Context(), by(callback.ByCaller, n), "", "")
	require.NoError(t, err)
	require.Equal(t, 4, after.Priority)
	require.Equal(t, 1, after.Repeats)

	r.times = 1
	s := by(els, n)
	s.Ver = after.Ver
	_, err = list.Claim(t.Context(), s)
	var stale *callback.StaleError
	require.ErrorAs(t, err, &stale, "not when he named what he saw")
	r.times = 1000
	_, err = list.Merge(t.Context(), by(callback.ByCaller, n), "", "")
	require.ErrorAs(t, err, &stale, "nor for ever")
}

// Fault matrix, row 15, by the model of a store.
func TestRow15OneOf64ColleaguesGetsTheNote(t *testing.T) {
	f := newFloor()
	n := f.note(t, aNote().Made)
	errs := make([]error, 64)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = f.list.Claim(t.Context(), by(callback.ByAgent(call.AgentID(fmt.Sprint("colleague", i))), n))
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
	require.Equal(t, uint64(2), f.now(t, n).Ver)
}

// No wrong door: the second time that a team says "not ours" the contact centre owns it.
func TestReroute(t *testing.T) {
	f := newFloor()
	n := f.note(t, aNote().Made)
	once, err := f.list.Reroute(t.Context(), by(els, n), "vergunningen", "dat is een vergunning")
	require.NoError(t, err)
	require.Equal(t, call.TeamID("vergunningen"), once.Team)
	require.Equal(t, call.TeamID("burgerzaken"), once.Owner)
	twice, err := f.list.Reroute(t.Context(), by(jan, n), "belastingen", "ook niet")
	require.NoError(t, err)
	require.Equal(t, call.TeamID("kcc"), twice.Team, "whatever team was named")
	require.Equal(t, call.TeamID("kcc"), twice.Owner)
	third, err := f.list.Reroute(t.Context(), by(piet, n), "belastingen", "uitgezocht: belastingen")
	require.NoError(t, err)
	require.Equal(t, call.TeamID("belastingen"), third.Team, "the contact centre decides where it goes")
	require.Equal(t, call.TeamID("kcc"), third.Owner, "and still answers for it")
	require.Equal(t, n.Deadline, third.Deadline)
	t.Run("the contact centre, who was named first, passes it on", func(t *testing.T) {
		n := f.note(t, aNote().Made)
		_, err := f.list.Reroute(t.Context(), by(els, n), "kcc", "weet niet van wie dan wel")
		require.NoError(t, err)
		twice, err := f.list.Reroute(t.Context(), by(piet, n), "belastingen", "uitgezocht: belastingen")
		require.NoError(t, err)
		require.Equal(t, call.TeamID("belastingen"), twice.Team, "it has the note already: it decides where it goes")
		require.Equal(t, call.TeamID("kcc"), twice.Owner, "and answers for it")
	})
	t.Run("what the contact centre sent on comes back to it", func(t *testing.T) {
		n := f.note(t, aNote().Made, func(n *callback.Note) { n.Team, n.Owner = "kcc", "kcc" })
		for round := range 3 {
			for _, step := range []struct{ to, stands call.TeamID }{
				{"vergunningen", "vergunningen"}, {"belastingen", "belastingen"}, {"vergunningen", "kcc"},
			} {
				after, err := f.list.Reroute(t.Context(), by(els, n), step.to, "niet van ons")
				require.NoError(t, err)
				require.Equal(t, step.stands, after.Team, "round %d, to %s", round, step.to)
				require.Equal(t, call.TeamID("kcc"), after.Owner)
			}
		}
	})
	t.Run("a note that was reopened goes on where it was", func(t *testing.T) {
		n := f.note(t, aNote().Made)
		_, err := f.list.Cancel(t.Context(), by(els, n), "")
		require.NoError(t, err)
		_, err = f.list.Reopen(t.Context(), by(els, n), "")
		require.NoError(t, err)
		once, err := f.list.Reroute(t.Context(), by(els, n), "vergunningen", "niet van ons")
		require.NoError(t, err)
		require.Equal(t, call.TeamID("vergunningen"), once.Team, "the first time")
	})
	t.Run("without a contact centre teams pass it on", func(t *testing.T) {
		f := newFloor()
		f.work.ContactCentre = ""
		n := f.note(t, aNote().Made)
		_, err := f.list.Reroute(t.Context(), by(els, n), "vergunningen", "niet van ons")
		require.NoError(t, err)
		twice, err := f.list.Reroute(t.Context(), by(jan, n), "belastingen", "ook niet")
		require.NoError(t, err)
		require.Equal(t, call.TeamID("belastingen"), twice.Team)
	})
}

func TestResolveAndTheNorm(t *testing.T) {
	made := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC) // in this floor's zone; the deadline is a day later
	for name, test := range map[string]struct {
		tried []time.Duration // attempts after the note was made, not reached
		at    time.Duration
		as    callback.Outcome
		norm  bool
		says  string
	}{
		"settled at the deadline itself":              {nil, 24 * time.Hour, callback.Settled, true, ""},
		"settled a moment after it":                   {nil, 24*time.Hour + time.Millisecond, callback.Settled, false, ""},
		"given up too soon":                           {[]time.Duration{time.Hour, 2 * time.Hour}, 3 * time.Hour, callback.Unreached, false, "1 more, each in another part of the day"},
		"given up before the deadline":                {[]time.Duration{time.Hour, 6 * time.Hour}, 7 * time.Hour, callback.Unreached, true, ""},
		"the policy met before, closed after":         {[]time.Duration{time.Hour, 6 * time.Hour}, 30 * time.Hour, callback.Unreached, true, ""},
		"the policy met after the deadline":           {[]time.Duration{time.Hour, 25 * time.Hour}, 30 * time.Hour, callback.Unreached, false, ""},
		"nobody ever tried, and it is to be given up": {nil, 30 * time.Hour, callback.Unreached, false, "2 more"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFloor()
			n := f.note(t, made)
			s := by(els, n)
			_, err := f.list.Claim(t.Context(), s)
			require.NoError(t, err)
			for _, after := range test.tried {
				s.At = made.Add(after)
				_, err = f.list.StartAttempt(t.Context(), s, "")
				require.NoError(t, err)
				_, err = f.list.EndAttempt(t.Context(), s, callback.LineNoAnswer, 0, callback.ResultNotReached)
				require.NoError(t, err)
			}
			s.At = made.Add(test.at)
			done, err := f.list.Resolve(t.Context(), s, test.as, "")
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.norm, done.NormMet)
		})
	}
}

// Events are kept in whole milliseconds, and so is what is said of them.
func TestTheNormIsMetAtTheDeadlineItself(t *testing.T) {
	for late, met := range map[time.Duration]bool{
		-time.Hour: true, 0: true, time.Millisecond - 1: true, time.Millisecond: false, time.Hour: false,
	} {
		for _, resolve := range []func(f *floor, s callback.Step) (callback.Note, error){
			func(f *floor, s callback.Step) (callback.Note, error) {
				return f.list.Resolve(t.Context(), s, callback.Settled, "")
			},
			func(f *floor, s callback.Step) (callback.Note, error) { return f.list.Settle(t.Context(), s, "", "") },
		} {
			f := newFloor()
			n := f.note(t, aNote().Made)
			done, err := resolve(f, callback.Step{Municipality: town, Note: n.ID, Who: els, At: n.Deadline.Add(late)})
			require.NoError(t, err)
			require.Equal(t, met, done.NormMet, "closed at %s", done.Closed)
			require.Equal(t, met, !done.Closed.After(done.Deadline))
		}
	}
}
