package callback

import (
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/note"
)

// AttemptPolicy says when an unreached caller may be given up (domain.md, "Attempts").
type AttemptPolicy struct {
	Least int              // attempts, each in another part of a day
	Parts []calendar.Clock // at which a part of the day ends and the next begins, such as 12:00; sorted
}

// part is the part of the day in which an instant lies: attempts in one part count once.
type part struct {
	date calendar.Date
	of   int
}

func (p AttemptPolicy) part(t time.Time, loc *time.Location) part {
	clock, of := calendar.ClockOf(t, loc), 0
	for _, end := range p.Parts {
		if clock >= end {
			of++
		}
	}
	return part{calendar.DateOf(t, loc), of}
}

// Met gives when the policy was met by the attempts of a note: the end of the one that completed it. It is false when
// more attempts are needed; left says how many. loc is the zone of the municipality's clocks.
func (p AttemptPolicy) Met(attempts []attempt.Attempt, loc *time.Location) (at time.Time, left int, ok bool) {
	tried := make(map[part]bool)
	for _, a := range attempts {
		if !a.Counts() {
			continue
		}
		tried[p.part(a.Began, loc)] = true
		if len(tried) >= p.Least {
			return a.Ended, 0, true
		}
	}
	return time.Time{}, p.Least - len(tried), false
}

// suggestDays is how far ahead a moment is looked for.
const suggestDays = 31

// Suggest gives the next moment to try to reach the caller, in UTC: within the team's opening hours, in a part of a day
// that was not tried since the note was last reopened, and not before now. The norm goes first: the caller's window is
// kept when that can be done before the deadline, else it is the first moment. It is false for a closed note, and when
// the team does not open within a month.
func (p AttemptPolicy) Suggest(n note.Note, hours *calendar.Hours, now time.Time) (time.Time, bool) {
	if !n.State.Live() {
		return time.Time{}, false
	}
	loc := hours.Location()
	tried := make(map[part]bool)
	for _, a := range n.Tries() {
		tried[p.part(a.Began, loc)] = true
	}
	var first time.Time
	today := calendar.DateOf(now, loc)
	for i := range suggestDays {
		for _, t := range p.moments(today.AddDays(i), n.Window, hours, now) {
			if t.Before(now) || !hours.Open(t) || tried[p.part(t, loc)] {
				continue
			}
			if first.IsZero() {
				first = t
			}
			clock, late := calendar.ClockOf(t, loc), !t.Before(n.Deadline)
			switch {
			case n.Window == (calendar.Span{}), late:
				return first.UTC(), true
			case clock >= n.Window.From && clock < n.Window.To:
				return t.UTC(), true
			}
		}
	}
	return first.UTC(), !first.IsZero()
}

// moments gives, in order, the moments of a day at which opening hours, a part of the day or the caller's window begin,
// and now. The first good moment is one of them.
func (p AttemptPolicy) moments(
	d calendar.Date, window calendar.Span, hours *calendar.Hours, now time.Time,
) []time.Time {
	moments := []time.Time{now}
	begins := append([]calendar.Clock{window.From}, p.Parts...)
	for _, span := range hours.Day(d).Open {
		begins = append(begins, span.From)
	}
	for _, c := range begins {
		moments = append(moments, time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, hours.Location()))
	}
	slices.SortFunc(moments, time.Time.Compare)
	return moments
}
