package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// after waits: these tests try exact moments.
func (s *scene) after(d time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
		require.NoError(s.t, context.Cause(s.ctx))
	}
}

// agentIsFree waits until the only agent of a team is free: figures of queues are up to a fifth of a second old.
func (s *scene) agentIsFree(team string) {
	s.t.Helper()
	s.eventually("the agent is free", func() error {
		return equal(1, s.metric("bereikbaar_agents", "team", team, "state", "free"))
	})
}

func TestTheCallerHangsUpInTheMomentInWhichTheAgentAnswers(t *testing.T) {
	s := open(t, straightToTheContactCentre(nil))
	const ringFor = 200 * time.Millisecond
	agent := s.agent("kcc1", rig.Behaviour{RingFor: ringFor})
	answered := 0
	for i := range 20 {
		c := s.rings(rig.CallerOptions{To: straight})
		leg, err := agent.AwaitRing(s.ctx, i+1)
		require.NoError(t, err)
		// from 32 ms before to 44 ms after
		s.after(time.Until(leg.Invited.Add(ringFor + time.Duration(i-8)*4*time.Millisecond)))
		c.hangsUp()
		leg, err = agent.AwaitEnd(s.ctx, i+1)
		require.NoError(t, err)
		if !leg.Answered.IsZero() {
			answered++
		}
		s.atRest()
		s.agentIsFree("kcc")
	}
	t.Logf("%d of 20 were answered first", answered)
	require.Equal(t, 20.0, s.offered("kcc", call.OfferAnswered)+s.offered("kcc", call.OfferAbandoned))
	require.Zero(t, s.ended(call.Failed)+s.ended(call.Fallback))
}

func TestCallerAndAgentHangUpInTheSameMoment(t *testing.T) {
	s := open(t, straightToTheContactCentre(nil))
	agent := s.agent("kcc1", rig.Behaviour{})
	for i := range 20 {
		n := len(agent.Calls()) + 1 // an agent who hangs up before the two are connected may be rung again
		c := s.rings(rig.CallerOptions{To: straight})
		_, err := agent.AwaitTalk(s.ctx, n)
		require.NoError(t, err)
		var ends sync.WaitGroup
		var callerErr, agentErr error
		ends.Go(func() {
			s.after(time.Duration(max(0, i-10)) * 2 * time.Millisecond)
			callerErr = c.HangUp(s.ctx)
		})
		ends.Go(func() {
			s.after(time.Duration(max(0, 10-i)) * 2 * time.Millisecond)
			agentErr = agent.HangUp(s.ctx, n)
		})
		ends.Wait()
		require.NoError(t, callerErr)
		require.NoError(t, agentErr)
		s.atRest()
		s.agentIsFree("kcc")
	}
	// A caller who hangs up before Asterisk reports the answer counts as abandoned.
	require.Equal(t, 20.0, s.offered("kcc", call.OfferAnswered)+s.offered("kcc", call.OfferAbandoned))
	require.Zero(t, s.ended(call.Failed)+s.ended(call.Fallback))
}
