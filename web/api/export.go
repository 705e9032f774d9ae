package api

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/export"
)

// export streams notes: those that are live, or those that were closed in a period, see export.Send.
func (a *API) export(v *exchange) error {
	c, err := a.selected(v)
	if err != nil {
		return err
	}
	v.team, v.from, v.until = c.Team, c.From, c.Until
	a.audit(v, "export begins") // a daemon that ends halfway writes no second line
	c.Look, c.Clocks = a.look(v, true), a.Directory.Clocks(v.who.Municipality)
	v.count, _, err = export.Send(v.Context(), v.response, a.Exports, v.who, c)
	if errors.Is(err, noteview.ErrRows) {
		return problem(http.StatusBadRequest, "query", "%s", noteview.ErrRows)
	}
	return err
}

func (a *API) selected(v *exchange) (export.Choice, error) {
	var s export.Choice
	if err := asked(v.Request, "format", "dialect", "team", "closed_from", "closed_until"); err != nil {
		return s, err
	}
	query := v.URL.Query()
	var err error
	if s.Form, err = noteview.FormOf(cmp.Or(query.Get("format"), "jsonl"), query.Get("dialect")); err != nil {
		return s, problem(http.StatusBadRequest, "query", "%s", err)
	}
	if s.Team = call.TeamID(query.Get("team")); s.Team != "" {
		if err := a.teamThere(v, s.Team); err != nil {
			return s, err
		}
		if !v.who.In(s.Team).AtLeast(staff.Lead) {
			return s, needs(staff.Lead)
		}
	}
	from, until := query.Get("closed_from"), query.Get("closed_until")
	if from == "" && until == "" {
		return s, nil
	}
	s.Closed = true
	var err2 error
	s.From, err = time.Parse(time.RFC3339, from)
	s.Until, err2 = time.Parse(time.RFC3339, until)
	if err != nil || err2 != nil || !s.From.Before(s.Until) || s.Until.Sub(s.From) > export.LongestPeriod {
		return s, problem(http.StatusBadRequest, "query",
			"closed_from and closed_until are times such as 2026-11-01T00:00:00Z, "+
				"the first before the second and at most 366 days")
	}
	return s, nil
}
