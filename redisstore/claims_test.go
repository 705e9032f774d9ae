package redisstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// One note, as the colleagues who compete for it see it.
type (
	holding struct {
		ver   uint64
		state note.State
		by    call.AgentID
	}
	asked struct {
		note note.ID
		kind note.EventKind // empty to read
		ver  uint64         // that the worker saw
		by   call.AgentID
	}
	answered struct {
		saw   holding // by a read
		stale bool
		now   uint64 // by a stale answer
	}
)

// claims of one note are linearizable when each answer fits a moment between question and answer at which the note was
// so.
var competing = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byNote := make(map[note.ID][]porcupine.Operation)
		for _, op := range history {
			n := op.Input.(asked).note
			byNote[n] = append(byNote[n], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byNote {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return holding{ver: 1, state: note.Open} },
	Step: func(state, input, output any) (bool, any) {
		is, in, out := state.(holding), input.(asked), output.(answered)
		switch {
		case in.kind == "":
			return out.saw == is, is
		case out.stale:
			return in.ver != is.ver && out.now == is.ver, is
		case in.ver != is.ver:
			return false, is
		}
		after := holding{ver: is.ver + 1}
		var err error
		if after.state, err = note.Next(is.state, in.kind); err != nil {
			return false, is
		}
		if after.state.Held() {
			after.by = in.by
		}
		return true, after
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

const workers = 64

// compete lets colleagues claim, give back, resolve and open again a few notes, all at once, and gives what they saw.
func compete(t *testing.T, s *redisstore.Store, notes []note.Note, each int) []porcupine.Operation {
	t.Helper()
	var mu sync.Mutex
	var history []porcupine.Operation
	var wait sync.WaitGroup
	begun := time.Now()
	for worker := range workers {
		random := rand.New(rand.NewPCG(uint64(worker), 15))
		did := func(from time.Time, in asked, out answered) {
			mu.Lock()
			defer mu.Unlock()
			history = append(history, porcupine.Operation{
				ClientId: worker, Input: in, Call: int64(from.Sub(begun)), Output: out,
				Return: int64(time.Since(begun)),
			})
		}
		wait.Go(func() {
			by := call.AgentID(fmt.Sprintf("collega%d", worker))
			for range each {
				id := notes[random.IntN(len(notes))].ID
				from := time.Now()
				n, err := storetest.Patiently(func() (note.Note, error) { return s.Note(ctx, deventer, id) })
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				did(from, asked{note: id}, answered{saw: holding{n.Ver, n.State, n.Colleague}})
				e := event(n, wants(n, by, random), note.ByAgent(by), forLease, byHand, asSettled)
				if e.Kind == "" {
					continue // another has it
				}
				from = time.Now()
				_, err = storetest.Patiently(func() (note.Note, error) { return s.Advance(ctx, n, e) })
				var stale *note.StaleError
				if err != nil && !errors.As(err, &stale) {
					t.Errorf("%s: %v", e.Kind, err)
					return
				}
				out := answered{stale: stale != nil}
				if stale != nil {
					out.now = stale.Now
				}
				did(from, asked{note: id, kind: e.Kind, ver: n.Ver, by: by}, out)
			}
		})
	}
	wait.Wait()
	return history
}

// wants is what a colleague does with a note as they see it.
func wants(n note.Note, by call.AgentID, random *rand.Rand) note.EventKind {
	switch {
	case n.State == note.Open:
		return note.EventClaimed
	case n.State == note.Resolved:
		return note.EventReopened
	case n.Colleague != by && random.IntN(4) > 0:
		return ""
	case random.IntN(2) == 0:
		return note.EventReleased // also by another: a team lead may
	default:
		return note.EventResolved
	}
}

// promises makes a few notes: with eight workers to a note the search for an order of what they did stays short.
func promises(t *testing.T, s *redisstore.Store, few int) []note.Note {
	t.Helper()
	notes := make([]note.Note, few)
	for i := range notes {
		notes[i] = promise(t, s)
	}
	return notes
}

func TestClaimsAreLinearizable(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	history := compete(t, s, promises(t, s, 8), 12)
	requireInvariants(t, raw(t, server.Addr))
	claimed := 0
	for _, op := range history {
		if op.Input.(asked).kind == note.EventClaimed && !op.Output.(answered).stale {
			claimed++
		}
	}
	require.Greater(t, claimed, 20, "they did compete")
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(competing, history, time.Minute))
}

// The same with a script that does not compare versions: it must be found out, or the test above proves nothing.
func TestClaimsWithoutVersionsAreFoundOut(t *testing.T) {
	redisstore.WithoutVersions(t)
	server := redistest.Start(t)
	s := open(t, server.Addr)
	history := compete(t, s, promises(t, s, 8), 4)
	require.Equal(t, porcupine.Illegal, porcupine.CheckOperationsTimeout(competing, history, time.Minute))
	_, err := redistest.Audit(ctx, raw(t, server.Addr), deventer)
	require.Error(t, err, "and the audit sees what it left")
}

// Row 15 of the fault matrix.
func TestOf64ColleaguesWhoClaimOneNoteOneWins(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	n := promise(t, s)
	var wait sync.WaitGroup
	start := make(chan struct{})
	won := make(chan note.Note, workers)
	for i := range workers {
		who := note.ByAgent(call.AgentID(fmt.Sprintf("collega%d", i)))
		e := event(n, note.EventClaimed, who, forLease)
		wait.Go(func() {
			<-start
			got, err := storetest.Patiently(func() (note.Note, error) { return s.Advance(ctx, n, e) })
			var stale *note.StaleError
			switch {
			case err == nil:
				won <- got
			case !errors.As(err, &stale) || stale.Now != 2:
				t.Errorf("%s is not told that another was first: %v", who, err)
			}
		})
	}
	close(start)
	wait.Wait()
	require.Len(t, won, 1)
	require.Equal(t, requireInvariants(t, raw(t, server.Addr))[n.ID], <-won)
}

// Row 14 of the fault matrix: a colleague whose claim is over ends their work all the same.
func TestAStaleOwnerCompletes(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	for name, life := range map[string][]func(note.Note) note.Event{
		"a team lead gave it back": {releases},
		"another has it now":       {releases, does(note.EventClaimed, note.ByAgent(joost), forLease)},
		"another has it and is ringing": {
			releases, does(note.EventClaimed, note.ByAgent(joost), forLease),
			does(note.EventAttemptStarted, note.ByAgent(joost)),
		},
		"the same colleague claimed it again": {releases, claims},
		"the caller withdrew it":              {cancels},
		"it went to another team":             {does(note.EventRerouted, note.ByAgent(els), to("kcc"))},
		"and it was purged":                   {cancels, purges},
	} {
		t.Run(name, func(t *testing.T) {
			seen := advance(t, s, promise(t, s), claims, rings, reaches)
			now := advance(t, s, seen, life...)
			for _, e := range []note.Event{
				resolves(seen), event(seen, note.EventRenewed, note.ByAgent(els), forLease), rings(seen),
				releases(seen),
			} {
				_, err := s.Advance(ctx, seen, e)
				var stale *note.StaleError
				require.ErrorAs(t, err, &stale, e.Kind)
				require.Equal(t, note.StaleError{Note: seen.ID, Saw: seen.Ver, Now: now.Ver}, *stale)
			}
			_, err := worklist(s).Resolve(ctx, callback.Step{
				Municipality: deventer, Note: seen.ID, Ver: seen.Ver, Who: note.ByAgent(els), At: promised,
			}, note.Reached, "")
			var stale *note.StaleError
			require.ErrorAs(t, err, &stale)
			storetest.RequireSame(t, now, requireInvariants(t, raw(t, server.Addr))[seen.ID], "nothing was changed")
		})
	}
}
