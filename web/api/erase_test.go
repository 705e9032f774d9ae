package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

func TestErase(t *testing.T) {
	d := open(t)
	n, other := d.note(permits), d.note(permits, func(r *callback.Request) {
		r.Number, _ = call.ParseNumber("0570123456")
		r.Shown = r.Number
	})
	_ = d.asks("lead", http.MethodPost, "/api/erase", `{"number":"`+caller+`"}`).problem(t, 403, "role")
	got := d.asks("admin", http.MethodPost, "/api/erase", `{"number":"06-12345678"}`)
	require.JSONEq(t, `{"erased":1}`, string(got.body))
	var shown noteview.Note
	reply := d.asks("cem", http.MethodGet, "/api/notes/"+string(n.ID), "")
	reply.json(t, &shown)
	require.Equal(t, note.Purged, shown.State)
	require.Empty(t, shown.Number+shown.Reason+string(shown.Reference))
	require.Len(t, shown.History, 1)
	still, err := d.store.Note(context.Background(), deventer, other.ID)
	require.NoError(t, err)
	require.Equal(t, note.Open, still.State)
	require.NotContains(t, d.log.String(), caller[3:])
}

// The number of the line from which a note was asked is personal too.
func TestEraseByTheLineThatTheNoteWasAskedFrom(t *testing.T) {
	d := open(t)
	n := d.note(permits, func(r *callback.Request) { r.Number, _ = call.ParseNumber("0570123456") })
	require.False(t, n.Verified)
	got := d.asks("admin", http.MethodPost, "/api/erase", `{"number":"06-12345678"}`)
	require.JSONEq(t, `{"erased":1}`, string(got.body))
	after, err := d.store.Note(context.Background(), deventer, n.ID)
	require.NoError(t, err)
	require.Equal(t, note.Purged, after.State)
	require.Empty(t, after.Numbers()[0].E164)
	require.NotContains(t, d.log.String(), caller[3:])
}
