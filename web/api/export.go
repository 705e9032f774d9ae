package api

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/staff"
)

const (
	// exportLimit bounds an export as a whole, batchLimit how long a reader may take over one batch of it.
	exportLimit = 10 * time.Minute
	batchLimit  = 30 * time.Second
	// longestPeriod is of closed notes in one export.
	longestPeriod = 366 * 24 * time.Hour
)

// selection is what an export is asked for.
type selection struct {
	form        noteview.Form
	team        call.TeamID // empty for every team that the token sees
	from, until time.Time   // of closed notes; both zero for the live ones
}

// export streams notes: those that are live, or those that were closed in a period. Notes that can be read are sent;
// when some cannot, the answer is cut off at its end, so that no client takes it for the whole.
func (a *API) export(v *exchange) error {
	s, err := a.selected(v)
	if err != nil {
		return err
	}
	v.team, v.from, v.until = s.team, s.from, s.until
	a.audit(v, "export begins") // a daemon that ends halfway writes no second line
	wanted := func(n note.Note) bool { return v.who.Over(n).AtLeast(staff.Lead) && (s.team == "" || n.Team == s.team) }
	out := &stream{
		exchange: v, form: s.form, wanted: wanted,
		control: http.NewResponseController(v.ResponseWriter),
		end:     v.at.Add(exportLimit),
	}
	out.out = s.form.NewWriter(v.ResponseWriter, a.look(v, true), a.Directory.Clocks(v.who.Municipality))
	if s.from.IsZero() {
		teams := func(team call.TeamID) bool {
			return v.who.In(team).AtLeast(staff.Lead) && (s.team == "" || team == s.team)
		}
		err = a.Exports.EachLive(v.Context(), v.who.Municipality, teams, out.take)
	} else {
		err = a.Exports.EachClosed(v.Context(), v.who.Municipality, s.from, s.until, out.take)
	}
	if err == nil {
		err = out.close()
	} else {
		out.out.Discard()
	}
	if errors.Is(err, noteview.ErrRows) {
		return problem(http.StatusBadRequest, "query", "%s", noteview.ErrRows)
	}
	return err
}

func (a *API) selected(v *exchange) (selection, error) {
	var s selection
	if err := asked(v.Request, "format", "dialect", "team", "closed_from", "closed_until"); err != nil {
		return s, err
	}
	query := v.URL.Query()
	var err error
	if s.form, err = noteview.FormOf(cmp.Or(query.Get("format"), "jsonl"), query.Get("dialect")); err != nil {
		return s, problem(http.StatusBadRequest, "query", "%s", err)
	}
	if s.team = call.TeamID(query.Get("team")); s.team != "" {
		if err := a.teamThere(v, s.team); err != nil {
			return s, err
		}
		if !v.who.In(s.team).AtLeast(staff.Lead) {
			return s, needs(staff.Lead)
		}
	}
	from, until := query.Get("closed_from"), query.Get("closed_until")
	if from == "" && until == "" {
		return s, nil
	}
	var err2 error
	s.from, err = time.Parse(time.RFC3339, from)
	s.until, err2 = time.Parse(time.RFC3339, until)
	if err != nil || err2 != nil || !s.from.Before(s.until) || s.until.Sub(s.from) > longestPeriod {
		return s, problem(http.StatusBadRequest, "query",
			"closed_from and closed_until are times such as 2026-11-01T00:00:00Z, "+
				"the first before the second and at most 366 days")
	}
	return s, nil
}

// stream writes an export as it comes in. The status goes out with the first batch, or at the end of a form that is
// sent as a whole: until then an error can still be answered as a problem.
type stream struct {
	*exchange
	form    noteview.Form
	wanted  func(note.Note) bool
	control *http.ResponseController
	end     time.Time
	out     noteview.Writer
}

func (s *stream) take(notes []note.Note) error {
	var mine []note.Note
	for _, n := range notes {
		if s.wanted(n) {
			mine = append(mine, n)
		}
	}
	s.count += len(mine)
	s.lasts(batchLimit)
	if s.form.Whole {
		return s.out.Write(mine)
	}
	s.begin()
	if err := s.out.Write(mine); err != nil {
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
	if s.status != 0 {
		return
	}
	s.Header().Set("Content-Type", s.form.ContentType)
	s.Header().Set("Content-Disposition", `attachment; filename="`+s.form.File+`"`)
	s.WriteHeader(http.StatusOK)
}

// close sends the end. Of a form that is sent as a whole that is all: the reader has the time that is left.
func (s *stream) close() error {
	s.lasts(batchLimit)
	if s.form.Whole {
		s.lasts(exportLimit)
	}
	s.begin()
	return s.out.Close()
}
