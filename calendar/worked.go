package calendar

import "time"

// Worked is how long the team is open between two instants: the working time of the norm's clock. On a day on which the
// norm counts and the team is closed the municipality's hours count instead, as for the deadline. It is 0 when to is
// not after from, and counts at most a year.
func (h *Hours) Worked(from, to time.Time) time.Duration {
	var worked time.Duration
	h.working(from, to, func(s stretch) bool {
		worked += s.to.Sub(s.from)
		return true
	})
	return worked
}

// After is the first instant at which a part of the working time between two instants has passed, 0.5 for half of it.
// It is to when there is no working time between them.
func (h *Hours) After(part float64, from, to time.Time) time.Time {
	left := time.Duration(part * float64(h.Worked(from, to)))
	at := to
	h.working(from, to, func(s stretch) bool {
		if length := s.to.Sub(s.from); length < left {
			left -= length
			return true
		}
		at = s.from.Add(left)
		return false
	})
	return at
}

// Warning is the moment at which the given part (0.5 for half) of the team's working time until a deadline has passed:
// when the norm's clock warns. Where the team works at no time before its deadline, the municipality's
// working time counts. It is zero when part is 0, and when nobody works before the deadline.
func (h *Hours) Warning(d Deadline, part float64) time.Time {
	if part <= 0 {
		return time.Time{}
	}
	hours := h
	if h.Worked(d.Made, d.At) == 0 {
		hours = &Hours{municipality: h.municipality}
	}
	if at := hours.After(part, d.Made, d.At); at.Before(d.At) {
		return at.UTC()
	}
	return time.Time{}
}

// working passes the stretches of working time between two instants to each, in order, until each returns false.
func (h *Hours) working(from, to time.Time, each func(stretch) bool) {
	first, last := DateOf(from, h.Location()), DateOf(to, h.Location())
	for i := range lookAhead {
		date := first.AddDays(i)
		if date.after(last) {
			return
		}
		for _, s := range h.stretches(date) {
			if s.from.Before(from) {
				s.from = from
			}
			if s.to.After(to) {
				s.to = to
			}
			if s.from.Before(s.to) && !each(s) {
				return
			}
		}
	}
}

// stretches is the working time of one day.
func (h *Hours) stretches(d Date) []stretch {
	day := h.Day(d)
	if len(day.Open) == 0 && day.Working {
		municipal := &Hours{municipality: h.municipality}
		return municipal.instants(d)
	}
	return h.instants(d)
}

func (d Date) after(o Date) bool {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).After(
		time.Date(o.Year, o.Month, o.Day, 0, 0, 0, 0, time.UTC),
	)
}
