package noteview

import (
	"encoding/json"
	"io"

	"github.com/bereikbaar/bereikbaar/callback"
)

// Lines writes notes as JSON, one on a line.
type Lines struct {
	encoder *json.Encoder
	digits  bool
}

// NewLines writes to w. Without digits numbers are masked.
func NewLines(w io.Writer, digits bool) *Lines {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &Lines{encoder, digits}
}

// Write writes a line for each note.
func (l *Lines) Write(notes []callback.Note) error {
	for _, n := range notes {
		if err := l.encoder.Encode(Of(n, l.digits)); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing: lines need no end.
func (l *Lines) Close() error { return nil }
