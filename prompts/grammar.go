package prompts

import (
	"fmt"
	"time"
)

// grammar is the part of composing that differs between languages. Sentences themselves have the same order in Dutch
// and English and are joined in Speaker.
type grammar interface {
	// number reads a cardinal from 0 to 9999.
	number(n int) []ID
	// date reads weekday, day and month. The year is never spoken: callers are told about days, not years.
	date(t time.Time) []ID
	// clock reads a time of day; 24:00 is the midnight at the end of a day.
	clock(hours, minutes int) []ID
	// span reads "between … and …".
	span(from, to timeOfDay) []ID
}

// timeOfDay is a wall-clock time, 00:00 to 24:00.
type timeOfDay struct{ hours, minutes int }

var grammars = map[Language]grammar{Dutch: dutch{}, English: english{}}

func numberID(n int) ID { return ID(fmt.Sprintf("number-%d", n)) }

func digitID(r rune) ID { return ID("digit-" + string(r)) }

func monthID(m time.Month) ID { return ID(fmt.Sprintf("month-%d", int(m))) }

// weekdayID counts from Monday = 1 to Sunday = 7 (ISO 8601); time.Weekday counts from Sunday = 0.
func weekdayID(d time.Weekday) ID { return ID(fmt.Sprintf("weekday-%d", (int(d)+6)%7+1)) }
