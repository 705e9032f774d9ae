package callback_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/callback"
)

func TestNext(t *testing.T) {
	tests := map[string]struct {
		from callback.State
		by   callback.EventKind
		to   callback.State
	}{
		"a promise begins a note":                        {callback.None, callback.EventMade, callback.Open},
		"of a purged note only what remains is known":    {callback.None, callback.EventPurged, callback.Purged},
		"a colleague takes an open note":                 {callback.Open, callback.EventClaimed, callback.Claimed},
		"a personal note goes to the team":               {callback.Open, callback.EventReleased, callback.Open},
		"an open note goes to the right team":            {callback.Open, callback.EventRerouted, callback.Open},
		"an open note becomes more urgent":               {callback.Open, callback.EventRaised, callback.Open},
		"the caller asks again for an open note":         {callback.Open, callback.EventMerged, callback.Open},
		"a word about an open note":                      {callback.Open, callback.EventCommented, callback.Open},
		"half of the time is gone and nobody has it":     {callback.Open, callback.EventWarned, callback.Open},
		"the deadline passes and nobody has it":          {callback.Open, callback.EventOverdue, callback.Open},
		"an agent settles an open note in a call":        {callback.Open, callback.EventResolved, callback.Resolved},
		"the caller no longer waits":                     {callback.Open, callback.EventCancelled, callback.Cancelled},
		"a colleague is still busy with it":              {callback.Claimed, callback.EventRenewed, callback.Claimed},
		"a colleague gives it back":                      {callback.Claimed, callback.EventReleased, callback.Open},
		"a colleague is about to ring the caller":        {callback.Claimed, callback.EventAttemptStarted, callback.Calling},
		"a colleague finds that it is another team's":    {callback.Claimed, callback.EventRerouted, callback.Open},
		"a claimed note becomes more urgent":             {callback.Claimed, callback.EventRaised, callback.Claimed},
		"the caller asks again while it is worked on":    {callback.Claimed, callback.EventMerged, callback.Claimed},
		"a word about a claimed note":                    {callback.Claimed, callback.EventCommented, callback.Claimed},
		"half of the time is gone while it is worked on": {callback.Claimed, callback.EventWarned, callback.Claimed},
		"the deadline passes while it is worked on":      {callback.Claimed, callback.EventOverdue, callback.Claimed},
		"the caller was reached":                         {callback.Claimed, callback.EventResolved, callback.Resolved},
		"the caller rings again and withdraws it":        {callback.Claimed, callback.EventCancelled, callback.Cancelled},
		"a long call": {callback.Calling, callback.EventRenewed, callback.Calling},
		"a colleague vanishes in the middle of a call": {callback.Calling, callback.EventReleased, callback.Open},
		"a line is over": {callback.Calling, callback.EventAttemptDialled, callback.Calling},
		"a call is over": {callback.Calling, callback.EventAttemptEnded, callback.Claimed},
		"it becomes more urgent while the caller is rung":      {callback.Calling, callback.EventRaised, callback.Calling},
		"the caller asks again while he is rung":               {callback.Calling, callback.EventMerged, callback.Calling},
		"a word while the caller is rung":                      {callback.Calling, callback.EventCommented, callback.Calling},
		"half of the time is gone while the caller is rung":    {callback.Calling, callback.EventWarned, callback.Calling},
		"the deadline passes while the caller is rung":         {callback.Calling, callback.EventOverdue, callback.Calling},
		"the caller was helped by another while he is rung":    {callback.Calling, callback.EventCancelled, callback.Cancelled},
		"it was not done after all":                            {callback.Resolved, callback.EventReopened, callback.Open},
		"a word about a note that is done":                     {callback.Resolved, callback.EventCommented, callback.Resolved},
		"a note that is done is old enough to be purged":       {callback.Resolved, callback.EventPurged, callback.Purged},
		"the caller still needs it":                            {callback.Cancelled, callback.EventReopened, callback.Open},
		"a word about a note that was cancelled":               {callback.Cancelled, callback.EventCommented, callback.Cancelled},
		"a note that was cancelled is old enough to be purged": {callback.Cancelled, callback.EventPurged, callback.Purged},
	}
	type step struct {
		from callback.State
		by   callback.EventKind
	}
	drawn := make(map[step]bool)
	for name, test := range tests {
		drawn[step{test.from, test.by}] = true
		t.Run(name, func(t *testing.T) {
			got, err := callback.Next(test.from, test.by)
			require.NoError(t, err)
			require.Equal(t, test.to, got)
		})
	}
	t.Run("and nothing else is possible", func(t *testing.T) {
		require.Len(t, drawn, len(tests), "each is in the table once")
		for _, from := range append(callback.States(), callback.None, "sleeping") {
			for _, by := range append(callback.EventKinds(), "tickled") {
				to, err := callback.Next(from, by)
				require.Equal(t, drawn[step{from, by}], err == nil, "%q by %q", from, by)
				if err != nil {
					require.Equal(t, from, to, "an illegal event changes nothing")
				}
			}
		}
	})
}

func TestNextSaysWhatIsPossibleInstead(t *testing.T) {
	tests := map[string]struct {
		from callback.State
		by   callback.EventKind
		text string
	}{
		"two colleagues claim one note": {
			callback.Claimed, callback.EventClaimed,
			"claimed: a colleague has the note; wait until then, or ask them or a team lead to release it",
		},
		"a note is resolved while the caller is rung": {
			callback.Calling, callback.EventResolved,
			"resolved: a colleague is calling the caller and has the note; whoever calls says first what came of that attempt",
		},
		"a closed note is worked on again": {
			callback.Resolved, callback.EventClaimed,
			"claimed: the note was resolved; a team lead can reopen it, and anybody of the team can leave a comment",
		},
		"a live note is reopened": {
			callback.Open, callback.EventReopened,
			"reopened: nobody has claimed the note; it is live: resolve or cancel it first",
		},
		"an attempt ends that was never begun": {
			callback.Claimed, callback.EventAttemptEnded, "attempt_ended: a colleague has the note; begin an attempt first",
		},
		"an attempt at a note of nobody": {
			callback.Open, callback.EventAttemptStarted, "attempt_started: nobody has claimed the note; claim it first",
		},
		"a note is claimed before it is made": {
			callback.None, callback.EventClaimed, "claimed: the note is not made; make it first",
		},
		"a purged note comes back": {
			callback.Purged, callback.EventReopened,
			"reopened: the note was closed, and what was personal is removed; nothing can be changed any more: make a new note",
		},
		"a state of a newer version": {
			"sleeping", callback.EventClaimed,
			`claimed: the note is "sleeping", which this program does not know; look at it with the version of the program that wrote it`,
		},
		"an event of a newer version": {
			callback.Cancelled, "tickled",
			"tickled: the note was cancelled; a team lead can reopen it, and anybody of the team can leave a comment",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := callback.Next(test.from, test.by)
			var illegal *callback.IllegalError
			require.ErrorAs(t, err, &illegal)
			require.EqualError(t, err, test.text)
			require.Equal(t, callback.Legal(test.from), illegal.Legal)
		})
	}
}

// However events come, a note's version only grows (I6), a closed note comes back only by being reopened (I7), it has a
// colleague and a lease exactly while it is held (I3), its deadline stays (I9), its stints run on without a gap, and its
// accepted events replay to it, also from how they are stored (I5).
func TestNoteWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		promised := aNote()
		n, log := callback.Note{}, []callback.Event{}
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			e := anyEvent(t, n, promised.Made.Add(time.Duration(i)*time.Minute))
			after, err := callback.Apply(n, e)
			if err != nil {
				require.Equal(t, n, after, "a refused event changes nothing")
				continue
			}
			requireSane(t, n, e, after)
			n, log = after, append(log, e)
			if e.Kind == callback.EventPurged {
				log = []callback.Event{e}
			}
		}
		stored := make([]callback.Event, len(log))
		for i, e := range log {
			var err error
			stored[i], err = callback.DecodeEvent(callback.EncodeEvent(e))
			require.NoError(t, err)
		}
		replayed, err := callback.Replay(stored)
		require.NoError(t, err)
		require.Equal(t, n, replayed)
	})
}

// anyEvent draws an event that may or may not be allowed.
func anyEvent(t *rapid.T, n callback.Note, at time.Time) callback.Event {
	e := callback.Made(aNote(), callback.ByCaller)
	e.Kind = rapid.SampledFrom(append(callback.EventKinds(), "unheard of")).Draw(t, "kind")
	if n.State == callback.None && rapid.IntRange(0, 3).Draw(t, "begin") > 0 {
		e.Kind = callback.EventMade
	}
	e.Ver = n.Ver + rapid.SampledFrom([]uint64{1, 1, 1, 1, 1, 1, 0, 2}).Draw(t, "step")
	e.Who = rapid.SampledFrom([]callback.Actor{callback.ByAgent("els"), callback.ByAgent("els"), callback.ByAgent("jan"), callback.BySystem}).Draw(t, "who")
	e.At = at
	e.Reason = "waarom niet"
	switch e.Kind {
	case callback.EventMade:
		return e
	case callback.EventPurged:
		if n.ID == "" {
			return callback.Event{Kind: e.Kind, Note: e.Note, Ver: 1}
		}
		return callback.Remains(n, e.ID, e.At, callback.BySystem, "retention")
	case callback.EventClaimed, callback.EventRenewed:
		e.Hold, e.Until = 15*time.Minute, at.Add(15*time.Minute)
	case callback.EventReleased:
		e.Cause = rapid.SampledFrom(callback.ReleaseCauses()).Draw(t, "cause")
	case callback.EventRerouted:
		e.Team = "vergunningen"
		if n.Team == e.Team {
			e.Team, e.Owner = "kcc", "kcc"
		}
	case callback.EventAttemptDialled:
		e.Line = rapid.SampledFrom(callback.LineResults()).Draw(t, "line")
	case callback.EventAttemptEnded:
		e.Result = rapid.SampledFrom(callback.Results()).Draw(t, "result")
	case callback.EventResolved:
		e.Outcome = rapid.SampledFrom(callback.Outcomes()).Draw(t, "outcome")
	default: // the others need nothing more
	}
	e.Base = nil
	return e
}

func requireSane(t *rapid.T, before callback.Note, e callback.Event, after callback.Note) {
	require.Equal(t, before.Ver+1, after.Ver)
	if before.State != callback.None && !before.State.Live() && after.State.Live() {
		require.Equal(t, callback.EventReopened, e.Kind)
	}
	require.Equal(t, after.State.Held(), after.Colleague != "")
	require.Equal(t, after.State.Held(), !after.Lease.IsZero())
	require.Equal(t, aNote().Deadline, after.Deadline)
	running := 0
	for _, a := range after.Attempts {
		if a.Result == "" {
			running++
		}
	}
	require.Equal(t, after.State == callback.Calling, running == 1)
	require.LessOrEqual(t, running, 1)
	last := len(after.Stints) - 1
	require.GreaterOrEqual(t, last, 0)
	require.Equal(t, after.State.Live(), after.Stints[last].Until.IsZero(), "a clock runs while the promise stands")
	require.Equal(t, after.Team, after.Stints[last].Team)
	require.Equal(t, after.State.Live(), after.Closed.IsZero())
	require.Equal(t, after.Outcome != "", after.State == callback.Resolved || after.State == callback.Purged && before.Outcome != "")
	if after.State == callback.Purged {
		require.Zero(t, after.Number)
		require.Empty(t, after.Reference)
	}
}

// docs/notes.md says that its table is the state machine: each event has its row there, with the states that it is possible in.
func TestTheTableOfEventsIsWhole(t *testing.T) {
	page, err := os.ReadFile("../docs/notes.md")
	require.NoError(t, err)
	rows := map[callback.EventKind]string{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for name := range strings.SplitSeq(cells[1], ",") {
			rows[callback.EventKind(strings.Trim(name, " `"))] = cells[2]
		}
	}
	for _, state := range callback.States() {
		for _, e := range callback.Legal(state) {
			require.Contains(t, rows, e)
			told := strings.Contains(rows[e], string(state)) || strings.Contains(rows[e], "all but purged")
			require.True(t, told, "%s is possible in %s: %s", e, state, rows[e])
		}
	}
}
