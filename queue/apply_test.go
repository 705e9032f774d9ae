package queue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestReload(t *testing.T) {
	play(t, map[string]func(t *testing.T){
		"the same configuration changes nothing": func(t *testing.T) {
			teams := []routing.Team{team("kcc", "anna", "bram")}
			h := newHall(t, teams...)
			h.adopts("bram", "c0", "kcc")
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.joins("c2", "kcc")
			before := h.q.Snapshot()
			h.reloads(teams)
			require.Equal(t, before, h.q.Snapshot())
			h.waitsAt("c2", 2, 2)
			h.answers("anna", "c1", "connect c1 at anna")
			h.hangsUp("bram", "ring c2 at bram for 20s")
		},
		"a new member is rung for a waiting caller": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.reloads([]routing.Team{team("kcc", "anna", "bram")}, "ring c1 at bram for 20s")
		},
		"an agent who is new, or has another phone, is not rung while they talk": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			agents := map[call.AgentID]routing.Agent{
				"anna": {ID: "anna", Endpoint: "PJSIP/other"}, "bram": {ID: "bram", Endpoint: "PJSIP/bram"},
			}
			teams := map[call.TeamID]routing.Team{"kcc": team("kcc", "anna", "bram")}
			h.follows(h.q.Apply(h.now, teams, agents, map[string]queue.PhoneState{
				"PJSIP/bram": queue.PhoneInUse, "PJSIP/other": queue.PhoneInUse,
			}), nil)
			h.hangsUp("anna")
			h.follows(h.q.Phone(h.now, "anna", queue.PhoneFree), []string{"ring c1 at anna for 20s"})
		},
		"a member who is gone stops ringing and the caller goes to another": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.reloads([]routing.Team{team("kcc", "bram")}, "cancel_ring c1 at anna", "ring c1 at bram for 20s")
			h.answers("anna", "c1", "drop_agent c1 at anna")
		},
		"a member who moved to another team stops ringing too": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"), team("tax"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.reloads([]routing.Team{team("kcc"), team("tax", "anna")}, "cancel_ring c1 at anna", "nobody_left c1")
			h.joins("t1", "tax", "ring t1 at anna for 20s")
		},
		"the last member goes and nobody is left": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc")
			h.reloads([]routing.Team{team("kcc")}, "nobody_left c1")
		},
		"an agent who is gone finishes the conversation, and nothing follows": func(t *testing.T) {
			wrapUp := func(t *routing.Team) { t.WrapUp = time.Minute }
			h := newHall(t, with(team("kcc", "anna"), wrapUp))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.answers("anna", "c1", "connect c1 at anna")
			h.reloads([]routing.Team{with(team("kcc"), wrapUp)})
			require.Zero(t, h.q.Staffed("kcc"))
			h.hangsUp("anna")
			h.hangsUp("anna")
			h.rests()
		},
		"an agent who is gone and comes back during the conversation is a member again": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.reloads([]routing.Team{team("kcc")})
			h.joins("c1", "kcc", "nobody_left c1")
			h.reloads([]routing.Team{team("kcc", "anna")})
			h.is("anna", queue.AgentTalking)
			h.hangsUp("anna", "ring c1 at anna for 20s")
		},
		"callers of a team that is gone get TeamGone": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"), team("tax", "bram"))
			h.adopts("anna", "c0", "kcc")
			h.joins("k1", "kcc")
			h.joins("t1", "tax", "ring t1 at bram for 20s")
			h.joins("t2", "tax")
			h.reloads([]routing.Team{team("kcc", "anna", "bram")},
				"cancel_ring t1 at bram", "team_gone t1", "team_gone t2", "ring k1 at bram for 20s")
			_, _, ok := h.q.Position("t1")
			require.False(t, ok)
			h.joins("t2", "kcc")
		},
		"a conversation outlives its team": func(t *testing.T) {
			h := newHall(t, team("kcc"), with(team("tax", "anna"), func(t *routing.Team) { t.WrapUp = time.Minute }))
			h.joins("t1", "tax", "ring t1 at anna for 20s")
			h.answers("anna", "t1", "connect t1 at anna")
			h.reloads([]routing.Team{team("kcc", "anna")})
			h.is("anna", queue.AgentTalking)
			h.joins("k1", "kcc")
			h.hangsUp("anna")
			h.passes(time.Minute, "ring k1 at anna for 20s")
		},
		"a wrap-up and a pause go on": func(t *testing.T) {
			teams := []routing.Team{with(team("kcc", "anna", "bram"), func(t *routing.Team) {
				t.WrapUp, t.MissedLimit, t.MissedPause = time.Minute, 1, time.Hour
			})}
			h := newHall(t, teams...)
			h.adopts("anna", "c0", "kcc")
			h.joins("c1", "kcc", "ring c1 at bram for 20s")
			h.fails("bram", "c1", queue.NoAnswer)
			h.leaves("c1")
			h.hangsUp("anna")
			h.reloads(teams)
			h.is("anna", queue.AgentWrapUp)
			h.is("bram", queue.AgentPaused)
			h.passes(time.Minute)
			h.is("anna", queue.AgentFree)
		},
		"a phone that failed in this round is not rung because of a reload": func(t *testing.T) {
			teams := []routing.Team{team("kcc", "anna")}
			h := newHall(t, teams...)
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "nobody_left c1")
			h.reloads(teams)
			h.passes(5*time.Second, "ring c1 at anna for 20s")
		},
		"a newcomer is not taken for the agent who left": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.fails("anna", "c1", queue.NoAnswer, "nobody_left c1")
			h.reloads([]routing.Team{team("kcc")})
			h.reloads([]routing.Team{team("kcc", "bram")}, "ring c1 at bram for 20s")
		},
		"two newcomers are not taken for each other": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.reloads([]routing.Team{team("kcc")})
			h.reloads([]routing.Team{team("kcc", "bram", "carla")})
			h.joins("c1", "kcc", "ring c1 at bram for 20s")
			h.fails("bram", "c1", queue.NoAnswer, "ring c1 at carla for 20s")
			h.fails("carla", "c1", queue.NoAnswer, "nobody_left c1")
		},
		"another strategy holds from the next ring": func(t *testing.T) {
			all := with(team("kcc", "anna", "bram"), func(t *routing.Team) { t.Strategy = queue.RingAll })
			h := newHall(t, team("kcc", "anna", "bram"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.reloads([]routing.Team{all}, "ring c1 at bram for 20s")
			h.reloads([]routing.Team{team("kcc", "anna", "bram")})
			h.fails("anna", "c1", queue.NoAnswer)
			h.fails("bram", "c1", queue.NoAnswer, "nobody_left c1")
		},
		"another ring time and priority hold from the next ring": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"), team("tax", "anna"))
			h.adopts("anna", "c0", "kcc")
			h.joins("k1", "kcc")
			h.joins("t1", "tax")
			h.reloads([]routing.Team{
				team("kcc", "anna"),
				with(team("tax", "anna"), func(t *routing.Team) { t.Priority, t.RingTime = 1, 9*time.Second }),
			})
			h.hangsUp("anna", "ring t1 at anna for 9s")
		},
		"another phone of the same agent is not yet known": func(t *testing.T) {
			teams := []routing.Team{team("kcc", "anna")}
			h := newHall(t, teams...)
			h.phone("anna", queue.PhoneOffline)
			h.joins("c1", "kcc", "nobody_left c1")
			moved := agentsOf(teams)
			moved["anna"] = routing.Agent{ID: "anna", Endpoint: "PJSIP/elsewhere"}
			h.follows(h.q.Apply(h.now, h.teams, moved, nil), []string{"ring c1 at anna for 20s"})
		},
		"unknown members and members named twice do no harm": func(t *testing.T) {
			kcc := team("kcc", "ghost", "anna", "anna")
			kcc.Strategy = queue.RingAll
			h := newHall(t, kcc)
			h.follows(h.q.Apply(h.now, h.teams, map[call.AgentID]routing.Agent{"anna": {ID: "anna"}}, nil), nil)
			require.Equal(t, 1, h.q.Staffed("kcc"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
		},
		"everything goes": func(t *testing.T) {
			h := newHall(t, team("kcc", "anna"))
			h.joins("c1", "kcc", "ring c1 at anna for 20s")
			h.reloads(nil, "cancel_ring c1 at anna", "team_gone c1")
			require.Empty(t, h.q.Snapshot().Teams)
			h.rests()
		},
	})
}
