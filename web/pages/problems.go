package pages

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

// problem is what a person is told when something cannot be done.
type problem struct {
	status int
	text   string // in their language
	field  string // of the form that is at fault; empty for none
}

// Error is the text.
func (p *problem) Error() string { return p.text }

// The errors that need no words of their own.
var (
	errRole = errors.New("the role is too low")
	errGone = errors.New("there is no such page")
)

// wrongField is a mistake in a form.
func (v *visit) wrongField(field, name string, values ...any) *problem {
	return &problem{http.StatusUnprocessableEntity, v.say(name, values...), field}
}

// problemOf puts an error into words. A fault of ours is told in general words: the log has the rest.
func (v *visit) problemOf(err error) *problem {
	var (
		known     *problem
		stale     *note.StaleError
		held      *note.HeldError
		illegal   *note.IllegalError
		broken    *note.RuleError
		refused   *dialling.Refusal
		undialled *dialling.Error
		tooLong   *http.MaxBytesError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errRole):
		return &problem{http.StatusForbidden, v.say("err.role"), ""}
	case errors.Is(err, errGone), errors.Is(err, note.ErrNoNote):
		return &problem{http.StatusNotFound, v.say("err.404text"), ""}
	case errors.As(err, &tooLong):
		return &problem{http.StatusRequestEntityTooLarge, v.say("err.413text"), ""}
	case errors.As(err, &stale), errors.As(err, &held):
		return &problem{http.StatusConflict, v.say("err.stale"), ""}
	case errors.As(err, &illegal):
		return &problem{http.StatusConflict, v.say("err.state", v.standing(illegal.Note)), ""}
	case errors.As(err, &broken):
		return &problem{http.StatusUnprocessableEntity, v.rule(broken), ""}
	case errors.As(err, &refused):
		return v.refused(refused)
	case errors.As(err, &undialled):
		return v.undialled(undialled)
	case errors.Is(err, turns.ErrMany):
		return &problem{http.StatusTooManyRequests, v.say("err.429text"), ""}
	case errors.Is(err, note.ErrStoreDown), errors.Is(err, context.DeadlineExceeded):
		return &problem{http.StatusServiceUnavailable, v.say("err.503text"), ""}
	}
	return &problem{http.StatusInternalServerError, v.say("err.500text"), ""}
}

// rule puts a broken rule of notes into words.
func (v *visit) rule(e *note.RuleError) string {
	switch outcome := note.Outcome(v.FormValue("outcome")); {
	case e.Event == note.EventResolved && outcome == note.Unreached:
		return v.say("err.tries")
	case e.Event == note.EventResolved && outcome == note.Reached:
		return v.say("err.unspoken")
	case e.Event == note.EventReopened:
		return v.say("err.again")
	case e.Event == note.EventRerouted:
		return v.say("err.same")
	}
	return v.say("err.rule")
}

// refused puts the refusal of a request into words, at the field that is at fault.
func (v *visit) refused(r *dialling.Refusal) *problem {
	field := "number"
	switch r.Code {
	case dialling.CodeTeam:
		field = "team"
	case dialling.CodeRequest, dialling.CodeDayLimit:
		field = ""
	default: // the number
	}
	return v.wrongField(field, "refused."+string(r.Code))
}

// undialled says why nobody is rung.
func (v *visit) undialled(e *dialling.Error) *problem {
	status := http.StatusUnprocessableEntity
	text := v.say("dial." + string(e.Code))
	switch e.Code {
	case dialling.ReasonEngaged:
		status = http.StatusConflict
		text = v.say("dial.engagedother")
		if e.Colleague != "" {
			text = v.say("dial.engaged", v.colleague(e.Colleague), v.when(e.Since))
		}
	case dialling.ReasonCallerHere:
		status = http.StatusConflict
	case dialling.ReasonExchange, dialling.ReasonStore:
		status = http.StatusServiceUnavailable
	default: // a rule
	}
	return &problem{status, text, ""}
}

// fail shows a problem on a page of its own, with what was typed.
func (v *visit) fail(err error) {
	if errors.Is(v.Context().Err(), context.Canceled) { // the browser went away: nobody reads an answer
		return
	}
	p := v.problemOf(err)
	if p.status >= http.StatusInternalServerError {
		v.pages.Log.Error("a page could not be made", "person", v.who.Name, "status", p.status, "err", err)
	}
	v.showProblem(p)
}

func (v *visit) showProblem(p *problem) {
	v.status = p.status
	if p.status == http.StatusServiceUnavailable {
		v.ResponseWriter.Header().Set("Retry-After", "30")
	}
	if err := v.render(v.problemPage(p)); err != nil {
		v.pages.Log.Error("a page could not be made", "err", err)
	}
}

// Problem shows the page for a status: for requests that other handlers refuse, such as one from another website.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, status int) {
	v := p.visit(w, r)
	text := map[int]string{
		http.StatusNotFound: "err.404text", http.StatusForbidden: "err.cross",
		http.StatusMethodNotAllowed:      "err.405text",
		http.StatusRequestEntityTooLarge: "err.413text", http.StatusServiceUnavailable: "err.503text",
	}[status]
	if text == "" {
		text = "err.500text"
	}
	v.showProblem(&problem{status, v.say(text), ""})
}

// heading names the kind of a problem.
func (v *visit) heading(status int) string {
	switch status {
	case http.StatusNotFound:
		return v.say("err.404")
	case http.StatusForbidden:
		return v.say("err.403")
	case http.StatusConflict:
		return v.say("err.409")
	case http.StatusServiceUnavailable:
		return v.say("err.503")
	case http.StatusMethodNotAllowed:
		return v.say("err.405")
	case http.StatusRequestEntityTooLarge:
		return v.say("err.413")
	case http.StatusTooManyRequests:
		return v.say("err.429")
	case http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusRequestTimeout:
		return v.say("err.title")
	}
	return v.say("err.500")
}

// field is a value of a form that is sent again.
type field struct{ Name, Value string }

// typed lists what a form sent, so that it can be sent again: nothing that somebody typed is lost.
func (v *visit) typed() []field {
	var all []field
	if v.Method != http.MethodPost {
		return nil
	}
	for name, values := range v.PostForm {
		for _, value := range values {
			all = append(all, field{name, value})
		}
	}
	slices.SortFunc(all, func(a, b field) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// local is an address of ours without anything that leads elsewhere.
func local(u *url.URL) string {
	if u.RawQuery == "" {
		return u.Path
	}
	return u.Path + "?" + u.RawQuery
}
