package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/bereikbaar/bereikbaar/note"
)

// words are the texts of mail in one language.
type words struct {
	days   [7]string
	months [12]string

	subject map[Kind]string // %s: the reference; of Daily the day
	first   map[Kind]string // %s: the team
	own     string          // first, of a person's own list

	reference, by, open, name, number, about, story string
	more, late, why                                 string
	when                                            func(w words, t time.Time) string
}

// languages are in plain words, Dutch at level B1.
var languages = map[string]words{
	"nl": {
		days: [7]string{"zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"},
		months: [12]string{
			"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober",
			"november", "december",
		},
		subject: map[Kind]string{
			NewNote: "Nieuwe terugbelnotitie %s", Warning: "Bel op tijd terug: terugbelnotitie %s",
			Overdue: "Te laat: terugbelnotitie %s", Daily: "Terugbelnotities van %s",
		},
		first: map[Kind]string{
			NewNote: "Er is een nieuwe terugbelnotitie voor %s.",
			Warning: "Een deel van de tijd is om. Deze terugbelnotitie van %s is nog niet klaar.",
			Overdue: "De uiterste terugbeltijd is voorbij. Deze terugbelnotitie van %s is nog niet klaar.",
			Daily:   "Deze terugbelnotities van %s zijn nog niet klaar.",
		},
		own:       "Deze terugbelnotities van u zijn nog niet klaar.",
		reference: "Kenmerk", by: "Bel terug voor", open: "Openen", name: "Naam", number: "Nummer", about: "Onderwerp",
		story: "Verhaal", more: "En nog %d. Kijk op %s", late: "te laat",
		why: "U krijgt deze mail van Bereikbaar, omdat de gemeente dat zo heeft ingesteld.",
		when: func(w words, t time.Time) string {
			return fmt.Sprintf("%s %d %s %d, %s uur", w.days[t.Weekday()], t.Day(), w.months[t.Month()-1], t.Year(),
				t.Format("15.04"))
		},
	},
	"en": {
		days: [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		months: [12]string{
			"January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
			"November", "December",
		},
		subject: map[Kind]string{
			NewNote: "New callback note %s", Warning: "Call back in time: callback note %s",
			Overdue: "Overdue: callback note %s", Daily: "Callback notes of %s",
		},
		first: map[Kind]string{
			NewNote: "There is a new callback note for %s.",
			Warning: "Part of the time is used. This callback note of %s is not done yet.",
			Overdue: "The deadline has passed. This callback note of %s is not done yet.",
			Daily:   "These callback notes of %s are not done yet.",
		},
		own:       "These callback notes of yours are not done yet.",
		reference: "Reference", by: "Call back before", open: "Open", name: "Name", number: "Number", about: "Subject",
		story: "Story", more: "And %d more. See %s", late: "overdue",
		why: "You get this mail from Bereikbaar, because the municipality has set it up so.",
		when: func(w words, t time.Time) string {
			return fmt.Sprintf("%s %d %s %d, %s", w.days[t.Weekday()], t.Day(), w.months[t.Month()-1], t.Year(),
				t.Format("15:04"))
		},
	},
}

// speak gives the words of a language; Dutch for one that has none.
func speak(language string) words {
	if w, ok := languages[language]; ok {
		return w
	}
	return languages["nl"]
}

// listed bounds the notes that a daily list names.
const listed = 100

// view is what a text is made of, beside notes.
type view struct {
	rules    Rules
	language string
	team     string // its name; empty for a person's own list
	clocks   *time.Location
	now      time.Time
}

// noteText is the mail about one note.
func noteText(kind Kind, n note.Note, v view) (subject, body string) {
	w := speak(v.language)
	var b strings.Builder
	fmt.Fprintf(&b, w.first[kind]+"\n\n", plain(v.team))
	line := func(name, value string) {
		if value = plain(value); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line(w.reference, string(n.Reference))
	line(w.by, w.when(w, n.Deadline.In(v.clocks)))
	line(w.open, link(v.rules, n))
	if v.rules.Number {
		line(w.number, n.Number.E164)
	}
	if v.rules.Story {
		line(w.name, n.Name)
		line(w.about, n.Subject)
		line(w.story, n.Reason)
	}
	fmt.Fprintf(&b, "\n%s\n", w.why)
	return fmt.Sprintf(w.subject[kind], n.Reference), b.String()
}

// listText is the mail with a list of notes, first due first.
func listText(notes []note.Note, v view) (subject, body string) {
	w := speak(v.language)
	var b strings.Builder
	if v.team == "" {
		b.WriteString(w.own + "\n\n")
	} else {
		fmt.Fprintf(&b, w.first[Daily]+"\n\n", plain(v.team))
	}
	for i, n := range notes {
		if i == listed {
			fmt.Fprintf(&b, w.more+"\n", len(notes)-listed, v.rules.Link)
			break
		}
		late := ""
		if !n.InTime(v.now) {
			late = " (" + w.late + ")"
		}
		fmt.Fprintf(&b, "%s: %s\n%s: %s%s\n%s: %s\n\n", w.reference, n.Reference, w.by,
			w.when(w, n.Deadline.In(v.clocks)), late, w.open, link(v.rules, n))
	}
	fmt.Fprintf(&b, "%s\n", w.why)
	today := v.now.In(v.clocks)
	day := fmt.Sprintf("%s %d %s", w.days[today.Weekday()], today.Day(), w.months[today.Month()-1])
	return fmt.Sprintf(w.subject[Daily], day), b.String()
}

// link is where a note is found in a browser.
func link(rules Rules, n note.Note) string { return rules.Link + "/notes/" + string(n.Reference) }

// longest bounds a text that somebody else wrote, in characters.
const longest = 2000

// plain makes one line of a text that somebody else wrote: without control characters and marks of direction, which
// could look like lines of ours or, in a header, be some.
func plain(text string) string {
	text = strings.ToValidUTF8(text, "")
	if letters := []rune(text); len(letters) > longest {
		text = string(letters[:longest]) + "…"
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
