package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// Asterisk puts a websocket reply on its thread's stack of half a megabyte: a request for a list of a thousand channels
// crashed Asterisk, and with it every call (seen on 22.10.1).
func TestTheDaemonIsKilledWhileASwitchHasVeryManyChannels(t *testing.T) {
	s := openWith(t, rig.Options{Config: rig.AlwaysOpen(), AsteriskExtra: map[string]string{
		"extensions.conf": "[crowded]\nexten => _X.,1,Answer()\n same => n,Wait(600)\n",
	}})
	const pairs = 600
	for i := range pairs {
		_, err := s.Asterisk.CLI(s.ctx, fmt.Sprintf(
			"channel originate Local/%s%04d@crowded application Wait 600", strings.Repeat("0", 60), i,
		))
		require.NoError(t, err)
	}
	s.eventually("all channels are there", func() error {
		told, err := s.Asterisk.CLI(s.ctx, "core show channels count")
		if err == nil && !strings.Contains(told, fmt.Sprint(2*pairs)+" active channels") {
			err = fmt.Errorf("the console answers %q", told)
		}
		return err
	})
	switchboard := s.Asterisk.PID()
	s.crashes()
	require.True(t, s.Asterisk.Process().Running(), "the switch lives")
	require.Equal(t, switchboard, s.Asterisk.PID())
	c := s.ringsFrom("0612345678")
	c.hears("nl/menu-aanvraag")
	c.hangsUp()
}
