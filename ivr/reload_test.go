package ivr_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestChoosingATeamThatAReloadTookAwayEndsAtThePersonWhoTakesOver(t *testing.T) {
	for name, overflow := range map[string]call.TeamID{"the team that takes over": "kcc", "the contact centre": ""} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, s *scene) {
				permits := s.plan.Teams["permits"]
				permits.Overflow = overflow
				s.plan.Teams["permits"] = permits
				s.phones.answers("kcc1", time.Second)
				s.rings("140570")
				teams := maps.Clone(s.plan.Teams) // the call goes on with the old plan
				delete(teams, "permits")
				s.dispatch.Apply(&routing.Plan{Teams: teams, Agents: s.plan.Agents})
				s.presses("1")
				s.after(3 * time.Second)
				require.Equal(t, "kcc1", s.line.talking)
				s.agentHangsUp()
				c := s.contact()
				require.Equal(t, call.Answered, c.Outcome)
				require.Len(t, c.Offers, 2)
				require.Equal(t, call.OfferMovedOn, c.Offers[0].Result)
			})
		})
	}
}
