package httpserver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/httpserver"
)

func TestTheFirstOfAWhileIsSaidAndTheRestIsCounted(t *testing.T) {
	h, now := httpserver.NewHush(time.Minute), time.Now()
	_, say := h.Say("x", now)
	require.True(t, say)
	for range 7 {
		_, say = h.Say("x", now.Add(59*time.Second))
		require.False(t, say)
	}
	_, say = h.Say("y", now)
	require.True(t, say, "another's")
	unsaid, say := h.Say("x", now.Add(time.Minute))
	require.True(t, say)
	require.Equal(t, 7, unsaid)
	unsaid, say = h.Say("x", now.Add(2*time.Minute))
	require.True(t, say)
	require.Zero(t, unsaid)
}

func TestAFloodFromManyAddressesIsBoundedToo(t *testing.T) {
	h, now := httpserver.NewHush(time.Minute), time.Now()
	said := 0
	for i := range 30_000 {
		if _, say := h.Say(fmt.Sprint(i), now); say {
			said++
		}
	}
	require.Equal(t, 10_000, said)
	_, say := h.Say("later", now.Add(time.Minute))
	require.True(t, say)
}
