// Package keeper_test holds the rows of the fault matrix that need the journal on a disk and a Redis at once. Promises
// and changes go through keeper.Keeper, as in the daemon; whatever is killed, torn, lost or full, all confirmed changes
// are there, once.
package keeper_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// A pool of the client library that tries a dead server once a second notices its own closing only then.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

const (
	deventer = call.MunicipalityID("deventer")
	team     = call.TeamID("burgerzaken")
)

// ctx is for calls without a limit: store and keeper bound their own time.
var ctx = context.Background()

// daemon is the daemon's part for notes: the way to Redis, the journal on its disk, and the keeper that joins them.
type daemon struct {
	*keeper.Keeper
	store    *redisstore.Store
	journal  *journal.Journal
	service  *callback.Service
	worklist *callback.Worklist
	watch    *storetest.Observer
	work     callback.WorkStore // the store, its notes by way of the keeper
	torn     error              // the journal's fault; nil when it was whole
}

// starts starts a daemon with a journal at this path. It has not caught up yet.
func starts(t *testing.T, server *redistest.Server, path string) *daemon {
	t.Helper()
	kept, err := journal.Open(path)
	if err != nil {
		require.ErrorIs(t, err, journal.ErrTorn)
	}
	d := &daemon{
		store: redisstore.Open(redistest.As(server.Addr)), journal: kept, watch: &storetest.Observer{}, torn: err,
	}
	t.Cleanup(func() { d.ends(t) }) // again, when it has ended already
	d.Keeper = keeper.New(d.store, kept, d.watch)
	d.work = callback.Joined{Notes: d.Keeper, Tally: d.store, Presence: d.store}
	d.service = callback.NewService(d.work, storetest.Rules{}, storetest.Rules{}, nil)
	d.worklist = callback.NewWorklist(d.work, storetest.Rules{}, nil)
	return d
}

func (d *daemon) ends(t *testing.T) {
	t.Helper()
	require.NoError(t, d.journal.Close())
	_ = d.store.Close() // once more is an error
}

// catchesUp lets the keeper catch up until it has nothing more to do, and requires that it reported no fault.
func (d *daemon) catchesUp(t *testing.T) {
	t.Helper()
	require.NoError(t, d.catchUp())
	require.Empty(t, d.watch.Differing)
	require.Zero(t, d.Behind())
}

// catchUp lets the keeper go through all notes, however long Redis takes to answer.
func (d *daemon) catchUp() error {
	_, err := storetest.Patiently(func() (any, error) { return d.CatchUp(ctx, "") })
	return err
}

var nthCall atomic.Int64

// request asks for a note, with a new call and a new caller.
func request() callback.Request {
	nth := nthCall.Add(1)
	id := call.ID(fmt.Sprintf("1732300000.%d", nth))
	number := call.Number{E164: fmt.Sprintf("+316%08d", 10_000_000+nth), Kind: call.KindMobile, Country: "NL"}
	return callback.Request{
		Key: note.CallKey("pbx1", id), At: time.Now(), Who: note.ByCaller, Municipality: deventer, Team: team,
		Number: number, Shown: number, Language: "nl", Call: id, Subject: "paspoort", Reason: "Wanneer is het klaar?",
	}
}

// promises makes a note of a new caller.
func (d *daemon) promises(t *testing.T) note.Note {
	t.Helper()
	r := request()
	n, err := storetest.Patiently(func() (note.Note, error) { return storetest.Just(d.service.Promise(ctx, r)) })
	require.NoError(t, err)
	return n
}

// next is the next event of a note, by a colleague. change fills in what the kind needs.
func next(n note.Note, kind note.EventKind, colleague call.AgentID, change ...func(*note.Event)) note.Event {
	e := note.Event{
		ID: note.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1,
		At:  time.Now().UTC().Truncate(time.Millisecond),
		Who: note.ByAgent(colleague),
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

// life is a colleague's work on a note, from the claim to its end.
func life(colleague call.AgentID) []func(note.Note) note.Event {
	return []func(note.Note) note.Event{
		func(n note.Note) note.Event {
			return next(n, note.EventClaimed, colleague, func(e *note.Event) { e.Hold = 10 * time.Minute })
		},
		func(n note.Note) note.Event { return next(n, note.EventAttemptStarted, colleague) },
		func(n note.Note) note.Event {
			return next(n, note.EventAttemptEnded, colleague, func(e *note.Event) { e.Result = attempt.Reached })
		},
		func(n note.Note) note.Event {
			return next(n, note.EventResolved, colleague, func(e *note.Event) { e.Outcome = note.Reached })
		},
	}
}

// does stores an event, and retries until it is stored.
func (d *daemon) does(t *testing.T, n note.Note, e note.Event) note.Note {
	t.Helper()
	after, err := storetest.Patiently(func() (note.Note, error) { return d.Advance(ctx, n, e) })
	require.NoError(t, err)
	return after
}

// requireInvariants checks all data, see redistest.Audit.
func requireInvariants(t *testing.T, server *redistest.Server) redistest.Stored {
	t.Helper()
	stored, err := redistest.AuditAt(ctx, server.Addr, deventer)
	require.NoError(t, err)
	return stored
}

// requireTold requires that every note is stored as it was confirmed (I1), at the confirmed version.
func requireTold(t *testing.T, stored redistest.Stored, told []note.Note) {
	t.Helper()
	for _, n := range told {
		events := stored.Events[n.ID]
		require.GreaterOrEqual(t, len(events), int(n.Ver), "I1: the confirmed version is there")
		was, err := note.Replay(events[:n.Ver])
		require.NoError(t, err)
		storetest.RequireRestored(t, n, was)
	}
}

// requireJournal requires that the journal has caught up, too: each of its notes has the history that Redis has.
func (d *daemon) requireJournal(t *testing.T, stored redistest.Stored) {
	t.Helper()
	kept, err := d.journal.Notes()
	require.NoError(t, err)
	for _, n := range kept {
		events, err := d.journal.Events(n.Note)
		require.NoError(t, err)
		require.Equal(t, idsOf(stored.Events[n.Note]), idsOf(events))
		was, err := note.Replay(events)
		require.NoError(t, err)
		storetest.RequireRestored(t, stored.Notes[n.Note], was)
	}
}

func idsOf(events []note.Event) []note.EventID {
	ids := make([]note.EventID, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}
