package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// contract is the document that is served. Its schemas are JSON Schema 2020-12, as OpenAPI 3.1 has them.
type contract struct {
	t       testing.TB
	tree    map[string]any
	schemas *jsonschema.Compiler
}

const documentURL = "openapi.json"

func served(t testing.TB) contract {
	t.Helper()
	text, err := api.Document()
	require.NoError(t, err)
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	schemas := jsonschema.NewCompiler()
	schemas.DefaultDraft(jsonschema.Draft2020)
	schemas.AssertFormat()
	require.NoError(t, schemas.AddResource(documentURL, tree))
	return contract{t, tree.(map[string]any), schemas}
}

// at gives the content of a place of the document, and its path: a reference is followed.
func (c contract) at(place ...string) (map[string]any, []string, bool) {
	c.t.Helper()
	at, path := c.tree, []string{}
	for _, step := range place {
		next, ok := at[step].(map[string]any)
		if !ok {
			return nil, nil, false
		}
		at, path = next, append(path, step)
		if ref, ok := at["$ref"].(string); ok && at["type"] == nil {
			at, path, ok = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			require.True(c.t, ok, "%s leads nowhere", ref)
		}
	}
	return at, slices.Clone(path), true
}

// holds requires that JSON is as the schema at a place says.
func (c contract) holds(text []byte, place ...string) error {
	c.t.Helper()
	_, path, ok := c.at(place...)
	require.True(c.t, ok, "%v is not in the document", place)
	for i, step := range path {
		path[i] = strings.ReplaceAll(strings.ReplaceAll(step, "~", "~0"), "/", "~1")
	}
	pointer := strings.NewReplacer("{", "%7B", "}", "%7D").Replace(strings.Join(path, "/"))
	schema, err := c.schemas.Compile(documentURL + "#/" + pointer)
	require.NoError(c.t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(c.t, err, "%s", text)
	return schema.Validate(value)
}

// operations gives every operation of the document: method, path and operationId.
func (c contract) operations() [][3]string {
	var list [][3]string
	for path, item := range c.tree["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			if method != "parameters" {
				list = append(list, [3]string{
					strings.ToUpper(method), path, operation.(map[string]any)["operationId"].(string),
				})
			}
		}
	}
	return list
}

func TestTheDocumentIsServedToAnybody(t *testing.T) {
	c := served(t)
	require.Equal(t, "3.1.0", c.tree["openapi"])
	got := open(t).asks("nobody", http.MethodGet, "/api/openapi.json", "")
	require.Equal(t, 200, got.StatusCode)
	require.Equal(t, "application/vnd.oai.openapi+json;version=3.1", got.Header.Get("Content-Type"))
	text, err := api.Document()
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(got.body))
}

func TestEveryRouteIsInTheDocumentAndTheOtherWayRound(t *testing.T) {
	var told []string
	for _, operation := range served(t).operations() {
		told = append(told, strings.Join(operation[:], " "))
	}
	slices.Sort(told)
	require.Equal(t, api.RouteList(), told)
}

func TestTheWordsOfTheDocumentAreOurs(t *testing.T) {
	c := served(t)
	for name, want := range map[string][]string{
		"State": words(note.States()), "EventKind": words(note.EventKinds()), "Line": words(attempt.LineResults()),
		"Result": append(words(attempt.Results()), string(attempt.Untold)), "Outcome": words(note.Outcomes()),
	} {
		schema, _, ok := c.at("components", "schemas", name)
		require.True(t, ok)
		var told []string
		for _, word := range schema["enum"].([]any) {
			told = append(told, word.(string))
		}
		require.Equal(t, want, told, name)
	}
}

func words[T ~string](list []T) []string {
	var words []string
	for _, word := range list {
		words = append(words, string(word))
	}
	return words
}

// The checks of a validator of documents, as far as they matter to a reader.
func TestTheDocumentHoldsTogether(t *testing.T) {
	c := served(t)
	for _, operation := range c.operations() {
		method, path := strings.ToLower(operation[0]), operation[1]
		o, _, ok := c.at("paths", path, method)
		require.True(t, ok)
		require.NotEmpty(t, o["summary"], path)
		_, _, ok = c.at("paths", path, method, "responses", "default", "content", "application/problem+json", "schema")
		require.True(t, ok, "%s says what a problem looks like", path)
		var named []string
		for _, place := range [][]string{{"paths", path}, {"paths", path, method}} {
			item, _, _ := c.at(place...)
			list, _ := item["parameters"].([]any)
			for _, parameter := range list {
				p := parameter.(map[string]any)
				if ref, ok := p["$ref"].(string); ok {
					p, _, ok = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
					require.True(t, ok, ref)
				}
				if p["in"] == "path" {
					named = append(named, "{"+p["name"].(string)+"}")
				}
			}
		}
		require.Len(t, named, strings.Count(path, "{"), path)
		for _, name := range named {
			require.Contains(t, path, name)
		}
	}
	for name := range c.tree["components"].(map[string]any)["schemas"].(map[string]any) {
		_, err := c.schemas.Compile(documentURL + "#/components/schemas/" + name)
		require.NoError(t, err, name)
	}
}

// checked asks as desk.asks does, and holds request and answer against the document.
type checked struct {
	*desk
	contract contract
}

func (c *checked) asks(who, method, path, body string, headers ...string) reply {
	c.t.Helper()
	got := c.desk.asks(who, method, path, body, headers...)
	place := c.place(method, path)
	if got.StatusCode < 300 && body != "" {
		require.NoError(c.t, c.contract.holds(
			[]byte(body), append(place, "requestBody", "content", "application/json", "schema")...,
		),
			"a request that was done is one of the document: %s %s", method, path)
	}
	response := append(slices.Clone(place), "responses", strconv.Itoa(got.StatusCode))
	told, _, ok := c.contract.at(response...)
	if !ok {
		require.GreaterOrEqual(c.t, got.StatusCode, 400, "%s %s: only problems are told by the default", method, path)
		response[len(response)-1] = "default"
		told, _, ok = c.contract.at(response...)
	}
	require.True(c.t, ok)
	kind, _, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	require.NoError(c.t, err)
	require.Contains(c.t, told["content"], kind, "%s %s", method, path)
	if strings.HasSuffix(kind, "json") {
		require.NoError(
			c.t, c.contract.holds(got.body, append(response, "content", kind, "schema")...), "%s %s: %s", method, path,
			got.body,
		)
	}
	if headers, _, ok := c.contract.at(append(slices.Clone(response), "headers")...); ok {
		for name := range headers {
			require.NotEmpty(c.t, got.Header.Get(name), "%s %s has %s", method, path, name)
		}
	}
	return got
}

// place is the operation of the document that a request is.
func (c *checked) place(method, path string) []string {
	c.t.Helper()
	path, _, _ = strings.Cut(path, "?")
	steps := strings.Split(path, "/")
	for _, operation := range c.contract.operations() {
		pattern := strings.Split(operation[1], "/")
		fits := operation[0] == method && len(pattern) == len(steps)
		for i := 0; fits && i < len(steps); i++ {
			fits = pattern[i] == steps[i] || strings.HasPrefix(pattern[i], "{")
		}
		if fits {
			return []string{"paths", operation[1], strings.ToLower(method)}
		}
	}
	c.t.Fatalf("%s %s is not in the document", method, path)
	return nil
}

func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	c := &checked{desk: open(t), contract: served(t)}
	tag := `"1"`
	post := func(who, path, body string, status int) reply {
		t.Helper()
		got := c.asks(who, http.MethodPost, path, body, "If-Match", tag, "Idempotency-Key", "k-"+tag[1:2])
		require.Equal(t, status, got.StatusCode, "%s", got.body)
		if next := got.Header.Get("ETag"); next != "" {
			tag = next
		}
		return got
	}
	get := func(who, path string, status int) {
		t.Helper()
		got := c.asks(who, http.MethodGet, path, "")
		require.Equal(t, status, got.StatusCode, "%s", got.body)
	}
	made := post(
		"anouk", "/api/notes",
		`{"team":"vergunningen","number":"0612345678","subject":"s","reason":"r","personal":"cem","window":"09:00-12:00"}`,
		201,
	)
	at := made.Header.Get("Location")
	for _, step := range [][2]string{
		{"claim", ""},
		{"renew", ""},
		{"call", ""},
		{"attempts/start", `{"call":"1732300000.17"}`},
		{"attempts/end", `{"result":"voicemail"}`},
		{"comment", `{"text":"t"}`},
		{"raise", `{"reason":"r"}`},
		{"release", `{"reason":"r"}`},
		{"reroute", `{"team":"kcc","reason":"r"}`},
		{"resolve", `{"outcome":"settled","reason":"r"}`},
	} {
		post(map[bool]string{true: "cem", false: "anouk"}[step[0] != "resolve"], at+"/"+step[0], step[1], 200)
	}
	post("admin", at+"/reopen", `{}`, 200)
	post("anouk", at+"/cancel", `{"reason":"r"}`, 200)
	get("anouk", at, 200)
	c.claimed(permits, "cem")
	get("cem", "/api/teams/vergunningen/notes?limit=5", 200)
	get("wallboard", "/api/teams/vergunningen/notes", 200)
	get("lead", "/api/colleagues/cem/notes", 200)
	get("wallboard", "/api/me", 200)
	for _, line := range bytes.Split(
		bytes.TrimSpace(c.asks("admin", http.MethodGet, "/api/export", "").body), []byte("\n"),
	) {
		require.NoError(t, c.contract.holds(line, "components", "schemas", "Note"))
	}
	get("admin", "/api/export?format=csv", 200)
	get("cem", "/api/colleagues/cem/absent", 200)
	post("cem", "/api/colleagues/cem/absent", "", 200)
	get("cem", "/api/colleagues/cem/absent", 200)
	require.Equal(t, http.StatusOK, c.asks("cem", http.MethodDelete, "/api/colleagues/cem/absent", "").StatusCode)
	post("admin", "/api/erase", `{"number":"0612345678"}`, 200)
	get("anouk", at, 200)
	get("cem", at, 404)
	get("nobody", at, 401)
	post("wallboard", at+"/claim", "", 403)
	post("anouk", at+"/claim", "", 409)
	tag = `"1"`
	post("anouk", at+"/claim", "", 409)
}

func TestTheDocumentCatchesAnAnswerThatIsNotInIt(t *testing.T) {
	schema := []string{"paths", "/api/me", "get", "responses", "200", "content", "application/json", "schema"}
	c, who := served(t), map[string]any{"name": "cem", "role": "agent", "municipality": "deventer", "teams": []string{}}
	tell := func() []byte {
		text, err := json.Marshal(who)
		require.NoError(t, err)
		return text
	}
	require.NoError(t, c.holds(tell(), schema...))
	who["role"] = "boss"
	require.ErrorContains(t, c.holds(tell(), schema...), "role")
	who["role"], who["secret"] = "agent", fmt.Sprint(1)
	require.ErrorContains(t, c.holds(tell(), schema...), "secret")
}
