package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// withDesk lets one colleague of a team in, and gives the line of the configuration and the token.
func withDesk(t *testing.T, team call.TeamID) (line, token string) {
	t.Helper()
	token, hash, err := api.NewToken(nil)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	text := fmt.Sprintf(
		"- {name: desk, role: agent, agent: kcc1, municipality: deventer, teams: [%s], sha256: %q}\n", team, hash,
	)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return "web: {tokens_file: " + path + "}", token
}

func (d *Daemon) asked(t *testing.T, token, path string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	request.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	d.web.mux.ServeHTTP(answer, request)
	return answer
}

// Whatever an index holds, the notes are listed; a faulty entry is named with its mend, counted, and logged once.
func TestJunkInRedisIsPassedOverNamedAndCounted(t *testing.T) {
	c := atTheOffice(t)
	n := c.Note("kcc")
	const due, junk = "bereikbaar:{deventer}:due:kcc", 80
	for i := range junk {
		c.Redis.Do("ZADD", due, i, fmt.Sprint("rommel", i))
	}
	desk, token := withDesk(t, "kcc")
	var log bytes.Buffer
	d := daemonWith(t, slog.New(slog.NewTextHandler(&log, nil)), c.RedisLine(), desk)
	figures := scraped(t, d)
	require.Contains(t, figures, `bereikbaar_redis_faults{index="due"} 0`, "nothing was met yet")

	answer := d.asked(t, token, "/api/teams/kcc/notes?limit=10")
	require.Equal(t, 200, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), string(n.ID))
	require.Contains(t, answer.Body.String(), `"unread":true`)

	w := newFaultWatch(d.store, d.log)
	for i := range 3 {
		w.look(t.Context(), time.Now().Add(time.Duration(i)*surveyEvery), []call.MunicipalityID{"deventer"}, nil)
	}
	require.Eventually(t, func() bool {
		return strings.Contains(scraped(t, d), fmt.Sprintf(`bereikbaar_redis_faults{index="due"} %d`, junk))
	}, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 1, strings.Count(log.String(), "Redis holds data that this program cannot read"), log.String())
	require.Contains(t, log.String(), "key="+due)
	require.Contains(t, log.String(), "ZREM "+due)

	for i := range junk {
		c.Redis.Do("ZREM", due, fmt.Sprint("rommel", i))
	}
	w.look(t.Context(), time.Now().Add(time.Hour), []call.MunicipalityID{"deventer"}, nil)
	require.Empty(t, d.store.Faults())
	require.Contains(t, log.String(), "as it should be again")
	answer = d.asked(t, token, "/api/teams/kcc/notes")
	require.NotContains(t, answer.Body.String(), "unread")
}

// An empty list is a list.
func TestAListOfNothingButJunkIsEmpty(t *testing.T) {
	c := atTheOffice(t)
	c.Redis.Do("ZADD", "bereikbaar:{deventer}:due:kcc", 1, "rommel")
	desk, token := withDesk(t, "kcc")
	d := daemonWith(t, slog.New(slog.DiscardHandler), c.RedisLine(), desk)
	answer := d.asked(t, token, "/api/teams/kcc/notes")
	require.Equal(t, 200, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), `"notes":[]`)
	require.Contains(t, answer.Body.String(), `"unread":true`)
}

func TestANoteOfWhichSomeHistoryIsGoneIsShown(t *testing.T) {
	c := atTheOffice(t)
	n := c.Note("kcc")
	desk, token := withDesk(t, "kcc")
	d := daemonWith(t, slog.New(slog.DiscardHandler), c.RedisLine(), desk)
	c.Redis.Do("HSET", "bereikbaar:{deventer}:note:"+string(n.ID), "log", "1-1")
	answer := d.asked(t, token, "/api/notes/"+string(n.ID))
	require.Equal(t, 200, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), `"history_unread":true`)
}

// A person is erased as far as their notes can be read; and the answer says that it may not be all.
func TestAnErasureBesideJunkSaysWhatItDid(t *testing.T) {
	c := atTheOffice(t)
	n := c.Note("kcc")
	c.Redis.Do("ZADD", c.Redis.KeyOf(string(n.ID), "bereikbaar:{deventer}:number:*"), 1, "rommel")
	token, hash, err := api.NewToken(nil)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(
		path,
		fmt.Appendf(nil, "- {name: privacy, role: admin, agent: kcc1, municipality: deventer, sha256: %q}\n", hash),
		0o600,
	))
	d := daemonWith(t, slog.New(slog.DiscardHandler), c.RedisLine(), "web: {tokens_file: "+path+"}")
	request := httptest.NewRequestWithContext(
		t.Context(), "POST", "/api/erase", strings.NewReader(`{"number": "0612345678"}`),
	)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	d.web.mux.ServeHTTP(answer, request)
	require.Equal(t, 500, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), "1 notes were erased, and more")
	erased, err := d.store.Note(t.Context(), n.Municipality, n.ID)
	require.NoError(t, err)
	require.Equal(t, note.Purged, erased.State)
}
