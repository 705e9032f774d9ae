package browser

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/test/pagestest"
)

// now gives a note as it is in the store.
func (d *desk) now(n note.Note) note.Note {
	d.t.Helper()
	n, err := d.Note(d.t.Context(), n.Municipality, n.ID)
	require.NoError(d.t, err)
	return n
}

// follows waits until as many pages hear of changes.
func (d *desk) follows(pages int) {
	d.t.Helper()
	require.Eventually(d.t, func() bool { return d.Readers() == pages }, aWhile, 20*time.Millisecond)
}

func TestOfTwoPeopleWhoTakeOneNoteTheSlowerIsTold(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	cem, dirkje := d.sits("cem"), d.sits("dirkje")
	cem.goes(at(n))
	dirkje.goes(at(n))
	// the slower one's page has not heard of it yet
	dirkje.deaf()
	cem.clicks("#do-claim")
	cem.sees("#do-call")
	require.Equal(t, call.AgentID("cem"), d.now(n).Colleague)
	dirkje.clicks("#do-claim")
	dirkje.sees("#message")
	require.Contains(t, dirkje.reads("#message"), "Cem Kaya was first: took the note")
	require.Equal(t, call.AgentID("cem"), d.now(n).Colleague)
	require.False(t, asks[bool](dirkje, "!!document.getElementById('do-claim')"))
	cem.blameless()
	dirkje.blameless()
}

func TestANoteIsWorkedToItsEndByKeyboardAlone(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes("/")
	s.shortcut("j")
	require.Equal(t, "open-"+string(n.ID), s.focus())
	s.shortcut("p")
	s.sees("#do-call")
	s.shortcut("b")
	s.sees("[data-poll]")
	require.Equal(t, []note.ID{n.ID}, d.Rung())
	require.Contains(t, s.reads("#live"), "Uw telefoon gaat")
	// the colleague has picked up: the daemon begins the attempt
	_, err := d.Worklist.StartAttempt(t.Context(), d.Step(d.now(n), "cem"), "1.1")
	require.NoError(t, err)
	d.SetStage("cem", n.ID, "")
	s.sees("#end-reached")
	s.shortcut("u")
	require.Equal(t, "end-reached", s.focus())
	s.presses(kb.Enter)
	s.sees("#part-resolve[open] #resolve-reason")
	require.Equal(t, attempt.Reached, d.now(n).Attempts[0].Result)
	s.shortcut("a") // the outcome, which is chosen already
	s.presses(kb.Tab)
	require.Equal(t, "resolve-reason", s.focus())
	s.presses("Vergunning ligt klaar")
	s.presses(kb.Tab + kb.Enter)
	s.until("document.querySelector('#message')?.textContent.includes('afgehandeld')")
	require.Equal(t, note.Resolved, d.now(n).State)
	s.blameless()
}

func TestNothingThatWasTypedIsLost(t *testing.T) {
	const words = "Beller wil weten of de leges al betaald zijn.\nGraag voor 12 uur."
	typing := func(t *testing.T, d *desk, n note.Note) *seat {
		t.Helper()
		s := d.sits("cem")
		s.goes(at(n))
		d.follows(1)
		s.shortcut("o")
		s.types("#comment-text", words)
		return s
	}
	tests := map[string]func(t *testing.T, d *desk, n note.Note, s *seat){
		"the page is loaded anew": func(_ *testing.T, _ *desk, n note.Note, s *seat) { s.goes(at(n)) },
		"somebody else changes the note meanwhile": func(t *testing.T, d *desk, n note.Note, s *seat) {
			_, err := d.Worklist.Raise(t.Context(), d.Step(n, "dirkje"), "haast")
			require.NoError(t, err)
			s.until("document.getElementById('history').textContent.includes('haast')")
			require.Contains(t, s.reads("#status"), "net veranderd")
			require.Equal(t, "comment-text", s.focus(), "the caret stays")
		},
		"the store is away": func(t *testing.T, d *desk, n note.Note, s *seat) {
			d.Fail(errors.New("away"))
			s.clicks("#part-comment button")
			s.sees("#again-text")
			require.Equal(t, words, s.value("#again-text"))
			d.Fail(nil)
			s.goes(at(n))
		},
		"the session is over, and they sign in again": func(t *testing.T, _ *desk, n note.Note, s *seat) {
			s.signsOut()
			s.clicks("#part-comment button")
			s.sees("#notice a")
			require.Contains(t, s.reads("#notice"), "Er is niets verstuurd")
			require.Contains(t, s.reads("#notice"), "U bent uitgelogd")
			require.Equal(t, "/sign-in?next="+url.QueryEscape(at(n)), asks[string](s, "document.querySelector('#notice a').getAttribute('href')"))
			require.Equal(t, "_blank", asks[string](s, "document.querySelector('#notice a').target"))
			require.Equal(t, words, s.value("#comment-text"))
			s.signsIn("cem")
		},
		"the session is over, and the page hears of it": func(t *testing.T, d *desk, _ note.Note, s *seat) {
			d.EndSession("cem", true)
			d.Drop()
			s.sees("#notice a")
			require.Equal(t, "comment-text", s.focus(), "the caret stays")
			d.EndSession("cem", false)
			asks[any](s, "dispatchEvent(new Event('focus')); null")
			s.until("!document.querySelector('#notice > p')")
		},
		"a server in front answers with a page of its own": func(t *testing.T, d *desk, _ note.Note, s *seat) {
			d.broken.Store(true)
			s.clicks("#part-comment button")
			s.sees("#notice [data-name=unsent]")
			d.broken.Store(false)
		},
		"the answer does not come": func(_ *testing.T, d *desk, _ note.Note, s *seat) {
			d.stalls.Store(true)
			asks[any](s, "htmx.config.defaultTimeout = 300; null")
			s.clicks("#part-comment button")
			s.sees("#notice [data-name=unsure]")
			asks[any](s, "htmx.config.defaultTimeout = 15000; null")
			d.stalls.Store(false)
		},
		"nobody answers": func(t *testing.T, d *desk, _ note.Note, s *seat) {
			d.away.Store(true)
			d.Drop()
			s.sees("#notice [data-name=lost]")
			s.clicks("#part-comment button")
			s.sees("#notice [data-name=unsent]")
			d.away.Store(false)
			s.until("document.getElementById('status').textContent.includes('weer')")
			require.Equal(t, 0, asks[int](s, "document.querySelectorAll('#notice [data-name=lost]').length"))
		},
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			n := d.Promise(pagestest.Permits, time.Hour, nil)
			s := typing(t, d, n)
			happens(t, d, n, s)
			s.sees("#comment-text")
			require.Equal(t, words, s.value("#comment-text"))
			s.clicks("#part-comment button")
			s.until("document.querySelector('#message')?.textContent.includes('opmerking')")
			events, err := d.Events(t.Context(), n.Municipality, n.ID)
			require.NoError(t, err)
			require.Equal(t, words, events[len(events)-1].Reason)
			s.goes(at(n))
			require.Empty(t, s.value("#comment-text"), "a text that has arrived does not come back")
			s.blameless()
		})
	}
}

func TestSomebodyElseWasFirstAndTheTextIsKept(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.goes(at(n))
	d.follows(1)
	s.deaf()
	asks[bool](s, "document.getElementById('part-cancel').open = true")
	s.types("#cancel-reason", "Al geholpen aan de balie")
	_, err := d.Worklist.Raise(t.Context(), d.Step(n, "dirkje"), "haast")
	require.NoError(t, err)
	s.clicks("#part-cancel button")
	s.sees("#message")
	require.Contains(t, s.reads("#message"), "Dirkje de Boer was u voor")
	require.Equal(t, "Al geholpen aan de balie", s.value("#cancel-reason"))
	s.blameless()
}

func TestNewNotesAnnounceThemselvesAndNothingMoves(t *testing.T) {
	d := open(t)
	d.day()
	s := d.sits("cem")
	s.goes("/")
	d.follows(1)
	const places = `JSON.stringify([...document.querySelectorAll("#rows > tr")].map(r => [r.id, r.getBoundingClientRect().top]))`
	before := asks[string](s, places)
	first := d.Promise(pagestest.Permits, 20*time.Hour, nil)
	s.sees("#news")
	require.Equal(t, "1 nieuwe notitie. Lijst vernieuwen", s.reads("#news"))
	d.Promise(pagestest.Registry, 0, nil)
	d.Promise(pagestest.Tax, 0, nil) // not theirs
	s.until("document.getElementById('news').textContent.startsWith('2 ')")
	require.Equal(t, before, asks[string](s, places))
	require.Equal(t, "2 nieuwe notities. Lijst vernieuwen", s.reads("#status"))
	s.clicks("#news")
	s.sees("#n-" + string(first.ID))
	s.blameless()
}

func TestAClaimByAColleagueShowsAtOnceWithoutMovingARow(t *testing.T) {
	d := open(t)
	notes := d.day()
	s := d.sits("cem")
	s.goes("/")
	d.follows(1)
	const tops = `JSON.stringify([...document.querySelectorAll("#rows > tr")].map(r => r.getBoundingClientRect().top))`
	before := asks[string](s, tops)
	asks[any](s, "document.getElementById('open-"+string(notes["late"].ID)+"').focus()")
	d.Claim(notes["late"], "dirkje")
	s.until("document.getElementById('n-" + string(notes["late"].ID) + "').textContent.includes('Dirkje de Boer')")
	require.Equal(t, before, asks[string](s, tops))
	require.Equal(t, "open-"+string(notes["late"].ID), s.focus(), "the focus stays")
	asks[any](s, "document.getElementById('claim-"+string(notes["open"].ID)+"').focus()")
	d.Claim(notes["open"], "anouk")
	s.until(has(row(notes["open"]), "Anouk Vermeulen"))
	require.Equal(t, "open-"+string(notes["open"].ID), s.focus(), "the focus stays near a button that is gone")
	s.clicks("#pause")
	d.Claim(d.now(notes["soon"]), "dirkje")
	require.Equal(t, "Weer bijwerken", s.reads("#pause"))
	require.NotContains(t, s.reads("#n-"+string(notes["soon"].ID)), "Dirkje")
	s.clicks("#pause")
	s.until("document.getElementById('n-" + string(notes["soon"].ID) + "').textContent.includes('Dirkje de Boer')")
	s.blameless()
}

func TestScriptInWordsOfCallersIsText(t *testing.T) {
	d := open(t)
	const script = `<script>document.title="x"</script><img src=x onerror="document.title='x'">"'><svg onload=alert(1)>`
	n := d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) {
		r.Subject, r.Reason = script[:90], script
	})
	claimed := d.Claim(n, "cem")
	commented, err := d.Worklist.Comment(t.Context(), d.Step(claimed, "cem"), script)
	require.NoError(t, err)
	_, err = d.Worklist.Raise(t.Context(), d.Step(commented, "cem"), script)
	require.NoError(t, err)
	s := d.sits("cem")
	for _, path := range []string{
		"/", at(n), "/search?q=" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22onfocus%3Dalert(1)%20autofocus%3D%22",
		at(n) + "?done=%3Cscript%3E&form=%22%3E%3Cscript%3E", "/?only=%22%3E%3Cscript%3E&after=%3Cscript%3E",
		"/notes/new?number=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
	} {
		s.goes(path)
		require.Equal(t, 1, asks[int](s, "document.scripts.length"), path)
		require.Zero(t, asks[int](s, "document.querySelectorAll('img, [onerror], [onload], [onfocus]').length"), path)
		require.NotEqual(t, "x", asks[string](s, "document.title"), path)
	}
	require.Contains(t, asks[string](s, "fetch('"+at(n)+"').then(r => r.text())"), "&lt;script&gt;")
	s.blameless()
}

func TestThePagesWorkWithoutScript(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	s := d.sits("cem")
	s.withoutScript()
	s.goes("/")
	s.clicks("#claim-" + string(n.ID))
	s.sees("#do-start")
	s.clicks("#do-start")
	s.sees("#end-not_reached")
	s.clicks("#end-not_reached")
	s.sees("#part-reroute")
	s.clicks("#part-reroute summary")
	s.types("#reroute-team", "belastingen")
	s.types("#reroute-reason", "Gaat over de WOZ")
	s.clicks("#part-reroute button")
	s.sees(".filters")
	require.Eventually(t, func() bool { return d.now(n).Team == pagestest.Tax }, aWhile, 20*time.Millisecond)
	require.Equal(t, n.Deadline, d.now(n).Deadline)
}

func TestANoteIsMadeByHandAndTheCallerIsTold(t *testing.T) {
	d := open(t)
	s := d.sits("cem")
	s.goes("/")
	s.shortcut("n")
	s.sees("#number")
	require.Equal(t, "number", s.focus())
	s.presses("tel:+31 (0)6–1234 5678" + kb.Tab + "Klantcontactcentrum" + kb.Tab +
		"José de Vries" + kb.Tab + "Rijbewijs" + kb.Tab + "Verlopen" + kb.Tab)
	s.clicks("main form button")
	s.sees(".tell__words")
	found, err := d.Due(context.Background(), pagestest.Deventer, pagestest.Centre, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "+31612345678", found[0].Number.E164)
	require.Equal(t, "José de Vries", found[0].Name)
	digits := strings.Join(strings.Fields(s.reads(".tell__words")), "")
	require.Contains(t, digits, string(found[0].Reference))
	s.do(chromedp.Reload())
	s.blameless()
}

func TestAWarningComesBeforeTheSessionEnds(t *testing.T) {
	d := open(t, func(o *signin.Options) { o.Idle = 100 * time.Second })
	s := d.sits("cem")
	s.goes("/")
	s.sees("#idle[open]")
	s.accessible("the warning")
	s.clicks("#idle button")
	s.until("!document.getElementById('idle').open")
	s.blameless()
}
