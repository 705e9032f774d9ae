package keeper_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

const (
	// seeds is how often Redis is killed: in all some ten seconds on an idle machine.
	seeds = 50
	// every n-th seed keeps its daemon over the kill; that costs up to a second, because its client library retries a
	// dead server only once a second.
	every = 5
)

// Row 4 of the fault matrix, through journal and Redis together: Redis is killed while callers ask, each twice at the
// same moment, and colleagues work. The promises go on without it. Then it comes back, to the same daemon or to a new
// one, and has all confirmed notes, once.
func TestRow4RedisIsKilledUnderLoad(t *testing.T) {
	dir := storetest.InMemory(t)
	server := redistest.StartIn(t, dir)
	confirmed, notes, alone := 0, 0, 0
	for seed := range uint64(seeds) {
		server.Empty()
		path := filepath.Join(dir, fmt.Sprintf("journal%d.db", seed))
		d := starts(t, server, path)
		random := rand.New(rand.NewPCG(seed, 4))
		told := d.worksUntilKilled(server, 1+random.IntN(80), random.IntN(15))
		alone += d.watch.Most
		if seed%every != 0 {
			d.ends(t)
			d = starts(t, server, path)
			require.NoError(t, d.torn)
		}
		server.Restart()
		d.catchesUp(t)
		stored := requireInvariants(t, server)
		requireTold(t, stored, told)
		requireOneNoteForAKey(t, told)
		d.requireJournal(t, stored)
		d.ends(t)
		confirmed, notes = confirmed+len(told), notes+len(stored.Notes)
	}
	require.Positive(t, alone, "some promises were kept by the journal alone")
	t.Logf(
		"%d steps confirmed, %d notes stored, %d of them by the journal alone, %d kills", confirmed, notes, alone,
		seeds,
	)
}

// worksUntilKilled lets callers and colleagues work at once, kills Redis after enough confirmations, waits for more
// that are given without it, and gives every note as it was confirmed.
func (d *daemon) worksUntilKilled(server *redistest.Server, enough, more int) []note.Note {
	const callers, colleagues = 6, 4
	told, over := make(chan note.Note, 2*callers+colleagues), make(chan struct{})
	var wait sync.WaitGroup
	until := func(work func()) {
		wait.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					work()
				}
			}
		})
	}
	for range callers {
		until(func() { d.asksTwiceAtOnce(told) })
	}
	for i := range colleagues {
		random := rand.New(rand.NewPCG(uint64(i), 5))
		until(func() { d.worksOne(call.AgentID(fmt.Sprintf("collega%d", i)), random, told) })
	}
	go func() {
		wait.Wait()
		close(told)
	}()
	var confirmed []note.Note
	for n := range told {
		switch confirmed = append(confirmed, n); len(confirmed) {
		case enough:
			server.Kill()
			if more == 0 {
				close(over)
			}
		case enough + more:
			close(over)
		}
	}
	return confirmed
}

// asksTwiceAtOnce sends a request twice with one key, as when a key is pressed twice or a web client tries again.
func (d *daemon) asksTwiceAtOnce(told chan<- note.Note) {
	r := request()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if n, _, err := d.service.Promise(ctx, r); err == nil {
				told <- n
			}
		})
	}
	both.Wait()
}

// worksOne takes one of the notes that are due and works it to its end, as far as others and Redis allow.
func (d *daemon) worksOne(colleague call.AgentID, random *rand.Rand, told chan<- note.Note) {
	due, err := d.Due(ctx, deventer, team, 20)
	if err != nil || len(due) == 0 {
		return
	}
	n := due[random.IntN(len(due))]
	for _, step := range life(colleague) {
		if n, err = d.Advance(ctx, n, step(n)); err != nil {
			return
		}
		told <- n
	}
}

// requireOneNoteForAKey requires that all requests with a key got the same note (I2).
func requireOneNoteForAKey(t *testing.T, told []note.Note) {
	t.Helper()
	of := make(map[note.Key]note.Note)
	for _, n := range told {
		first, known := of[n.Key]
		if !known {
			of[n.Key], first = n, n
		}
		require.Equal(t, first.ID, n.ID, "I2: one note for a key")
		require.Equal(t, first.Reference, n.Reference, "and everybody heard the same reference")
	}
}
