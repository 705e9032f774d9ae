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

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/queue"
)

const takesOver = `{"type":"StasisStart","application":"bereikbaar","args":[],
	"channel":{"id":"citizen","name":"Local/_attended@transfer-1;2","state":"Up"},"replace_channel":{"id":%q}}`

// waitingOperator lets a call wait until it ends, and reports when it is begun anew.
type waitingOperator struct {
	took  chan call.ID
	anew  chan call.ID
	first func(context.Context, ivr.Line) error // what is done with a new call
	again func(context.Context, ivr.Line) error // with one that goes on
}

func (o *waitingOperator) Take(ctx context.Context, line ivr.Line, incoming call.Call) error {
	o.took <- incoming.ID
	attending, end := line.Attend(ctx)
	defer end()
	err := o.first(attending, line)
	if !errors.Is(err, ivr.ErrPutThrough) {
		return err
	}
	if err := line.Restored(ctx); err != nil {
		return err
	}
	o.anew <- incoming.ID
	return o.again(ctx, line)
}

func (o *waitingOperator) TakeBack(ctx context.Context, line ivr.Line, incoming call.Call, _ ivr.Kept) error {
	return o.Take(ctx, line, incoming)
}

func untilOver(ctx context.Context, _ ivr.Line) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// putThrough runs a test with a call c1 of a colleague that the operator has taken.
func putThrough(
	t *testing.T, operator func() *waitingOperator,
	test func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *waitingOperator),
) {
	t.Helper()
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		o := operator()
		o.took, o.anew = make(chan call.ID, 10), make(chan call.ID, 10)
		b := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
		b.Connect(o, nil, func(string, queue.PhoneState) {})
		b.tell(t, callerStarts, "140570", "allowed", "verg1")
		require.Equal(t, call.ID("c1"), <-o.took)
		synctest.Wait()
		test(t, f, b, o)
		synctest.Wait()
		lines, legs := b.Size()
		require.Zero(t, lines+legs)
	})
}

func TestACallerWhoIsPutThroughIntoTheQueueWaitsThere(t *testing.T) {
	wait := func(ctx context.Context, line ivr.Line) error {
		return errors.Join(line.Remember(ctx, "the place"), line.Music(ctx, "wachtmuziek"), untilOver(ctx, line))
	}
	putThrough(t, func() *waitingOperator {
		return &waitingOperator{first: wait, again: wait}
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *waitingOperator) {
		b.tell(t, takesOver, "c1")
		b.tell(t, channelGone, 16, "c1")
		synctest.Wait()
		require.Len(t, o.anew, 1)
		require.Empty(t, o.took, "it is no new call")
		require.Contains(t, f.commands(), `POST channels/citizen/moh {"mohClass":"wachtmuziek"}`)
		require.Contains(
			t, f.commands(), `POST channels/citizen/variable {"variable":"BEREIKBAAR_STATE","value":"the place"}`,
		)
		require.Equal(t, "citizen", b.channelOf("c1"), "for the codecs of the phone that is rung for it")
		b.tell(t, channelGone, 16, "citizen")
	})
}

// The command crosses the transfer: the refusal comes first, and its reason after.
func TestATransferDuringACommandIsNoHangUp(t *testing.T) {
	for name, refusal := range map[string]struct {
		status int
		body   string
	}{
		"does not exist":       {http.StatusNotFound, `{"message":"Channel not found"}`},
		"left the application": {http.StatusConflict, `{"message":"Channel not in Stasis application"}`},
	} {
		t.Run(name, func(t *testing.T) {
			do := func(ctx context.Context, line ivr.Line) error {
				elapse(time.Second)
				if err := line.Music(ctx, "default"); err != nil {
					return err
				}
				return untilOver(ctx, line)
			}
			putThrough(t, func() *waitingOperator {
				return &waitingOperator{first: do, again: do}
			}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *waitingOperator) {
				f.answering(func(r fakeRequest) (int, string, bool) {
					if strings.Contains(r.URI, "channels/c1/") {
						return refusal.status, refusal.body, true
					}
					return http.StatusNoContent, "", true
				})
				time.AfterFunc(1100*time.Millisecond, func() { b.tell(t, takesOver, "c1") })
				elapse(3 * time.Second)
				require.Len(t, o.anew, 1)
				require.Contains(t, f.commands(), `POST channels/citizen/moh {"mohClass":"default"}`)
				b.tell(t, channelGone, 16, "citizen")
			})
		})
	}
}

func TestACallerWhoIsPutThroughToAPersonTalksToThem(t *testing.T) {
	var agent *Leg
	putThrough(t, func() *waitingOperator {
		agent = newLeg(nil, legID("kcc1", "ring-1"))
		return &waitingOperator{first: func(ctx context.Context, line ivr.Line) error {
			return errors.Join(line.Remember(ctx, "the place"), line.Talk(ctx, agent))
		}}
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *waitingOperator) {
		b.addLeg(agent)
		b.tell(t, takesOver, "c1")
		b.tell(t, channelGone, 16, "c1")
		synctest.Wait()
		require.Empty(t, destroyed(f), "nobody is cut off")
		require.Empty(t, o.anew)
		require.Empty(t, o.took)
		require.Contains(
			t, f.commands(), `POST channels/citizen/variable {"variable":"BEREIKBAAR_STATE","value":"the place"}`,
		)
		b.tell(t, channelGone, 16, agent.channel)
		synctest.Wait()
		require.Equal(t, []string{bridgeID("c1")}, destroyed(f))
	})
}

func TestATransferInPlaceOfACallThatIsOverIsANewCaller(t *testing.T) {
	putThrough(t, func() *waitingOperator {
		return &waitingOperator{first: func(ctx context.Context, line ivr.Line) error {
			return errors.Join(line.HangUp(ctx), untilOver(ctx, line))
		}}
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *waitingOperator) {
		b.tell(t, takesOver, "c1")
		synctest.Wait()
		require.Len(t, o.took, 1)
		require.Equal(t, call.ID("citizen"), <-o.took)
		b.tell(t, channelGone, 16, "c1")
		b.tell(t, channelGone, 16, "citizen")
	})
}

func TestATransferInPlaceOfAnUnknownChannelIsANewCaller(t *testing.T) {
	putThrough(t, func() *waitingOperator {
		return &waitingOperator{first: untilOver}
	}, func(t *testing.T, f *fakeAsterisk, b *Switchboard, o *waitingOperator) {
		b.tell(t, takesOver, "somebody")
		synctest.Wait()
		require.Len(t, o.took, 1)
		require.Equal(t, call.ID("citizen"), <-o.took)
		b.tell(t, channelGone, 16, "citizen")
		b.tell(t, channelGone, 16, "c1")
	})
}
