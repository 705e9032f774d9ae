package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/pagestest"
)

// raises gives a note priority, as a colleague does.
func (d *desk) raises(n note.Note, by call.AgentID, why string) {
	d.t.Helper()
	_, err := d.Worklist.Raise(d.t.Context(), d.Step(d.now(n), by), why)
	require.NoError(d.t, err)
}

// sendsOn gives a note to the tax office, out of sight.
func (d *desk) sendsOn(n note.Note) {
	d.t.Helper()
	_, err := d.Worklist.Reroute(d.t.Context(), d.Step(d.now(n), "dirkje"), pagestest.Tax, "Gaat over de WOZ")
	require.NoError(d.t, err)
}

// has is true in the page when an element has a text.
func has(id, text string) string {
	return fmt.Sprintf("document.getElementById(%q)?.textContent.includes(%q)", id, text)
}

func row(n note.Note) string { return "n-" + string(n.ID) }

const (
	lost  = `document.querySelector("#notice [data-name=lost]")`
	found = `!document.querySelector("#notice [data-name=lost]")`
)

func TestABackgroundLoadThatFailsLeavesThePageAlone(t *testing.T) {
	for _, status := range []int32{429, 500, 502, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			d := open(t)
			n, other := d.Promise(pagestest.Permits, time.Hour, nil), d.Promise(pagestest.Permits, time.Hour, nil)
			list := d.sits("cem")
			list.goes("/")
			of := d.sits("cem")
			of.goes(at(n))
			d.follows(2)
			list.until(found)
			d.untilAsked("GET /live/", 2)
			d.live.Store(status)
			d.raises(n, "dirkje", "haast")
			for _, s := range []*seat{list, of} {
				s.until(lost)
				require.Equal(t, 1, asks[int](s, "document.querySelectorAll('h1').length"))
			}
			require.Contains(t, list.reads("#"+row(n)), n.Subject)
			require.Contains(t, list.reads("#"+row(other)), other.Subject)
			require.Contains(t, of.reads("#live"), "Niemand heeft deze notitie")
			d.live.Store(0)
			list.until(has(row(n), "Voorrang"))
			of.until(has("history", "haast"))
			list.until(found)
			of.until(found)
			list.blameless()
			of.blameless()
		})
	}
}

func TestANoteThatGoesToAnotherTeamLeavesTheScreen(t *testing.T) {
	const words = "Heeft al een bon gekregen."
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) { r.Name = "José de Vries" })
	list, of := d.sits("cem"), d.sits("cem")
	list.goes("/")
	of.goes(at(n))
	d.follows(2)
	of.shortcut("o")
	of.types("#comment-text", words)
	d.sendsOn(n)
	of.until(has("main", "Niet meer van uw team"))
	list.until(has(row(n), "niet meer van uw team"))
	for _, s := range []*seat{list, of} {
		text := asks[string](s, "document.body.textContent")
		for _, secret := range []string{n.Name, n.Subject, n.Reason, strings.Join(n.Number.Groups(), " ")} {
			require.NotContains(t, text, secret)
		}
		s.accessible("a note that is gone")
		s.wide(320, 700, 1)
		s.fits("a note that is gone, at 320")
		s.shoots("gone-320")
		s.blameless()
	}
	require.Equal(t, words, of.value("#gone-typed"))
	require.Equal(t, "gone-typed", of.focus())
	require.Equal(t, "Niet meer van uw team", of.reads("#status"))
}

func TestAfterAGapOneRequestLooksAtEverything(t *testing.T) {
	d := open(t)
	var notes []note.Note
	for range 50 {
		notes = append(notes, d.Promise(pagestest.Permits, time.Hour, nil))
	}
	list, of := d.sits("cem"), d.sits("cem")
	list.goes("/")
	of.goes(at(notes[0]))
	d.follows(2)
	d.untilAsked("GET /live/", 2)
	d.away.Store(true)
	d.Drop()
	list.until(lost)
	of.until(lost)
	for _, n := range notes {
		d.Claim(n, "dirkje")
	}
	before, pages := d.asked("GET /live/"), d.asked("GET /notes/")
	d.away.Store(false)
	list.until(`document.getElementById("rows").textContent.split("Dirkje de Boer").length === 51`)
	of.until(has("live", "Dirkje de Boer"))
	of.until(has("history", "Dirkje de Boer"))
	list.until(found)
	of.until(found)
	require.Equal(t, before+2, d.asked("GET /live/"))
	require.Equal(t, pages, d.asked("GET /notes/"))
}

func TestWhatAPageAsksByItselfIsNoActivity(t *testing.T) {
	d := open(t)
	n := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
	s := d.sits("cem")
	d.SetStage("cem", n.ID, "desk") // the page asks every two seconds
	s.goes(at(n))
	d.follows(1)
	d.untilAsked("GET /live/", 1)
	const seen = `localStorage.getItem("active:cem")`
	before, told := d.Active(), asks[string](s, seen)
	d.raises(n, "dirkje", "haast")
	s.until(has("history", "haast"))
	d.untilAsked("GET /live/", 4)
	require.Equal(t, before, d.Active())
	require.Equal(t, told, asks[string](s, seen))
	s.clicks("#do-renew")
	s.sees("#message")
	require.Greater(t, d.Active(), before)
	require.NotEqual(t, told, asks[string](s, seen))
}

func TestNothingIsMissedBeforeAPageListensOrWhileItIsPaused(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	d.events.Store(503)
	s.goes("/")
	s.until(lost)
	d.Claim(n, "dirkje")
	d.Promise(pagestest.Permits, 0, nil)
	d.events.Store(0)
	s.until(has(row(n), "Dirkje de Boer"))
	s.until(has("news", "1 nieuwe notitie"))
	s.clicks("#pause")
	d.follows(0)
	d.Promise(pagestest.Permits, 0, nil)
	s.clicks("#pause")
	s.until(has("news", "2 nieuwe notities"))
	s.blameless()
}

func TestAPageWhoseFirstStreamIsRefusedTriesAgain(t *testing.T) {
	for _, status := range []int32{401, 429, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			d := open(t)
			n := d.Promise(pagestest.Permits, time.Hour, nil)
			d.events.Store(status)
			s := d.sits("cem")
			s.goes("/")
			s.sees("#notice > p")
			s.accessible("a notice")
			s.shoots(fmt.Sprint("notice-", status))
			s.wide(320, 700, 1)
			s.fits("a notice at 320")
			s.shoots(fmt.Sprint("notice-320-", status))
			d.events.Store(0)
			if status == 401 { // its reader comes back from another window
				asks[any](s, "dispatchEvent(new Event('focus')); null")
			}
			s.until("!document.querySelector('#notice > p')")
			d.Claim(n, "dirkje")
			s.until(has(row(n), "Dirkje de Boer"))
		})
	}
}

func TestALostConnectionIsSaidForAsLongAsItLasts(t *testing.T) {
	d := open(t)
	d.day()
	s := d.sits("cem")
	s.goes("/")
	d.follows(1)
	d.Promise(pagestest.Permits, 0, nil)
	s.until(has("status", "1 nieuwe notitie"))
	d.away.Store(true)
	d.Drop()
	s.until(lost)
	s.until("document.getElementById('status').textContent === ''")
	require.Contains(t, s.reads("#notice"), "kan verouderd zijn")
	d.away.Store(false)
	s.until(found)
	require.Equal(t, "De verbinding is er weer.", s.reads("#status"))
}

func TestTheEndOfAStreamIsNoLoss(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes("/")
	s.remembers()
	for times := range 2 {
		d.untilAsked("GET /events", times+1)
		d.follows(1)
		d.Drop()
	}
	d.untilAsked("GET /events", 3)
	d.follows(1)
	d.Claim(n, "dirkje")
	s.until(has(row(n), "Dirkje de Boer"))
	require.Empty(t, s.heard())
}

func TestNewNotesAreThoseOfTheListsOwnChoice(t *testing.T) {
	d := open(t)
	d.day()
	s := d.sits("cem")
	s.goes("/?only=unassigned&team=burgerzaken")
	d.follows(1)
	d.Promise(pagestest.Permits, 0, nil)                    // another team
	d.Claim(d.Promise(pagestest.Registry, 0, nil), "anouk") // somebody's
	n := d.Promise(pagestest.Registry, 0, nil)
	s.until(has("news", "1 nieuwe notitie"))
	_, err := d.Worklist.Reroute(t.Context(), d.Step(n, "anouk"), pagestest.Tax, "WOZ")
	require.NoError(t, err)
	s.until("document.getElementById('news').hidden")
	require.Equal(t, "/?only=unassigned&team=burgerzaken", asks[string](s, "document.getElementById('news').getAttribute('href')"))
}

func TestADeedIsForTheVersionThatWasSeen(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes(at(n))
	d.follows(1)
	s.clicks("#part-cancel summary")
	s.types("#cancel-reason", "Is al geholpen")
	d.raises(n, "dirkje", "haast")
	s.until(has("history", "haast"))
	require.Equal(t, "2", s.value("#part-comment [name=ver]"))
	s.clicks("#part-cancel button")
	s.until(has("message", "Dirkje de Boer was u voor"))
	require.Equal(t, "Is al geholpen", s.value("#cancel-reason"))
	require.Equal(t, note.Open, d.now(n).State)
	s.blameless()
}

func TestAChangeKeepsWhatIsOpenAndChosenAndRefreshesTheRest(t *testing.T) {
	d := open(t)
	n := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
	s := d.sits("cem")
	s.goes(at(n))
	d.follows(1)
	s.clicks("#part-cancel summary")
	s.shortcut("a")
	s.presses(kb.ArrowDown)
	const chosen = `document.querySelector("#part-resolve [name=outcome]:checked").value`
	require.Equal(t, "unreached", asks[string](s, chosen))
	before := d.asked("GET /")
	d.raises(n, "lotte", "haast")
	s.until(has("history", "haast"))
	require.Equal(t, before+1, d.asked("GET /"), "one request refreshes the page")
	require.Equal(t, "unreached", asks[string](s, chosen))
	require.True(t, asks[bool](s, "document.activeElement === document.querySelector('#part-resolve [value=unreached]')"))
	require.True(t, asks[bool](s, "document.getElementById('part-cancel').open"))
	d.Tried(d.now(n), attempt.NotReached)
	s.until(has("facts", "1 keer geprobeerd"))
	require.True(t, asks[bool](s, "document.getElementById('part-resolve').open"))
	s.blameless()
}

func TestADraftOfANewNoteIsForItsOwnCaller(t *testing.T) {
	fillsIn := func(s *seat) {
		s.goes("/notes/new")
		s.types("#number", "06 1234 5678")
		s.types("#subject", "Rijbewijs")
		s.presses(kb.Tab + kb.Tab + "i") // In de ochtend
		s.clicks("[name=separate]")
	}
	const filled = `["number", "subject", "window"].map(id => document.getElementById(id).value).join()`
	const whole = "06 1234 5678,Rijbewijs,09:00-12:00"
	ticked := func(s *seat) bool { return asks[bool](s, "document.querySelector('[name=separate]').checked") }
	d := open(t)
	for name, test := range map[string]struct {
		then  func(s *seat)
		after string
	}{
		"the page is loaded anew": {func(s *seat) { s.goes("/notes/new") }, whole},
		"another number rings": {func(s *seat) {
			s.goes("/notes/new?number=0570123456")
		}, "0570123456,,"},
		"another number rings, and goes": {func(s *seat) {
			s.goes("/notes/new?number=0570123456")
			s.goes("/notes/new")
		}, whole},
		"it is cleared": {func(s *seat) {
			s.clicks("[data-forget]")
			s.until("document.getElementById('number').value === ''")
			s.goes("/notes/new")
		}, ",,"},
		"they come back much later": {func(s *seat) {
			s.goes("/")
			s.beforehand("{ const now = Date.now; Date.now = () => now() + 16 * 60000 }")
			s.goes("/notes/new")
		}, ",,"},
		"it is sent": {func(s *seat) {
			s.types("#team", "Burgerzaken")
			s.clicks("main form button")
			s.sees(".tell")
			s.goes("/notes/new")
		}, ",,"},
	} {
		t.Run(name, func(t *testing.T) {
			s := d.sits("cem")
			fillsIn(s)
			require.Equal(t, whole, asks[string](s, filled))
			test.then(s)
			require.Equal(t, test.after, asks[string](s, filled))
			require.Equal(t, test.after == whole, ticked(s))
			s.blameless()
		})
	}
}

func TestTheTimeThatIsLeftIsCountedOn(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.beforehand("{ const each = window.setInterval; window.setInterval = (f, ms) => each(f, ms === 60000 ? 300 : ms) }")
	for path, id := range map[string]string{"/": "due-" + string(n.ID), at(n): "live"} {
		s.goes(path)
		before := d.Active()
		d.follows(1)
		asks[any](s, fmt.Sprintf("document.getElementById(%q).querySelector('.nl-data-badge').append('oud'); null", id))
		s.until("!" + has(id, "oud"))
		require.Equal(t, before, d.Active())
	}
	s.blameless()
}

func TestWhatCameOfACallIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		line  attempt.LineResult
		says  string
		tries int
	}{
		"their own phone is not answered": {"", "De beller is niet gebeld", 0},
		"the caller does not answer":      {attempt.LineNoAnswer, "niet bereikt (nam niet op)", 1},
		"the trunk is down":               {attempt.LineFailed, "niet bereikt (geen verbinding)", 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			n := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
			s := d.sits("cem")
			s.goes(at(n))
			d.follows(1)
			s.shortcut("b")
			s.until(has("message", "Uw telefoon gaat zo over"))
			s.sees("[data-poll]")
			if test.line != "" {
				started, err := d.Worklist.StartAttempt(t.Context(), d.Step(d.now(n), "cem"), "")
				require.NoError(t, err)
				d.SetStage("cem", n.ID, "caller")
				s.until(has("live", "De telefoon van de beller gaat over"))
				_, err = d.Worklist.EndAttempt(t.Context(), d.Step(started, "cem"), test.line, 0, attempt.NotReached)
				require.NoError(t, err)
			}
			d.SetStage("cem", n.ID, "")
			s.until(has("message", test.says))
			require.Contains(t, s.reads("#status"), test.says)
			require.False(t, asks[bool](s, "!!document.querySelector('[data-poll]')"))
			s.blameless()
		})
	}
}

func TestFoundNotesAreLiveToo(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) { r.Name = "José de Vries" })
	s := d.sits("cem")
	s.goes("/search?q=jos%C3%A9")
	d.follows(1)
	d.Claim(n, "dirkje")
	s.until(has(row(n), "Dirkje de Boer"))
	require.False(t, asks[bool](s, "!!document.getElementById('news')"))
	s.blameless()
}

func TestAPauseAndSwitchedOffKeysHoldForEveryPage(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes("/")
	s.clicks("#pause")
	s.shortcut("?")
	s.clicks("#keys-on")
	s.goes(at(n))
	require.Equal(t, "Weer bijwerken", s.reads("#pause"))
	tab := d.tab(s.ctx, "")
	tab.goes(at(n))
	require.Equal(t, "Weer bijwerken", tab.reads("#pause"))
	tab.shortcut("n")
	require.Equal(t, at(n), asks[string](tab, "location.pathname"))
	d.Claim(n, "dirkje")
	d.follows(0)
	require.Contains(t, tab.reads("#live"), "Niemand heeft deze notitie")
	tab.clicks("#pause")
	tab.until(has("live", "Dirkje de Boer"))
	s.until(has("live", "Dirkje de Boer")) // the other tab goes on, too
	s.blameless()
}

func TestATabInTheBackgroundShowsTheTruth(t *testing.T) {
	d := open(t)
	n, other := d.Promise(pagestest.Permits, time.Hour, nil), d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes("/")
	d.follows(1)
	window := calls(s, browser.GetWindowForTarget, browser.GetWindowForTargetParams{})
	calls(s, browser.SetWindowBounds, browser.SetWindowBoundsParams{
		WindowID: window.WindowID, Bounds: &browser.Bounds{WindowState: "minimized"},
	})
	s.until("document.hidden")
	d.Claim(n, "dirkje")
	s.until(has(row(n), "Dirkje de Boer"))
	// the browser freezes it, and hands on nothing
	calls(s, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: "frozen"})
	d.Drop()
	d.Claim(other, "dirkje")
	calls(s, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: "active"})
	s.until(has(row(other), "Dirkje de Boer"))
}

func TestANoteThatIsPassedOnLeadsToTheListAndSaysThatItWorked(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes(at(n))
	d.follows(1)
	asks[bool](s, "document.getElementById('part-reroute').open = true")
	s.types("#reroute-team", "Belastingen")
	s.types("#reroute-reason", "Dit gaat over de WOZ")
	s.clicks("#part-reroute button")
	s.until("location.pathname === '/'")
	s.sees("#message")
	require.Contains(t, s.reads("#message"), "Gelukt")
	require.NotContains(t, s.reads("#main"), "Niet meer van uw team")
	require.Equal(t, 0, asks[int](s, "document.querySelectorAll('#notice > p').length"))
	s.blameless()
}

func TestWhatWasSaidOfANoteIsNotSaidOfTheNext(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes(at(n))
	d.follows(1)
	s.clicks("#do-claim")
	s.until("document.querySelector('#message')?.textContent.includes('van u')")
	_, err := d.Worklist.Release(t.Context(), d.Step(d.now(n), "lotte"), "overgenomen")
	require.NoError(t, err)
	s.until("document.querySelector('#live').textContent.includes('Niemand heeft')")
	require.Equal(t, "hidden", asks[string](s, "getComputedStyle(document.querySelector('#message')).visibility"))
	s.blameless()
}
