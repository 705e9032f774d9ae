package note_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestNext(t *testing.T) {
	tests := map[string]struct {
		from note.State
		by   note.EventKind
		to   note.State
	}{
		"a promise begins a note":                        {note.None, note.EventMade, note.Open},
		"only the remains of a purged note are known":    {note.None, note.EventPurged, note.Purged},
		"a colleague takes an open note":                 {note.Open, note.EventClaimed, note.Claimed},
		"a personal note goes to the team":               {note.Open, note.EventReleased, note.Open},
		"an open note goes to the right team":            {note.Open, note.EventRerouted, note.Open},
		"an open note becomes more urgent":               {note.Open, note.EventRaised, note.Open},
		"the caller asks again for an open note":         {note.Open, note.EventMerged, note.Open},
		"a comment on an open note":                      {note.Open, note.EventCommented, note.Open},
		"half of the time is gone and nobody has it":     {note.Open, note.EventWarned, note.Open},
		"the deadline passes and nobody has it":          {note.Open, note.EventOverdue, note.Open},
		"an agent settles an open note in a call":        {note.Open, note.EventResolved, note.Resolved},
		"the caller no longer waits":                     {note.Open, note.EventCancelled, note.Cancelled},
		"a colleague is still busy with it":              {note.Claimed, note.EventRenewed, note.Claimed},
		"a colleague gives it back":                      {note.Claimed, note.EventReleased, note.Open},
		"a colleague is about to ring the caller":        {note.Claimed, note.EventAttemptStarted, note.Calling},
		"a colleague finds that it is another team's":    {note.Claimed, note.EventRerouted, note.Open},
		"a claimed note becomes more urgent":             {note.Claimed, note.EventRaised, note.Claimed},
		"the caller asks again while it is worked on":    {note.Claimed, note.EventMerged, note.Claimed},
		"a comment on a claimed note":                    {note.Claimed, note.EventCommented, note.Claimed},
		"half of the time is gone while it is worked on": {note.Claimed, note.EventWarned, note.Claimed},
		"the deadline passes while it is worked on":      {note.Claimed, note.EventOverdue, note.Claimed},
		"the caller was reached":                         {note.Claimed, note.EventResolved, note.Resolved},
		"the caller rings again and withdraws it":        {note.Claimed, note.EventCancelled, note.Cancelled},
		"a long call": {note.Calling, note.EventRenewed, note.Calling},
		"a colleague vanishes in the middle of a call": {note.Calling, note.EventReleased, note.Open},
		"a line is over": {note.Calling, note.EventAttemptDialled, note.Calling},
		"a call is over": {note.Calling, note.EventAttemptEnded, note.Claimed},
		"it becomes more urgent while the caller is rung":      {note.Calling, note.EventRaised, note.Calling},
		"the caller asks again while they are rung":            {note.Calling, note.EventMerged, note.Calling},
		"a comment while the caller is rung":                   {note.Calling, note.EventCommented, note.Calling},
		"half of the time is gone while the caller is rung":    {note.Calling, note.EventWarned, note.Calling},
		"the deadline passes while the caller is rung":         {note.Calling, note.EventOverdue, note.Calling},
		"the caller was helped by another while they are rung": {note.Calling, note.EventCancelled, note.Cancelled},
		"it was not resolved after all":                        {note.Resolved, note.EventReopened, note.Open},
		"a comment on a resolved note":                         {note.Resolved, note.EventCommented, note.Resolved},
		"a resolved note is old enough to be purged":           {note.Resolved, note.EventPurged, note.Purged},
		"the caller still needs it":                            {note.Cancelled, note.EventReopened, note.Open},
		"a comment on a cancelled note":                        {note.Cancelled, note.EventCommented, note.Cancelled},
		"a cancelled note is old enough to be purged":          {note.Cancelled, note.EventPurged, note.Purged},
	}
	type step struct {
		from note.State
		by   note.EventKind
	}
	drawn := make(map[step]bool)
	for name, test := range tests {
		drawn[step{test.from, test.by}] = true
		t.Run(name, func(t *testing.T) {
			got, err := note.Next(test.from, test.by)
			require.NoError(t, err)
			require.Equal(t, test.to, got)
		})
	}
	t.Run("and nothing else is possible", func(t *testing.T) {
		require.Len(t, drawn, len(tests), "each is in the table once")
		for _, from := range append(note.States(), note.None, "sleeping") {
			for _, by := range append(note.EventKinds(), "tickled") {
				to, err := note.Next(from, by)
				require.Equal(t, drawn[step{from, by}], err == nil, "%q by %q", from, by)
				if err != nil {
					require.Equal(t, from, to, "an illegal event changes nothing")
				}
			}
		}
	})
}

func TestNextNamesThePossibleEvents(t *testing.T) {
	tests := map[string]struct {
		from note.State
		by   note.EventKind
		text string
	}{
		"two colleagues claim one note": {
			note.Claimed, note.EventClaimed,
			"claimed: a colleague has the note; wait until then, or ask them or a team lead to release it",
		},
		"a note is resolved while the caller is rung": {
			note.Calling, note.EventResolved,
			"resolved: a colleague is calling the caller and has the note; the attempt needs its result first",
		},
		"a closed note is worked on again": {
			note.Resolved, note.EventClaimed,
			"claimed: the note was resolved; a team lead can reopen it, and anybody of the team can leave a comment",
		},
		"a live note is reopened": {
			note.Open, note.EventReopened,
			"reopened: nobody has claimed the note; it is live: resolve or cancel it first",
		},
		"an attempt ends that was never begun": {
			note.Claimed, note.EventAttemptEnded, "attempt_ended: a colleague has the note; begin an attempt first",
		},
		"an attempt at an unclaimed note": {
			note.Open, note.EventAttemptStarted, "attempt_started: nobody has claimed the note; claim it first",
		},
		"a note is claimed before it is made": {
			note.None, note.EventClaimed, "claimed: the note is not made; make it first",
		},
		"a purged note comes back": {
			note.Purged, note.EventReopened,
			"reopened: the note was closed, and what was personal is removed; " +
				"nothing can be changed any more: make a new note",
		},
		"a state of a newer version": {
			"sleeping", note.EventClaimed,
			`claimed: the note is "sleeping", which this program does not know; ` +
				"look at it with the version of the program that wrote it",
		},
		"an event of a newer version": {
			note.Cancelled, "tickled",
			"tickled: the note was cancelled; a team lead can reopen it, and anybody of the team can leave a comment",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := note.Next(test.from, test.by)
			var illegal *note.IllegalError
			require.ErrorAs(t, err, &illegal)
			require.EqualError(t, err, test.text)
			require.Equal(t, note.Legal(test.from), illegal.Legal)
		})
	}
}

// However events come, a note's version only grows (I6), a closed note comes back only by being reopened (I7), it has a
// colleague and a lease exactly while it is held (I3), its deadline stays (I9), its stints run on without a gap, and
// its accepted events replay to it, also from how they are stored (I5).
func TestNoteWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		promised := storetest.ANote()
		n, log := note.Note{}, []note.Event{}
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			e := anyEvent(t, n, promised.Made.Add(time.Duration(i)*time.Minute))
			after, err := note.Apply(n, e)
			if err != nil {
				require.Equal(t, n, after, "a refused event changes nothing")
				continue
			}
			requireSane(t, n, e, after)
			n, log = after, append(log, e)
			if e.Kind == note.EventPurged {
				log = []note.Event{e}
			}
		}
		stored := make([]note.Event, len(log))
		for i, e := range log {
			var err error
			stored[i], err = note.DecodeEvent(note.EncodeEvent(e))
			require.NoError(t, err)
		}
		replayed, err := note.Replay(stored)
		require.NoError(t, err)
		require.Equal(t, n, replayed)
	})
}

// anyEvent draws an event that may or may not be allowed.
func anyEvent(t *rapid.T, n note.Note, at time.Time) note.Event {
	e := note.Made(storetest.ANote(), note.ByCaller)
	e.Kind = rapid.SampledFrom(append(note.EventKinds(), "unheard of")).Draw(t, "kind")
	if n.State == note.None && rapid.IntRange(0, 3).Draw(t, "begin") > 0 {
		e.Kind = note.EventMade
	}
	e.Ver = n.Ver + rapid.SampledFrom([]uint64{1, 1, 1, 1, 1, 1, 0, 2}).Draw(t, "step")
	e.Who = rapid.SampledFrom([]note.Actor{
		note.ByAgent("els"), note.ByAgent("els"), note.ByAgent("jan"), note.BySystem,
	}).Draw(t, "who")
	e.At = at
	e.Reason = "waarom niet"
	switch e.Kind {
	case note.EventMade:
		return e
	case note.EventPurged:
		if n.ID == "" {
			return note.Event{Kind: e.Kind, Note: e.Note, Ver: 1}
		}
		return note.Remains(n, e.ID, e.At, note.BySystem, "retention")
	case note.EventClaimed, note.EventRenewed:
		e.Hold, e.Until = 15*time.Minute, at.Add(15*time.Minute)
	case note.EventReleased:
		e.Cause = rapid.SampledFrom(note.ReleaseCauses()).Draw(t, "cause")
	case note.EventRerouted:
		e.Team = "vergunningen"
		if n.Team == e.Team {
			e.Team, e.Owner = "kcc", "kcc"
		}
	case note.EventAttemptDialled:
		e.Line = rapid.SampledFrom(attempt.LineResults()).Draw(t, "line")
	case note.EventAttemptEnded:
		e.Result = rapid.SampledFrom(attempt.Results()).Draw(t, "result")
	case note.EventResolved:
		e.Outcome = rapid.SampledFrom(note.Outcomes()).Draw(t, "outcome")
	default: // the others need nothing more
	}
	e.Base = nil
	return e
}

func requireSane(t *rapid.T, before note.Note, e note.Event, after note.Note) {
	require.Equal(t, before.Ver+1, after.Ver)
	if before.State != note.None && !before.State.Live() && after.State.Live() {
		require.Equal(t, note.EventReopened, e.Kind)
	}
	require.Equal(t, after.State.Held(), after.Colleague != "")
	require.Equal(t, after.State.Held(), !after.Lease.IsZero())
	require.Equal(t, storetest.ANote().Deadline, after.Deadline)
	running := 0
	for _, a := range after.Attempts {
		if a.Result == "" {
			running++
		}
	}
	require.Equal(t, after.State == note.Calling, running == 1)
	require.LessOrEqual(t, running, 1)
	last := len(after.Stints) - 1
	require.GreaterOrEqual(t, last, 0)
	require.Equal(t, after.State.Live(), after.Stints[last].Until.IsZero(), "a clock runs while the promise stands")
	require.Equal(t, after.Team, after.Stints[last].Team)
	require.Equal(t, after.State.Live(), after.Closed.IsZero())
	require.Equal(
		t, after.Outcome != "", after.State == note.Resolved || after.State == note.Purged && before.Outcome != "",
	)
	if after.State == note.Purged {
		require.Zero(t, after.Number)
		require.Empty(t, after.Reference)
	}
}

// docs/notes.md says that its table is the state machine: each event has its row there, with the states that it is
// possible in.
func TestTheTableOfEventsIsWhole(t *testing.T) {
	page, err := os.ReadFile("../docs/notes.md")
	require.NoError(t, err)
	rows := map[note.EventKind]string{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for name := range strings.SplitSeq(cells[1], ",") {
			rows[note.EventKind(strings.Trim(name, " `"))] = cells[2]
		}
	}
	for _, state := range note.States() {
		for _, e := range note.Legal(state) {
			require.Contains(t, rows, e)
			told := strings.Contains(rows[e], string(state)) || strings.Contains(rows[e], "all but purged")
			require.True(t, told, "%s is possible in %s: %s", e, state, rows[e])
		}
	}
}
