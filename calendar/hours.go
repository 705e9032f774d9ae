package calendar

import (
	"fmt"
	"maps"
	"time"
)

// Rule says how a deadline is counted (domain.md, "The norm").
type Rule string

// The rules.
const (
	ClosingTime Rule = "closing_time" // the closing time of the first working day after; the default
	SameTime    Rule = "same_time"    // the same clock time on that day, which is stricter
)

// TeamSpec says how a team differs from its municipality.
type TeamSpec struct {
	Hours      Week            // nil for the municipality's
	Exceptions Exceptions      // override everything else
	Reasons    map[Date]string // why a day is an exception, for people; optional
	// the norm counts the days on which the team is open, instead of the municipality's working days
	OwnDays bool
	// neither holidays nor the municipality's exceptions close the team: a team for emergencies
	OpenOnHolidays bool
	Rule           Rule // empty for ClosingTime
}

// Hours are the opening hours of one team, and the norm by its calendar. They are immutable. The zero value is never
// open.
type Hours struct {
	municipality *Calendar
	week         Week // nil for the municipality's
	exceptions   Exceptions
	reasons      map[Date]string
	ownDays      bool
	onHolidays   bool
	rule         Rule
}

// Looking further ahead than this is of no use to a caller, and a calendar may be closed for ever.
const (
	lookAhead = 366 // days in which an opening or a working day must come
	longestUp = 14  // days without a break after which a team counts as always open
)

// Team makes the opening hours of a team of the municipality.
func (c *Calendar) Team(spec TeamSpec) (*Hours, error) {
	h := &Hours{
		municipality: c, reasons: maps.Clone(spec.Reasons), ownDays: spec.OwnDays, onHolidays: spec.OpenOnHolidays,
		rule: spec.Rule,
	}
	switch spec.Rule {
	case "":
		h.rule = ClosingTime
	case ClosingTime, SameTime:
	default:
		return nil, fmt.Errorf(
			"the rule %q is not known, it is %q or %q", clip(string(spec.Rule)), ClosingTime, SameTime,
		)
	}
	var err error
	if spec.Hours != nil {
		if h.week, err = spec.Hours.checked(); err != nil {
			return nil, err
		}
	}
	if h.exceptions, err = spec.Exceptions.checked(); err != nil {
		return nil, err
	}
	return h, nil
}

// AlwaysOpen are hours that never close: day and night, holidays too.
func AlwaysOpen(loc *time.Location) *Hours {
	week := make(Week)
	for day := time.Sunday; day <= time.Saturday; day++ {
		week[day] = []Span{{0, EndOfDay}}
	}
	c := &Calendar{location: loc, hours: week, holidays: holidays(false), openOnHolidays: true}
	return &Hours{municipality: c, rule: ClosingTime}
}

// Week is the ordinary opening hours, without holidays and exceptions: what callers are told. It must not be changed.
func (h *Hours) Week() Week {
	if h.week == nil && h.municipality != nil {
		return h.municipality.hours
	}
	return h.week
}

// Location is the zone of the municipality's clocks; UTC for the zero value.
func (h *Hours) Location() *time.Location {
	if h.municipality == nil {
		return time.UTC
	}
	return h.municipality.location
}

// Day is one day by the team's calendar.
func (h *Hours) Day(d Date) Day {
	if h.municipality == nil {
		return Day{Date: d, Why: "no opening hours"}
	}
	municipal := h.municipality.day(d)
	day := h.open(d, municipal)
	day.Working = municipal.Working
	if h.ownDays {
		_, holiday := h.municipality.Holiday(d)
		day.Working = len(day.Open) > 0 && (day.Exception || !holiday)
	}
	return day
}

// open finds the team's hours on a day: its own exception, else the municipality's closing or special hours, else the
// week.
func (h *Hours) open(d Date, municipal Day) Day {
	if spans, ok := h.exceptions[d]; ok {
		return Day{Date: d, Open: spans, Exception: true, Why: exceptional(h.reasons[d], spans, " of the team")}
	}
	week := h.week
	if week == nil {
		week = h.municipality.hours
	}
	own := week[d.Weekday()]
	switch {
	case h.onHolidays:
		return h.ordinary(d, own)
	case len(municipal.Open) == 0 && (municipal.Exception || h.isHoliday(d)):
		return Day{Date: d, Exception: municipal.Exception, Why: municipal.Why}
	case municipal.Exception && h.week == nil:
		return municipal
	case municipal.Exception:
		return Day{Date: d, Open: intersect(own, municipal.Open), Exception: true, Why: municipal.Why}
	default:
		return h.ordinary(d, own)
	}
}

func (h *Hours) ordinary(d Date, spans []Span) Day {
	day := Day{Date: d, Open: spans}
	if len(spans) == 0 {
		day.Why = fmt.Sprintf("closed on %ss", d.Weekday())
	}
	return day
}

func (h *Hours) isHoliday(d Date) bool {
	_, ok := h.municipality.Holiday(d)
	return ok
}

// Open reports whether the team is open at t.
func (h *Hours) Open(t time.Time) bool {
	for _, run := range h.instants(DateOf(t, h.Location())) {
		if run.contains(t) {
			return true
		}
	}
	return false
}

// Next is the team's next opening after t and the closing that follows, in the municipality's zone. It is false when
// there is none within a year.
func (h *Hours) Next(t time.Time) (from, to time.Time, ok bool) {
	run, ok := h.runAfter(t)
	if ok && run.contains(t) {
		if run.endless() {
			return time.Time{}, time.Time{}, false
		}
		run, ok = h.runAfter(run.to)
	}
	return run.from, run.to, ok
}

// stretch is an unbroken time of being open.
type stretch struct{ from, to time.Time }

func (s stretch) contains(t time.Time) bool { return !t.Before(s.from) && t.Before(s.to) }
func (s stretch) endless() bool             { return s.to.Sub(s.from) > (longestUp-1)*24*time.Hour }

func (h *Hours) instants(d Date) []stretch {
	spans := h.Day(d).Open
	day := make([]stretch, 0, len(spans))
	for _, s := range spans {
		if run := (stretch{d.at(s.From, h.Location()), d.at(s.To, h.Location())}); run.from.Before(run.to) {
			day = append(day, run)
		}
	}
	return day
}

// runAfter is the first stretch that ends after t. Hours that meet, as at midnight, are one stretch.
func (h *Hours) runAfter(t time.Time) (stretch, bool) {
	var run stretch
	found, limit := false, lookAhead
	first := DateOf(t, h.Location())
	for i := 0; i <= limit; i++ {
		for _, s := range h.instants(first.AddDays(i)) {
			switch {
			case !s.to.After(t):
			case !found:
				run, found, limit = s, true, i+longestUp
			case s.from.After(run.to):
				return run, true
			default:
				run.to = s.to
			}
		}
	}
	return run, found
}
