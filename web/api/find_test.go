package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
)

// found are the ids of the notes that a search gives.
func (d *desk) found(who, query string) []note.ID {
	d.t.Helper()
	var got struct {
		Notes []struct{ ID note.ID }
	}
	d.asks(who, http.MethodGet, "/api/notes?"+query, "").json(d.t, &got)
	ids := []note.ID{}
	for _, n := range got.Notes {
		ids = append(ids, n.ID)
	}
	return ids
}

func TestACallerWhoForgotTheirReferenceIsFound(t *testing.T) {
	d := open(t)
	mine := d.note(permits, func(r *callback.Request) { r.Name = "Ümit van der Ven" })
	theirs := d.note(tax, func(r *callback.Request) { r.Name = "Ven" })
	other := d.note(permits, func(r *callback.Request) {
		r.Number = call.Number{E164: "+31687654321", Kind: call.KindMobile, Country: "NL"}
		r.Shown = r.Number
	})
	for _, typed := range []string{mine.Number.E164, "0" + mine.Number.E164[3:], " 06 " + mine.Number.E164[4:]} {
		require.Equal(t, []note.ID{mine.ID}, d.found("cem", "number="+url.QueryEscape(typed)), typed)
		require.ElementsMatch(t, []note.ID{mine.ID, theirs.ID}, d.found("anouk", "number="+url.QueryEscape(typed)))
	}
	require.Equal(t, []note.ID{mine.ID}, d.found("cem", "name="+url.QueryEscape("VEN umit")))
	require.NotContains(t, d.found("cem", "name=ven"), other.ID)
	require.Empty(t, d.found("neighbour", "name=ven"))
	for query, code := range map[string]string{
		"": "query", "number=": "query", "number=06&name=x": "query", "name=" + url.QueryEscape("a\x00"): "query",
		"number=12": "number", "name=x&team=kcc": "query", "name=x&limit=0": "query",
	} {
		status := map[string]int{"query": http.StatusBadRequest, "number": http.StatusUnprocessableEntity}[code]
		_ = d.asks("cem", http.MethodGet, "/api/notes?"+query, "").problem(t, status, code)
	}
	require.NotContains(t, d.log.String(), mine.Number.E164[3:])
}
