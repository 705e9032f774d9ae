package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/pagestest"
	"github.com/bereikbaar/bereikbaar/web/pages"
)

// Every role at every address. A note of another team is as absent as one that does not exist.
func TestEveryRoleAtEveryAddress(t *testing.T) {
	const ok, goes, forbidden, missing = http.StatusOK, http.StatusSeeOther, http.StatusForbidden, http.StatusNotFound
	who := []call.AgentID{"rik", "cem", "lotte", "teun", "ada"}
	for address, want := range map[string][]int{
		"GET /":                                         {ok, ok, ok, ok, ok},
		"GET /?team=vergunningen":                       {ok, ok, ok, missing, ok},
		"GET /search?q=jansen":                          {ok, ok, ok, ok, ok},
		"GET /notes/new":                                {forbidden, ok, ok, ok, ok},
		"POST /notes/new":                               {forbidden, 422, 422, 422, 422},
		"GET /notes/{note}":                             {ok, ok, ok, missing, ok},
		"GET /notes/{note}/receipt":                     {forbidden, missing, missing, missing, missing},
		"GET /live/notes/{note}":                        {ok, ok, ok, missing, ok},
		"GET /live/rows":                                {ok, ok, ok, ok, ok},
		"POST /notes/{note}/claim":                      {forbidden, goes, goes, missing, goes},
		"POST /notes/{note}/nothing":                    {forbidden, missing, missing, missing, missing},
		"GET /team":                                     {forbidden, forbidden, ok, forbidden, ok},
		"GET /team?team=belastingen":                    {forbidden, forbidden, missing, forbidden, ok},
		"GET /team?team=nothing":                        {forbidden, forbidden, missing, forbidden, missing},
		"GET /team/export?team=vergunningen&format=csv": {forbidden, forbidden, ok, forbidden, ok},
		"GET /team/export?team=belastingen&format=csv":  {forbidden, forbidden, missing, forbidden, ok},
		"POST /team/absence":                            {forbidden, forbidden, missing, forbidden, missing},
		"GET /people":                                   {forbidden, forbidden, forbidden, forbidden, ok},
		"POST /people":                                  {forbidden, forbidden, forbidden, forbidden, goes},
		"GET /people/dirkje":                            {forbidden, forbidden, forbidden, forbidden, ok},
		"POST /people/dirkje":                           {forbidden, forbidden, forbidden, forbidden, goes},
		"POST /people/dirkje/forget":                    {forbidden, forbidden, forbidden, forbidden, goes},
		"GET /me":                                       {ok, ok, ok, ok, ok},
		"POST /me":                                      {goes, goes, goes, goes, goes},
		"POST /me/stay":                                 {goes, goes, goes, goes, goes},
		"GET /nowhere":                                  {missing, missing, missing, missing, missing},
		"DELETE /notes/{note}":                          {missing, missing, missing, missing, missing},
		"GET /notes/01JD5V3Z5QXKZ9W7M2R4T6Y8AB":         {missing, missing, missing, missing, missing},
	} {
		for i, id := range who {
			t.Run(address+" by "+string(id), func(t *testing.T) {
				d := open(t)
				n := d.Promise(pagestest.Permits, time.Hour, nil)
				method, path, _ := strings.Cut(strings.ReplaceAll(address, "{note}", string(n.ID)), " ")
				form := url.Values{"ver": {"1"}, "id": {"dirkje"}, "language": {"nl"}}
				if path == "/people/dirkje" && id == "ada" {
					form.Set("saw", saw(d.gets("ada", path).text))
				}
				require.Equal(t, want[i], d.asks(id, method, path, form).StatusCode)
			})
		}
		require.Equal(t, http.StatusUnauthorized, open(t).asks("", "GET", "/", nil).StatusCode)
	}
}

// Only the colleague with the claim is put through, tries and reports: it is their phone that rings, and their word
// that stands in the history.
func TestWhatOnlyTheColleagueWithTheClaimMayDo(t *testing.T) {
	for act, in := range map[string]note.State{
		"renew": note.Claimed, "call": note.Claimed, "start": note.Claimed, "end": note.Calling,
		"resolve": note.Claimed,
	} {
		for _, who := range []call.AgentID{"dirkje", "lotte", "ada"} {
			t.Run(act+" by "+string(who), func(t *testing.T) {
				d := open(t)
				n := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
				if in == note.Calling {
					require.Equal(t, http.StatusSeeOther, d.does("cem", n, "start").StatusCode)
					n = d.now(n)
				}
				got := d.does(who, n, act, "result", "reached", "outcome", "reached", "reason", "x")
				require.Equal(t, http.StatusConflict, got.StatusCode)
				require.Equal(t, n.Ver, d.now(n).Ver)
				require.Empty(t, d.Rung(), "a colleague's phone rings for themselves alone")
			})
		}
	}
}

func TestAMarkOfTimeIsInNobodysWay(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	marked := func(n note.Note, kind note.EventKind) note.Note {
		after, err := d.Advance(t.Context(), n, note.Event{
			ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AW", Note: n.ID, Kind: kind, Ver: n.Ver + 1,
			At: n.Made.Add(time.Minute), Who: note.BySystem,
		})
		require.NoError(t, err)
		return after
	}
	marked(n, note.EventWarned)
	require.Equal(t, http.StatusSeeOther, d.does("cem", n, "claim").StatusCode, "the clock alone changed it")
	require.Equal(t, call.AgentID("cem"), d.now(n).Colleague)
}

func TestACommentComesAfterWhateverHappened(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	require.Equal(t, http.StatusSeeOther, d.does("dirkje", n, "claim").StatusCode)
	require.Equal(t, http.StatusSeeOther, d.does("cem", n, "comment", "text", "Belde ook de balie").StatusCode)
	require.Equal(t, http.StatusConflict, d.does("cem", n, "cancel").StatusCode, "what ends it is another matter")
}

func TestTheSamePersonInTwoWindowsIsToldSo(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	require.Equal(t, http.StatusSeeOther, d.does("cem", n, "claim").StatusCode)
	got := d.does("cem", n, "cancel", "reason", "Al geholpen")
	require.Equal(t, http.StatusConflict, got.StatusCode)
	require.Contains(t, got.text, "in een ander venster: u pakte de notitie")
	require.Contains(t, got.text, "Al geholpen")
}

func TestATeamIsNamedByABeginningThatNoOtherHas(t *testing.T) {
	d := open(t)
	for typed, want := range map[string]call.TeamID{
		"belas": pagestest.Tax, " Klantcontact ": pagestest.Centre, "burgerzaken": pagestest.Registry,
		"b": "", "": "", "x": "",
	} {
		n := d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) { r.Separate = true })
		got := d.does("cem", n, "reroute", "team", typed, "reason", "x")
		if want == "" {
			require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, typed)
			continue
		}
		require.Equal(t, http.StatusSeeOther, got.StatusCode, typed)
		require.Equal(t, want, d.now(n).Team)
	}
}

func TestANoteThatGoesOutOfSightLeadsBackToTheList(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	got := d.does("cem", n, "reroute", "team", "Belastingen", "reason", "WOZ")
	require.Equal(t, "/?done=reroute", got.Header.Get("Location"))
	require.Contains(t, d.gets("cem", "/?done=reroute").text, "De notitie is nu van een ander team.")
	require.NotContains(t, d.gets("cem", "/?done=nothing").text, `id="message"`)
}

func TestALeadSeesTheirTeamAndWhoIsAbsent(t *testing.T) {
	d := open(t)
	held := d.Claim(d.Promise(pagestest.Permits, 30*time.Hour, nil), "cem") // its deadline has passed
	closed := d.Promise(pagestest.Permits, time.Hour, nil)
	_, err := d.Worklist.Settle(t.Context(), d.Step(closed, "dirkje"), "", "")
	require.NoError(t, err)
	tile := func(page, name string) string {
		m := regexp.MustCompile(`<dt>` + name + `</dt><dd>(\d+)</dd>`).FindStringSubmatch(page)
		require.NotNil(t, m, name)
		return m[1]
	}
	page := d.gets("lotte", "/team").text
	require.Equal(t, "1", tile(page, "Te laat"))
	require.Equal(t, "1", tile(page, "Open"))
	require.Equal(t, "1", tile(page, "Vandaag afgerond"))
	require.NotContains(t, page, "Teun", "not of this team")

	sets := func(who, about call.AgentID, team, absent string) int {
		return d.asks(who, http.MethodPost, "/team/absence", url.Values{
			"team": {team}, "colleague": {string(about)}, "absent": {absent},
		}).StatusCode
	}
	require.Equal(t, http.StatusNotFound, sets("lotte", "teun", "vergunningen", "1"), "not one of theirs")
	require.Equal(t, http.StatusNotFound, sets("lotte", "teun", "belastingen", "1"), "not their team")
	require.Equal(t, http.StatusSeeOther, sets("lotte", "cem", "vergunningen", "1"))
	require.Empty(t, d.now(held).Colleague, "their notes go back to the team")
	require.Contains(t, d.gets("lotte", "/team").text, "Afwezig sinds vandaag")
	require.Contains(t, d.log.String(), "about=cem")
	require.Equal(t, http.StatusSeeOther, sets("lotte", "cem", "vergunningen", ""))
	require.NotContains(t, d.gets("lotte", "/team").text, "Afwezig sinds")
}

func TestALeadDownloadsTheNotesOfTheirTeam(t *testing.T) {
	d := open(t)
	ours := d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) { r.Name = "=1+1" })
	theirs := d.Promise(pagestest.Tax, time.Hour, nil)
	closed := d.Promise(pagestest.Permits, time.Hour, nil)
	_, err := d.Worklist.Settle(t.Context(), d.Step(closed, "dirkje"), "", "")
	require.NoError(t, err)
	csv := d.gets("lotte", "/team/export?team=vergunningen&what=live&format=csv")
	require.Equal(t, `attachment; filename="terugbelnotities.csv"`, csv.Header.Get("Content-Disposition"))
	require.Contains(t, csv.text, string(ours.Reference))
	require.NotContains(t, csv.text, ";=1+1", "no cell is a formula")
	require.NotContains(t, csv.text, string(theirs.Reference))
	require.NotContains(t, csv.text, string(closed.Reference))
	today := time.Now().In(d.Clock).Format(time.DateOnly)
	period := "&what=closed&from=" + today + "&until=" + today
	csv = d.gets("lotte", "/team/export?team=vergunningen&format=csv"+period)
	require.Contains(t, csv.text, string(closed.Reference))
	require.NotContains(t, csv.text, string(ours.Reference))
	xlsx := d.gets("lotte", "/team/export?team=vergunningen&format=xlsx"+period)
	require.Equal(t, "PK", xlsx.text[:2])
	for _, wrong := range []string{
		"&format=pdf", "&format=csv&what=closed", "&format=csv&what=closed&from=" + today + "&until=2020-01-01",
		"&format=csv&what=closed&from=2020-01-01&until=" + today,
	} {
		got := d.gets("lotte", "/team/export?team=vergunningen"+wrong)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, wrong)
	}
	require.Contains(t, d.log.String(), `did="export begins"`)
	require.Contains(t, d.log.String(), "did=export status=200")
}

func TestMineIsByDeadline(t *testing.T) {
	d := open(t)
	late := d.Claim(d.Promise(pagestest.Permits, time.Hour, nil), "cem")
	soon := d.Claim(d.Promise(pagestest.Permits, 5*time.Hour, nil), "cem")
	page := d.gets("cem", "/?only=mine").text
	require.Less(t, strings.Index(page, "n-"+string(soon.ID)), strings.Index(page, "n-"+string(late.ID)))
}

func TestASearchFindsOnesOwnBehindThoseOfOthers(t *testing.T) {
	d := open(t)
	ours := d.Promise(pagestest.Permits, 9*time.Hour, func(r *callback.Request) { r.Name = "Jansen" })
	for range 60 {
		d.Promise(pagestest.Tax, time.Hour, func(r *callback.Request) { r.Name, r.Separate = "Jansen", true })
	}
	require.Contains(t, d.gets("cem", "/search?q=jansen").text, string(ours.ID))
	all := d.gets("ada", "/search?q=jansen").text
	require.Equal(t, 50, strings.Count(all, `id="n-`))
	require.Contains(t, all, "Dit zijn de nieuwste 50.")
}

func TestAFormThatCannotBeReadIsNotOurFault(t *testing.T) {
	d := open(t)
	r := d.raw("cem", http.MethodPost, "/me", "language=%zz")
	require.Equal(t, http.StatusBadRequest, r.StatusCode)
	require.NotContains(t, d.log.String(), "level=ERROR")
}

// A link that somebody sent must not tell a colleague that a note is done with, nor let the script forget their text.
func TestAnAddressSaysNothingOfWhatWasNotDone(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	from := func(site, path string) string {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Accept", "text/html")
		r.AddCookie(pagestest.CookieOf("ada"))
		w := httptest.NewRecorder()
		d.web.ServeHTTP(w, r)
		return w.Body.String()
	}
	at := "/notes/" + string(n.Reference) + "?done=cancel"
	require.Contains(t, from("same-origin", at), "De notitie is ingetrokken")
	for _, site := range []string{"none", "cross-site", "same-site", ""} {
		require.NotContains(t, from(site, at), "De notitie is ingetrokken", site)
		require.NotContains(t, from(site, at), `data-done="`+string(n.Reference), site)
		require.NotContains(t, from(site, "/?done=reroute"), `id="message"`, site)
	}
	require.NotContains(t, from("same-origin", "/people?done="+url.QueryEscape("Bel nu 0900-1234")), "0900-1234")
}

func TestANoteInPersonIsNotForAReader(t *testing.T) {
	d := open(t)
	ours := d.Promise(pagestest.Permits, time.Hour, func(r *callback.Request) { r.Personal = "rik" })
	theirs := d.Promise(pagestest.Tax, time.Hour, func(r *callback.Request) { r.Personal = "rik" })
	require.NotContains(t, d.gets("rik", "/notes/"+string(ours.ID)).text, ours.Number.E164[9:])
	require.Equal(t, http.StatusNotFound, d.gets("rik", "/notes/"+string(theirs.ID)).StatusCode, "they left that team")
}

func TestOnlyALanguageOfTheHouseIsTaken(t *testing.T) {
	d := open(t)
	for _, language := range []string{"..", "xx", "_", strings.Repeat("a", 64)} {
		got := d.asks("cem", http.MethodPost, "/notes/new", url.Values{
			"key": {ulid.Make().String()}, "number": {"0612345678"}, "team": {"Vergunningen"}, "language": {language},
		})
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, language)
	}
}

// tooSlow keeps a person's change until its time is over.
type people = pages.People

type tooSlow struct{ people }

func (tooSlow) Change(ctx context.Context, _ call.MunicipalityID, _ call.AgentID, _ func(*staff.Person) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestARequestWhoseTimeIsOverIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(o *pages.Options) { o.People = tooSlow{o.People} })
		got := d.asks("cem", http.MethodPost, "/me", url.Values{"language": {"nl"}})
		require.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
		require.Contains(t, got.text, "Even geen verbinding")
	})
}

func TestANumberOfAttemptsThatCannotBeIsNoFault(t *testing.T) {
	d := open(t)
	n := d.Promise(pagestest.Permits, time.Hour, nil)
	require.Equal(t, http.StatusOK, d.gets("rik", "/live/notes/"+string(n.ID)+"?call=-1").StatusCode)
}
