package noteview

import (
	"encoding/json"
	"io"

	"github.com/bereikbaar/bereikbaar/note"
)

// Lines writes notes as JSON, one on a line.
type Lines struct {
	encoder *json.Encoder
	look    Look
}

// NewLines writes to w.
func NewLines(w io.Writer, look Look) *Lines {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &Lines{encoder, look}
}

// Write writes a line for each note.
func (l *Lines) Write(notes []note.Note) error {
	for _, n := range notes {
		if err := l.encoder.Encode(l.look.Of(n)); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing: lines need no end.
func (l *Lines) Close() error { return nil }

// Discard does nothing: lines were sent as they came.
func (l *Lines) Discard() {}
