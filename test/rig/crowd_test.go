package rig

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACrowdOfCallersIsHelpedByACrowdOfPhones(t *testing.T) {
	t.Parallel()
	for name, sound := range map[string]bool{"without sound": false, "with sound": true} {
		t.Run(name, func(t *testing.T) {
			o := withoutDaemon(t)
			o.Phones = CrowdPhones(10)
			o.AsteriskExtra = QueueOfCrowd("900", 10)
			r, ctx := newRig(t, o)
			phones, err := r.Crowd(Behaviour{TalkFor: 500 * time.Millisecond}, sound)
			require.NoError(t, err)

			before, err := r.Asterisk.Process().Usage()
			require.NoError(t, err)
			load, err := r.Load(LoadOptions{To: "900", Calls: 30, PerSecond: 10, Speak: sound})
			require.NoError(t, err)
			require.NoError(t, load.AwaitEnd(ctx))
			after, err := r.Asterisk.Process().Usage()
			require.NoError(t, err)
			t.Logf("Asterisk used %s a call", (after.CPU-before.CPU)/30)

			require.Len(t, load.Calls(), 30)
			require.NoError(t, phones.AwaitRings(ctx, 30))
			callers, err := phones.Callers()
			require.NoError(t, err)
			rang := map[string]bool{}
			for _, ring := range phones.Rings() {
				rang[callers[ring.CallID]] = true
			}
			for i := range load.Calls() {
				require.True(t, rang[LoadNumber(i)], "caller %d was put through", i)
			}
			require.NoError(t, r.Asterisk.AwaitIdle(ctx))
		})
	}
}
