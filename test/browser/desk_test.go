// Package browser works callback notes in a real browser, as colleagues do: with and without script, by keyboard, on a
// narrow screen, and with axe-core looking on.
package browser

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/test/pagestest"
)

// patience bounds what a browser does in one test.
const patience = 8 * time.Minute

// aWhile bounds one step.
const aWhile = time.Minute

// desk is the pages of a town, reached over HTTP.
type desk struct {
	*pagestest.Town
	t   *testing.T
	url string

	accept string      // the language of people who have not signed in
	away   atomic.Bool // nobody answers
	broken atomic.Bool // a server in front answers instead
	events answer      // to who asks for the stream of changes
	live   answer      // to who asks for what has changed

	mu       sync.Mutex
	requests []string
}

func open(t *testing.T, change ...func(*signin.Options)) *desk {
	t.Helper()
	d := &desk{Town: pagestest.New(), t: t}
	quiet := slog.New(slog.DiscardHandler)
	p := d.Pages(quiet)
	mux := http.NewServeMux()
	mux.Handle("/", d.As(p, change...))
	forms := p.Forms()
	mux.Handle("/sign-in", d.front(func(r *http.Request) signin.Page {
		f := signin.SignInForm{Accounts: true, Next: "/"}
		if r.URL.RawQuery == "both" {
			f.Provider, f.Name, f.Reason = "/sign-in/oidc?next=%2F", "Gemeente Deventer", signin.WrongPassword
		}
		return forms.SignIn(r, f)
	}))
	mux.Handle("/sign-in/code", d.front(func(r *http.Request) signin.Page {
		return forms.Code(r, signin.CodeForm{Reason: signin.WrongCode})
	}))
	mux.Handle("/sign-in/told", d.front(func(r *http.Request) signin.Page {
		return forms.Told(r, signin.Told{SessionOver: true, On: "/sign-in"})
	}))
	mux.Handle("/sign-in/first", d.front(func(r *http.Request) signin.Page {
		return forms.First(r, signin.FirstForm{
			Called: "Cem Kaya", ID: "cem", Least: 12, Reason: signin.WeakPassword, Problem: signin.TooShort,
			Enrolment: &signin.Enrolment{
				Secret: "JBSW Y3DP EHPK 3PXP", URI: "otpauth://totp/Bereikbaar:cem?secret=JBSWY3DPEHPK3PXP",
				Image: "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
			},
		})
	}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.away.Load() { // as when the program is stopped
			panic(http.ErrAbortHandler)
		}
		if d.broken.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		d.heard(r)
		switch {
		case r.URL.Path == "/events" && d.events.instead(w), strings.HasPrefix(r.URL.Path, "/live/") && d.live.instead(w):
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		d.Drop()
		server.CloseClientConnections()
		server.Close()
	})
	d.url = server.URL
	return d
}

// answer is a status that is answered instead; 0 for none.
type answer struct{ atomic.Int32 }

func (a *answer) instead(w http.ResponseWriter) bool {
	status := int(a.Load())
	if status == 0 {
		return false
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, `<main id="main"><h1>Even geen verbinding</h1></main>`)
	return true
}

// heard notes a request, for tests that count them.
func (d *desk) heard(r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r.Method+" "+r.URL.Path)
}

// asked is how many requests there were for addresses that begin so, such as "GET /live/".
func (d *desk) asked(begins string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, r := range d.requests {
		if strings.HasPrefix(r, begins) {
			n++
		}
	}
	return n
}

// untilAsked waits until there were so many requests.
func (d *desk) untilAsked(begins string, times int) {
	d.t.Helper()
	require.Eventually(d.t, func() bool { return d.asked(begins) >= times }, aWhile, 20*time.Millisecond)
}

// front serves a page of the sign-in, in the language of the moment.
func (d *desk) front(page func(*http.Request) signin.Page) http.Handler {
	return httpserver.Page(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Language", d.accept)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := page(r).Render(r.Context(), w); err != nil {
			panic(err)
		}
	}))
}

// seat is a browser of its own, with somebody signed in.
type seat struct {
	*desk
	ctx    context.Context
	faults *faults
}

// faults are what the browser complains of, such as a script that the policy blocks.
type faults struct {
	mu    sync.Mutex
	found []string
}

// chromium is the browser of all tests: to start one takes seconds.
var chromium context.Context

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	profile, err := os.MkdirTemp("", "bereikbaar-chromium-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(profile)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(profile), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-proxy-server", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	browser, closed := chromedp.NewContext(ctx)
	defer closed()
	if err := chromedp.Do(browser); err != nil { // starts it
		fmt.Fprintln(os.Stderr, "chromium does not start; run dev/setup:", err)
		return 1
	}
	chromium = browser //nolint:fatcontext // one browser for all tests
	return m.Run()
}

// sits gives a person a window with cookies of its own.
func (d *desk) sits(who call.AgentID) *seat {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(chromium, patience)
	d.t.Cleanup(cancel)
	return d.tab(ctx, who, chromedp.WithNewBrowserContext())
}

// tab opens a tab for a person.
func (d *desk) tab(parent context.Context, who call.AgentID, options ...chromedp.ContextOption) *seat {
	d.t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	d.t.Cleanup(cancel)
	s := &seat{desk: d, ctx: ctx, faults: &faults{}}
	require.NoError(d.t, chromedp.Listen(ctx, s.faults.hear))
	calls(s, network.Enable, network.EnableParams{})
	calls(s, log.Enable, cdp.Empty{})
	calls(s, runtime.Enable, cdp.Empty{})
	if who != "" {
		s.signsIn(who)
	}
	return s
}

// hear keeps what the browser complains of.
func (f *faults) hear(event any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		f.found = append(f.found, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Source == "security" || strings.Contains(e.Entry.Text, "Content Security Policy") {
			f.found = append(f.found, e.Entry.Text)
		}
	}
}

// calls sends a command to the browser.
func calls[P, R any](s *seat, command cdp.Command[P, R], params P) R {
	s.t.Helper()
	got, err := chromedp.Call(s.ctx, command, params)
	require.NoError(s.t, err)
	return got
}

func (s *seat) signsIn(who call.AgentID) {
	s.t.Helper()
	cookie := pagestest.CookieOf(who)
	calls(s, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: s.url + "/"})
}

func (s *seat) signsOut() {
	s.t.Helper()
	calls(s, network.ClearBrowserCookies, cdp.Empty{})
}

func (s *seat) do(actions ...chromedp.Action[chromedp.Void]) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, aWhile)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		s.shoots("stuck")
		require.NoError(s.t, err)
	}
}

// goes opens an address of the pages.
func (s *seat) goes(path string) {
	s.t.Helper()
	s.do(chromedp.Navigate(s.url+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// sees waits until an element is shown.
func (s *seat) sees(selector string) {
	s.t.Helper()
	s.do(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// clicks clicks an element.
func (s *seat) clicks(selector string) {
	s.t.Helper()
	s.do(chromedp.Click(chromedp.CSS(selector)))
}

// types types into a field.
func (s *seat) types(selector, text string) {
	s.t.Helper()
	s.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// reads gives the text of an element.
func (s *seat) reads(selector string) string {
	s.t.Helper()
	text, err := chromedp.Run(s.ctx, chromedp.Text(chromedp.CSS(selector)))
	require.NoError(s.t, err)
	return text
}

// value gives what stands in a field.
func (s *seat) value(selector string) string {
	s.t.Helper()
	text, err := chromedp.Run(s.ctx, chromedp.Value(chromedp.CSS(selector)))
	require.NoError(s.t, err)
	return text
}

// asks evaluates an expression in the page.
func asks[T any](s *seat, expression string) T {
	s.t.Helper()
	got, err := chromedp.Run(s.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(s.t, err)
	return got
}

// until waits until an expression is true in the page, also when the page is left meanwhile.
func (s *seat) until(expression string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		is, err := chromedp.Run(s.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && is
	}, aWhile, 50*time.Millisecond, "not true: %s", expression)
}

// focus is the id of what has the focus.
func (s *seat) focus() string {
	s.t.Helper()
	return asks[string](s, "document.activeElement.id")
}

// deaf lets the page hear of no change.
func (s *seat) deaf() {
	s.t.Helper()
	asks[any](s, "document.getElementById('main').removeAttribute('data-ask')")
}

// beforehand runs a script before those of each page that is opened from now on.
func (s *seat) beforehand(script string) {
	s.t.Helper()
	calls(s, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// remembers keeps all that the page says from now on, for heard.
func (s *seat) remembers() {
	s.t.Helper()
	asks[any](s, `window.said = []; for (const id of ["status", "notice"]) new MutationObserver(() => {
		said.push(document.getElementById(id).textContent); }).observe(document.getElementById(id),
		{childList: true, subtree: true, characterData: true}); null`)
}

// heard is all that the page said.
func (s *seat) heard() string {
	s.t.Helper()
	return asks[string](s, "said.join('|')")
}

// shortcut presses one key as a keyboard does: what it types is held back when the page has taken the key.
func (s *seat) shortcut(key string) {
	s.t.Helper()
	for _, event := range []input.DispatchKeyEventParams{
		{Type: "rawKeyDown", Key: key}, {Type: "char", Key: key, Text: key}, {Type: "keyUp", Key: key},
	} {
		calls(s, input.DispatchKeyEvent, event)
	}
}

// presses types keys at whatever has the focus.
func (s *seat) presses(keys string) {
	s.t.Helper()
	s.do(chromedp.KeyEvent(keys))
}

// wide sets the size of the window in CSS pixels, and how many dots each has.
func (s *seat) wide(width, height int64, scale float64) {
	s.t.Helper()
	s.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)))
}

// withoutScript switches scripts off.
func (s *seat) withoutScript() {
	s.t.Helper()
	calls(s, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// forced switches forced colours on or off.
func (s *seat) forced(on bool) {
	s.t.Helper()
	value := "none"
	if on {
		value = "active"
	}
	calls(s, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: value}},
	})
}

// shoots keeps a picture of the page, where SCREENSHOTS names a directory.
func (s *seat) shoots(name string) {
	s.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(s.ctx, chromedp.FullScreenshot(100))
	require.NoError(s.t, err)
	require.NoError(s.t, os.MkdirAll(dir, 0o755))
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
}

// blameless requires that the browser had nothing to complain of.
func (s *seat) blameless() {
	s.t.Helper()
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	require.Empty(s.t, s.faults.found)
}

// day is an ordinary day at the permits desk, and gives the notes by a word.
func (d *desk) day() map[string]note.Note {
	d.t.Helper()
	about := func(subject, reason string) func(*callback.Request) {
		return func(r *callback.Request) { r.Subject, r.Reason = subject, reason }
	}
	notes := map[string]note.Note{
		"late": d.Promise(pagestest.Permits, 26*time.Hour, about("Dakkapel aan de voorkant",
			"De beller heeft drie weken geleden een aanvraag gedaan en hoorde nog niets. Mag de aannemer maandag beginnen?")),
		"soon":   d.Promise(pagestest.Permits, 15*time.Hour, about("Paspoort kwijt in Turkije", "Kan het sneller?")),
		"mine":   d.Promise(pagestest.Permits, 10*time.Hour, about("Kapvergunning eik", "Hoe lang duurt het nog?")),
		"theirs": d.Promise(pagestest.Permits, 9*time.Hour, about("Terras op de Brink", "")),
		"open":   d.Promise(pagestest.Registry, 2*time.Hour, about("Verhuizing doorgeven", "Ik kom er op de site niet uit.")),
	}
	d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) {
		about("Bezwaarschrift tegen de omgevingsvergunning voor het appartementencomplex",
			"Mevrouw Çelik-Şahin vraagt of haar brief is aangekomen.")(r)
		r.Window.From, r.Window.To = 9*60, 12*60
	})
	notes["mine"] = d.Claim(notes["mine"], "cem")
	notes["theirs"] = d.Claim(notes["theirs"], "dirkje")
	notes["soon"] = d.Tried(d.Claim(notes["soon"], "cem"), attempt.NotReached)
	released, err := d.Worklist.Release(d.t.Context(), d.Step(notes["soon"], "cem"), "Morgenochtend opnieuw proberen")
	require.NoError(d.t, err)
	raised, err := d.Worklist.Raise(d.t.Context(), d.Step(released, "cem"), "Vliegt vrijdag")
	require.NoError(d.t, err)
	notes["soon"] = raised
	return notes
}

func at(n note.Note) string { return "/notes/" + string(n.Reference) }
