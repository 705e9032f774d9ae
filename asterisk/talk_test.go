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

	"github.com/bereikbaar/bereikbaar/ivr"
)

func TestOneHangsUpWhileTheTwoAreBeingConnected(t *testing.T) {
	refusals := map[string]struct {
		status int
		body   string
	}{
		"left the application": {http.StatusUnprocessableEntity, `{"message":"Channel not in Stasis application"}`},
		"not in it any more":   {http.StatusConflict, `{"message":"Channel not in Stasis application"}`},
		"does not exist":       {http.StatusBadRequest, `{"message":"Channel not found"}`},
	}
	for name, refusal := range refusals {
		for who, test := range map[string]struct {
			leaves func(line *Line, leg *Leg)
			want   error
		}{
			"the caller": {func(line *Line, _ *Leg) { line.end(ivr.ErrHungUp) }, ivr.ErrHungUp},
			// so that the caller waits on
			"the agent": {func(_ *Line, leg *Leg) { leg.ended(ending{cause: CauseNormalClearing}) }, ivr.ErrPhoneGone},
			"nobody":    {func(*Line, *Leg) {}, &CommandError{}},
		} {
			t.Run(who+" "+name, func(t *testing.T) {
				connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
					f.answering(func(r fakeRequest) (int, string, bool) {
						if strings.Contains(r.URI, "addChannel") {
							return refusal.status, refusal.body, true
						}
						return http.StatusNoContent, "", true
					})
					board := NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler))
					ctx, end := context.WithCancelCause(t.Context())
					line, leg := &Line{board: board, channel: "c1", end: end}, newLeg(board, "l1")
					leg.answered()
					// the event comes behind the refusal
					time.AfterFunc(100*time.Millisecond, func() { test.leaves(line, leg) })

					err := line.Talk(ctx, leg)
					require.ErrorIs(t, err, ivr.ErrNotConnected)
					if refused := (*CommandError)(nil); errors.As(test.want, &refused) {
						require.ErrorAs(t, err, &refused)
						return
					}
					require.ErrorIs(t, err, test.want)
				})
			})
		}
	}
}

func TestACallWaitsForTheLinkUntilTheDaemonGivesItUp(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		line := &Line{board: NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler)), channel: "c1"}
		f.set(func(f *fakeAsterisk) { f.away = true })
		_ = f.link().socket.CloseNow()
		synctest.Wait()
		ctx, end := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { end(ivr.ErrHungUp) })
		require.ErrorIs(t, line.Restored(ctx), ivr.ErrHungUp)

		time.AfterFunc(time.Minute, func() { f.set(func(f *fakeAsterisk) { f.away = false }) })
		began := time.Now()
		require.NoError(t, line.Restored(t.Context()))
		require.GreaterOrEqual(t, time.Since(began), time.Minute)

		c.stop()
		require.NoError(t, <-c.end)
		require.ErrorIs(t, line.Restored(t.Context()), ivr.ErrShutdown, "the next daemon takes it back")
	})
}
