package pages

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
)

// speech says things in a language, with times by the municipality's clocks.
type speech struct {
	lang   string // of languages
	clocks *time.Location
	now    time.Time
}

// speak gives the speech of the first language that the pages have.
func speak(clocks *time.Location, now time.Time, wanted ...string) speech {
	for _, lang := range wanted {
		if slices.Contains(languages, lang) {
			return speech{lang, clocks, now}
		}
	}
	return speech{languages[0], clocks, now}
}

// say gives a text of the catalogue. An unknown name is a fault of the program, and shows as itself.
func (s speech) say(name string, values ...any) string {
	text := catalogue[name][slices.Index(languages, s.lang)]
	if text == "" {
		return name
	}
	if len(values) > 0 {
		return fmt.Sprintf(text, values...)
	}
	return text
}

// count gives the text for a number: of one, where the catalogue has it, or of any other.
func (s speech) count(name string, n int) string {
	if _, ok := catalogue[name+"1"]; ok && n == 1 {
		return s.say(name + "1")
	}
	if _, ok := catalogue[name+"0"]; ok && n == 0 {
		return s.say(name + "0")
	}
	return s.say(name, n)
}

var (
	days = map[string][7]string{
		"nl": {"zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"},
		"en": {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	}
	months = map[string][12]string{
		"nl": {
			"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober",
			"november", "december",
		},
		"en": {
			"January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
			"November", "December",
		},
	}
	near = map[string]map[int]string{
		"nl": {-1: "gisteren", 0: "vandaag", 1: "morgen"},
		"en": {-1: "yesterday", 0: "today", 1: "tomorrow"},
	}
)

// clock is a time of day: 14.30 uur.
func (s speech) clock(t time.Time) string {
	if s.lang == "nl" {
		return t.In(s.clocks).Format("15.04") + " uur"
	}
	return t.In(s.clocks).Format("15:04")
}

// hour is a time of day of a span: 9.00.
func (s speech) hour(c calendar.Clock) string {
	if s.lang == "nl" {
		return fmt.Sprintf("%d.%02d", c/60, c%60)
	}
	return fmt.Sprintf("%d:%02d", c/60, c%60)
}

// day is a day as people name it from today: vandaag, morgen, vrijdag, vrijdag 4 december, 4 december 2027.
func (s speech) day(t time.Time) string {
	t, now := t.In(s.clocks), s.now.In(s.clocks)
	away := int(midnight(t).Sub(midnight(now)).Hours() / 24)
	if word, ok := near[s.lang][away]; ok {
		return word
	}
	day := days[s.lang][t.Weekday()]
	if away > 1 && away < 7 {
		return day
	}
	date := fmt.Sprintf("%d %s", t.Day(), months[s.lang][t.Month()-1])
	if t.Year() != now.Year() {
		return fmt.Sprintf("%s %d", date, t.Year())
	}
	return day + " " + date
}

// midnight is the day of t as a day of UTC, all of which have 24 hours.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// when is a moment: vandaag 14.30 uur. Midnight at the end of a day belongs to that day.
func (s speech) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	local := t.In(s.clocks)
	if local.Hour() == 0 && local.Minute() == 0 {
		if s.lang == "nl" {
			return s.day(t.Add(-time.Minute)) + " 24.00 uur"
		}
		return s.day(t.Add(-time.Minute)) + " 24:00"
	}
	return s.day(t) + " " + s.clock(t)
}

// by is a deadline: morgen voor 17.00 uur.
func (s speech) by(t time.Time) string {
	day, clock, ok := cutLast(s.when(t), s.lang)
	if !ok {
		return ""
	}
	if s.lang == "nl" {
		return day + " voor " + clock
	}
	return day + " before " + clock
}

// cutLast cuts the time of day off a moment.
func cutLast(when, lang string) (day, clock string, ok bool) {
	words := strings.Fields(when)
	of := 1
	if lang == "nl" {
		of = 2 // 17.00 uur
	}
	if len(words) <= of {
		return "", "", false
	}
	return strings.Join(words[:len(words)-of], " "), strings.Join(words[len(words)-of:], " "), true
}

// long is a length of time: 2 uur en 10 minuten. Less than a minute is named as one.
func (s speech) long(d time.Duration) string {
	minutes := max(int(d.Round(time.Minute).Minutes()), 1)
	hours := minutes / 60
	minutes %= 60
	hour, minute, and := "uur", "minuten", " en "
	one := "minuut"
	if s.lang == "en" {
		hour, minute, and, one = "hours", "minutes", " and ", "minute"
		if hours == 1 {
			hour = "hour"
		}
	}
	if minutes == 1 {
		minute = one
	}
	switch {
	case hours == 0:
		return fmt.Sprintf("%d %s", minutes, minute)
	case minutes == 0:
		return fmt.Sprintf("%d %s", hours, hour)
	default:
		return fmt.Sprintf("%d %s%s%d %s", hours, hour, and, minutes, minute)
	}
}

// roughly is a length of time to plan by: from ten hours on nobody counts the minutes.
func (s speech) roughly(d time.Duration) string {
	if d >= 10*time.Hour {
		d = d.Truncate(time.Hour)
	}
	return s.long(d)
}
