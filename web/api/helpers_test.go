package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
	"github.com/bereikbaar/bereikbaar/web/api"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	deventer = call.MunicipalityID("deventer")
	raalte   = call.MunicipalityID("raalte")
	permits  = call.TeamID("vergunningen")
	centre   = call.TeamID("kcc")
	tax      = call.TeamID("belastingen")
	caller   = "+31612345678"
)

// town is the configuration, for the rules, the norm and the directory.
type town struct{}

var teams = map[call.MunicipalityID]map[call.TeamID][]call.AgentID{
	deventer: {permits: {"cem"}, centre: {"anouk"}, tax: nil},
	raalte:   {"raalte-kcc": nil},
}

func (town) Knows(team call.TeamID) bool {
	for _, of := range teams {
		if _, ok := of[team]; ok {
			return true
		}
	}
	return false
}

func (town) Policy(call.MunicipalityID) dialling.Policy {
	return dialling.Policy{Countries: []string{"NL"}, Clocks: time.UTC}
}

func (town) Term(_ call.TeamID, made time.Time) (callback.Term, error) {
	return callback.Term{Warn: made.Add(12 * time.Hour), Deadline: made.Add(24 * time.Hour)}, nil
}

func (town) Work(call.MunicipalityID) callback.Work {
	noon, err := calendar.ParseClock("12:00")
	if err != nil {
		panic(err)
	}
	return callback.Work{
		Location: time.UTC, ContactCentre: centre, Lease: 10 * time.Minute,
		Attempts: callback.AttemptPolicy{Least: 3, Parts: []calendar.Clock{noon}},
	}
}

// Next implements api.Directory: day and night.
func (w town) Next(n note.Note, now time.Time) time.Time {
	next, _ := w.Work(n.Municipality).Attempts.Suggest(n, calendar.AlwaysOpen(time.UTC), now)
	return next
}

func (town) HasTeam(m call.MunicipalityID, team call.TeamID) bool {
	_, ok := teams[m][team]
	return ok
}

func (town) InTeam(m call.MunicipalityID, team call.TeamID, colleague call.AgentID) bool {
	return slices.Contains(teams[m][team], colleague)
}

func (town) Teams(m call.MunicipalityID) []call.TeamID {
	var ids []call.TeamID
	for id := range teams[m] {
		ids = append(ids, id)
	}
	return ids
}

func (town) Language(call.MunicipalityID) string { return "nl" }

func (town) Languages() []string { return []string{"nl", "en"} }

func (town) Clocks(call.MunicipalityID) *time.Location { return time.FixedZone("CET", 3600) }

// desk is the API with its store, reached over HTTP.
type desk struct {
	t      testing.TB
	url    string
	client *http.Client
	store  *storetest.Memory
	work   *callback.Worklist
	notes  *callback.Service
	log    *logged
	meter  *meter
	tokens map[string]string // name → token
	path   string            // of the tokens file
	lines  []api.TokenLine

	talking map[call.AgentID]api.Talking
	rung    []note.ID // by CallBack
	silence error     // why nobody can be rung
	engaged error     // why the caller should not be rung
}

// CallBack implements api.Phone.
func (d *desk) CallBack(n note.Note) error {
	if d.silence == nil {
		d.rung = append(d.rung, n.ID)
	}
	return d.silence
}

// Check implements api.Phone.
func (d *desk) Check(note.Note) error { return d.engaged }

// Talking implements api.Phone.
func (d *desk) Talking(agent call.AgentID) (api.Talking, bool) {
	t, ok := d.talking[agent]
	return t, ok
}

// CallAbout implements api.Phone.
func (d *desk) CallAbout(agent call.AgentID, about note.Reference) call.ID {
	if t := d.talking[agent]; t.Note == about {
		return t.Call
	}
	return ""
}

// logged keeps the log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// people are the tokens of most tests.
var people = []api.TokenLine{
	{Name: "wallboard", Role: "reader", Municipality: "deventer", Teams: []string{"vergunningen"}},
	{Name: "cem", Role: "agent", Agent: "cem", Municipality: "deventer", Teams: []string{"vergunningen"}},
	{Name: "dirkje", Role: "agent", Agent: "dirkje", Municipality: "deventer", Teams: []string{"vergunningen"}},
	{Name: "lead", Role: "lead", Agent: "lotte", Municipality: "deventer", Teams: []string{"vergunningen"}},
	{Name: "anouk", Role: "agent", Agent: "anouk", Municipality: "deventer", Teams: []string{"*"}},
	{Name: "tax", Role: "agent", Agent: "teun", Municipality: "deventer", Teams: []string{"belastingen"}},
	{Name: "taxlead", Role: "lead", Agent: "thea", Municipality: "deventer", Teams: []string{"belastingen"}},
	{Name: "admin", Role: "admin", Agent: "ada", Municipality: "deventer"},
	{Name: "neighbour", Role: "admin", Agent: "nina", Municipality: "raalte"},
}

func open(t testing.TB, change ...func(*api.Options)) *desk {
	t.Helper()
	d, api := unreached(t, change...)
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		server.Close()
	})
	d.url = server.URL
	return d
}

// unreached is the API with its store, without a network between it and the test: for simulated time.
func unreached(t testing.TB, change ...func(*api.Options)) (*desk, http.Handler) {
	t.Helper()
	d := &desk{
		t: t, client: http.DefaultClient, store: storetest.NewMemory(), log: &logged{}, meter: &meter{},
		tokens: map[string]string{}, path: filepath.Join(t.TempDir(), "tokens.yaml"),
	}
	d.work = callback.NewWorklist(d.store, town{}, nil)
	d.notes = callback.NewService(d.store, town{}, town{}, nil)
	for _, line := range people {
		d.token(line)
	}
	d.save()
	log := slog.New(slog.NewJSONHandler(d.log, nil))
	tokens, err := api.OpenTokens(d.path, log)
	require.NoError(t, err)
	options := api.Options{
		Reader: d.store, Work: d.work, Promises: d.notes, Phone: d,
		Exports: storetest.Exports{Memory: d.store}, Directory: town{},
		Tokens: tokens, Turns: turns.New(turns.AtOnce),
		ExportTurns: turns.New(turns.ExportsAtOnce), Meter: d.meter, Log: log,
	}
	for _, c := range change {
		c(&options)
	}
	return d, api.New(options).Handler()
}

// token draws a token for a person or program.
func (d *desk) token(line api.TokenLine) {
	d.t.Helper()
	token, hash, err := api.NewToken(nil)
	require.NoError(d.t, err)
	line.SHA256 = hash
	d.tokens[line.Name] = token
	d.lines = append(d.lines, line)
}

func (d *desk) save() {
	d.t.Helper()
	text, err := yaml.Marshal(d.lines)
	require.NoError(d.t, err)
	require.NoError(d.t, os.WriteFile(d.path, text, 0o600))
}

var nth int

// note makes a note of a team.
func (d *desk) note(team call.TeamID, change ...func(*callback.Request)) note.Note {
	d.t.Helper()
	nth++
	number, err := call.ParseNumber(caller)
	require.NoError(d.t, err)
	r := callback.Request{
		Key: note.Key(fmt.Sprintf("pbx/%d", nth)), At: time.Now(), Who: note.ByCaller, Municipality: deventer,
		Team:   team,
		Number: number, Shown: number, Language: "nl", Subject: fmt.Sprintf("zaak %d", nth),
		Reason: "Wanneer is het klaar?",
	}
	for _, c := range change {
		c(&r)
	}
	n, _, err := d.notes.Promise(context.Background(), r)
	require.NoError(d.t, err)
	return n
}

// claimed makes a note that a colleague has.
func (d *desk) claimed(team call.TeamID, by call.AgentID) note.Note {
	d.t.Helper()
	n, err := d.work.Claim(context.Background(), d.step(d.note(team), by))
	require.NoError(d.t, err)
	return n
}

// closed makes a note that the caller withdrew.
func (d *desk) closed(team call.TeamID) note.Note {
	d.t.Helper()
	n, err := d.work.Cancel(context.Background(), d.step(d.note(team), "cem"), "")
	require.NoError(d.t, err)
	return n
}

func (d *desk) step(n note.Note, by call.AgentID) callback.Step {
	return callback.Step{Municipality: n.Municipality, Note: n.ID, Ver: n.Ver, Who: note.ByAgent(by), At: time.Now()}
}

// reply is an answer of the API.
type reply struct {
	*http.Response
	body []byte
}

// asks sends a request with a token. A body that is not empty is JSON. Headers come in pairs.
func (d *desk) asks(who, method, path, body string, headers ...string) reply {
	d.t.Helper()
	r, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
	require.NoError(d.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token := d.tokens[who]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := d.client.Do(r)
	require.NoError(d.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(d.t, err)
	return reply{got, text}
}

// changes asks for a change of a note at the version that n has.
func (d *desk) changes(who string, n note.Note, what, body string) reply {
	d.t.Helper()
	return d.asks(
		who, http.MethodPost, "/api/notes/"+string(n.ID)+"/"+what, body, "If-Match",
		fmt.Sprintf("%q", fmt.Sprint(n.Ver)),
	)
}

// problem requires that the answer is a problem, and gives it.
func (r reply) problem(t testing.TB, status int, code string) api.Problem {
	t.Helper()
	require.Equal(t, status, r.StatusCode, "%s", r.body)
	require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
	var p api.Problem
	require.NoError(t, json.Unmarshal(r.body, &p))
	require.Equal(t, "about:blank", p.Type)
	require.Equal(t, http.StatusText(status), p.Title)
	require.Equal(t, status, p.Status)
	require.Equal(t, code, p.Code, p.Detail)
	require.NotEmpty(t, p.Detail)
	require.NotContains(t, string(r.body), caller[3:], "a problem never holds a number")
	return p
}

func (r reply) json(t testing.TB, into any) {
	t.Helper()
	require.Less(t, r.StatusCode, 300, "%s", r.body)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.NoError(t, json.Unmarshal(r.body, into))
}
