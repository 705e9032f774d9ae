package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// operation is a change or read of a note, with a note on which it is possible.
type operation struct {
	name    string
	prepare func(*desk, call.TeamID) note.Note
	ask     func(d *desk, who string, n note.Note) reply
}

func open1(d *desk, team call.TeamID) note.Note   { return d.note(team) }
func closed1(d *desk, team call.TeamID) note.Note { return d.closed(team) }

func gets(path string) func(*desk, string, note.Note) reply {
	return func(d *desk, who string, n note.Note) reply {
		return d.asks(who, http.MethodGet, fmt.Sprintf(path, n.ID), "")
	}
}

func posts(what, body string) func(*desk, string, note.Note) reply {
	return func(d *desk, who string, n note.Note) reply { return d.changes(who, n, what, body) }
}

// ofMunicipality are operations that are not about one note.
func ofMunicipality(method, path, body string) func(*desk, string, note.Note) reply {
	return func(d *desk, who string, n note.Note) reply {
		key := string(n.ID)
		return d.asks(who, method, path, strings.Replace(body, "NEW", key, 1), "Idempotency-Key", key)
	}
}

// The rights of each role: "own" is a note of a team that the token names, "other" one of another team.
func TestWhoMayDoWhat(t *testing.T) {
	const promiseOther = `{"team":"belastingen","number":"0570123456","subject":"NEW"}`
	tests := []struct {
		operation
		// The status for a reader, an agent, a lead (all of vergunningen), an admin, and an admin of another
		// municipality.
		own, other [5]int
	}{
		{
			operation{"show", open1, gets("/api/notes/%s")},
			[5]int{200, 200, 200, 200, 404},
			[5]int{404, 404, 404, 200, 404},
		},
		{
			operation{"claim", open1, posts("claim", "")},
			[5]int{403, 200, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"release of a colleague's claim", claimedByCem, posts("release", "")},
			[5]int{403, 403, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"reroute of a colleague's claim", claimedByCem, posts("reroute", `{"team":"kcc","reason":"x"}`)},
			[5]int{403, 403, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"reroute", open1, posts("reroute", `{"team":"kcc","reason":"x"}`)},
			[5]int{403, 200, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"renew of a colleague's claim", claimedByCem, posts("renew", "")},
			[5]int{403, 422, 422, 422, 404},
			[5]int{403, 404, 404, 422, 404},
		},
		{
			operation{"attempt on a colleague's claim", claimedByCem, posts("attempts/start", "")},
			[5]int{403, 422, 422, 422, 404},
			[5]int{403, 404, 404, 422, 404},
		},
		{
			operation{"end of an attempt that is not", claimedByCem, posts("attempts/end", `{"result":"reached"}`)},
			[5]int{403, 409, 409, 409, 404},
			[5]int{403, 404, 404, 409, 404},
		},
		{
			operation{"call on a colleague's claim", claimedByCem, posts("call", "")},
			[5]int{403, 409, 409, 409, 404},
			[5]int{403, 404, 404, 409, 404},
		},
		{
			operation{"raise", open1, posts("raise", "")},
			[5]int{403, 200, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"comment", open1, posts("comment", `{"text":"x"}`)},
			[5]int{403, 200, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"resolve", open1, posts("resolve", `{"outcome":"settled"}`)},
			[5]int{403, 200, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"cancel", open1, posts("cancel", "")},
			[5]int{403, 200, 200, 200, 404},
			[5]int{403, 404, 404, 200, 404},
		},
		{
			operation{"reopen", closed1, posts("reopen", "")},
			[5]int{403, 403, 200, 200, 404},
			[5]int{403, 403, 404, 200, 404},
		},
		{
			operation{"promise", open1, ofMunicipality("POST", "/api/notes", promiseOther)},
			[5]int{403, 201, 201, 201, 422},
			[5]int{403, 201, 201, 201, 422},
		},
		{
			operation{"list of the own team", open1, ofMunicipality("GET", "/api/teams/vergunningen/notes", "")},
			[5]int{200, 200, 200, 200, 404},
			[5]int{200, 200, 200, 200, 404},
		},
		{
			operation{"search by number", open1, ofMunicipality("GET", "/api/notes?number=0612345678", "")},
			[5]int{403, 200, 200, 200, 200},
			[5]int{403, 200, 200, 200, 200},
		},
		{
			operation{"list of another team", open1, ofMunicipality("GET", "/api/teams/belastingen/notes", "")},
			[5]int{404, 404, 404, 200, 404},
			[5]int{404, 404, 404, 200, 404},
		},
		{
			operation{"list of a team that is not there", open1, ofMunicipality("GET", "/api/teams/nergens/notes", "")},
			[5]int{404, 404, 404, 404, 404},
			[5]int{404, 404, 404, 404, 404},
		},
		{
			operation{"a colleague's list", open1, ofMunicipality("GET", "/api/colleagues/cem/notes", "")},
			[5]int{403, 404, 200, 200, 404},
			[5]int{403, 404, 200, 200, 404},
		},
		{
			operation{"export", open1, ofMunicipality("GET", "/api/export", "")},
			[5]int{403, 403, 200, 200, 200},
			[5]int{403, 403, 200, 200, 200},
		},
		{
			operation{"export of another team", open1, ofMunicipality("GET", "/api/export?team=belastingen", "")},
			[5]int{403, 403, 404, 200, 404},
			[5]int{403, 403, 404, 200, 404},
		},
		{
			operation{"erase", open1, ofMunicipality("POST", "/api/erase", `{"number":"0570999999"}`)},
			[5]int{403, 403, 403, 200, 200},
			[5]int{403, 403, 403, 200, 200},
		},
		{
			operation{"who am I", open1, ofMunicipality("GET", "/api/me", "")},
			[5]int{200, 200, 200, 200, 200},
			[5]int{200, 200, 200, 200, 200},
		},
	}
	roles := []string{"wallboard", "dirkje", "lead", "admin", "neighbour"}
	d := open(t)
	for _, test := range tests {
		for i, who := range roles {
			for team, want := range map[call.TeamID]int{permits: test.own[i], tax: test.other[i]} {
				t.Run(fmt.Sprintf("%s/%s/note of %s", test.name, who, team), func(t *testing.T) {
					n := test.prepare(d, team)
					got := test.ask(d, who, n)
					require.Equal(t, want, got.StatusCode, "%s", got.body)
				})
			}
		}
		t.Run(test.name+"/without a token", func(t *testing.T) {
			_ = test.ask(d, "nobody", test.prepare(d, permits)).problem(t, http.StatusUnauthorized, "token")
		})
	}
}

// dissolved is the configuration without a team that still has notes.
type dissolved struct{ town }

func (d dissolved) HasTeam(m call.MunicipalityID, team call.TeamID) bool {
	return team != tax && d.town.HasTeam(m, team)
}

func TestATeamThatLeftTheConfigurationIsThereAsLongAsItHasNotes(t *testing.T) {
	d := open(t, func(o *api.Options) { o.Directory = dissolved{} })
	list := func(who string) reply { return d.asks(who, http.MethodGet, "/api/teams/belastingen/notes", "") }
	export := func(who, period string) reply {
		return d.asks(who, http.MethodGet, "/api/export?team=belastingen"+period, "")
	}
	_ = list("admin").problem(t, http.StatusNotFound, "not_found")
	_ = export("admin", "").problem(t, http.StatusNotFound, "not_found")
	n := d.note(tax)
	require.Equal(t, []note.ID{n.ID}, ids(lines(t, export("admin", ""))))
	require.Equal(t, []note.ID{n.ID}, ids(lines(t, export("taxlead", ""))))
	_ = export("lead", "").problem(t, http.StatusNotFound, "not_found")
	for _, who := range []string{"admin", "anouk", "tax"} { // sees all, sees all by name, is of the team
		got := list(who)
		require.Equal(t, http.StatusOK, got.StatusCode, who)
		require.Contains(t, string(got.body), string(n.ID))
	}
	_ = list("cem").problem(t, http.StatusNotFound, "not_found")
	_, err := d.work.Cancel(
		t.Context(), callback.Step{Municipality: deventer, Note: n.ID, Who: note.ByCaller, At: time.Now()}, "",
	)
	require.NoError(t, err)
	require.JSONEq(t, `{"notes":[],"more":false}`, string(list("admin").body), "it owes nobody a call any more")
	require.Equal(
		t, []note.ID{n.ID},
		ids(
			lines(
				t,
				export(
					"admin",
					"&closed_from="+time.Now().UTC().Add(-time.Hour).Format(
						time.RFC3339,
					)+"&closed_until="+time.Now().UTC().Add(time.Hour).Format(time.RFC3339),
				),
			),
		),
	)
	_ = d.asks("admin", http.MethodGet, "/api/teams/0612345678/notes", "").problem(t, http.StatusNotFound, "not_found")
	d.store.Fail(errors.New("out of order"))
	_ = d.asks("admin", http.MethodGet, "/api/teams/0612345678/notes", "").problem(
		t, http.StatusServiceUnavailable, "store",
	)
	_ = d.asks("admin", http.MethodGet, "/api/export?team=0612345678", "").problem(
		t, http.StatusServiceUnavailable, "store",
	)
	require.NotContains(t, d.log.String(), "0612345678", "a text that is no team is not logged")
}

func claimedByCem(d *desk, team call.TeamID) note.Note { return d.claimed(team, "cem") }

// A note that may not be seen looks in every way like one that does not exist.
func TestWhatMayNotBeSeenDoesNotExist(t *testing.T) {
	d := open(t)
	hidden := d.note(tax)
	theirs := d.asks("cem", http.MethodGet, "/api/notes/"+string(hidden.ID), "")
	nobodys := d.asks("cem", http.MethodGet, "/api/notes/01JD5V3Z5QXKZ9W7M2R4T6Y8AB", "")
	garbage := d.asks("cem", http.MethodGet, "/api/notes/%7Bx%7D", "")
	reference := d.asks("cem", http.MethodGet, "/api/notes/"+string(hidden.Reference), "")
	wrong := d.asks("cem", http.MethodGet, "/api/notes/12345678", "")
	change := d.changes("cem", hidden, "claim", "")
	for _, got := range []reply{theirs, nobodys, garbage, reference, wrong, change} {
		require.Equal(t, string(nobodys.body), string(got.body))
		require.Equal(t, http.StatusNotFound, got.StatusCode)
		require.Empty(t, got.Header.Get("ETag"))
		require.Equal(t, nobodys.Header.Get("Content-Type"), got.Header.Get("Content-Type"))
	}
}

func TestWhoSeesTheNumber(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	tests := map[string]struct {
		who, path string
		digits    bool
	}{
		"an agent of the team, on the note": {"cem", "/api/notes/" + string(n.ID), true},
		"an agent of the team, in the list": {"cem", "/api/teams/vergunningen/notes", true},
		"a lead, in the list":               {"lead", "/api/teams/vergunningen/notes", true},
		"a reader, on the note":             {"wallboard", "/api/notes/" + string(n.ID), false},
		"a reader, in the list":             {"wallboard", "/api/teams/vergunningen/notes", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := d.asks(test.who, http.MethodGet, test.path, "")
			require.Equal(t, 200, got.StatusCode)
			if test.digits {
				require.Contains(t, string(got.body), `"number":"`+caller+`"`)
			} else {
				require.Contains(t, string(got.body), `"number":"**********78","number_masked":true`)
			}
		})
	}
}

func TestListsAreDueFirstAndBounded(t *testing.T) {
	d := open(t)
	var ids []note.ID
	for i := range 5 {
		later := func(r *callback.Request) { r.At = r.At.Add(time.Duration(i) * time.Second) }
		ids = append(ids, d.note(permits, later).ID)
	}
	var got struct {
		Notes []noteview.Note
		More  bool
	}
	d.asks("cem", http.MethodGet, "/api/teams/vergunningen/notes?limit=3", "").json(t, &got)
	require.Len(t, got.Notes, 3)
	require.True(t, got.More)
	for i, n := range got.Notes {
		require.Equal(t, ids[i], n.ID)
		require.Empty(t, n.History)
	}
	d.asks("cem", http.MethodGet, "/api/teams/vergunningen/notes", "").json(t, &got)
	require.Len(t, got.Notes, 5)
	require.False(t, got.More)
	empty := d.asks("tax", http.MethodGet, "/api/teams/belastingen/notes", "")
	require.JSONEq(t, `{"notes":[],"more":false}`, string(empty.body))
}

func TestAColleaguesOwnList(t *testing.T) {
	d := open(t)
	mine := d.claimed(permits, "cem")
	personal := d.note(permits, func(r *callback.Request) { r.Personal = "cem" })
	elsewhere := d.claimed(centre, "cem")
	d.claimed(permits, "dirkje")
	ids := func(who string) []note.ID {
		var got struct{ Notes []noteview.Note }
		d.asks(who, http.MethodGet, "/api/colleagues/cem/notes", "").json(t, &got)
		var ids []note.ID
		for _, n := range got.Notes {
			ids = append(ids, n.ID)
		}
		return ids
	}
	require.ElementsMatch(
		t, []note.ID{mine.ID, personal.ID, elsewhere.ID}, ids("cem"), "also their note of another team",
	)
	require.ElementsMatch(t, []note.ID{mine.ID, personal.ID}, ids("lead"), "of their team only")
}
