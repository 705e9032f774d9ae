package noteview

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/callback"
)

// csvTime is how a time stands in a cell: RFC 3339 in UTC.
const csvTime = time.RFC3339

// CSV writes notes as rows, after a row of column names (RFC 4180). Close it when all are written.
type CSV struct {
	rows  *csv.Writer
	look  Look
	began bool
}

// NewCSV writes to w.
func NewCSV(w io.Writer, look Look) *CSV {
	rows := csv.NewWriter(w)
	rows.UseCRLF = true
	return &CSV{rows: rows, look: look}
}

var columns = []string{
	"id", "reference", "municipality", "team", "owner", "state", "outcome", "norm_met", "number", "number_verified", "language",
	"subject", "reason", "window", "made", "warn", "deadline", "mark", "closed", "priority", "repeats", "reroutes",
	"attempts", "first_attempt", "colleague", "personal", "next_attempt",
}

// Write writes rows and hands them on to the writer beneath.
func (c *CSV) Write(notes []callback.Note) error {
	if !c.began {
		c.began = true
		if err := c.rows.Write(columns); err != nil {
			return err
		}
	}
	for _, n := range notes {
		if err := c.rows.Write(row(c.look.Of(n))); err != nil {
			return err
		}
	}
	c.rows.Flush()
	return c.rows.Error()
}

// Close writes the column names when there was no note at all.
func (c *CSV) Close() error { return c.Write(nil) }

func row(n Note) []string {
	normMet, first := "", ""
	if n.NormMet != nil {
		normMet = strconv.FormatBool(*n.NormMet)
	}
	if len(n.Attempts) > 0 {
		first = cellTime(n.Attempts[0].Began)
	}
	cells := []string{
		string(n.ID), string(n.Reference), string(n.Municipality), string(n.Team), string(n.Owner), string(n.State), string(n.Outcome),
		normMet, n.Number, strconv.FormatBool(n.Verified), n.Language, n.Subject, n.Reason, n.Window, cellTime(n.Made),
		cellTime(n.Warn), cellTime(n.Deadline), string(n.Mark), cellTime(n.Closed), strconv.Itoa(n.Priority), strconv.Itoa(n.Repeats),
		strconv.Itoa(n.Reroutes), strconv.Itoa(len(n.Attempts)), first, string(n.Colleague), string(n.Personal),
		cellTime(n.NextAttempt),
	}
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return cells
}

func cellTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(csvTime)
}

// harmless keeps a spreadsheet from running what a caller said as a formula: a cell that could begin one gets an apostrophe
// before it, which spreadsheets read as "this is text" (OWASP, "CSV Injection"). A number in international form is one.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
