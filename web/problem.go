package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
)

// Problem is why a request was not done, as application/problem+json (RFC 9457). Its type is about:blank: the status
// says what kind it is, Code says it to a program, Detail to a person. It never holds a number or what a caller said.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"` // the words of the status
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`

	Ver       uint64           `json:"ver,omitempty"`       // of the note now, when somebody else was first
	Legal     []note.EventKind `json:"legal,omitempty"`     // the events that are possible, when this one is not
	Colleague call.AgentID     `json:"colleague,omitempty"` // who has the note, or talks with the caller
	Team      call.TeamID      `json:"team,omitempty"`      // at which the caller is, or for which they are called
	Since     time.Time        `json:"since,omitzero"`      // when that began, UTC
	Until     time.Time        `json:"until,omitzero"`      // when the claim runs out, UTC

	retry     time.Duration
	challenge string
}

// Error is the detail with its code.
func (p Problem) Error() string { return p.Code + ": " + p.Detail }

func problem(status int, code, format string, args ...any) Problem {
	return Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code,
		Detail: fmt.Sprintf(format, args...),
	}
}

// answerProblem sends a problem.
func answerProblem(w http.ResponseWriter, p Problem) {
	text, _ := json.Marshal(p) // texts and numbers can always be written
	header := w.Header()
	header.Del("ETag")
	header.Set("Content-Type", "application/problem+json")
	if p.retry > 0 {
		header.Set("Retry-After", strconv.Itoa(int(p.retry.Seconds())))
	}
	if p.challenge != "" {
		header.Set("WWW-Authenticate", p.challenge)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(text, '\n')) // a reader that is gone has nobody to be told to
}

// retryStore is when it makes sense to ask again while the store is away.
const retryStore = 5 * time.Second

// problemOf says what an error means to who asked. What is not his doing is told in general words: the log has the
// rest.
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
			"the store of callback notes does not answer: nothing is certain, try again in a while",
		)
		p.retry = retryStore
		return p
	case errors.Is(err, note.ErrBroken):
		return problem(
			http.StatusInternalServerError, "broken",
			"what is stored of it cannot be read: the log of the daemon says what is wrong",
		)
	}
	return problem(
		http.StatusInternalServerError, "fault", "something went wrong here: the log of the daemon says what",
	)
}

// undial is the answer to whoever asks for a call that is not made. Somebody was first where the caller is on the
// telephone already.
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

// noSuch is the answer for what does not exist, and alike for what may not be seen.
func noSuch(what string) Problem {
	return problem(http.StatusNotFound, "not_found", "there is no such %s, or it is not yours to see", what)
}
