package queue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	manyAgents  = 300
	manyCallers = 600
	manyTeams   = 20
)

// busyHall has 300 talking agents and 600 waiting callers, in one team or spread over 20; with 20, every agent is a
// member of three.
func busyHall(b *testing.B, teams int, strategy routing.Strategy) (*queue.Machine, time.Time) {
	b.Helper()
	configured := map[call.TeamID]routing.Team{}
	agents := map[call.AgentID]routing.Agent{}
	for i := range teams {
		id := call.TeamID(fmt.Sprintf("team%02d", i))
		configured[id] = routing.Team{ID: id, Strategy: strategy, RingTime: 20 * time.Second, Retry: 5 * time.Second}
	}
	for i := range manyAgents {
		id := agentNo(i)
		agents[id] = routing.Agent{ID: id}
		for j := range min(teams, 3) {
			team := call.TeamID(fmt.Sprintf("team%02d", (i+7*j)%teams))
			t := configured[team]
			t.Members = append(t.Members, id)
			configured[team] = t
		}
	}
	q := queue.New(configured, agents)
	for i := range manyAgents {
		q.Talking(
			nineOClock, call.ID(fmt.Sprintf("talk%d", i)), agentNo(i), call.TeamID(fmt.Sprintf("team%02d", i%teams)),
		)
	}
	now := nineOClock
	for i := range manyCallers {
		now = now.Add(time.Second)
		team := call.TeamID(fmt.Sprintf("team%02d", i%teams))
		_, err := q.Join(now, queue.Caller{ID: call.ID(fmt.Sprintf("wait%d", i)), Team: team})
		require.NoError(b, err)
	}
	return q, now
}

func agentNo(i int) call.AgentID { return call.AgentID(fmt.Sprintf("agent%03d", i)) }

func BenchmarkJoinAndLeaveWithNobodyFree(b *testing.B) {
	q, now := busyHall(b, 1, queue.LongestIdle)
	caller := queue.Caller{ID: "new", Team: "team00", Since: now.Add(-manyCallers / 2 * time.Second)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Join(now, caller); err != nil {
			b.Fatal(err)
		}
		q.Leave(now, caller.ID)
	}
}

// benchmarkConversation is one agent's hang-up, the next ring, its answer, and a caller who joins at the end.
func benchmarkConversation(b *testing.B, teams int, strategy routing.Strategy) {
	q, now := busyHall(b, teams, strategy)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		actions := q.Ended(now, agentNo(i%manyAgents))
		if len(actions) == 0 || actions[0].Kind != queue.Ring {
			b.Fatal("no ring", actions)
		}
		ring := actions[0]
		if a := q.Answered(now, ring.Call, ring.Agent); a[0].Kind != queue.Connect {
			b.Fatal("not connected", a)
		}
		if _, err := q.Join(now, queue.Caller{ID: ring.Call, Team: ring.Team}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkConversationOneTeam(b *testing.B) { benchmarkConversation(b, 1, queue.LongestIdle) }

func BenchmarkConversationManyTeams(b *testing.B) {
	benchmarkConversation(b, manyTeams, queue.LongestIdle)
}

func BenchmarkConversationRingAll(b *testing.B) { benchmarkConversation(b, 1, queue.RingAll) }

// BenchmarkJoinWithEverybodyFree picks the longest idle of 300.
func BenchmarkJoinWithEverybodyFree(b *testing.B) {
	q, now := busyHall(b, 1, queue.LongestIdle)
	for i := range manyCallers {
		q.Leave(now, call.ID(fmt.Sprintf("wait%d", i)))
	}
	for i := range manyAgents {
		q.Ended(now, agentNo(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := q.Join(now, queue.Caller{ID: "new", Team: "team00"}); err != nil {
			b.Fatal(err)
		}
		q.Leave(now, "new")
	}
}

// BenchmarkPhoneThatEverybodyMissed is the worst case of an agent who gets free: their phone failed for all 600.
func BenchmarkPhoneThatEverybodyMissed(b *testing.B) {
	q, now := busyHall(b, 1, queue.LongestIdle)
	for actions := q.Ended(now, agentNo(0)); len(actions) > 0 && actions[0].Kind == queue.Ring; {
		actions = q.RingFailed(now, actions[0].Call, actions[0].Agent, queue.Declined)
	}
	b.ReportAllocs()
	for b.Loop() {
		q.Phone(now, agentNo(0), queue.PhoneInUse)
		if actions := q.Phone(now, agentNo(0), queue.PhoneFree); len(actions) > 0 {
			b.Fatal(actions)
		}
	}
}

// BenchmarkLastOneStaffed is the only staffed agent who comes and goes: all 600 callers are looked at.
func BenchmarkLastOneStaffed(b *testing.B) {
	q, now := busyHall(b, 1, queue.LongestIdle)
	for i := range manyAgents {
		q.Phone(now, agentNo(i), queue.PhoneOffline)
		q.Ended(now, agentNo(i))
	}
	last := agentNo(manyAgents - 1)
	b.ReportAllocs()
	for b.Loop() {
		q.Phone(now, last, queue.PhoneInUse)
		q.Phone(now, last, queue.PhoneOffline)
	}
}

// BenchmarkNewRoundForEverybody is a tick at which the rounds of all 600 callers begin anew and no phone is free.
func BenchmarkNewRoundForEverybody(b *testing.B) {
	q, now := busyHall(b, 1, queue.LongestIdle)
	for i := range manyAgents {
		q.Phone(now, agentNo(i), queue.PhoneOffline)
		q.Ended(now, agentNo(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(5 * time.Second)
		q.Tick(now)
	}
}

func BenchmarkPositionAndWait(b *testing.B) {
	q, now := busyHall(b, 1, queue.LongestIdle)
	for range 4 { // the first was adopted and gives no ground
		ring := q.Ended(now, agentNo(0))[0]
		q.Answered(now, ring.Call, ring.Agent)
	}
	b.ReportAllocs()
	for b.Loop() {
		q.Position("wait400")
		if _, ok := q.ExpectedWait(now, "wait400"); !ok {
			b.Fatal("no estimate")
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	q, _ := busyHall(b, manyTeams, queue.LongestIdle)
	b.ReportAllocs()
	for b.Loop() {
		q.Snapshot()
	}
}

// BenchmarkApply is a reload of an unchanged configuration under way.
func BenchmarkApply(b *testing.B) {
	q, now := busyHall(b, manyTeams, queue.LongestIdle)
	teams, agents := map[call.TeamID]routing.Team{}, map[call.AgentID]routing.Agent{}
	for _, t := range q.Snapshot().Teams {
		team := routing.Team{ID: t.Team, RingTime: time.Second}
		for _, a := range t.Agents {
			team.Members = append(team.Members, a.Agent)
			agents[a.Agent] = routing.Agent{ID: a.Agent}
		}
		teams[t.Team] = team
	}
	b.ReportAllocs()
	for b.Loop() {
		q.Apply(now, teams, agents, nil)
	}
}

// BenchmarkEverybodyFreedAtOnce is the worst single event: a caller for whom 300 phones ring together leaves, and each
// of the 300 then rings for another of 600 callers of a second team. It includes the joining of all of them.
func BenchmarkEverybodyFreedAtOnce(b *testing.B) {
	all := routing.Team{ID: "all", Strategy: queue.RingAll, Priority: 1}
	one := routing.Team{ID: "one", Strategy: queue.LongestIdle}
	agents := map[call.AgentID]routing.Agent{}
	for i := range manyAgents {
		id := agentNo(i)
		agents[id] = routing.Agent{ID: id}
		all.Members, one.Members = append(all.Members, id), append(one.Members, id)
	}
	q := queue.New(map[call.TeamID]routing.Team{"all": all, "one": one}, agents)
	now := nineOClock
	join := func(id call.ID, team call.TeamID) []queue.Action {
		actions, err := q.Join(now, queue.Caller{ID: id, Team: team})
		require.NoError(b, err)
		return actions
	}
	for b.Loop() {
		if rings := join("all", "all"); len(rings) != manyAgents {
			b.Fatal("not everybody rings", rings)
		}
		for i := range manyCallers {
			join(call.ID(fmt.Sprintf("wait%d", i)), "one")
		}
		if actions := q.Leave(now, "all"); len(actions) != 2*manyAgents {
			b.Fatal("not everybody rings again", len(actions))
		}
		b.StopTimer()
		for i := range manyCallers {
			q.Leave(now, call.ID(fmt.Sprintf("wait%d", manyCallers-1-i)))
		}
		b.StartTimer()
	}
}
