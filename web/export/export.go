// Package export sends many notes to a browser or program, in one of the forms of package noteview.
package export

import (
	"context"
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
)

const (
	// longest bounds an export as a whole, batchLimit how long a reader may take over one batch of it.
	longest    = 10 * time.Minute
	batchLimit = 30 * time.Second
	// LongestPeriod is of closed notes in one export.
	LongestPeriod = 366 * 24 * time.Hour
)

// Notes gives notes in batches, one in memory at a time. The error says which notes cannot be read; the rest was given.
type Notes interface {
	// EachLive gives the live notes of the teams that are wanted.
	EachLive(
		ctx context.Context, m call.MunicipalityID, wanted func(call.TeamID) bool, take func([]note.Note) error,
	) error
	// EachClosed gives the closed notes that are not purged, of all teams: closed at or after from and before until.
	EachClosed(ctx context.Context, m call.MunicipalityID, from, until time.Time, take func([]note.Note) error) error
}

// Choice is what is exported: notes of teams that the visitor leads.
type Choice struct {
	Form        noteview.Form
	Look        noteview.Look
	Clocks      *time.Location // in which people of the municipality read times
	Team        call.TeamID    // empty for every team
	Closed      bool           // notes that were closed at or after From and before Until; else the live ones
	From, Until time.Time
}

// Send streams the notes of a choice. Those that can be read are sent; when some cannot, the error says which, and the
// answer has no end, so that no client takes it for the whole. The status goes out with the first batch, or at the end
// of a form that is sent as a whole: begun says whether it did, and otherwise an error can still be answered. The error
// may be noteview.ErrRows.
func Send(
	ctx context.Context, w http.ResponseWriter, from Notes, who access.Visitor, c Choice,
) (count int, begun bool, err error) {
	s := &stream{
		w: w, form: c.Form, control: http.NewResponseController(w), end: time.Now().Add(longest),
		out: c.Form.NewWriter(w, c.Look, c.Clocks),
		wanted: func(n note.Note) bool {
			return who.Over(n).AtLeast(staff.Lead) && (c.Team == "" || n.Team == c.Team)
		},
	}
	if !c.Closed {
		teams := func(team call.TeamID) bool {
			return who.In(team).AtLeast(staff.Lead) && (c.Team == "" || team == c.Team)
		}
		err = from.EachLive(ctx, who.Municipality, teams, s.take)
	} else {
		err = from.EachClosed(ctx, who.Municipality, c.From, c.Until, s.take)
	}
	if err == nil {
		err = s.close()
	} else {
		s.out.Discard()
	}
	return s.count, s.begun, err
}

// stream writes an export as it comes in.
type stream struct {
	w       http.ResponseWriter
	form    noteview.Form
	wanted  func(note.Note) bool
	control *http.ResponseController
	end     time.Time
	out     noteview.Writer
	count   int
	begun   bool
}

func (s *stream) take(notes []note.Note) error {
	var wanted []note.Note
	for _, n := range notes {
		if s.wanted(n) {
			wanted = append(wanted, n)
		}
	}
	s.count += len(wanted)
	s.lasts(batchLimit)
	if s.form.Whole {
		return s.out.Write(wanted)
	}
	s.begin()
	if err := s.out.Write(wanted); err != nil {
		return err
	}
	return s.control.Flush()
}

// lasts lets the reader take so long from now, but not beyond the end.
func (s *stream) lasts(limit time.Duration) {
	until := time.Now().Add(limit)
	if until.After(s.end) {
		until = s.end
	}
	_ = s.control.SetWriteDeadline(until) // a writer that knows none, in a test, needs none
}

// begin sends the status when it has not been sent.
func (s *stream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	header := s.w.Header()
	header.Set("Content-Type", s.form.ContentType)
	header.Set("Content-Disposition", `attachment; filename="`+s.form.File+`"`)
	s.w.WriteHeader(http.StatusOK)
}

// close sends the end. Of a form that is sent as a whole that is all: the reader has the time that is left.
func (s *stream) close() error {
	s.lasts(batchLimit)
	if s.form.Whole {
		s.lasts(longest)
	}
	s.begin()
	return s.out.Close()
}
