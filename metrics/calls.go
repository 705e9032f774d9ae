package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bereikbaar/bereikbaar/call"
)

// The values of the label "hours": only calls offered in a team's opening hours count towards its reachability.
const (
	hoursOpen   = "open"
	hoursClosed = "closed"
)

// The values of the label "waited". Short abandons and answers in time are a label and not counters of their own, so
// that every part of a KPI comes from one set of counters that add up: a ratio of counters that Prometheus extrapolates
// apart can leave the range of 0 to 1.
const (
	waitedShort  = "short"   // at most S
	waitedInTime = "in_time" // more than S, at most T
	waitedLong   = "long"    // more than T
)

// The values of the label "fault": what can be wrong with a contact record. None may ever occur.
const (
	faultTeam     = "unknown_team"      // an offer to a team in no plan: not counted
	faultResult   = "unknown_result"    // counted as lost
	faultOutcome  = "unknown_outcome"   // counted as failed
	faultDuration = "negative_duration" // counted as zero
)

// The buckets of native histograms: each at most a tenth wider than the one before.
const (
	nativeFactor  = 1.1
	nativeBuckets = 100
	nativeReset   = time.Hour
)

// contacts counts calls by the one record that each leaves.
type contacts struct {
	t, s    time.Duration
	calls   *prometheus.CounterVec
	offered *prometheus.CounterVec
	waiting *prometheus.HistogramVec
	talk    *prometheus.HistogramVec
	rung    *prometheus.HistogramVec
	faults  *prometheus.CounterVec
}

func newContacts(r *registration, t, s time.Duration) contacts {
	c := contacts{t: t, s: s}
	c.calls = r.counterVec("calls_total",
		"Calls by how they ended for the caller, one per contact record (docs/kpis.md).",
		"municipality", "outcome")
	c.offered = r.counterVec("calls_offered_total",
		"Calls put before a team (docs/kpis.md, offered), by result, by whether the team was open, and by the wait: "+
			"short is at most S, in_time at most T, long is more. "+
			"Reachability is answered / (offered - abandoned with a short wait), while open.",
		"team", "hours", "result", "waited")
	c.waiting = r.histogramVec("call_waiting_seconds",
		"Wait of answered and of abandoned calls, from entering the queue, ringing included "+
			"(docs/kpis.md, average speed of answer).",
		waitingBuckets(t, s), "team", "hours", "result")
	c.talk = r.histogramVec("call_talk_seconds",
		"Length of conversations, from the answer to the end.",
		[]float64{10, 30, 60, 120, 180, 300, 420, 600, 900, 1800, 3600}, "team")
	c.rung = r.histogramVec("call_phones_rung",
		"Phones rung for one offer of a call to a team.",
		[]float64{0, 1, 2, 3, 5, 10}, "team")
	c.faults = r.counterVec("contact_faults_total",
		"Contact records that could not be counted as they stood: a fault of ours, must be 0.", "fault")
	for _, fault := range []string{faultTeam, faultResult, faultOutcome, faultDuration} {
		c.faults.WithLabelValues(fault)
	}
	return c
}

// waitingBuckets has an edge at T and one at S, so that the histogram can show both.
func waitingBuckets(t, s time.Duration) []float64 {
	edges := []float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, t.Seconds()}
	if s > 0 {
		edges = append(edges, s.Seconds())
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}

// team is the series of one team, looked up once: a call that ends costs no more than a few additions.
type team struct {
	offered map[offerClass]prometheus.Counter
	waiting map[waitClass]prometheus.Observer
	talk    prometheus.Observer
	rung    prometheus.Observer
}

type offerClass struct {
	hours  string
	result call.OfferResult
	waited string
}

type waitClass struct {
	hours  string
	result call.OfferResult
}

// team makes every series of a team, at 0.
func (c contacts) team(id string) *team {
	t := &team{
		offered: map[offerClass]prometheus.Counter{},
		waiting: map[waitClass]prometheus.Observer{},
		talk:    c.talk.WithLabelValues(id),
		rung:    c.rung.WithLabelValues(id),
	}
	for _, hours := range []string{hoursOpen, hoursClosed} {
		for _, result := range call.OfferResults() {
			for _, waited := range []string{waitedShort, waitedInTime, waitedLong} {
				t.offered[offerClass{hours, result, waited}] = c.offered.WithLabelValues(
					id, hours, string(result), waited,
				)
			}
		}
		for _, result := range []call.OfferResult{call.OfferAnswered, call.OfferAbandoned} {
			t.waiting[waitClass{hours, result}] = c.waiting.WithLabelValues(id, hours, string(result))
		}
	}
	return t
}

// outcomes makes every series of a municipality, at 0.
func (c contacts) outcomes(municipality string) map[call.Outcome]prometheus.Counter {
	counters := map[call.Outcome]prometheus.Counter{}
	for _, outcome := range call.Outcomes() {
		counters[outcome] = c.calls.WithLabelValues(municipality, string(outcome))
	}
	return counters
}

// Contact counts a call that has ended, from its one record.
func (m *Metrics) Contact(contact call.Contact) {
	known := m.labels.Load()
	outcomes, ok := known.municipalities[contact.Municipality]
	if !ok { // a number that is not configured has no municipality
		outcomes = known.elsewhere
	}
	counter, ok := outcomes[contact.Outcome]
	if !ok {
		m.contacts.fault(faultOutcome)
		counter = outcomes[call.Failed]
	}
	counter.Inc()
	for _, offer := range contact.Offers {
		team, ok := known.teams[offer.Team]
		if !ok {
			m.contacts.fault(faultTeam)
			continue
		}
		m.contacts.offer(team, offer)
	}
}

func (c contacts) offer(t *team, o call.Offer) {
	hours := hoursClosed
	if o.Open {
		hours = hoursOpen
	}
	waited := c.duration(o.Waited)
	counter, ok := t.offered[offerClass{hours, o.Result, c.class(waited)}]
	if !ok {
		c.fault(faultResult)
		counter = t.offered[offerClass{hours, call.OfferLost, c.class(waited)}]
	}
	counter.Inc()
	if histogram, ok := t.waiting[waitClass{hours, o.Result}]; ok {
		histogram.Observe(waited.Seconds())
	}
	if o.Result == call.OfferAnswered {
		t.talk.Observe(c.duration(o.Talked).Seconds())
	}
	t.rung.Observe(float64(max(o.Rung, 0)))
}

func (c contacts) class(waited time.Duration) string {
	switch {
	case waited <= c.s:
		return waitedShort
	case waited <= c.t:
		return waitedInTime
	default:
		return waitedLong
	}
}

// duration gives 0 when the clock was set back: Prometheus would take a sum that goes down for a restart.
func (c contacts) duration(d time.Duration) time.Duration {
	if d < 0 {
		c.fault(faultDuration)
		return 0
	}
	return d
}

func (c contacts) fault(kind string) { c.faults.WithLabelValues(kind).Inc() }
