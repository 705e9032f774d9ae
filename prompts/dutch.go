package prompts

import "time"

// dutch composes as the Taalunie advises for spoken numbers: "twaalfhonderdvierendertig", "tweeduizend één", and times
// by the 24-hour clock.
type dutch struct{}

func (dutch) number(n int) []ID {
	var parts []ID
	switch {
	case n >= 1100 && n < 2000:
		parts = append(parts, numberID(n/100*100))
		n %= 100
	case n >= 1000:
		parts = append(parts, numberID(n/1000*1000))
		n %= 1000
	}
	if n >= 100 {
		parts = append(parts, numberID(n/100*100))
		n %= 100
	}
	if n > 0 || len(parts) == 0 {
		parts = append(parts, numberID(n))
	}
	return parts
}

func (d dutch) date(t time.Time) []ID {
	return []ID{weekdayID(t.Weekday()), numberID(t.Day()), monthID(t.Month())}
}

func (dutch) clock(hours, minutes int) []ID {
	if hours%24 == 0 && minutes == 0 {
		return []ID{midnight}
	}
	parts := []ID{numberID(hours), hour}
	if minutes > 0 {
		parts = append(parts, numberID(minutes))
	}
	return parts
}

// span says "uur" once when both ends are whole hours, as people do: "tussen 9 en 17 uur".
func (d dutch) span(from, to timeOfDay) []ID {
	opening := d.clock(from.hours, from.minutes)
	closing := d.clock(to.hours, to.minutes)
	if len(opening) == 2 && len(closing) == 2 {
		opening = opening[:1]
	}
	return join([]ID{between}, opening, []ID{and}, closing)
}
