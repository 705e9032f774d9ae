package rig

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newRig starts a rig for one test. When the test fails its directory stays, and the test says where.
func newRig(t *testing.T, o Options) (*Rig, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	r, err := Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			r.Keep()
			t.Logf("logs and traces are in %s", r.Dir)
		}
		require.NoError(t, r.Close())
	})
	return r, ctx
}

func TestACallerIsHelpedByTheFallbackWhenTheDaemonIsAway(t *testing.T) {
	r, ctx := newRig(t, Options{})
	agent, err := r.Agent(ctx, "kcc1", Behaviour{RingFor: 300 * time.Millisecond})
	require.NoError(t, err)

	caller, err := r.Call(ctx, CallerOptions{})
	require.NoError(t, err)
	answered, err := caller.AwaitAnswer(ctx)
	require.NoError(t, err)
	require.Less(t, answered, time.Second)

	_, err = agent.AwaitTalk(ctx, 1)
	require.NoError(t, err)
	t.Log(names(caller.Phrases()))
	require.Less(t, caller.Heard().Silence(), 0.5, "the caller was spoken to while he waited")

	talk := time.Now()
	require.NoError(t, caller.Speak(ctx, Tone(440, time.Second)))
	require.NoError(t, agent.AwaitSound(ctx, talk, 800*time.Millisecond))
	require.NoError(t, agent.HangUp(ctx, 1))
	require.NoError(t, caller.AwaitEnd(ctx))
	require.NoError(t, r.Asterisk.AwaitIdle(ctx))
}
