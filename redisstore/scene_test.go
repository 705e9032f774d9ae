package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// A pool of the client library that tries a dead server once a second notices only then that it was closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// The municipality, team and colleagues of most tests.
const (
	deventer = call.MunicipalityID("deventer")
	team     = call.TeamID("burgerzaken")
	els      = call.AgentID("els")
	joost    = call.AgentID("joost")
	tag      = "bereikbaar:{deventer}:"

	digits = "316123" // of every number here, and of nothing else
)

var promised = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// ctx of calls that nothing cancels: the store bounds its own time.
var ctx = context.Background()

func open(tb testing.TB, addr string) *redisstore.Store {
	tb.Helper()
	s := redisstore.Open(redistest.As(addr))
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// joined is a store whose notes go through a keeper.
func joined(k *keeper.Keeper, s *redisstore.Store) callback.WorkStore {
	return callback.Joined{Notes: k, Tally: s, Presence: s}
}

func service(s callback.WorkStore) *callback.Service {
	return callback.NewService(s, storetest.Rules{}, storetest.Rules{}, nil)
}

func worklist(s callback.WorkStore) *callback.Worklist {
	return callback.NewWorklist(s, storetest.Rules{}, nil)
}

// raw is a client beside ours, to look at and to spoil what is stored.
func raw(tb testing.TB, addr string) *redis.Client {
	tb.Helper()
	c := redistest.Client(addr)
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

var nthCall atomic.Int64

// request asks for a note in a call of its own, by a caller of its own.
func request(tb testing.TB) callback.Request {
	tb.Helper()
	nth := nthCall.Add(1)
	id := call.ID(fmt.Sprintf("1732300000.%d", nth))
	number := call.Number{E164: fmt.Sprintf("+%s%05d", digits, nth%100_000), Kind: call.KindMobile, Country: "NL"}
	return callback.Request{
		Key: note.CallKey("pbx1", id), At: promised, Who: note.ByCaller, Municipality: deventer, Team: team,
		Number: number, Shown: number, Language: "nl", Call: id, Subject: "paspoort", Reason: "Wanneer is het klaar?",
	}
}

func promise(tb testing.TB, s callback.WorkStore, change ...func(*callback.Request)) note.Note {
	tb.Helper()
	r := request(tb)
	for _, c := range change {
		c(&r)
	}
	n, err := insist(func() (note.Note, error) { return storetest.Just(service(s).Promise(ctx, r)) })
	require.NoError(tb, err)
	return n
}

// insist asks again while the machine is so busy that Redis does not answer in time. A caller asks again, too.
func insist(ask func() (note.Note, error)) (note.Note, error) {
	n, err := ask()
	for tries := 0; tries < 20 && errors.Is(err, note.ErrStoreDown) && strings.Contains(
		err.Error(), "does not answer in time",
	); tries++ {
		n, err = ask()
	}
	return n, err
}

// event is the next event of a note. What a kind needs is put in by change.
func event(n note.Note, kind note.EventKind, who note.Actor, change ...func(*note.Event)) note.Event {
	at := promised.Add(time.Duration(n.Ver) * time.Minute)
	e := note.Event{ID: note.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1, At: at, Who: who}
	for _, c := range change {
		c(&e)
	}
	return e
}

func forLease(e *note.Event) { e.Hold = storetest.Lease }
func reached(e *note.Event) {
	e.Line, e.Talked, e.Result = attempt.LineAnswered, 90*time.Second, attempt.Reached
}
func asReached(e *note.Event)              { e.Outcome, e.NormMet = note.Reached, true }
func asSettled(e *note.Event)              { e.Outcome = note.Settled }
func byHand(e *note.Event)                 { e.Cause = note.ReleaseByHand }
func lapsed(e *note.Event)                 { e.Cause = note.ReleaseLapsed }
func because(why string) func(*note.Event) { return func(e *note.Event) { e.Reason = why } }

func to(team call.TeamID) func(*note.Event) {
	return func(e *note.Event) { e.Team, e.Reason = team, "niet van ons" }
}

// advance stores events one after the other, each made by the function of the note that the one before it left.
func advance(tb testing.TB, s callback.WorkStore, n note.Note, events ...func(note.Note) note.Event) note.Note {
	tb.Helper()
	for _, next := range events {
		e := next(n)
		after, err := insist(func() (note.Note, error) { return s.Advance(ctx, n, e) })
		require.NoError(tb, err, "%s of a note that is %s", e.Kind, n.State)
		n = after
	}
	return n
}

// does is an event for advance.
func does(kind note.EventKind, who note.Actor, change ...func(*note.Event)) func(note.Note) note.Event {
	return func(n note.Note) note.Event { return event(n, kind, who, change...) }
}

// The steps of most lives.
var (
	claims = does(note.EventClaimed, note.ByAgent(els), forLease)
	rings  = does(note.EventAttemptStarted, note.ByAgent(els))
	hears  = does(
		note.EventAttemptDialled, note.ByAgent(els),
		func(e *note.Event) { e.Line, e.Talked = attempt.LineAnswered, time.Minute },
	)
	reaches  = does(note.EventAttemptEnded, note.ByAgent(els), reached)
	resolves = does(note.EventResolved, note.ByAgent(els), asReached)
	cancels  = does(note.EventCancelled, note.ByCaller)
	reopens  = does(note.EventReopened, note.ByAgent(els))
	releases = does(note.EventReleased, note.ByAgent(els), byHand)
)

func purges(n note.Note) note.Event {
	return note.Remains(
		n, note.EventID(ulid.Make().String()), promised.Add(60*24*time.Hour), note.BySystem, "retention",
	)
}

func keysIn(tb testing.TB, c *redis.Client) []string {
	tb.Helper()
	var keys []string
	scan := c.Scan(ctx, 0, "*", 1000).Iterator()
	for scan.Next(ctx) {
		keys = append(keys, scan.Val())
	}
	require.NoError(tb, scan.Err())
	slices.Sort(keys)
	return slices.Compact(keys)
}

// requireInvariants checks everything that is stored for Deventer, see redistest.Audit, and gives the notes.
func requireInvariants(tb testing.TB, c *redis.Client) map[note.ID]note.Note {
	tb.Helper()
	stored, err := redistest.Audit(ctx, c, deventer)
	require.NoError(tb, err)
	return stored.Notes
}
