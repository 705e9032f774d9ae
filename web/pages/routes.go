package pages

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

const (
	maxBody   = 64 << 10 // bytes of a form
	taskLimit = 8 * time.Second

	idExport = "export" // of the route that takes long
)

// route is one address. id is its name in the log.
type route struct {
	pattern, id string
	least       staff.Role // the least role that may use it; the handler checks the note
	handle      func(*visit) error
}

// background are the addresses by which pages keep themselves up to date.
func (p *Pages) background() []route {
	return []route{
		{"GET /live/rows", "refresh", staff.Reader, p.rows},
		{"GET /live/notes/{note}", "refresh", staff.Reader, p.look},
	}
}

func (p *Pages) routes() []route {
	return []route{
		{"GET /{$}", "list", staff.Reader, p.list},
		{"GET /search", "search", staff.Reader, p.search},
		{"GET /notes/new", "new", staff.Agent, p.newNote},
		{"POST /notes/new", "promise", staff.Agent, p.makeNote},
		{"GET /notes/{note}", "show", staff.Reader, p.showNote},
		{"GET /notes/{note}/receipt", "receipt", staff.Agent, p.showReceipt},
		{"POST /notes/{note}/{act}", "change", staff.Agent, p.change},
		{"GET /team", "team", staff.Lead, p.showTeam},
		{"GET /team/export", idExport, staff.Lead, p.exportTeam},
		{"POST /team/absence", "setAbsence", staff.Lead, p.setAbsence},
		{"GET /people", "people", staff.Admin, p.showPeople},
		{"POST /people", "newPerson", staff.Admin, p.newPerson},
		{"GET /people/{person}", "person", staff.Admin, p.showPerson},
		{"POST /people/{person}", "setPerson", staff.Admin, p.setPerson},
		{"POST /people/{person}/forget", "forgetPerson", staff.Admin, p.forgetPerson},
		{"GET /me", "me", staff.Reader, p.me},
		{"POST /me", "setMe", staff.Reader, p.setMe},
		{"POST /me/stay", "stay", staff.Reader, p.stay},
	}
}

// inside serves the pages to people who have signed in: their Visitor is in the context of the request, see
// access.With. Cross-origin requests are refused before.
func (p *Pages) inside() http.Handler {
	mux := http.NewServeMux()
	for _, r := range p.routes() {
		mux.Handle(r.pattern, p.guarded(r, p.audit))
	}
	for _, r := range p.background() {
		mux.Handle(r.pattern, p.guarded(r, p.auditNotes))
	}
	mux.HandleFunc("GET /events", p.events)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.Problem(w, r, http.StatusNotFound)
	})
	return mux
}

// Static serves the files that pages need. It asks for no sign-in: the page to sign in needs them too.
func (p *Pages) Static() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/{hash}/{file}", p.assets.serve)
	return httpserver.Page(mux)
}

// secured sets the headers of every page, and bounds what a form may send.
func (p *Pages) secured(h http.Handler) http.Handler {
	return httpserver.Page(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h.ServeHTTP(w, r)
	}))
}

// guarded lets in people with the role, and writes the access log.
func (p *Pages) guarded(r route, audit func(v *visit, did string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		turn := p.ExportTurns
		if r.id != idExport { // that bounds itself
			turn = p.Turns
			ctx, cancel := context.WithTimeout(req.Context(), taskLimit)
			defer cancel()
			req = req.WithContext(ctx)
		}
		v := p.visit(w, req)
		defer func() { audit(v, r.id) }()
		if !v.who.Highest().AtLeast(r.least) {
			v.fail(errRole)
			return
		}
		if err := v.inTurn(turn, r.handle); err != nil {
			v.fail(err)
		}
	})
}

// inTurn works the request when it is its turn. The form is read before: a browser that sends slowly must not keep a
// turn.
func (v *visit) inTurn(turn *turns.Turns, handle func(*visit) error) error {
	mine, leave, err := turn.Enter("person/" + string(v.m()) + "/" + v.who.Name)
	if err != nil {
		return err
	}
	defer leave()
	if v.Method == http.MethodPost {
		if err := v.readForm(); err != nil {
			return err
		}
	}
	if v.worked, err = turn.Take(v.Context(), mine); err != nil {
		return err
	}
	defer v.worked()
	return handle(v)
}

// readForm reads what the browser sends. The error is a *problem, or an *http.MaxBytesError.
func (v *visit) readForm() error {
	err := v.ParseForm()
	var tooLong *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &tooLong):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{http.StatusRequestTimeout, v.say("err.408text"), ""}
	}
	return &problem{http.StatusBadRequest, v.say("err.400text"), ""}
}

// visit is a request of whoever the context names; of nobody when it names none.
func (p *Pages) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{ResponseWriter: w, Request: r, pages: p, at: time.Now().UTC()}
	v.who, _ = access.From(r.Context())
	v.person = access.Person(r.Context())
	clocks := p.Directory.Clocks(v.who.Municipality)
	if clocks == nil {
		clocks = time.UTC
	}
	wanted := []string{v.person.Language}
	if v.who.Municipality != "" {
		wanted = append(wanted, p.Directory.Language(v.who.Municipality))
	} else {
		wanted = append(wanted, accepted(r)...)
	}
	v.speech = speak(clocks, v.at, wanted...)
	return v
}

// accepted lists the languages that a browser asks for, in its order.
func accepted(r *http.Request) []string {
	var all []string
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang, _, _ := strings.Cut(tag, "-")
		all = append(all, strings.ToLower(lang))
	}
	return all
}

// render sends a page. It is made whole before the first byte goes out.
func (v *visit) render(c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(context.WithoutCancel(v.Context()), &b); err != nil { // also when the time is over: it says so
		return err
	}
	header := v.ResponseWriter.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Vary", "HX-Request")
	if v.status == 0 {
		v.status = http.StatusOK
	}
	if v.worked != nil {
		v.worked()
	}
	v.WriteHeader(v.status)
	_, _ = v.ResponseWriter.Write(b.Bytes()) // a browser that went away needs no answer
	return nil
}

// redirect leads a browser on after a change, so that reloading does not repeat it.
func (v *visit) redirect(to string) error {
	v.status = http.StatusSeeOther
	http.Redirect(v.ResponseWriter, v.Request, to, v.status)
	return nil
}

// leave is redirect for a form that htmx sent: the whole page is left, not a part of it replaced.
func (v *visit) leave(to string) error {
	if v.Request.Header.Get("HX-Request") == "" {
		return v.redirect(to)
	}
	v.status = http.StatusOK
	v.ResponseWriter.Header().Set("HX-Redirect", to)
	v.WriteHeader(v.status)
	return nil
}

// audit writes the access log (AVG): who did what to which notes, never a number, a name or a caller's words.
func (p *Pages) audit(v *visit, did string) {
	if act := v.PathValue("act"); act != "" && acts[act].do != nil {
		did = act
	}
	attrs := []slog.Attr{
		slog.String("person", v.who.Name), slog.String("role", string(v.who.Highest())),
		slog.String("municipality", string(v.m())), slog.String("did", did), slog.Int("status", v.status),
	}
	if len(v.notes) > 0 {
		attrs = append(attrs, slog.Any("notes", v.notes))
	}
	if v.about != "" {
		attrs = append(attrs, slog.String("about", string(v.about)))
	}
	p.Log.LogAttrs(v.Context(), slog.LevelInfo, "access to notes", attrs...)
}

// auditNotes writes the access log when somebody was shown a note, or was refused.
func (p *Pages) auditNotes(v *visit, did string) {
	if len(v.notes) > 0 || v.status != http.StatusOK {
		p.audit(v, did)
	}
}

// readable gives no error when only a part could not be read, and logs that once.
func (v *visit) readable(err error) (unread bool, _ error) {
	if err == nil || !errors.Is(err, note.ErrIncomplete) && !errors.Is(err, note.ErrBroken) {
		return false, err
	}
	if old, _ := v.pages.told.Swap(v.m(), err.Error()); old != err.Error() {
		v.pages.Log.Error("some notes cannot be read; pages show the others", "municipality", v.m(), "err", err)
	}
	return true, nil
}
