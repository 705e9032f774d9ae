package prompts

import (
	"slices"
	"time"
)

// Span is a stretch of opening hours: wall-clock times since midnight, From before To, To at most 24 hours.
type Span struct{ From, To time.Duration }

// Week holds the opening hours of each day, indexed by time.Weekday. A day without spans is closed.
type Week [7][]Span

// OpeningWeek says when the municipality can be reached: "U kunt ons bellen op werkdagen tussen 9 en 17 uur, en op
// zaterdag tussen 10 en 12 uur." Days with equal hours are said together. Spans that are not inside a day are skipped;
// for a week that is closed throughout it says nothing.
func (s Speaker) OpeningWeek(week Week) Utterance {
	groups := groupDays(week)
	if len(groups) == 0 {
		return s.utter()
	}
	parts := []ID{youCanCallUs}
	for i, g := range groups {
		if i > 0 {
			parts = append(parts, PauseShort)
		}
		if i > 0 && i == len(groups)-1 {
			parts = append(parts, and)
		}
		parts = join(parts, sayDays(g.days), s.sayHours(g.spans))
	}
	return s.utter(parts, []ID{PauseLong})
}

// daysAlike are days with the same opening hours, Monday first.
type daysAlike struct {
	days  []time.Weekday
	spans []Span
}

func groupDays(week Week) []daysAlike {
	var groups []daysAlike
	for i := range 7 {
		day := time.Weekday((i + 1) % 7) // the Dutch week starts on Monday
		spans := slices.DeleteFunc(slices.Clone(week[day]), func(sp Span) bool {
			return sp.From < 0 || sp.To > 24*time.Hour || sp.To.Truncate(time.Minute) <= sp.From.Truncate(time.Minute)
		})
		if len(spans) == 0 {
			continue
		}
		alike := slices.IndexFunc(groups, func(g daysAlike) bool { return slices.Equal(g.spans, spans) })
		if alike < 0 {
			groups = append(groups, daysAlike{spans: spans})
			alike = len(groups) - 1
		}
		groups[alike].days = append(groups[alike].days, day)
	}
	return groups
}

// sayDays names days: "elke dag", "op werkdagen", "van maandag tot en met donderdag", "op dinsdag en donderdag".
func sayDays(days []time.Weekday) []ID {
	working := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	switch {
	case len(days) == 7:
		return []ID{everyDay}
	case slices.Equal(days, working):
		return []ID{onWorkingDays}
	case len(days) >= 3 && consecutive(days):
		return []ID{fromDay, weekdayID(days[0]), toDay, weekdayID(days[len(days)-1])}
	}
	return join([]ID{onDay}, list(days, func(d time.Weekday) []ID { return []ID{weekdayID(d)} }))
}

func consecutive(days []time.Weekday) bool {
	for i := 1; i < len(days); i++ {
		if days[i] != (days[i-1]+1)%7 {
			return false
		}
	}
	return true
}

func (s Speaker) sayHours(spans []Span) []ID {
	return list(spans, func(sp Span) []ID {
		if sp.From < time.Minute && sp.To == 24*time.Hour {
			return []ID{allDay}
		}
		return s.grammar().span(clockOf(sp.From), clockOf(sp.To))
	})
}

func clockOf(sinceMidnight time.Duration) timeOfDay {
	return timeOfDay{hours: int(sinceMidnight / time.Hour), minutes: int(sinceMidnight % time.Hour / time.Minute)}
}

// list enumerates: "a", "a en b", "a, b en c".
func list[T any](items []T, say func(T) []ID) []ID {
	var parts []ID
	for i, item := range items {
		switch {
		case i == 0:
		case i == len(items)-1:
			parts = append(parts, and)
		default:
			parts = append(parts, PauseShort)
		}
		parts = append(parts, say(item)...)
	}
	return parts
}
