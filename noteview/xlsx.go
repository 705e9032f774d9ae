package noteview

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/xuri/excelize/v2"

	"github.com/bereikbaar/bereikbaar/note"
)

// sheet is the name of the one sheet of a workbook.
const sheet = "Terugbelnotities"

// XLSX writes notes as a workbook for a spreadsheet: the columns of CSV, with times of day as times and counts as
// numbers. Everything that people wrote is text, whatever it begins with. Nothing is sent before Close: a workbook has
// its parts in an order of its own.
type XLSX struct {
	to      io.Writer
	look    Look
	dialect Dialect
	book    *excelize.File
	rows    *excelize.StreamWriter
	style   int // of a time
	next    int // row, from 1
	most    int // notes
	err     error
}

// NewXLSX writes to w, with the municipality's times of day. Close or discard it: it may hold a file.
func NewXLSX(w io.Writer, look Look, clocks *time.Location) *XLSX {
	x := &XLSX{to: w, look: look, dialect: ForPeople(clocks), book: excelize.NewFile(), next: 1, most: mostRows}
	x.err = x.begin()
	return x
}

func (x *XLSX) begin() error {
	if err := x.book.SetSheetName("Sheet1", sheet); err != nil {
		return err
	}
	format := "yyyy-mm-dd hh:mm:ss"
	var err error
	if x.style, err = x.book.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
		return err
	}
	bold, err := x.book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	if x.rows, err = x.book.NewStreamWriter(sheet); err != nil {
		return err
	}
	if err := x.rows.SetColWidth(1, len(columns), 20); err != nil {
		return err
	}
	if err := x.rows.SetPanes(&excelize.Panes{
		Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
	}); err != nil {
		return err
	}
	head := make([]any, len(columns))
	for i, name := range columns {
		head[i] = excelize.Cell{StyleID: bold, Value: name}
	}
	return x.row(head)
}

// mostRows bounds the notes of a workbook. It is made as a whole, and calls need the processor and the memory.
const mostRows = 100_000

// ErrRows is returned for more notes than a workbook holds.
var ErrRows = fmt.Errorf("a workbook holds at most %d notes: ask for a shorter period, or for csv", mostRows)

func (x *XLSX) row(cells []any) error {
	if x.next > x.most+1 { // with the names of the columns
		return ErrRows
	}
	at, err := excelize.CoordinatesToCellName(1, x.next)
	if err != nil {
		return err
	}
	x.next++
	return x.rows.SetRow(at, cells)
}

// Write adds rows.
func (x *XLSX) Write(notes []note.Note) error {
	for _, n := range notes {
		if x.err != nil {
			break
		}
		x.err = x.row(x.cells(n, x.look.Of(n)))
	}
	return x.failed()
}

// cells are those of a row, in the order of columns.
func (x *XLSX) cells(promised note.Note, n Note) []any {
	text := func(s string) any { return legible(s) }
	at := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		// A cell has no zone: it gets the time that the clock on the wall shows.
		t = t.In(x.dialect.clocks)
		wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
		return excelize.Cell{StyleID: x.style, Value: wall}
	}
	var normMet, first any
	if n.NormMet != nil {
		normMet = *n.NormMet
	}
	if len(n.Attempts) > 0 {
		first = at(n.Attempts[0].Began)
	}
	return []any{
		text(string(n.ID)), text(string(n.Reference)), text(string(n.Municipality)), text(string(n.Team)),
		text(string(n.Owner)), text(string(n.State)), text(string(n.Outcome)), normMet,
		text(x.dialect.number(promised, n)), n.Verified, text(n.Language), text(n.Subject), text(n.Reason),
		text(n.Window), at(n.Made), at(n.Warn), at(n.Deadline), text(string(n.Mark)), at(n.Closed), n.Priority,
		n.Repeats, n.Reroutes, len(n.Attempts), first, text(string(n.Colleague)), text(string(n.Personal)),
		at(n.NextAttempt), text(n.Name),
	}
}

// legible drops what XML cannot hold: a spreadsheet would call the whole file damaged.
func legible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r == '\ufffe' || r == '\uffff' {
			return -1
		}
		return r
	}, s)
}

// Discard drops the workbook without sending it.
func (x *XLSX) Discard() { _ = x.book.Close() } // it removes a file of its own, and there is nothing else to do

// Close sends the workbook, unless something went wrong before.
func (x *XLSX) Close() error {
	defer x.Discard()
	if x.err == nil {
		x.err = x.rows.Flush()
	}
	if x.err == nil {
		_, x.err = x.book.WriteTo(x.to)
	}
	return x.failed()
}

func (x *XLSX) failed() error {
	if x.err != nil {
		return fmt.Errorf("write the workbook: %w", x.err)
	}
	return nil
}
