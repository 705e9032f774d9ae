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

// waitingCallers are n callers whose places are in the reverse order of their channels.
func waitingCallers(n int) (has asteriskHas, inOrder []call.ID) {
	for i := range n {
		has.channels = append(has.channels, fmt.Sprintf("c%d", i))
		inOrder = append([]call.ID{call.ID(has.channels[i])}, inOrder...)
	}
	return has, inOrder
}

// remembering answers with the state of a channel of waitingCallers.
func (a asteriskHas) remembering(r fakeRequest) (int, string, bool) {
	var n int
	if _, err := fmt.Sscanf(r.URI, "channels/c%d/variable", &n); err == nil && r.Method == http.MethodGet {
		return http.StatusOK, fmt.Sprintf(`{"value":"{\"team\":\"kcc\",\"since\":%d}"}`, 1_795_470_000_000-n), true
	}
	return a.answer(r)
}

// placingOperator notes the order in which calls get their places.
type placingOperator struct {
	idleOperator
	placed []call.ID // one at a time: nobody gets a place before the last one has it
}

func (o *placingOperator) TakeBack(ctx context.Context, _ ivr.Line, incoming call.Call, kept ivr.Kept) error {
	o.placed = append(o.placed, incoming.ID)
	kept.Ready()
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestManyCallersAreTakenBackInTheOrderOfTheirPlaces(t *testing.T) {
	has, inOrder := waitingCallers(1000)
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(has.remembering)
		o := &placingOperator{}
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(o, nil, func(string, queue.PhoneState) {})
		require.NoError(t, b.Reconcile(t.Context()))
		require.Equal(t, inOrder, o.placed)
		require.Len(t, f.commands(), 4+len(inOrder), "the lists, and the state of each channel")
		require.NoError(t, b.Halt(t.Context()))
	})
}

// A slow answer does not hold up the questions about other channels.
func TestChannelsAreAskedWithoutWaitingForTheAnswerOfTheLast(t *testing.T) {
	has, _ := waitingCallers(10)
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(r fakeRequest) (int, string, bool) {
			if strings.HasSuffix(r.URI, "/variable?variable="+stateVariable) {
				return 0, "", false
			}
			return has.answer(r)
		})
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(&talkingOperator{talks: map[call.ID]ivr.Talk{}}, nil, func(string, queue.PhoneState) {})
		reconciled := make(chan error, 1)
		go func() { reconciled <- b.Reconcile(t.Context()) }()
		elapse(time.Second)
		require.Len(t, f.link().waiting(c), 10)
		calls, of, ok := b.TakingBack()
		require.Equal(t, []any{0, 10, true}, []any{calls, of, ok})
		for _, r := range f.requests {
			if r.Type != "" {
				f.link().answer(r.ID, http.StatusOK, `{"value":""}`)
			}
		}
		require.NoError(t, <-reconciled)
		_, _, ok = b.TakingBack()
		require.False(t, ok)
		require.NoError(t, b.Halt(t.Context()))
	})
}

// rememberingOperator takes calls back and lets them remember what they did, and then something else.
type rememberingOperator struct{ idleOperator }

func (o *rememberingOperator) TakeBack(ctx context.Context, line ivr.Line, _ call.Call, kept ivr.Kept) error {
	kept.Ready()
	for _, state := range []string{kept.State, "another", "another", kept.State} {
		if err := line.Remember(ctx, state); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestAStateThatTheChannelHasIsNotWrittenAgain(t *testing.T) {
	has, _ := waitingCallers(1)
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(has.remembering)
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(&rememberingOperator{}, nil, func(string, queue.PhoneState) {})
		require.NoError(t, b.Reconcile(t.Context()))
		synctest.Wait()
		require.Equal(t, []string{
			`POST channels/c0/variable {"variable":"BEREIKBAAR_STATE","value":"another"}`,
			`POST channels/c0/variable {"variable":"BEREIKBAAR_STATE","value":"{\"team\":\"kcc\",\"since\":1795470000000}"}`,
		}, f.commands()[5:])
		require.NoError(t, b.Halt(t.Context()))
	})
}

// A reply of more than half a megabyte over the websocket crashes Asterisk; see Conn.fetch.
func TestListsAreNotAskedForOverTheWebsocket(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(r fakeRequest) (int, string, bool) { return http.StatusOK, "[]", r.Type == "" })
		for _, ask := range []func() error{
			func() error { _, err := c.Channels(t.Context()); return err },
			func() error { _, err := c.Bridges(t.Context()); return err },
			func() error { _, err := c.Endpoints(t.Context()); return err },
			func() error { _, err := c.ApplicationChannels(t.Context()); return err },
		} {
			require.NoError(t, ask())
		}
		require.Equal(
			t, []string{"list channels 200", "list bridges 200", "list endpoints 200", "get application 200"},
			c.commands,
		)
	})
}

func TestAListThatDoesNotComeIsAnErrorWithoutThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		conn, err := New(fakeOptions(f))
		require.NoError(t, err)

		f.answering(never)
		began := time.Now()
		_, err = conn.Channels(t.Context())
		require.ErrorIs(t, err, ErrDown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, listLimit, time.Since(began))

		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusFound, `{}`, true })
		_, err = conn.Channels(t.Context())
		require.EqualError(t, err, "asterisk: list channels: GET channels: 302 without a reason")

		f.set(func(f *fakeAsterisk) { f.password = "changed" })
		_, err = conn.Channels(t.Context())
		require.EqualError(t, err, "asterisk: list channels: GET channels: 401 Authentication required")

		f.set(func(f *fakeAsterisk) { f.away = true })
		_, err = conn.Channels(t.Context())
		require.EqualError(t, err, "asterisk: list channels: no link to Asterisk: connection refused")
	})
}
