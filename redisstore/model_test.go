package redisstore_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/callback/storetest"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/redisstore/redistest"
)

// The store against the simplest one, by random lives: several people at the same notes, with events that are told twice or
// made of what a note was a while ago, replies that are lost, connections that break and a Redis that dies.
func TestTheStoreIsAsTheModel(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	past := raw(t, server.Addr)
	references := make([]callback.Reference, 6)
	for i := range references {
		var err error
		references[i], err = callback.NewReference(rand.Reader)
		require.NoError(t, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		_ = past.Ping(ctx) // the first over a connection that a restart broke
		require.NoError(t, past.FlushAll(ctx).Err())
		proxy.Forget()
		m := &machine{
			references: references, server: server, proxy: proxy, past: past,
			store: redisstore.Open(redistest.As(proxy.Addr)), model: storetest.NewMemory(),
			views: make(map[callback.NoteID][]callback.Note),
		}
		defer func() { require.NoError(t, m.store.Close()) }()
		t.Repeat(map[string]func(*rapid.T){
			"make":                m.make,
			"restore":             m.restore,
			"advance":             m.advanceLatest,
			"advance on":          m.advanceLatest, // most of what happens
			"advance an old view": m.advanceOld,
			"lapse":               m.lapse,
			"tell again":          m.tellAgain,
			"trouble":             m.trouble,
			"":                    m.same,
		})
		m.audit(t)
	})
}

// machine runs both stores.
type machine struct {
	references []callback.Reference
	server     *redistest.Server
	proxy      *redistest.Proxy
	past       *redis.Client
	store      *redisstore.Store
	model      *storetest.Memory

	made  int
	ids   []callback.NoteID
	views map[callback.NoteID][]callback.Note // as the store gave them, by version
	told  []tell
	steps int
}

// tell is an event as it was told.
type tell struct {
	before callback.Note
	e      callback.Event
	as     string // "make", "restore" or "advance"
}

var (
	people = []callback.Actor{callback.ByAgent(els), callback.ByAgent(joost), callback.ByAgent("mila"), callback.ByCaller, callback.BySystem}
	teams  = []call.TeamID{team, "wmo", "kcc"}
)

func (m *machine) make(t *rapid.T)    { m.tell(t, tell{e: m.promised(t), as: "make"}) }
func (m *machine) restore(t *rapid.T) { m.tell(t, tell{e: m.promised(t), as: "restore"}) }

// promised is a made event, now and then with a key, number or reference that another note has.
func (m *machine) promised(t *rapid.T) callback.Event {
	m.made++
	nth := m.made
	if rapid.IntRange(0, 5).Draw(t, "an old key") == 0 {
		nth = rapid.IntRange(1, m.made).Draw(t, "key")
	}
	made := promised.Add(time.Duration(m.made) * time.Minute)
	n := callback.Note{
		ID: callback.NoteID(ulid.Make().String()), Reference: rapid.SampledFrom(m.references).Draw(t, "reference"),
		Municipality: deventer, Team: rapid.SampledFrom(teams).Draw(t, "team"), Key: callback.Key(fmt.Sprintf("pbx1/%d", nth)),
		Number:   call.Number{E164: fmt.Sprintf("+%s%05d", digits, rapid.IntRange(1, 3).Draw(t, "number")), Kind: call.KindMobile, Country: "NL"},
		Language: "nl", Subject: rapid.SampledFrom([]string{"", "paspoort"}).Draw(t, "subject"), Made: made, Deadline: made.Add(24 * time.Hour),
	}
	n.Owner = n.Team
	n.Separate = rapid.IntRange(0, 3).Draw(t, "separate") == 0
	if rapid.Bool().Draw(t, "from another line") {
		n.Shown.E164 = fmt.Sprintf("+%s%05d", digits, rapid.IntRange(1, 5).Draw(t, "line"))
	}
	if rapid.Bool().Draw(t, "for els") {
		n.Personal = els
	}
	if rapid.Bool().Draw(t, "warned before") {
		n.Warn = made.Add(12 * time.Hour)
	}
	return callback.Made(n, callback.ByCaller)
}

func (m *machine) advanceLatest(t *rapid.T) { m.advance(t, 0) }
func (m *machine) advanceOld(t *rapid.T)    { m.advance(t, 1) }

// advance tells an event that is possible in the state in which somebody saw the note.
func (m *machine) advance(t *rapid.T, least int) {
	if len(m.ids) == 0 {
		return // no note yet
	}
	views := m.views[rapid.SampledFrom(m.ids).Draw(t, "note")]
	if len(views) <= least {
		return // only one view
	}
	ago := least
	if least > 0 {
		ago = rapid.IntRange(least, len(views)-1).Draw(t, "ago")
	}
	n := views[len(views)-1-ago]
	possible := callback.Legal(n.State)
	if len(possible) == 0 {
		return // it is purged
	}
	m.tell(t, tell{before: n, e: m.event(t, n, rapid.SampledFrom(possible).Draw(t, "event")), as: "advance"})
}

func (m *machine) event(t *rapid.T, n callback.Note, kind callback.EventKind) callback.Event {
	if kind == callback.EventPurged {
		return callback.Remains(n, callback.EventID(ulid.Make().String()), n.Closed.Add(time.Hour), callback.BySystem, "retention")
	}
	e := event(n, kind, rapid.SampledFrom(people).Draw(t, "who"))
	if n.State.Held() && rapid.IntRange(0, 3).Draw(t, "as its holder") > 0 {
		e.Who = callback.ByAgent(n.Colleague)
	}
	switch kind {
	case callback.EventClaimed, callback.EventRenewed:
		e.Hold = storetest.Lease
	case callback.EventReleased:
		e.Cause = rapid.SampledFrom([]callback.ReleaseCause{callback.ReleaseByHand, callback.ReleaseAbsent, callback.ReleaseLapsed}).Draw(t, "cause")
	case callback.EventAttemptEnded:
		e.Result = rapid.SampledFrom(callback.Results()).Draw(t, "result")
	case callback.EventRerouted:
		e.Team, e.Reason = rapid.SampledFrom(teams).Draw(t, "to"), "niet van ons"
	case callback.EventResolved:
		e.Outcome = rapid.SampledFrom(callback.Outcomes()).Draw(t, "outcome")
	case callback.EventCommented:
		e.Reason = "een opmerking"
	default:
	}
	return e
}

// lapse lets the lease of a held note run out, and releases it because of that.
func (m *machine) lapse(t *rapid.T) {
	held := slices.DeleteFunc(slices.Clone(m.ids), func(id callback.NoteID) bool { return !m.latest(id).State.Held() })
	if len(held) == 0 {
		return // nobody has one
	}
	n := m.latest(rapid.SampledFrom(held).Draw(t, "note"))
	e := event(n, callback.EventRenewed, callback.ByAgent(n.Colleague))
	e.Hold = time.Millisecond
	m.tell(t, tell{before: n, e: e, as: "advance"})
	n = m.latest(n.ID)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		lapsed, err := m.store.Lapsed(ctx, deventer, 100)
		model, _ := m.model.Lapsed(ctx, deventer, 100)
		is := func(o callback.Note) bool { return o.ID == n.ID }
		if err == nil && slices.ContainsFunc(lapsed, is) && slices.ContainsFunc(model, is) {
			break
		}
	}
	m.tell(t, tell{before: n, e: event(n, callback.EventReleased, callback.BySystem, lapsed), as: "advance"})
	require.Equal(t, callback.Open, m.latest(n.ID).State)
}

func (m *machine) latest(id callback.NoteID) callback.Note {
	return m.views[id][len(m.views[id])-1]
}

func (m *machine) tellAgain(t *rapid.T) {
	if len(m.told) == 0 {
		return // nothing was told yet
	}
	m.tell(t, rapid.SampledFrom(m.told).Draw(t, "which"))
}

// trouble spoils what comes next.
func (m *machine) trouble(t *rapid.T) {
	switch rapid.IntRange(0, 24).Draw(t, "trouble") {
	case 0:
		m.server.Restart()
		_ = m.past.Ping(ctx)
	case 1:
		m.proxy.HoldReply("evalsha")
	case 2, 3:
		require.NoError(t, m.past.ScriptFlush(ctx).Err())
	case 4, 5, 6, 7:
		m.proxy.CloseAll()
	case 8, 9, 10, 11:
		m.proxy.Answer("evalsha", "LOADING Redis is loading the dataset in memory")
	default:
		m.proxy.LoseReply("evalsha")
	}
}

// tell tells both stores, and requires that they answer alike.
func (m *machine) tell(t *rapid.T, w tell) {
	t.Helper()
	var ask func(s callback.Store) (callback.Note, error)
	switch w.as {
	case "make":
		ask = func(s callback.Store) (callback.Note, error) { return s.Make(ctx, w.e) }
	case "restore":
		ask = func(s callback.Store) (callback.Note, error) { return s.Restore(ctx, w.e) }
	default:
		ask = func(s callback.Store) (callback.Note, error) { return s.Advance(ctx, w.before, w.e) }
		if _, err := callback.Apply(w.before, w.e); err != nil {
			_, err = ask(m.store)
			require.Equal(t, "not allowed", verdict(err))
			return
		}
	}
	got, err := storetest.Patiently(func() (callback.Note, error) { return ask(m.store) })
	want, wanted := ask(m.model)
	require.Equal(t, verdict(wanted), verdict(err), "%s %s: %v", w.as, w.e.Kind, err)
	m.told = append(m.told, w)
	if err != nil {
		return
	}
	requireAlike(t, want, got)
	views, known := m.views[got.ID]
	if !known {
		m.ids = append(m.ids, got.ID)
	}
	if !known || views[len(views)-1].Ver < got.Ver {
		m.views[got.ID] = append(views, got)
	}
}

// verdict names an error by what the caller can do about it.
func verdict(err error) string {
	var stale *callback.StaleError
	var held *callback.HeldError
	var live *callback.OpenError
	var illegal *callback.IllegalError
	var rule *callback.RuleError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &stale):
		return stale.Error()
	case errors.As(err, &held):
		return "held"
	case errors.As(err, &live):
		return "open"
	case errors.As(err, &illegal), errors.As(err, &rule):
		return "not allowed"
	case errors.Is(err, callback.ErrReferenceTaken):
		return "reference taken"
	}
	return err.Error()
}

// requireAlike compares notes but for the end of a lease: each store has its own clock.
func requireAlike(t *rapid.T, want, got callback.Note) {
	t.Helper()
	require.Equal(t, want.Lease.IsZero(), got.Lease.IsZero())
	want.Lease, got.Lease = time.Time{}, time.Time{}
	if a, b := callback.EncodeNote(want), callback.EncodeNote(got); !maps.Equal(a, b) {
		t.Fatalf("the model has %v\nthe store has %v", a, b)
	}
}

// same looks now and then whether both hold the same.
func (m *machine) same(t *rapid.T) {
	if m.steps++; m.steps%10 == 0 {
		m.audit(t)
	}
}

func (m *machine) audit(t *rapid.T) {
	m.proxy.Forget()
	stored, err := redistest.Audit(ctx, m.past, deventer)
	require.NoError(t, err)
	require.Len(t, stored.Notes, len(m.ids))
	for _, id := range m.ids {
		want, err := m.model.Note(ctx, deventer, id)
		require.NoError(t, err)
		requireAlike(t, want, stored.Notes[id])
	}
	now := promised.Add(30 * time.Hour)
	lists := map[string]func(r callback.Reader) ([]callback.Note, error){
		"marked": func(r callback.Reader) ([]callback.Note, error) { return r.Marked(ctx, deventer, now, 100) },
		"closed": func(r callback.Reader) ([]callback.Note, error) { return r.ClosedBefore(ctx, deventer, now, 100) },
		"held":   func(r callback.Reader) ([]callback.Note, error) { return r.Held(ctx, deventer, els, 100) },
		"number": func(r callback.Reader) ([]callback.Note, error) {
			return r.ByNumber(ctx, deventer, call.Number{E164: "+" + digits + "00001"}, 100)
		},
	}
	for _, team := range teams {
		lists["due of "+string(team)] = func(r callback.Reader) ([]callback.Note, error) { return r.Due(ctx, deventer, team, 100) }
	}
	for name, list := range lists {
		want, _ := list(m.model)
		got, err := storetest.Patiently(func() ([]callback.Note, error) { return list(m.store) })
		require.NoError(t, err, name)
		require.Len(t, got, len(want), name)
		for i := range want {
			requireAlike(t, want[i], got[i])
		}
	}
	want, _ := m.model.Counts(ctx, deventer, now)
	got, err := storetest.Patiently(func() (map[call.TeamID]callback.Count, error) { return m.store.Counts(ctx, deventer, now) })
	require.NoError(t, err)
	require.Equal(t, want, got)
}
