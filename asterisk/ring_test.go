package asterisk

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// of sends an event about the phone that is rung.
func (b *Switchboard) of(t *testing.T, kind, channel, state, rest string) {
	t.Helper()
	b.tell(
		t, `{"type":%q,"application":"balie","args":[],"channel":{"id":%q,"state":%q}%s}`, kind, channel, state, rest,
	)
}

// rung rings a phone on a board, and gives its channel once it may be dialled, and the result of the ring.
func rung(t *testing.T, f *fakeAsterisk, c *testConn) (b *Switchboard, channel string, over <-chan error) {
	t.Helper()
	b = NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
	b.Connect(&idleOperator{}, nil, func(string, queue.PhoneState) {})
	ended := make(chan error, 1)
	go func() {
		_, err := b.Ring(t.Context(), dispatch.Invitation{
			Agent: routing.Agent{ID: "kcc1", Endpoint: "PJSIP/kcc1"}, For: time.Minute,
		})
		ended <- err
	}()
	synctest.Wait()
	require.Len(t, f.commands(), 1)
	body, ok := strings.CutPrefix(f.commands()[0], "POST channels/create ")
	require.True(t, ok)
	return b, gjson.Get(body, "channelId").Str, ended
}

func TestAPhoneIsDialledWhenItsChannelHasCome(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusNoContent, "", true })
		b, channel, over := rung(t, f, c)
		b.of(t, "StasisStart", channel, "Down", "")
		synctest.Wait()
		require.Equal(t, "POST channels/"+channel+`/dial {"timeout":60}`, f.commands()[1])
		b.of(t, "ChannelStateChange", channel, "Ringing", "")
		synctest.Wait()
		require.Empty(t, over)
		b.of(t, "ChannelStateChange", channel, "Up", "")
		require.NoError(t, <-over)
		require.Len(t, f.commands(), 2)
		b.of(t, "StasisEnd", channel, "Up", "")
		_, legs := b.Size()
		require.Zero(t, legs, "a conversation is over when its phone leaves")
	})
}

func TestAPhoneThatSendsTheCallElsewhereIsNotAnswered(t *testing.T) {
	for name, test := range map[string]struct {
		rest string
		want error
	}{
		"moved permanently":           {`,"cause":23,"tech_cause":301`, dispatch.ErrForwarded},
		"moved temporarily":           {`,"cause":23,"tech_cause":302`, dispatch.ErrForwarded},
		"multiple choices":            {`,"cause":0,"tech_cause":300`, dispatch.ErrForwarded},
		"alternative service":         {`,"cause":16,"tech_cause":380`, dispatch.ErrForwarded},
		"busy":                        {`,"cause":17,"tech_cause":486`, dispatch.ErrBusy},
		"hung up by us":               {`,"cause":16`, dispatch.ErrNoAnswer},
		"an older Asterisk says less": {`,"cause":19`, dispatch.ErrNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.answering(func(fakeRequest) (int, string, bool) { return http.StatusNoContent, "", true })
				b, channel, over := rung(t, f, c)
				b.of(t, "StasisStart", channel, "Down", "")
				b.of(t, "StasisEnd", channel, "Down", "")
				synctest.Wait()
				require.Empty(t, over, "the reason comes last")
				b.of(t, "ChannelDestroyed", channel, "Down", test.rest)
				err := <-over
				require.ErrorIs(t, err, test.want)
				require.Equal(t, errors.Is(test.want, dispatch.ErrForwarded), errors.Is(err, dispatch.ErrForwarded))
				require.False(t, errors.Is(test.want, dispatch.ErrForwarded) && !errors.Is(err, dispatch.ErrNoAnswer))
			})
		})
	}
}

func TestAPhoneThatIsGoneBeforeItIsDialledTellsWhy(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(r fakeRequest) (int, string, bool) {
			if strings.HasSuffix(r.URI, "/dial") {
				return http.StatusNotFound, `{"message":"Channel not found"}`, true
			}
			return http.StatusNoContent, "", true
		})
		b, channel, over := rung(t, f, c)
		b.of(t, "StasisStart", channel, "Down", "")
		synctest.Wait()
		b.of(t, "ChannelDestroyed", channel, "Down", `,"cause":20`)
		require.ErrorIs(t, <-over, dispatch.ErrUnreachable)
	})
}

func TestAChannelThatIsNeitherACallerNorAPhoneOfOursIsRefused(t *testing.T) {
	const comes = `{"type":"StasisStart","application":"balie","args":[%s],"channel":{"id":"x","name":%q,"state":"Up","dialplan":{"exten":"140570"}}%s}`
	for name, test := range map[string]struct {
		args, name, rest string
		taken            bool
	}{
		"a caller": {`"caller","140570","allowed"`, "PJSIP/trunk-1", "", true},
		"one put through in place of a stranger": {
			``, "Local/_attended@transfer-1;2", `,"replace_channel":{"id":"gone"}`, true,
		},
		"half of a forwarded call":          {``, "Local/0612345678@from-phones-1;1", "", false},
		"a phone that answered for another": {``, "PJSIP/kcc2-1", "", false},
		"another word":                      {`"called","140570","allowed"`, "PJSIP/trunk-1", "", false},
		"the word in another place":         {`"140570","caller"`, "PJSIP/trunk-1", "", false},
		"an empty word":                     {`"","140570"`, "PJSIP/trunk-1", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.answering(func(fakeRequest) (int, string, bool) { return http.StatusNoContent, "", true })
				o := &idleOperator{taken: make(chan call.Call, 1)}
				b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
				refused := 0
				b.Connect(o, nil, func(string, queue.PhoneState) {})
				b.OnStray(func() { refused++ })
				b.tell(t, comes, test.args, test.name, test.rest)
				synctest.Wait()
				if test.taken {
					require.Len(t, o.taken, 1)
					require.Zero(t, refused)
				} else {
					require.Empty(t, o.taken)
					require.Equal(t, 1, refused)
					require.Equal(t, []string{`DELETE channels/x {"reason_code":"16"}`}, f.commands())
				}
				require.NoError(t, b.Halt(context.Background()))
			})
		})
	}
}

// Between Create and Dial a phone can be lost in many ways; none may leave a channel, or a phone that counts as
// ringing.
func TestAPhoneThatMayNotBeDialledIsHungUp(t *testing.T) {
	for name, refusal := range map[string]struct {
		status int
		words  string
	}{
		"it has left the application":   {http.StatusConflict, messageNotInside},
		"it rings already":              {http.StatusConflict, "Channel is not in the 'Down' state"},
		"it was not made to be dialled": {http.StatusConflict, "Dialing a channel not created by ARI"},
		"Asterisk has no memory":        {http.StatusInternalServerError, messageNoContact},
	} {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.answering(func(r fakeRequest) (int, string, bool) {
					if strings.HasSuffix(r.URI, "/dial") {
						return refusal.status, `{"message":"` + refusal.words + `"}`, true
					}
					return http.StatusNoContent, "", true
				})
				b, channel, over := rung(t, f, c)
				b.of(t, "StasisStart", channel, "Down", "")
				b.of(t, "StasisStart", channel, "Down", "") // told twice: dialled once
				synctest.Wait()
				require.Equal(t, `DELETE channels/`+channel+` {"reason_code":"16"}`, f.commands()[2])
				b.of(t, "ChannelDestroyed", channel, "Down", `,"cause":16`)
				require.ErrorContains(t, <-over, refusal.words)
				require.Len(t, f.commands(), 3)
				_, legs := b.Size()
				require.Zero(t, legs)
			})
		})
	}
}

func TestAPhoneThatADaemonMadeAndDidNotDialIsHungUpByTheNext(t *testing.T) {
	channel := legID("kcc1", "ring-1")
	found(t, asteriskHas{channels: []string{channel}, down: true}, func(
		t *testing.T, f *fakeAsterisk, b *Switchboard, o *talkingOperator,
	) {
		require.Contains(t, f.commands(), `DELETE channels/`+channel+` {"reason_code":"16"}`)
		require.Empty(t, o.queued)
	})
}
