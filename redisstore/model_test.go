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

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// The store against the simplest one, by random lives: several people at the same notes, with events that are told
// twice or made from an old view of a note, replies that are lost, connections that break and a Redis that dies.
func TestTheStoreIsAsTheModel(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	past := raw(t, server.Addr)
	references := make([]note.Reference, 6)
	for i := range references {
		var err error
		references[i], err = note.NewReference(rand.Reader)
		require.NoError(t, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		_ = past.Ping(ctx) // the first over a connection that a restart broke
		require.NoError(t, past.FlushAll(ctx).Err())
		proxy.Forget()
		m := &machine{
			references: references, server: server, proxy: proxy, past: past,
			store: redisstore.Open(redistest.As(proxy.Addr)), model: storetest.NewMemory(),
			views: make(map[note.ID][]note.Note),
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
	references []note.Reference
	server     *redistest.Server
	proxy      *redistest.Proxy
	past       *redis.Client
	store      *redisstore.Store
	model      *storetest.Memory

	made  int
	ids   []note.ID
	views map[note.ID][]note.Note // as the store gave them, by version
	told  []tell
	steps int
}

// tell is an event as it was told.
type tell struct {
	before note.Note
	e      note.Event
	as     string // "make", "restore" or "advance"
}

var (
	people = []note.Actor{note.ByAgent(els), note.ByAgent(joost), note.ByAgent("mila"), note.ByCaller, note.BySystem}
	teams  = []call.TeamID{team, "wmo", "kcc"}
)

func (m *machine) make(t *rapid.T)    { m.tell(t, tell{e: m.promised(t), as: "make"}) }
func (m *machine) restore(t *rapid.T) { m.tell(t, tell{e: m.promised(t), as: "restore"}) }

// promised is a made event, now and then with a key, number or reference that another note has.
func (m *machine) promised(t *rapid.T) note.Event {
	m.made++
	nth := m.made
	if rapid.IntRange(0, 5).Draw(t, "an old key") == 0 {
		nth = rapid.IntRange(1, m.made).Draw(t, "key")
	}
	made := promised.Add(time.Duration(m.made) * time.Minute)
	n := note.Note{
		ID: note.ID(ulid.Make().String()), Reference: rapid.SampledFrom(m.references).Draw(t, "reference"),
		Municipality: deventer, Team: rapid.SampledFrom(teams).Draw(t, "team"),
		Key: note.Key(fmt.Sprintf("pbx1/%d", nth)),
		Number: call.Number{
			E164: fmt.Sprintf("+%s%05d", digits, rapid.IntRange(1, 3).Draw(t, "number")), Kind: call.KindMobile,
			Country: "NL",
		},
		Language: "nl", Subject: rapid.SampledFrom([]string{"", "paspoort"}).Draw(t, "subject"), Made: made,
		Deadline: made.Add(24 * time.Hour),
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
	return note.Made(n, note.ByCaller)
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
	possible := note.Legal(n.State)
	if len(possible) == 0 {
		return // it is purged
	}
	m.tell(t, tell{before: n, e: m.event(t, n, rapid.SampledFrom(possible).Draw(t, "event")), as: "advance"})
}

func (m *machine) event(t *rapid.T, n note.Note, kind note.EventKind) note.Event {
	if kind == note.EventPurged {
		return note.Remains(n, note.EventID(ulid.Make().String()), n.Closed.Add(time.Hour), note.BySystem, "retention")
	}
	e := event(n, kind, rapid.SampledFrom(people).Draw(t, "who"))
	if n.State.Held() && rapid.IntRange(0, 3).Draw(t, "as its holder") > 0 {
		e.Who = note.ByAgent(n.Colleague)
	}
	switch kind {
	case note.EventClaimed, note.EventRenewed:
		e.Hold = storetest.Lease
	case note.EventReleased:
		e.Cause = rapid.SampledFrom([]note.ReleaseCause{
			note.ReleaseByHand, note.ReleaseAbsent, note.ReleaseLapsed,
		}).Draw(t, "cause")
	case note.EventAttemptEnded:
		e.Result = rapid.SampledFrom(attempt.Results()).Draw(t, "result")
	case note.EventRerouted:
		e.Team, e.Reason = rapid.SampledFrom(teams).Draw(t, "to"), "niet van ons"
	case note.EventResolved:
		e.Outcome = rapid.SampledFrom(note.Outcomes()).Draw(t, "outcome")
	case note.EventCommented:
		e.Reason = "een opmerking"
	default:
	}
	return e
}

// lapse lets the lease of a held note run out, and releases it because of that.
func (m *machine) lapse(t *rapid.T) {
	held := slices.DeleteFunc(slices.Clone(m.ids), func(id note.ID) bool { return !m.latest(id).State.Held() })
	if len(held) == 0 {
		return // nobody has one
	}
	n := m.latest(rapid.SampledFrom(held).Draw(t, "note"))
	e := event(n, note.EventRenewed, note.ByAgent(n.Colleague))
	e.Hold = time.Millisecond
	m.tell(t, tell{before: n, e: e, as: "advance"})
	n = m.latest(n.ID)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		lapsed, err := m.store.Lapsed(ctx, deventer, 100)
		model, _ := m.model.Lapsed(ctx, deventer, 100)
		is := func(o note.Note) bool { return o.ID == n.ID }
		if err == nil && slices.ContainsFunc(lapsed, is) && slices.ContainsFunc(model, is) {
			break
		}
	}
	m.tell(t, tell{before: n, e: event(n, note.EventReleased, note.BySystem, lapsed), as: "advance"})
	require.Equal(t, note.Open, m.latest(n.ID).State)
}

func (m *machine) latest(id note.ID) note.Note {
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
	var ask func(s note.Store) (note.Note, error)
	switch w.as {
	case "make":
		ask = func(s note.Store) (note.Note, error) { return s.Make(ctx, w.e) }
	case "restore":
		ask = func(s note.Store) (note.Note, error) { return s.Restore(ctx, w.e) }
	default:
		ask = func(s note.Store) (note.Note, error) { return s.Advance(ctx, w.before, w.e) }
		if _, err := note.Apply(w.before, w.e); err != nil {
			_, err = ask(m.store)
			require.Equal(t, "not allowed", verdict(err))
			return
		}
	}
	got, err := storetest.Patiently(func() (note.Note, error) { return ask(m.store) })
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

// verdict names an error by what can be done about it.
func verdict(err error) string {
	var stale *note.StaleError
	var held *note.HeldError
	var live *note.OpenError
	var illegal *note.IllegalError
	var rule *note.RuleError
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
	case errors.Is(err, note.ErrReferenceTaken):
		return "reference taken"
	}
	return err.Error()
}

// requireAlike compares notes but for the end of a lease: each store has its own clock.
func requireAlike(t *rapid.T, want, got note.Note) {
	t.Helper()
	require.Equal(t, want.Lease.IsZero(), got.Lease.IsZero())
	want.Lease, got.Lease = time.Time{}, time.Time{}
	if a, b := note.EncodeNote(want), note.EncodeNote(got); !maps.Equal(a, b) {
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
	lists := map[string]func(r note.Reader) ([]note.Note, error){
		"marked": func(r note.Reader) ([]note.Note, error) { return r.Marked(ctx, deventer, now, 100) },
		"closed": func(r note.Reader) ([]note.Note, error) { return r.ClosedBefore(ctx, deventer, now, 100) },
		"held":   func(r note.Reader) ([]note.Note, error) { return r.Held(ctx, deventer, els, 100) },
		"number": func(r note.Reader) ([]note.Note, error) {
			return r.ByNumber(ctx, deventer, call.Number{E164: "+" + digits + "00001"}, 100)
		},
	}
	for _, team := range teams {
		lists["due of "+string(team)] = func(r note.Reader) (
			[]note.Note, error,
		) {
			return r.Due(ctx, deventer, team, 100)
		}
	}
	for name, list := range lists {
		want, _ := list(m.model)
		got, err := storetest.Patiently(func() ([]note.Note, error) { return list(m.store) })
		require.NoError(t, err, name)
		require.Len(t, got, len(want), name)
		for i := range want {
			requireAlike(t, want[i], got[i])
		}
	}
	want, _ := m.model.Counts(ctx, deventer, now)
	got, err := storetest.Patiently(
		func() (map[call.TeamID]note.Count, error) { return m.store.Counts(ctx, deventer, now) },
	)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
