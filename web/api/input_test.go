package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
)

func TestBadInput(t *testing.T) {
	const comment, promise = "/api/notes/NOTE/comment", "/api/notes"
	seen, key := []string{"If-Match", `"1"`}, []string{"Idempotency-Key", "k"}
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code, detail       string
	}{
		"no version": {"POST", comment, `{"text":"x"}`, nil, 428, "if_match", "If-Match"},
		"a version that is none": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `"abc"`}, 400, "if_match", "",
		},
		"a version without quotes": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `1`}, 400, "if_match", "",
		},
		"a weak version to come": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `W/"9"`}, 409, "stale", "version 1",
		},
		"a tag that a proxy made up": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `"1-5f3a"`}, 400, "if_match", "a proxy",
		},
		"a tag that is cut off": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `W/"1`}, 400, "if_match", "",
		},
		"two versions": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `"1", "2"`}, 400, "if_match", "",
		},
		"any version": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `*`}, 400, "if_match", "",
		},
		"version nought": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `"0"`}, 400, "if_match", "",
		},
		"a version that is too large": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `"99999999999999999999"`}, 400, "if_match", "",
		},
		"a version to come": {
			"POST", comment, `{"text":"x"}`, []string{"If-Match", `"9"`}, 409, "stale", "version 1",
		},
		"not JSON":     {"POST", comment, `{text}`, seen, 400, "body", "byte 2"},
		"half of JSON": {"POST", comment, `{"text":"x`, seen, 400, "body", "ends before"},
		"a list":       {"POST", comment, `[1]`, seen, 400, "body", "not a JSON object"},
		"null":         {"POST", comment, `null`, seen, 400, "body", "not a JSON object"},
		"blanks":       {"POST", comment, `  `, seen, 400, "body", "not a JSON object"},
		"two objects":  {"POST", comment, `{"text":"x"}{}`, seen, 400, "body", "more in the body"},
		"not UTF-8":    {"POST", comment, "{\"text\":\"\xff\"}", seen, 400, "body", "UTF-8"},
		"a field of another type": {
			"POST", comment, `{"text":612345678}`, seen, 400, "body", "text is of another type: it takes a text",
		},
		"a truth that is a text": {
			"POST", promise, `{"verified":"yes"}`, key, 400, "body", "takes true or false",
		},
		"a field that nobody knows": {
			"POST", comment, `{"text":"x","0612345678":1}`, seen, 400, "body", "the fields are: text",
		},
		"a field where there are none": {
			"POST", "/api/notes/NOTE/claim", `{"force":true}`, seen, 400, "body", "the fields are: none",
		},
		"a body that is too large": {
			"POST", comment, `{"text":"` + strings.Repeat("x", 64<<10) + `"}`, seen, 413, "too_large", "65536",
		},
		"a form": {
			"POST", comment, `text=x`, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, seen...),
			415, "media_type", "",
		},
		"no content type": {
			"POST", comment, `{"text":"x"}`, append([]string{"Content-Type", ""}, seen...), 415, "media_type", "",
		},
		"a control character in a text": {"POST", comment, `{"text":"a\u0007b"}`, seen, 422, "rule", "not text"},
		"a method that is not taken":    {"DELETE", "/api/notes/NOTE", ``, nil, 405, "method", "GET, HEAD"},
		"get instead of post":           {"GET", comment, ``, nil, 405, "method", "POST"},
		"a path that is not there":      {"GET", "/api/notities", ``, nil, 404, "not_found", "/api/openapi.json"},
		"the root":                      {"GET", "/", ``, nil, 404, "not_found", ""},
		"a limit of nothing": {
			"GET", "/api/teams/vergunningen/notes?limit=0", ``, nil, 400, "query", "from 1 to 200",
		},
		"a limit that is too high": {
			"GET", "/api/teams/vergunningen/notes?limit=201", ``, nil, 400, "query", "from 1 to 200",
		},
		"a limit that is none": {
			"GET", "/api/teams/vergunningen/notes?limit=all", ``, nil, 400, "query", "from 1 to 200",
		},
		"a filter that nobody knows": {
			"GET", "/api/teams/vergunningen/notes?state=open", ``, nil, 400, "query", "limit",
		},
		"a form of export that is none": {"GET", "/api/export?format=ods", ``, nil, 400, "query", "csv, xlsx or jsonl"},
		"half a period": {
			"GET", "/api/export?closed_from=2026-11-01T00:00:00Z", ``, nil, 400, "query", "closed_until",
		},
		"a period backwards": {
			"GET", "/api/export?closed_from=2026-11-02T00:00:00Z&closed_until=2026-11-01T00:00:00Z", ``, nil, 400,
			"query", "before",
		},
		"a period of two years": {
			"GET", "/api/export?closed_from=2024-11-02T00:00:00Z&closed_until=2026-11-01T00:00:00Z", ``, nil, 400,
			"query", "366",
		},
		"a promise without a key": {
			"POST", promise, `{"team":"kcc","number":"0612345678"}`, nil, 400, "idempotency_key", "",
		},
		"a promise with a key with blanks": {
			"POST", promise, `{"team":"kcc","number":"0612345678"}`,
			[]string{"Idempotency-Key", "a b"},
			400, "idempotency_key", "",
		},
		"a promise with a long key": {
			"POST", promise, `{"team":"kcc","number":"0612345678"}`,
			[]string{"Idempotency-Key", strings.Repeat("a", 101)},
			400, "idempotency_key", "",
		},
		"a promise of no team": {"POST", promise, `{"number":"0612345678"}`, key, 422, "team", ""},
		"a promise of another's team": {
			"POST", promise, `{"team":"raalte-kcc","number":"0612345678"}`, key, 422, "team", "",
		},
		"a promise to no number": {
			"POST", promise, `{"team":"kcc"}`, key, 422, "refused_invalid", "does not exist",
		},
		"a promise to 112": {
			"POST", promise, `{"team":"kcc","number":"112"}`, key, 422, "refused_invalid", "",
		},
		"a promise to 0900": {
			"POST", promise, `{"team":"kcc","number":"09001234"}`, key, 422, "refused_kind", "never called back",
		},
		"a promise to Belgium": {
			"POST", promise, `{"team":"kcc","number":"+3225551212"}`, key, 422, "refused_country", "BE",
		},
		"a promise for nobody": {
			"POST", promise, `{"team":"kcc","number":"0612345678","personal":"niemand"}`, key, 422, "colleague", "",
		},
		"a promise at no time": {
			"POST", promise, `{"team":"kcc","number":"0612345678","window":"25:00-26:00"}`, key, 422, "window", "",
		},
		"a promise with a strange tongue": {
			"POST", promise, `{"team":"kcc","number":"0612345678","language":"n l"}`, key, 422, "refused_request",
			"language",
		},
		"a promise in German": {
			"POST", promise, `{"team":"kcc","number":"0612345678","language":"de"}`, key, 422, "refused_request",
			"nl, en",
		},
		"an export in a strange dialect": {
			"GET", "/api/export?format=csv&dialect=tsv", "", nil, 400, "query", "rfc4180",
		},
		"an export of lines in a dialect": {"GET", "/api/export?dialect=rfc4180", "", nil, 400, "query", "format=csv"},
		"an erasure of no number":         {"POST", "/api/erase", `{"number":"0612"}`, nil, 422, "number", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			n := d.note(permits)
			path := strings.Replace(test.path, "NOTE", string(n.ID), 1)
			p := d.asks("admin", test.method, path, test.body, test.headers...).problem(t, test.status, test.code)
			require.Contains(t, p.Detail, test.detail)
			require.NotContains(t, d.log.String(), "12345678")
		})
	}
}

func TestTheStoreIsAway(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	d.store.Fail(errors.New("gone"))
	for _, got := range []reply{
		d.changes("cem", n, "claim", ""),
		d.asks("cem", http.MethodGet, "/api/teams/vergunningen/notes", ""),
		d.asks("cem", http.MethodGet, "/api/notes/"+string(n.ID), ""),
		d.asks("admin", http.MethodGet, "/api/export", ""),
		d.asks("cem", http.MethodPost, "/api/notes", `{"team":"kcc","number":"0612345678"}`, "Idempotency-Key", "k"),
	} {
		p := got.problem(t, http.StatusServiceUnavailable, "store")
		require.Contains(t, p.Detail, "try again")
		require.Equal(t, "5", got.Header.Get("Retry-After"))
	}
	require.Contains(t, d.log.String(), "gone", "why stands in the log")
}

func TestHeaders(t *testing.T) {
	d := open(t)
	for _, path := range []string{
		"/api/me", "/api/openapi.json", "/nowhere", "/api/teams/vergunningen/notes", "/api/export",
	} {
		for _, who := range []string{"lead", "nobody"} {
			h := d.asks(who, http.MethodGet, path, "", "Origin", "https://evil.example").Header
			require.Equal(t, "no-store", h.Get("Cache-Control"), path)
			require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			require.Equal(t, "default-src 'none'; frame-ancestors 'none'", h.Get("Content-Security-Policy"))
			require.Equal(t, "DENY", h.Get("X-Frame-Options"))
			require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
			for name := range h {
				require.False(t, strings.HasPrefix(name, "Access-Control-"), "no other site may read this")
			}
		}
	}
	preflight := d.asks(
		"nobody", http.MethodOptions, "/api/notes", "", "Origin", "https://evil.example",
		"Access-Control-Request-Method", "POST",
	)
	_ = preflight.problem(t, http.StatusMethodNotAllowed, "method")
	require.Equal(t, "GET, HEAD, POST", preflight.Header.Get("Allow"))
}

func TestTheLogSaysWhoSawWhat(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	d.asks("cem", http.MethodGet, "/api/notes/"+string(n.Reference), "")
	d.asks("wallboard", http.MethodGet, "/api/teams/vergunningen/notes", "")
	d.changes("dirkje", note.Note{ID: n.ID, Ver: 7}, "claim", "")
	log := d.log.String()
	require.Contains(
		t, log,
		`"token":"cem","role":"agent","agent":"cem","municipality":"deventer","did":"show","status":200,"notes":["`+string(n.ID)+`"]`,
	)
	require.Contains(
		t, log,
		`"token":"wallboard","role":"reader","agent":"","municipality":"deventer","did":"listTeam","status":200,"team":"vergunningen","notes":["`+string(n.ID)+`"]`,
	)
	require.Contains(t, log, `"did":"claim","status":409,"notes":["`+string(n.ID)+`"]`)
	for _, secret := range []string{"12345678", string(n.Reference), d.tokens["cem"], "Wanneer"} {
		require.NotContains(t, log, secret)
	}
}
