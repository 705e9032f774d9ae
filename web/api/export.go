package api

import (
	"io"
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

// writer is a form in which notes are exported.
type writer interface {
	Write(notes []note.Note) error
	Close() error
	Discard() // in place of Close, when not all notes were written
}

// selection is what an export is asked for.
type selection struct {
	csv, xlsx   bool
	programs    bool        // as CSV for programs
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
		exchange: v, csv: s.csv, xlsx: s.xlsx, clocks: a.Directory.Clocks(v.who.Municipality),
		dialect: noteview.ForPeople(a.Directory.Clocks(v.who.Municipality)),
		look:    a.look(v, true), wanted: wanted,
		control: http.NewResponseController(v.ResponseWriter),
		end:     v.at.Add(exportLimit),
	}
	if s.programs {
		out.dialect = noteview.ForPrograms()
	}
	if s.from.IsZero() {
		teams := func(team call.TeamID) bool {
			return v.who.In(team).AtLeast(staff.Lead) && (s.team == "" || team == s.team)
		}
		err = a.Exports.EachLive(v.Context(), v.who.Municipality, teams, out.take)
	} else {
		err = a.Exports.EachClosed(v.Context(), v.who.Municipality, s.from, s.until, out.take)
	}
	if err != nil {
		out.discard()
		return err
	}
	return out.close()
}

func (a *API) selected(v *exchange) (selection, error) {
	var s selection
	if err := asked(v.Request, "format", "dialect", "team", "closed_from", "closed_until"); err != nil {
		return s, err
	}
	query := v.URL.Query()
	switch format := query.Get("format"); format {
	case "csv":
		s.csv = true
	case "xlsx":
		s.xlsx = true
	case "", "jsonl":
	default:
		return s, problem(http.StatusBadRequest, "query", "format is csv, xlsx or jsonl")
	}
	switch dialect := query.Get("dialect"); {
	case dialect == "rfc4180" && s.csv:
		s.programs = true
	case dialect != "" && (dialect != "excel" || !s.csv):
		return s, problem(http.StatusBadRequest, "query", "dialect is excel or rfc4180, of format=csv")
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
	var err, err2 error
	s.from, err = time.Parse(time.RFC3339, from)
	s.until, err2 = time.Parse(time.RFC3339, until)
	if err != nil || err2 != nil || !s.from.Before(s.until) || s.until.Sub(s.from) > longestPeriod {
		return s, problem(http.StatusBadRequest, "query",
			"closed_from and closed_until are times such as 2026-11-01T00:00:00Z, "+
				"the first before the second and at most 366 days")
	}
	return s, nil
}

// stream writes an export as it comes in. The status goes out with the first batch: until then an error can still be
// answered as a problem.
type stream struct {
	*exchange
	csv     bool
	xlsx    bool
	clocks  *time.Location
	dialect noteview.Dialect
	look    noteview.Look
	wanted  func(note.Note) bool
	control *http.ResponseController
	end     time.Time
	out     writer
}

func (s *stream) take(notes []note.Note) error {
	var mine []note.Note
	for _, n := range notes {
		if s.wanted(n) {
			mine = append(mine, n)
		}
	}
	s.start()
	s.count += len(mine)
	deadline := time.Now().Add(batchLimit)
	if deadline.After(s.end) {
		deadline = s.end
	}
	_ = s.control.SetWriteDeadline(deadline) // a writer that knows none, in a test, needs none
	if err := s.out.Write(mine); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s *stream) start() {
	if s.out != nil {
		return
	}
	kind, name := "application/jsonl", "terugbelnotities.jsonl"
	var to io.Writer = s.ResponseWriter
	switch {
	case s.xlsx:
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		name = "terugbelnotities.xlsx"
		s.out = noteview.NewXLSX(to, s.look, s.clocks)
	case s.csv:
		kind, name = "text/csv; charset=utf-8; header=present", "terugbelnotities.csv"
		s.out = noteview.NewCSV(to, s.look, s.dialect)
	default:
		s.out = noteview.NewLines(to, s.look)
	}
	s.Header().Set("Content-Type", kind)
	s.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	s.WriteHeader(http.StatusOK)
}

func (s *stream) discard() {
	if s.out != nil {
		s.out.Discard()
	}
}

func (s *stream) close() error {
	s.start()
	return s.out.Close()
}
