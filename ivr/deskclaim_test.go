package ivr_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
)

// rounds lets time pass and expired claims lapse, as the daemon does.
func (s *deskScene) rounds(for_ time.Duration) {
	for range int(for_ / time.Second) {
		s.after(time.Second)
		// which fails while the store is away
		_, _ = s.worklist.RoundSince(s.t.Context(), "deventer", time.Now(), time.Time{})
	}
}

// A lease is for a colleague who went home, not for one who talks: else a second colleague would ring the caller.
func TestAClaimHoldsAsLongAsTheCall(t *testing.T) {
	deskStory(t, func(s *deskScene) { s.rounds(14 * time.Minute) }, func(t *testing.T, s *deskScene) {
		s.rounds(50 * time.Minute)
		require.Equal(t, "out", s.exchange.line.talking)
		require.Equal(t, note.Calling, s.stands().State)
		require.Equal(t, call.AgentID("verg1"), s.stands().Colleague)
		require.NoError(t, s.exchange.leg.HangUp(t.Context()))
		synctest.Wait()
		s.answersDesk('1')
		s.answersDesk('2') // the note is not done
		require.NoError(t, s.over())
		require.Equal(t, attempt.Reached, s.stands().Attempts[0].Result)
		s.rounds(16 * time.Minute)
		require.Equal(t, note.Open, s.stands().State, "the claim is no longer renewed")
	})
}

// renewing counts the renewals of the claim, failed ones included. A store that is away takes all the time that it
// gets.
type renewing struct {
	ivr.Attempts
	times atomic.Int32
}

func (r *renewing) Renew(ctx context.Context, s callback.Step) (note.Note, error) {
	r.times.Add(1)
	n, err := r.Attempts.Renew(ctx, s)
	if errors.Is(err, note.ErrStoreDown) {
		<-ctx.Done()
	}
	return n, err
}

// From renewal to the end of a lease there is room for two more renewals; the outage takes longer than both.
func TestAClaimIsRenewedThroughAnOutageOfTheStore(t *testing.T) {
	var log bytes.Buffer
	deskStory(t, func(s *deskScene) {
		s.callbacks.Attempts, s.callbacks.Log = &renewing{Attempts: s.worklist}, slog.New(
			slog.NewTextHandler(&log, nil),
		)
	}, func(t *testing.T, s *deskScene) {
		s.rounds(4 * time.Minute)
		s.store.Fail(errors.New("away"))
		s.rounds(10*time.Minute + 30*time.Second)
		s.store.Fail(nil)
		s.rounds(5 * time.Minute)
		require.Equal(t, note.Calling, s.stands().State)
		require.Greater(t, time.Until(s.stands().Lease), 10*time.Minute)
		require.Equal(t, 1, strings.Count(log.String(), "claim not renewed"), log.String())
		s.exchange.line.hangUp(ivr.ErrHungUp)
		require.NoError(t, s.over())
	})
}

func TestAClaimThatWasTakenAwayIsNotAskedForAgainAndAgain(t *testing.T) {
	counted := &renewing{}
	var log bytes.Buffer
	deskStory(t, func(s *deskScene) {
		counted.Attempts, s.callbacks.Attempts, s.callbacks.Log = s.worklist, counted, slog.New(
			slog.NewTextHandler(&log, nil),
		)
	}, func(t *testing.T, s *deskScene) {
		s.after(time.Minute)
		_, err := s.worklist.Absent(t.Context(), "deventer", "verg1", note.BySystem, time.Now())
		require.NoError(t, err)
		before := counted.times.Load()
		s.after(time.Hour)
		require.Equal(t, before+1, counted.times.Load())
		require.Equal(t, "out", s.exchange.line.talking, "the two talk on")
		stood := s.stands()
		s.exchange.line.hangUp(ivr.ErrHungUp)
		require.NoError(t, s.over())
		require.Equal(t, stood, s.stands(), "nothing is added to a note without the colleague's claim")
		require.Contains(t, log.String(), "nobody has claimed the note", "the reason is logged")
	})
}
