package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// redirects are answers that send a call elsewhere. A careless Asterisk dials each of the targets.
func redirects() [][]string {
	const number, fraud, colleague, ourselves = "Contact: <sip:0612345678@x>",
		"Contact: <sip:PJSIP%2F%2B31909012345%40trunk@x>",
		"Contact: <sip:kcc2@x>", "Contact: <sip:140570@x>"
	moved := func(lines ...string) []string { return append([]string{"SIP/2.0 302 Moved Temporarily"}, lines...) }
	return [][]string{
		moved(number),
		moved(fraud),
		moved(colleague),
		moved(ourselves),
		moved("Contact: <tel:+31909012345>"),
		moved("Contact: <sip:Local%2F0909012345%40from-phones@x>"),
		moved("Contact: <sip:PJSIP%2Fkcc2@x>"),
		moved(number + ";q=0.1, <sip:kcc2@x>;q=0.9, <sip:140570@x>"),
		moved("Contact: <sip:140570@x>;expires=60", "Contact: <sip:PJSIP%2Ftrunk%2Fsip:0909012345%40x@x>"),
		{"SIP/2.0 300 Multiple Choices", colleague, fraud},
		{"SIP/2.0 301 Moved Permanently", fraud},
		{"SIP/2.0 305 Use Proxy", fraud},
		{"SIP/2.0 380 Alternative Service", fraud},
		moved(fraud, "Diversion: <sip:kcc1@x>;reason=unconditional;counter=1"),
		moved(ourselves, "History-Info: <sip:kcc1@x>;index=1, <sip:0909012345@x>;index=1.1;mp=1"),
	}
}

// forwarding is a rig in which a phone sends every call elsewhere, and all possible targets listen.
type forwarding struct {
	*scene
	phone, colleague, outside *rig.Peer
}

func forwards(t *testing.T, phone string, overrides map[string]any) *forwarding {
	t.Helper()
	f := &forwarding{scene: open(t, overrides)}
	var err error
	f.outside, err = f.PeerTrunk()
	require.NoError(t, err)
	f.colleague = f.loggedIn("kcc2")
	if phone == "trunk" {
		f.phone = f.outside
	} else {
		f.phone = f.loggedIn(phone)
	}
	return f
}

// loggedIn is a phone that refuses every call by default.
func (s *scene) loggedIn(name string) *rig.Peer {
	s.t.Helper()
	p, err := s.PeerPhone(name)
	require.NoError(s.t, err)
	require.NoError(s.t, p.Register(s.ctx))
	return p
}

// nobodyElseWasRung asserts that the daemon had exactly so many calls, and that neither the trunk nor a colleague was
// rung.
func (f *forwarding) nobodyElseWasRung(calls int) {
	f.t.Helper()
	require.NoError(f.t, f.Asterisk.AwaitIdle(f.ctx))
	require.Empty(f.t, f.colleague.Invites())
	if f.phone != f.outside {
		require.Empty(f.t, f.outside.Invites())
	}
	require.Zero(f.t, f.metric("bereikbaar_ari_channels_refused_total"))
	f.eventually(
		"every call is counted", func() error { return equal(float64(calls), f.metric("bereikbaar_calls_total")) },
	)
}

// onlyKCC1 lets every caller wait for one phone, which is rung again at once and never paused.
func onlyKCC1(settings map[string]any) map[string]any {
	return straightToTheContactCentre(rig.Overrides(map[string]any{
		"members": []string{"kcc1"}, "retry": "1s", "missed_limit": 0, "callback": map[string]any{"enabled": false},
	}, settings))
}

func TestAForwardFromTheQueueIsNotFollowed(t *testing.T) {
	f := forwards(t, "kcc1", onlyKCC1(nil))
	f.phone.Replies(redirects()[0]...)
	c := f.rings(rig.CallerOptions{To: straight})
	for i, answer := range redirects() {
		f.phone.Replies(answer...)
		before := f.metric("bereikbaar_rings_failed_total", "team", "kcc", "reason", "forwarded")
		f.eventually(fmt.Sprintf("redirect %d counts as not answered", i), func() error {
			if f.metric("bereikbaar_rings_failed_total", "team", "kcc", "reason", "forwarded") == before {
				return errors.New("not yet")
			}
			return nil
		})
	}
	require.Equal(t, 1.0, f.metric("bereikbaar_calls_active"))
	require.Equal(t, 1.0, f.metric("bereikbaar_callers_waiting"))
	f.eventually("the agent is shown as forwarded", func() error {
		return equal(1, f.metric("bereikbaar_agents", "team", "kcc", "state", "forwarded"))
	})
	require.Zero(t, f.metric("bereikbaar_rings_failed_total", "reason", "fault"))
	c.hangsUp()
	f.nobodyElseWasRung(1)
	f.atRest()
	require.Equal(t, 1.0, f.ended(call.Abandoned))
}

// answers are final answers that are no redirect, each with a target all the same.
func answers() [][]string {
	const fraud = "Contact: <sip:PJSIP%2F%2B31909012345%40trunk@x>"
	var list [][]string
	for _, status := range []string{
		"400 Bad", "404 Not Found", "410 Gone", "413 Too Large", "415 Type", "416 Scheme", "420 Extension", "480 Away",
		"481 Gone", "484 Incomplete",
		"485 Ambiguous", "486 Busy", "488 Not Here", "493 Undecipherable", "500 Fault", "503 Overloaded", "600 Busy",
		"603 Declined", "604 Nowhere", "606 No",
	} {
		list = append(list, []string{
			"SIP/2.0 " + status, fraud, "Retry-After: 1", "Diversion: <sip:kcc2@x>", "Error-Info: <sip:0909012345@x>",
		})
	}
	const challenge = `Digest realm="asterisk", nonce="x", algorithm=MD5`
	return append(list,
		[]string{"SIP/2.0 401 Who", "WWW-Authenticate: " + challenge, fraud}, []string{
			"SIP/2.0 407 Who", "Proxy-Authenticate: " + challenge, fraud,
		})
}

func TestNoOtherAnswerIsFollowedEither(t *testing.T) {
	f := forwards(t, "kcc1", onlyKCC1(nil))
	c := f.rings(rig.CallerOptions{To: straight})
	for i, answer := range answers() {
		f.phone.Replies(answer...)
		require.NoError(t, f.phone.AwaitInvites(f.ctx, len(f.phone.Invites())+1), "answer %d", i)
	}
	require.Zero(t, f.metric("bereikbaar_rings_failed_total", "reason", "forwarded"))

	for _, method := range []string{"OPTIONS", "BYE", "NOTIFY", "UPDATE"} { // and of other requests
		f.phone.RepliesTo(method, redirects()[1]...)
	}
	_, err := f.Asterisk.CLI(f.ctx, "pjsip qualify kcc1")
	require.NoError(t, err)
	f.phone.Replies("SIP/2.0 200 OK")
	f.eventually(
		"the two talk",
		func() error { return equal(1, f.metric("bereikbaar_agents", "team", "kcc", "state", "talking")) },
	)
	c.hangsUp()
	f.nobodyElseWasRung(1)
	f.atRest()
}

func TestAChannelThatBelongsToNoCallIsHungUp(t *testing.T) {
	f := forwards(t, "kcc1", nil)
	f.phone.Replies("SIP/2.0 200 OK")
	for i, made := range []string{
		"PJSIP/kcc1 application Stasis bereikbaar", "Local/kcc1@from-phones application Stasis bereikbaar,forwarded",
	} {
		_, err := f.Asterisk.CLI(f.ctx, "channel originate "+made)
		require.NoError(t, err)
		f.eventually(
			"it is refused",
			func() error { return equal(float64(i+1), f.metric("bereikbaar_ari_channels_refused_total")) },
		)
		require.NoError(t, f.Asterisk.AwaitIdle(f.ctx))
	}
	f.logs("hung up a channel that is neither a caller nor a phone that we ring")
	require.Zero(t, f.metric("bereikbaar_calls_total"))
	f.atRest()
}

func TestAPhoneThatForwardsIsPausedLikeOneThatIsNotAnswered(t *testing.T) {
	f := forwards(t, "kcc1", onlyKCC1(map[string]any{"missed_limit": 2, "missed_pause": "1h"}))
	f.phone.Replies(redirects()[1]...)
	c := f.rings(rig.CallerOptions{To: straight})
	f.eventually("the agent is paused", func() error {
		return equal(1, f.metric("bereikbaar_agents", "team", "kcc", "state", "paused"))
	})
	require.Len(t, f.phone.Invites(), 2)
	require.Equal(t, 2.0, f.metric("bereikbaar_rings_failed_total", "team", "kcc", "reason", "forwarded"))
	c.hangsUp()
	f.nobodyElseWasRung(1)
	f.atRest()
}

func TestAForwardOfAColleagueWhoIsDialledIsNotFollowed(t *testing.T) {
	f := forwards(t, "kcc1", nil)
	dials := f.loggedIn("verg1")
	for i, redirect := range redirects() {
		f.phone.Replies(redirect...)
		ctx, cancel := context.WithTimeout(f.ctx, 30*time.Second)
		answer, _, err := dials.Send(ctx, rig.SIPRequest{Method: "INVITE", URI: "kcc1"})
		cancel()
		require.NoError(t, err)
		require.GreaterOrEqual(t, answer.Status(), 400, "redirect %d: %v", i, answer)
		require.Len(t, f.phone.Invites(), i+1)
	}
	f.nobodyElseWasRung(0)
	f.atRest()
}

func TestAForwardOfTheColleaguesOwnPhoneIsNotFollowed(t *testing.T) {
	f := forwards(t, "verg2", nil)
	desk := &colleague{Agent: &rig.Agent{Name: "verg2"}, s: f.scene}
	before := desk.claimed()
	for i, redirect := range redirects() {
		f.phone.Replies(redirect...)
		desk.does("call", before)
		require.NoError(t, f.phone.AwaitInvites(f.ctx, i+1))
		f.eventually("the phone rings no more", func() error { return equal(0, f.metric("bereikbaar_phones_active")) })
	}
	f.nobodyElseWasRung(1)
	require.Equal(t, before, f.kept("0612345678"), "and no attempt was made")
	f.atRest()
}

func TestAForwardByTheCallerWhoIsCalledBackIsNotFollowed(t *testing.T) {
	f := forwards(t, "trunk", nil)
	desk := &colleague{Agent: &rig.Agent{Name: "verg1"}, s: f.scene}
	n := desk.claimed()
	desk.Agent = f.agent("verg1", rig.Behaviour{})
	for i, redirect := range [][]string{redirects()[0], redirects()[1], redirects()[9]} {
		f.phone.Replies(redirect...)
		desk.does("call", n)
		require.NoError(t, f.phone.AwaitInvites(f.ctx, i+1))
		desk.hearsWhole("nl/attempt-not-reached")
		n = f.kept("0612345678")
		require.Len(t, n.Attempts, i+1)
		require.Equal(t, attempt.LineNoAnswer, n.Attempts[i].Line)
		require.NoError(t, f.Asterisk.AwaitIdle(f.ctx))
		require.Len(t, f.phone.Invites(), i+1)
		desk.Agent = f.agent("verg1", rig.Behaviour{})
		desk.listened = time.Now()
	}
	f.nobodyElseWasRung(1)
	f.atRest()
}

func TestAForwardInTheFallbackIsNotFollowed(t *testing.T) {
	f := forwards(t, "kcc1", nil)
	require.NoError(t, f.Daemon.Stop())
	// a member too, never rung for a forward: that would bypass its queue
	f.colleague.Replies("SIP/2.0 486 Busy Here")
	c := f.rings(rig.CallerOptions{})
	c.hears("nl/fallback")
	for i, redirect := range redirects() {
		f.phone.Replies(redirect...)
		require.NoError(t, f.phone.AwaitInvites(f.ctx, i+1))
	}
	require.NoError(t, f.phone.AwaitInvites(f.ctx, len(redirects())+1))
	c.hangsUp()
	require.NoError(t, f.Asterisk.AwaitIdle(f.ctx))
	require.Empty(t, f.outside.Invites())
	for _, invite := range f.colleague.Invites() {
		require.NotContains(t, invite.Get("From"), "kcc1")
	}
	channels, err := f.Asterisk.CLI(f.ctx, "core show channels count")
	require.NoError(t, err)
	require.Contains(t, channels, "\n1 call processed", "Asterisk made no call of its own")
	require.NoError(t, f.Daemon.Start(f.ctx))
}

// The dialplan rings the target of a transfer, with the rights of the phone that transfers.
func TestAForwardByTheTargetOfATransferIsNotFollowed(t *testing.T) {
	f := forwards(t, "kcc1", onlyKCC1(nil))
	for i, redirect := range redirects()[:4] {
		f.phone.Replies("SIP/2.0 200 OK")
		f.colleague.Replies(redirect...)
		_, live, err := f.outside.Send(f.ctx, rig.SIPRequest{
			Method: "INVITE", URI: straight, From: "<sip:0612345678@x>",
		})
		require.NoError(t, err)
		require.NotNil(t, live)
		f.eventually("the two talk", func() error {
			return equal(1, f.metric("bereikbaar_agents", "team", "kcc", "state", "talking"))
		})
		f.phone.Replies("SIP/2.0 486 Busy Here")
		_, _, err = f.phone.Send(f.ctx, rig.SIPRequest{
			Method: "REFER", Dialog: f.phone.Taken(len(f.phone.Invites())),
			Headers: []string{"Refer-To: <sip:kcc2@" + f.Asterisk.SIP + ">"},
		})
		require.NoError(t, err)
		require.NoError(t, f.colleague.AwaitInvites(f.ctx, i+1))
		f.eventually("the caller is with us, and the agent is free", func() error {
			return equal(
				1, f.metric("bereikbaar_calls_active")-f.metric("bereikbaar_agents", "team", "kcc", "state", "talking"),
			)
		})
		require.NoError(t, f.outside.HangUp(f.ctx, live))
		require.NoError(t, f.Asterisk.AwaitIdle(f.ctx))
		require.Len(t, f.colleague.Invites(), i+1)
		require.Empty(t, f.outside.Invites(), "redirect %d", i)
		require.Zero(t, f.metric("bereikbaar_ari_channels_refused_total"))
	}
	f.atRest()
}
