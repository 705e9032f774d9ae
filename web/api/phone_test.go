package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestAColleagueIsPutThrough(t *testing.T) {
	d := open(t)
	n := d.claimed(permits, "cem")
	got := d.changes("cem", n, "call", "{}")
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	require.Equal(t, []note.ID{n.ID}, d.rung)
	_ = d.changes("dirkje", n, "call", "").problem(t, 409, "not_claimed")
	_ = d.changes("cem", d.note(permits), "call", "").problem(t, 409, "not_claimed")
	_ = d.changes("tax", n, "call", "").problem(t, 404, "not_found")
	_ = d.changes("wallboard", n, "call", "").problem(t, 403, "role")
	_ = d.changes("cem", note.Note{ID: n.ID, Ver: 1}, "call", "").problem(t, 409, "stale")
	d.silence = &dialling.Error{Code: dialling.ReasonDayCap, Text: "enough for today"}
	require.Equal(t, "enough for today", d.changes("cem", n, "call", "").problem(t, 422, "dial_day_cap").Detail)
	away := storetest.NewMemory()
	away.Fail(errors.New("out of order"))
	guard := dialling.NewGuard(town{}, away, func(dialling.Reason) {})
	d.silence = guard.Check(t.Context(), n.Municipality, "cem", n.Number, n.Made)
	_ = d.changes("cem", n, "call", "").problem(t, 503, "store")
	require.Len(t, d.rung, 1)
}

// The second colleague is told the one on the telephone with the caller, also before they ring by themselves.
func TestACallerWhoIsOnTheTelephoneIsNotRung(t *testing.T) {
	d := open(t)
	n := d.claimed(permits, "cem")
	since := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for code, status := range map[dialling.Reason]int{
		dialling.ReasonEngaged: 409, dialling.ReasonCallerHere: 409, dialling.ReasonPhoneOffline: 422,
		dialling.ReasonPhoneInUse: 422,
		dialling.ReasonExchange:   503,
	} {
		d.silence = &dialling.Error{Code: code, Text: "why", Colleague: "anouk", Team: centre, Since: since}
		p := d.changes("cem", n, "call", "").problem(t, status, "dial_"+string(code))
		require.Equal(t, "why", p.Detail)
		require.Equal(t, call.AgentID("anouk"), p.Colleague)
		require.Equal(t, centre, p.Team)
		require.Equal(t, since, p.Since)
	}
	d.engaged = &dialling.Error{Code: dialling.ReasonCallerHere, Text: "the caller waits", Team: centre, Since: since}
	require.Equal(
		t, "the caller waits", d.changes("cem", n, "attempts/start", "").problem(t, 409, "dial_caller_here").Detail,
	)
	after, err := d.store.Note(context.Background(), deventer, n.ID)
	require.NoError(t, err)
	require.Equal(t, n, after, "no attempt was made")
	d.engaged = nil
	require.Equal(t, http.StatusOK, d.changes("cem", n, "attempts/start", "").StatusCode)
}
