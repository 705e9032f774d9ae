package api

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/staff"
)

// route is one operation of the API. id is its operationId in the OpenAPI document, and its name in the log.
type route struct {
	method, path, id string
	least            staff.Role // the least role that may use it; the handler checks the note
	handle           func(*exchange) error
}

func (a *API) routes() []route {
	return []route{
		{http.MethodGet, "/api/me", "whoAmI", staff.Reader, a.whoAmI},
		{http.MethodGet, "/api/teams/{team}/notes", "listTeam", staff.Reader, a.listTeam},
		{http.MethodGet, "/api/colleagues/{colleague}/notes", "listColleague", staff.Agent, a.listColleague},
		{http.MethodPost, "/api/colleagues/{colleague}/absent", "setAbsent", staff.Agent, a.setAbsent},
		{http.MethodGet, "/api/colleagues/{colleague}/absent", "isAbsent", staff.Agent, a.isAbsent},
		{http.MethodDelete, "/api/colleagues/{colleague}/absent", "setPresent", staff.Agent, a.setPresent},
		{http.MethodGet, "/api/notes", "findNotes", staff.Agent, a.findNotes},
		{http.MethodPost, "/api/notes", "promise", staff.Agent, a.promise},
		{http.MethodGet, "/api/notes/{note}", "show", staff.Reader, a.show},
		{http.MethodPost, "/api/notes/{note}/claim", "claim", staff.Agent, changing(a, anyone, a.claim)},
		{http.MethodPost, "/api/notes/{note}/renew", "renew", staff.Agent, changing(a, anyone, a.renew)},
		{http.MethodPost, "/api/notes/{note}/release", "release", staff.Agent, changing(a, holderOrLead, a.release)},
		{http.MethodPost, "/api/notes/{note}/reroute", "reroute", staff.Agent, changing(a, holderOrLead, a.reroute)},
		{http.MethodPost, "/api/notes/{note}/call", "call", staff.Agent, changing(a, claimer, a.callBack)},
		{
			http.MethodPost, "/api/notes/{note}/attempts/start", "startAttempt", staff.Agent,
			changing(a, anyone, a.startAttempt),
		},
		{
			http.MethodPost, "/api/notes/{note}/attempts/end", "endAttempt", staff.Agent,
			changing(a, anyone, a.endAttempt),
		},
		{http.MethodPost, "/api/notes/{note}/raise", "raise", staff.Agent, changing(a, anyone, a.raise)},
		{http.MethodPost, "/api/notes/{note}/comment", "comment", staff.Agent, changing(a, anyone, a.comment)},
		{http.MethodPost, "/api/notes/{note}/resolve", "resolve", staff.Agent, changing(a, anyone, a.resolve)},
		{http.MethodPost, "/api/notes/{note}/cancel", "cancel", staff.Agent, changing(a, anyone, a.cancel)},
		{http.MethodPost, "/api/notes/{note}/reopen", "reopen", staff.Lead, changing(a, anyone, a.reopen)},
		{http.MethodPost, "/api/erase", "erase", staff.Admin, a.erase},
		{http.MethodGet, "/api/export", "export", staff.Lead, a.export},
	}
}

// Handler serves the API. A request without a route gets a problem too.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{"/api/openapi.json": {http.MethodGet, http.MethodHead}}
	for _, r := range a.routes() {
		mux.Handle(r.method+" "+r.path, a.guarded(r))
		methods[r.path] = append(methods[r.path], r.method)
		if r.method == http.MethodGet {
			methods[r.path] = append(methods[r.path], http.MethodHead)
		}
	}
	mux.HandleFunc("GET /api/openapi.json", serveDocument)
	for path, known := range methods {
		allow := strings.Join(known, ", ")
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", allow)
			answerProblem(w, problem(http.StatusMethodNotAllowed, "method", "use %s here", allow))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answerProblem(
			w,
			problem(http.StatusNotFound, "not_found", "there is nothing here: /api/openapi.json lists what there is"),
		)
	})
	return secured(a.counted(mux))
}

// giveTime starts the time limit of the answer.
func giveTime(w http.ResponseWriter) {
	// A writer that knows no deadline, as in a test, needs none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerLimit))
}

// secured sets the headers of every answer: a browser must not keep, frame or sniff it, or show it as a page.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h.ServeHTTP(w, r)
		if _, err := io.Copy(io.Discard, r.Body); err != nil { // at most maxBody: the connection can be used again
			giveTime(w) // to the answer, which goes out after a body that came too slowly
		}
	})
}
