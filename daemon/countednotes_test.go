package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// Only new promises by telephone are counted: not the same promise again, and not a caller who had a note already.
func TestPromisesAndRepeatContactsAreCountedOnce(t *testing.T) {
	d := daemonWith(t, slog.New(slog.DiscardHandler))
	store := storetest.NewMemory()
	notes := countedNotes{
		callback.NewService(store, d.settings, d.settings, nil), store, callback.NewWorklist(store, d.settings, nil),
		d.metrics, newRepeats(),
	}
	number, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	now := time.Now()
	asks := func(in call.ID) note.Note {
		t.Helper()
		now = now.Add(time.Second)
		n, _, err := notes.Promise(t.Context(), callback.Request{
			Key: note.CallKey("pbx", in), At: now, Who: note.ByCaller, Municipality: "deventer", Team: "kcc",
			Number: number, Shown: number, Language: "nl", Call: in,
		})
		require.NoError(t, err)
		return n
	}
	counts := func(promised, repeated int) {
		t.Helper()
		text := scraped(t, d)
		require.Contains(t, text, fmt.Sprintf("bereikbaar_notes_promised_total{team=\"kcc\"} %d\n", promised))
		require.Contains(t, text, fmt.Sprintf("bereikbaar_notes_repeat_contacts_total{team=\"kcc\"} %d\n", repeated))
	}
	n := asks("1")
	counts(1, 0)
	require.Equal(t, n.ID, asks("1").ID)
	counts(1, 0)
	require.Equal(t, n.ID, asks("2").ID, "another call, for the same")
	counts(1, 1)
	require.Equal(t, n.ID, asks("2").ID)
	counts(1, 1)
	require.NoError(t, notes.Repeated(t.Context(), n, "3"), "they were recognised")
	counts(1, 2)
	require.Equal(t, n.ID, asks("3").ID, "nobody was there, and they asked for the same again")
	counts(1, 2)
	loggedContacts{d.metrics, notes.repeats, d.log}.Contact(call.Contact{
		Call: call.Call{ID: "3"}, Outcome: call.CallbackPromised,
	})
	require.NotContains(t, notes.repeats.counted, call.ID("3"), "a call that is over is forgotten")
	require.Len(t, notes.repeats.counted, 1)
}

func TestWhatTheAPIPromisesIsNotCountedAsTelephone(t *testing.T) {
	token, hash, err := api.NewToken(nil)
	require.NoError(t, err)
	text, err := yaml.Marshal([]api.TokenLine{
		{Name: "desk", Role: "agent", Agent: "kcc1", Municipality: "deventer", Teams: []string{"*"}, SHA256: hash},
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	// the journal keeps it
	d := daemonWith(
		t, slog.New(slog.DiscardHandler), "web: {tokens_file: "+file+"}", "redis: {address: \"127.0.0.1:1\"}",
	)
	request := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, "/api/notes",
		strings.NewReader(`{"team":"kcc","number":"0612345678"}`))
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", "1")
	answer := httptest.NewRecorder()
	d.web.mux.ServeHTTP(answer, request)
	require.Equal(t, http.StatusCreated, answer.Code, answer.Body)
	figures := scraped(t, d)
	require.Contains(t, figures, `bereikbaar_notes_promised_total{team="kcc"} 0`)
	require.NotContains(
		t, figures, "bereikbaar_redis_command_errors_total 0\n", "whoever runs it: a command to Redis failed",
	)
}
