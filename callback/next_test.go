package callback_test

import (
	"testing"

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
		"a promise begins a note":                      {callback.None, callback.EventMade, callback.Open},
		"a colleague takes an open note":               {callback.Open, callback.EventClaimed, callback.Claimed},
		"an open note goes to the right team":          {callback.Open, callback.EventRerouted, callback.Open},
		"the caller no longer waits":                   {callback.Open, callback.EventCancelled, callback.Cancelled},
		"a colleague gives it back":                    {callback.Claimed, callback.EventReleased, callback.Open},
		"a colleague finds that it is another team's":  {callback.Claimed, callback.EventRerouted, callback.Open},
		"the caller was reached":                       {callback.Claimed, callback.EventResolved, callback.Resolved},
		"the caller rings again while it is worked on": {callback.Claimed, callback.EventCancelled, callback.Cancelled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := callback.Next(test.from, test.by)
			require.NoError(t, err)
			require.Equal(t, test.to, got)
		})
	}
	t.Run("and nothing else is possible", func(t *testing.T) {
		possible := 0
		for _, from := range append(callback.States(), callback.None) {
			possible += len(callback.Legal(from))
		}
		require.Len(t, tests, possible)
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
			"a note that is claimed cannot be claimed: it can be cancelled, released, rerouted, resolved",
		},
		"an open note is closed without a claim": {
			callback.Open, callback.EventResolved,
			"a note that is open cannot be resolved: it can be cancelled, claimed, rerouted",
		},
		"a closed note is worked on again": {
			callback.Resolved, callback.EventClaimed,
			"a note that is resolved cannot be claimed: nothing more can happen to it",
		},
		"a note is claimed before it is made": {
			callback.None, callback.EventClaimed,
			"a note that is not made cannot be claimed: it can be made",
		},
		"a state of a newer version": {
			"sleeping", callback.EventClaimed,
			"a note that is sleeping cannot be claimed: nothing more can happen to it",
		},
		"an event of a newer version": {
			callback.Open, "tickled",
			"a note that is open cannot be tickled: it can be cancelled, claimed, rerouted",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := callback.Next(test.from, test.by)
			require.Equal(t, test.from, got, "an illegal event changes nothing")
			var illegal *callback.IllegalError
			require.ErrorAs(t, err, &illegal)
			require.EqualError(t, err, test.text)
			require.Equal(t, callback.Legal(test.from), illegal.Legal)
		})
	}
}

// However events come, a note's version only grows (I6), an end is an end (I7), it has a colleague exactly while it is
// claimed (I3), its deadline stays (I9), and its accepted events replay to it (I5).
func TestNoteWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		promised := aNote()
		n, log := callback.Note{}, []callback.Event{}
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			e := callback.Made(promised, callback.ByCaller)
			e.Kind = rapid.SampledFrom(append(callback.EventKinds(), "unheard of")).Draw(t, "kind")
			e.Ver = n.Ver + rapid.SampledFrom([]uint64{1, 1, 1, 1, 0, 2}).Draw(t, "step")
			e.Who = rapid.SampledFrom([]callback.Actor{callback.ByAgent("els"), callback.ByAgent("jan"), callback.ByCaller}).Draw(t, "who")
			e.Team = "vergunningen"
			after, err := callback.Apply(n, e)
			if err != nil {
				require.Equal(t, n, after, "a refused event changes nothing")
				continue
			}
			require.Equal(t, n.Ver+1, after.Ver)
			require.True(t, n.State == callback.None || n.State.Live(), "nothing happens after the end")
			require.Equal(t, after.State == callback.Claimed, after.Colleague != "")
			require.Equal(t, promised.Deadline, after.Deadline)
			require.Equal(t, promised.Owner, after.Owner)
			n, log = after, append(log, e)
		}
		replayed, err := callback.Replay(log)
		require.NoError(t, err)
		require.Equal(t, n, replayed)
	})
}
