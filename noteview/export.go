package noteview

import (
	"errors"
	"io"
	"time"

	"github.com/bereikbaar/bereikbaar/note"
)

// Writer writes notes as they are exported.
type Writer interface {
	Write(notes []note.Note) error
	Close() error
	Discard() // in place of Close, when not all notes were written
}

// Form is a form in which notes are exported, see FormOf.
type Form struct {
	ContentType string
	File        string // name of a file
	Whole       bool   // nothing is sent before Close
	open        func(w io.Writer, look Look, clocks *time.Location) Writer
}

// The reasons why there is no form.
var (
	ErrForm    = errors.New("format is csv, xlsx or jsonl")
	ErrDialect = errors.New("dialect is excel or rfc4180, of format=csv")
)

// FormOf gives the form of a name (csv, xlsx or jsonl) and, of CSV, a dialect (excel or rfc4180). An empty dialect is
// excel. The error is ErrForm or ErrDialect.
func FormOf(name, dialect string) (Form, error) {
	const file = "terugbelnotities."
	switch {
	case name == "xlsx" && dialect == "":
		const kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		return Form{kind, file + name, true, func(w io.Writer, look Look, clocks *time.Location) Writer {
			return NewXLSX(w, look, clocks)
		}}, nil
	case name == "jsonl" && dialect == "":
		return Form{"application/jsonl", file + name, false, func(w io.Writer, look Look, _ *time.Location) Writer {
			return NewLines(w, look)
		}}, nil
	case name == "xlsx", name == "jsonl":
		return Form{}, ErrDialect
	case name != "csv":
		return Form{}, ErrForm
	}
	const kind = "text/csv; charset=utf-8; header=present"
	switch dialect {
	case "", "excel":
		return Form{kind, file + name, false, func(w io.Writer, look Look, clocks *time.Location) Writer {
			return NewCSV(w, look, ForPeople(clocks))
		}}, nil
	case "rfc4180":
		return Form{kind, file + name, false, func(w io.Writer, look Look, _ *time.Location) Writer {
			return NewCSV(w, look, ForPrograms())
		}}, nil
	}
	return Form{}, ErrDialect
}

// NewWriter writes notes to w, with the municipality's times of day where people read them. Close or discard it.
func (f Form) NewWriter(w io.Writer, look Look, clocks *time.Location) Writer {
	return f.open(w, look, clocks)
}
