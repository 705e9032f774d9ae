package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// answered is one request that was counted.
type answered struct {
	operation string
	status    int
}

// meter keeps the counts.
type meter struct {
	mu               sync.Mutex
	answers          []answered
	took             []time.Duration // of each of answers
	refusals         []string
	waiting, working int
}

func (m *meter) Answered(operation string, status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers, m.took = append(m.answers, answered{operation, status}), append(m.took, took)
}

func (m *meter) TokenRefused(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusals = append(m.refusals, reason)
}

func (m *meter) Waits(by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting += by
}

func (m *meter) Works(by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.working += by
}

// counted gives the counts, and begins anew.
func (m *meter) counted() (answers []answered, took []time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answers, took, m.answers, m.took = m.answers, m.took, nil, nil
	return answers, took
}

// inFlight is how many wait for their turn, and how many are worked.
func (m *meter) inFlight() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []int{m.waiting, m.working}
}

func TestEveryRequestIsCountedOnce(t *testing.T) {
	tests := map[string]struct {
		ask       func(d *desk) reply
		operation string
		status    int
		refusal   string
	}{
		"a list": {
			func(d *desk) reply { return d.asks("cem", "GET", "/api/teams/vergunningen/notes", "") }, "listTeam", 200,
			"",
		},
		"a look without the body": {
			func(d *desk) reply { return d.asks("cem", "HEAD", "/api/me", "") }, "whoAmI", 200, "",
		},
		"a promise": {func(d *desk) reply {
			return d.asks(
				"cem", "POST", "/api/notes", `{"team":"vergunningen","number":"`+caller+`"}`, "Idempotency-Key", "1",
			)
		}, "promise", 201, ""},
		"a claim of an old version": {func(d *desk) reply {
			return d.changes("cem", note.Note{ID: d.note(permits).ID, Ver: 7}, "claim", "")
		}, "claim", 409, ""},
		"an export": {
			func(d *desk) reply { return d.asks("lead", "GET", "/api/export", "") }, "export", 200, "",
		},
		"a note that is not there": {
			func(d *desk) reply { return d.asks("cem", "GET", "/api/notes/0612345678", "") }, "show", 404, "",
		},
		"a role that is too low": {
			func(d *desk) reply { return d.asks("cem", "POST", "/api/erase", `{}`) }, "erase", 403, "",
		},
		"a body that is too large": {func(d *desk) reply {
			return d.asks("cem", "POST", "/api/notes", strings.Repeat(" ", 70_000), "Idempotency-Key", "1")
		}, "promise", 413, ""},
		"no token": {
			func(d *desk) reply { return d.asks("", "GET", "/api/me", "") }, "", 401, "missing",
		},
		"a token that is not known": {
			func(d *desk) reply { return d.asks("", "GET", "/api/me", "", "Authorization", "Bearer bkb_x") }, "", 401,
			"unknown",
		},
		"another scheme than a bearer": {
			func(d *desk) reply { return d.asks("", "GET", "/api/me", "", "Authorization", "Basic eDp4") }, "", 401,
			"missing",
		},
		"the document": {
			func(d *desk) reply { return d.asks("", "GET", "/api/openapi.json", "") }, "", 200, "",
		},
		"a path that is not there": {
			func(d *desk) reply { return d.asks("cem", "GET", "/api/secrets/0612345678", "") }, "", 404, "",
		},
		"a method that is not there": {
			func(d *desk) reply { return d.asks("cem", "DELETE", "/api/me", "") }, "", 405, "",
		},
		"Redis is away": {func(d *desk) reply {
			d.store.Fail(errors.New("out of order"))
			return d.asks("cem", "GET", "/api/teams/vergunningen/notes", "")
		}, "listTeam", 503, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			got := test.ask(d)
			require.Equal(t, test.status, got.StatusCode, "%s", got.body)
			answers, took := d.meter.counted()
			require.Equal(t, []answered{{test.operation, test.status}}, answers)
			require.Positive(t, took[0])
			require.Equal(t, []int{0, 0}, d.meter.inFlight())
			if test.refusal != "" {
				require.Equal(t, []string{test.refusal}, d.meter.refusals)
			} else {
				require.Empty(t, d.meter.refusals)
			}
		})
	}
}

func TestAPathThatIsSentElsewhereIsCountedToo(t *testing.T) {
	d, api := unreached(t)
	api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/api//me", nil))
	answers, _ := d.meter.counted()
	require.Equal(t, []answered{{"", http.StatusTemporaryRedirect}}, answers)
}

func TestAnAnswerThatIsCutOffIsCountedAsSuch(t *testing.T) {
	d := open(t, func(o *api.Options) { o.Exports = torn{o.Exports.(storetest.Exports)} })
	d.note(permits)
	r, err := http.NewRequest(http.MethodGet, d.url+"/api/export", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+d.tokens["admin"])
	got, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer got.Body.Close()
	require.Equal(t, 200, got.StatusCode)
	_, err = io.ReadAll(got.Body) // to where it breaks off: who closes it before that has hung up
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	answers, _ := d.meter.counted()
	require.Equal(t, []answered{{"export", 0}}, answers)
	require.Equal(t, []int{0, 0}, d.meter.inFlight())
}

func TestTokensThatAreTriedAreCounted(t *testing.T) {
	d := open(t)
	want := map[string]int{"unknown": 10, "too_many": 2}
	for range 12 {
		d.asks("", "GET", "/api/me", "", "Authorization", "Bearer bkb_guess")
	}
	d.asks("cem", "GET", "/api/me", "") // a good one, from the same address: it is let in
	got := map[string]int{}
	for _, reason := range d.meter.refusals {
		got[reason]++
	}
	require.Equal(t, want, got)
	for reason := range got {
		require.Contains(t, api.Refusals(), reason)
	}
}

func TestOperationsAreThoseOfTheRoutes(t *testing.T) {
	var ids []string
	for _, r := range api.RouteList() {
		ids = append(ids, r[strings.LastIndex(r, " ")+1:])
	}
	slices.Sort(ids)
	require.Equal(t, slices.Compact(slices.Clone(ids)), ids, "each has a name of its own")
	require.Equal(t, ids, api.Operations())
}

// asksList asks for the list of a team, past any network, until it has its answer.
func (d *desk) asksList(ctx context.Context, api http.Handler) int {
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/teams/vergunningen/notes", nil)
	r.Header.Set("Authorization", "Bearer "+d.tokens["cem"])
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w.Code
}

// pass lets time go by inside a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestWhoWaitsAndWhoIsWorkedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		finish := sync.OnceFunc(func() { close(let) })
		defer finish()
		d, api := unreached(t, func(o *api.Options) { o.Reader = slow{o.Reader, make(chan struct{}, 100), let} })
		var asking sync.WaitGroup
		for range 12 {
			asking.Go(func() { d.asksList(t.Context(), api) })
		}
		synctest.Wait()
		require.Equal(t, []int{4, 8}, d.meter.inFlight())
		pass(5 * time.Second)
		synctest.Wait()
		require.Equal(t, []int{0, 8}, d.meter.inFlight(), "their patience has ended")
		answers, took := d.meter.counted()
		require.Equal(t, slices.Repeat([]answered{{"listTeam", 503}}, 4), answers)
		require.Equal(t, slices.Repeat([]time.Duration{5 * time.Second}, 4), took)

		asking.Go(func() { d.asksList(t.Context(), api) })
		pass(2 * time.Second)
		finish()
		asking.Wait()
		require.Equal(t, []int{0, 0}, d.meter.inFlight())
		answers, took = d.meter.counted()
		require.Equal(t, slices.Repeat([]answered{{"listTeam", 200}}, 9), answers)
		slices.Sort(took)
		require.Equal(
			t, append([]time.Duration{2 * time.Second}, slices.Repeat([]time.Duration{7 * time.Second}, 8)...), took,
			"the wait belongs to it",
		)
	})
}

// A fault that no client was there to see is not ours: people who close their browser must not raise an alert.
func TestWhoHangsUpIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		finish := sync.OnceFunc(func() { close(let) })
		defer finish()
		d, api := unreached(t, func(o *api.Options) { o.Reader = slow{o.Reader, make(chan struct{}, 100), let} })
		ctx, hangUp := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		for range 9 {
			asking.Go(func() { d.asksList(ctx, api) })
		}
		synctest.Wait()
		hangUp()
		synctest.Wait()
		answers, _ := d.meter.counted()
		require.Equal(t, []answered{{"listTeam", 499}}, answers, "they waited for their turn")
		finish()
		asking.Wait()
		answers, _ = d.meter.counted()
		require.Equal(
			t, slices.Repeat([]answered{{"listTeam", 200}}, 8), answers, "what was answered is counted as that",
		)
		require.Equal(t, []int{0, 0}, d.meter.inFlight())
	})
}

// leaving is an export whose reader hangs up when it begins.
type leaving struct {
	torn
	hangUp func()
}

func (l leaving) EachLive(
	ctx context.Context, m call.MunicipalityID, wanted func(call.TeamID) bool, take func([]note.Note) error,
) error {
	l.hangUp()
	return l.torn.EachLive(ctx, m, wanted, take)
}

func TestWhoHangsUpDuringAnExportIsNoFault(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	d, api := unreached(t, func(o *api.Options) { o.Exports = leaving{torn{o.Exports.(storetest.Exports)}, hangUp} })
	d.note(permits)
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/export", nil)
	r.Header.Set("Authorization", "Bearer "+d.tokens["admin"])
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { api.ServeHTTP(httptest.NewRecorder(), r) })
	answers, _ := d.meter.counted()
	require.Equal(t, []answered{{"export", 499}}, answers)
}
