// Package listing owns lists of notes for the people who work or look for them: pages, places in them, and names.
package listing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Query asks for live notes of teams, as one list that is due first.
type Query struct {
	Teams      []call.TeamID
	Until      time.Time // only those whose deadline is before it; zero is no bound
	Unassigned bool      // only those that nobody has claimed, and that are for nobody in person
	After      Cursor    // goes on after an earlier page; empty for the beginning
	Limit      int       // notes of a page, at least one; stores may bound it
}

// Page is a part of a list.
type Page struct {
	Notes []note.Note
	Next  Cursor // where to go on; empty when there is no more
}

// Cursor is a place in a list of live notes. Notes that come and go meanwhile move no others over it. People see it in
// addresses, so that it may hold anything until it is parsed.
type Cursor string

// ErrCursor says that a text is no cursor.
var ErrCursor = errors.New("this cursor is not one that a list gave: use that of the page before")

// At is the place of a note in a list, by its score there.
func At(score string, id note.ID) Cursor { return Cursor(score + "_" + string(id)) }

// Parts are the score and the note of a place; both empty for the beginning. The error is ErrCursor.
func (c Cursor) Parts() (score string, id note.ID, err error) {
	if c == "" {
		return "", "", nil
	}
	score, text, _ := strings.Cut(string(c), "_")
	const latest = 253402300799999 // the end of the year 9999, in milliseconds
	at, err := strconv.ParseFloat(score, 64)
	if err != nil || len(score) > 24 || strings.Trim(score, "0123456789.") != "" || at > latest || !note.IsID(text) {
		return "", "", ErrCursor
	}
	return score, note.ID(text), nil
}

// Matches reports whether a live note is one that the query asks for, wherever the list begins.
func (q Query) Matches(n note.Note) bool {
	return slices.Contains(q.Teams, n.Team) && n.State.Live() &&
		(q.Until.IsZero() || n.Deadline.Before(q.Until)) && (!q.Unassigned || n.Holder() == "")
}

// Score orders a due list: by deadline, and among notes with one deadline by priority. Whole milliseconds tell
// deadlines apart; the priority moves a note within its millisecond, never before the deadline itself.
func Score(n note.Note) string {
	const steps = note.MaxPriority + 1
	behind := steps - 1 - min(max(n.Priority, 0), note.MaxPriority)
	return strconv.FormatFloat(float64(n.Deadline.UnixMilli())+float64(behind)/steps, 'f', -1, 64)
}

// Finder finds notes for people. Errors wrap note.ErrStoreDown or note.ErrBroken; what can be read is given even when
// the error, a note.ErrIncomplete then, says that the rest is broken.
type Finder interface {
	// Page gives a part of the live notes of teams, as one list: by Score, and then by age. A page may be short, or
	// empty, and go on all the same. Error also: ErrCursor.
	Page(ctx context.Context, m call.MunicipalityID, q Query) (Page, error)
	// ByName gives at most limit notes of a name, the newest first, whatever their state: each word of the name begins
	// a word of theirs, see Words.
	ByName(ctx context.Context, m call.MunicipalityID, name string, limit int) ([]note.Note, error)
}

// Lookup finds one note, see note.Reader.
type Lookup interface {
	Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error)
	ByReference(ctx context.Context, m call.MunicipalityID, r note.Reference) (note.Note, error)
}

// Named gives the note that people name by its reference, or programs by its id in capitals or small letters. The error
// wraps note.ErrReference when the name is neither, or is that of the lookup.
func Named(ctx context.Context, in Lookup, m call.MunicipalityID, name string) (note.Note, error) {
	if id := strings.ToUpper(name); note.IsID(id) {
		return in.Note(ctx, m, note.ID(id))
	}
	reference, err := note.ParseReference(name)
	if err != nil {
		return note.Note{}, fmt.Errorf("%w; a note is named by its reference or its id", err)
	}
	return in.ByReference(ctx, m, reference)
}
