package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/pagestest"
	"github.com/bereikbaar/bereikbaar/web/pages"
)

//go:embed axe/axe.min.js
var axe string

// rules are those of WCAG 2.2 AA and of good practice, the size of targets among them.
const rules = `axe.run(document, {rules: {"target-size": {enabled: true}},
	runOnly: {type: "tag", values: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]}})
	.then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help,
		nodes: v.nodes.map(n => n.html.slice(0, 300) + " — " + n.failureSummary)}))))`

// accessible requires that axe finds nothing on the page as it is.
func (s *seat) accessible(where string) {
	s.t.Helper()
	asks[any](s, axe+"; null")
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	require.NoError(s.t, json.Unmarshal([]byte(asks[string](s, rules)), &found))
	for _, f := range found {
		s.t.Errorf("%s: %s (%s)", where, f.Help, f.ID)
		for _, n := range f.Nodes {
			s.t.Log("   ", n)
		}
	}
}

// fits requires that nothing makes the page wider than its window (WCAG 1.4.10).
func (s *seat) fits(where string) {
	s.t.Helper()
	wide := asks[int](s, "document.documentElement.scrollWidth - document.documentElement.clientWidth")
	require.LessOrEqual(s.t, wide, 0, where)
}

// state is a page in one of its states.
type state struct {
	name string
	path string
	who  call.AgentID
	then func(s *seat)
}

// states are all pages, each in all its states.
func states(d *desk) []state {
	notes := d.day()
	calling := d.Claim(d.Promise(pagestest.Permits, 0, nil), "cem")
	calling, err := d.Worklist.StartAttempt(d.t.Context(), d.Step(calling, "cem"), "")
	require.NoError(d.t, err)
	reached := d.Tried(d.Claim(d.Promise(pagestest.Permits, 0, nil), "cem"), attempt.Reached)
	resolved, err := d.Worklist.Resolve(
		d.t.Context(), d.Step(d.Tried(d.Claim(d.Promise(pagestest.Permits, 0, nil), "cem"), attempt.Reached), "cem"),
		note.Reached, "De vergunning is klaar.",
	)
	require.NoError(d.t, err)
	desk := d.Claim(d.Promise(pagestest.Permits, 0, nil), "cem")
	opened := func(part string) func(*seat) {
		return func(s *seat) { asks[bool](s, fmt.Sprintf("document.getElementById('part-%s').open = true", part)) }
	}
	return []state{
		{"list", "/", "cem", nil},
		{"list-empty", "/", "teun", nil},
		{"list-nothing", "/?only=overdue&team=burgerzaken", "cem", nil},
		{"list-lead", "/?only=mine", "lotte", nil},
		{"search-nothing", "/search?q=0570-123456", "cem", nil},
		{"search-how", "/search?q=%3F%3F", "cem", nil},
		{"search-found", "/search?q=06+12345601", "cem", nil},
		{"note-open", at(notes["open"]), "cem", nil},
		{"note-late", at(notes["late"]), "cem", nil},
		{"note-mine", at(notes["mine"]), "cem", opened("reroute")},
		{"note-theirs", at(notes["theirs"]), "cem", opened("comment")},
		{"note-lead", at(notes["theirs"]), "lotte", opened("release")},
		{"note-reader", at(notes["theirs"]), "rik", nil},
		{"note-desk", at(desk), "cem", func(s *seat) {
			s.SetStage("cem", desk.ID, pages.StageDesk)
			s.goes(at(desk))
		}},
		{"note-calling", at(calling), "cem", nil},
		{"note-reached", at(reached), "cem", nil},
		{"note-resolved", at(resolved), "lotte", opened("reopen")},
		{"note-conflict", at(notes["open"]), "cem", func(s *seat) {
			opened("comment")(s)
			s.types("#comment-text", "Teruggebeld, geen gehoor")
			asks[bool](s, "(document.querySelector('#part-comment [name=ver]').value = '99') === '99'")
			s.clicks("#part-comment button")
			s.sees("#message")
		}},
		{"note-wrong", at(notes["open"]), "cem", func(s *seat) {
			opened("reroute")(s)
			s.types("#reroute-team", "Niets")
			s.clicks("#part-reroute button")
			s.sees("#reroute-team-wrong")
		}},
		{"new", "/notes/new", "cem", nil},
		{"new-wrong", "/notes/new", "cem", func(s *seat) {
			s.types("#number", "0612")
			s.clicks("main form button")
			s.sees("#number-wrong")
		}},
		{"new-done", "/notes/new", "cem", func(s *seat) {
			s.types("#number", "+31 (0)6-87654321")
			s.types("#team", "Burgerzaken")
			s.types("#subject", "Rijbewijs")
			s.clicks("main form button")
			s.sees(".tell")
		}},
		{"me", "/me", "cem", nil},
		{"team", "/team", "lotte", nil},
		{"team-all", "/team?team=burgerzaken", "ada", nil},
		{"people", "/people", "ada", nil},
		{"people-wrong", "/people", "ada", func(s *seat) {
			s.types("#id", "{}")
			s.clicks("main form button")
			s.sees("#id-wrong")
		}},
		{"person", "/people/cem", "ada", nil},
		{"person-new", "/people/a.devries", "ada", func(s *seat) {
			s.types("#phone", "trunk")
			s.clicks("main form button")
			s.sees("#phone-wrong")
		}},
		{"404", "/notes/12345678", "cem", nil},
		{"403", "/notes/new", "rik", nil},
		{"keys", "/", "cem", func(s *seat) {
			s.shortcut("?")
			s.sees("#keys")
		}},
		{"sign-in", "/sign-in", "", nil},
		{"sign-in-both", "/sign-in?both", "", nil},
		{"sign-in-code", "/sign-in/code", "", nil},
		{"sign-in-first", "/sign-in/first", "", nil},
		{"sign-in-told", "/sign-in/told", "", nil},
	}
}

func TestEveryPageIsAccessibleInBothLanguages(t *testing.T) {
	d := open(t)
	all := states(d)
	s := d.sits("")
	for _, language := range []string{"nl", "en"} {
		for _, st := range all {
			s.signsOut()
			s.goes("/sign-in")
			asks[any](s, "sessionStorage.clear(); null") // what was typed in the state before
			if st.who != "" {
				d.Reads(st.who, language)
				s.signsIn(st.who)
			}
			d.accept = language
			s.wide(1280, 900, 1)
			s.goes(st.path)
			if st.then != nil {
				st.then(s)
			}
			where := st.name + "-" + language
			require.Equal(t, language, asks[string](s, "document.documentElement.lang"), where)
			s.accessible(where)
			if language == "nl" {
				s.shoots(st.name + "-1280")
			}
			s.wide(320, 700, 1)
			s.fits(where)
			if language == "nl" {
				s.accessible(where + " at 320")
				s.shoots(st.name + "-320")
				s.wide(640, 450, 2) // 1280 at 200 %
				s.shoots(st.name + "-200")
				s.fits(where + " at 200 %")
			}
		}
	}
	s.blameless()
}

func TestPicturesInForcedColours(t *testing.T) {
	d := open(t)
	notes := d.day()
	s := d.sits("cem")
	s.forced(true)
	for name, path := range map[string]string{"list": "/", "note": at(notes["mine"]), "new": "/notes/new"} {
		s.goes(path)
		s.accessible(name + " in forced colours")
		s.shoots(name + "-forced")
	}
	s.blameless()
}
