package asterisk

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/queue"
)

const (
	ofKCC1  = "bereikbaar.desk.kcc1.ring-1"
	outside = "bereikbaar.out.kcc1.out-1"
)

// idleCallbacks notes the callbacks that are taken back and lets each last until its colleague hangs up.
type idleCallbacks struct {
	taken   chan ivr.Kept
	seenOut chan error // how the conversation of a transferred callback ended
}

func (c *idleCallbacks) TakeBack(ctx context.Context, _ ivr.Line, _ call.AgentID, kept ivr.Kept) error {
	c.taken <- kept
	<-ctx.Done()
	return nil
}

func (c *idleCallbacks) SeeOut(
	_ context.Context, colleague call.AgentID, state string, _ time.Time, over func() error,
) error {
	err := over()
	if colleague != "kcc1" || state != "what was kept" {
		err = fmt.Errorf("seen out as %q of %q", state, colleague)
	}
	c.seenOut <- err
	return err
}

// held answers as an Asterisk with these channels, by id, in these states, and this bridge between them.
func held(states map[string]string, bridged ...string) func(fakeRequest) (int, string, bool) {
	var channels, ids []string
	for id, state := range states {
		channels = append(
			channels, fmt.Sprintf(`{"id":%q,"state":%q,"creationtime":"2026-11-20T09:00:00.000+0100"}`, id, state),
		)
		ids = append(ids, fmt.Sprintf("%q", id))
	}
	bridges := "[]"
	if len(bridged) > 0 {
		bridges = fmt.Sprintf(`[{"id":%q,"channels":[%q]}]`, bridgeID(ofKCC1), strings.Join(bridged, `","`))
		bridges = strings.ReplaceAll(bridges, `\"`, `"`)
	}
	return func(r fakeRequest) (int, string, bool) {
		path, _, _ := strings.Cut(r.URI, "?")
		switch {
		case r.Method != http.MethodGet:
			return http.StatusOK, "{}", true
		case path == "channels":
			return http.StatusOK, "[" + strings.Join(channels, ",") + "]", true
		case path == "bridges":
			return http.StatusOK, bridges, true
		case strings.HasPrefix(path, "applications/"):
			return http.StatusOK, `{"channel_ids":[` + strings.Join(ids, ",") + `]}`, true
		case strings.HasSuffix(path, "/variable"):
			return http.StatusOK, `{"value":"what was kept"}`, true
		}
		return http.StatusOK, "{}", true
	}
}

// deskBoard is a switchboard with a link to an Asterisk that answers so.
func deskBoard(
	t *testing.T, reply func(fakeRequest) (int, string, bool),
	test func(*testing.T, *Switchboard, *fakeAsterisk, *idleCallbacks),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.answering(reply)
		c := connect(t, f)
		require.NoError(t, c.AwaitUp(t.Context()))
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		callbacks := &idleCallbacks{taken: make(chan ivr.Kept, 10), seenOut: make(chan error, 10)}
		b.Connect(&idleOperator{}, callbacks, func(string, queue.PhoneState) {})
		test(t, b, f, callbacks)
		require.NoError(t, b.Halt(t.Context()))
	})
}

func (f *fakeAsterisk) hungUp() (channels []string) {
	for _, c := range f.commands() {
		if rest, ok := strings.CutPrefix(c, "DELETE channels/"); ok {
			id, _, _ := strings.Cut(rest, " ")
			channels = append(channels, id)
		}
	}
	return channels
}

func TestALostLinkLeavesAColleaguesPhoneRinging(t *testing.T) {
	for state, answered := range map[string]bool{"Ringing": false, "Up": true} {
		t.Run(state, func(t *testing.T) {
			deskBoard(t, held(map[string]string{ofKCC1: state}), func(
				t *testing.T, b *Switchboard, f *fakeAsterisk, _ *idleCallbacks,
			) {
				leg := newLeg(b, ofKCC1)
				b.addLeg(leg)
				require.NoError(t, b.Reconcile(t.Context()))
				require.Empty(t, f.hungUp())
				select {
				case <-leg.up:
					require.True(t, answered)
				default:
					require.False(t, answered)
				}
			})
		})
	}
}

func TestACallbackThatADaemonFinds(t *testing.T) {
	for name, test := range map[string]struct {
		states  map[string]string
		bridged []string
		taken   bool
		talking string
		hungUp  []string
	}{
		"the colleague's phone rings": {
			states: map[string]string{ofKCC1: "Ringing"}, hungUp: []string{ofKCC1},
		},
		"the caller's phone rings": {
			states: map[string]string{ofKCC1: "Up", outside: "Ringing"}, taken: true, hungUp: []string{outside},
		},
		"the two talk": {
			states: map[string]string{ofKCC1: "Up", outside: "Up"}, bridged: []string{ofKCC1, outside}, taken: true,
			talking: outside,
		},
		"the caller is gone": {
			states: map[string]string{ofKCC1: "Up"}, bridged: []string{ofKCC1}, taken: true,
		},
		"the colleague is gone": {
			states: map[string]string{outside: "Up"}, bridged: []string{outside}, hungUp: []string{outside},
		},
		"the colleague has put the caller through": {
			states: map[string]string{outside: "Up", "heir": "Up"}, bridged: []string{outside, "heir"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			deskBoard(t, held(test.states, test.bridged...), func(
				t *testing.T, b *Switchboard, f *fakeAsterisk, callbacks *idleCallbacks,
			) {
				for range 3 { // the link is lost again, and again
					require.NoError(t, b.Reconcile(t.Context()))
					synctest.Wait()
				}
				if test.taken {
					require.Len(t, callbacks.taken, 1)
					kept := <-callbacks.taken
					require.Equal(t, "what was kept", kept.State)
					if test.talking == "" {
						require.Nil(t, kept.Talk)
					} else {
						require.Equal(t, test.talking, kept.Talk.Leg.ID())
					}
					require.Contains(t, f.commands(), "DELETE playbacks/"+toneID(ofKCC1), "a tone has no end")
				}
				require.Empty(t, callbacks.taken)
				for _, channel := range f.hungUp() {
					require.Contains(t, test.hungUp, channel)
				}
				require.Equal(t, len(test.hungUp) > 0, len(f.hungUp()) > 0)
			})
		})
	}
}

// replaced is the event of a channel that took the place of a colleague's phone, whose user has hung up.
const replaced = `{"type":"StasisStart","application":"bereikbaar","args":[],"channel":{"id":"heir"},"replace_channel":{"id":%q}}`

// talkingDesk is a colleague's line that talks with the caller outside; over gives the end of the conversation.
func talkingDesk(t *testing.T, b *Switchboard) (over chan error) {
	t.Helper()
	desk, out := newLeg(b, ofKCC1), newLeg(b, outside)
	b.addLeg(desk)
	b.addLeg(out)
	over = make(chan error, 1)
	require.NotNil(t, b.handle(Channel{ID: ofKCC1, State: "Up"}, nil, desk, func(
		ctx context.Context, line *Line,
	) error {
		over <- line.Talk(ctx, out)
		return nil
	}))
	synctest.Wait()
	b.tell(t, replaced, ofKCC1)
	b.tell(t, channelGone, 16, ofKCC1)
	synctest.Wait()
	require.Empty(t, over, "the two talk on")
	return over
}

func TestACallerTalksOnAfterTheColleaguesTransfer(t *testing.T) {
	for gone, hungUp := range map[string]string{outside: "heir", "heir": "heir"} {
		t.Run(gone+" hangs up", func(t *testing.T) {
			deskBoard(t, held(nil), func(t *testing.T, b *Switchboard, f *fakeAsterisk, _ *idleCallbacks) {
				over := talkingDesk(t, b)
				require.NotContains(t, f.commands(), "DELETE bridges/"+bridgeID(ofKCC1))
				b.tell(t, channelGone, 16, gone)
				synctest.Wait()
				require.ErrorIs(t, <-over, ivr.ErrHungUp)
				require.Contains(t, f.commands(), "DELETE bridges/"+bridgeID(ofKCC1))
				require.Equal(t, []string{hungUp}, f.hungUp())
			})
		})
	}
}

func TestADaemonThatStopsLeavesATransferredCallbackTalking(t *testing.T) {
	deskBoard(t, held(nil), func(t *testing.T, b *Switchboard, f *fakeAsterisk, _ *idleCallbacks) {
		over := talkingDesk(t, b)
		require.NoError(t, b.Halt(t.Context()))
		require.ErrorIs(t, <-over, ivr.ErrShutdown)
		require.Empty(t, f.hungUp())
	})
}

// The next daemon watches over the two until one hangs up.
func TestATransferredCallbackGoesOnUnderTheNextDaemon(t *testing.T) {
	for _, gone := range []string{outside, "heir"} {
		t.Run(gone+" hangs up", func(t *testing.T) {
			states := map[string]string{outside: "Up", "heir": "Up"}
			deskBoard(t, held(states, "heir", outside), func(
				t *testing.T, b *Switchboard, f *fakeAsterisk, callbacks *idleCallbacks,
			) {
				for range 2 { // and the link is lost
					require.NoError(t, b.Reconcile(t.Context()))
					synctest.Wait()
				}
				require.Empty(t, f.hungUp())
				require.Empty(t, destroyed(f))
				lines, legs := b.Size()
				require.Equal(t, []int{0, 2}, []int{lines, legs}, "none of them is a new caller")
				require.Empty(t, callbacks.seenOut)
				b.tell(t, channelGone, 16, gone)
				synctest.Wait()
				require.NoError(t, <-callbacks.seenOut)
				require.Equal(t, []string{bridgeID(ofKCC1)}, destroyed(f))
				require.ElementsMatch(
					t, []string{outside, "heir"}, f.hungUp(), "hanging up a channel that is gone does no harm",
				)
			})
		})
	}
}

func TestATransferredCallbackGoesOnUnderEveryLaterDaemon(t *testing.T) {
	states := map[string]string{outside: "Up", "heir": "Up"}
	deskBoard(t, held(states, "heir", outside), func(
		t *testing.T, b *Switchboard, f *fakeAsterisk, callbacks *idleCallbacks,
	) {
		require.NoError(t, b.Reconcile(t.Context()))
		require.NoError(t, b.Halt(t.Context()))
		require.ErrorIs(t, <-callbacks.seenOut, ivr.ErrShutdown)
		require.Empty(t, f.hungUp())
		require.Empty(t, destroyed(f))
	})
}

// No phone rings for a daemon that is gone.
func TestADaemonThatStopsSilencesAColleaguesPhone(t *testing.T) {
	deskBoard(t, held(nil), func(t *testing.T, b *Switchboard, f *fakeAsterisk, _ *idleCallbacks) {
		gone := make(chan string, 1)
		f.answering(func(r fakeRequest) (int, string, bool) {
			if r.Method == http.MethodDelete {
				gone <- strings.Split(r.URI, "/")[1]
			}
			return http.StatusOK, "{}", true
		})
		x := Exchange{Board: b, Trunk: func() string { return "PJSIP/{number}@trunk" }}
		rung := make(chan error, 1)
		go func() {
			rung <- x.RingDesk(
				t.Context(), ivr.Desk{Agent: "kcc1", Endpoint: "PJSIP/kcc1", State: "{}", For: time.Minute}, nil,
			)
		}()
		synctest.Wait()
		halted := make(chan error, 1)
		go func() { halted <- b.Halt(t.Context()) }()
		b.tell(t, channelGone, 16, <-gone)
		require.NoError(t, <-halted)
		require.ErrorIs(t, <-rung, ivr.ErrShutdown)
		require.Len(t, f.hungUp(), 1, "before the daemon is gone")
		require.ErrorIs(t, x.RingDesk(t.Context(), ivr.Desk{}, nil), ivr.ErrShutdown)
	})
}

// Before a conversation the colleague's call moves: it is begun anew with the new colleague.
func TestACallbackWithoutAConversationMovesToTheNewColleague(t *testing.T) {
	deskBoard(t, held(nil), func(t *testing.T, b *Switchboard, _ *fakeAsterisk, _ *idleCallbacks) {
		desk := newLeg(b, ofKCC1)
		b.addLeg(desk)
		broken, over := make(chan error, 1), make(chan struct{})
		line := b.handle(Channel{ID: ofKCC1, State: "Up"}, nil, desk, func(ctx context.Context, line *Line) error {
			defer close(over)
			attended, end := line.Attend(ctx)
			defer end()
			<-attended.Done()
			broken <- context.Cause(attended)
			<-ctx.Done()
			return nil
		})
		synctest.Wait()
		b.tell(t, replaced, ofKCC1)
		b.tell(t, channelGone, 16, ofKCC1)
		synctest.Wait()
		require.ErrorIs(t, <-broken, ivr.ErrPutThrough)
		require.Same(t, line, b.line("heir"))
		select {
		case <-over:
			t.Fatal("it ended with the colleague's phone")
		default:
		}
		b.tell(t, channelGone, 16, "heir")
		<-over
		synctest.Wait()
		lines, legs := b.Size()
		require.Zero(t, lines+legs, "nothing is left behind")
	})
}
