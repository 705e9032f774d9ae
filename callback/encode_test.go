package callback_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

func TestNoteIsStoredAsFieldsThatPeopleCanRead(t *testing.T) {
	n, err := callback.Apply(callback.Note{}, callback.Made(aNote(), callback.ByCaller))
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"v": "1", "id": "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", "reference": "10000004", "state": "open", "ver": "1",
		"municipality": "deventer", "team": "burgerzaken", "owner": "burgerzaken",
		"key": "pbx1/1732300000.17", "call": "1732300000.17",
		"number": "+31612345678", "number_kind": "mobile", "number_country": "NL", "verified": "true",
		"language": "nl", "subject": "paspoort", "reason": "Wanneer is het klaar?\nHet is dringend: zoë wacht.",
		"made": "2026-11-20T15:00:00.123Z", "deadline": "2026-11-23T16:00:00.000Z",
	}, callback.EncodeNote(n))
}

func TestStoredContentComesBackAsItWas(t *testing.T) {
	text := rapid.StringMatching(`[a-zA-Zéë0-9 ,.'"{}:\n-]{0,40}`)
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(946684800000, 253402300799999).Draw(t, "ms")).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		n := aNote()
		n.State = rapid.SampledFrom(callback.States()).Draw(t, "state")
		n.Ver = rapid.Uint64Range(1, 1<<62).Draw(t, "ver")
		n.Colleague = call.AgentID(text.Draw(t, "colleague"))
		n.Call = call.ID(text.Draw(t, "call"))
		n.Number.Country = rapid.SampledFrom([]string{"", "NL"}).Draw(t, "country")
		n.Verified = rapid.Bool().Draw(t, "verified")
		n.Subject, n.Reason = text.Draw(t, "subject"), text.Draw(t, "reason")
		n.Made, n.Deadline = moment.Draw(t, "made"), moment.Draw(t, "deadline")
		fields := callback.EncodeNote(n)
		fields["a field of a newer version"] = "does no harm"
		got, err := callback.DecodeNote(fields)
		require.NoError(t, err)
		require.Equal(t, n, got)

		e := callback.Made(n, callback.ByAgent("els"))
		if rapid.Bool().Draw(t, "another event") {
			e = callback.Event{
				Note: n.ID, Kind: callback.EventRerouted, Ver: n.Ver, At: n.Made, Who: callback.BySystem,
				Team: "vergunningen", Reason: n.Reason,
			}
		}
		same, err := callback.DecodeEvent(callback.EncodeEvent(e))
		require.NoError(t, err)
		require.Equal(t, e, same)
	})
}

func TestTimesAreStoredInUTC(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	n := aNote()
	n.State, n.Ver, n.Deadline = callback.Open, 1, n.Deadline.In(amsterdam)
	got, err := callback.DecodeNote(callback.EncodeNote(n))
	require.NoError(t, err)
	require.Equal(t, time.UTC, got.Deadline.Location())
	require.True(t, n.Deadline.Equal(got.Deadline))
}

func TestBrokenNoteNamesItsField(t *testing.T) {
	n := aNote()
	n.State, n.Ver = callback.Open, 1
	good := callback.EncodeNote(n)
	optional := []string{"subject", "reason", "call", "number_country", "colleague"}
	for field := range good {
		t.Run(field+" is gone", func(t *testing.T) {
			fields := maps.Clone(good)
			delete(fields, field)
			got, err := callback.DecodeNote(fields)
			for _, o := range optional {
				if field == o {
					require.NoError(t, err)
					return
				}
			}
			requireFieldError(t, err, field)
			require.Zero(t, got)
		})
	}
	for field, garbage := range map[string]string{
		"v": "2", "id": "17", "reference": "10000009", "state": "sleeping", "ver": "-1", "number": "0612345678",
		"verified": "yes", "made": "yesterday", "deadline": "1732300000",
	} {
		t.Run(field+" is garbage", func(t *testing.T) {
			fields := maps.Clone(good)
			fields[field] = garbage
			_, err := callback.DecodeNote(fields)
			requireFieldError(t, err, field)
			require.NotContains(t, err.Error(), `"`+garbage+`"`, "what is stored may be personal")
		})
	}
	t.Run("another version is said to be one", func(t *testing.T) {
		fields := maps.Clone(good)
		fields["v"], fields["state"] = "2", "sleeping"
		_, err := callback.DecodeNote(fields)
		require.ErrorContains(t, err, "another version of it wrote this")
	})
	t.Run("nothing at all", func(t *testing.T) {
		_, err := callback.DecodeNote(nil)
		requireFieldError(t, err, "v")
	})
}

func TestBrokenEventNamesItsField(t *testing.T) {
	good := callback.EncodeEvent(callback.Made(aNote(), callback.ByCaller))
	for field, garbage := range map[string]string{
		"v": "2", "note": "17", "event": "tickled", "ver": "0", "at": "noon", "who": "jan jansen",
		"made.deadline": "", "made.number": "+", "made.reference": "1000 0008",
	} {
		t.Run(field, func(t *testing.T) {
			fields := maps.Clone(good)
			fields[field] = garbage
			got, err := callback.DecodeEvent(fields)
			requireFieldError(t, err, field)
			require.Zero(t, got)
		})
	}
}

func requireFieldError(t *testing.T, err error, field string) {
	t.Helper()
	var wrong *callback.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, field, wrong.Field)
	require.ErrorIs(t, err, callback.ErrBroken)
	require.Contains(t, err.Error(), field)
}

func FuzzDecode(f *testing.F) {
	f.Add("state", "open", "ver", "1")
	f.Add("deadline", "2026-11-23T16:00:00.000+25:00", "number", "+\xff")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		n := aNote()
		n.State, n.Ver = callback.Open, 1
		fields := callback.EncodeNote(n)
		fields[k1], fields[k2] = v1, v2
		if got, err := callback.DecodeNote(fields); err == nil {
			again, err := callback.DecodeNote(callback.EncodeNote(got))
			require.NoError(t, err)
			require.Equal(t, got, again)
		} else {
			require.ErrorIs(t, err, callback.ErrBroken)
		}
		event := callback.EncodeEvent(callback.Made(n, callback.ByCaller))
		event[k1], event[strings.TrimSpace(k2)] = v1, v2
		if _, err := callback.DecodeEvent(event); err != nil {
			require.ErrorIs(t, err, callback.ErrBroken)
		}
	})
}
