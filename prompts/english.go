package prompts

import (
	"fmt"
	"time"
)

// english composes British English: "two thousand and one", "the 24th of November", and times by the 12-hour clock.
type english struct{}

func (english) number(n int) []ID {
	var parts []ID
	if n >= 1000 {
		parts = append(parts, numberID(n/1000*1000))
		n %= 1000
	}
	if n >= 100 {
		parts = append(parts, numberID(n/100*100))
		n %= 100
	}
	switch {
	case len(parts) == 0:
		return []ID{numberID(n)}
	case n > 0:
		return append(parts, numberAnd, numberID(n))
	}
	return parts
}

func (english) date(t time.Time) []ID {
	return []ID{weekdayID(t.Weekday()), ID(fmt.Sprintf("day-of-month-%d", t.Day())), monthID(t.Month())}
}

func (english) clock(hours, minutes int) []ID {
	switch {
	case hours%24 == 0 && minutes == 0:
		return []ID{midnight}
	case hours == 12 && minutes == 0:
		return []ID{noon}
	}
	half := beforeNoon
	if hours >= 12 {
		half = afterNoon
	}
	parts := []ID{numberID((hours+11)%12 + 1)}
	if minutes > 0 && minutes < 10 {
		parts = append(parts, minuteZero)
	}
	if minutes > 0 {
		parts = append(parts, numberID(minutes))
	}
	return append(parts, half)
}

func (e english) span(from, to timeOfDay) []ID {
	return join([]ID{between}, e.clock(from.hours, from.minutes), []ID{and}, e.clock(to.hours, to.minutes))
}
