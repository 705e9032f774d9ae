package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

// exchange is one authenticated request, and what the access log says of it.
type exchange struct {
	*response
	*http.Request
	who access.Visitor
	at  time.Time // when it came, UTC
	// least is the role that the operation needs, over the note if it is about one
	least staff.Role

	sent   []byte // the body
	worked func() // gives the turn back

	notes []note.ID   // shown or changed
	team  call.TeamID // whose list was read
	count int         // of an export or erasure
	from  time.Time   // of the exported closed notes; zero for live ones
	until time.Time   // the end of it, not included
}

// guarded lets in known tokens with the role, each in its turn, and writes the access log.
func (a *API) guarded(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		now := time.Now().UTC()
		who, refused := a.authenticate(req, now)
		if refused != nil {
			answerProblem(w, *refused)
			return
		}
		v := &exchange{response: w.(*response), Request: req, who: who, at: now, least: r.least} // see counted
		v.operation = r.id
		defer func() { a.audit(v, r.id) }() // also of an answer that was cut off
		if err := a.admitted(r, v); err != nil {
			a.fail(v, err)
		}
	})
}

// admitted handles a request when its role allows it and its turn has come. The body is read before that: it may come
// slowly, and must not hold a turn.
func (a *API) admitted(r route, v *exchange) error {
	if !v.who.Highest().AtLeast(r.least) {
		return needs(r.least)
	}
	turn := a.Turns
	if r.id == "export" {
		turn = a.ExportTurns
	}
	mine, leave, err := turn.Enter("token/" + v.who.Name)
	if err != nil {
		return problem(
			http.StatusTooManyRequests, "busy", "%d requests with this token are not over yet: wait for their answers",
			turns.MostOfOne,
		)
	}
	defer leave()
	v.sent, err = receive(v.Request)
	giveTime(v.ResponseWriter)
	if err != nil {
		return err
	}
	if err := a.turn(turn, mine, v); err != nil {
		return err
	}
	defer v.worked()
	return r.handle(v)
}

// needs is the answer to a visitor with too little of a role.
func needs(least staff.Role) error {
	return problem(http.StatusForbidden, "role", "this needs a token with the role %s or higher", least)
}

// turn waits until the request may be worked.
func (a *API) turn(turn *turns.Turns, mine *turns.Share, v *exchange) error {
	a.Meter.Waits(1)
	defer a.Meter.Waits(-1)
	done, err := turn.Take(v.Context(), mine)
	if err != nil {
		return problem(http.StatusServiceUnavailable, "busy", "too much is asked at a time: try again in a while")
	}
	a.Meter.Works(1)
	v.worked = sync.OnceFunc(func() {
		a.Meter.Works(-1)
		done()
	})
	return nil
}

// fail answers with the problem, and logs our own faults.
func (a *API) fail(v *exchange, err error) {
	if v.status != 0 { // the answer has begun: the client must notice that it has no end
		a.Log.Error("an answer was cut off", "token", v.who.Name, "err", err)
		panic(http.ErrAbortHandler)
	}
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError && !errors.As(err, &Problem{}) {
		a.Log.Error("a request could not be answered", "token", v.who.Name, "status", p.Status, "err", err)
	}
	answerProblem(v.response, p)
}

// audit writes the access log (AVG): who did what to which notes, never a number, a name or a caller's words.
func (a *API) audit(v *exchange, did string) {
	attrs := []slog.Attr{
		slog.String("token", v.who.Name), slog.String("role", string(v.who.Highest())),
		slog.String("agent", string(v.who.Agent)),
		slog.String("municipality", string(v.who.Municipality)), slog.String("did", did),
	}
	if v.status != 0 { // 0 when no answer was begun, or the connection broke before
		attrs = append(attrs, slog.Int("status", v.status))
	}
	if v.team != "" {
		attrs = append(attrs, slog.String("team", string(v.team)))
	}
	if len(v.notes) > 0 {
		attrs = append(attrs, slog.Any("notes", v.notes))
	}
	if !v.from.IsZero() {
		attrs = append(attrs, slog.Time("closed_from", v.from), slog.Time("closed_until", v.until))
	}
	if v.count > 0 {
		attrs = append(attrs, slog.Int("count", v.count))
	}
	a.Log.LogAttrs(v.Context(), slog.LevelInfo, "access to notes", attrs...)
}

// answer sends JSON.
func (v *exchange) answer(status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	v.worked() // a slow reader must not hold a turn
	v.Header().Set("Content-Type", "application/json")
	v.WriteHeader(status)                             // from now on the answer can only be cut off
	_, _ = v.ResponseWriter.Write(append(text, '\n')) // a client that hung up needs no answer
	return nil
}

// Header is the answer's. The request's is v.Request.Header.
func (v *exchange) Header() http.Header { return v.ResponseWriter.Header() }

// tag sets the version of a note, which is the fencing token of changes.
func (v *exchange) tag(n note.Note) {
	v.Header().Set("ETag", `"`+strconv.FormatUint(n.Ver, 10)+`"`)
}
