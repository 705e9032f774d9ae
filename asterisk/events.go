package asterisk

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// deepCheck is the length in bytes above which a message is checked by encoding/json, which bounds how deep it may
// nest.
const deepCheck = 64 << 10

// Event is one event of ARI. Its fields are read when it comes in; the methods read the rest from Raw, and give the
// zero value for a field that is missing.
type Event struct {
	Type       EventType
	ChannelID  string
	PlaybackID string
	Raw        string // the whole message, valid JSON
}

// decodeEvent reads the head of an event; with a reason other than "" it is skipped.
func decodeEvent(raw string) (Event, SkipReason) {
	if !validJSON(raw) {
		return Event{}, SkipMalformed
	}
	e := Event{Raw: raw}
	var endpoint string
	gjson.Parse(raw).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "type":
			e.Type = EventType(value.Str)
		case "channel":
			e.ChannelID = idIn(value)
		case "playback":
			e.PlaybackID = idIn(value)
		case "endpoint":
			endpoint = value.Get("resource").Str
		}
		return true
	})
	if e.Type == "" {
		return Event{}, SkipMalformed
	}
	about, used := usedEvents[e.Type]
	switch {
	case !used && slices.Contains(disallowedEvents, e.Type):
		return Event{}, skipUnused
	case !used:
		return Event{}, SkipUnknown
	case !e.names(about, endpoint):
		return Event{}, SkipMissingID
	default:
		return e, ""
	}
}

// idIn copies the id out of the message: an id is kept as long as the call, the message should not be.
func idIn(object gjson.Result) string { return strings.Clone(object.Get("id").Str) }

func (e Event) names(about subject, endpoint string) bool {
	switch about {
	case aboutChannel:
		return e.ChannelID != ""
	case aboutPlayback:
		return e.PlaybackID != ""
	case aboutEndpoint:
		return endpoint != ""
	default:
		return true
	}
}

// validJSON reports whether raw is one JSON object that gjson reads safely.
func validJSON(raw string) bool {
	if !strings.HasPrefix(strings.TrimLeft(raw, " \t\r\n"), "{") {
		return false
	}
	if len(raw) > deepCheck {
		return json.Valid([]byte(raw))
	}
	return gjson.Valid(raw)
}

// messageType finds the type without reading the rest; in a reply it comes first.
func messageType(raw string) EventType { return EventType(gjson.Get(raw, "type").Str) }

func (e Event) field(path string) gjson.Result { return gjson.Get(e.Raw, path) }

// Time is when Asterisk made the event, by its own clock in UTC; the zero time when that is missing.
func (e Event) Time() time.Time { return timeIn(e.field("timestamp")) }

// Args are the arguments of Stasis() in a StasisStart. A StasisStart that comes from a transfer has none.
func (e Event) Args() []string { return stringsIn(e.field("args")) }

// ReplaceChannelID is the channel whose place this one takes, in a StasisStart that comes from a transfer.
func (e Event) ReplaceChannelID() string { return e.field("replace_channel.id").Str }

// Digit is the key of ChannelDtmfReceived: one of 0 to 9, A to D, * and #; 0 (no rune) when there is none.
func (e Event) Digit() rune {
	digit := e.field("digit").Str
	if len(digit) != 1 {
		return 0
	}
	return rune(digit[0])
}

// Held is how long the key of ChannelDtmfReceived was down.
func (e Event) Held() time.Duration {
	return time.Duration(e.field("duration_ms").Int()) * time.Millisecond
}

// Cause is why the channel of ChannelDestroyed ended.
func (e Event) Cause() Cause { return Cause(e.field("cause").Int()) }

// Status is the phone's final answer (a SIP status) in ChannelDestroyed; 0 when it gave none, or we hung up.
func (e Event) Status() int { return int(e.field("tech_cause").Int()) }

// PlaybackTarget is the id of the channel that heard the playback of PlaybackFinished.
func (e Event) PlaybackTarget() string {
	return strings.TrimPrefix(e.field("playback.target_uri").Str, "channel:")
}

// Channel is the channel as it was when the event was made.
func (e Event) Channel() Channel { return channelIn(e.field("channel")) }

// Endpoint is the phone of EndpointStateChange. The event comes when the phone registers or unregisters, and with every
// channel of the phone that comes or goes, ours or not.
func (e Event) Endpoint() Endpoint { return endpointIn(e.field("endpoint")) }
