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

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/callback/storetest"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/redisstore/redistest"
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
		Key: callback.CallKey("pbx1", id), At: promised, Who: callback.ByCaller, Municipality: deventer, Team: team,
		Number: number, Shown: number, Language: "nl", Call: id, Subject: "paspoort", Reason: "Wanneer is het klaar?",
	}
}

func promise(tb testing.TB, s callback.WorkStore, change ...func(*callback.Request)) callback.Note {
	tb.Helper()
	r := request(tb)
	for _, c := range change {
		c(&r)
	}
	n, err := insist(func() (callback.Note, error) { return service(s).Promise(ctx, r) })
	require.NoError(tb, err)
	return n
}

// insist asks again while the machine is so busy that Redis does not answer in time. A caller asks again, too.
func insist(ask func() (callback.Note, error)) (callback.Note, error) {
	n, err := ask()
	for tries := 0; tries < 20 && errors.Is(err, callback.ErrStoreDown) && strings.Contains(err.Error(), "does not answer in time"); tries++ {
		n, err = ask()
	}
	return n, err
}

// event is the next event of a note. What a kind needs is put in by change.
func event(n callback.Note, kind callback.EventKind, who callback.Actor, change ...func(*callback.Event)) callback.Event {
	at := promised.Add(time.Duration(n.Ver) * time.Minute)
	e := callback.Event{ID: callback.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1, At: at, Who: who}
	for _, c := range change {
		c(&e)
	}
	return e
}

func forLease(e *callback.Event) { e.Hold = storetest.Lease }
func reached(e *callback.Event) {
	e.Line, e.Talked, e.Result = callback.LineAnswered, 90*time.Second, callback.ResultReached
}
func asReached(e *callback.Event)              { e.Outcome, e.NormMet = callback.Reached, true }
func asSettled(e *callback.Event)              { e.Outcome = callback.Settled }
func byHand(e *callback.Event)                 { e.Cause = callback.ReleaseByHand }
func lapsed(e *callback.Event)                 { e.Cause = callback.ReleaseLapsed }
func because(why string) func(*callback.Event) { return func(e *callback.Event) { e.Reason = why } }

func to(team call.TeamID) func(*callback.Event) {
	return func(e *callback.Event) { e.Team, e.Reason = team, "niet van ons" }
}

// advance stores events one after the other, each made by the function of the note that the one before it left.
func advance(tb testing.TB, s callback.WorkStore, n callback.Note, events ...func(callback.Note) callback.Event) callback.Note {
	tb.Helper()
	for _, next := range events {
		e := next(n)
		after, err := insist(func() (callback.Note, error) { return s.Advance(ctx, n, e) })
		require.NoError(tb, err, "%s of a note that is %s", e.Kind, n.State)
		n = after
	}
	return n
}

// does is an event for advance.
func does(kind callback.EventKind, who callback.Actor, change ...func(*callback.Event)) func(callback.Note) callback.Event {
	return func(n callback.Note) callback.Event { return event(n, kind, who, change...) }
}

// The steps of most lives.
var (
	claims   = does(callback.EventClaimed, callback.ByAgent(els), forLease)
	rings    = does(callback.EventAttemptStarted, callback.ByAgent(els))
	hears    = does(callback.EventAttemptDialled, callback.ByAgent(els), func(e *callback.Event) { e.Line, e.Talked = callback.LineAnswered, time.Minute })
	reaches  = does(callback.EventAttemptEnded, callback.ByAgent(els), reached)
	resolves = does(callback.EventResolved, callback.ByAgent(els), asReached)
	cancels  = does(callback.EventCancelled, callback.ByCaller)
	reopens  = does(callback.EventReopened, callback.ByAgent(els))
	releases = does(callback.EventReleased, callback.ByAgent(els), byHand)
)

func purges(n callback.Note) callback.Event {
	return callback.Remains(n, callback.EventID(ulid.Make().String()), promised.Add(60*24*time.Hour), callback.BySystem, "retention")
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
func requireInvariants(tb testing.TB, c *redis.Client) map[callback.NoteID]callback.Note {
	tb.Helper()
	stored, err := redistest.Audit(ctx, c, deventer)
	require.NoError(tb, err)
	return stored.Notes
}
