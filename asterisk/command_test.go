package asterisk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func never(fakeRequest) (int, string, bool) { return 0, "", false }

func TestEachCommandGetsItsOwnReply(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		const many = 50
		var waiting []fakeRequest
		f.answering(func(r fakeRequest) (int, string, bool) {
			if waiting = append(waiting, r); len(waiting) == many { // all at once, last first
				for i := range waiting {
					last := waiting[many-1-i]
					f.link().answer(last.ID, http.StatusOK, `{"value":"`+last.URI+`"}`)
				}
			}
			return 0, "", false
		})
		var commands sync.WaitGroup
		for i := range many {
			commands.Go(func() {
				channel := fmt.Sprint("channel-", i)
				value, err := c.GetVariable(t.Context(), channel, "X")
				if err != nil || value != "channels/"+channel+"/variable?variable=X" {
					t.Errorf("%s got %q, %v", channel, value, err)
				}
			})
		}
		commands.Wait()
		require.Empty(t, f.link().waiting(c))
	})
}

// waiting lists the commands that the newest link of a connection still has open.
func (*fakeLink) waiting(c *testConn) (ids []string) {
	c.Conn.mu.Lock()
	l := c.Conn.link
	c.Conn.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.waiting {
		ids = append(ids, id)
	}
	return ids
}

func TestCommandWithoutReplyEndsWithItsTimeLimit(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(never)
		began := time.Now()
		err := c.Answer(t.Context(), "a")
		require.ErrorIs(t, err, ErrUnknownOutcome)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Equal(t, []string{"answer 0"}, c.commands)
		require.Empty(t, f.link().waiting(c))

		f.link().answer(f.requests[len(f.requests)-1].ID, http.StatusNoContent, "")
		synctest.Wait()
		require.Equal(t, 1, c.skippedFor(SkipUnmatchedReply), "the late reply goes to no other command")
	})
}

func TestCommandOfACallThatEndsLeavesTheLinkAlone(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(never)
		hungUp := errors.New("the caller hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(hungUp) })
		err := c.Answer(ctx, "a")
		require.ErrorIs(t, err, hungUp)
		require.ErrorIs(t, err, ErrUnknownOutcome)
		require.ErrorIs(t, c.Answer(ctx, "a"), hungUp, "not sent any more")

		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusNoContent, "", true })
		require.NoError(t, c.Answer(t.Context(), "b"))
		require.Equal(t, 1, f.linkCount())
	})
}

func TestReplyLostWithTheLinkLeavesTheOutcomeUnknown(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(fakeRequest) (int, string, bool) {
			_ = f.link().socket.CloseNow()
			return 0, "", false
		})
		began := time.Now()
		err := c.HangUp(t.Context(), "a", CauseNormalClearing)
		require.ErrorIs(t, err, ErrUnknownOutcome)
		require.ErrorContains(t, err, "link lost")
		require.Zero(t, time.Since(began), "known at once")
		require.Equal(t, []string{`DELETE channels/a {"reason_code":"16"}`}, f.commands(), "and not sent a second time")
	})
}

func TestCommandWaitsForALinkThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.away = true
		c := connect(t, f)
		began := time.Now()
		err := c.Answer(t.Context(), "a")
		require.ErrorIs(t, err, ErrDown)
		require.NotErrorIs(t, err, ErrUnknownOutcome)
		require.ErrorContains(t, err, "connection refused", "says why there is no link")
		require.Equal(t, 2*time.Second, time.Since(began))

		time.AfterFunc(100*time.Millisecond, func() { f.set(func(f *fakeAsterisk) { f.away = false }) })
		for err = c.Answer(t.Context(), "b"); errors.Is(err, ErrDown); {
			err = c.Answer(t.Context(), "b")
		}
		require.NoError(t, err)
		require.Equal(t, []string{"POST channels/b/answer"}, f.commands())
	})
}

func TestCommandBeforeRunAndAfterItsEnd(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		idle, err := New(fakeOptions(f))
		require.NoError(t, err)
		require.ErrorIs(t, idle.Answer(t.Context(), "a"), ErrDown)
		c.stop()
		began := time.Now()
		require.ErrorIs(t, c.Answer(t.Context(), "a"), ErrDown)
		require.Zero(t, time.Since(began), "no link will ever come")
	})
}

func TestOnlyACommandThatWasNotSentTakesTheNextLink(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		full := f.link()
		full.stall()
		results := make([]error, 3)
		var commands sync.WaitGroup
		for i := range results {
			commands.Go(func() { results[i] = c.Answer(t.Context(), fmt.Sprint("call-", i)) })
			synctest.Wait() // the first is in the network, the second half on its way, the third still here
		}
		_ = full.socket.CloseNow()
		commands.Wait()
		require.ErrorIs(t, results[0], ErrUnknownOutcome)
		require.ErrorIs(t, results[1], ErrUnknownOutcome)
		require.NoError(t, results[2])
		require.Equal(t, []string{"POST channels/call-2/answer"}, f.commands())
	})
}

func TestCommandThatCouldNotBeSentInTimeDidNotRun(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.link().stall()
		for range 2 {
			go func() { _ = c.Answer(t.Context(), "a") }()
			synctest.Wait()
		}
		err := c.Answer(t.Context(), "a")
		require.ErrorIs(t, err, ErrDown)
		require.NotErrorIs(t, err, ErrUnknownOutcome)
	})
}

func TestRefusalCarriesAsterisksOwnWords(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   string
	}{
		"message": {
			http.StatusConflict, `{"message":"Channel not in Stasis application"}`,
			"409 Channel not in Stasis application",
		},
		"error":       {http.StatusInternalServerError, `{"error":"Allocation failed"}`, "500 Allocation failed"},
		"no body":     {http.StatusNotFound, "", "404 Not Found"},
		"no JSON":     {http.StatusBadGateway, "<html>", "502 Bad Gateway"},
		"no status":   {0, "", "0 "},
		"a redirect?": {http.StatusFound, "", "302 Found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.answering(func(fakeRequest) (int, string, bool) { return test.status, test.body, true })
				err := c.Answer(t.Context(), "a/b")
				refusal, ok := errors.AsType[*CommandError](err)
				require.True(t, ok)
				require.Equal(t, test.status, refusal.Status)
				require.EqualError(t, err, "asterisk: answer: POST channels/a%2Fb/answer: "+test.want)
				require.Equal(t, []string{fmt.Sprintf("answer %d", test.status)}, c.commands)
			})
		})
	}
}

func TestVerdictsOnRefusals(t *testing.T) {
	tests := map[string]struct {
		err                     error
		gone, conflict, refused bool
	}{
		"no error":         {nil, false, false, false},
		"some other error": {ErrDown, false, false, false},
		"channel gone": {
			&CommandError{Status: 404, Message: "Channel not found"}, true, false, false,
		},
		"channel not up": {&CommandError{Status: 412}, true, false, false},
		"channel gone, on joining": {
			&CommandError{Status: 400, Message: "Channel not found"}, true, false, false,
		},
		"phone not configured, on joining": {
			&CommandError{Status: 422, Message: "Event source does not exist"}, true, false, false,
		},
		"bad request": {
			&CommandError{Status: 400, Message: "Invalid endpoint specified"}, false, false, false,
		},
		"id in use": {&CommandError{Status: 409}, false, true, false},
		"phone not there": {
			&CommandError{Status: 500, Message: "Allocation failed"}, false, false, true,
		},
		"fault in Asterisk": {
			&CommandError{Status: 500, Message: "Failed to answer channel"}, false, false, false,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.err
			if err != nil {
				err = fmt.Errorf("while ringing: %w", err)
			}
			require.Equal(t, test.gone, IsGone(err))
			require.Equal(t, test.conflict, IsConflict(err))
			require.Equal(t, test.refused, IsRefused(err))
		})
	}
}

func TestDoSendsAnyCommand(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusOK, `{"a":"\u00e9"}`, true })
		r, err := c.Do(
			t.Context(), http.MethodPost, "bridges/b/play", url.Values{"media": {"sound:a b"}},
			map[string]string{"x": `"<&`},
		)
		require.NoError(t, err)
		require.Equal(t, Response{Status: 200, Body: `{"a":"\u00e9"}`, reason: "OK"}, r)
		sent := f.requests[len(f.requests)-1]
		require.Equal(t, "RESTRequest", sent.Type)
		require.Equal(t, "bridges/b/play?media=sound%3Aa+b", sent.URI)
		require.Equal(t, "application/json", sent.ContentType)
		require.JSONEq(t, `{"x":"\"<&"}`, sent.Body)
		require.Equal(t, []string{"POST bridges 200"}, c.commands, "a bounded name for any path")
	})
}

func TestCommandThatCannotBeSentIsRefusedHere(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		_, err := c.Do(t.Context(), http.MethodPost, "x", nil, func() {})
		require.ErrorContains(t, err, "encode the body")
		err = c.SetVariable(t.Context(), "a", "X", strings.Repeat("x", requestLimit))
		require.ErrorContains(t, err, "more than the 65535 that Asterisk takes")
		require.NoError(t, c.SetVariable(t.Context(), "a", "X", strings.Repeat("x", requestLimit-500)))
		require.Len(t, f.commands(), 1)
		require.Equal(t, 1, f.linkCount())
	})
}

func TestPathSegmentsAreEscaped(t *testing.T) {
	require.Equal(t, "channels/1732.7/play", pathOf("channels", "1732.7", "play"))
	require.Equal(t, "channels/a%2Fb%3Fc%23d%20e%2Bf%25g%3B2%C3%A9", pathOf("channels", "a/b?c#d e+f%g;2é"))
	require.Equal(t, "channels/..%2Fasterisk", pathOf("channels", "../asterisk"))
}

// A full queue that is taken back, or a burst of calls: Asterisk is late with every reply, and no command is sent
// again.
func TestACommandWaitsWhileAsteriskAnswersOthers(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(fakeRequest) (int, string, bool) {
			elapse(500 * time.Millisecond)
			return http.StatusNoContent, "", true
		})
		began := time.Now()
		var commands sync.WaitGroup
		for i := range 20 {
			commands.Go(func() {
				if err := c.Answer(t.Context(), fmt.Sprint("channel-", i)); err != nil {
					t.Error(err)
				}
			})
		}
		commands.Wait()
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Len(t, f.commands(), 20, "each was sent once")
	})
}

func TestACommandThatAsteriskForgotIsGivenUpAtLast(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(r fakeRequest) (int, string, bool) {
			return http.StatusNoContent, "", !strings.Contains(r.URI, "forgotten")
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for c.Answer(ctx, "a") == nil {
				elapse(time.Second)
			}
		}()
		began := time.Now()
		require.ErrorIs(t, c.Answer(t.Context(), "forgotten"), ErrUnknownOutcome)
		require.WithinRange(t, time.Now(), began.Add(slowest*2*time.Second), began.Add((slowest+1)*2*time.Second))
	})
}
