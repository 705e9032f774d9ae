package config

import (
	"fmt"
	"time"

	_ "time/tzdata" // the zones, for machines without them

	"github.com/bereikbaar/bereikbaar/calendar"
)

// calendar makes a municipality's calendar; nil when that is not possible.
func (b *builder) calendar(key string, f municipalityForm, loc *time.Location) *calendar.Calendar {
	exceptions, reasons := b.exceptions(key, f.Exceptions)
	spec := calendar.Spec{
		Location:       loc,
		Hours:          b.week(key+".hours", f.Hours),
		Exceptions:     exceptions,
		Reasons:        reasons,
		GoodFriday:     f.ClosedOnGoodFriday,
		OpenOnHolidays: f.OpenOnHolidays,
	}
	if loc == nil || b.doc.spoilt(key+".hours") {
		return nil
	}
	c, err := calendar.New(spec)
	if err != nil {
		b.whenUnreported(key+".hours", err)
		return nil
	}
	return c
}

// whenUnreported reports an error of the calendar, unless a faulty day was reported and left out.
func (b *builder) whenUnreported(key string, err error) {
	for faulty := range b.doc.faulty {
		if isUnder(faulty, key) {
			return
		}
	}
	b.doc.problem(key, err.Error(), "add hours, such as {weekdays: [09:00-17:00]}")
}

func isUnder(key, above string) bool {
	for ; key != ""; key = parent(key) {
		if key == above {
			return true
		}
	}
	return false
}

var weekdayNumbers = map[string]time.Weekday{
	"monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday,
	"friday": time.Friday, "saturday": time.Saturday, "sunday": time.Sunday,
}

// week reads opening hours. It is nil when there are none.
func (b *builder) week(key string, f hoursForm) calendar.Week {
	if f == nil {
		return nil
	}
	week := calendar.Week{}
	for name, number := range weekdayNumbers {
		from := name
		if _, named := f[name]; !named && number >= time.Monday && number <= time.Friday {
			from = "weekdays"
		}
		week[number] = b.day(key+"."+from, f[from])
	}
	return week
}

// day reads the spans of one day. Malformed ones were reported and come as empty text.
func (b *builder) day(key string, texts []string) []calendar.Span {
	spans := []calendar.Span{}
	for _, text := range texts {
		if span, err := calendar.ParseSpan(text); err == nil {
			spans = append(spans, span)
		}
	}
	if err := calendar.CheckSpans(spans); err != nil {
		b.doc.malformed(key, err.Error(), "let each span begin where the one before has ended")
		return nil
	}
	return spans
}

func (b *builder) exceptions(key string, list []exceptionForm) (calendar.Exceptions, map[calendar.Date]string) {
	exceptions, reasons := calendar.Exceptions{}, map[calendar.Date]string{}
	first := map[calendar.Date]int{}
	for i, f := range list {
		at := fmt.Sprintf("%s.exceptions[%d]", key, i)
		date, err := calendar.ParseDate(f.Date)
		if err != nil {
			continue
		}
		if before, twice := first[date]; twice {
			b.doc.problem(
				at+".date",
				fmt.Sprintf(
					"%s is here twice, first on line %d", date,
					b.doc.line(fmt.Sprintf("%s.exceptions[%d].date", key, before)),
				),
				"keep one of the two",
			)
			continue
		}
		first[date] = i
		exceptions[date] = b.day(at+".hours", f.Hours)
		if f.Reason != "" {
			reasons[date] = f.Reason
		}
	}
	return exceptions, reasons
}
