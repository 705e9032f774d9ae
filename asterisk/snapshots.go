package asterisk

import (
	"strings"
	"time"

	"github.com/CyCoreSystems/ari/v5"
	"github.com/tidwall/gjson"
)

// Channel is a channel as Asterisk reports it. CallerNumber and Extension come from the network: check before use.
type Channel struct {
	ID           string
	State        string    // Down, Ring (calls in), Ringing (is rung), Up, Busy, …
	CallerNumber string    // empty or "anonymous" when withheld; ask for CALLERID(num-pres)
	Extension    string    // the number dialled, for an incoming channel
	Created      time.Time // UTC

	name         string // technology, resource and a number, such as PJSIP/trunk-00000002
	app, appData string // the dialplan application that it is in
}

// Up reports whether the channel has been answered.
func (c Channel) Up() bool { return c.State == "Up" }

// transferPrefix begins the name of a channel that Asterisk puts in the place of a transferred one (bridge.c).
const transferPrefix = "Local/_attended@transfer"

// tookPlace reports whether the channel came by a transfer.
func (c Channel) tookPlace() bool { return strings.HasPrefix(c.name, transferPrefix) }

// StasisArgs are the arguments with which a channel came to our application: those of its StasisStart, for a daemon
// that missed the event. An argument with a comma comes back in parts.
func (c Channel) StasisArgs() []string {
	if c.app != "Stasis" {
		return nil
	}
	return strings.Split(c.appData, ",")[1:]
}

// Endpoint is a phone or trunk as Asterisk reports it.
type Endpoint struct {
	Technology string // such as PJSIP
	Resource   string
	// State is online, offline or unknown. PJSIP calls a contact that is never qualified online, and an endpoint
	// without a contact that works offline.
	State    string
	Channels []string // the ids of its channels, ringing ones included
}

// Name is the endpoint's name in dial strings and subscriptions, such as PJSIP/kcc1.
func (e Endpoint) Name() string { return e.Technology + "/" + e.Resource }

// Online reports whether it can be rung.
func (e Endpoint) Online() bool { return e.State == "online" }

// Bridge is a bridge as Asterisk reports it.
type Bridge struct {
	ID       string
	Name     string
	Channels []string  // the ids of the channels in it
	Created  time.Time // UTC
}

func channelIn(r gjson.Result) Channel {
	return Channel{
		ID:           r.Get("id").String(),
		State:        r.Get("state").String(),
		CallerNumber: r.Get("caller.number").String(),
		Extension:    r.Get("dialplan.exten").String(),
		Created:      timeIn(r.Get("creationtime")),
		name:         r.Get("name").String(),
		app:          r.Get("dialplan.app_name").String(),
		appData:      r.Get("dialplan.app_data").String(),
	}
}

func endpointIn(r gjson.Result) Endpoint {
	return Endpoint{
		Technology: r.Get("technology").String(),
		Resource:   r.Get("resource").String(),
		State:      r.Get("state").String(),
		Channels:   stringsIn(r.Get("channel_ids")),
	}
}

func bridgeIn(r gjson.Result) Bridge {
	return Bridge{
		ID:       r.Get("id").String(),
		Name:     r.Get("name").String(),
		Channels: stringsIn(r.Get("channels")),
		Created:  timeIn(r.Get("creationtime")),
	}
}

func stringsIn(r gjson.Result) []string {
	var list []string
	for _, item := range r.Array() {
		list = append(list, item.String())
	}
	return list
}

func timeIn(r gjson.Result) time.Time {
	t, err := time.Parse(ari.DateFormat, r.Str)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
