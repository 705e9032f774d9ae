package asterisk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

func channelEvent(t EventType, channel string) string {
	return fmt.Sprintf(`{"type":%q,"application":"balie","channel":{"id":%q}}`, t, channel)
}

// elapse lets the bubble's clock run.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestConnectionSetsTheEventFiltersBeforeAnythingElse(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		require.Equal(t, "app=balie%2Cbalie-phones&subscribeAll=false", f.link().query, "no secret in the URL")
		require.Len(t, f.requests, 2)
		require.Equal(t, "applications/balie/eventFilter", f.requests[0].URI)
		require.Contains(t, f.requests[0].Body, `{"type":"ChannelVarset"}`)
		require.NotContains(t, f.requests[0].Body, "StasisStart")
		require.Equal(t,
			`PUT applications/balie-phones/eventFilter {"allowed":[{"type":"ApplicationReplaced"},{"type":"EndpointStateChange"}],"disallowed":[]}`,
			f.requests[1].String())
	})
}

func TestEventsReachTheHandlerInOrder(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.link().send(
			channelEvent(StasisStart, "a"), channelEvent(ChannelVarset, "unwanted"), channelEvent(StasisEnd, "b"),
		)
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, c.seen())
		require.Empty(t, c.skipped, "an unwanted event that slipped past the filter is no fault")
	})
}

func TestBurstOfEventsIsNotHeldUpByASlowHandlerAndLosesNone(t *testing.T) {
	const burst = 10_000
	synctest.Test(t, func(t *testing.T) {
		f, w := newFakeAsterisk(t), newWitness()
		conn, err := New(fakeOptions(f))
		require.NoError(t, err)
		slowly := make(chan struct{})
		conn.Attach(func(e Event) {
			<-slowly
			w.handle(e)
		}, w.onUp)
		c := run(t, conn, w)
		require.NoError(t, c.AwaitUp(t.Context()))

		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range burst {
				f.link().send(channelEvent(ChannelDtmfReceived, strconv.Itoa(i)))
			}
		}()
		<-sent // while the handler has not finished with the first
		synctest.Wait()
		require.Equal(t, burst-1, c.Backlog())
		close(slowly)
		synctest.Wait()
		require.Zero(t, c.Backlog())
		require.Len(t, c.seen(), burst)
		for i, id := range c.seen() {
			require.Equal(t, strconv.Itoa(i), id)
		}
	})
}

func TestHandlerMayWaitForACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := newFakeAsterisk(t), newWitness()
		conn, err := New(fakeOptions(f))
		require.NoError(t, err)
		var got error
		conn.Attach(func(e Event) {
			got = conn.Answer(t.Context(), e.ChannelID)
			w.handle(e)
		}, w.onUp)
		c := run(t, conn, w)
		require.NoError(t, c.AwaitUp(t.Context()))
		f.link().send(channelEvent(StasisStart, "a"), channelEvent(StasisStart, "b"))
		synctest.Wait()
		require.NoError(t, got)
		require.Equal(t, []string{"POST channels/a/answer", "POST channels/b/answer"}, f.commands())
	})
}

func TestOnUpRunsBetweenTheEventsOfTheOldLinkAndThoseOfTheNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		conn, err := New(fakeOptions(f))
		require.NoError(t, err)
		var story []string
		inHandler := make(chan struct{})
		conn.Attach(func(e Event) {
			if e.ChannelID == "old-1" {
				<-inHandler
			}
			story = append(story, e.ChannelID)
		}, func(ctx context.Context) error {
			if f.linkCount() > 1 { // the second link: something happens while we ask what there is
				f.link().send(channelEvent(StasisStart, "new-1"))
			}
			_, err := conn.Channels(ctx)
			story = append(story, "up")
			return err
		})
		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusOK, "[]", true })
		c := run(t, conn, newWitness())
		require.NoError(t, c.AwaitUp(t.Context()))

		f.link().send(channelEvent(StasisStart, "old-1"), channelEvent(StasisStart, "old-2"))
		_ = f.link().socket.CloseNow()
		elapse(time.Second)
		up, _, _ := c.State()
		require.False(t, up, "not up before it is reconciled")
		close(inHandler)
		require.NoError(t, c.AwaitUp(t.Context()))
		synctest.Wait()
		require.Equal(t, []string{"up", "old-1", "old-2", "up", "new-1"}, story)
	})
}

func TestLinkIsMadeAnewWhenReconciliationFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		conn, err := New(fakeOptions(f))
		require.NoError(t, err)
		w := newWitness()
		conn.opt.Observer = w
		tries := 0
		conn.Attach(w.handle, func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("store is away")
			}
			return nil
		})
		c := run(t, conn, w)
		require.NoError(t, c.AwaitUp(t.Context()))
		require.Equal(t, 3, tries)
		require.Equal(t, 2, w.lostFor(LossSetup))
		_, _, lastErr := c.State()
		require.EqualError(t, lastErr, "asterisk: reconcile: store is away")
	})
}

func TestReconciliationEndsWithItsLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		conn, err := New(fakeOptions(f))
		require.NoError(t, err)
		var causes []error
		conn.Attach(func(Event) {}, func(ctx context.Context) error {
			if len(causes) > 0 {
				return nil
			}
			_ = f.link().socket.CloseNow()
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
			return ctx.Err()
		})
		c := run(t, conn, newWitness())
		require.NoError(t, c.AwaitUp(t.Context()))
		require.Len(t, causes, 1)
		require.ErrorContains(t, causes[0], "link lost")
	})
}

func TestUselessEventsAreCountedAndSkipped(t *testing.T) {
	tests := map[string]struct {
		message string
		reason  SkipReason
	}{
		"unknown type":        {`{"type":"ChannelTeleported","channel":{"id":"x"}}`, SkipUnknown},
		"no JSON":             {`{"type":"StasisStart",`, SkipMalformed},
		"no object":           {`["StasisStart"]`, SkipMalformed},
		"empty":               {``, SkipMalformed},
		"no type":             {`{"channel":{"id":"x"}}`, SkipMalformed},
		"channel without id":  {`{"type":"StasisStart","channel":{}}`, SkipMissingID},
		"no channel":          {`{"type":"ChannelDestroyed"}`, SkipMissingID},
		"playback without id": {`{"type":"PlaybackFinished","playback":{"id":""}}`, SkipMissingID},
		"endpoint not named":  {`{"type":"EndpointStateChange","endpoint":{}}`, SkipMissingID},
		"huge": {
			`{"type":"StasisStart","channel":{"id":"x"},"pad":"` + strings.Repeat("x", 1<<20) + `"}`, SkipHuge,
		},
		"deep":                 {strings.Repeat(`{"channel":`, 20_000), SkipMalformed},
		"reply to nobody":      {`{"type":"RESTResponse","request_id":"4711","status_code":200}`, SkipUnmatchedReply},
		"reply without number": {`{"type":"RESTResponse"}`, SkipUnmatchedReply},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.link().send(test.message, channelEvent(StasisStart, "next"))
				synctest.Wait()
				require.Equal(t, []string{"next"}, c.seen())
				require.Equal(t, map[SkipReason]int{test.reason: 1}, c.skipped)
				require.Equal(t, 1, f.linkCount(), "the link is kept")
			})
		})
	}
}

func TestLongReplyIsNoHugeEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		c := connect(t, f, func(o *Options) { o.EventLimit = 1000 })
		long := strings.Repeat("x", 10*readRoom)
		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusOK, `{"value":"` + long + `"}`, true })
		value, err := c.GetVariable(t.Context(), "a", "X")
		require.NoError(t, err)
		require.Equal(t, long, value)
		require.Empty(t, c.skipped)
	})
}

func TestMessageOverTheLimitEndsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		c := connect(t, f, func(o *Options) { o.ReadLimit, o.EventLimit = 2000, 1000 })
		require.NoError(t, c.AwaitUp(t.Context()))
		go f.link().send(`{"type":"StasisStart","pad":"` + strings.Repeat("x", 2000) + `"}`)
		elapse(time.Second)
		require.Equal(t, 1, c.skippedFor(SkipOverLimit))
		require.Equal(t, 1, c.lostFor(LossOverLimit))
		require.Equal(t, 2, f.linkCount())
		up, _, _ := c.State()
		require.True(t, up)
	})
}

func TestRunEndsWhenAnotherProgramTakesOver(t *testing.T) {
	for _, application := range []string{"balie", "balie-phones"} {
		t.Run(application, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.link().send(
					channelEvent(StasisStart, "before"),
					`{"type":"ApplicationReplaced","application":"`+application+`"}`,
				)
				require.ErrorIs(t, <-c.end, ErrReplaced)
				require.Equal(t, []string{"before"}, c.seen())
				require.Equal(t, 1, c.lostFor(LossReplaced))
				require.ErrorIs(t, c.Answer(t.Context(), "a"), ErrDown)
				require.ErrorIs(t, c.AwaitUp(t.Context()), ErrDown)
				up, _, lastErr := c.State()
				require.False(t, up)
				require.ErrorIs(t, lastErr, ErrReplaced)
			})
		})
	}
}

func TestTakeoverIsNoticedWhileTheLinkIsBeingPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.reply = func(fakeRequest) (int, string, bool) {
			f.link().send(`{"type":"ApplicationReplaced","application":"balie"}`)
			return 0, "", false
		}
		c := connect(t, f)
		require.ErrorIs(t, <-c.end, ErrReplaced)
		require.Equal(t, 1, c.lostFor(LossReplaced))
	})
}

func TestAttemptOfOursThatIsTakenUpLateIsNoOtherProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.deaf = true
		c := connect(t, f)
		elapse(10 * time.Second)
		f.set(func(f *fakeAsterisk) { f.deaf = false })
		require.NoError(t, c.AwaitUp(t.Context()))
		f.link().send(`{"type":"ApplicationReplaced","application":"balie"}`)
		elapse(time.Second)
		require.Equal(t, 1, c.lostFor(LossOvertaken))
		require.Equal(t, 2, f.linkCount())

		elapse(lateFor)
		f.link().send(`{"type":"ApplicationReplaced","application":"balie"}`)
		require.ErrorIs(t, <-c.end, ErrReplaced)
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		l := f.link()
		c.stop()
		require.NoError(t, <-c.end)
		<-l.lost
		require.Equal(
			t, websocket.StatusNormalClosure, websocket.CloseStatus(l.ended),
			"a farewell, so that Asterisk logs no error",
		)
		require.Zero(t, c.lostFor(LossClosed))
		require.ErrorContains(t, c.Run(t.Context()), "twice")
	})
}

func TestRunEndsSoonWhenAsteriskIsFrozen(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.link().freeze()
		began := time.Now()
		c.stop()
		require.LessOrEqual(t, time.Since(began), byeLimit)
	})
}

func TestRunEndsWhileNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.deaf = true
		c := connect(t, f)
		elapse(time.Second)
		c.stop()
		require.NoError(t, <-c.end)
	})
}

func TestAwaitUpEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.away = true
		c := connect(t, f)
		hungUp := errors.New("hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(hungUp)
		require.ErrorIs(t, c.AwaitUp(ctx), hungUp)
	})
}

// TestOverTCP is the one test on a real socket: what the others run on is in memory.
func TestOverTCP(t *testing.T) {
	f := newFakeAsterisk(t)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	options := fakeOptions(f)
	options.URL, options.dialer = server.URL+"/ari", nil
	conn, err := New(options)
	require.NoError(t, err)
	events := make(chan Event, 1)
	conn.Attach(func(e Event) { events <- e }, func(ctx context.Context) error { return conn.Answer(ctx, "a") })
	c := run(t, conn, newWitness())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, c.AwaitUp(ctx))
	f.link().send(channelEvent(StasisStart, "a"))
	select {
	case e := <-events:
		require.Equal(t, "a", e.ChannelID)
	case <-ctx.Done():
		require.Fail(t, "no event")
	}
	f.set(func(f *fakeAsterisk) { _ = f.links[0].socket.CloseNow() })
	for f.linkCount() == 1 {
		require.NoError(t, ctx.Err())
		_ = c.AwaitUp(ctx)
	}
	require.NoError(t, c.AwaitUp(ctx))
	require.NoError(t, c.Answer(ctx, "a"))
	c.stop()
	require.NoError(t, <-c.end)
}
