package note_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// life writes the events of a note, an hour apart, and applies each.
type life struct {
	t    *testing.T
	note note.Note
	log  []note.Event
}

func born(t *testing.T, changes ...func(n *note.Note)) *life {
	t.Helper()
	n := storetest.ANote()
	for _, change := range changes {
		change(&n)
	}
	l := &life{t: t}
	l.keep(note.Made(n, note.ByCaller))
	return l
}

func (l *life) next(kind note.EventKind, who note.Actor, changes ...func(e *note.Event)) note.Event {
	e := note.Event{
		ID: note.EventID(fmt.Sprintf("01JD5V3Z5QXKZ9W7M2R4T6%04d", l.note.Ver+1)), Note: l.note.ID, Kind: kind,
		Ver: l.note.Ver + 1, At: storetest.ANote().Made.Add(time.Duration(l.note.Ver) * time.Hour), Who: who,
	}
	if kind == note.EventClaimed || kind == note.EventRenewed {
		e.Hold = 15 * time.Minute
	}
	for _, change := range changes {
		change(&e)
	}
	return e
}

func (l *life) keep(e note.Event) note.Note {
	l.t.Helper()
	after, err := note.Apply(l.note, e)
	require.NoError(l.t, err)
	l.note, l.log = after, append(l.log, e)
	return after
}

func (l *life) step(kind note.EventKind, who note.Actor, changes ...func(e *note.Event)) note.Note {
	l.t.Helper()
	return l.keep(l.next(kind, who, changes...))
}

// at is so many hours after the promise.
func at(hours int) time.Time { return storetest.ANote().Made.Add(time.Duration(hours) * time.Hour) }

func until(t time.Time) func(e *note.Event) { return func(e *note.Event) { e.Until = t } }

func because(c note.ReleaseCause) func(e *note.Event) {
	return func(e *note.Event) { e.Cause = c }
}

func to(team, owner call.TeamID) func(e *note.Event) {
	return func(e *note.Event) { e.Team, e.Owner, e.Reason = team, owner, "niet van ons" }
}

func with(r attempt.Result) func(e *note.Event) {
	return func(e *note.Event) { e.Result = r }
}

func as(o note.Outcome) func(e *note.Event) {
	return func(e *note.Event) { e.Outcome = o }
}

// A note that is rerouted twice, lapses in the middle of a call, is done, comes back, is withdrawn, and is purged.
func TestReplayFollowsANoteThroughTheHouse(t *testing.T) {
	l := born(t)
	l.step(note.EventClaimed, storetest.Els, until(at(9)))
	l.step(note.EventRerouted, storetest.Els, to("vergunningen", ""))
	l.step(note.EventClaimed, storetest.Piet, until(at(9)))
	n := l.step(note.EventAttemptStarted, storetest.Piet)
	require.Equal(t, note.Calling, n.State)
	require.Equal(t, []attempt.Attempt{{Began: at(4), By: "piet"}}, n.Attempts)
	n = l.step(note.EventReleased, note.BySystem, because(note.ReleaseLapsed))
	require.Equal(t, note.Open, n.State)
	require.Equal(
		t, []attempt.Attempt{{Began: at(4), Ended: at(5), By: "piet", Result: attempt.Untold}}, n.Attempts,
		"the caller may have been reached",
	)
	n = l.step(note.EventRerouted, storetest.Jan, to("kcc", "kcc"))
	require.Equal(t, call.TeamID("kcc"), n.Owner)
	require.Equal(t, 2, n.Reroutes)
	l.step(note.EventClaimed, storetest.Jan, until(at(9)))
	l.step(note.EventAttemptStarted, storetest.Jan)
	n = l.step(note.EventAttemptEnded, storetest.Jan, with(attempt.Reached), func(e *note.Event) {
		e.Line, e.Talked = attempt.LineAnswered, 90*time.Second
	})
	require.Equal(t, attempt.Attempt{
		Began: at(8), Ended: at(9), By: "jan", Line: attempt.LineAnswered, Talked: 90 * time.Second,
		Result: attempt.Reached,
	}, n.Attempts[1])
	n = l.step(note.EventResolved, storetest.Jan, as(note.Reached), func(e *note.Event) { e.NormMet = true })
	require.Equal(t, at(10), n.Closed)
	require.True(t, n.NormMet)
	n = l.step(note.EventReopened, storetest.Jan)
	require.Zero(t, n.Closed)
	require.Empty(t, n.Outcome)
	require.False(t, n.NormMet)
	require.Len(t, n.Attempts, 2, "the attempts stay")
	require.Empty(t, n.Tries(), "and no longer count")
	n = l.step(note.EventCancelled, note.ByCaller)
	require.Equal(t, []note.Stint{
		{Team: "burgerzaken", From: at(0), Until: at(2)},
		{Team: "vergunningen", From: at(2), Until: at(6)},
		{Team: "kcc", From: at(6), Until: at(10)},
		{Team: "kcc", From: at(11), Until: at(12)},
	}, n.Stints, "each team's share of the time")
	require.Equal(t, storetest.ANote().Deadline, n.Deadline, "the clock never restarts")
	replayed, err := note.Replay(l.log)
	require.NoError(t, err)
	require.Equal(t, n, replayed)

	purged := note.Remains(n, "01JD5V3Z5QXKZ9W7M2R4T6Y8AC", at(20), note.BySystem, "retention")
	gone := l.keep(purged)
	fromNothing, err := note.Replay([]note.Event{purged})
	require.NoError(t, err, "the events before it are gone")
	require.Equal(t, gone, fromNothing)
	require.Equal(t, note.Purged, gone.State)
	require.Equal(t, uint64(14), gone.Ver)
}

func TestRemainsHoldsNothingPersonal(t *testing.T) {
	l := born(t, func(n *note.Note) { n.Personal, n.Window = "els", calendar.Span{From: 540, To: 720} })
	l.step(note.EventClaimed, storetest.Els, until(at(9)))
	l.step(note.EventAttemptStarted, storetest.Els)
	l.step(note.EventAttemptEnded, storetest.Els, with(attempt.Reached))
	n := l.step(note.EventResolved, storetest.Els, as(note.Reached))
	e := note.Remains(n, "01JD5V3Z5QXKZ9W7M2R4T6Y8AC", at(20), note.BySystem, "retention")
	want := note.Note{
		ID: n.ID, Municipality: n.Municipality, Team: n.Team, Owner: n.Owner, Verified: true, Language: "nl",
		Made: n.Made, Deadline: n.Deadline,
		Attempts: []attempt.Attempt{{Began: at(2), Ended: at(3), Result: attempt.Reached}},
		Stints:   n.Stints, Outcome: note.Reached, Closed: at(4),
	}
	require.Equal(t, want, *e.Base)
	require.Equal(t, call.AgentID("els"), n.Attempts[0].By, "the note itself is as it was")
	text := fmt.Sprint(note.EncodeEvent(e))
	for _, personal := range []string{"12345678", "10000004", "els", "1732300000", "zoë", "09:00", "paspoort"} {
		require.NotContains(t, text, personal)
	}
}

func TestApplyRefuses(t *testing.T) {
	made := note.Made(storetest.ANote(), note.ByCaller)
	other := storetest.ANote()
	other.ID = "01JD5V3Z5QXKZ9W7M2R4T6Y8AC"
	nothing := func(t *testing.T) *life { return &life{t: t} }
	open := func(t *testing.T) *life { return born(t) }
	personal := func(t *testing.T) *life { return born(t, func(n *note.Note) { n.Personal = "els" }) }
	claimed := func(t *testing.T) *life {
		l := born(t)
		l.step(note.EventClaimed, storetest.Els, until(at(9)))
		return l
	}
	calling := func(t *testing.T) *life {
		l := claimed(t)
		l.step(note.EventAttemptStarted, storetest.Els)
		return l
	}
	missed := func(t *testing.T) *life {
		l := calling(t)
		l.step(note.EventAttemptEnded, storetest.Els, with(attempt.Voicemail))
		return l
	}
	warned := func(t *testing.T) *life {
		l := born(t)
		l.step(note.EventWarned, note.BySystem)
		return l
	}
	overdue := func(t *testing.T) *life {
		l := warned(t)
		l.step(note.EventOverdue, note.BySystem)
		return l
	}
	change := func(c func(e *note.Event)) func(e *note.Event) { return c }
	tests := map[string]struct {
		to   func(t *testing.T) *life
		kind note.EventKind
		who  note.Actor
		how  func(e *note.Event)
		says string
	}{
		"an event twice": {
			open, note.EventMade, storetest.Els, change(func(e *note.Event) { *e = made }),
			"has version 1 where 2 comes next",
		},
		"an event too early": {
			open, note.EventClaimed, storetest.Els, change(func(e *note.Event) { e.Ver = 3 }),
			"has version 3 where 2 comes next",
		},
		"another note's event": {
			open, note.EventClaimed, storetest.Els, change(func(e *note.Event) { e.Note = other.ID }),
			"is of note " + string(other.ID),
		},
		"a beginning without the note": {
			nothing, note.EventMade, storetest.Els, change(func(e *note.Event) { *e = made; e.Base = nil }),
			"does not carry note",
		},
		"a beginning with another": {
			nothing, note.EventMade, storetest.Els, change(func(e *note.Event) { *e = made; e.Base = &other }),
			"does not carry note",
		},
		"a beginning of no note": {
			nothing, note.EventMade, storetest.Els, change(func(e *note.Event) { e.Base = &note.Note{} }),
			"does not carry note",
		},
		"a purge without the remains": {nothing, note.EventPurged, storetest.Els, nil, "does not carry note"},
		"a claim by nobody":           {open, note.EventClaimed, note.BySystem, nil, "only a person can claim"},
		"a claim without a name":      {open, note.EventClaimed, note.ByAgent(""), nil, "only a person can claim"},
		"a claim of another's personal note": {
			personal, note.EventClaimed, storetest.Jan, nil, "it is for els in person",
		},
		"a release of an unclaimed note": {open, note.EventReleased, storetest.Jan, nil, "nobody has it"},
		"the caller reports an absence": {
			claimed, note.EventReleased, note.ByCaller, because(note.ReleaseAbsent),
			`can say that a colleague is absent or present, not "caller"`,
		},
		"nobody reports an absence": {
			personal, note.EventReleased, "", because(note.ReleaseAbsent), "can say that a colleague is absent",
		},
		"a renewal by another": {
			claimed, note.EventRenewed, storetest.Jan, nil, "els has it, not agent:jan",
		},
		"an attempt by another": {
			claimed, note.EventAttemptStarted, storetest.Jan, nil, "els has it, not agent:jan",
		},
		"an end by another": {
			calling, note.EventAttemptEnded, storetest.Jan, with(attempt.Reached), "els has it, not agent:jan",
		},
		"an end without a result": {
			calling, note.EventAttemptEnded, storetest.Els, nil, "say what came of it",
		},
		"not ours, and no other team": {open, note.EventRerouted, storetest.Els, to("", ""), "name a team"},
		"not ours, but ours": {
			open, note.EventRerouted, storetest.Els, to("burgerzaken", ""), "team burgerzaken's already",
		},
		"not ours, and no reason": {
			open, note.EventRerouted, storetest.Els, change(func(e *note.Event) { e.Team = "kcc" }), "say why",
		},
		"a comment that says nothing":  {open, note.EventCommented, storetest.Els, nil, "there is no comment"},
		"a second warning":             {warned, note.EventWarned, note.BySystem, nil, "marked already"},
		"a warning after the deadline": {overdue, note.EventWarned, note.BySystem, nil, "marked already"},
		"overdue twice":                {overdue, note.EventOverdue, note.BySystem, nil, "marked already"},
		"reached, and nobody claimed it": {
			open, note.EventResolved, storetest.Els, as(note.Reached), "only the caller's own word",
		},
		"given up, and nobody claimed it": {
			open, note.EventResolved, storetest.Els, as(note.Unreached), "only the caller's own word",
		},
		"done by another": {
			missed, note.EventResolved, storetest.Jan, as(note.Unreached), "els has it, not agent:jan",
		},
		"done by nobody": {
			missed, note.EventResolved, note.BySystem, as(note.Unreached), "els has it, not system",
		},
		"reached, without an attempt that did": {
			missed, note.EventResolved, storetest.Els, as(note.Reached), "no attempt has reached the caller",
		},
		"done, but how": {
			missed, note.EventResolved, storetest.Els, nil, "say how: reached, settled or unreached",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := test.to(t)
			e := l.next(test.kind, test.who)
			if test.how != nil {
				test.how(&e)
			}
			if l.note.ID == "" && e.Note == "" {
				e.Note = made.Note
			}
			got, err := note.Apply(l.note, e)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, l.note, got, "a refused event changes nothing")
		})
	}
}

func TestApplyAllows(t *testing.T) {
	t.Run("a personal note is claimed by its colleague", func(t *testing.T) {
		l := born(t, func(n *note.Note) { n.Personal = "els" })
		require.Equal(t, call.AgentID("els"), l.note.Holder())
		n := l.step(note.EventClaimed, storetest.Els, until(at(9)))
		require.Equal(t, at(9), n.Lease)
		n = l.step(note.EventReleased, storetest.Els, because(note.ReleaseByHand))
		require.Equal(t, call.AgentID("els"), n.Personal, "given back, it is still for els")
	})
	for _, cause := range []note.ReleaseCause{note.ReleaseByHand, note.ReleaseAbsent} {
		t.Run("an open personal note goes to the team: "+string(cause), func(t *testing.T) {
			l := born(t, func(n *note.Note) { n.Personal = "els" })
			require.Empty(t, l.step(note.EventReleased, note.BySystem, because(cause)).Personal)
			require.Equal(t, call.AgentID("jan"), l.step(note.EventClaimed, storetest.Jan, until(at(9))).Colleague)
		})
	}
	for name, who := range map[string]note.Actor{
		"the colleague": storetest.Els, "the team lead": storetest.Jan, "the system": note.BySystem,
	} {
		t.Run("a claimed personal note of an absent colleague goes to the team, says "+name, func(t *testing.T) {
			l := born(t, func(n *note.Note) { n.Personal = "els" })
			l.step(note.EventClaimed, storetest.Els, until(at(9)))
			require.Empty(t, l.step(note.EventReleased, who, because(note.ReleaseAbsent)).Personal)
		})
	}
	t.Run("a personal note that is rerouted is anybody's", func(t *testing.T) {
		l := born(t, func(n *note.Note) { n.Personal = "els" })
		require.Empty(t, l.step(note.EventRerouted, storetest.Els, to("kcc", "")).Personal)
	})
	t.Run("overdue without a warning, after downtime", func(t *testing.T) {
		l := born(t)
		require.Equal(t, note.MarkedOverdue, l.step(note.EventOverdue, note.BySystem).Mark)
	})
	t.Run("settled by anybody who spoke to the caller, claimed or not", func(t *testing.T) {
		require.Equal(t, note.Settled, born(t).step(note.EventResolved, storetest.Jan, as(note.Settled)).Outcome)
		l := born(t)
		l.step(note.EventClaimed, storetest.Els, until(at(9)))
		n := l.step(note.EventResolved, storetest.Jan, as(note.Settled))
		require.Empty(t, n.Colleague)
		require.Zero(t, n.Lease)
	})
	t.Run("a priority has a top", func(t *testing.T) {
		l := born(t)
		for range note.MaxPriority + 3 {
			l.step(note.EventRaised, storetest.Els)
		}
		n := l.step(note.EventMerged, note.ByCaller)
		require.Equal(t, note.MaxPriority, n.Priority)
		require.Equal(t, 1, n.Repeats)
	})
	t.Run("withdrawn in the middle of a call", func(t *testing.T) {
		l := born(t)
		l.step(note.EventClaimed, storetest.Els, until(at(9)))
		l.step(note.EventAttemptStarted, storetest.Els)
		require.Equal(t, attempt.Untold, l.step(note.EventCancelled, note.ByCaller).Attempts[0].Result)
	})
}

func TestApplyLeavesTheNoteBeforeAsItWas(t *testing.T) {
	l := born(t)
	l.step(note.EventClaimed, storetest.Els, until(at(9)))
	before := l.step(note.EventAttemptStarted, storetest.Els)
	end := l.next(note.EventAttemptEnded, storetest.Els, with(attempt.Reached))
	one, err := note.Apply(before, end)
	require.NoError(t, err)
	end.Result = attempt.Voicemail
	two, err := note.Apply(before, end)
	require.NoError(t, err)
	require.Equal(t, attempt.Reached, one.Attempts[0].Result)
	require.Equal(t, attempt.Voicemail, two.Attempts[0].Result)
	require.Empty(t, before.Attempts[0].Result)
}

func TestNextMark(t *testing.T) {
	n := storetest.ANote()
	n.State, n.Warn = note.Open, n.Made.Add(time.Hour)
	for name, test := range map[string]struct {
		change func(n *note.Note)
		kind   note.EventKind
		at     time.Time
	}{
		"first the warning point": {func(*note.Note) {}, note.EventWarned, n.Warn},
		"then, after the deadline, overdue": {
			func(n *note.Note) { n.Mark = note.MarkedWarned }, note.EventOverdue, n.Deadline.Add(time.Millisecond),
		},
		"then nothing": {func(n *note.Note) { n.Mark = note.MarkedOverdue }, "", time.Time{}},
		"without a warning point, overdue": {
			func(n *note.Note) { n.Warn = time.Time{} }, note.EventOverdue, n.Deadline.Add(time.Millisecond),
		},
		"a closed note's clock stands still": {func(n *note.Note) { n.State = note.Cancelled }, "", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			n := n
			test.change(&n)
			kind, at, ok := n.NextMark()
			require.Equal(t, test.kind, kind)
			require.Equal(t, test.at, at)
			require.Equal(t, test.kind != "", ok)
		})
	}
}

func TestReplaySaysWhichEventIsWrong(t *testing.T) {
	made := note.Made(storetest.ANote(), note.ByCaller)
	_, err := note.Replay([]note.Event{made, {Note: made.Note, Kind: note.EventRenewed, Ver: 2}})
	require.ErrorContains(t, err, "event 2 of 2")
	var illegal *note.IllegalError
	require.ErrorAs(t, err, &illegal)
}

func TestNotePrintsNothingThatTheCallerTold(t *testing.T) {
	n, err := note.Apply(note.Note{}, note.Made(storetest.ANote(), note.ByCaller))
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "note", n)
	for _, printed := range []string{n.String(), fmt.Sprintf("%v %+v", n, n), log.String()} {
		require.Contains(t, printed, "note 01JD5V3Z5QXKZ9W7M2R4T6Y8AB (open, team burgerzaken)")
		for _, secret := range []string{"5678", "Wanneer", "paspoort", "10000004", "1732300000"} {
			require.NotContains(t, printed, secret)
		}
	}
}
