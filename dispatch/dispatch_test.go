package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// hand answers each ring as the test says; a ring that is called off ends when the phone is silent.
type hand struct {
	mu      sync.Mutex
	rings   []dispatch.Invitation
	ringing map[call.AgentID]int // at this moment
	most    int                  // rings of one phone at the same time
	pick    map[call.AgentID]chan error
	slow    time.Duration // a phone takes to become silent
	late    bool          // a ring that is called off was answered in the same moment
	legs    []*leg
}

func newHand() *hand {
	return &hand{ringing: map[call.AgentID]int{}, pick: map[call.AgentID]chan error{}}
}

func (h *hand) Ring(ctx context.Context, inv dispatch.Invitation) (dispatch.Leg, error) {
	h.mu.Lock()
	h.rings = append(h.rings, inv)
	h.ringing[inv.Agent.ID]++
	h.most = max(h.most, h.ringing[inv.Agent.ID])
	answer := make(chan error)
	h.pick[inv.Agent.ID] = answer
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ringing[inv.Agent.ID]--
	}()
	select {
	case <-ctx.Done():
		<-time.After(h.slow)
		if h.late {
			return h.pickUp(), nil
		}
		return nil, context.Cause(ctx)
	case err := <-answer:
		if err != nil {
			return nil, err
		}
		return h.pickUp(), nil
	}
}

func (h *hand) pickUp() *leg {
	l := &leg{gone: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.legs = append(h.legs, l)
	return l
}

func (h *hand) answers(agent call.AgentID) { h.decides(agent, nil) }

func (h *hand) decides(agent call.AgentID, err error) {
	h.mu.Lock()
	answer := h.pick[agent]
	h.mu.Unlock()
	answer <- err
	synctest.Wait()
}

func (h *hand) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rings)
}

type leg struct {
	once sync.Once
	gone chan struct{}
}

func (l *leg) ID() string            { return "leg" }
func (l *leg) Gone() <-chan struct{} { return l.gone }
func (l *leg) HangUp(context.Context) error {
	l.once.Do(func() { close(l.gone) })
	return nil
}

func plan(strategy routing.Strategy, members ...call.AgentID) *routing.Plan {
	p := &routing.Plan{
		Teams: map[call.TeamID]routing.Team{"kcc": {
			ID: "kcc", Members: members, Strategy: strategy, RingTime: 20 * time.Second, Retry: 5 * time.Second,
		}},
		Agents: map[call.AgentID]routing.Agent{},
	}
	for _, id := range members {
		p.Agents[id] = routing.Agent{ID: id, Endpoint: "PJSIP/" + string(id)}
	}
	return p
}

func bubble(t *testing.T, p *routing.Plan, f func(*testing.T, *dispatch.Dispatcher, *hand)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHand()
		d := dispatch.New(p, h, slog.New(slog.DiscardHandler))
		defer d.Close()
		f(t, d, h)
	})
}

func join(t *testing.T, d *dispatch.Dispatcher, id call.ID) *dispatch.Place {
	t.Helper()
	place, err := d.Join(dispatch.Ticket{Call: call.Call{ID: id}, Team: "kcc", Since: time.Now()})
	require.NoError(t, err)
	synctest.Wait()
	return place
}

func TestTheNextPhoneRingsTheMomentThatAnAgentIsFree(t *testing.T) {
	bubble(t, plan(queue.LongestIdle, "anouk"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		first := join(t, d, "1")
		second := join(t, d, "2")
		h.answers("anouk")
		signal := <-first.Signals()
		require.Equal(t, dispatch.Connected, signal.Kind)
		require.Equal(t, 1, h.count())
		before := time.Now()
		require.NoError(t, signal.Leg.HangUp(t.Context()))
		synctest.Wait()
		require.Equal(t, 2, h.count())
		require.Zero(t, time.Since(before), "no polling")
		require.Equal(t, 1, second.Rung())
	})
}

func TestAPhoneIsBusyWhileItRingsAndTalks(t *testing.T) {
	bubble(t, plan(queue.LongestIdle, "anouk"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		require.False(t, d.Busy("anouk"))
		place := join(t, d, "1")
		require.True(t, d.Busy("anouk"), "it rings")
		h.answers("anouk")
		signal := <-place.Signals()
		require.True(t, d.Busy("anouk"), "it talks")
		require.NoError(t, signal.Leg.HangUp(t.Context()))
		synctest.Wait()
		require.False(t, d.Busy("anouk"))
		require.False(t, d.Busy("nobody"))
	})
}

func TestAFailedJoinLeavesNoPlace(t *testing.T) {
	bubble(t, plan(queue.LongestIdle, "anouk"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		ticket := dispatch.Ticket{Call: call.Call{ID: "1"}, Team: "gone", Since: time.Now()}
		_, err := d.Join(ticket)
		require.ErrorIs(t, err, queue.ErrUnknownTeam)
		ticket.Team = "kcc" // it moves on to another team
		place, err := d.Join(ticket)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 1, h.count())
		place.Leave()
	})
}

func TestASecondJoinLeavesTheFirstPlaceAsItIs(t *testing.T) {
	for name, talks := range map[string]bool{"while it waits": false, "while it talks": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, plan(queue.LongestIdle, "anouk"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
				place := join(t, d, "1")
				if talks {
					h.answers("anouk")
				}
				_, err := d.Join(dispatch.Ticket{Call: call.Call{ID: "1"}, Team: "kcc", Since: time.Now()})
				require.ErrorIs(t, err, queue.ErrAlreadyWaiting)
				if !talks {
					h.answers("anouk")
				}
				signal := <-place.Signals()
				require.Equal(t, dispatch.Connected, signal.Kind)
				place.Leave()
				synctest.Wait()
				<-signal.Leg.Gone()
			})
		})
	}
}

func TestLeavingStopsTheRinging(t *testing.T) {
	bubble(t, plan(queue.RingAll, "anouk", "bram"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		place := join(t, d, "1")
		require.Equal(t, 2, place.Rung())
		place.Leave()
		place.Leave()
		synctest.Wait()
		require.Zero(t, h.ringing["anouk"]+h.ringing["bram"])
	})
}

func TestTheOthersStopRingingWhenOneHasAnswered(t *testing.T) {
	bubble(t, plan(queue.RingAll, "anouk", "bram"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		place := join(t, d, "1")
		h.answers("bram")
		signal := <-place.Signals()
		require.Equal(t, call.AgentID("bram"), signal.Agent)
		require.Zero(t, h.ringing["anouk"], "the phone stops ringing")
		place.Leave() // the caller hangs up: so does the phone
		synctest.Wait()
		<-signal.Leg.Gone()
	})
}

func TestALateAnswerToARingAllIsHungUp(t *testing.T) {
	bubble(t, plan(queue.RingAll, "anouk", "bram"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		h.late = true
		place := join(t, d, "1")
		h.answers("bram")
		signal := <-place.Signals()
		require.Equal(t, call.AgentID("bram"), signal.Agent)
		require.Len(t, h.legs, 2)
		for _, l := range h.legs {
			select {
			case <-l.gone:
				require.NotSame(t, signal.Leg, l, "the first to answer talks")
			default:
				require.Same(t, signal.Leg, l, "a late answer leaves the phone off the hook")
			}
		}
		require.Empty(t, place.Signals())
		require.NoError(t, signal.Leg.HangUp(t.Context()))
		synctest.Wait()
		join(t, d, "2")
		require.Equal(t, 4, h.count(), "both are free again")
	})
}

func TestAPhoneIsSilentBeforeItRingsForTheNext(t *testing.T) {
	bubble(t, plan(queue.LongestIdle, "anouk"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		h.slow = time.Second
		first := join(t, d, "1")
		join(t, d, "2")
		first.Leave()
		synctest.Wait()
		require.Equal(t, 1, h.count())
		<-time.After(h.slow)
		synctest.Wait()
		require.Equal(t, 2, h.count())
		require.Equal(t, 1, h.most, "one phone never rings twice at a time")
	})
}

func TestAnUnreadSignalIsReported(t *testing.T) {
	p := plan(queue.LongestIdle, "anouk")
	kcc := p.Teams["kcc"]
	kcc.MissedLimit = 0 // the phone rings again and again
	p.Teams["kcc"] = kcc
	bubble(t, p, func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		unread := 0
		d.OnUnread(func() { unread++ })
		place := join(t, d, "1")
		miss := func() {
			h.decides("anouk", dispatch.ErrNoAnswer)
			<-time.After(kcc.Retry)
			synctest.Wait()
		}
		for range cap(place.Signals()) {
			miss()
		}
		require.Zero(t, unread, "there is room for them")
		miss()
		require.Equal(t, 1, unread)
	})
}

func TestNobodyLeftIsSignalled(t *testing.T) {
	bubble(t, plan(queue.FixedOrder, "anouk", "bram"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		place := join(t, d, "1")
		h.decides("anouk", fmt.Errorf("after 20 s: %w", dispatch.ErrNoAnswer))
		h.decides("bram", dispatch.ErrDeclined)
		require.Equal(t, dispatch.NobodyLeft, (<-place.Signals()).Kind)
		<-time.After(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 3, h.count(), "after the pause they are tried again")
	})
}

func TestAReloadThatDropsTheTeamTellsItsCallers(t *testing.T) {
	bubble(t, plan(queue.LongestIdle, "anouk"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		place := join(t, d, "1")
		d.Apply(&routing.Plan{})
		synctest.Wait()
		require.Equal(t, dispatch.TeamGone, (<-place.Signals()).Kind)
		require.Zero(t, h.ringing["anouk"])
	})
}

func TestAReloadDoesNotRingANewAgentWhoTalks(t *testing.T) {
	bubble(t, plan(queue.LongestIdle), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		join(t, d, "1")
		d.Phone("PJSIP/anouk", queue.PhoneInUse) // watched before it has an agent
		d.Apply(plan(queue.LongestIdle, "anouk"))
		synctest.Wait()
		require.Zero(t, h.count())
		d.Phone("PJSIP/anouk", queue.PhoneFree)
		synctest.Wait()
		require.Equal(t, 1, h.count())
	})
}

func TestCloseStopsRingingAndLeavesConversations(t *testing.T) {
	bubble(t, plan(queue.LongestIdle, "anouk", "bram"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		talking := join(t, d, "1")
		ringing := join(t, d, "2")
		h.answers("anouk")
		signal := <-talking.Signals()
		d.Close()
		require.Zero(t, h.ringing["bram"])
		talking.Leave()
		ringing.Leave()
		synctest.Wait()
		select {
		case <-signal.Leg.Gone():
			t.Fatal("a conversation was cut off by a daemon that stops")
		default:
		}
	})
}

func TestAnAdoptedConversationKeepsItsAgentBusy(t *testing.T) {
	bubble(t, plan(queue.LongestIdle, "anouk"), func(t *testing.T, d *dispatch.Dispatcher, h *hand) {
		l := &leg{gone: make(chan struct{})}
		kept := d.Adopt(dispatch.Ticket{Call: call.Call{ID: "1"}, Team: "kcc"}, "anouk", l)
		waiting := join(t, d, "2")
		require.Zero(t, h.count())
		kept.Leave()
		synctest.Wait()
		<-l.gone
		require.Equal(t, 1, waiting.Rung())
	})
}
