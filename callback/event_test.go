package callback_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// aNote is a note as it is promised, with every field that a promise sets.
func aNote() callback.Note {
	return callback.Note{
		ID:           "01JD5V3Z5QXKZ9W7M2R4T6Y8AB",
		Reference:    "10000004",
		Municipality: "deventer",
		Team:         "burgerzaken",
		Owner:        "burgerzaken",
		Key:          callback.CallKey("pbx1", "1732300000.17"),
		Call:         "1732300000.17",
		Number:       call.Number{E164: "+31612345678", Kind: call.KindMobile, Country: "NL"},
		Verified:     true,
		Language:     "nl",
		Subject:      "paspoort",
		Reason:       "Wanneer is het klaar?\nHet is dringend: zoë wacht.",
		Made:         time.Date(2026, 11, 20, 15, 0, 0, 123_000_000, time.UTC),
		Deadline:     time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC),
	}
}

// life writes the events of a note, an hour apart, and applies each.
type life struct {
	t    *testing.T
	note callback.Note
	log  []callback.Event
}

func born(t *testing.T, changes ...func(n *callback.Note)) *life {
	t.Helper()
	n := aNote()
	for _, change := range changes {
		change(&n)
	}
	l := &life{t: t}
	l.keep(callback.Made(n, callback.ByCaller))
	return l
}

func (l *life) next(kind callback.EventKind, who callback.Actor, changes ...func(e *callback.Event)) callback.Event {
	e := callback.Event{
		ID: callback.EventID(fmt.Sprintf("01JD5V3Z5QXKZ9W7M2R4T6%04d", l.note.Ver+1)), Note: l.note.ID, Kind: kind,
		Ver: l.note.Ver + 1, At: aNote().Made.Add(time.Duration(l.note.Ver) * time.Hour), Who: who,
	}
	if kind == callback.EventClaimed || kind == callback.EventRenewed {
		e.Hold = 15 * time.Minute
	}
	for _, change := range changes {
		change(&e)
	}
	return e
}

func (l *life) keep(e callback.Event) callback.Note {
	l.t.Helper()
	after, err := callback.Apply(l.note, e)
	require.NoError(l.t, err)
	l.note, l.log = after, append(l.log, e)
	return after
}

func (l *life) step(kind callback.EventKind, who callback.Actor, changes ...func(e *callback.Event)) callback.Note {
	l.t.Helper()
	return l.keep(l.next(kind, who, changes...))
}

// at is so many hours after the promise.
func at(hours int) time.Time { return aNote().Made.Add(time.Duration(hours) * time.Hour) }

func until(t time.Time) func(e *callback.Event) { return func(e *callback.Event) { e.Until = t } }

func because(c callback.ReleaseCause) func(e *callback.Event) {
	return func(e *callback.Event) { e.Cause = c }
}

func to(team, owner call.TeamID) func(e *callback.Event) {
	return func(e *callback.Event) { e.Team, e.Owner, e.Reason = team, owner, "niet van ons" }
}

func with(r callback.Result) func(e *callback.Event) {
	return func(e *callback.Event) { e.Result = r }
}

func as(o callback.Outcome) func(e *callback.Event) {
	return func(e *callback.Event) { e.Outcome = o }
}

const (
	els  = callback.Actor("agent:els")
	jan  = callback.Actor("agent:jan")
	piet = callback.Actor("agent:piet")
)

// A note that is rerouted twice, lapses in the middle of a call, is done, comes back, is withdrawn, and is purged.
func TestReplayFollowsANoteThroughTheHouse(t *testing.T) {
	l := born(t)
	l.step(callback.EventClaimed, els, until(at(9)))
	l.step(callback.EventRerouted, els, to("vergunningen", ""))
	l.step(callback.EventClaimed, piet, until(at(9)))
	n := l.step(callback.EventAttemptStarted, piet)
	require.Equal(t, callback.Calling, n.State)
	require.Equal(t, []callback.Attempt{{Began: at(4), By: "piet"}}, n.Attempts)
	n = l.step(callback.EventReleased, callback.BySystem, because(callback.ReleaseLapsed))
	require.Equal(t, callback.Open, n.State)
	require.Equal(t, []callback.Attempt{{Began: at(4), Ended: at(5), By: "piet", Result: callback.ResultUntold}}, n.Attempts, "he may have been reached")
	n = l.step(callback.EventRerouted, jan, to("kcc", "kcc"))
	require.Equal(t, call.TeamID("kcc"), n.Owner)
	require.Equal(t, 2, n.Reroutes)
	l.step(callback.EventClaimed, jan, until(at(9)))
	l.step(callback.EventAttemptStarted, jan)
	n = l.step(callback.EventAttemptEnded, jan, with(callback.ResultReached), func(e *callback.Event) {
		e.Line, e.Talked = callback.LineAnswered, 90*time.Second
	})
	require.Equal(t, callback.Attempt{
		Began: at(8), Ended: at(9), By: "jan", Line: callback.LineAnswered, Talked: 90 * time.Second, Result: callback.ResultReached,
	}, n.Attempts[1])
	n = l.step(callback.EventResolved, jan, as(callback.Reached), func(e *callback.Event) { e.NormMet = true })
	require.Equal(t, at(10), n.Closed)
	require.True(t, n.NormMet)
	n = l.step(callback.EventReopened, jan)
	require.Zero(t, n.Closed)
	require.Empty(t, n.Outcome)
	require.False(t, n.NormMet)
	require.Len(t, n.Attempts, 2, "what was tried stays")
	require.Empty(t, n.Tries(), "and counts no longer")
	n = l.step(callback.EventCancelled, callback.ByCaller)
	require.Equal(t, []callback.Stint{
		{Team: "burgerzaken", From: at(0), Until: at(2)},
		{Team: "vergunningen", From: at(2), Until: at(6)},
		{Team: "kcc", From: at(6), Until: at(10)},
		{Team: "kcc", From: at(11), Until: at(12)},
	}, n.Stints, "each team's share of the time")
	require.Equal(t, aNote().Deadline, n.Deadline, "the clock never restarts")
	replayed, err := callback.Replay(l.log)
	require.NoError(t, err)
	require.Equal(t, n, replayed)

	purged := callback.Remains(n, "01JD5V3Z5QXKZ9W7M2R4T6Y8AC", at(20), callback.BySystem, "retention")
	gone := l.keep(purged)
	fromNothing, err := callback.Replay([]callback.Event{purged})
	require.NoError(t, err, "the events before it are gone")
	require.Equal(t, gone, fromNothing)
	require.Equal(t, callback.Purged, gone.State)
	require.Equal(t, uint64(14), gone.Ver)
}

func TestRemainsHoldsNothingPersonal(t *testing.T) {
	l := born(t, func(n *callback.Note) { n.Personal, n.Window = "els", calendar.Span{From: 540, To: 720} })
	l.step(callback.EventClaimed, els, until(at(9)))
	l.step(callback.EventAttemptStarted, els)
	l.step(callback.EventAttemptEnded, els, with(callback.ResultReached))
	n := l.step(callback.EventResolved, els, as(callback.Reached))
	e := callback.Remains(n, "01JD5V3Z5QXKZ9W7M2R4T6Y8AC", at(20), callback.BySystem, "retention")
	want := callback.Note{
		ID: n.ID, Municipality: n.Municipality, Team: n.Team, Owner: n.Owner, Verified: true, Language: "nl",
		Made: n.Made, Deadline: n.Deadline, Attempts: []callback.Attempt{{Began: at(2), Ended: at(3), Result: callback.ResultReached}},
		Stints: n.Stints, Outcome: callback.Reached, Closed: at(4),
	}
	require.Equal(t, want, *e.Base)
	require.Equal(t, call.AgentID("els"), n.Attempts[0].By, "the note itself is as it was")
	text := fmt.Sprint(callback.EncodeEvent(e))
	for _, personal := range []string{"12345678", "10000004", "els", "1732300000", "zoë", "09:00", "paspoort"} {
		require.NotContains(t, text, personal)
	}
}

func TestApplyRefuses(t *testing.T) {
	made := callback.Made(aNote(), callback.ByCaller)
	other := aNote()
	other.ID = "01JD5V3Z5QXKZ9W7M2R4T6Y8AC"
	nothing := func(t *testing.T) *life { return &life{t: t} }
	open := func(t *testing.T) *life { return born(t) }
	personal := func(t *testing.T) *life { return born(t, func(n *callback.Note) { n.Personal = "els" }) }
	claimed := func(t *testing.T) *life {
		l := born(t)
		l.step(callback.EventClaimed, els, until(at(9)))
		return l
	}
	calling := func(t *testing.T) *life {
		l := claimed(t)
		l.step(callback.EventAttemptStarted, els)
		return l
	}
	missed := func(t *testing.T) *life {
		l := calling(t)
		l.step(callback.EventAttemptEnded, els, with(callback.ResultVoicemail))
		return l
	}
	warned := func(t *testing.T) *life {
		l := born(t)
		l.step(callback.EventWarned, callback.BySystem)
		return l
	}
	overdue := func(t *testing.T) *life {
		l := warned(t)
		l.step(callback.EventOverdue, callback.BySystem)
		return l
	}
	change := func(c func(e *callback.Event)) func(e *callback.Event) { return c }
	tests := map[string]struct {
		to   func(t *testing.T) *life
		kind callback.EventKind
		who  callback.Actor
		how  func(e *callback.Event)
		says string
	}{
		"an event twice":                   {open, callback.EventMade, els, change(func(e *callback.Event) { *e = made }), "has version 1 where 2 comes next"},
		"an event too early":               {open, callback.EventClaimed, els, change(func(e *callback.Event) { e.Ver = 3 }), "has version 3 where 2 comes next"},
		"another note's event":             {open, callback.EventClaimed, els, change(func(e *callback.Event) { e.Note = other.ID }), "is of note " + string(other.ID)},
		"a beginning without the note":     {nothing, callback.EventMade, els, change(func(e *callback.Event) { *e = made; e.Base = nil }), "does not carry note"},
		"a beginning with another":         {nothing, callback.EventMade, els, change(func(e *callback.Event) { *e = made; e.Base = &other }), "does not carry note"},
		"a beginning of no note":           {nothing, callback.EventMade, els, change(func(e *callback.Event) { e.Base = &callback.Note{} }), "does not carry note"},
		"a purge without what remains":     {nothing, callback.EventPurged, els, nil, "does not carry note"},
		"a claim by nobody":                {open, callback.EventClaimed, callback.BySystem, nil, "only a person can claim"},
		"a claim without a name":           {open, callback.EventClaimed, callback.ByAgent(""), nil, "only a person can claim"},
		"a claim of what is another's":     {personal, callback.EventClaimed, jan, nil, "it is for els in person"},
		"a release of what nobody has":     {open, callback.EventReleased, jan, nil, "nobody has it"},
		"the caller says who is absent":    {claimed, callback.EventReleased, callback.ByCaller, because(callback.ReleaseAbsent), `can say that somebody is absent or present, not "caller"`},
		"nobody says who is absent":        {personal, callback.EventReleased, "", because(callback.ReleaseAbsent), "can say that somebody is absent"},
		"a renewal by another":             {claimed, callback.EventRenewed, jan, nil, "els has it, not agent:jan"},
		"an attempt by another":            {claimed, callback.EventAttemptStarted, jan, nil, "els has it, not agent:jan"},
		"an end by another":                {calling, callback.EventAttemptEnded, jan, with(callback.ResultReached), "els has it, not agent:jan"},
		"an end without a word":            {calling, callback.EventAttemptEnded, els, nil, "say what came of it"},
		"not ours, and no other team":      {open, callback.EventRerouted, els, to("", ""), "name a team"},
		"not ours, but ours":               {open, callback.EventRerouted, els, to("burgerzaken", ""), "team burgerzaken's already"},
		"not ours, and no reason":          {open, callback.EventRerouted, els, change(func(e *callback.Event) { e.Team = "kcc" }), "say why"},
		"a comment that says nothing":      {open, callback.EventCommented, els, nil, "there is no comment"},
		"a second warning":                 {warned, callback.EventWarned, callback.BySystem, nil, "told already"},
		"a warning after the deadline":     {overdue, callback.EventWarned, callback.BySystem, nil, "told already"},
		"overdue twice":                    {overdue, callback.EventOverdue, callback.BySystem, nil, "told already"},
		"reached, and nobody claimed it":   {open, callback.EventResolved, els, as(callback.Reached), "only the caller's own word"},
		"given up, and nobody claimed it":  {open, callback.EventResolved, els, as(callback.Unreached), "only the caller's own word"},
		"done by another":                  {missed, callback.EventResolved, jan, as(callback.Unreached), "els has it, not agent:jan"},
		"done by nobody":                   {missed, callback.EventResolved, callback.BySystem, as(callback.Unreached), "els has it, not system"},
		"reached, says who reached nobody": {missed, callback.EventResolved, els, as(callback.Reached), "no attempt has reached the caller"},
		"done, but how":                    {missed, callback.EventResolved, els, nil, "say how: reached, settled or unreached"},
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
			got, err := callback.Apply(l.note, e)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, l.note, got, "a refused event changes nothing")
		})
	}
}

func TestApplyAllows(t *testing.T) {
	t.Run("a personal note is claimed by whom it is for", func(t *testing.T) {
		l := born(t, func(n *callback.Note) { n.Personal = "els" })
		require.Equal(t, call.AgentID("els"), l.note.Holder())
		n := l.step(callback.EventClaimed, els, until(at(9)))
		require.Equal(t, at(9), n.Lease)
		n = l.step(callback.EventReleased, els, because(callback.ReleaseByHand))
		require.Equal(t, call.AgentID("els"), n.Personal, "given back, it is still for her")
	})
	for _, cause := range []callback.ReleaseCause{callback.ReleaseByHand, callback.ReleaseAbsent} {
		t.Run("an open personal note goes to the team: "+string(cause), func(t *testing.T) {
			l := born(t, func(n *callback.Note) { n.Personal = "els" })
			require.Empty(t, l.step(callback.EventReleased, callback.BySystem, because(cause)).Personal)
			require.Equal(t, call.AgentID("jan"), l.step(callback.EventClaimed, jan, until(at(9))).Colleague)
		})
	}
	for name, who := range map[string]callback.Actor{"herself": els, "her lead": jan, "the system": callback.BySystem} {
		t.Run("a claimed personal note of who became absent goes to the team, says "+name, func(t *testing.T) {
			l := born(t, func(n *callback.Note) { n.Personal = "els" })
			l.step(callback.EventClaimed, els, until(at(9)))
			require.Empty(t, l.step(callback.EventReleased, who, because(callback.ReleaseAbsent)).Personal)
		})
	}
	t.Run("a personal note that is rerouted is anybody's", func(t *testing.T) {
		l := born(t, func(n *callback.Note) { n.Personal = "els" })
		require.Empty(t, l.step(callback.EventRerouted, els, to("kcc", "")).Personal)
	})
	t.Run("overdue without a warning, after downtime", func(t *testing.T) {
		l := born(t)
		require.Equal(t, callback.MarkedOverdue, l.step(callback.EventOverdue, callback.BySystem).Mark)
	})
	t.Run("settled by whoever spoke to the caller, claimed or not", func(t *testing.T) {
		require.Equal(t, callback.Settled, born(t).step(callback.EventResolved, jan, as(callback.Settled)).Outcome)
		l := born(t)
		l.step(callback.EventClaimed, els, until(at(9)))
		n := l.step(callback.EventResolved, jan, as(callback.Settled))
		require.Empty(t, n.Colleague)
		require.Zero(t, n.Lease)
	})
	t.Run("a priority has a top", func(t *testing.T) {
		l := born(t)
		for range callback.MaxPriority + 3 {
			l.step(callback.EventRaised, els)
		}
		n := l.step(callback.EventMerged, callback.ByCaller)
		require.Equal(t, callback.MaxPriority, n.Priority)
		require.Equal(t, 1, n.Repeats)
	})
	t.Run("withdrawn in the middle of a call", func(t *testing.T) {
		l := born(t)
		l.step(callback.EventClaimed, els, until(at(9)))
		l.step(callback.EventAttemptStarted, els)
		require.Equal(t, callback.ResultUntold, l.step(callback.EventCancelled, callback.ByCaller).Attempts[0].Result)
	})
}

func TestApplyLeavesTheNoteBeforeAsItWas(t *testing.T) {
	l := born(t)
	l.step(callback.EventClaimed, els, until(at(9)))
	before := l.step(callback.EventAttemptStarted, els)
	end := l.next(callback.EventAttemptEnded, els, with(callback.ResultReached))
	one, err := callback.Apply(before, end)
	require.NoError(t, err)
	end.Result = callback.ResultVoicemail
	two, err := callback.Apply(before, end)
	require.NoError(t, err)
	require.Equal(t, callback.ResultReached, one.Attempts[0].Result)
	require.Equal(t, callback.ResultVoicemail, two.Attempts[0].Result)
	require.Empty(t, before.Attempts[0].Result)
}

func TestNextMark(t *testing.T) {
	n := aNote()
	n.State, n.Warn = callback.Open, n.Made.Add(time.Hour)
	for name, test := range map[string]struct {
		change func(n *callback.Note)
		kind   callback.EventKind
		at     time.Time
	}{
		"first the warning point":            {func(*callback.Note) {}, callback.EventWarned, n.Warn},
		"then, after the deadline, overdue":  {func(n *callback.Note) { n.Mark = callback.MarkedWarned }, callback.EventOverdue, n.Deadline.Add(time.Millisecond)},
		"then nothing":                       {func(n *callback.Note) { n.Mark = callback.MarkedOverdue }, "", time.Time{}},
		"without a warning point, overdue":   {func(n *callback.Note) { n.Warn = time.Time{} }, callback.EventOverdue, n.Deadline.Add(time.Millisecond)},
		"a closed note's clock stands still": {func(n *callback.Note) { n.State = callback.Cancelled }, "", time.Time{}},
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
	made := callback.Made(aNote(), callback.ByCaller)
	_, err := callback.Replay([]callback.Event{made, {Note: made.Note, Kind: callback.EventRenewed, Ver: 2}})
	require.ErrorContains(t, err, "event 2 of 2")
	var illegal *callback.IllegalError
	require.ErrorAs(t, err, &illegal)
}

func TestNotePrintsNothingThatTheCallerTold(t *testing.T) {
	n, err := callback.Apply(callback.Note{}, callback.Made(aNote(), callback.ByCaller))
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
