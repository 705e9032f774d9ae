package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/note"
)

// Problem says why a request failed. It never holds a number or a caller's words.
type Problem struct {
	httpserver.Problem

	Ver       uint64           `json:"ver,omitempty"`       // of the note now, when somebody else was first
	Legal     []note.EventKind `json:"legal,omitempty"`     // the events that are possible, when this one is not
	Colleague call.AgentID     `json:"colleague,omitempty"` // with the note, or on the telephone with the caller
	Team      call.TeamID      `json:"team,omitempty"`      // at which the caller is, or for which they are called
	Since     time.Time        `json:"since,omitzero"`      // when that began, UTC
	Until     time.Time        `json:"until,omitzero"`      // when the claim runs out, UTC

	retry     time.Duration
	challenge string
}

// Error is the detail with its code.
func (p Problem) Error() string { return p.Code + ": " + p.Detail }

func problem(status int, code, format string, args ...any) Problem {
	return Problem{Problem: httpserver.NewProblem(status, code, fmt.Sprintf(format, args...))}
}

// answerProblem sends a problem.
func answerProblem(w http.ResponseWriter, p Problem) {
	w.Header().Del("ETag")
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	httpserver.AnswerProblem(w, p.Status, p, p.retry)
}

// retryStore is how soon to ask again while the store is away.
const retryStore = 5 * time.Second

// problemOf gives the client's view of an error. A fault of ours is told in general words: the log has the rest.
func problemOf(err error) Problem {
	var (
		known     Problem
		stale     *note.StaleError
		held      *note.HeldError
		illegal   *note.IllegalError
		broken    *note.RuleError
		refused   *dialling.Refusal
		undialled *dialling.Error
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &stale):
		p := problem(
			http.StatusConflict, "stale",
			"somebody else changed the note first: it is at version %d now; look at it again", stale.Now,
		)
		p.Ver = stale.Now
		return p
	case errors.As(err, &illegal):
		p := problem(http.StatusConflict, "state", "%s", illegal)
		p.Legal, p.Colleague, p.Until = illegal.Legal, illegal.Note.Colleague, illegal.Note.Lease.UTC()
		return p
	case errors.As(err, &held):
		return problem(http.StatusConflict, "held", "%s", held)
	case errors.As(err, &broken):
		return problem(http.StatusUnprocessableEntity, "rule", "%s", broken)
	case errors.As(err, &refused):
		return problem(http.StatusUnprocessableEntity, "refused_"+string(refused.Code), "%s", refused.Text)
	case errors.As(err, &undialled) && undialled.Code != dialling.ReasonStore:
		return undial(undialled)
	case errors.Is(err, note.ErrNoNote):
		return noSuch("note")
	case errors.Is(err, note.ErrStoreDown), errors.Is(err, context.DeadlineExceeded):
		p := problem(
			http.StatusServiceUnavailable, "store",
			"the store of callback notes does not answer: the outcome is unknown, try again in a while",
		)
		p.retry = retryStore
		return p
	case errors.Is(err, note.ErrBroken):
		return problem(
			http.StatusInternalServerError, "broken",
			"its stored data cannot be read: the daemon's log says why",
		)
	}
	return problem(
		http.StatusInternalServerError, "fault", "internal error: the daemon's log says more",
	)
}

// undial is the answer for a call that is not made. It is a conflict when the caller is on the telephone already.
func undial(why *dialling.Error) Problem {
	status := http.StatusUnprocessableEntity
	switch why.Code {
	case dialling.ReasonEngaged, dialling.ReasonCallerHere:
		status = http.StatusConflict
	case dialling.ReasonExchange:
		status = http.StatusServiceUnavailable
	default: // a rule
	}
	p := problem(status, "dial_"+string(why.Code), "%s", why.Text)
	p.Colleague, p.Team, p.Since = why.Colleague, why.Team, why.Since
	if status == http.StatusServiceUnavailable {
		p.retry = retryStore
	}
	return p
}

// noSuch is the answer for a thing that does not exist, and the same for one that the token may not see.
func noSuch(what string) Problem {
	return problem(http.StatusNotFound, "not_found", "there is no such %s, or it is not yours to see", what)
}
