package metrics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/call"
)

// figures are the KPIs of domain.md for one team, reckoned from the records themselves.
type figures struct {
	offered, short, answered, inTime, late int
	waited                                 time.Duration
}

func reckon(contacts []call.Contact, team call.TeamID) figures {
	var f figures
	for _, c := range contacts {
		for _, o := range c.Offers {
			if o.Team != team || !o.Open {
				continue
			}
			f.offered++
			switch {
			case o.Result == call.OfferAnswered:
				f.answered++
				f.waited += o.Waited
				if o.Waited <= answerThreshold {
					f.inTime++
				}
			case o.Result == call.OfferAbandoned && o.Waited <= shortAbandon:
				f.short++
			case o.Result == call.OfferAbandoned:
				f.late++
			}
		}
	}
	return f
}

func anyOffer(teams []call.TeamID) *rapid.Generator[call.Offer] {
	// Whole and half seconds, so that the edges at S and T come up often.
	waits := rapid.Map(
		rapid.IntRange(0, 150), func(halves int) time.Duration { return time.Duration(halves) * time.Second / 2 },
	)
	edges := rapid.SampledFrom([]time.Duration{shortAbandon, shortAbandon + 1, answerThreshold, answerThreshold + 1})
	return rapid.Custom(func(t *rapid.T) call.Offer {
		return call.Offer{
			Team:   rapid.SampledFrom(teams).Draw(t, "team"),
			Open:   rapid.Bool().Draw(t, "open"),
			Result: rapid.SampledFrom(call.OfferResults()).Draw(t, "result"),
			Waited: rapid.OneOf(waits, edges).Draw(t, "waited"),
			Talked: rapid.Map(
				rapid.IntRange(0, 600), func(s int) time.Duration { return time.Duration(s) * time.Second },
			).Draw(t, "talked"),
			Rung: rapid.IntRange(0, 9).Draw(t, "attempt"),
		}
	})
}

func TestTheExpositionGivesTheFiguresOfTheContacts(t *testing.T) {
	teams := []call.TeamID{"kcc", "vergunningen"}
	rapid.Check(t, func(t *rapid.T) {
		m, reg := newMetrics(t, teams...)
		contacts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) call.Contact {
			outcome := rapid.SampledFrom(call.Outcomes()).Draw(t, "outcome")
			return contact(outcome, rapid.SliceOfN(anyOffer(teams), 0, 3).Draw(t, "offers")...)
		}), 0, 30).Draw(t, "contacts")
		for _, c := range contacts {
			m.Contact(c)
		}
		all := read(t, exposition(t, reg))
		require.InDelta(t, len(contacts), sum(all, "bereikbaar_calls_total"), 0)
		for _, team := range teams {
			offered := func(labels ...string) float64 {
				return sum(
					all, "bereikbaar_calls_offered_total", append(labels, "team", string(team), "hours", "open")...,
				)
			}
			want := reckon(contacts, team)
			parts := 0.0
			for _, result := range call.OfferResults() {
				parts += offered("result", string(result))
			}
			require.InDelta(t, want.offered, parts, 0, "offered = answered + abandoned + callback + moved_on + lost")
			require.InDelta(t, parts, offered(), 0, "and nothing else")

			short := offered("result", "abandoned", "waited", "short")
			inTime := offered("result", "answered") - offered("result", "answered", "waited", "long")
			require.InDelta(t, want.short, short, 0)
			require.InDelta(t, want.inTime, inTime, 0)
			require.InDelta(t, want.late, offered("result", "abandoned")-short, 0)
			require.InDelta(t, want.waited.Seconds(),
				sum(
					all, "bereikbaar_call_waiting_seconds_sum", "team", string(team), "hours", "open", "result",
					"answered",
				), 1e-6)
			if base := want.offered - want.short; base > 0 {
				require.InEpsilon(
					t, 1+float64(want.answered)/float64(base), 1+offered("result", "answered")/(offered()-short), 1e-12,
					"reachability",
				)
			}
		}
	})
}
