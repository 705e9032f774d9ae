package asterisk

import "slices"

// EventType is the "type" of an ARI event.
type EventType string

// The events that Asterisk 22.10 documents (rest-api/api-docs/events.json).
const (
	ApplicationMoveFailed    EventType = "ApplicationMoveFailed"
	ApplicationRegistered    EventType = "ApplicationRegistered"
	ApplicationReplaced      EventType = "ApplicationReplaced"
	ApplicationUnregistered  EventType = "ApplicationUnregistered"
	BridgeAttendedTransfer   EventType = "BridgeAttendedTransfer"
	BridgeBlindTransfer      EventType = "BridgeBlindTransfer"
	BridgeCreated            EventType = "BridgeCreated"
	BridgeDestroyed          EventType = "BridgeDestroyed"
	BridgeMerged             EventType = "BridgeMerged"
	BridgeVideoSourceChanged EventType = "BridgeVideoSourceChanged"
	CallBroadcast            EventType = "CallBroadcast"
	CallClaimed              EventType = "CallClaimed"
	ChannelCallerID          EventType = "ChannelCallerId"
	ChannelConnectedLine     EventType = "ChannelConnectedLine"
	ChannelCreated           EventType = "ChannelCreated"
	ChannelDestroyed         EventType = "ChannelDestroyed"
	ChannelDialplan          EventType = "ChannelDialplan"
	ChannelDtmfReceived      EventType = "ChannelDtmfReceived"
	ChannelEnteredBridge     EventType = "ChannelEnteredBridge"
	ChannelHangupRequest     EventType = "ChannelHangupRequest"
	ChannelHold              EventType = "ChannelHold"
	ChannelLeftBridge        EventType = "ChannelLeftBridge"
	ChannelStateChange       EventType = "ChannelStateChange"
	ChannelTalkingFinished   EventType = "ChannelTalkingFinished"
	ChannelTalkingStarted    EventType = "ChannelTalkingStarted"
	ChannelToneDetected      EventType = "ChannelToneDetected"
	ChannelTransfer          EventType = "ChannelTransfer"
	ChannelUnhold            EventType = "ChannelUnhold"
	ChannelUserevent         EventType = "ChannelUserevent"
	ChannelVarset            EventType = "ChannelVarset"
	ContactStatusChange      EventType = "ContactStatusChange"
	DeviceStateChanged       EventType = "DeviceStateChanged"
	Dial                     EventType = "Dial"
	EndpointStateChange      EventType = "EndpointStateChange"
	PeerStatusChange         EventType = "PeerStatusChange"
	PlaybackContinuing       EventType = "PlaybackContinuing"
	PlaybackFinished         EventType = "PlaybackFinished"
	PlaybackStarted          EventType = "PlaybackStarted"
	RESTResponse             EventType = "RESTResponse"
	RecordingFailed          EventType = "RecordingFailed"
	RecordingFinished        EventType = "RecordingFinished"
	RecordingStarted         EventType = "RecordingStarted"
	StasisEnd                EventType = "StasisEnd"
	StasisStart              EventType = "StasisStart"
	TextMessageReceived      EventType = "TextMessageReceived"
)

// subject is the kind of object that an event must name.
type subject int

const (
	aboutOther subject = iota
	aboutChannel
	aboutPlayback
	aboutEndpoint
)

// usedEvents are the events that the daemon uses, with what each must name.
var usedEvents = map[EventType]subject{
	ApplicationReplaced: aboutOther,
	ChannelDestroyed:    aboutChannel,
	ChannelDtmfReceived: aboutChannel,
	ChannelStateChange:  aboutChannel,
	EndpointStateChange: aboutEndpoint,
	PlaybackFinished:    aboutPlayback,
	RESTResponse:        aboutOther,
	StasisEnd:           aboutChannel,
	StasisStart:         aboutChannel,
}

// disallowedEvents is the rest.
var disallowedEvents = []EventType{
	ApplicationMoveFailed, ApplicationRegistered, ApplicationUnregistered, BridgeAttendedTransfer, BridgeBlindTransfer,
	BridgeCreated, BridgeDestroyed, BridgeMerged, BridgeVideoSourceChanged, CallBroadcast, CallClaimed, ChannelCallerID,
	ChannelConnectedLine, ChannelCreated, ChannelDialplan, ChannelEnteredBridge, ChannelHangupRequest, ChannelHold,
	ChannelLeftBridge, ChannelTalkingFinished, ChannelTalkingStarted, ChannelToneDetected,
	ChannelTransfer, ChannelUnhold, ChannelUserevent, ChannelVarset, ContactStatusChange, DeviceStateChanged, Dial,
	PeerStatusChange, PlaybackContinuing, PlaybackStarted, RecordingFailed, RecordingFinished, RecordingStarted,
	TextMessageReceived,
}

// DisallowedEvents lists the events that Asterisk documents and nothing here uses, in alphabetical order. The event
// filter keeps them out.
func DisallowedEvents() []EventType { return slices.Clone(disallowedEvents) }
