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

// subject is what an event is about, and must therefore name.
type subject int

const (
	aboutOther subject = iota
	aboutChannel
	aboutPlayback
	aboutBridge
	aboutEndpoint
)

// interest says whether the daemon consumes an event, and what it must name to be of use.
type interest struct {
	consumed bool
	about    subject
}

var knownEvents = map[EventType]interest{
	ApplicationReplaced: {true, aboutOther},
	ChannelDestroyed:    {true, aboutChannel},
	ChannelDtmfReceived: {true, aboutChannel},
	EndpointStateChange: {true, aboutEndpoint},
	PlaybackFinished:    {true, aboutPlayback},
	RESTResponse:        {true, aboutOther},
	StasisEnd:           {true, aboutChannel},
	StasisStart:         {true, aboutChannel},

	ApplicationMoveFailed:    {false, aboutChannel},
	ApplicationRegistered:    {false, aboutOther},
	ApplicationUnregistered:  {false, aboutOther},
	BridgeAttendedTransfer:   {false, aboutOther},
	BridgeBlindTransfer:      {false, aboutOther},
	BridgeCreated:            {false, aboutBridge},
	BridgeDestroyed:          {false, aboutBridge},
	BridgeMerged:             {false, aboutBridge},
	BridgeVideoSourceChanged: {false, aboutBridge},
	CallBroadcast:            {false, aboutOther},
	CallClaimed:              {false, aboutOther},
	ChannelCallerID:          {false, aboutChannel},
	ChannelConnectedLine:     {false, aboutChannel},
	ChannelCreated:           {false, aboutChannel},
	ChannelDialplan:          {false, aboutChannel},
	ChannelEnteredBridge:     {false, aboutBridge},
	ChannelHangupRequest:     {false, aboutChannel},
	ChannelHold:              {false, aboutChannel},
	ChannelLeftBridge:        {false, aboutBridge},
	ChannelStateChange:       {false, aboutChannel},
	ChannelTalkingFinished:   {false, aboutChannel},
	ChannelTalkingStarted:    {false, aboutChannel},
	ChannelToneDetected:      {false, aboutChannel},
	ChannelTransfer:          {false, aboutOther},
	ChannelUnhold:            {false, aboutChannel},
	ChannelUserevent:         {false, aboutOther},
	ChannelVarset:            {false, aboutOther}, // a global variable names no channel
	ContactStatusChange:      {false, aboutEndpoint},
	DeviceStateChanged:       {false, aboutOther},
	Dial:                     {false, aboutOther},
	PeerStatusChange:         {false, aboutEndpoint},
	PlaybackContinuing:       {false, aboutPlayback},
	PlaybackStarted:          {false, aboutPlayback},
	RecordingFailed:          {false, aboutOther},
	RecordingFinished:        {false, aboutOther},
	RecordingStarted:         {false, aboutOther},
	TextMessageReceived:      {false, aboutOther},
}

// DefaultDisallowed lists the events that Asterisk documents and nothing here consumes, in alphabetical order.
func DefaultDisallowed() []EventType {
	var list []EventType
	for t, i := range knownEvents {
		if !i.consumed {
			list = append(list, t)
		}
	}
	slices.Sort(list)
	return list
}
