package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// torn gives one batch of an export, and then fails.
type torn struct{ shelves }

func (s torn) EachLive(
	ctx context.Context, m call.MunicipalityID, _ func(call.TeamID) bool, take func([]note.Note) error,
) error {
	notes, err := s.Due(ctx, m, permits, 1)
	return errors.Join(err, take(notes), fmt.Errorf("%w: gone", note.ErrStoreDown))
}

func TestAnExportThatEndsHalfwayIsNotTakenForWhole(t *testing.T) {
	d := open(t, func(o *api.Options) { o.Exports = torn{o.Exports.(shelves)} })
	d.note(permits)
	for _, format := range []string{"csv&dialect=rfc4180", "jsonl"} {
		r, err := http.NewRequest(http.MethodGet, d.url+"/api/export?format="+format, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+d.tokens["admin"])
		got, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.Equal(t, 200, got.StatusCode)
		text, err := io.ReadAll(got.Body)
		got.Body.Close()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Contains(t, string(text), caller, "the first batch was sent")
	}
	_ = d.asks("admin", http.MethodGet, "/api/export?format=xlsx", "").problem(
		t, http.StatusServiceUnavailable, "store",
	) // nothing of a workbook was sent
	require.Contains(t, d.log.String(), "cut off")
	require.Contains(t, d.log.String(), `"did":"export","status":200,"count":1`, "the access log has it all the same")
	require.Contains(t, d.log.String(), `"agent":"ada","municipality":"deventer","did":"export begins"}`)
}

// halfBroken gives a list of which some notes cannot be read.
type halfBroken struct {
	api.Reader
	none bool
}

func (h halfBroken) Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]note.Note, error) {
	notes, err := h.Reader.Due(ctx, m, team, limit)
	if h.none {
		notes = nil
	}
	return notes, errors.Join(err, fmt.Errorf("note x: %w", note.ErrBroken))
}

func TestNotesThatCannotBeReadHideNoOthers(t *testing.T) {
	d := open(t, func(o *api.Options) { o.Reader = halfBroken{Reader: o.Reader} })
	n := d.note(permits)
	var got struct {
		Notes  []struct{ ID note.ID }
		Unread bool
	}
	d.asks("cem", http.MethodGet, "/api/teams/vergunningen/notes", "").json(t, &got)
	require.Len(t, got.Notes, 1)
	require.Equal(t, n.ID, got.Notes[0].ID)
	require.True(t, got.Unread)
	require.Contains(t, d.log.String(), "note x")

	d = open(t, func(o *api.Options) { o.Reader = halfBroken{o.Reader, true} })
	_ = d.asks("cem", http.MethodGet, "/api/teams/vergunningen/notes", "").problem(t, 500, "broken")
}

// slow makes every list wait until it is released.
type slow struct {
	api.Reader
	begun chan struct{}
	let   chan struct{}
}

func (s slow) Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]note.Note, error) {
	s.begun <- struct{}{}
	<-s.let
	return s.Reader.Due(ctx, m, team, limit)
}

func TestOnlySoManyAtATime(t *testing.T) {
	begun, let := make(chan struct{}, 100), make(chan struct{})
	d := open(t, func(o *api.Options) { o.Reader = slow{o.Reader, begun, let} })
	var asking sync.WaitGroup
	answers := make([]reply, 12)
	for i := range answers {
		asking.Go(func() { answers[i] = d.asks("cem", http.MethodGet, "/api/teams/vergunningen/notes", "") })
	}
	for range 8 {
		<-begun
	}
	_ = d.asks("cem", http.MethodGet, "/api/me", "").problem(t, http.StatusServiceUnavailable, "busy")
	require.Empty(t, begun, "the store is asked by eight at a time, however many wait")
	close(let)
	asking.Wait()
	for _, got := range answers[:8] {
		require.Contains(t, []int{200, 503}, got.StatusCode)
	}
	require.Equal(t, 200, d.asks("cem", http.MethodGet, "/api/me", "").StatusCode)
}

func TestTheNoteIsShownAtTheVersionOfItsTag(t *testing.T) {
	d := open(t)
	n := d.claimed(permits, "cem")
	got := d.asks("cem", http.MethodGet, "/api/notes/"+string(n.ID), "")
	var shown struct {
		Ver     uint64
		History []struct{ Ver uint64 }
	}
	require.NoError(t, json.Unmarshal(got.body, &shown))
	require.Equal(t, `"2"`, got.Header.Get("ETag"))
	require.Equal(t, uint64(2), shown.Ver)
	require.Len(t, shown.History, 2)
}

// meddling lets somebody else change a note right after it was looked at.
type meddling struct {
	api.Reader
	meddle func(note.Note)
}

func (m meddling) Note(ctx context.Context, town call.MunicipalityID, id note.ID) (note.Note, error) {
	n, err := m.Reader.Note(ctx, town, id)
	m.meddle(n)
	return n, err
}

func TestSomebodyIsFirstBetweenTheLookAndTheChange(t *testing.T) {
	var d *desk
	d = open(t, func(o *api.Options) {
		o.Reader = meddling{o.Reader, func(n note.Note) {
			_, err := d.work.Raise(context.Background(), d.step(n, "dirkje"), "")
			require.NoError(t, err)
		}}
	})
	n := d.note(permits)
	p := d.changes("cem", n, "comment", `{"text":"x"}`).problem(t, http.StatusConflict, "stale")
	require.Equal(t, uint64(2), p.Ver)
	events, err := d.store.Events(context.Background(), deventer, n.ID)
	require.NoError(t, err)
	require.Len(t, events, 2, "the comment was not written")
}
