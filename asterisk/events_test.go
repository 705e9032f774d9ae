package asterisk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/CyCoreSystems/ari/v5"
	"github.com/stretchr/testify/require"
)

// What Asterisk 22.10.1 sends, word for word.
const (
	sentStasisStart = `{"type":"StasisStart","timestamp":"2026-11-23T21:42:42.667+0100","args":["in","140570"],"channel":{"id":"asterisk-1795470162.7",` +
		`"name":"PJSIP/trunk-00000002","state":"Ring","protocol_id":"32a05d26","caller":{"name":"J. \"de\" Vri\u00ebs","number":"0570123456"},` +
		`"connected":{"name":"","number":"140570"},"accountcode":"","dialplan":{"context":"trunk","exten":"140570","priority":2,"app_name":"Stasis",` +
		`"app_data":"balie,in,140570"},"creationtime":"2026-11-23T21:42:42.666+0100","language":"nl"},"asterisk_id":"02:fc:00:00:00:01","application":"balie"}`
	sentHangupRequest = `{"cause":32,"soft":true,"type":"ChannelHangupRequest","timestamp":"2026-11-23T21:42:47.607+0000","channel":{"id":"c-1",` +
		`"name":"Local/long@hold-00000000;1","state":"Up","protocol_id":"","caller":{"name":"","number":""},"connected":{"name":"","number":""},` +
		`"accountcode":"","dialplan":{"context":"hold","exten":"long","priority":1,"app_name":"Stasis","app_data":"balie"},` +
		`"creationtime":"2026-11-23T21:42:42.666+0000","language":"en"},"asterisk_id":"02:fc:00:00:00:01","application":"balie"}`
	sentDestroyed = `{"type":"ChannelDestroyed","timestamp":"2026-11-23T21:43:29.341+0000","cause":19,"cause_txt":"User alerting, no answer","tech_cause":480,` +
		`"channel":{"id":"d-3","name":"PJSIP/static-00000000","state":"Down","protocol_id":"","caller":{"name":"","number":""},` +
		`"connected":{"name":"","number":""},"accountcode":"","dialplan":{"context":"phones","exten":"s","priority":1,"app_name":"AppDial2",` +
		`"app_data":"(Outgoing Line)"},"creationtime":"2026-11-23T21:43:27.339+0000","language":"en"},"asterisk_id":"02:fc:00:00:00:01","application":"balie"}`
	sentDigit = `{"type":"ChannelDtmfReceived","timestamp":"2026-11-23T21:47:54.321+0000","digit":"#","duration_ms":180,"channel":{"id":"x",` +
		`"name":"PJSIP/a1-0000000d","state":"Up"},"asterisk_id":"02:fc:00:00:00:01","application":"balie"}`
	sentPlayed = `{"type":"PlaybackFinished","timestamp":"2026-11-23T21:42:44.413+0000","playback":{"id":"p-1","media_uri":"sound:tt-monkeys",` +
		`"target_uri":"channel:asterisk-1795470162.7","language":"en","state":"done"},"asterisk_id":"02:fc:00:00:00:01","application":"balie"}`
	sentEndpoint = `{"type":"EndpointStateChange","timestamp":"2026-11-23T21:45:32.892+0000","endpoint":{"technology":"PJSIP","resource":"a1",` +
		`"state":"online","channel_ids":["asterisk-1795470332.10"]},"asterisk_id":"02:fc:00:00:00:01","application":"balie-phones"}`
)

var sentEvents = []string{sentStasisStart, sentDestroyed, sentDigit, sentPlayed, sentEndpoint}

func decoded(t *testing.T, raw string) Event {
	t.Helper()
	e, skip := decodeEvent(raw)
	require.Empty(t, skip)
	require.Equal(t, raw, e.Raw)
	return e
}

func TestNewCallIsRead(t *testing.T) {
	e := decoded(t, sentStasisStart)
	require.Equal(t, StasisStart, e.Type)
	require.Equal(t, "asterisk-1795470162.7", e.ChannelID)
	require.Equal(t, []string{"in", "140570"}, e.Args())
	require.Empty(t, e.ReplaceChannelID())
	require.Equal(t, time.Date(2026, 11, 23, 20, 42, 42, 667_000_000, time.UTC), e.Time())
	require.Equal(t, Channel{
		ID: "asterisk-1795470162.7", State: "Ring", CallerNumber: "0570123456",
		Extension: "140570", Created: time.Date(2026, 11, 23, 20, 42, 42, 666_000_000, time.UTC),
		name: "PJSIP/trunk-00000002", app: "Stasis", appData: "balie,in,140570",
	}, e.Channel())
}

func TestCallFromATransferNamesWhomItReplaces(t *testing.T) {
	e := decoded(
		t,
		`{"type":"StasisStart","args":[],"channel":{"id":"new"},"replace_channel":{"id":"old"},"application":"balie"}`,
	)
	require.Empty(t, e.Args())
	require.Equal(t, "old", e.ReplaceChannelID())
}

func TestEndOfACallIsRead(t *testing.T) {
	e := decoded(t, sentDestroyed)
	require.Equal(t, "d-3", e.ChannelID)
	require.Equal(t, CauseNoAnswer, e.Cause())
	require.Equal(
		t, "c-1", decoded(t, `{"channel":{"id":"c-1"},"cause":16,"type":"StasisEnd"}`).ChannelID,
		"the type need not come first",
	)
}

func TestKeyIsRead(t *testing.T) {
	require.Equal(t, '#', decoded(t, sentDigit).Digit())
	require.Zero(t, decoded(t, `{"type":"ChannelDtmfReceived","digit":"12","channel":{"id":"x"}}`).Digit())
	require.Zero(t, decoded(t, `{"type":"ChannelDtmfReceived","channel":{"id":"x"}}`).Digit())
}

func TestEndOfAPlaybackIsRead(t *testing.T) {
	e := decoded(t, sentPlayed)
	require.Equal(t, "p-1", e.PlaybackID)
	require.Equal(t, "asterisk-1795470162.7", e.PlaybackTarget())
	require.Empty(t, e.ChannelID)
}

func TestPhoneIsRead(t *testing.T) {
	e := decoded(t, sentEndpoint)
	require.Equal(t, Endpoint{"PJSIP", "a1", "online", []string{"asterisk-1795470332.10"}}, e.Endpoint())
}

func TestEventOfNoUseIsNoFault(t *testing.T) {
	_, skip := decodeEvent(sentHangupRequest)
	require.Equal(t, skipUnused, skip)
}

func TestAMissingFieldOfAnEventIsZero(t *testing.T) {
	e := decoded(t, sentPlayed)
	require.Zero(t, e.Channel())
	require.Zero(t, e.Endpoint())
	require.Zero(t, e.Cause())
	require.Empty(t, e.Args())
	require.Zero(t, decoded(t, `{"type":"StasisEnd","timestamp":"yesterday","channel":{"id":"x"}}`).Time())
}

func TestIdDoesNotKeepTheWholeMessage(t *testing.T) {
	allocated := testing.AllocsPerRun(100, func() { _, _ = decodeEvent(sentDestroyed) })
	require.Equal(t, 1.0, allocated, "a copy of the id, and none of the message")
}

func TestDeepNestingIsHarmless(t *testing.T) {
	for _, depth := range []int{1000, deepCheck / 2, 1 << 20} {
		nested := `{"type":"Dial","x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		_, skip := decodeEvent(nested)
		require.Equal(t, len(nested) > deepCheck, skip == SkipMalformed, "depth %d", depth)
		require.Equal(t, Dial, messageType(nested))
	}
}

func TestEveryDocumentedEventIsKnownAndUnusedOnesAreFiltered(t *testing.T) {
	disallowed := DisallowedEvents()
	for used := range usedEvents {
		require.NotContains(t, disallowed, used)
	}
	require.Len(t, usedEvents, 9)
	require.Len(t, disallowed, 45-9)
	require.IsIncreasing(t, disallowed)
}

// FuzzDecode checks that no message from Asterisk, or from another program in its place, makes us crash, and that we
// read the same as encoding/json.
func FuzzDecode(f *testing.F) {
	for _, raw := range sentEvents {
		f.Add(raw)
	}
	f.Add(`{"type":"RESTResponse","transaction_id":"","request_id":"1","status_code":200,"message_body":"{}"}`)
	f.Add(`{"type":"StasisStart","channel":{"id":"a\u0000\ud83d"},"channel":{"id":null}}`)
	f.Add(`{"\u0074ype":"StasisEnd","channel":{"id":"a","id":"b"}}`)
	f.Add(" {\n\"type\" : \"Dial\" }\n")
	f.Add(strings.Repeat(`{"channel":`, 10))
	f.Add(`{"type":"Dial","args":[[[{"a":[1.5e3,true,null]}]]]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		l := &link{waiting: map[string]chan Response{"1": make(chan Response, 1)}}
		_ = messageType(raw)
		_ = l.deliver(raw)
		e, skip := decodeEvent(raw)
		if skip != "" {
			return
		}
		_ = fmt.Sprint(e.Time(), e.Args(), e.ReplaceChannelID(), e.Digit(), e.Cause(), e.PlaybackTarget(),
			e.Channel(), e.Channel().StasisArgs(), e.Endpoint(), e.Endpoint().Name())
		if !utf8.ValidString(raw) {
			return
		}
		var top map[string]any
		require.NoError(t, json.Unmarshal([]byte(raw), &top), "every event that is handed on can be decoded in full")
		require.Equal(t, top["type"], string(e.Type))
	})
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	bytes := 0
	for _, raw := range sentEvents {
		bytes += len(raw)
	}
	b.SetBytes(int64(bytes / len(sentEvents)))
	for i := 0; b.Loop(); i++ {
		if _, skip := decodeEvent(sentEvents[i%len(sentEvents)]); skip != "" {
			b.Fatal(skip)
		}
	}
}

// BenchmarkDecodeWhole is what BenchmarkDecode saves: the same events through encoding/json and ari/v5.
func BenchmarkDecodeWhole(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var whole ari.StasisStart
		if err := json.Unmarshal([]byte(sentStasisStart), &whole); err != nil {
			b.Fatal(err)
		}
	}
}
