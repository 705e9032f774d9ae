package callback_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

func TestReplayFollowsANoteThroughTheHouse(t *testing.T) {
	made := callback.Made(aNote(), callback.ByCaller)
	at := made.At
	step := func(kind callback.EventKind, who callback.Actor, team call.TeamID) callback.Event {
		at = at.Add(time.Hour)
		return callback.Event{Note: made.Note, Kind: kind, At: at, Who: who, Team: team}
	}
	events := []callback.Event{
		made,
		step(callback.EventClaimed, callback.ByAgent("els"), ""),
		step(callback.EventReleased, callback.BySystem, ""),
		step(callback.EventRerouted, callback.ByAgent("jan"), "vergunningen"),
		step(callback.EventClaimed, callback.ByAgent("piet"), ""),
		step(callback.EventResolved, callback.ByAgent("piet"), ""),
	}
	for i := range events {
		events[i].Ver = uint64(i + 1)
	}
	want := aNote()
	want.Team, want.State, want.Ver = "vergunningen", callback.Resolved, 6
	got, err := callback.Replay(events)
	require.NoError(t, err)
	require.Equal(t, want, got, "the deadline, the owner and the promise are as they were made")

	claimed, err := callback.Replay(events[:5])
	require.NoError(t, err)
	require.Equal(t, call.AgentID("piet"), claimed.Colleague)
}

func TestApplyRefuses(t *testing.T) {
	made := callback.Made(aNote(), callback.ByCaller)
	open, err := callback.Apply(callback.Note{}, made)
	require.NoError(t, err)
	id := open.ID
	other := aNote()
	other.ID = "01JD5V3Z5QXKZ9W7M2R4T6Y8AC"
	tests := map[string]struct {
		to    callback.Note
		event callback.Event
		says  string
	}{
		"an event twice":               {open, made, "has version 1 where 2 comes next"},
		"an event too early":           {open, callback.Event{Note: id, Kind: callback.EventClaimed, Ver: 3, Who: callback.ByAgent("els")}, "has version 3 where 2 comes next"},
		"another note's event":         {open, callback.Event{Note: other.ID, Kind: callback.EventClaimed, Ver: 2, Who: callback.ByAgent("els")}, "is of note " + string(other.ID)},
		"a claim by nobody":            {open, callback.Event{Note: id, Kind: callback.EventClaimed, Ver: 2, Who: callback.BySystem}, "only a person can claim"},
		"a claim without a name":       {open, callback.Event{Note: id, Kind: callback.EventClaimed, Ver: 2, Who: callback.ByAgent("")}, "only a person can claim"},
		"not ours, and no other team":  {open, callback.Event{Note: id, Kind: callback.EventRerouted, Ver: 2, Who: callback.ByAgent("els")}, "names no team"},
		"a beginning without the note": {callback.Note{}, callback.Event{Note: id, Kind: callback.EventMade, Ver: 1}, "does not carry that note"},
		"a beginning with another":     {callback.Note{}, callback.Event{Note: id, Kind: callback.EventMade, Ver: 1, Base: &other}, "does not carry that note"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := callback.Apply(test.to, test.event)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.to, got)
		})
	}
}

func TestReplaySaysWhichEventIsWrong(t *testing.T) {
	made := callback.Made(aNote(), callback.ByCaller)
	_, err := callback.Replay([]callback.Event{made, {Note: made.Note, Kind: callback.EventResolved, Ver: 2}})
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
