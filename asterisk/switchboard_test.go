package asterisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// idleOperator notes the calls that it is given and lets each last until it is hung up.
type idleOperator struct{ taken chan call.Call }

func (o *idleOperator) Take(ctx context.Context, _ ivr.Line, incoming call.Call) error {
	o.taken <- incoming
	<-ctx.Done()
	return nil
}

func (o *idleOperator) TakeBack(ctx context.Context, line ivr.Line, incoming call.Call, _ ivr.Kept) error {
	return o.Take(ctx, line, incoming)
}

// board is a switchboard without a link, for its handling of events.
func board(t *testing.T) (*Switchboard, *idleOperator, map[string]queue.PhoneState) {
	t.Helper()
	conn, err := New(Options{
		URL: "ws://127.0.0.1:1/ari/events", Application: "bereikbaar", Username: "x", Password: "y",
	})
	require.NoError(t, err)
	operator := &idleOperator{taken: make(chan call.Call, 10)}
	phones := map[string]queue.PhoneState{}
	b := NewSwitchboard(conn, slog.New(slog.DiscardHandler))
	b.Connect(operator, nil, func(endpoint string, state queue.PhoneState) { phones[endpoint] = state })
	return b, operator, phones
}

func (b *Switchboard) tell(t *testing.T, format string, args ...any) {
	t.Helper()
	e, skip := decodeEvent(fmt.Sprintf(format, args...))
	require.Empty(t, skip)
	b.Handle(e)
}

const (
	callerStarts = `{"type":"StasisStart","application":"bereikbaar","args":["caller",%q,%q],
		"channel":{"id":"c1","name":"PJSIP/trunk-1","state":"Ring","caller":{"name":"","number":%q},"dialplan":{"exten":"140570"}}}`
	channelGone = `{"type":"ChannelDestroyed","application":"bereikbaar","cause":%d,"channel":{"id":%q}}`
)

func TestTheNumberOfACaller(t *testing.T) {
	mobile, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		presentation, number string
		want                 call.Number
	}{
		"an ordinary number":                      {"allowed_not_screened", "0612345678", mobile},
		"withheld, though the trunk reveals it":   {"prohib_not_screened", "0612345678", call.Withheld()},
		"withheld by a network that screened it":  {"prohib_passed_screen", "0612345678", call.Withheld()},
		"anonymous@anonymous.invalid":             {"allowed", "anonymous", call.Withheld()},
		"an internal extension":                   {"allowed", "beller1", call.Number{}},
		"a number with parameters of the network": {"allowed", "+31612345678;npdi;rn=+31", mobile},
		"nothing": {"unavailable", "", call.Number{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, operator, _ := board(t)
				b.tell(t, callerStarts, "+31140570", test.presentation, test.number)
				c := <-operator.taken
				require.Equal(t, test.want, c.Caller)
				require.Equal(t, "+31140570", c.Dialled)
				b.tell(t, channelGone, 16, "c1")
				synctest.Wait()
				lines, legs := b.Size()
				require.Zero(t, lines+legs)
			})
		})
	}
}

func TestACallThatIsReportedTwiceIsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, operator, _ := board(t)
		b.tell(t, callerStarts, "140570", "allowed", "0612345678")
		b.tell(t, callerStarts, "140570", "allowed", "0612345678")
		synctest.Wait()
		require.Len(t, operator.taken, 1)
		b.tell(t, channelGone, 16, "c1")
		b.tell(t, channelGone, 16, "c1")
		synctest.Wait()
	})
}

func TestATransferByTheAgentIsNoNewCallAndCutsNobodyOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, operator, _ := board(t)
		ctx, hangUp := context.WithCancelCause(t.Context())
		line := &Line{board: b, channel: "c1"}
		agent := newLeg(b, legID("kcc1", "ring-1"))
		b.addLeg(agent)
		last := make(chan *Leg)
		go func() { last <- line.listenOut(ctx, agent) }()

		b.tell(
			t,
			`{"type":"StasisStart","application":"bereikbaar","args":[],"channel":{"id":"colleague"},"replace_channel":{"id":%q}}`,
			agent.channel,
		)
		b.tell(t, channelGone, 16, agent.channel)
		synctest.Wait()
		require.Empty(t, operator.taken)
		<-agent.Gone() // the agent's phone is free for the next caller
		select {
		case <-last:
			t.Fatal("the caller was cut off")
		default:
		}
		hangUp(ivr.ErrHungUp)
		require.Equal(t, "colleague", (<-last).channel)
	})
}

// The caller hangs up while the phone of the agent, after a transfer, is still there: the channel in the agent's place
// is hung up too. Else phones would ring for nobody.
func TestACallerHangsUpWhileTheyArePutThrough(t *testing.T) {
	const colleague = `{"type":"StasisStart","application":"bereikbaar","args":[],"channel":{"id":"colleague"},"replace_channel":{"id":%q}}`
	for name, late := range map[string]bool{"before": false, "after": true} {
		t.Run("it was told "+name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
				line, agent := &Line{board: b, channel: "c1"}, newLeg(b, legID("kcc1", "ring-1"))
				b.addLeg(agent)
				ctx, hangUp := context.WithCancelCause(t.Context())
				if !late {
					b.tell(t, colleague, agent.channel)
				}
				hangUp(ivr.ErrHungUp)
				last := line.partFrom(line.listenOut(ctx, agent))
				if late {
					b.tell(t, colleague, agent.channel)
					synctest.Wait()
					require.Contains(t, f.commands(), `DELETE channels/colleague {"reason_code":"16"}`)
					return
				}
				require.Equal(t, "colleague", last.channel)
			})
		})
	}
}

func TestThePhoneStatesThatArePassedOn(t *testing.T) {
	b, _, phones := board(t)
	require.NoError(t, b.Watch(t.Context(), []string{"PJSIP/kcc1", "PJSIP/1234@pbx"}))
	change := func(state, channels string) {
		b.tell(t, `{"type":"EndpointStateChange","application":"bereikbaar-phones",
			"endpoint":{"technology":"PJSIP","resource":"kcc1","state":%q,"channel_ids":[%s]}}`, state, channels)
	}
	for _, step := range []struct {
		state, channels string
		want            queue.PhoneState
	}{
		{"offline", "", queue.PhoneOffline},
		{"online", "", queue.PhoneFree},
		{"online", `"bereikbaar.leg.kcc1.ring-1"`, queue.PhoneFree}, // our own ring is the queues' to know
		{"online", `"bereikbaar.leg.kcc1.ring-1","1700000000.7"`, queue.PhoneInUse},
		{"online", "", queue.PhoneFree},
	} {
		change(step.state, step.channels)
		require.Equal(t, step.want, phones["PJSIP/kcc1"], "%s with %s", step.state, step.channels)
	}
	delete(phones, "PJSIP/kcc1")
	change("online", "")
	require.Empty(t, phones, "an unchanged state is not passed on again")
}

func TestThePhoneStateNow(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		status, body := http.StatusOK, ""
		f.answering(func(r fakeRequest) (int, string, bool) {
			if r.URI != "endpoints/PJSIP/kcc1" {
				return http.StatusTeapot, "", true
			}
			return status, body, true
		})
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		for _, test := range []struct {
			status         int
			state, channel string
			want           queue.PhoneState
		}{
			{http.StatusOK, "online", "", queue.PhoneFree},
			{http.StatusOK, "online", `"1700000000.7"`, queue.PhoneInUse},
			{http.StatusOK, "online", `"bereikbaar.desk.kcc1.ring-1","bereikbaar.leg.kcc1.ring-2"`, queue.PhoneFree},
			{http.StatusOK, "offline", "", queue.PhoneOffline},
			{http.StatusNotFound, "", "", queue.PhoneOffline},
		} {
			status = test.status
			body = fmt.Sprintf(
				`{"technology":"PJSIP","resource":"kcc1","state":%q,"channel_ids":[%s]}`, test.state, test.channel,
			)
			state, err := b.PhoneNow(t.Context(), "PJSIP/kcc1")
			require.NoError(t, err)
			require.Equal(t, test.want, state, body)
		}
		state, err := b.PhoneNow(t.Context(), "PJSIP/1234@pbx")
		require.NoError(t, err)
		require.Equal(t, queue.PhoneUnknown, state, "Asterisk does not watch it")
		status = http.StatusInternalServerError
		_, err = b.PhoneNow(t.Context(), "PJSIP/kcc1")
		require.Error(t, err)
	})
}

func TestThePhoneOfANewAgentIsReportedAnew(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(r fakeRequest) (int, string, bool) {
			if r.URI == "endpoints" {
				return http.StatusOK, `[{"technology":"PJSIP","resource":"kcc1","state":"online","channel_ids":["1700000000.7"]}]`, true
			}
			return http.StatusOK, "{}", true
		})
		var told []queue.PhoneState
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(&idleOperator{}, nil, func(_ string, state queue.PhoneState) { told = append(told, state) })
		require.NoError(t, b.Watch(t.Context(), []string{"PJSIP/kcc1"}))
		require.NoError(t, b.Watch(t.Context(), []string{"PJSIP/kcc1"}))
		require.Equal(t, []queue.PhoneState{queue.PhoneInUse, queue.PhoneInUse}, told)
	})
}

func TestAPhoneThatCannotBeHungUpCountsAsGone(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(&idleOperator{}, nil, func(string, queue.PhoneState) {})
		phone := newLeg(b, legID("kcc1", "ring-1"))
		leg := phone.channel
		phone.answered()
		b.addLeg(phone)
		f.set(func(f *fakeAsterisk) { f.away = true })
		_ = f.link().socket.CloseNow()
		synctest.Wait()
		require.ErrorIs(t, phone.HangUp(t.Context()), ErrDown)
		require.True(t, gone(phone), "the agent is free")

		f.answering(asteriskHas{channels: []string{leg}}.answer)
		f.set(func(f *fakeAsterisk) { f.away = false })
		require.NoError(t, c.AwaitUp(t.Context()))
		require.NoError(t, b.Reconcile(t.Context()))
		require.Contains(t, f.commands(), `DELETE channels/`+leg+` {"reason_code":"16"}`)
	})
}

func TestAPhoneThatStopsRingingIsToldWhy(t *testing.T) {
	for name, test := range map[string]struct {
		why  error
		want string
	}{
		"another phone was quicker": {dispatch.ErrTaken, `"26"`},
		"the caller hung up":        {errors.New("called off"), `"16"`},
	} {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
				b.Connect(&idleOperator{}, nil, func(string, queue.PhoneState) {})
				ctx, stop := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { stop(test.why) })
				_, err := b.Ring(ctx, dispatch.Invitation{
					Agent: routing.Agent{ID: "kcc1", Endpoint: "PJSIP/kcc1"}, For: time.Minute,
				})
				require.ErrorIs(t, err, test.why)
				last := f.commands()[len(f.commands())-1]
				require.Contains(t, last, "DELETE channels/"+legPrefix)
				require.Contains(t, last, test.want)
			})
		})
	}
}

func TestWhyAPhoneDidNotAnswer(t *testing.T) {
	for cause, want := range map[Cause]string{
		CauseUserBusy: "busy", CauseCallRejected: "declined", CauseNoAnswer: "no answer",
		CauseNoUserResponse:   "no answer",
		CauseSubscriberAbsent: "not reachable", Cause(127): "cause 127",
	} {
		leg := newLeg(nil, "x")
		leg.ended(ending{cause: cause})
		leg.ended(ending{cause: CauseNormalClearing}) // told twice: the first counts
		require.ErrorContains(t, leg.failure(), want)
	}
}
