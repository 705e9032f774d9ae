package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
)

const aDay = 24 * time.Hour

// callbacks takes over the rules for callback notes.
func (b *builder) callbacks() {
	f := b.form.Callbacks
	b.cfg.Callbacks = Callbacks{
		Countries: f.Countries,
		Lease:     f.Lease,
		WarnAfter: float64(f.WarnPercent) / 100,
		Attempts: Attempts{
			Least: f.Attempts.Least, Parts: b.partsOfADay("callbacks.attempts.parts", f.Attempts.Parts),
		},
		Dial:      f.Dial,
		Phones:    f.Phones,
		Caps:      Caps{Target: f.Caps.Target, Colleague: f.Caps.Colleague, Day: f.Caps.Day},
		Limits:    Limits{Caller: f.Limits.Caller, Target: f.Limits.Target, Day: f.Limits.Day},
		Retention: time.Duration(f.RetentionDays) * aDay,
	}
	if len(f.Countries) == 0 {
		b.doc.problem(
			"callbacks.countries", "no country may be rung back",
			"name at least one, such as NL, or leave the key out; callback.enabled: false under a team ends its offers",
		)
	}
	if f.RetentionDays == 0 {
		b.doc.warn(
			"callbacks.retention_days", "callers' numbers and stories are kept for ever, and the AVG asks for an end",
			"write the number of days that your archive rules say",
		)
	}
}

// partsOfADay reads the times that divide a day, and sorts them. Malformed ones were reported and come as empty text.
func (b *builder) partsOfADay(key string, texts []string) []calendar.Clock {
	var parts []calendar.Clock
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", key, i)
		clock, err := calendar.ParseClock(text)
		switch {
		case err != nil:
		case clock == 0 || clock == calendar.EndOfDay:
			b.doc.problem(
				at, clock.String()+" does not divide a day, which begins and ends there",
				"write a time within the day, such as 12:00, or leave it out",
			)
		case slices.Contains(parts, clock):
			b.doc.problem(at, clock.String()+" is here twice", "keep one of the two")
		default:
			parts = append(parts, clock)
		}
	}
	slices.Sort(parts)
	return parts
}
