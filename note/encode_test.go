package note_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestNoteIsStoredAsFieldsThatPeopleCanRead(t *testing.T) {
	n, err := note.Apply(note.Note{}, note.Made(storetest.ANote(), note.ByCaller))
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"v": "1", "id": "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", "reference": "10000004", "state": "open", "ver": "1",
		"municipality": "deventer", "team": "burgerzaken", "owner": "burgerzaken",
		"key": "pbx1/1732300000.17", "call": "1732300000.17",
		"number": "+31612345678", "number_kind": "mobile", "number_country": "NL", "verified": "true",
		"language": "nl", "name": "José van der Ven", "subject": "paspoort", "reason": "Wanneer is het klaar?\nHet is dringend: zoë wacht.",
		"made": "2026-11-20T15:00:00.123Z", "deadline": "2026-11-23T16:00:00.000Z",
		"stints": `[{"team":"burgerzaken","from":"2026-11-20T15:00:00.123Z"}]`,
	}, note.EncodeNote(n))
}

// The content of fields.
var (
	someText   = rapid.StringMatching(`[a-zA-Zéë0-9 ,.'"{}:\n-]{0,40}`)
	someID     = rapid.StringMatching(`[a-z0-9._-]{0,12}`)
	someMoment = rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(946684800000, 253402300799999).Draw(t, "ms")).UTC()
	})
	maybeMoment = rapid.OneOf(someMoment, rapid.Just(time.Time{}))
	someSpell   = rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "ms")) * time.Millisecond
	})
)

func oneOf[T any](t *rapid.T, name string, none T, all []T) T {
	return rapid.SampledFrom(append([]T{none}, all...)).Draw(t, name)
}

// aPromisedNote draws a new note.
func aPromisedNote(t *rapid.T) note.Note {
	n := storetest.ANote()
	n.Owner = call.TeamID("kcc")
	n.Personal = call.AgentID(someID.Draw(t, "personal"))
	n.Call = call.ID(someText.Draw(t, "call"))
	n.Number.Country = rapid.SampledFrom([]string{"", "NL"}).Draw(t, "country")
	n.Verified = rapid.Bool().Draw(t, "verified")
	n.Separate = rapid.Bool().Draw(t, "separate")
	n.Shown.E164 = rapid.SampledFrom([]string{"", "+31570693911"}).Draw(t, "shown")
	n.Name = someText.Draw(t, "name")
	n.Subject, n.Reason = someText.Draw(t, "subject"), someText.Draw(t, "reason")
	if rapid.Bool().Draw(t, "with a window") {
		from := rapid.IntRange(0, 1438).Draw(t, "from")
		n.Window = calendar.Span{
			From: calendar.Clock(from), To: calendar.Clock(rapid.IntRange(from+1, 1440).Draw(t, "to")),
		}
	}
	n.Made, n.Warn, n.Deadline = someMoment.Draw(t, "made"), maybeMoment.Draw(t, "warn"), someMoment.Draw(t, "deadline")
	return n
}

// aLivedNote draws a note with the fields of later events.
func aLivedNote(t *rapid.T) note.Note {
	n := aPromisedNote(t)
	n.State = rapid.SampledFrom(note.States()).Draw(t, "state")
	n.Ver = rapid.Uint64Range(1, 1<<62).Draw(t, "ver")
	n.Colleague, n.Lease = call.AgentID(someID.Draw(t, "colleague")), maybeMoment.Draw(t, "lease")
	n.Mark = oneOf(t, "mark", note.Unmarked, []note.Mark{note.MarkedWarned, note.MarkedOverdue})
	n.Priority, n.Repeats = rapid.IntRange(0, 15).Draw(t, "priority"), rapid.IntRange(0, 1000).Draw(t, "repeats")
	n.Reroutes = rapid.IntRange(0, 9).Draw(t, "reroutes")
	for range rapid.IntRange(0, 3).Draw(t, "attempts") {
		n.Attempts = append(n.Attempts, attempt.Attempt{
			Began: someMoment.Draw(t, "began"), Ended: maybeMoment.Draw(t, "ended"),
			By:   call.AgentID(someID.Draw(t, "by")),
			Line: oneOf(t, "line", attempt.LineUnknown, attempt.LineResults()), Talked: someSpell.Draw(t, "talked"),
			Result: oneOf(t, "result", attempt.Untold, append(attempt.Results(), "")),
		})
	}
	n.Earlier = rapid.IntRange(0, len(n.Attempts)).Draw(t, "earlier")
	for range rapid.IntRange(0, 3).Draw(t, "stints") {
		n.Stints = append(n.Stints, note.Stint{
			Team: "kcc", From: someMoment.Draw(t, "from"), Until: maybeMoment.Draw(t, "until"),
		})
	}
	n.Outcome = oneOf(t, "outcome", "", note.Outcomes())
	n.NormMet, n.Closed = rapid.Bool().Draw(t, "norm met"), maybeMoment.Draw(t, "closed")
	if n.State == note.Purged { // it has none of these any more
		n.Reference, n.Key, n.Number = "", "", call.Number{}
	}
	return n
}

func TestStoredNoteComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := aLivedNote(t)
		fields := note.EncodeNote(n)
		fields["a field of a newer version"] = "does no harm"
		got, err := note.DecodeNote(fields)
		require.NoError(t, err)
		require.Equal(t, n, got)
	})
}

func TestStoredEventComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := note.Event{
			ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AD", Note: storetest.ANote().ID,
			Kind: rapid.SampledFrom(note.EventKinds()).Draw(t, "kind"),
			Ver:  rapid.Uint64Range(1, 1<<62).Draw(t, "ver"), At: someMoment.Draw(t, "at"),
			Who:    rapid.SampledFrom([]note.Actor{storetest.Els, note.ByCaller, note.BySystem}).Draw(t, "who"),
			Reason: someText.Draw(t, "why"), Team: call.TeamID(someID.Draw(t, "team")),
			Owner: call.TeamID(someID.Draw(t, "owner")),
			Call:  call.ID(someText.Draw(t, "in call")), Cause: oneOf(t, "cause", "", note.ReleaseCauses()),
			Hold: someSpell.Draw(t, "hold"), Until: maybeMoment.Draw(t, "until"),
			Line: oneOf(t, "line", attempt.LineUnknown, attempt.LineResults()), Talked: someSpell.Draw(t, "talked"),
			Result:  oneOf(t, "result", attempt.Untold, append(attempt.Results(), "")),
			Outcome: oneOf(t, "outcome", "", note.Outcomes()), NormMet: rapid.Bool().Draw(t, "norm met"),
		}
		switch e.Kind {
		case note.EventMade:
			n := aPromisedNote(t)
			e.Base = &n
		case note.EventPurged:
			n := aLivedNote(t)
			n.Ver = e.Ver
			e.Base = note.Remains(n, e.ID, e.At, note.BySystem, e.Reason).Base
		default: // the others carry no note
		}
		got, err := note.DecodeEvent(note.EncodeEvent(e))
		require.NoError(t, err)
		require.Equal(t, e, got)
	})
}

func TestAPurgedEventCarriesWhatRemains(t *testing.T) {
	l := born(t)
	n := l.step(note.EventCancelled, note.ByCaller)
	fields := note.EncodeEvent(note.Remains(n, "01JD5V3Z5QXKZ9W7M2R4T6Y8AD", at(9), note.BySystem, "retention"))
	require.Equal(t, map[string]string{
		"v": "1", "event_id": "01JD5V3Z5QXKZ9W7M2R4T6Y8AD", "note": string(n.ID), "event": "purged", "ver": "3",
		"at": "2026-11-21T00:00:00.123Z", "who": "system", "reason": "retention",
		"note.v": "1", "note.id": string(n.ID), "note.state": "purged", "note.ver": "3",
		"note.municipality": "deventer",
		"note.team":         "burgerzaken", "note.owner": "burgerzaken", "note.verified": "true", "note.language": "nl",
		"note.made": "2026-11-20T15:00:00.123Z", "note.deadline": "2026-11-23T16:00:00.000Z",
		"note.closed": "2026-11-20T16:00:00.123Z",
		"note.stints": `[{"team":"burgerzaken","from":"2026-11-20T15:00:00.123Z","until":"2026-11-20T16:00:00.123Z"}]`,
	}, fields)
}

func TestTimesAreStoredInUTC(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	n := storetest.ANote()
	n.State, n.Ver, n.Deadline = note.Open, 1, n.Deadline.In(amsterdam)
	got, err := note.DecodeNote(note.EncodeNote(n))
	require.NoError(t, err)
	require.Equal(t, time.UTC, got.Deadline.Location())
	require.True(t, n.Deadline.Equal(got.Deadline))
}

func TestBrokenNoteNamesItsField(t *testing.T) {
	l := born(t, func(n *note.Note) {
		n.Personal, n.Window, n.Warn = "els", calendar.Span{From: 540, To: 720}, n.Made.Add(time.Hour)
	})
	l.step(note.EventWarned, note.BySystem)
	l.step(note.EventMerged, note.ByCaller)
	l.step(note.EventRerouted, storetest.Els, to("kcc", ""))
	l.step(note.EventClaimed, storetest.Els, until(at(9)))
	l.step(note.EventAttemptStarted, storetest.Els)
	l.step(note.EventAttemptEnded, storetest.Els, with(attempt.Reached))
	good := note.EncodeNote(l.note)
	optional := []string{
		"name", "subject", "reason", "call", "number_country", "colleague", "lease", "mark", "priority", "repeats",
		"reroutes", "attempts",
		"stints", "personal", "window", "warn",
	}
	for field := range good {
		t.Run(field+" is gone", func(t *testing.T) {
			fields := maps.Clone(good)
			delete(fields, field)
			got, err := note.DecodeNote(fields)
			if slices.Contains(optional, field) {
				require.NoError(t, err)
				return
			}
			requireFieldError(t, err, field)
			require.Zero(t, got)
		})
	}
	for field, garbage := range map[string][]string{
		"v": {"2"}, "id": {"17"}, "reference": {"10000009"}, "state": {"sleeping"},
		"ver":    {"-1", "0", "9223372036854775808"},
		"number": {"0612345678"}, "verified": {"yes"}, "made": {"yesterday"}, "deadline": {"1732300000"},
		"warn": {"soon"}, "closed": {"late"},
		"lease": {"-1", "noon", "253402300800000"}, "mark": {"blotted"}, "priority": {"high", "-2", "4294967296"},
		"repeats":  {"often"},
		"reroutes": {"1.5"}, "earlier": {"-1", "9"}, "window": {"in the morning", "12:00-09:00"}, "outcome": {"lucky"},
		"norm_met": {"nearly"},
		"attempts": {
			"[", "{}", `[{"began":""}]`, `[{"began":"noon"}]`, `[{"began":"2026-11-20T15:00:00.123Z","result":"fun"}]`,
			`[{"began":"2026-11-20T15:00:00.123Z","line":"thin"}]`,
			`[{"began":"2026-11-20T15:00:00.123Z","talked_ms":-5}]`,
		},
		"stints": {
			"nine", `[{"team":"","from":"2026-11-20T15:00:00.123Z"}]`, `[{"team":"kcc"}]`,
			`[{"team":"kcc","from":"x"}]`,
		},
	} {
		for _, wrong := range garbage {
			t.Run(field+" is "+wrong, func(t *testing.T) {
				fields := maps.Clone(good)
				fields[field] = wrong
				_, err := note.DecodeNote(fields)
				requireFieldError(t, err, field)
				require.NotContains(t, err.Error(), `"`+wrong+`"`, "stored content may be personal")
			})
		}
	}
	t.Run("another version is named", func(t *testing.T) {
		fields := maps.Clone(good)
		fields["v"], fields["state"] = "2", "sleeping"
		_, err := note.DecodeNote(fields)
		require.ErrorContains(t, err, "another version of it wrote this")
	})
	t.Run("nothing at all", func(t *testing.T) {
		_, err := note.DecodeNote(nil)
		requireFieldError(t, err, "v")
	})
}

func TestBrokenEventNamesItsField(t *testing.T) {
	made := note.EncodeEvent(note.Made(storetest.ANote(), note.ByCaller))
	l := born(t)
	n := l.step(note.EventCancelled, note.ByCaller)
	purged := note.EncodeEvent(note.Remains(n, "01JD5V3Z5QXKZ9W7M2R4T6Y8AD", at(9), note.BySystem, "retention"))
	for _, test := range []struct {
		good           map[string]string
		field, garbage string
	}{
		{made, "v", "2"},
		{made, "note", "17"},
		{made, "event", "tickled"},
		{made, "ver", "0"},
		{made, "at", "noon"},
		{made, "who", "jan jansen"},
		{made, "event_id", "x"},
		{made, "cause", "bored"},
		{made, "hold_ms", "-1"},
		{made, "until", "noon"},
		{made, "line", "thin"},
		{made, "talked_ms", "9223372036854775807"},
		{made, "result", "fun"},
		{made, "outcome", "lucky"},
		{made, "norm_met", "nearly"},
		{made, "note.deadline", ""},
		{made, "note.number", "+"},
		{made, "note.reference", "1000 0008"},
		{made, "note.window", "soon"},
		{purged, "note.state", ""},
		{purged, "note.stints", "["},
		{purged, "note.made", "noon"},
		{purged, "note.ver", "0"},
	} {
		t.Run(test.good["event"]+" "+test.field, func(t *testing.T) {
			fields := maps.Clone(test.good)
			fields[test.field] = test.garbage
			got, err := note.DecodeEvent(fields)
			requireFieldError(t, err, test.field)
			require.Zero(t, got)
		})
	}
}

func requireFieldError(t *testing.T, err error, field string) {
	t.Helper()
	var wrong *note.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, field, wrong.Field)
	require.ErrorIs(t, err, note.ErrBroken)
	require.Contains(t, err.Error(), field)
}

func FuzzDecode(f *testing.F) {
	f.Add("state", "open", "ver", "1")
	f.Add("deadline", "2026-11-23T16:00:00.000+25:00", "number", "+\xff")
	f.Add("attempts", `[{"began":"2026-11-20T15:00:00.123Z"}]`, "note.stints", "[]")
	f.Add("window", "9:00-12:00", "event", "purged")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		n := storetest.ANote()
		n.State, n.Ver = note.Open, 1
		fields := note.EncodeNote(n)
		fields[k1], fields[k2] = v1, v2
		if got, err := note.DecodeNote(fields); err == nil {
			again, err := note.DecodeNote(note.EncodeNote(got))
			require.NoError(t, err)
			require.Equal(t, got, again)
		} else {
			require.ErrorIs(t, err, note.ErrBroken)
		}
		event := note.EncodeEvent(note.Made(n, note.ByCaller))
		event[k1], event[strings.TrimSpace(k2)] = v1, v2
		if got, err := note.DecodeEvent(event); err == nil {
			again, err := note.DecodeEvent(note.EncodeEvent(got))
			require.NoError(t, err)
			require.Equal(t, got, again)
		} else {
			require.ErrorIs(t, err, note.ErrBroken)
		}
	})
}
