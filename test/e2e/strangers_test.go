package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// tested is a rig whose telephones all belong to the test: every effect shows as an INVITE to one of them, or as a call
// of the daemon.
type tested struct {
	*scene
	phone, colleague, trunk, stranger *rig.Peer
	calls                             float64 // of the daemon that are expected
}

// trial is a request, and its allowed effect.
type trial struct {
	what string
	rig.SIPRequest
	taken bool // it is an ordinary call to the daemon, with no other effect
}

func startTested(t *testing.T) *tested {
	t.Helper()
	s := &tested{scene: open(t, map[string]any{"unknown": map[string]any{"welcome": nil}})}
	var err error
	s.trunk, err = s.PeerTrunk()
	require.NoError(t, err)
	s.stranger, err = s.PeerStranger("trunk")
	require.NoError(t, err)
	s.phone, s.colleague = s.loggedIn("verg1"), s.loggedIn("verg2")
	s.colleague.Replies("SIP/2.0 200 OK") // they would even answer
	return s
}

// try sends a request, ends the call that it may have made, and asserts that it had no other effect.
func (s *tested) try(by *rig.Peer, a trial) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	answer, opened, err := by.Send(ctx, a.SIPRequest)
	require.NoError(s.t, err, a.what)
	if a.taken {
		require.Equal(s.t, 200, answer.Status(), "%s: %v", a.what, answer)
		s.eventually("the call comes", func() error { return equal(1, s.metric("bereikbaar_calls_active")) })
		require.NoError(s.t, by.HangUp(ctx, opened))
		s.calls++
	} else if a.Dialog == nil {
		require.GreaterOrEqual(s.t, answer.Status(), 400, "%s: %v", a.what, answer)
	}
	if a.Dialog == nil {
		require.NoError(s.t, s.Asterisk.AwaitIdle(s.ctx), a.what)
	}
	s.nothingElse(a.what)
}

// nothingElse asserts that neither phones nor trunk were rung, and that the daemon had only the expected calls.
func (s *tested) nothingElse(after string) {
	s.t.Helper()
	for _, p := range []*rig.Peer{s.colleague, s.trunk, s.stranger} {
		require.Empty(s.t, p.Invites(), "%s rang %s", after, p.Name)
	}
	s.eventually(after+": the daemon has the calls that it should have", func() error {
		return equal(s.calls, s.metric("bereikbaar_calls_total")+s.metric("bereikbaar_calls_active"))
	})
	require.Zero(s.t, s.metric("bereikbaar_ari_channels_refused_total"), after)
}

// invite is one to a user in Asterisk.
func invite(what, user string, headers ...string) trial {
	return trial{what: what, SIPRequest: rig.SIPRequest{Method: "INVITE", URI: user, Headers: headers}}
}

func taken(a trial) trial {
	a.taken = true
	return a
}

// nowhere are extensions that no telephone may reach: technologies, special extensions, contexts, feature codes.
func nowhere() []trial {
	var list []trial
	for _, user := range []string{
		"", "s", "h", "i", "t", "o", "a", "T", "_X.", "*8", "*8%23", "external_replaces", "kcc-fallback", "bereikbaar",
		"trunk",
		"PJSIP%2F%2B31909012345%40trunk", "PJSIP%2Fverg2", "Local%2Fverg2%40from-phones", "%24%7BSHELL(id)%7D", "%00",
		"verg2%26kcc1", "_attended",
	} {
		list = append(list, invite("an INVITE to "+user, user))
	}
	return list
}

// otherMethods are requests outside of a call that make a careless switch act.
func otherMethods() []trial {
	var list []trial
	add := func(method, to string, headers ...string) {
		list = append(list, trial{what: method + " " + strings.Join(headers, ", "), SIPRequest: rig.SIPRequest{
			Method: method, URI: to, Headers: headers, Body: "verg2 0909012345\r\n",
		}})
	}
	for _, target := range []string{
		"<sip:0909012345@x>", "<sip:PJSIP%2F%2B31909012345%40trunk@x>",
		"<sip:verg2@x?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>",
	} {
		add("REFER", "140570", "Refer-To: "+target)
		add("REFER", "verg2", "Refer-To: "+target, "Refer-Sub: true")
	}
	for _, event := range []string{"dialog", "presence", "message-summary", "refer", "x"} {
		add("SUBSCRIBE", "verg2", "Event: "+event, "Expires: 60", "Accept: */*")
		add("PUBLISH", "verg2", "Event: "+event, "Expires: 60", "Content-Type: application/pidf+xml")
		add("NOTIFY", "verg2", "Event: "+event, "Subscription-State: active", "Content-Type: text/plain")
	}
	for _, kind := range []string{"text/plain", "application/dtmf-relay", "application/sdp", "message/sipfrag", "x/y"} {
		add("MESSAGE", "verg2", "Content-Type: "+kind)
		add("MESSAGE", "140570", "Content-Type: "+kind)
		add("INFO", "verg2", "Content-Type: "+kind, "Record: on")
		add("UPDATE", "verg2", "Content-Type: "+kind)
	}
	add("PRACK", "verg2", "RAck: 1 1 INVITE")
	add("BYE", "140570")
	return list
}

// told are headers about the origin or target of a call. They have no effect.
var told = [][]string{
	{"P-Asserted-Identity: <sip:0687654321@x>", "Remote-Party-ID: <sip:0687654321@x>;party=calling"},
	{"Diversion: <sip:verg2@x>;reason=unconditional", "History-Info: <sip:0909012345@x>;index=1"},
	{"Refer-To: <sip:0909012345@x>", "Referred-By: <sip:verg2@x>", "Join: a;to-tag=b;from-tag=c"},
	{"Alert-Info: <http://x/>;info=alert-autoanswer", "Call-Info: <sip:x>;answer-after=0", "Route: <sip:x;lr>"},
	{
		"X-Asterisk-Variable: BEREIKBAAR_STATE={}", "User-To-User: 00;encoding=hex",
		"Target-Dialog: a;local-tag=b;remote-tag=c",
	},
}

func TestNothingThatAStrangerSendsIsHeard(t *testing.T) {
	s := startTested(t)
	for _, from := range []string{
		"trunk", "kcc1", "verg1", "anonymous", "bereikbaar-replaces", "0612345678", "trunk%00", "TRUNK",
	} {
		a := invite("the trunk's or a phone's name: "+from, "140570", "P-Asserted-Identity: <sip:0687654321@x>")
		a.From = "<sip:" + from + "@x>"
		s.try(s.stranger, a)
		s.try(s.stranger, trial{what: "a log-in as " + from, SIPRequest: rig.SIPRequest{
			Method: "REGISTER", From: a.From,
			Headers: []string{"Expires: 60", "Contact: <sip:x@" + s.stranger.Address() + ">"},
		}})
	}
	s.try(s.stranger, invite(
		"the name of a log-in", "140570;line=trunk",
		`Authorization: Digest username="verg1", realm="asterisk", nonce="x", uri="sip:140570", response="0"`,
	))
	for _, a := range append(nowhere(), otherMethods()...) {
		s.try(s.stranger, a)
	}
	s.atRest()
}

func TestNothingThatAPhoneSendsMakesTheSwitchDial(t *testing.T) {
	s := startTested(t)
	for _, a := range append(nowhere(), otherMethods()...) {
		s.try(s.phone, a)
	}
	other := invite("another phone's name", "140570")
	other.From = "<sip:verg2@x>"
	s.try(s.phone, other)
	for _, headers := range told {
		s.try(s.phone, taken(invite("a call with "+headers[0], "140570", headers...)))
	}
	for _, user := range []string{
		"0909012345", "+31909012345", "140570;phone-context=+31", "140570%3Bx", "140570%20", "140570,1",
		"140570%2C2%2Cverg2",
		"140570&verg2",
	} {
		s.try(s.phone, taken(invite("a call to "+user, user)))
	}
	log := s.log()
	require.NotContains(t, log, "0687654321")
	s.atRest()
}

func TestNothingThatTheTrunkSendsMakesTheSwitchDial(t *testing.T) {
	s := startTested(t)
	for _, a := range append(nowhere(), otherMethods()...) {
		s.try(s.trunk, a)
	}
	s.try(s.trunk, invite("a call to a phone", "verg2"))
	for _, name := range []string{"trunk", "verg2"} {
		s.try(s.trunk, trial{what: "a log-in as " + name, SIPRequest: rig.SIPRequest{
			Method: "REGISTER", From: "<sip:" + name + "@x>", Headers: []string{"Expires: 60"},
		}})
	}
	for _, headers := range told {
		s.try(s.trunk, taken(invite("a call with "+headers[0], "140570", headers...)))
	}
	elsewhere, err := s.PeerTrunk() // on another port
	require.NoError(t, err)
	s.try(elsewhere, taken(invite("a call from another port", "140570")))
	s.atRest()
}

func TestParametersOfTheNetworkAreNoPartOfANumber(t *testing.T) {
	s := startTested(t)
	for _, user := range []string{
		"140570;phone-context=+31", "140570;isub=1;x=y", "140570%3Bphone-context=+31", "+31140570;npdi;rn=+31",
	} {
		a := taken(invite("a call to "+user, user))
		a.From = "<sip:+31612345678;npdi;rn=+31570000000@x>"
		s.try(s.trunk, a)
	}
	s.eventually("each is a call to the municipality", func() error {
		return equal(s.calls, s.metric("bereikbaar_calls_total", "municipality", "deventer"))
	})
	require.NotContains(t, s.log(), "a number that is not configured")
}

// replaces is the Replaces header that would take over a call.
func replaces(d *rig.Dialog) string {
	tag := func(header string) string {
		_, tag, _ := strings.Cut(header, ";tag=")
		return tag
	}
	return fmt.Sprintf("%s;to-tag=%s;from-tag=%s", d.CallID, tag(d.Remote), tag(d.Local))
}

func TestNobodyTakesOverACallWithReplaces(t *testing.T) {
	s := startTested(t)
	_, live, err := s.trunk.Send(s.ctx, rig.SIPRequest{Method: "INVITE", URI: "140570", From: "<sip:0612345678@x>"})
	require.NoError(t, err)
	require.NotNil(t, live)
	s.calls++
	for _, by := range []*rig.Peer{s.trunk, s.phone, s.stranger} {
		for _, header := range []string{
			"Replaces: %s", "Replaces: %s;early-only", "replaces:  %s", "Require: replaces\r\nReplaces: %s",
		} {
			answer, _, err := by.Send(s.ctx, rig.SIPRequest{
				Method: "INVITE", URI: "140570", Headers: strings.Split(fmt.Sprintf(header, replaces(live)), "\r\n"),
			})
			require.NoError(t, err)
			require.GreaterOrEqual(t, answer.Status(), 400, "%s with %q: %v", by.Name, header, answer)
			s.nothingElse("Replaces by " + by.Name)
		}
	}
	require.Equal(t, 1.0, s.metric("bereikbaar_calls_active"), "the call goes on")
	require.NoError(t, s.trunk.HangUp(s.ctx, live))
	s.atRest()
}

// transfers are the values of Refer-To that a phone or the trunk may send in a call.
func transfers(server string) []string {
	var list []string
	for _, user := range []string{
		"s", "h", "i", "PJSIP%2F%2B31909012345%40trunk", "PJSIP%2Fverg2", "Local%2Fverg2%40from-phones", "_attended",
		"external_replaces", "*8",
	} {
		list = append(list, "<sip:"+user+"@"+server+">")
	}
	return append(list, "<tel:+31909012345>", "<sip:x@192.0.2.1>", "<http://x/>", "garbage",
		"<sip:verg2@"+server+"?Replaces="+url.QueryEscape(
			"a;to-tag=b;from-tag=c",
		)+">", "<sip:s@"+server+"?Diversion=%3Csip:verg2@x%3E&Route=%3Csip:x%3E>")
}

func TestATransferLeadsNowhereButToPhonesAndOurNumbers(t *testing.T) {
	s := &tested{scene: open(t, onlyKCC1(nil))}
	var err error
	s.trunk, err = s.PeerTrunk()
	require.NoError(t, err)
	s.stranger, err = s.PeerStranger("x")
	require.NoError(t, err)
	s.phone, s.colleague = s.loggedIn("kcc1"), s.loggedIn("verg2")
	s.phone.Replies("SIP/2.0 200 OK")
	_, live, err := s.trunk.Send(s.ctx, rig.SIPRequest{Method: "INVITE", URI: straight, From: "<sip:0612345678@x>"})
	require.NoError(t, err)
	require.NotNil(t, live)
	s.calls++
	s.eventually(
		"the two talk",
		func() error { return equal(1, s.metric("bereikbaar_agents", "team", "kcc", "state", "talking")) },
	)
	for _, to := range transfers(s.Asterisk.SIP) {
		s.try(s.trunk, trial{what: "the trunk puts through to " + to, SIPRequest: rig.SIPRequest{
			Method: "REFER", Headers: []string{"Refer-To: " + to}, Dialog: live,
		}})
		s.try(s.phone, trial{what: "the agent puts through to " + to, SIPRequest: rig.SIPRequest{
			Method: "REFER", Headers: []string{"Refer-To: " + to, "Referred-By: <sip:verg2@x>"},
			Dialog: s.phone.Taken(1),
		}})
		require.Equal(
			t, 1.0, s.metric("bereikbaar_agents", "team", "kcc", "state", "talking"), "after %s the two talk on", to,
		)
	}
	s.try(s.trunk, trial{what: "the trunk puts through to a phone", SIPRequest: rig.SIPRequest{
		Method: "REFER", Headers: []string{"Refer-To: <sip:verg2@" + s.Asterisk.SIP + ">"}, Dialog: live,
	}})
	require.NoError(t, s.trunk.HangUp(s.ctx, live))
	s.eventually("the agent is free", func() error {
		if s.metric("bereikbaar_phones_active") != 0 {
			return errors.New("not yet")
		}
		return nil
	})
	s.nothingElse("the end")
	s.atRest()
}
