package asterisk

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/queue"
)

// asteriskHas is what the fake Asterisk lists.
type asteriskHas struct {
	channels []string            // all of them in our application, and up
	bridges  map[string][]string // channels by bridge, the first being the bridge's name
	named    map[string]string   // names of channels, where they matter
	down     bool                // none is up yet
	running  map[string]string   // the dialplan application of channels that did not come by the callers' Stasis()
}

func (a asteriskHas) answer(r fakeRequest) (int, string, bool) {
	quoted := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return `"` + strings.Join(list, `","`) + `"`
	}
	var items []string
	switch {
	case r.Method != http.MethodGet:
	case r.URI == "applications/balie":
		return http.StatusOK, `{"channel_ids":[` + quoted(a.channels) + `]}`, true
	case r.URI == "channels":
		state := "Up"
		if a.down {
			state = "Down"
		}
		for i, id := range a.channels {
			items = append(items, fmt.Sprintf(`{"id":%q,"name":%q,"state":%q,"creationtime":"2026-11-20T15:00:%02d.000+0000",`+
				`"dialplan":{"app_name":%q,"app_data":"balie,caller,140570,allowed"}}`, id, a.named[id], state, i, cmp.Or(a.running[id], "Stasis")))
		}
		return http.StatusOK, "[" + strings.Join(items, ",") + "]", true
	case r.URI == "bridges":
		for id, b := range a.bridges {
			items = append(
				items,
				fmt.Sprintf(
					`{"id":%q,"name":%q,"creationtime":"2026-11-20T15:01:00.000+0000","channels":[%s]}`, id, b[0],
					quoted(b[1:]),
				),
			)
		}
		return http.StatusOK, "[" + strings.Join(items, ",") + "]", true
	}
	return http.StatusOK, "{}", true
}

// talkingOperator takes calls back, and lets found conversations go on.
type talkingOperator struct {
	mu     sync.Mutex
	queued []call.ID            // taken back without a conversation, or new
	talks  map[call.ID]ivr.Talk // taken back with one
	ended  []call.ID
}

func (o *talkingOperator) Take(ctx context.Context, line ivr.Line, incoming call.Call) error {
	return o.TakeBack(ctx, line, incoming, ivr.Kept{})
}

func (o *talkingOperator) TakeBack(ctx context.Context, line ivr.Line, incoming call.Call, kept ivr.Kept) error {
	if kept.Ready != nil {
		kept.Ready()
	}
	o.mu.Lock()
	if kept.Talk == nil {
		o.queued = append(o.queued, incoming.ID)
	} else {
		o.talks[incoming.ID] = *kept.Talk
	}
	o.mu.Unlock()
	var err error
	if kept.Talk != nil {
		err = line.Talk(ctx, kept.Talk.Leg)
	} else {
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	o.mu.Lock()
	o.ended = append(o.ended, incoming.ID)
	o.mu.Unlock()
	return err
}

func gone(leg dispatch.Leg) bool {
	select {
	case <-leg.Gone():
		return true
	default:
		return false
	}
}

// found reconciles a switchboard with Asterisk, and then tests it.
func found(
	t *testing.T, has asteriskHas, test func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator),
) {
	t.Helper()
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(has.answer)
		o := &talkingOperator{talks: map[call.ID]ivr.Talk{}}
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(o, nil, func(string, queue.PhoneState) {})
		require.NoError(t, b.Reconcile(t.Context()))
		synctest.Wait()
		test(t, f, b, o)
		require.NoError(t, b.Halt(t.Context()))
	})
}

func destroyed(f *fakeAsterisk) (bridges []string) {
	for _, c := range f.commands() {
		if id, ok := strings.CutPrefix(c, "DELETE bridges/"); ok {
			bridges = append(bridges, id)
		}
	}
	return bridges
}

func TestAConversationThatIsFoundGoesOn(t *testing.T) {
	leg := legID("kcc1", "ring-1")
	found(t, asteriskHas{
		channels: []string{"c1", leg},
		bridges:  map[string][]string{bridgeID("c1"): {leg, "c1", leg}},
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator) {
		require.Empty(t, o.queued)
		require.Equal(t, call.AgentID("kcc1"), o.talks["c1"].Agent)
		require.False(t, gone(o.talks["c1"].Leg))
		require.Empty(t, destroyed(f))
	})
}

// Asterisk lists a channel again that changes meanwhile.
func TestAConversationWhoseChannelsAreListedTwiceIsOne(t *testing.T) {
	leg := legID("kcc1", "ring-1")
	found(t, asteriskHas{
		channels: []string{"c1", leg, "c1", leg, leg},
		bridges:  map[string][]string{bridgeID("c1"): {leg, "c1", leg}},
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator) {
		lines, legs := b.Size()
		require.Equal(t, []int{1, 1}, []int{lines, legs})
		b.tell(t, channelGone, 16, leg)
		synctest.Wait()
		require.Equal(t, []call.ID{"c1"}, o.ended)
	})
}

func TestACallerTalksOnAfterTheAgentsTransfer(t *testing.T) {
	leg := legID("kcc1", "ring-1")
	found(t, asteriskHas{
		channels: []string{"c1", "colleague"},
		bridges:  map[string][]string{bridgeID("c1"): {leg, "c1", "colleague"}},
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator) {
		require.Empty(t, o.queued, "the colleague is no caller, and the caller waits for nobody")
		require.Equal(t, call.AgentID("kcc1"), o.talks["c1"].Agent)
		require.True(t, gone(o.talks["c1"].Leg), "the agent is free")
		require.Empty(t, o.ended)
		b.tell(t, channelGone, 16, "colleague")
		synctest.Wait()
		require.Equal(t, []call.ID{"c1"}, o.ended)
	})
}

func TestACallerWhoWasPutThroughToAnAgentGoesOnTalking(t *testing.T) {
	leg := legID("kcc1", "ring-1")
	found(t, asteriskHas{
		channels: []string{leg, "citizen"},
		bridges:  map[string][]string{bridgeID("line-of-the-colleague"): {leg, "citizen", leg}},
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator) {
		require.Empty(t, o.queued)
		require.Equal(t, call.AgentID("kcc1"), o.talks["citizen"].Agent)
		require.Empty(t, destroyed(f))
		b.tell(t, channelGone, 16, leg)
		synctest.Wait()
		require.Equal(t, []call.ID{"citizen"}, o.ended)
		require.Equal(t, []string{bridgeID("line-of-the-colleague")}, destroyed(f))
	})
}

func TestAConversationThatEndedMeanwhileIsOver(t *testing.T) {
	leg := legID("kcc1", "ring-1")
	found(t, asteriskHas{
		channels: []string{"c1"},
		bridges:  map[string][]string{bridgeID("c1"): {leg, "c1"}},
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator) {
		require.Empty(t, o.queued)
		require.Equal(t, call.AgentID("kcc1"), o.talks["c1"].Agent)
		require.Equal(t, []call.ID{"c1"}, o.ended)
		require.Equal(t, []string{bridgeID("c1")}, destroyed(f))
	})
}

func TestABridgeThatIsLeftOverIsRemovedBeforeItsCallerIsQueued(t *testing.T) {
	leg := legID("kcc1", "ring-1")
	found(t, asteriskHas{
		channels: []string{"c1", leg},
		bridges:  map[string][]string{bridgeID("c1"): {leg, leg}},
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator) {
		require.Equal(t, []call.ID{"c1"}, o.queued)
		require.Equal(t, []string{bridgeID("c1")}, destroyed(f))
		require.Contains(t, f.commands(), `DELETE channels/`+leg+` {"reason_code":"16"}`)
	})
}

func TestATransferThatWasMadeWhileTheLinkWasAway(t *testing.T) {
	leg := legID("kcc1", "ring-1")
	for name, after := range map[string]asteriskHas{
		"by the agent": {
			channels: []string{"c1", "stranger"},
			bridges:  map[string][]string{bridgeID("c1"): {leg, "c1", "stranger"}},
		},
		"by a colleague who had rung for the caller": {
			channels: []string{leg, "stranger"},
			bridges:  map[string][]string{bridgeID("c1"): {leg, leg, "stranger"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			found(t, asteriskHas{
				channels: []string{"c1", leg},
				bridges:  map[string][]string{bridgeID("c1"): {leg, "c1", leg}},
			}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator) {
				f.answering(after.answer)
				for range 2 { // nor at the next reconnection
					require.NoError(t, b.Reconcile(t.Context()))
					synctest.Wait()
					require.Empty(t, o.queued)
					require.Empty(t, o.ended, "nobody is cut off")
					require.Empty(t, destroyed(f))
				}
				b.tell(t, channelGone, 16, "stranger")
				synctest.Wait()
				require.Equal(t, []call.ID{"c1"}, o.ended)
			})
		})
	}
}

func TestAChannelThatIsFoundAndIsNobodysCallIsHungUp(t *testing.T) {
	refused := 0
	has := asteriskHas{
		channels: []string{"caller", "stray", "forwarded", "remembered", "put-through"},
		running: map[string]string{
			"stray": "AppDial2", "forwarded": "AppDial2", "remembered": "AppDial2", "put-through": "AppDial2",
		},
		named: map[string]string{
			"forwarded":   "Local/0612345678@from-phones-00000001;1",
			"put-through": "Local/_attended@transfer-00000001;2",
		},
	}
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(r fakeRequest) (int, string, bool) {
			if strings.HasPrefix(r.URI, "channels/remembered/variable") {
				return http.StatusOK, `{"value":"a state"}`, true
			}
			return has.answer(r)
		})
		o := &talkingOperator{talks: map[call.ID]ivr.Talk{}}
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(o, nil, func(string, queue.PhoneState) {})
		b.OnStray(func() { refused++ })
		require.NoError(t, b.Reconcile(t.Context()))
		synctest.Wait()
		require.ElementsMatch(t, []call.ID{"caller", "remembered", "put-through"}, o.queued)
		require.Equal(t, 2, refused)
		for _, stray := range []string{"stray", "forwarded"} {
			require.Contains(t, f.commands(), `DELETE channels/`+stray+` {"reason_code":"16"}`)
		}
		require.NoError(t, b.Halt(t.Context()))
	})
}
