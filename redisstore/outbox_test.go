package redisstore_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/notify"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

func itemNamed(id string, lane notify.Lane) notify.Item {
	return notify.Item{
		ID: id, Kind: notify.NewNote, Lane: lane, To: "team:burgerzaken:1f", Note: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB",
		Team: team, At: promised,
	}
}

func TestANotificationWaitsUntilItIsDone(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	box, hook := s.Outbox(), notify.HookLane("zaak")
	mail, webhook := itemNamed("ntf_1", notify.MailLane), itemNamed("ntf_2", hook)
	move := notify.Move{Place: "log", From: "", To: "5-0"}
	full, err := box.Enqueue(ctx, deventer, move, []notify.Item{mail, webhook}, 10)
	require.NoError(t, err)
	require.Empty(t, full)
	_, err = box.Enqueue(ctx, deventer, move, []notify.Item{mail}, 10)
	require.NoError(t, err, "a repeat after a lost reply")
	_, err = box.Enqueue(ctx, deventer, notify.Move{Place: "log", From: "4-0", To: "6-0"}, nil, 10)
	require.ErrorIs(t, err, notify.ErrMoved)
	places, err := box.Places(ctx, deventer)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"log": "5-0"}, places)

	server.Kill()
	server.Restart()
	require.Eventually(t, func() bool { return s.Ping(ctx) == nil }, 20*time.Second, 20*time.Millisecond)
	rows, err := box.Rows(ctx, deventer)
	require.NoError(t, err)
	require.Equal(t, []notify.Row{
		{Lane: notify.MailLane, Items: 1, Oldest: promised}, {Lane: hook, Items: 1, Oldest: promised},
	}, rows, "a crash loses nothing")
	requireInvariants(t, past)

	leased, ok, err := box.Lease(ctx, deventer, notify.MailLane, time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, mail, leased.Item)
	require.WithinDuration(t, time.Now().Add(time.Minute), leased.Until, 5*time.Second)
	_, ok, err = box.Lease(ctx, deventer, notify.MailLane, time.Minute)
	require.NoError(t, err)
	require.False(t, ok, "somebody sends it")
	requireInvariants(t, past)

	stale := leased
	stale.Until = stale.Until.Add(-time.Second)
	require.NoError(t, box.Done(ctx, deventer, stale))
	leased.Tries = 3
	require.NoError(t, box.Later(ctx, deventer, leased, 0))
	again, ok, err := box.Lease(ctx, deventer, notify.MailLane, 0)
	require.NoError(t, err)
	require.True(t, ok, "whose lease has ended removes nothing")
	require.Equal(t, 3, again.Tries)
	time.Sleep(5 * time.Millisecond) // Redis's clock, which no bubble rules
	again, ok, err = box.Lease(ctx, deventer, notify.MailLane, time.Minute)
	require.NoError(t, err)
	require.True(t, ok, "the lease has ended")
	require.NoError(t, box.Done(ctx, deventer, again))
	require.NoError(t, box.Done(ctx, deventer, again), "once more does no harm")
	rows, err = box.Rows(ctx, deventer)
	require.NoError(t, err)
	require.Equal(t, []notify.Row{{Lane: hook, Items: 1, Oldest: promised}}, rows)
	requireInvariants(t, past)
}

func TestALaneIsFull(t *testing.T) {
	server := redistest.Start(t)
	box := open(t, server.Addr).Outbox()
	var items []notify.Item
	for n := range 5 {
		items = append(items, itemNamed(fmt.Sprint("ntf_", n), notify.MailLane))
	}
	full, err := box.Enqueue(ctx, deventer, notify.Move{Place: "log", To: "1-0"}, items, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"ntf_3", "ntf_4"}, full)
	full, err = box.Enqueue(ctx, deventer, notify.Move{Place: "log", From: "1-0", To: "2-0"}, items[:1], 3)
	require.NoError(t, err)
	require.Empty(t, full, "it waits already")
	full, err = box.Enqueue(ctx, deventer, notify.Move{Place: "log", From: "2-0", To: "3-0"},
		[]notify.Item{itemNamed("ntf_9", notify.HookLane("zaak"))}, 3)
	require.NoError(t, err)
	require.Empty(t, full, "another lane has room")
	requireInvariants(t, raw(t, server.Addr))
}

func TestOfManyWhoTakeANotificationOneGetsIt(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	box := s.Outbox()
	var items []notify.Item
	for n := range 40 {
		items = append(items, itemNamed(fmt.Sprint("ntf_", n), notify.MailLane))
	}
	_, err := box.Enqueue(ctx, deventer, notify.Move{Place: "log", To: "1-0"}, items, 100)
	require.NoError(t, err)
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				leased, ok, err := box.Lease(ctx, deventer, notify.MailLane, time.Minute)
				if err != nil {
					continue // a busy machine
				}
				if !ok {
					return
				}
				mu.Lock()
				got[leased.ID]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for id, times := range got {
		require.Equal(t, 1, times, id)
	}
	require.NotEmpty(t, got)
}

func TestWhatIsBrokenInTheOutbox(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	box := s.Outbox()
	_, err := box.Enqueue(ctx, deventer, notify.Move{Place: "log", To: "1-0"},
		[]notify.Item{itemNamed("ntf_1", notify.MailLane)}, 10)
	require.NoError(t, err)
	require.NoError(t, past.HSet(ctx, tag+"outbox:mail", "ntf_1", `{"v":2}`).Err())
	_, ok, err := box.Lease(ctx, deventer, notify.MailLane, time.Minute)
	require.False(t, ok)
	require.ErrorIs(t, err, note.ErrBroken)
	rows, err := box.Rows(ctx, deventer)
	require.NoError(t, err)
	require.Empty(t, rows, "it does not come back for ever")
	_, err = box.Enqueue(ctx, deventer, notify.Move{Place: "log", From: "1-0", To: "1-1"},
		[]notify.Item{itemNamed("ntf_1\n", notify.MailLane)}, 10)
	require.NoError(t, err)
	_, _, err = box.Lease(ctx, deventer, notify.MailLane, time.Minute)
	require.ErrorIs(t, err, note.ErrBroken)
	rows, err = box.Rows(ctx, deventer)
	require.NoError(t, err)
	require.Empty(t, rows, "an id that no header holds")
	requireInvariants(t, past)

	require.NoError(t, past.Set(ctx, tag+"outbox_due:mail", "x", 0).Err())
	before := dump(t, past)
	_, err = box.Enqueue(ctx, deventer, notify.Move{Place: "log", From: "1-1", To: "2-0"},
		[]notify.Item{itemNamed("ntf_1", notify.MailLane)}, 10)
	require.ErrorIs(t, err, note.ErrBroken)
	require.ErrorContains(t, err, "outbox_due:mail")
	require.Equal(t, before, dump(t, past), "nothing is written halfway")
	_, _, err = box.Lease(ctx, deventer, notify.MailLane, time.Minute)
	require.ErrorIs(t, err, note.ErrBroken)
}
