package metrics_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

// offeredLines leaves only the series of offered calls that are not 0: a team has thirty.
func offeredLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "bereikbaar_calls_offered_total"); ok && !strings.HasSuffix(
			line, " 0\n",
		) {
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	return lines
}

func TestOffersAreCountedByResultHoursAndWait(t *testing.T) {
	offer := func(result call.OfferResult, waited time.Duration) call.Offer {
		return call.Offer{Team: "kcc", Open: true, Result: result, Waited: waited}
	}
	closed := offer(call.OfferAnswered, time.Minute)
	closed.Open = false
	tests := map[string]struct {
		offer call.Offer
		want  string
	}{
		"answered at once": {
			offer(call.OfferAnswered, 0), `{hours="open",result="answered",team="kcc",waited="short"} 1`,
		},
		"answered after exactly T": {
			offer(call.OfferAnswered, answerThreshold),
			`{hours="open",result="answered",team="kcc",waited="in_time"} 1`,
		},
		"answered a moment after T": {
			offer(call.OfferAnswered, answerThreshold+1), `{hours="open",result="answered",team="kcc",waited="long"} 1`,
		},
		"hung up after exactly S": {
			offer(call.OfferAbandoned, shortAbandon), `{hours="open",result="abandoned",team="kcc",waited="short"} 1`,
		},
		"hung up a moment after S": {
			offer(call.OfferAbandoned, shortAbandon+1),
			`{hours="open",result="abandoned",team="kcc",waited="in_time"} 1`,
		},
		"hung up after ten minutes": {
			offer(call.OfferAbandoned, 10*time.Minute), `{hours="open",result="abandoned",team="kcc",waited="long"} 1`,
		},
		"took a note": {
			offer(call.OfferTookNote, 2*time.Minute), `{hours="open",result="callback",team="kcc",waited="long"} 1`,
		},
		"went to another team": {
			offer(call.OfferMovedOn, 20*time.Second), `{hours="open",result="moved_on",team="kcc",waited="in_time"} 1`,
		},
		"lost by us": {
			offer(call.OfferLost, time.Second), `{hours="open",result="lost",team="kcc",waited="short"} 1`,
		},
		"answered outside opening hours": {
			closed, `{hours="closed",result="answered",team="kcc",waited="long"} 1`,
		},
		"a result that we do not know is a loss": {
			offer("evaporated", time.Second), `{hours="open",result="lost",team="kcc",waited="short"} 1`,
		},
		"a clock that was set back is no wait": {
			offer(call.OfferAnswered, -time.Hour), `{hours="open",result="answered",team="kcc",waited="short"} 1`,
		},
		"a result left empty is a loss": {
			offer("", 0), `{hours="open",result="lost",team="kcc",waited="short"} 1`,
		},
		"an answer after a day is still an answer": {
			offer(call.OfferAnswered, 24*time.Hour), `{hours="open",result="answered",team="kcc",waited="long"} 1`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, reg := newMetrics(t, "kcc", "vergunningen")
			m.Contact(contact(call.Answered, test.offer))
			require.Equal(t, []string{test.want}, offeredLines(exposition(t, reg)))
		})
	}
}

func TestEverySeriesOfATeamIsThereAtZeroBeforeTheFirstCall(t *testing.T) {
	_, reg := newMetrics(t, "kcc", "vergunningen")
	all := read(t, exposition(t, reg))
	count := map[string]int{}
	for _, s := range all {
		if s.labels["team"] == "vergunningen" || s.labels["municipality"] == "deventer" {
			require.True(t, s.value == 0 || s.name == "bereikbaar_team_open", "%s %v", s.name, s.labels)
			count[s.name]++
		}
	}
	require.Equal(t, 30, count["bereikbaar_calls_offered_total"], "5 results, 3 waits, 2 kinds of hours")
	require.Equal(t, len(call.Outcomes()), count["bereikbaar_calls_total"])
	require.Equal(t, 4, count["bereikbaar_call_waiting_seconds_count"])
	require.Equal(t, 1, count["bereikbaar_call_talk_seconds_count"])
	require.Equal(t, 1, count["bereikbaar_call_phones_rung_count"])
	require.Equal(t, 1, count["bereikbaar_notes_promised_total"])
}

func TestCallsAreCountedByMunicipalityAndOutcome(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	m.Contact(answered("kcc", time.Second, time.Minute))
	m.Contact(contact(call.HeardClosed))
	m.Contact(contact("on_fire"))                                              // not an outcome
	m.Contact(call.Contact{Outcome: call.OtherMunicipality})                   // a number that is not configured
	m.Contact(call.Contact{Municipality: "atlantis", Outcome: call.Abandoned}) // not in the plan
	got := exposition(t, reg)
	for _, line := range []string{
		`bereikbaar_calls_total{municipality="deventer",outcome="answered"} 1`,
		`bereikbaar_calls_total{municipality="deventer",outcome="heard_closed"} 1`,
		`bereikbaar_calls_total{municipality="deventer",outcome="failed"} 1`,
		`bereikbaar_calls_total{municipality="(other)",outcome="other_municipality"} 1`,
		`bereikbaar_calls_total{municipality="(other)",outcome="abandoned"} 1`,
		`bereikbaar_contact_faults_total{fault="unknown_outcome"} 1`,
	} {
		requireLine(t, got, line)
	}
	require.NotContains(t, got, "atlantis")
	require.NotContains(t, got, "on_fire")
	require.InDelta(t, 5, sum(read(t, got), "bereikbaar_calls_total"), 0)
}

func TestWaitingAndTalkingTimes(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	m.Contact(answered("kcc", 30*time.Second, 90*time.Second))
	m.Contact(answered("kcc", 31*time.Second, 10*time.Second))
	m.Contact(abandoned("kcc", 5*time.Second))
	m.Contact(
		contact(call.CallbackPromised, call.Offer{
			Team: "kcc", Open: true, Result: call.OfferTookNote, Waited: time.Hour, Rung: 7,
		}),
	)
	got := exposition(t, reg)
	for _, line := range []string{
		`bereikbaar_call_waiting_seconds_bucket{hours="open",result="answered",team="kcc",le="20"} 0`,
		`bereikbaar_call_waiting_seconds_bucket{hours="open",result="answered",team="kcc",le="30"} 1`,
		`bereikbaar_call_waiting_seconds_bucket{hours="open",result="answered",team="kcc",le="45"} 2`,
		`bereikbaar_call_waiting_seconds_sum{hours="open",result="answered",team="kcc"} 61`,
		`bereikbaar_call_waiting_seconds_count{hours="open",result="answered",team="kcc"} 2`,
		`bereikbaar_call_waiting_seconds_bucket{hours="open",result="abandoned",team="kcc",le="5"} 1`,
		`bereikbaar_call_waiting_seconds_count{hours="open",result="abandoned",team="kcc"} 1`,
		`bereikbaar_call_talk_seconds_sum{team="kcc"} 100`,
		`bereikbaar_call_talk_seconds_count{team="kcc"} 2`,
		`bereikbaar_call_phones_rung_bucket{team="kcc",le="0"} 1`,
		`bereikbaar_call_phones_rung_bucket{team="kcc",le="1"} 3`,
		`bereikbaar_call_phones_rung_count{team="kcc"} 4`,
		`bereikbaar_call_phones_rung_sum{team="kcc"} 9`,
	} {
		requireLine(t, got, line)
	}
}

func TestTheHistogramOfWaitingHasAnEdgeAtBothThresholds(t *testing.T) {
	o := options(planOf("kcc"))
	o.AnswerThreshold, o.ShortAbandon = 25*time.Second, 7*time.Second+500*time.Millisecond
	got := expositionOf(t, o)
	requireLine(t, got, `bereikbaar_call_waiting_seconds_bucket{hours="open",result="answered",team="kcc",le="25"} 0`)
	requireLine(t, got, `bereikbaar_call_waiting_seconds_bucket{hours="open",result="abandoned",team="kcc",le="7.5"} 0`)
	requireLine(t, got, "bereikbaar_answer_threshold_seconds 25")
	requireLine(t, got, "bereikbaar_short_abandon_threshold_seconds 7.5")
}

func TestATeamFromOutsideMakesNoSeries(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	before := strings.Count(exposition(t, reg), "team=")
	for _, team := range []call.TeamID{
		"", "(other)", "kcc ", "06-12345678", "\xff\xfe", call.TeamID(strings.Repeat("x", 10000)),
	} {
		m.Contact(answered(team, time.Second, time.Second))
	}
	got := exposition(t, reg)
	require.Equal(t, before, strings.Count(got, "team="))
	requireLine(t, got, `bereikbaar_contact_faults_total{fault="unknown_team"} 6`)
	require.Empty(t, offeredLines(got))
}

func TestFaultsOfRecordsAreCounted(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	m.Contact(contact(call.Answered, call.Offer{Team: "kcc", Result: "?", Waited: time.Second}))
	m.Contact(
		contact(call.Answered, call.Offer{Team: "kcc", Result: call.OfferAnswered, Waited: -1, Talked: -1, Rung: -3}),
	)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP bereikbaar_contact_faults_total Contact records that could not be counted as they stood: a fault of ours, must be 0.
# TYPE bereikbaar_contact_faults_total counter
bereikbaar_contact_faults_total{fault="negative_duration"} 2
bereikbaar_contact_faults_total{fault="unknown_outcome"} 0
bereikbaar_contact_faults_total{fault="unknown_result"} 1
bereikbaar_contact_faults_total{fault="unknown_team"} 0
`), "bereikbaar_contact_faults_total"))
	for _, s := range read(t, exposition(t, reg)) {
		require.GreaterOrEqual(t, s.value, 0.0, "%s %v", s.name, s.labels)
	}
}

func TestACallThatWasPutBeforeSeveralTeamsCountsForEach(t *testing.T) {
	m, reg := newMetrics(t, "kcc", "vergunningen")
	m.Contact(contact(call.Answered,
		call.Offer{Team: "vergunningen", Open: true, Result: call.OfferMovedOn, Waited: time.Minute},
		call.Offer{Team: "kcc", Open: true, Result: call.OfferAnswered, Waited: 3 * time.Second},
	))
	require.ElementsMatch(t, []string{
		`{hours="open",result="moved_on",team="vergunningen",waited="long"} 1`,
		`{hours="open",result="answered",team="kcc",waited="short"} 1`,
	}, offeredLines(exposition(t, reg)))
}

func TestContactsOfManyCallsAtOnceAreAllCounted(t *testing.T) {
	m, reg := newMetrics(t, "kcc")
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() {
			for range 20 {
				m.Contact(answered("kcc", time.Second, time.Second))
			}
		})
	}
	for i := range 50 { // reloads in between lose nothing
		require.NoError(t, m.Apply(planOf("kcc", call.TeamID(fmt.Sprint("new-", i)))))
	}
	calls.Wait()
	require.Equal(
		t, []string{`{hours="open",result="answered",team="kcc",waited="short"} 1000`},
		offeredLines(exposition(t, reg)),
	)
}
