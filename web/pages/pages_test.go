package pages_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/pagestest"
	"github.com/bereikbaar/bereikbaar/web/pages"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is the pages of a town, without a network between them and the test.
type desk struct {
	*pagestest.Town
	t   testing.TB
	web http.Handler
	log *strings.Builder
}

func open(t testing.TB, change ...func(*pages.Options)) *desk {
	t.Helper()
	d := &desk{Town: pagestest.New(), t: t, log: &strings.Builder{}}
	d.web = d.As(d.Pages(slog.New(slog.NewTextHandler(d.log, nil)), change...))
	return d
}

// reply is a page as it was sent.
type reply struct {
	*http.Response
	text string
}

func (d *desk) asks(who call.AgentID, method, path string, form url.Values) reply {
	d.t.Helper()
	return d.raw(who, method, path, form.Encode())
}

// raw sends a body as it is.
func (d *desk) raw(who call.AgentID, method, path, body string) reply {
	d.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if who != "" {
		r.AddCookie(pagestest.CookieOf(who))
	}
	w := httptest.NewRecorder()
	d.web.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	require.NoError(d.t, err)
	return reply{w.Result(), string(text)}
}

func (d *desk) gets(who call.AgentID, path string) reply {
	d.t.Helper()
	return d.asks(who, http.MethodGet, path, nil)
}

// does an act with a note at the version that n has. Fields come in pairs.
func (d *desk) does(who call.AgentID, n note.Note, act string, fields ...string) reply {
	d.t.Helper()
	form := url.Values{"ver": {strconv.FormatUint(n.Ver, 10)}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return d.asks(who, http.MethodPost, "/notes/"+string(n.Reference)+"/"+act, form)
}

func (d *desk) now(n note.Note) note.Note {
	d.t.Helper()
	n, err := d.Note(d.t.Context(), n.Municipality, n.ID)
	require.NoError(d.t, err)
	return n
}

func TestANoteOfAnotherTeamLooksLikeNone(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Tax, time.Hour, nil)
	id := regexp.MustCompile(`[0-9]{8}|[0-9A-Z]{26}|data-(ends|last)="[0-9]+"`) // and how long the session has
	none := d.gets("cem", "/notes/12345674")
	require.Equal(t, http.StatusNotFound, none.StatusCode)
	for _, path := range []string{
		"/notes/" + string(n.Reference), "/notes/" + string(n.ID), "/live/notes/" + string(n.Reference),
	} {
		got := d.gets("cem", path)
		require.Equal(t, http.StatusNotFound, got.StatusCode, path)
		require.Equal(t, id.ReplaceAllString(none.text, ""), id.ReplaceAllString(got.text, ""), path)
	}
	for _, act := range []string{"claim", "comment", "reroute", "cancel", "nothing"} {
		require.Equal(t, http.StatusNotFound, d.does("cem", n, act, "text", "x").StatusCode, act)
	}
	require.Equal(t, n.Ver, d.now(n).Ver)
	require.NotContains(t, d.gets("cem", "/").text, string(n.ID))
	require.Equal(t, http.StatusNotFound, d.gets("cem", "/?team=belastingen").StatusCode)
	found := d.gets("cem", "/search?q="+string(n.Reference))
	require.NotContains(t, found.text, string(n.ID))
	require.NotContains(t, d.gets("cem", "/search?q="+url.QueryEscape(n.Number.E164)).text, string(n.ID))
}

func TestWhatEachRoleMayDo(t *testing.T) {
	const ok, forbidden, missing = http.StatusSeeOther, http.StatusForbidden, http.StatusNotFound
	all := map[string]map[call.AgentID]int{
		"claim":   {"rik": forbidden, "dirkje": ok, "lotte": ok, "teun": missing, "anouk": ok, "ada": ok},
		"comment": {"rik": forbidden, "dirkje": ok, "lotte": ok, "teun": missing, "anouk": ok, "ada": ok},
		"raise":   {"rik": forbidden, "dirkje": ok, "lotte": ok, "teun": missing, "anouk": ok, "ada": ok},
		"reroute": {"rik": forbidden, "dirkje": ok, "lotte": ok, "teun": missing, "anouk": ok, "ada": ok},
		"cancel":  {"rik": forbidden, "dirkje": ok, "lotte": ok, "teun": missing, "anouk": ok, "ada": ok},
		"release": {"rik": forbidden, "dirkje": forbidden, "lotte": ok, "teun": missing, "anouk": forbidden, "ada": ok},
		"reopen":  {"rik": forbidden, "dirkje": forbidden, "lotte": ok, "teun": missing, "anouk": forbidden, "ada": ok},
	}
	for act, people := range all {
		for who, want := range people {
			t.Run(act+" by "+string(who), func(t *testing.T) {
				d := open(t)
				n := d.Promise(pagestest.Permits, time.Hour, nil)
				switch act {
				case "release": // another's
					n = d.Claim(n, "cem")
				case "reopen":
					var err error
					n, err = d.Worklist.Cancel(t.Context(), d.Step(n, "cem"), "")
					require.NoError(t, err)
				}
				got := d.does(who, n, act, "text", "x", "reason", "x", "team", "kcc")
				require.Equal(t, want, got.StatusCode, got.text)
				require.Equal(t, want == ok, d.now(n).Ver > n.Ver)
				if page := d.gets(who, "/notes/"+string(n.Reference)); want == forbidden {
					require.NotContains(t, page.text, "/"+act+`"`, "a page offers nothing that is refused")
				}
			})
		}
	}
}

func TestAReaderSeesNoNumber(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	number := strings.Join(n.Number.Groups(), " ")
	for _, path := range []string{"/", "/notes/" + string(n.Reference), "/search?q=" + string(n.Reference)} {
		require.NotContains(t, d.gets("rik", path).text, number, path)
		require.NotContains(t, d.gets("rik", path).text, n.Number.E164, path)
	}
	require.Contains(t, d.gets("cem", "/").text, number)
	require.NotContains(t, d.gets("rik", "/search?q="+url.QueryEscape(n.Number.E164)).text, string(n.ID))
}

func TestAChangeIsForTheVersionThatWasSeen(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	d.Claim(n, "dirkje")
	got := d.does("cem", n, "reroute", "team", "Belastingen", "reason", "gaat over de WOZ")
	require.Equal(t, http.StatusConflict, got.StatusCode)
	require.Contains(t, got.text, "Dirkje de Boer was u voor: pakte de notitie")
	require.Contains(t, got.text, "gaat over de WOZ", "their text is kept")
	for _, ver := range []string{"", "0", "x", "-1"} {
		form := url.Values{"ver": {ver}, "text": {"x"}}
		got := d.asks("cem", http.MethodPost, "/notes/"+string(n.Reference)+"/comment", form)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, ver)
	}
	require.EqualValues(t, 2, d.now(n).Ver)
}

func TestWhileTheStoreIsAwayTheTextIsKept(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	d.Fail(errors.New("away"))
	got := d.does("cem", n, "comment", "text", "belde <b>terug</b>")
	require.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	require.Equal(t, "30", got.Header.Get("Retry-After"))
	require.Contains(t, got.text, "belde &lt;b&gt;terug&lt;/b&gt;</textarea>")
	require.Contains(t, got.text, `name="ver" value="1"`)
	require.Equal(t, http.StatusServiceUnavailable, d.gets("cem", "/").StatusCode)
	require.NotContains(t, d.log.String(), "terug</b>")
}

func TestACallThatIsRefusedSaysWhy(t *testing.T) {
	d := open(t)
	n := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
	for _, reason := range dialling.Reasons() {
		d.Silence(&dialling.Error{Code: reason, Text: "x", Colleague: "dirkje", Since: time.Now()})
		got := d.does("cem", n, "call")
		require.NotContains(t, got.text, "dial."+string(reason))
		require.NotContains(t, got.text, "%!", reason)
		require.GreaterOrEqual(t, got.StatusCode, 400, reason)
	}
	d.Silence(&dialling.Error{Code: dialling.ReasonEngaged, Colleague: "dirkje", Since: time.Now()})
	require.Contains(t, d.does("cem", n, "call").text, "Dirkje de Boer belt nu met dit nummer")
	require.Empty(t, d.Rung())
}

func TestOutcomesInTwoClicks(t *testing.T) {
	for _, result := range attempt.Results() {
		t.Run(string(result), func(t *testing.T) {
			d := open(t)
			n := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
			require.Equal(t, http.StatusSeeOther, d.does("cem", n, "start").StatusCode)
			n = d.now(n)
			require.Contains(t, d.gets("cem", "/notes/"+string(n.Reference)).text, `value="`+string(result)+`"`)
			require.Equal(t, http.StatusSeeOther, d.does("cem", n, "end", "result", string(result)).StatusCode)
			require.Equal(t, result, d.now(n).Attempts[0].Result)
		})
	}
	d := open(t)
	n := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
	require.Equal(t, http.StatusUnprocessableEntity, d.does("cem", n, "resolve", "outcome", "unreached").StatusCode)
	require.Equal(t, http.StatusUnprocessableEntity, d.does("cem", n, "resolve", "outcome", "reached").StatusCode)
	require.Equal(t, http.StatusUnprocessableEntity, d.does("cem", n, "resolve").StatusCode)
	require.Equal(t, http.StatusSeeOther, d.does("cem", n, "resolve", "outcome", "settled").StatusCode)
}

func TestANoteThatWasSettledInACallNamesTheCall(t *testing.T) {
	d := open(t)
	theirs, other := d.Promise(pagestest.Permits, time.Hour, nil), d.Promise(pagestest.Permits, time.Hour, nil)
	d.Talks("cem", theirs, "1732300000.7")
	for n, in := range map[note.ID]call.ID{theirs.ID: "1732300000.7", other.ID: ""} {
		n, err := d.Note(t.Context(), pagestest.Deventer, n)
		require.NoError(t, err)
		require.Equal(t, http.StatusSeeOther, d.does("cem", n, "resolve", "outcome", "settled").StatusCode)
		events, err := d.Events(t.Context(), pagestest.Deventer, n.ID)
		require.NoError(t, err)
		require.Equal(t, in, events[len(events)-1].Call)
	}
}

func TestAnAdministratorGivesRolesAndAPhone(t *testing.T) {
	d := open(t)
	for _, who := range []call.AgentID{"rik", "cem", "lotte"} {
		for _, path := range []string{"/people", "/people/teun"} {
			require.Equal(t, http.StatusForbidden, d.gets(who, path).StatusCode, "%s %s", who, path)
		}
		got := d.asks(who, http.MethodPost, "/people/"+string(who), url.Values{"role-*": {"admin"}})
		require.Equal(t, http.StatusForbidden, got.StatusCode)
		require.Equal(t, http.StatusForbidden, d.asks(who, http.MethodPost, "/people/ada/forget", nil).StatusCode)
	}
	require.Contains(t, d.gets("ada", "/people").text, `href="/people/cem"`)
	got := d.asks("ada", http.MethodPost, "/people", url.Values{"id": {" A.Devries "}})
	require.Equal(t, "/people/a.devries", got.Header.Get("Location"))
	got = d.asks("ada", http.MethodPost, "/people", url.Values{"id": {"{x}"}})
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Equal(t, http.StatusNotFound, d.gets("ada", "/people/%7Bx%7D").StatusCode)

	sets := func(id string, fields ...string) reply {
		form := url.Values{}
		for i := 0; i+1 < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		form.Set("saw", saw(d.gets("ada", "/people/"+id).text))
		return d.asks("ada", http.MethodPost, "/people/"+id, form)
	}
	got = sets("a.devries", "name", "Anouk <de Vries>", "phone", "kcc7", "role-vergunningen", "lead", "role-kcc", "")
	require.Equal(t, "/people/a.devries?done=1", got.Header.Get("Location"), got.text)
	page := d.gets("ada", "/people/a.devries").text
	require.Contains(t, page, "Anouk &lt;de Vries&gt;")
	require.Contains(t, page, `value="kcc7"`)
	require.Regexp(t, `<option value="lead" selected`, page)
	for name, fields := range map[string][]string{
		"a way to other phones":      {"phone", "PJSIP/0900123456@trunk"},
		"a dialplan":                 {"phone", "Local/0900123456@from-phones"},
		"somebody else's":            {"phone", "teun"},
		"a name that is a story":     {"name", strings.Repeat("x", 81)},
		"a name with a line end":     {"name", "a\nb"},
		"an admin of one team":       {"role-kcc", "admin"},
		"a role that does not exist": {"role-*", "boss"},
	} {
		got := sets("a.devries", fields...)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, name)
		require.Contains(t, d.gets("ada", "/people/a.devries").text, `value="kcc7"`, name)
	}
	require.Contains(t, sets("cem", "role-vergunningen", "", "role-kcc", "agent").Header.Get("Location"), "done=1")
	require.Regexp(t, `vast in de configuratie`, d.gets("ada", "/people/cem").text, "the file's role stays")

	got = d.asks("ada", http.MethodPost, "/people/a.devries/forget", nil)
	require.Equal(t, "/people?done=a.devries", got.Header.Get("Location"))
	require.NotContains(t, d.gets("ada", "/people").text, `href="/people/a.devries"`)
	require.Contains(t, d.log.String(), "about=a.devries")
}

// saw is the version of a person's page.
func saw(page string) string {
	return regexp.MustCompile(`name="saw" value="([0-9a-f]*)"`).FindStringSubmatch(page)[1]
}

func TestAnOldPageOfAPersonGivesNoRoleBack(t *testing.T) {
	d := open(t)
	gives := func(saw string, roles ...string) int {
		form := url.Values{"name": {"Jan"}, "saw": {saw}}
		for _, team := range roles {
			form.Set("role-"+team, "lead")
		}
		return d.asks("ada", http.MethodPost, "/people/jan", form).StatusCode
	}
	require.Equal(t, http.StatusConflict, gives("", "vergunningen"), "of no page at all")
	require.Equal(t, http.StatusSeeOther, gives(saw(d.gets("ada", "/people/jan").text), "vergunningen"))
	old := saw(d.gets("ada", "/people/jan").text)
	require.Equal(t, http.StatusSeeOther, gives(old), "another administrator takes the role away")
	require.Equal(t, http.StatusConflict, gives(old, "vergunningen"))
	blank := saw(d.gets("ada", "/people/jan").text)
	require.Equal(t, http.StatusSeeOther, gives(blank), "a person without anything, too")
}

func TestAColleagueSetsTheirOwnPhoneUnlessTheConfigurationHasIt(t *testing.T) {
	d := open(t)
	got := d.asks("cem", http.MethodPost, "/me", url.Values{"language": {"en"}, "phone": {"kcc7"}})
	require.Equal(t, "/me?done=1", got.Header.Get("Location"))
	require.Contains(t, d.gets("cem", "/me").text, "PJSIP/cem")
	require.NotContains(t, d.gets("cem", "/me").text, "kcc7")
}

func TestTheSameFormSentTwiceMakesOneNote(t *testing.T) {
	d := open(t)
	form := url.Values{
		"key": {"01JD5V3Z5QXKZ9W7M2R4T6Y8AB"}, "number": {"06 1234 5678"}, "team": {"belastingen"}, "subject": {"WOZ"},
		"window": {"09:00-12:00"}, "language": {"nl"},
	}
	first := d.asks("cem", http.MethodPost, "/notes/new", form)
	second := d.asks("cem", http.MethodPost, "/notes/new", form)
	require.Equal(t, http.StatusSeeOther, first.StatusCode, first.text)
	to := first.Header.Get("Location")
	require.Equal(t, to, second.Header.Get("Location"))
	receipt := d.gets("cem", to)
	require.Equal(t, http.StatusOK, receipt.StatusCode)
	require.Regexp(t, `Wij bellen u .* voor .* terug. Uw kenmerk is`, receipt.text)
	require.NotContains(t, receipt.text, "/notes/0", "another team's note is not theirs to see")
	require.Equal(t, http.StatusNotFound, d.gets("dirkje", to).StatusCode, "nor is the receipt another's")
	form.Set("subject", "Iets anders")
	other := d.asks("cem", http.MethodPost, "/notes/new", form)
	require.Equal(t, http.StatusConflict, other.StatusCode, "the caller is not promised what they did not ask for")
	require.Contains(t, other.text, "Iets anders")
	form.Set("subject", "WOZ")
	notes, err := d.Due(t.Context(), pagestest.Deventer, pagestest.Tax, 10)
	require.NoError(t, err)
	require.Len(t, notes, 1)
	wrong := map[string]string{
		"number": "0800-1234", "team": "iets", "subject": strings.Repeat("x", 101), "reason": strings.Repeat("x", 2001),
		"key": "1",
	}
	for field, value := range wrong {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		bad.Set("key", "01JD5V3Z5QXKZ9W7M2R4T6Y8AC")
		bad.Set(field, value)
		got := d.asks("cem", http.MethodPost, "/notes/new", bad)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, field)
		if field != "key" {
			require.Contains(t, got.text, value, "what was typed is kept")
		}
	}
	require.Equal(t, http.StatusForbidden, d.gets("rik", "/notes/new").StatusCode)
}

func TestAListGoesOnByPages(t *testing.T) {
	d := open(t)
	for range 120 {
		d.Promise(pagestest.Permits, time.Hour, nil)
	}
	next := regexp.MustCompile(`href="(/\?after=[^"]+)" rel="next"`)
	path, seen := "/", map[string]bool{}
	for pages := 0; ; pages++ {
		require.Less(t, pages, 4)
		page := d.gets("cem", path)
		for _, m := range regexp.MustCompile(`id="n-([0-9A-Z]+)"`).FindAllStringSubmatch(page.text, -1) {
			require.False(t, seen[m[1]])
			seen[m[1]] = true
		}
		m := next.FindStringSubmatch(page.text)
		if m == nil {
			break
		}
		path = strings.ReplaceAll(m[1], "&amp;", "&")
	}
	require.Len(t, seen, 120)
}

func TestEveryAnswerIsSecured(t *testing.T) {
	d := open(t)
	for _, path := range []string{"/", "/notes/1", "/me", "/nothing", "/static/x/pages.css"} {
		header := d.gets("cem", path).Header
		require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			header.Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
	}
	require.Equal(t, "no-store", d.gets("cem", "/").Header.Get("Cache-Control"))
	big := d.asks("cem", http.MethodPost, "/me", url.Values{"language": {strings.Repeat("x", 1<<17)}})
	require.Equal(t, http.StatusRequestEntityTooLarge, big.StatusCode)
	inline := regexp.MustCompile(`<style|<script[^>]*>[^<]|\sstyle=|\son[a-z]+=|javascript:`)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	for _, path := range []string{"/", "/notes/" + string(n.Reference), "/notes/new", "/me"} {
		require.NotRegexp(t, inline, d.gets("cem", path).text, path)
	}
}

func TestFilesAreKeptByBrowsersAndSentSmall(t *testing.T) {
	d := open(t)
	css := regexp.MustCompile(`/static/[0-9a-f]{16}/pages\.css`).FindString(d.gets("cem", "/").text)
	r := httptest.NewRequest(http.MethodGet, css, nil)
	r.Header.Set("Accept-Encoding", "br, gzip")
	w := httptest.NewRecorder()
	d.web.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"))
	require.Less(t, w.Body.Len(), 20_000)
	plain := d.gets("", css)
	require.Empty(t, plain.Header.Get("Content-Encoding"))
	require.Contains(t, plain.text, ".nl-button")
	require.Equal(t, http.StatusNotFound, d.gets("", "/static/0000000000000000/pages.css").StatusCode)
	require.Equal(t, http.StatusNotFound, d.gets("", strings.Replace(css, "pages.css", "..%2fpages.go", 1)).StatusCode)
}

func TestAMunicipalityHasItsOwnLook(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	logo, tokens := write("wapen.svg", "<svg/>"), write("thema.css", ":root{--x:1}")
	fonts := []string{write("deventer.woff2", "x")}
	look, err := pages.OpenLook(pages.LookFiles{Logo: logo, Tokens: tokens, Fonts: fonts})
	require.NoError(t, err)
	d := open(t)
	d.web = d.As(d.Pages(slog.New(slog.DiscardHandler), func(o *pages.Options) { o.Look = look }))
	page := d.gets("cem", "/").text
	for _, file := range []string{"logo.svg", "tokens.css"} {
		address := regexp.MustCompile(`/static/[0-9a-f]+/` + regexp.QuoteMeta(file)).FindString(page)
		require.NotEmpty(t, address, file)
		require.Equal(t, http.StatusOK, d.gets("", address).StatusCode)
		require.Equal(t, http.StatusOK, d.gets("", strings.Replace(address, file, "deventer.woff2", 1)).StatusCode)
	}
	wrong := map[string]pages.LookFiles{
		"is no .svg or .png or .webp": {Logo: tokens},
		"no such file":                {Tokens: filepath.Join(dir, "none.css")},
		"imports another style sheet": {Tokens: write("import.css", "@import url(x.css);")},
		"is no .woff2":                {Fonts: []string{write("a.ttf", "x")}},
		"not a regular file":          {Logo: mkdir(t, dir, "d.svg")},
		"there is a file":             {Fonts: []string{write("source-sans-3-latin.woff2", "x")}},
		"more than 1048576 bytes":     {Logo: write("big.png", strings.Repeat("x", 1<<20+1))},
	}
	for why, files := range wrong {
		_, err := pages.OpenLook(files)
		require.ErrorContains(t, err, why)
	}
}

func mkdir(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.Mkdir(path, 0o700))
	return path
}

func TestTheAccessLogHoldsNoWordsOfACaller(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	d.gets("cem", "/")
	d.gets("cem", "/notes/"+string(n.Reference))
	d.does("cem", n, "claim")
	d.gets("cem", "/search?q="+url.QueryEscape(n.Number.E164))
	log := d.log.String()
	require.Contains(t, log, "did=claim")
	require.Contains(t, log, "person=cem")
	require.Contains(t, log, string(n.ID))
	for _, secret := range []string{n.Number.E164, n.Number.E164[3:], n.Subject, n.Reason, string(n.Reference)} {
		require.NotContains(t, log, secret)
	}
}

func TestAStreamTellsOnlyWhatConcernsAPerson(t *testing.T) {
	d := open(t)
	server := httptest.NewServer(d.web)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", nil)
	require.NoError(t, err)
	r.AddCookie(pagestest.CookieOf("cem"))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	theirs := d.Promise(pagestest.Tax, 0, nil)
	ours := d.Promise(pagestest.Permits, 0, nil)
	var text strings.Builder
	buffer := make([]byte, 1024)
	for !strings.Contains(text.String(), string(ours.ID)) {
		n, err := answer.Body.Read(buffer)
		require.NoError(t, err)
		text.Write(buffer[:n])
	}
	require.NotContains(t, text.String(), string(theirs.ID))
	require.Contains(t, text.String(), `{"note":"`+string(ours.ID)+`","kind":"made","ver":1}`)
	require.Equal(t, 1, d.Readers())
	d.Drop()
	_, err = io.ReadAll(answer.Body)
	require.NoError(t, err)
}

// follows opens a stream of changes, whose handler has returned when the channel is closed.
func (d *desk) follows(who call.AgentID) (status func() int, over <-chan struct{}) {
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.AddCookie(pagestest.CookieOf(who))
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		d.web.ServeHTTP(w, r)
	}()
	return func() int { return w.Code }, done
}

func isOver(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestAStreamEndsSoonAfterTheSessionOrTheRoles(t *testing.T) {
	for name, test := range map[string]struct {
		now  staff.Person
		err  error
		ends bool
	}{
		"still signed in":       {now: pagestest.People["cem"]},
		"Redis is away":         {err: note.ErrStoreDown},
		"signed out":            {err: signin.ErrNotSignedIn, ends: true},
		"somebody else by now":  {now: pagestest.People["lotte"], ends: true},
		"without any role left": {now: staff.Person{ID: "cem", Municipality: pagestest.Deventer}, ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := open(t, func(o *pages.Options) {
					o.Who = func(*http.Request) (signin.Guest, error) {
						return signin.Guest{Person: test.now}, test.err
					}
				})
				_, over := d.follows("cem")
				<-time.After(19 * time.Second)
				require.False(t, isOver(over))
				<-time.After(2 * time.Second)
				require.Equal(t, test.ends, isOver(over))
				<-over // ten minutes at most
			})
		})
	}
}

func TestOnePersonHasTwentyStreamsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		var all []<-chan struct{}
		for range 20 {
			_, over := d.follows("cem")
			all = append(all, over)
		}
		synctest.Wait()
		status, over := d.follows("cem")
		<-over
		require.Equal(t, http.StatusTooManyRequests, status())
		_, others := d.follows("dirkje")
		synctest.Wait()
		require.False(t, isOver(others))
		for _, over := range all {
			<-over
		}
		<-others
		_, again := d.follows("cem")
		synctest.Wait()
		require.False(t, isOver(again), "what is over counts no more")
		<-again
	})
}

func TestABrowserThatSendsSlowlyHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		sends := func(who call.AgentID) (over <-chan int, end func()) {
			body, write := io.Pipe()
			r := httptest.NewRequest(http.MethodPost, "/me", body)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(pagestest.CookieOf(who))
			status := make(chan int, 1)
			go func() {
				w := httptest.NewRecorder()
				d.web.ServeHTTP(w, r)
				status <- w.Code
			}()
			return status, func() { _ = write.Close() }
		}
		var ends []func()
		for range turns.MostOfOne {
			_, end := sends("cem")
			ends = append(ends, end)
		}
		synctest.Wait()
		require.Equal(t, http.StatusOK, d.gets("dirkje", "/").StatusCode, "turns are free")
		got := d.gets("cem", "/")
		require.Equal(t, http.StatusTooManyRequests, got.StatusCode)
		require.Contains(t, got.text, "Even rustig aan")
		for _, end := range ends {
			end()
		}
		synctest.Wait()
		require.Equal(t, http.StatusOK, d.gets("cem", "/").StatusCode)
	})
}

func TestANameIsFoundByThoseWhoMayRead(t *testing.T) {
	d := open(t)
	ours := d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) { r.Name = "José van der Ven" })
	theirs := d.Promise(pagestest.Tax, time.Hour, func(r *callback.Request) { r.Name = "Jose Bakker" })
	found := d.gets("cem", "/search?q=jose").text
	require.Contains(t, found, string(ours.ID))
	require.Contains(t, found, "José van der Ven")
	require.NotContains(t, found, string(theirs.ID))
}

func TestAPlaceInAListThatNobodyGaveIsItsBeginning(t *testing.T) {
	got := open(t).gets("cem", "/?only=overdue&after=%3Cx%3E")
	require.Equal(t, http.StatusSeeOther, got.StatusCode)
	require.Equal(t, "/?only=overdue", got.Header.Get("Location"))
}

// parts gives a list in parts of which the first are empty.
type parts struct {
	*pagestest.Town
	empty int
}

func (p *parts) Page(ctx context.Context, m call.MunicipalityID, q listing.Query) (listing.Page, error) {
	if p.empty--; p.empty >= 0 {
		return listing.Page{Next: listing.At("1", "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")}, nil
	}
	return p.Town.Page(ctx, m, q)
}

func TestAPartOfAListThatIsEmptyAndGoesOnSaysSo(t *testing.T) {
	var list parts
	d := open(t, func(o *pages.Options) {
		list.Town = o.Reader.(*pagestest.Town)
		o.Lists = &list
	})
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	list.empty = 1
	page := d.gets("cem", "/").text
	require.Contains(t, page, "Verder zoeken")
	require.Contains(t, page, "Hier staan geen notities voor u")
	require.NotContains(t, page, "Er zijn nu geen notities")
	list.empty = 2
	require.Contains(t, d.gets("cem", "/live/rows?list=1&only=all").text, `data-new="1"`, "what is new is further on")
	require.Contains(t, d.gets("cem", "/").text, string(n.ID))
}

func TestRowsAreRefreshedTogetherWithTheRightsOfTheMoment(t *testing.T) {
	d := open(t)
	same, changed := d.Promise(pagestest.Permits, 3*time.Hour, nil), d.Promise(pagestest.Permits, 2*time.Hour, nil)
	theirs := d.Promise(pagestest.Tax, 2*time.Hour, nil)
	d.Claim(changed, "dirkje")
	d.Promise(pagestest.Permits, time.Hour, nil)
	have := fmt.Sprintf("have=%s-1,%s-1,%s-1", theirs.ID, changed.ID, same.ID)
	asked := func(query string) string {
		t.Helper()
		got := d.gets("cem", "/live/rows?"+query)
		require.Equal(t, http.StatusOK, got.StatusCode, got.text)
		return got.text
	}

	page := asked(have)
	require.Regexp(t, "(?s)n-"+string(theirs.ID)+".*n-"+string(changed.ID), page, "in the order of the page")
	require.Contains(t, page, "Dirkje de Boer")
	require.Contains(t, page, "niet meer van uw team")
	require.NotContains(t, page, theirs.Subject)
	require.NotContains(t, page, same.ID)
	require.NotContains(t, page, "data-new", "nothing is new in what was searched")
	require.Contains(t, d.log.String(), "notes=["+string(changed.ID)+"]")

	page = asked(have + "&times=1&list=1&only=all")
	require.Contains(t, page, "due-"+string(same.ID))
	require.NotContains(t, page, same.Subject, "time passes, and nothing of the caller goes out again")
	require.Contains(t, page, `data-new="1"`)
	require.Contains(t, asked(have+"&list=1&only=unassigned&team=vergunningen"), `data-new="1"`)
	require.Contains(t, asked(have+"&list=1&only=mine"), `data-new="0"`)
	for _, ends := range []note.Note{same, changed} { // where the page ends, nothing is new behind it
		until := string(listing.At(listing.Score(ends), ends.ID))
		require.Contains(t, asked(have+"&list=1&only=all&until="+until), `data-new="0"`)
	}

	for _, wrong := range []string{
		"have=x", "have=" + string(same.ID), "have=" + strings.Repeat(string(same.ID)+"-1,", 201),
		"list=1&until=x", "list=1&after=x",
	} {
		require.Equal(t, http.StatusUnprocessableEntity, d.gets("cem", "/live/rows?"+wrong).StatusCode, wrong)
	}
	require.Equal(t, http.StatusNotFound, d.gets("cem", "/live/rows?list=1&team=belastingen").StatusCode)

	before := d.log.Len()
	page = d.gets("cem", "/live/notes/"+string(same.Reference)+"?ver=1").text
	require.Contains(t, page, `id="live"`)
	for _, secret := range []string{same.Subject, same.Reason, strings.Join(same.Number.Groups(), " ")} {
		require.NotContains(t, page, secret)
	}
	require.Len(t, d.log.String(), before, "nobody was shown anything")
	page = d.gets("cem", "/live/notes/"+string(same.Reference)+"?ver=0").text
	for _, id := range []string{"subject", "asked", "live", "more", "history", "facts"} {
		require.Contains(t, page, `id="`+id+`"`)
	}
	require.Contains(t, d.log.String()[before:], string(same.ID))
}

func TestWhatABrowserAsksByItselfIsNoActivity(t *testing.T) {
	d := open(t)
	require.Equal(t, http.StatusNotFound, d.gets("cem", "/favicon.ico").StatusCode)
	require.Zero(t, d.Active())
	d.gets("cem", "/live/rows")
	require.Zero(t, d.Active())
	d.gets("cem", "/")
	require.Equal(t, 1, d.Active())
}

func TestASessionThatIsOverIsAnsweredToScriptsByTheAddressOfTheForm(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	for _, path := range []string{"/events", "/live/rows", "/live/notes/" + string(n.Reference)} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Current-URL", "http://127.0.0.1/notes/"+string(n.Reference))
		w := httptest.NewRecorder()
		d.web.ServeHTTP(w, r)
		require.Equal(t, http.StatusUnauthorized, w.Code)
		require.Equal(t, "/sign-in?next=%2Fnotes%2F"+string(n.Reference), w.Header().Get(signin.HeaderSignIn))
		require.NotEmpty(t, w.Header().Get("Content-Security-Policy"))
	}
}
