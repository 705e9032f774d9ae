package rig

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keypad is a number in the rig's dialplan that expects the keys 1, 5, 5, 9 and then plays a goodbye.
const keypad = `
[from-trunk]
exten => 900,1,Answer()
 same => n,Goto(keypad,s,1)

[keypad]
exten => s,1,BackGround(queue-thankyou)
 same => n,WaitExten(60)
exten => 1559,1,Playback(vm-goodbye)
 same => n,Hangup()
exten => i,1,Wait(60)
exten => t,1,Wait(60)
`

func TestKeysOfACallerAreHeard(t *testing.T) {
	t.Parallel()
	o := withoutDaemon(t)
	o.AsteriskExtra = map[string]string{"extensions.conf": keypad}
	r, ctx := newRig(t, o)

	t.Run("a trunk caller", func(t *testing.T) {
		caller, err := r.Call(ctx, CallerOptions{To: "900"})
		require.NoError(t, err)
		require.NoError(t, caller.AwaitSound(ctx, time.Time{}, 500*time.Millisecond))
		require.ErrorContains(t, caller.Press(ctx, "1x"), "no key 'x'")
		pressed := time.Now()
		require.NoError(t, caller.Press(ctx, "1559"))
		require.NoError(t, caller.AwaitSound(ctx, pressed, 500*time.Millisecond))
		require.NoError(t, caller.AwaitEnd(ctx))
		require.False(t, caller.Leg().EndedByUs, "all keys were right")
	})
	t.Run("a softphone on a caller's line", func(t *testing.T) {
		phone, err := r.Softphone(ctx, "beller1", 440)
		require.NoError(t, err)
		require.NoError(t, phone.Dial(ctx, "900"))
		require.NoError(t, phone.Press(ctx, "1559"))
		require.NoError(t, phone.AwaitEnd(ctx, 1))
		heard, err := phone.Heard()
		require.NoError(t, err)
		require.Greater(t, heard.RMS(), -30.0)
		require.Less(t, heard.Silence(), 0.5)
	})
}

func TestTwoSoftphonesTalkThroughTheFallbackQueue(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	agent, err := r.Softphone(ctx, "kcc2", 1000)
	require.NoError(t, err)
	caller, err := r.Softphone(ctx, "beller1", 440)
	require.NoError(t, err)

	require.NoError(t, caller.Dial(ctx, "140570"))
	soon, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := agent.AwaitRing(soon, 1); err != nil {
		queue, _ := r.Asterisk.CLI(ctx, "queue show kcc-fallback")
		endpoint, _ := r.Asterisk.CLI(ctx, "pjsip show endpoint kcc2")
		require.NoError(t, err, "%s\n%s", queue, endpoint)
	}
	require.NoError(t, agent.Answer(ctx))
	for listener, pitch := range map[*Softphone]float64{agent: caller.Pitch, caller: agent.Pitch} {
		require.Eventually(t, func() bool {
			heard, err := listener.Heard()
			half := sampleRate / 2
			return err == nil && len(heard) > half && heard[len(heard)-half:].Pitch(pitch) > 0.9
		}, 10*time.Second, 50*time.Millisecond, "%s hears the other", listener.Name)
	}
	heard, err := caller.Phrases()
	require.NoError(t, err)
	// It takes baresip a moment to begin to hear.
	require.True(t, heard[0].Is("nl/fallback"), "%s", heard[0])
	require.NoError(t, caller.HangUp(ctx))
	require.NoError(t, agent.AwaitEnd(ctx, 1))
	require.NoError(t, r.Asterisk.AwaitIdle(ctx))
}

func TestAnAgentsPhoneFollowsItsBehaviour(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	ring := func(t *testing.T, b Behaviour) (*Caller, *Agent) {
		t.Helper()
		agent, err := r.Agent(ctx, "kcc1", b)
		require.NoError(t, err)
		caller, err := r.Call(ctx, CallerOptions{})
		require.NoError(t, err)
		t.Cleanup(func() {
			require.NoError(t, caller.HangUp(ctx))
			require.NoError(t, agent.Unplug())
			require.NoError(t, r.Asterisk.AwaitIdle(ctx))
		})
		return caller, agent
	}
	t.Run("it answers on command", func(t *testing.T) {
		caller, agent := ring(t, Behaviour{NeverAnswers: true})
		require.NoError(t, agent.Answer(ctx, 1))
		require.NoError(t, caller.HangUp(ctx))
		end, err := agent.AwaitEnd(ctx, 1)
		require.NoError(t, err)
		require.False(t, end.EndedByUs)
	})
	t.Run("it rings until the caller gives up", func(t *testing.T) {
		caller, agent := ring(t, Behaviour{NeverAnswers: true})
		_, err := agent.AwaitRing(ctx, 1)
		require.NoError(t, err)
		require.NoError(t, caller.HangUp(ctx))
		end, err := agent.AwaitEnd(ctx, 1)
		require.NoError(t, err)
		require.Zero(t, end.Answered)
	})
	t.Run("it is busy", func(t *testing.T) {
		_, agent := ring(t, Behaviour{Refuses: 486})
		end, err := agent.AwaitEnd(ctx, 1)
		require.NoError(t, err)
		require.Equal(t, 486, end.Status)
	})
	t.Run("it answers and hangs up at once", func(t *testing.T) {
		caller, agent := ring(t, Behaviour{TalkFor: time.Millisecond})
		end, err := agent.AwaitEnd(ctx, 1)
		require.NoError(t, err)
		require.True(t, end.EndedByUs)
		require.Less(t, end.Ended.Sub(end.Answered), 5*time.Second)
		require.NoError(t, caller.AwaitEnd(ctx))
	})
	t.Run("it is dead", func(t *testing.T) {
		caller, agent := ring(t, Behaviour{Dead: true})
		_, err := agent.AwaitRing(ctx, 1)
		require.ErrorContains(t, err, "dead")
		_, err = caller.AwaitPhrase(ctx, time.Time{}, false, "music")
		require.NoError(t, err)
	})
	t.Run("the account does not exist", func(t *testing.T) {
		_, err := r.Agent(ctx, "burgemeester", Behaviour{})
		require.ErrorContains(t, err, "no account")
		_, err = r.Softphone(ctx, "burgemeester", 440)
		require.ErrorContains(t, err, "no account")
	})
}

func TestManyCallersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	callers, err := r.Callers(ctx, 20, make([]CallerOptions, 10)...)
	require.NoError(t, err)
	var last time.Time
	for _, caller := range callers {
		_, err := caller.AwaitAnswer(ctx)
		require.NoError(t, err)
		require.True(t, caller.Leg().Invited.After(last))
		last = caller.Leg().Invited
	}
	require.NoError(t, callers[3].HangUp(ctx), "one of many")
	require.Zero(t, callers[4].Leg().Ended)
	for _, caller := range callers {
		require.NoError(t, caller.HangUp(ctx))
	}
	require.NoError(t, r.Asterisk.AwaitIdle(ctx))
}

func TestACallerHangsUpBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	o := withoutDaemon(t)
	o.AsteriskExtra = map[string]string{
		"extensions.conf": "[from-trunk]\nexten => 901,1,Ringing()\n same => n,Wait(30)\nexten => 902,1,Hangup(17)\n",
	}
	r, ctx := newRig(t, o)

	caller, err := r.Call(ctx, CallerOptions{To: "901"})
	require.NoError(t, err)
	require.NoError(t, caller.await(ctx, "it rings", func(l Leg) bool { return !l.Ringing.IsZero() }))
	require.NoError(t, caller.HangUp(ctx))
	require.NoError(t, r.Asterisk.AwaitIdle(ctx))
	require.Zero(t, caller.Leg().Answered)

	caller, err = r.Call(ctx, CallerOptions{To: "902"})
	require.NoError(t, err)
	_, err = caller.AwaitAnswer(ctx)
	require.ErrorContains(t, err, "refused with status 486")
}
