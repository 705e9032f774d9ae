package asterisk

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLostLinkIsMadeAnewAndReported(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		elapse(time.Minute)
		lostAt := time.Now()
		_ = f.link().socket.CloseNow()
		synctest.Wait()
		up, since, lastErr := c.State()
		require.False(t, up)
		require.Equal(t, lostAt, since)
		require.ErrorContains(t, lastErr, "link lost")

		require.NoError(t, c.AwaitUp(t.Context()))
		require.WithinRange(t, time.Now(), lostAt.Add(125*time.Millisecond), lostAt.Add(250*time.Millisecond))
		up, _, lastErr = c.State()
		require.True(t, up)
		require.Error(t, lastErr, "kept for people to read")
		require.Equal(t, 2, c.ups)
		require.Equal(t, 1, c.lostFor(LossClosed))
		require.Len(t, f.requests, 4, "the filters are set on each link")
	})
}

func TestReconnectingWaitsLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.away = true
		c := connect(t, f)
		elapse(time.Minute)
		attempts := f.attempts()
		longest := 250 * time.Millisecond
		for i := 1; i < len(attempts); i++ {
			wait := attempts[i].Sub(attempts[i-1])
			require.GreaterOrEqual(t, wait, longest/2)
			require.LessOrEqual(t, wait, longest)
			longest = min(2*longest, 5*time.Second)
		}
		require.Greater(t, len(attempts), 12)
		require.Less(t, len(attempts), 30)
		require.Equal(t, len(attempts), c.lostFor(LossUnreachable))
		_, _, lastErr := c.State()
		require.EqualError(
			t, lastErr,
			"asterisk: connect to asterisk.test: connection refused: "+
				"is Asterisk running, and does http.conf listen there?",
		)

		f.set(func(f *fakeAsterisk) { f.away = false })
		require.NoError(t, c.AwaitUp(t.Context()))
	})
}

func TestLinkThatIsLostAtOnceEachTimeIsNotMadeAtFullSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := newFakeAsterisk(t), newWitness()
		conn, err := New(fakeOptions(f))
		require.NoError(t, err)
		conn.Attach(w.handle, func(context.Context) error {
			l := f.link()
			time.AfterFunc(10*time.Millisecond, func() { _ = l.socket.CloseNow() })
			return w.onUp(t.Context())
		})
		run(t, conn, w)
		elapse(time.Minute)
		require.Less(t, len(f.attempts()), 30)
		require.Equal(t, len(f.attempts()), w.ups, "each link was up for a moment")
	})
}

func TestWrongPasswordIsSaidClearlyAndTriedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.password = "changed"
		c := connect(t, f)
		elapse(95 * time.Second)
		require.Len(t, f.attempts(), 4, "now and after 30, 60 and 90 s")
		require.Equal(t, 4, c.lostFor(LossRefused))
		_, _, lastErr := c.State()
		require.EqualError(t, lastErr,
			`asterisk: asterisk.test refuses user "daemon" (401 Authentication required): `+
				"give the daemon the password that the user has in ari.conf")
		require.NotContains(t, lastErr.Error(), fakePassword)

		f.set(func(f *fakeAsterisk) { f.password = fakePassword })
		require.NoError(t, c.AwaitUp(t.Context()))
	})
}

func TestUserWhoMayOnlyReadIsSaidClearlyAndTriedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.reply = func(fakeRequest) (int, string, bool) {
			return http.StatusForbidden, `{"message":"Write access denied"}`, true
		}
		c := connect(t, f)
		elapse(35 * time.Second)
		require.Equal(t, 2, c.lostFor(LossRefused))
		_, _, lastErr := c.State()
		require.ErrorContains(t, lastErr, "403 Write access denied: the user must not be read_only in ari.conf")
	})
}

func TestUpgradeThatFailsSaysWhatAsteriskSaid(t *testing.T) {
	tests := map[int]string{
		http.StatusForbidden:           `refuses user "daemon" (403 Stasis app registration failed)`,
		http.StatusNotFound:            "set enabled=yes in ari.conf",
		http.StatusServiceUnavailable:  "is still starting (503 Stasis app registration failed)",
		http.StatusInternalServerError: "makes no websocket (500 Stasis app registration failed)",
		http.StatusFound:               "makes no websocket (302",
	}
	for status, want := range tests {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeAsterisk(t)
				f.status = status
				c := connect(t, f)
				elapse(time.Millisecond)
				_, _, lastErr := c.State()
				require.ErrorContains(t, lastErr, want)
			})
		})
	}
}

func TestIdleLinkStaysUp(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		elapse(10 * time.Minute)
		require.Equal(t, 1, f.linkCount())
		require.Empty(t, c.losses)
	})
}

func TestHalfOpenLinkIsNoticedAndItsCommandsAreLetGo(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		elapse(time.Minute)
		first, frozeAt := f.link(), time.Now()
		first.freeze()
		err := c.Answer(t.Context(), "a")
		require.ErrorIs(t, err, ErrUnknownOutcome)
		require.Equal(t, 2*time.Second, time.Since(frozeAt))

		require.NoError(t, c.AwaitUp(t.Context()))
		for f.link() == first {
			elapse(10 * time.Millisecond)
		}
		require.LessOrEqual(t, time.Since(frozeAt), 7*time.Second+260*time.Millisecond)
		require.Equal(t, 1, c.lostFor(LossSilent))
		_, _, lastErr := c.State()
		require.ErrorContains(t, lastErr, "half open: nothing heard for 7s")
	})
}

func TestEventsAloneKeepNoLinkThatAnswersNoPings(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		first, frozeAt := f.link(), time.Now()
		first.freeze()
		for f.link() == first {
			first.send(channelEvent(ChannelDtmfReceived, "a"))
			elapse(100 * time.Millisecond)
		}
		require.WithinRange(t, time.Now(), frozeAt.Add(21*time.Second), frozeAt.Add(24*time.Second))
		require.Equal(t, 1, c.lostFor(LossSilent))
	})
}

func TestABusyAsteriskThatAnswersCommandsKeepsItsLink(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		first, end := f.link(), time.Now().Add(time.Minute)
		first.freeze()
		for time.Now().Before(end) {
			first.answer("of a command that was given up", http.StatusOK, "{}")
			elapse(100 * time.Millisecond)
		}
		require.Equal(t, 1, f.linkCount(), "its pongs are late, its replies are not")
	})
}

func TestAsteriskThatSaysNothingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		f.deaf = true
		c := connect(t, f)
		elapse(8 * time.Second)
		require.Len(t, f.attempts(), 2)
		require.Equal(t, 1, c.lostFor(LossUnreachable))
		f.set(func(f *fakeAsterisk) { f.deaf = false })
		require.NoError(t, c.AwaitUp(t.Context()))
	})
}

func TestBackoff(t *testing.T) {
	const shortest, longest = 250 * time.Millisecond, 5 * time.Second
	require.Equal(t, shortest, backoff(shortest, longest, 0, 0))
	require.Equal(t, shortest/2, backoff(shortest, longest, 0, 1))
	require.Equal(t, 2*time.Second, backoff(shortest, longest, 3, 0))
	require.Equal(t, longest, backoff(shortest, longest, 5, 0))
	require.Equal(t, longest, backoff(shortest, longest, 1_000_000, 0))
	require.Equal(t, longest, backoff(longest, longest, 0, 0))
}
