// Package browser works callback notes in a real browser, as colleagues do: with and without script, by keyboard, on a
// narrow screen, and with axe-core looking on.
package browser

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/pagestest"
	"github.com/bereikbaar/bereikbaar/web/access"
)

// patience bounds what a browser does in one test.
const patience = 2 * time.Minute

// desk is the pages of a town, reached over HTTP.
type desk struct {
	*pagestest.Town
	t   *testing.T
	url string
	log *strings.Builder

	session access.Session // of everybody; zero for none that ends
}

func open(t *testing.T) *desk {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("chromium is missing: run dev/setup")
	}
	d := &desk{Town: pagestest.New(), t: t}
	quiet := slog.New(slog.DiscardHandler)
	p := d.Pages(quiet, nil)
	server := httptest.NewServer(d.As(p, func() access.Session { return d.session }))
	t.Cleanup(func() {
		d.Drop()
		server.CloseClientConnections()
		server.Close()
	})
	d.url = server.URL
	return d
}

// seat is a browser of its own, with somebody signed in.
type seat struct {
	*desk
	ctx    context.Context
	faults *faults
}

// faults are what the browser complains of, such as a script that the policy blocks.
type faults struct{ found []string }

// sits opens a browser for a person.
func (d *desk) sits(who call.AgentID) *seat {
	d.t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(d.t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-proxy-server", true),
	)
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	d.t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	d.t.Cleanup(cancel)
	return d.tab(ctx, who)
}

// tab opens a tab for a person.
func (d *desk) tab(parent context.Context, who call.AgentID) *seat {
	d.t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	d.t.Cleanup(cancel)
	s := &seat{desk: d, ctx: ctx, faults: &faults{}}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			s.faults.found = append(s.faults.found, e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if e.Entry.Source == log.SourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				s.faults.found = append(s.faults.found, e.Entry.Text)
			}
		}
	})
	s.do(network.Enable(), log.Enable(), runtime.Enable())
	if who != "" {
		s.signsIn(who)
	}
	return s
}

func (s *seat) signsIn(who call.AgentID) {
	s.t.Helper()
	at, err := url.Parse(s.url)
	require.NoError(s.t, err)
	s.do(network.SetCookie("who", string(who)).WithDomain(at.Hostname()).WithPath("/").WithHTTPOnly(true))
}

func (s *seat) signsOut() {
	s.t.Helper()
	s.do(network.ClearBrowserCookies())
}

func (s *seat) do(actions ...chromedp.Action) {
	s.t.Helper()
	require.NoError(s.t, chromedp.Run(s.ctx, actions...))
}

// goes opens an address of the pages.
func (s *seat) goes(path string) {
	s.t.Helper()
	s.do(chromedp.Navigate(s.url+path), chromedp.WaitReady("main"))
}

// sees waits until an element is shown.
func (s *seat) sees(selector string) {
	s.t.Helper()
	s.do(chromedp.WaitVisible(selector, chromedp.ByQuery))
}

// reads gives the text of an element.
func (s *seat) reads(selector string) string {
	s.t.Helper()
	var text string
	s.do(chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

// value gives what stands in a field.
func (s *seat) value(selector string) string {
	s.t.Helper()
	var text string
	s.do(chromedp.Value(selector, &text, chromedp.ByQuery))
	return text
}

// asks evaluates an expression in the page.
func asks[T any](s *seat, expression string) T {
	s.t.Helper()
	var got T
	s.do(chromedp.Evaluate(expression, &got, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
	return got
}

// until waits until an expression is true in the page.
func (s *seat) until(expression string) {
	s.t.Helper()
	require.NoError(s.t, chromedp.Run(s.ctx, chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(20*time.Second))),
		"not true within 20 s: %s", expression)
}

// presses types keys at whatever has the focus.
func (s *seat) presses(keys string) {
	s.t.Helper()
	s.do(chromedp.KeyEvent(keys))
}

// wide sets the size of the window in CSS pixels, and how many dots each has.
func (s *seat) wide(width, height int64, scale float64) {
	s.t.Helper()
	s.do(emulation.SetDeviceMetricsOverride(width, height, scale, false))
}

// forced switches forced colours on or off.
func (s *seat) forced(on bool) {
	s.t.Helper()
	value := "none"
	if on {
		value = "active"
	}
	s.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "forced-colors", Value: value}}))
}

// shoots keeps a picture of the page, where SCREENSHOTS names a directory.
func (s *seat) shoots(name string) {
	s.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var picture []byte
	s.do(chromedp.FullScreenshot(&picture, 100))
	require.NoError(s.t, os.MkdirAll(dir, 0o755))
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
}

// blameless requires that the browser had nothing to complain of.
func (s *seat) blameless() {
	s.t.Helper()
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
		"soon": d.Promise(pagestest.Permits, 15*time.Hour, about("Paspoort kwijt in Turkije", "Kan het sneller?")),
		"mine": d.Promise(pagestest.Permits, 10*time.Hour, about("Kapvergunning eik", "Hoe lang duurt het nog?")),
		"hers": d.Promise(pagestest.Permits, 9*time.Hour, about("Terras op de Brink", "")),
		"open": d.Promise(pagestest.Registry, 2*time.Hour, about("Verhuizing doorgeven", "Ik kom er op de site niet uit.")),
	}
	d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) {
		about("Bezwaarschrift tegen de omgevingsvergunning voor het appartementencomplex",
			"Mevrouw Çelik-Şahin vraagt of haar brief is aangekomen.")(r)
		r.Window.From, r.Window.To = 9*60, 12*60
	})
	notes["mine"] = d.Claim(notes["mine"], "cem")
	notes["hers"] = d.Claim(notes["hers"], "dirkje")
	notes["soon"] = d.Tried(d.Claim(notes["soon"], "cem"), attempt.NotReached)
	released, err := d.Worklist.Release(d.t.Context(), d.Step(notes["soon"], "cem"), "Morgenochtend opnieuw proberen")
	require.NoError(d.t, err)
	raised, err := d.Worklist.Raise(d.t.Context(), d.Step(released, "cem"), "Vliegt vrijdag")
	require.NoError(d.t, err)
	notes["soon"] = raised
	return notes
}

func at(n note.Note) string { return "/notes/" + string(n.Reference) }

var _ http.Handler
