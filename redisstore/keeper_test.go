package redisstore_test

import (
	"maps"
	"net"
	"os/exec"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// confirmed is each note as it was last confirmed.
type confirmed map[note.ID]note.Note

func (c confirmed) add(n note.Note) note.Note {
	c[n.ID] = n
	return n
}

// requireRestored checks that every note is stored as it was confirmed, but for the end of a lease.
func (c confirmed) requireRestored(t *testing.T, past *redis.Client) {
	t.Helper()
	stored := requireInvariants(t, past)
	require.Len(t, stored, len(c), "I1, I2")
	for id, n := range c {
		storetest.RequireRestored(t, n, stored[id], "I1")
	}
}

// catchUp lets the keeper catch up until it has nothing more to tell.
func catchUp(t *testing.T, k *keeper.Keeper) {
	t.Helper()
	_, err := storetest.Patiently(func() (keeper.CaughtUp, error) { return k.CatchUp(ctx, "") })
	require.NoError(t, err)
}

// Row 6 of the fault matrix: the replica that takes over has not heard the last changes.
func TestAReplicaThatLagsTakesOver(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	primary := redistest.Start(t, "bind 127.0.0.1", "port "+port)
	replica := redistest.Start(
		t, "replicaof 127.0.0.1 "+port, "masteruser "+redistest.Operator, "masterauth "+redistest.OperatorPassword,
	)
	proxy := redistest.NewProxy(t, primary)
	watch := &storetest.Observer{}
	store := open(t, proxy.Addr)
	k := keeper.New(store, storetest.NewJournal(), watch)
	work := joined(k, store)
	old, past := raw(t, primary.Addr), raw(t, replica.Addr)
	heard := make(confirmed)
	before := make([]note.Note, 6)
	for i := range before {
		before[i] = heard.add(promise(t, work))
	}
	heard.add(advance(t, work, before[0], claims))
	await(t, "the replica has heard all of it", func() bool {
		return len(keysIn(t, past)) > 0 && infoOf(t, past, "master_repl_offset") == infoOf(t, old, "master_repl_offset")
	})
	replica.Freeze()
	require.NoError(t, old.ClientKillByFilter(ctx, "TYPE", "replica").Err())

	// one that the replica never heard of
	heard.add(promise(t, work))
	heard.add(advance(t, work, promise(t, work), claims))                                    // claimed, too
	heard.add(advance(t, work, heard[before[0].ID], rings, reaches, resolves))               // half its life
	heard.add(advance(t, work, before[1], claims, releases))                                 // a lease that is over
	heard.add(advance(t, work, before[2], cancels, reopens))                                 // opened again
	heard.add(advance(t, work, before[3], does(note.EventRerouted, "agent:els", to("kcc")))) // with another team
	heard.add(advance(t, work, before[4], raises, merges))
	primary.Kill()
	replica.Thaw()
	require.NoError(t, patientErr(func() error { return past.ReplicaOf(ctx, "NO", "ONE").Err() }))
	proxy.Lead(replica)
	lagging := requireInvariants(t, past)
	require.Len(t, lagging, len(before), "it lags")

	catchUp(t, k)
	heard.requireRestored(t, past)
	require.Positive(t, watch.Lost, "people are told")
	require.Empty(t, watch.Differing)
	heard.add(advance(t, work, heard[before[1].ID], claims))
	heard.add(promise(t, work))
	heard.requireRestored(t, past)
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

// patientErr asks again over a connection that was broken.
func patientErr(ask func() error) error {
	err := ask()
	for tries := 0; tries < 5 && err != nil; tries++ {
		err = ask()
	}
	return err
}

// Row 7 of the fault matrix.
func TestRedisComesBackEmpty(t *testing.T) {
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	watch := &storetest.Observer{}
	store := open(t, server.Addr)
	k := keeper.New(store, storetest.NewJournal(), watch)
	work := joined(k, store)
	heard := make(confirmed)
	for _, life := range lives {
		heard.add(advance(t, work, promise(t, work), life...))
	}
	heard.requireRestored(t, past)
	lost := slices.Collect(maps.Keys(heard))
	require.NoError(t, past.FlushAll(ctx).Err())
	open := heard.add(promise(t, work)) // before anybody noticed
	_, err := k.Note(ctx, deventer, lost[0])
	require.ErrorIs(t, err, note.ErrNoNote)

	catchUp(t, k)
	maps.DeleteFunc(heard, func(_ note.ID, n note.Note) bool {
		return n.State == note.Purged // there is no promise to bring back
	})
	require.Equal(t, len(heard)-1, watch.Lost, "an alarm, with how many")
	heard.requireRestored(t, past)
	counts, err := k.Counts(ctx, deventer, promised)
	require.NoError(t, err)
	require.Equal(t, int64(len(heard)), counts[team].Made, "the ledger has them all again")
	heard.add(advance(t, work, open, claims))
	heard.requireRestored(t, past)
	again, err := k.CatchUp(ctx, "")
	require.NoError(t, err)
	require.Zero(t, again.Mended, "there is nothing more to do")
}

// Row 8 of the fault matrix: with appendfsync always Redis ends when its disk is full, rather than confirm a note that
// it cannot keep.
func TestTheDiskIsFull(t *testing.T) {
	disk := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"), "mount a small disk (as root)")
	t.Cleanup(func() { require.NoError(t, unix.Unmount(disk, 0)) })
	server := redistest.StartIn(t, disk)
	watch := &storetest.Observer{}
	store := open(t, server.Addr)
	k := keeper.New(store, storetest.NewJournal(), watch)
	work := joined(k, store)
	heard := make(confirmed)
	var last note.Note
	for range 10_000 {
		last = heard.add(promise(t, work))
		select {
		case <-server.Ended():
		default:
			continue
		}
		break
	}
	<-server.Ended()
	heard.add(promise(t, work))
	require.Positive(t, watch.Waiting, "it is told that notes wait")
	_, err := k.Advance(ctx, last, claims(last))
	require.ErrorIs(t, err, note.ErrStoreDown, "claims are refused")

	out, err := exec.Command("mount", "-o", "remount,size=64m", disk).CombinedOutput()
	require.NoError(t, err, "%s", out)
	server.Restart()
	catchUp(t, k)
	require.Zero(t, watch.Waiting)
	heard.requireRestored(t, raw(t, server.Addr))
	heard.add(advance(t, work, last, claims))
	heard.requireRestored(t, raw(t, server.Addr))
	t.Logf("%d notes confirmed", len(heard))
}

func TestTheMemoryIsFullAndNotesAreJournalled(t *testing.T) {
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	watch := &storetest.Observer{}
	store := open(t, server.Addr)
	k := keeper.New(store, storetest.NewJournal(), watch)
	work := joined(k, store)
	heard := make(confirmed)
	claimed := heard.add(advance(t, work, promise(t, work), claims))
	require.NoError(t, past.ConfigSet(ctx, "maxmemory", "1000000").Err())
	heard.add(promise(t, work))
	require.Equal(t, 1, watch.Waiting)
	_, err := k.Advance(ctx, claimed, rings(claimed))
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorContains(t, err, "maxmemory")
	require.Len(t, requireInvariants(t, past), 1)
	require.NoError(t, past.ConfigSet(ctx, "maxmemory", "0").Err())
	catchUp(t, k)
	heard.requireRestored(t, past)
}
