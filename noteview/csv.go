package noteview

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bereikbaar/bereikbaar/note"
)

// Dialect is how CSV is written.
type Dialect struct {
	clocks *time.Location // the zone of its times, for people; nil for programs: RFC 3339 in UTC
}

// ForPeople is CSV that a spreadsheet set to Dutch opens by itself: a byte order mark, semicolons, the municipality's
// times of day, and numbers as people dial them, which need no guard.
func ForPeople(clocks *time.Location) Dialect { return Dialect{clocks} }

// ForPrograms is RFC 4180: commas, times in UTC, numbers in international form.
func ForPrograms() Dialect { return Dialect{} }

// localTime is how a time stands in a cell for people: spreadsheets of every language read it as a time.
const localTime = "2006-01-02 15:04:05"

// CSV writes notes as rows, after a row of column names. Close it when all are written.
type CSV struct {
	to      io.Writer
	rows    *csv.Writer
	look    Look
	dialect Dialect
	began   bool
}

// NewCSV writes to w.
func NewCSV(w io.Writer, look Look, dialect Dialect) *CSV {
	rows := csv.NewWriter(w)
	rows.UseCRLF = true
	if dialect.clocks != nil {
		rows.Comma = ';'
	}
	return &CSV{to: w, rows: rows, look: look, dialect: dialect}
}

var columns = []string{
	"id", "reference", "municipality", "team", "owner", "state", "outcome", "norm_met", "number", "number_verified",
	"language",
	"subject", "reason", "window", "made", "warn", "deadline", "mark", "closed", "priority", "repeats", "reroutes",
	"attempts", "first_attempt", "colleague", "personal", "next_attempt", "name",
}

// Write writes rows and hands them on to the writer beneath.
func (c *CSV) Write(notes []note.Note) error {
	if !c.began {
		c.began = true
		if c.dialect.clocks != nil {
			if _, err := io.WriteString(c.to, "\uFEFF"); err != nil {
				return err
			}
		}
		if err := c.rows.Write(columns); err != nil {
			return err
		}
	}
	for _, n := range notes {
		if err := c.rows.Write(c.dialect.row(n, c.look.Of(n))); err != nil {
			return err
		}
	}
	c.rows.Flush()
	return c.rows.Error()
}

// Close writes the column names when there was no note at all.
func (c *CSV) Close() error { return c.Write(nil) }

// Discard does nothing: rows were sent as they came.
func (c *CSV) Discard() {}

func (d Dialect) row(promised note.Note, n Note) []string {
	normMet, first := "", ""
	if n.NormMet != nil {
		normMet = strconv.FormatBool(*n.NormMet)
	}
	if len(n.Attempts) > 0 {
		first = d.time(n.Attempts[0].Began)
	}
	cells := []string{
		string(n.ID), string(n.Reference), string(n.Municipality), string(n.Team), string(n.Owner), string(n.State),
		string(n.Outcome),
		normMet, d.number(promised, n), strconv.FormatBool(n.Verified), n.Language, n.Subject, n.Reason, n.Window,
		d.time(n.Made),
		d.time(n.Warn), d.time(n.Deadline), string(n.Mark), d.time(n.Closed), strconv.Itoa(n.Priority),
		strconv.Itoa(n.Repeats),
		strconv.Itoa(n.Reroutes), strconv.Itoa(len(n.Attempts)), first, string(n.Colleague), string(n.Personal),
		d.time(n.NextAttempt), n.Name,
	}
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return cells
}

func (d Dialect) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if d.clocks != nil {
		return t.In(d.clocks).Format(localTime)
	}
	return t.UTC().Format(time.RFC3339)
}

// number is the number to ring. For people it is in groups, as it is dialled here: no spreadsheet takes that for a
// formula, or for a figure without its zeros.
func (d Dialect) number(promised note.Note, n Note) string {
	if d.clocks == nil || n.Masked || n.Number == "" {
		return n.Number
	}
	said := spoken(promised.Number)
	if abroad, ok := strings.CutPrefix(said, "+"); ok {
		return "00" + abroad
	}
	return said
}

// formula has the characters that begin a formula; East Asian spreadsheets take full-width and small forms too.
const formula = "=+-@＝＋－＠﹦﹢﹣﹫"

// unprosaic has those that nobody writes between words.
const unprosaic = "=＝﹦@＠﹫"

// harmless keeps a spreadsheet from running what a caller said as a formula: a cell that could begin one gets an
// apostrophe before it, which says "this is text" (OWASP, "CSV Injection"). A separator or line end within it can begin
// a cell as well, where the file is opened with other separators than it was written with.
func harmless(cell string) string {
	var b strings.Builder
	if begins(cell, blanks, formula) || strings.IndexAny(cell, "\t\r\n") == 0 {
		b.WriteByte('\'')
	}
	for i, r := range cell {
		b.WriteRune(r)
		if i == 0 && unicode.IsSpace(r) { // guarded already
			continue
		}
		if !strings.ContainsRune(";,|\t\r\n", r) {
			continue
		}
		// Behind a blank a dash is a dash: "Den Haag, - bellen".
		if rest := cell[i+utf8.RuneLen(r):]; begins(rest, `"`, formula) || begins(rest, `"`+blanks, unprosaic) {
			b.WriteByte('\'')
		}
	}
	return b.String()
}

// blanks has the spaces that may stand within a line.
const blanks = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

// begins reports whether a text begins with one of some characters, after the skipped ones and invisible marks.
func begins(text, over, with string) bool {
	text = strings.TrimLeftFunc(
		text, func(r rune) bool { return unicode.Is(unicode.Cf, r) || strings.ContainsRune(over, r) },
	)
	first, _ := utf8.DecodeRuneInString(text)
	return text != "" && strings.ContainsRune(with, first)
}
