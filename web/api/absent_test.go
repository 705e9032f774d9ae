package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

func TestAColleagueIsAbsentUntilTheyArePresent(t *testing.T) {
	d := open(t)
	const path = "/api/colleagues/cem/absent"
	is := func(who string) map[string]any {
		var got map[string]any
		d.asks(who, http.MethodGet, path, "").json(t, &got)
		return got
	}
	require.Equal(t, map[string]any{"absent": false}, is("cem"))
	require.Equal(t, http.StatusOK, d.asks("lead", http.MethodPost, path, "").StatusCode)
	away := is("cem")
	require.Equal(t, true, away["absent"])
	require.Equal(t, "agent:lotte", away["by"])
	require.NotEmpty(t, away["since"])
	require.Equal(t, away, is("lead"))

	made := d.asks("anouk", http.MethodPost, "/api/notes",
		`{"team":"vergunningen","number":"0612345678","personal":"cem"}`, "Idempotency-Key", "1")
	var n noteview.Note
	made.json(t, &n)
	d.asks("dirkje", http.MethodGet, "/api/notes/"+string(n.ID), "").json(t, &n)
	require.Empty(t, n.Personal, "the team's")
	require.Contains(t, n.History[0].Reason, "who is absent since")

	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		for who, status := range map[string]int{"dirkje": 404, "taxlead": 404, "neighbour": 404, "wallboard": 403} {
			require.Equal(t, status, d.asks(who, method, path, "").StatusCode, "%s %s", who, method)
		}
	}
	require.Equal(t, true, is("cem")["absent"])
	var back map[string]any
	d.asks("cem", http.MethodDelete, path, "").json(t, &back)
	require.Equal(t, map[string]any{"absent": false}, back)
	require.Equal(t, back, is("lead"))
}

func TestAnAbsentColleague(t *testing.T) {
	tests := map[string]struct {
		who, colleague string
		status         int
		told           call.AgentID // who stands in the history
	}{
		"says so themselves":               {"cem", "cem", 200, "cem"},
		"their lead says so":               {"lead", "cem", 200, "lotte"},
		"an admin says so":                 {"admin", "cem", 200, "ada"},
		"a colleague says so":              {"dirkje", "cem", 404, ""},
		"the lead of another team":         {"taxlead", "cem", 404, ""},
		"an admin elsewhere":               {"neighbour", "cem", 404, ""},
		"nobody knows them":                {"lead", "nobody", 404, ""},
		"their lead, known by their token": {"lead", "dirkje", 200, "lotte"},
		"a reader":                         {"wallboard", "cem", 403, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			n := d.claimed(permits, call.AgentID(test.colleague))
			got := d.asks(test.who, http.MethodPost, "/api/colleagues/"+test.colleague+"/absent", "")
			require.Equal(t, test.status, got.StatusCode, "%s", got.body)
			after, err := d.store.Note(context.Background(), deventer, n.ID)
			require.NoError(t, err)
			require.Equal(t, test.status == 200, after.State == note.Open)
			if test.status != 200 {
				return
			}
			require.JSONEq(t, `{"released":1}`, string(got.body))
			events, err := d.store.Events(context.Background(), deventer, n.ID)
			require.NoError(t, err)
			last := events[len(events)-1]
			require.Equal(t, note.ReleaseAbsent, last.Cause)
			require.Equal(t, note.ByAgent(test.told), last.Who)
		})
	}
}
