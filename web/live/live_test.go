package live_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
	"github.com/bereikbaar/bereikbaar/web/live"
)

// logOf follows the simplest store from its present end.
type logOf struct {
	*storetest.Memory
	noNotes *atomic.Bool // the log can be read, and the notes cannot
}

func (l logOf) Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error) {
	if l.noNotes.Load() {
		return note.Note{}, note.ErrStoreDown
	}
	return l.Memory.Note(ctx, m, id)
}

func (l logOf) LogSince(ctx context.Context, _ time.Duration) (string, error) {
	_, place, err := l.Log(ctx, "deventer", "0", 10_000)
	return place, err
}

// scene is a feed on a store in memory.
type scene struct {
	t     *testing.T
	store *storetest.Memory
	feed  *live.Feed
	log   *bytes.Buffer
	blind atomic.Bool // the log can be read, and the notes cannot
}

func open(t *testing.T) *scene {
	s := &scene{t: t, store: storetest.NewMemory(), log: &bytes.Buffer{}}
	s.feed = live.NewFeed(logOf{s.store, &s.blind}, slog.New(slog.NewTextHandler(s.log, nil)))
	return s
}

// passes lets the feed read.
func passes() {
	<-time.After(time.Second)
	synctest.Wait()
}

func (s *scene) makes() note.Note {
	s.t.Helper()
	n, err := s.store.Make(s.t.Context(), note.Made(storetest.ANote(), note.ByCaller))
	require.NoError(s.t, err)
	return n
}

func (s *scene) does(n note.Note, kind note.EventKind, who note.Actor, change func(*note.Event)) note.Note {
	s.t.Helper()
	e := note.Event{
		ID: note.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1,
		At: n.Made.Add(time.Minute), Who: who,
	}
	change(&e)
	n, err := s.store.Advance(s.t.Context(), n, e)
	require.NoError(s.t, err)
	return n
}

// taken is what waits in a channel, and whether it is still open.
func taken(changes <-chan *live.Change) (all []*live.Change, open bool) {
	for {
		select {
		case c, ok := <-changes:
			if !ok {
				return all, false
			}
			all = append(all, c)
		default:
			return all, true
		}
	}
}

func TestAChangeIsToldToAllWhomItConcerns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.feed.Close()
		first, cancel := s.feed.Subscribe("deventer")
		defer cancel()
		elsewhere, cancelElsewhere := s.feed.Subscribe("raalte")
		defer cancelElsewhere()
		passes()
		n := s.makes()
		passes()
		second, cancelSecond := s.feed.Subscribe("deventer")
		n = s.does(n, note.EventClaimed, "agent:els", func(e *note.Event) { e.Hold = time.Hour })
		passes()
		n = s.does(n, note.EventReleased, "agent:lead", func(e *note.Event) { e.Cause = note.ReleaseByHand })
		n = s.does(n, note.EventRerouted, "agent:jan", func(e *note.Event) { e.Team, e.Reason = "belastingen", "x" })
		passes()
		cancelSecond()
		s.does(n, note.EventRaised, "agent:jan", func(*note.Event) {})
		passes()

		got, open := taken(first)
		require.True(t, open)
		require.Equal(t, []*live.Change{
			{Note: n.ID, Kind: note.EventMade, Ver: 1, Teams: []call.TeamID{n.Owner}},
			{
				Note: n.ID, Kind: note.EventClaimed, Ver: 2, Teams: []call.TeamID{n.Owner},
				Colleagues: []call.AgentID{"els"},
			},
			{
				Note: n.ID, Kind: note.EventReleased, Ver: 3, Teams: []call.TeamID{n.Owner, "belastingen"},
				Colleagues: []call.AgentID{"els", "lead"}, // it was read when it was rerouted already
			},
			{
				Note: n.ID, Kind: note.EventRerouted, Ver: 4, Teams: []call.TeamID{"belastingen", n.Owner},
				Colleagues: []call.AgentID{"jan"},
			},
			{
				Note: n.ID, Kind: note.EventRaised, Ver: 5, Teams: []call.TeamID{"belastingen", n.Owner},
				Colleagues: []call.AgentID{"jan"},
			},
		}, got)
		got, _ = taken(second)
		require.Len(t, got, 3, "from when they came until they left")
		got, open = taken(elsewhere)
		require.Empty(t, got)
		require.True(t, open)
	})
}

// A municipality has hundreds of pages open all day.
func TestAFollowerTakesLittleMemory(t *testing.T) {
	s := open(t)
	defer s.feed.Close()
	const followers = 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range followers {
		s.feed.Subscribe("deventer")
	}
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/followers, uint64(4<<10))
}

func TestAFollowerWhoMissedSomethingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.feed.Close()
		slow, cancel := s.feed.Subscribe("deventer")
		defer cancel()
		passes()
		s.store.Fail(errors.New("away"))
		passes()
		s.store.Fail(nil)
		passes()
		_, open := taken(slow)
		require.False(t, open, "changes may have been missed while the store was away")

		slow, cancelSlow := s.feed.Subscribe("deventer")
		defer cancelSlow()
		quick, cancelQuick := s.feed.Subscribe("deventer")
		defer cancelQuick()
		passes()
		n := s.makes()
		told := 0
		for range 300 {
			n = s.does(n, note.EventRaised, "agent:jan", func(e *note.Event) {
				e.Kind, e.Reason = note.EventCommented, "x"
			})
			if n.Ver%100 == 0 {
				passes()
				got, open := taken(quick)
				require.True(t, open)
				told += len(got)
			}
		}
		require.Equal(t, 300, told)
		_, open = taken(slow)
		require.False(t, open)
		require.Equal(t, 1, bytes.Count(s.log.Bytes(), []byte("cannot be followed")))
	})
}

func TestAChangeIsNotToldWithoutThoseWhomItConcerns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.feed.Close()
		changes, cancel := s.feed.Subscribe("deventer")
		defer cancel()
		passes()
		s.blind.Store(true)
		s.makes()
		passes()
		s.blind.Store(false)
		passes()
		got, open := taken(changes)
		require.Empty(t, got)
		require.False(t, open, "they look anew")
	})
}

func TestTheEndOfTheFeedEndsItsFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		changes, cancel := s.feed.Subscribe("deventer")
		passes()
		s.feed.Close()
		_, open := taken(changes)
		require.False(t, open)
		cancel()
		late, _ := s.feed.Subscribe("deventer")
		_, open = taken(late)
		require.False(t, open)
	})
}
