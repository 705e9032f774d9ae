package api

import (
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// absence is whether a colleague is absent, and since when.
type absence struct {
	Absent bool       `json:"absent"`
	Since  *time.Time `json:"since,omitempty"`
	By     note.Actor `json:"by,omitempty"`
}

// released is how many notes went back to their teams.
type released struct {
	Released int `json:"released"`
}

func (a *API) setAbsent(v *exchange) error {
	colleague, err := a.colleagueAsked(v)
	if err != nil {
		return err
	}
	count, err := a.Work.Absent(v.Context(), v.who.Municipality, colleague, note.ByAgent(v.who.Agent), v.at)
	v.count = count
	if err != nil {
		return err
	}
	return v.answer(http.StatusOK, released{count})
}

func (a *API) setPresent(v *exchange) error {
	colleague, err := a.colleagueAsked(v)
	if err != nil {
		return err
	}
	if err := a.Work.Present(v.Context(), v.who.Municipality, colleague, note.ByAgent(v.who.Agent)); err != nil {
		return err
	}
	return v.answer(http.StatusOK, absence{})
}

func (a *API) isAbsent(v *exchange) error {
	colleague, err := a.colleagueAsked(v)
	if err != nil {
		return err
	}
	away, absent, err := a.Work.Absence(v.Context(), v.who.Municipality, colleague)
	if err != nil {
		return err
	}
	if !absent {
		return v.answer(http.StatusOK, absence{})
	}
	return v.answer(http.StatusOK, absence{true, &away.Since, away.By})
}

// colleagueAsked is the colleague whose presence a request is about, when the token may see and change it.
func (a *API) colleagueAsked(v *exchange) (call.AgentID, error) {
	if err := asked(v.Request); err != nil {
		return "", err
	}
	if _, err := body[none](v); err != nil {
		return "", err
	}
	colleague := call.AgentID(v.PathValue("colleague"))
	if !a.answersFor(v, colleague) {
		return "", noSuch("colleague")
	}
	return colleague, nil
}
