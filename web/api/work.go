package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/access"
)

// changing makes a handler of a change: the client names the version that they saw, and the token sees the note and may
// do this with it.
func changing[B any](
	a *API, may func(access.Visitor, note.Note) error, act func(*exchange, callback.Step, B) (note.Note, error),
) func(*exchange) error {
	return func(v *exchange) error {
		if err := asked(v.Request); err != nil {
			return err
		}
		ver, err := version(v.Request)
		if err != nil {
			return err
		}
		b, err := body[B](v)
		if err != nil {
			return err
		}
		n, err := a.find(v)
		if err != nil {
			return err
		}
		told := n.In(a.Directory.Clocks(n.Municipality))
		if n.Ver != ver { // before any rule: it is about a note that they have not seen
			return stale(told)
		}
		if !v.who.Over(n).AtLeast(v.least) {
			return needs(v.least)
		}
		if err := may(v.who, told); err != nil {
			return err
		}
		step := callback.Step{
			Municipality: n.Municipality, Note: n.ID, Ver: ver, Who: note.ByAgent(v.who.Agent), At: v.at,
		}
		after, err := act(v, step, b)
		if err != nil {
			return err
		}
		v.tag(after)
		return v.answer(http.StatusOK, a.view(v, after))
	}
}

// stale is the answer to a client that saw an older version of the note: it says how the note stands now.
func stale(n note.Note) Problem {
	p := problem(http.StatusConflict, "stale",
		"somebody else changed the note first: it is at version %d now, and %s; look at it again", n.Ver, n.Standing())
	p.Ver, p.Colleague, p.Until = n.Ver, n.Colleague, n.Lease.UTC()
	return p
}

// anyone leaves the rules to the note itself.
func anyone(access.Visitor, note.Note) error { return nil }

// holderOrLead keeps a note with its holder, unless a team lead decides. A note without a holder is for the whole team.
func holderOrLead(v access.Visitor, n note.Note) error {
	if !v.MayMove(n) {
		return problem(http.StatusForbidden, "not_yours",
			"%s has it (%s): only they or a team lead can do this", n.Holder(), n.Standing())
	}
	return nil
}

// claimer allows a call to the colleague with the claim only: their phone is rung.
func claimer(v access.Visitor, n note.Note) error {
	if !v.MayCall(n) {
		if n.State == note.Calling && n.Colleague == v.Agent {
			return problem(http.StatusConflict, "not_claimed", "%s: say first what came of it", n.Standing())
		}
		return problem(
			http.StatusConflict, "not_claimed", "%s: only the colleague with the claim is put through", n.Standing(),
		)
	}
	return nil
}

// none is the body of a request without fields.
type none struct{}

// because is the body of a request with an optional reason.
type because struct {
	Reason string `json:"reason"`
}

func (a *API) claim(v *exchange, s callback.Step, _ none) (note.Note, error) {
	return a.Work.Claim(v.Context(), s)
}

func (a *API) renew(v *exchange, s callback.Step, _ none) (note.Note, error) {
	return a.Work.Renew(v.Context(), s)
}

func (a *API) release(v *exchange, s callback.Step, b because) (note.Note, error) {
	return a.Work.Release(v.Context(), s, b.Reason)
}

type rerouting struct {
	Team   call.TeamID `json:"team"`
	Reason string      `json:"reason"`
}

func (a *API) reroute(v *exchange, s callback.Step, b rerouting) (note.Note, error) {
	if !a.Directory.HasTeam(s.Municipality, b.Team) {
		return note.Note{}, problem(
			http.StatusUnprocessableEntity, "team", "say whose it is: name a team of the municipality",
		)
	}
	return a.Work.Reroute(v.Context(), s, b.Team, b.Reason)
}

// callBack gives the note as it is: the attempt is made when the colleague has answered their phone.
func (a *API) callBack(v *exchange, s callback.Step, _ none) (note.Note, error) {
	n, err := a.Reader.Note(v.Context(), s.Municipality, s.Note)
	if err != nil {
		return note.Note{}, err
	}
	if n.Ver != s.Ver { // another may have it by now: their phone would ring
		return note.Note{}, &note.StaleError{Note: n.ID, Saw: s.Ver, Now: n.Ver}
	}
	return n, a.Phone.CallBack(n)
}

type attemptStart struct {
	Call call.ID `json:"call"`
}

func (a *API) startAttempt(v *exchange, s callback.Step, b attemptStart) (note.Note, error) {
	if len(b.Call) > maxName {
		return note.Note{}, problem(http.StatusUnprocessableEntity, "call", "the id of the call is too long")
	}
	n, err := a.Reader.Note(v.Context(), s.Municipality, s.Note)
	if err != nil {
		return note.Note{}, err
	}
	if err := a.Phone.Check(n); err != nil {
		return note.Note{}, err
	}
	return a.Work.StartAttempt(v.Context(), s, b.Call)
}

// attemptEnd has no line result: only a call that we dialled has one, see attempt.Attempt.
type attemptEnd struct {
	Result attempt.Result `json:"result"`
}

func (a *API) endAttempt(v *exchange, s callback.Step, b attemptEnd) (note.Note, error) {
	return a.Work.EndAttempt(v.Context(), s, attempt.LineUnknown, 0, b.Result)
}

func (a *API) raise(v *exchange, s callback.Step, b because) (note.Note, error) {
	return a.Work.Raise(v.Context(), s, b.Reason)
}

type comment struct {
	Text string `json:"text"`
}

func (a *API) comment(v *exchange, s callback.Step, b comment) (note.Note, error) {
	return a.Work.Comment(v.Context(), s, b.Text)
}

type resolving struct {
	Outcome note.Outcome `json:"outcome"`
	Reason  string       `json:"reason"`
}

func (a *API) resolve(v *exchange, s callback.Step, b resolving) (note.Note, error) {
	if b.Outcome != note.Settled {
		return a.Work.Resolve(v.Context(), s, b.Outcome, b.Reason)
	}
	n, err := a.Reader.Note(v.Context(), v.who.Municipality, s.Note)
	if err != nil {
		return n, err
	}
	return a.Work.Settle(v.Context(), s, a.Phone.CallAbout(v.who.Agent, n.Reference), b.Reason)
}

func (a *API) cancel(v *exchange, s callback.Step, b because) (note.Note, error) {
	return a.Work.Cancel(v.Context(), s, b.Reason)
}

func (a *API) reopen(v *exchange, s callback.Step, b because) (note.Note, error) {
	return a.Work.Reopen(v.Context(), s, b.Reason)
}

// promising is a note that an agent makes on a caller's behalf.
type promising struct {
	Team     call.TeamID  `json:"team"`
	Number   string       `json:"number"`   // any way to write it
	Verified bool         `json:"verified"` // it is the one that the caller's own line showed
	Language string       `json:"language"`
	Name     string       `json:"name"` // of the person to ask for
	Subject  string       `json:"subject"`
	Reason   string       `json:"reason"`
	Personal call.AgentID `json:"personal"`
	Window   string       `json:"window"` // such as 09:00-12:00
	Call     call.ID      `json:"call"`
	Separate bool         `json:"separate"` // for another person or matter than the existing notes
}

// receipt is what may be told to the caller, and no more: another team may have the note already.
type receipt struct {
	ID        note.ID        `json:"id"`
	Reference note.Reference `json:"reference"`
	Team      call.TeamID    `json:"team"`
	State     note.State     `json:"state"`
	Made      time.Time      `json:"made"`
	Deadline  time.Time      `json:"deadline"`
	Repeats   int            `json:"repeats"`
}

const (
	maxName        = 64
	maxIdempotency = 100
)

func (a *API) promise(v *exchange) error {
	if err := asked(v.Request); err != nil {
		return err
	}
	key := v.Request.Header.Get("Idempotency-Key")
	if key == "" || len(key) > maxIdempotency || strings.ContainsFunc(
		key, func(c rune) bool { return c <= ' ' || c > '~' || c == '/' },
	) {
		return problem(http.StatusBadRequest, "idempotency_key",
			"send an Idempotency-Key of your own, 1 to %d characters of ASCII without blanks and slashes: "+
				"sent again with it, the request makes no second note", maxIdempotency)
	}
	b, err := body[promising](v)
	if err != nil {
		return err
	}
	request, err := a.request(v, b)
	if err != nil {
		return err
	}
	request.Key = note.Key("api/" + string(v.who.Agent) + "/" + key)
	n, how, err := a.Promises.Promise(v.Context(), request)
	if err != nil {
		return err
	}
	if how == callback.Reused {
		return problem(http.StatusUnprocessableEntity, "idempotency_key",
			"this Idempotency-Key was used before, for another request: nothing was promised now, "+
				"draw a fresh one for each request")
	}
	v.notes = append(v.notes, n.ID)
	status := http.StatusCreated // also for a repeat with the same key: it gets the first answer
	if how == callback.Merged {
		status = http.StatusOK
	}
	v.tag(n)
	v.Header().Set("Location", "/api/notes/"+string(n.ID))
	return v.answer(status, receipt{
		n.ID, n.Reference, n.Team, n.State, n.Made, n.Deadline, n.Repeats,
	})
}

// request is what the body asks for. An unknown team, number or colleague is refused without repeating it.
func (a *API) request(v *exchange, b promising) (callback.Request, error) {
	m := v.who.Municipality
	refuse := func(code, detail string) (callback.Request, error) {
		return callback.Request{}, problem(http.StatusUnprocessableEntity, code, "%s", detail)
	}
	if !a.Directory.HasTeam(m, b.Team) {
		return refuse("team", "the municipality has no such team")
	}
	number, err := call.ParseTyped(b.Number)
	if err != nil {
		return refuse(
			"refused_"+string(dialling.CodeInvalid), "the number does not exist or cannot be read: "+err.Error(),
		)
	}
	if b.Personal != "" && !a.colleagueOf(v, b.Team, b.Personal) {
		return refuse(
			"colleague", "the team has no such colleague: leave personal out, and anybody of the team can call back",
		)
	}
	r := callback.Request{
		At: v.at, Who: note.ByAgent(v.who.Agent), Municipality: m, Team: b.Team, Number: number, Language: b.Language,
		Call: b.Call, Name: b.Name, Subject: b.Subject, Reason: b.Reason, Personal: b.Personal, Separate: b.Separate,
	}
	if b.Verified {
		r.Shown = number
	}
	if r.Language == "" {
		r.Language = a.Directory.Language(m)
	}
	if known := a.Directory.Languages(); !slices.Contains(known, r.Language) {
		return refuse(
			"refused_"+string(dialling.CodeRequest),
			"there is no such language here: name one of "+strings.Join(known, ", "),
		)
	}
	if b.Window != "" {
		if r.Window, err = calendar.ParseSpan(b.Window); err != nil {
			return refuse("window", "the window is not a part of a day, such as 09:00-12:00")
		}
	}
	return r, nil
}
