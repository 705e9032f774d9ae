package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// The daemon over a real failover: it follows within seconds, and keeps the promises, claims and erasures from before
// and meanwhile. The replica is cut off before the last changes, so that the new primary lacks them.
func TestTheDaemonFollowsAFailover(t *testing.T) {
	r := redistest.StartReplicated(t, 2)
	t.Setenv("BEREIKBAAR_REDIS_PASSWORD", redistest.Password)
	t.Setenv("BEREIKBAAR_REDIS_SENTINEL_PASSWORD", redistest.Password)
	var log bytes.Buffer
	d := daemonWith(t, slog.New(slog.NewTextHandler(&log, nil)),
		fmt.Sprintf(
			"redis: {username: bereikbaar, sentinel: {addresses: [%q, %q, %q], master: bereikbaar, username: bereikbaar}}\ncallbacks: {limits: {caller: 0, target: 0}}",
			r.Addrs()[0], r.Addrs()[1], r.Addrs()[2],
		))
	c := &townhall.Office{T: t, Notes: d.notes.Service}
	k := d.newRounds()
	until := func(so func() bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			k.tick(t.Context(), time.Now())
			return !k.outage.lasts && so()
		}, time.Minute, 100*time.Millisecond, log.String())
	}
	until(func() bool { return true })
	open, claimed, erased := c.Note("kcc"), c.Note("kcc"), c.Note("strict")
	primary := func(n int) func() bool {
		return func() bool {
			identity, err := d.store.Identity(t.Context())
			return err == nil && strings.Contains(identity, r.Servers[n].RunID())
		}
	}
	until(primary(0))
	r.Servers[1].Freeze() // from here on the replica hears nothing: not even what its machine would have taken for it
	r.Servers[0].Do("CLIENT", "KILL", "TYPE", "replica")
	claimed = d.advances(
		t, claimed, note.EventClaimed, func(e *note.Event) { e.Who, e.Hold = note.ByAgent("kcc1"), time.Hour },
	)
	erased = d.advances(t, erased, note.EventCancelled, func(e *note.Event) { e.Reason = "erased on request" })
	_, err := d.keeper.Advance(t.Context(), erased, note.Remains(erased, note.EventID(
		ulid.Make().String(),
	), time.Now().UTC().Truncate(time.Millisecond),
		note.ByAgent("kcc1"), "erased on request"))
	require.NoError(t, err)
	var proof redisstore.Proof
	require.Eventually(t, func() bool { // the replica does not hear of that either
		proof, err = d.store.Attest(t.Context(), redisstore.Proof{})
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	r.Servers[0].Kill()
	r.Servers[1].Thaw()
	meanwhile := c.Note("kcc")
	until(primary(1))
	until(func() bool { return d.keeper.Behind() == 0 && k.comparison.wentRound() && k.comparison.from == "" })

	for id, want := range map[note.ID]note.State{
		open.ID: note.Open, claimed.ID: note.Claimed, erased.ID: note.Purged, meanwhile.ID: note.Open,
	} {
		n, err := d.store.Note(t.Context(), "deventer", id)
		require.NoError(t, err)
		require.Equal(t, want, n.State)
	}
	number, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	theirs, err := d.store.ByNumber(t.Context(), "deventer", number, 10)
	require.NoError(t, err)
	require.Len(t, theirs, 3, "the erased person is not found again")
	require.Contains(t, log.String(), "Redis is back")
	require.Eventually(t, func() bool {
		proof, err = d.store.Attest(t.Context(), proof)
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	require.Zero(t, proof.Lost, "a replica that lagged is no disk that forgets")
}

// advances makes the next event of a note, and asks again while a busy machine is slow.
func (d *Daemon) advances(
	t *testing.T, n note.Note, kind note.EventKind, change func(*note.Event),
) note.Note {
	t.Helper()
	e := note.Event{
		ID: note.EventID(ulid.Make().String()), Note: n.ID, Ver: n.Ver + 1,
		At: time.Now().UTC().Truncate(time.Millisecond), Kind: kind, Who: note.BySystem,
	}
	change(&e)
	var after note.Note
	require.Eventually(t, func() bool {
		var err error
		after, err = d.keeper.Advance(t.Context(), n, e)
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	return after
}
