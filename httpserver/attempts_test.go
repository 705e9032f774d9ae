package httpserver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/httpserver"
)

var five = httpserver.Limit{AtOnce: 5, Every: time.Minute}

func of(key string) map[httpserver.Limit]string { return map[httpserver.Limit]string{five: key} }

// An office behind one address begins its day: however many succeed, and in whichever order, those who fail afterwards
// have all that they would have had.
func TestAttemptsThatSucceedLeaveNoTrace(t *testing.T) {
	a, now := httpserver.NewAttempts(), time.Now()
	for range 3 {
		var open []*httpserver.Attempt
		for range 5 {
			one, ok := a.Begin(now, of("office"))
			require.True(t, ok)
			open = append(open, one)
		}
		_, ok := a.Begin(now, of("office"))
		require.False(t, ok, "beside each other they count")
		for _, one := range open {
			one.Succeeded()
			one.Failed() // as a deferred call does
		}
	}
	for range 5 {
		require.False(t, a.Reached(five, "office", now))
		one, ok := a.Begin(now, of("office"))
		require.True(t, ok)
		one.Failed()
	}
	require.True(t, a.Reached(five, "office", now))
	_, ok := a.Begin(now.Add(59*time.Second), of("office"))
	require.False(t, ok)
	one, ok := a.Begin(now.Add(time.Minute), of("office"))
	require.True(t, ok, "one more after a while")
	one.Succeeded()
	one, ok = a.Begin(now.Add(time.Minute), of("office"))
	require.True(t, ok, "it was not used up")
	one.Failed()
	require.True(t, a.Reached(five, "office", now.Add(time.Minute)))
	require.False(t, a.Reached(five, "elsewhere", now))
}

func TestAnAttemptThatOneLimitRefusesCountsUnderNone(t *testing.T) {
	a, now := httpserver.NewAttempts(), time.Now()
	wide := httpserver.Limit{AtOnce: 6, Every: time.Minute}
	both := map[httpserver.Limit]string{five: "x", wide: "x"}
	for range 5 {
		one, ok := a.Begin(now, both)
		require.True(t, ok)
		one.Failed()
	}
	for range 10 {
		_, ok := a.Begin(now, both)
		require.False(t, ok)
	}
	require.False(t, a.Reached(wide, "x", now), "there is one left")
}

func TestAttemptsOfManyKeysTakeLittle(t *testing.T) {
	a, now := httpserver.NewAttempts(), time.Now()
	first, ok := a.Begin(now, of("first"))
	require.True(t, ok)
	for i := range 30_000 {
		one, ok := a.Begin(now, of(fmt.Sprint(i)))
		require.True(t, ok)
		one.Failed()
	}
	first.Failed() // it was forgotten meanwhile
	require.False(t, a.Reached(five, "first", now))
}
