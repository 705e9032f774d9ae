package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// withPages lets a colleague of the permits desk sign in by an account of their own.
func withPages() map[string]any {
	return map[string]any{
		"sign_in": map[string]any{"local": map[string]any{"enabled": true, "codes": false}},
		"people": map[string]any{
			"verg1": map[string]any{"name": "Cem Kaya", "roles": map[string]any{"vergunningen": "lead"}},
		},
	}
}

// browser asks for pages as a browser without script does.
type browser struct {
	s      *scene
	client *http.Client
}

const password = "drie fietsen op de brug"

// signsIn makes an account for a person, and signs in with its link.
func (s *scene) signsIn(who string) *browser {
	s.t.Helper()
	out, err := s.Daemon.Run(s.ctx, "account", "new", who, "--as", "beheer", "--config", s.Daemon.ConfigFile)
	require.NoError(s.t, err)
	link := regexp.MustCompile(`http://\S+/sign-in/first/\S+`).FindString(out)
	require.NotEmpty(s.t, link, out)
	jar, err := cookiejar.New(nil)
	require.NoError(s.t, err)
	b := &browser{s: s, client: &http.Client{Jar: jar}}
	status, page := b.asks(http.MethodGet, strings.TrimPrefix(link, "http://"+s.Daemon.Web), nil)
	require.Equal(s.t, http.StatusOK, status, page)
	form := url.Values{"password": {password}, "again": {password}, "setup": {""}}
	status, page = b.asks(http.MethodPost, strings.TrimPrefix(link, "http://"+s.Daemon.Web), form)
	require.Equal(s.t, http.StatusOK, status, page)
	return b
}

// asks gives a page, after all redirects.
func (b *browser) asks(method, path string, form url.Values) (status int, page string) {
	b.s.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.s.ctx, method, "http://"+b.s.Daemon.Web+path, body)
	require.NoError(b.s.t, err)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := b.client.Do(r)
	require.NoError(b.s.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(b.s.t, err)
	return answer.StatusCode, string(text)
}

// does posts an act on a note at the version that it has now.
func (b *browser) does(act string, n note.Note, fields ...string) string {
	b.s.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	var page string
	b.s.eventually(act+" is done", func() error { // a busy machine may exceed the daemon's own wait
		form.Set("ver", strconv.FormatUint(b.s.now(n).Ver, 10))
		var status int
		status, page = b.asks(http.MethodPost, "/notes/"+string(n.Reference)+"/"+act, form)
		if status == http.StatusServiceUnavailable {
			return errors.New(page)
		}
		if status == http.StatusConflict && act == "end" { // what the line reported was written down meanwhile
			return errors.New(page)
		}
		require.Equal(b.s.t, http.StatusOK, status, page)
		return nil
	})
	return page
}

// follows gives the lines of the stream of changes.
func (b *browser) follows() <-chan string {
	b.s.t.Helper()
	ctx, cancel := context.WithCancel(b.s.ctx)
	b.s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.s.Daemon.Web+"/events", nil)
	require.NoError(b.s.t, err)
	answer, err := b.client.Do(r) //nolint:bodyclose // the goroutine below closes it
	require.NoError(b.s.t, err)
	require.Equal(b.s.t, http.StatusOK, answer.StatusCode)
	lines := make(chan string, 1000)
	go func() {
		defer answer.Body.Close()
		defer close(lines)
		for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	require.Equal(b.s.t, "event: ready", <-lines)
	return lines
}

func TestAColleagueSignsInAndCallsBackFromTheirPages(t *testing.T) {
	s := open(t, withPages())
	desk := s.agent("verg1", rig.Behaviour{})
	outside := s.callee(rig.Behaviour{RingFor: 2 * time.Second})
	b := s.signsIn("verg1")
	status, page := b.asks(http.MethodGet, "/", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "Cem Kaya")

	changes := b.follows()
	began := time.Now()
	_, answer, err := s.Daemon.API(
		s.ctx, "kcc1", http.MethodPost, "/api/notes", 0,
		`{"team":"vergunningen","number":"0612345678","name":"Ümit van der Ven","subject":"dakkapel"}`,
	)
	require.NoError(t, err)
	var n note.Note
	require.NoError(t, json.Unmarshal([]byte(answer), &n), answer)
	n = s.kept("0612345678")
	told := false
	for line := range changes {
		if told = strings.Contains(line, string(n.ID)); told {
			break
		}
	}
	require.True(t, told, "the stream ended without the note")
	t.Logf("a new note was told of after %s", time.Since(began).Round(time.Millisecond))
	_, page = b.asks(http.MethodGet, "/", nil)
	require.Contains(t, page, "/notes/"+string(n.Reference))
	require.Contains(t, page, "Ümit van der Ven")

	b.does("claim", n)
	require.Equal(t, note.Claimed, s.now(n).State)
	page = b.does("call", n)
	require.Contains(t, page, "Uw telefoon gaat", "it says what happens now")
	_, err = desk.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	_, err = outside.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, outside.HangUp(s.ctx, 1))
	require.NoError(t, desk.HangUp(s.ctx, 1)) // they write the result down on the page
	_, err = desk.AwaitEnd(s.ctx, 1)
	require.NoError(t, err)
	b.does("end", n, "result", string(attempt.Reached))
	b.does("resolve", n, "outcome", string(note.Reached), "reason", "vergunning is klaar")
	require.Equal(t, note.Resolved, s.now(n).State)

	require.NoError(t, s.Daemon.Kill())
	require.NoError(t, s.Daemon.Restart(s.ctx))
	status, page = b.asks(http.MethodGet, "/notes/"+string(n.Reference), nil)
	require.Equal(t, http.StatusOK, status, "the session is in Redis")
	require.Contains(t, page, "vergunning is klaar")

	status, _ = b.asks(http.MethodPost, "/sign-out", url.Values{})
	require.Equal(t, http.StatusOK, status)
	_, page = b.asks(http.MethodGet, "/notes/"+string(n.Reference), nil)
	require.NotContains(t, page, "vergunning is klaar")
	require.Contains(t, page, `action="/sign-in"`)
	s.atRest()
}
