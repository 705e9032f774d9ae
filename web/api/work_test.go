package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/test/storetest"
	"github.com/bereikbaar/bereikbaar/web/api"
)

func TestANoteIsWorkedFromPromiseToResolved(t *testing.T) {
	d := open(t)
	made := d.asks("anouk", http.MethodPost, "/api/notes",
		`{"team":"vergunningen","number":"06 12345678","verified":true,"subject":" Dakkapel ","reason":"Wanneer?","window":"09:00-12:00"}`,
		"Idempotency-Key", "desk-1")
	require.Equal(t, http.StatusCreated, made.StatusCode, "%s", made.body)
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	var receipt noteview.Note
	made.json(t, &receipt)
	require.NotContains(t, string(made.body), "12345678", "its maker knows the number")
	at := "/api/notes/" + string(receipt.ID)
	require.Equal(t, at, made.Header.Get("Location"))

	tag := made.Header.Get("ETag")
	does := func(what, body string) noteview.Note {
		t.Helper()
		got := d.asks("cem", http.MethodPost, at+"/"+what, body, "If-Match", tag)
		var n noteview.Note
		got.json(t, &n)
		require.Equal(t, fmt.Sprintf("%q", fmt.Sprint(n.Ver)), got.Header.Get("ETag"))
		tag = got.Header.Get("ETag")
		return n
	}
	n := does("claim", "")
	require.Equal(t, note.Claimed, n.State)
	require.Equal(t, call.AgentID("cem"), n.Colleague)
	require.Equal(t, caller, n.Number)
	require.Equal(t, "09:00-12:00", n.Window)
	require.False(t, n.NextAttempt.Before(n.Made), "a moment to try the caller")
	require.True(t, n.NextAttempt.Before(n.Deadline), "within the norm")
	require.WithinDuration(t, time.Now().Add(10*time.Minute), n.Lease, time.Minute)
	does("renew", "{}")
	require.Equal(t, note.Calling, does("attempts/start", "").State)
	require.Equal(t, attempt.Reached, does("attempts/end", `{"result":"reached"}`).Attempts[0].Result)
	does("comment", `{"text":"belt morgen terug"}`)
	require.Equal(t, 1, does("raise", `{"reason":"wacht lang"}`).Priority)
	n = does("resolve", `{"outcome":"reached","reason":"vergunning is klaar"}`)
	require.Equal(t, note.Resolved, n.State)
	require.True(t, *n.NormMet)

	var shown noteview.Note
	byReference := d.asks("cem", http.MethodGet, "/api/notes/"+string(receipt.Reference), "")
	byReference.json(t, &shown)
	d.asks("cem", http.MethodGet, strings.ToLower(at), "").json(t, &shown)
	require.Equal(t, `"8"`, byReference.Header.Get("ETag"))
	var kinds []note.EventKind
	for _, e := range shown.History {
		kinds = append(kinds, e.Event)
	}
	require.Equal(t, []note.EventKind{
		note.EventMade, note.EventClaimed, note.EventRenewed, note.EventAttemptStarted, note.EventAttemptEnded,
		note.EventCommented, note.EventRaised, note.EventResolved,
	}, kinds)
	require.Equal(t, note.ByAgent("anouk"), shown.History[0].Who)
	require.Equal(t, note.ByAgent("cem"), shown.History[1].Who)

	n2 := d.asks("lead", http.MethodPost, at+"/reopen", `{"reason":"was een ander"}`, "If-Match", tag)
	n2.json(t, &n)
	require.True(t, n.Attempts[0].Earlier)
	require.Equal(t, note.Open, n.State)
	require.Equal(t, receipt.Deadline, n.Deadline, "the clock does not restart")
}

func TestTheSameRequestMakesOneNote(t *testing.T) {
	d := open(t)
	body := `{"team":"vergunningen","number":"0612345678","subject":"dakkapel"}`
	first := d.asks("anouk", http.MethodPost, "/api/notes", body, "Idempotency-Key", "desk-1")
	again := d.asks("anouk", http.MethodPost, "/api/notes", body, "Idempotency-Key", "desk-1")
	other := d.asks("anouk", http.MethodPost, "/api/notes", body, "Idempotency-Key", "desk-2")
	require.Equal(t, []int{201, 201, 200}, []int{first.StatusCode, again.StatusCode, other.StatusCode})
	var a, b, c noteview.Note
	first.json(t, &a)
	again.json(t, &b)
	other.json(t, &c)
	require.Equal(t, a.ID, b.ID, "sent again")
	require.Equal(t, a.ID, c.ID, "asked for again")
	require.Equal(t, []int{0, 0, 1}, []int{a.Repeats, b.Repeats, c.Repeats})
	d.asks("anouk", http.MethodPost, "/api/notes", body, "Idempotency-Key", "desk-2").json(t, &c)
	require.Equal(t, 1, c.Repeats, "the repeat contact sent again is no other")
	reused := d.asks(
		"anouk", http.MethodPost, "/api/notes", strings.Replace(body, "0612345678", "0612345679", 1), "Idempotency-Key",
		"desk-1",
	)
	require.NotContains(
		t, reused.problem(t, http.StatusUnprocessableEntity, "idempotency_key").Detail, string(a.Reference),
	)
	for what, changed := range map[string]string{
		"team":    strings.Replace(body, "vergunningen", "belastingen", 1),
		"subject": strings.Replace(body, "dakkapel", "schuur", 1),
		"story":   strings.Replace(body, "}", `,"reason":"Wanneer?"}`, 1),
		"window":  strings.Replace(body, "}", `,"window":"09:00-12:00"}`, 1),

		"colleague":           strings.Replace(body, "}", `,"personal":"cem"}`, 1),
		"language":            strings.Replace(body, "}", `,"language":"en"}`, 1),
		"the caller's number": strings.Replace(body, "}", `,"verified":true}`, 1),
		"call":                strings.Replace(body, "}", `,"call":"1732300000.17"}`, 1),
	} {
		got := d.asks("anouk", http.MethodPost, "/api/notes", changed, "Idempotency-Key", "desk-1")
		p := got.problem(t, http.StatusUnprocessableEntity, "idempotency_key")
		require.NotContains(t, p.Detail, string(a.Reference), what)
	}
	rerouted := d.asks(
		"cem", http.MethodPost, "/api/notes/"+string(a.ID)+"/reroute", `{"team":"kcc","reason":"niet van ons"}`,
		"If-Match",
		`"2"`,
	)
	require.Equal(t, 200, rerouted.StatusCode, "%s", rerouted.body)
	moved := d.asks("anouk", http.MethodPost, "/api/notes", body, "Idempotency-Key", "desk-1")
	require.Equal(t, 201, moved.StatusCode, "it was asked for at that team, whoever has it now: %s", moved.body)
	separate := strings.Replace(body, "}", `,"separate":true}`, 1)
	_ = d.asks("anouk", http.MethodPost, "/api/notes", separate, "Idempotency-Key", "desk-1").problem(
		t, 422, "idempotency_key",
	)
	var apart noteview.Note
	another := d.asks("anouk", http.MethodPost, "/api/notes", separate, "Idempotency-Key", "desk-3")
	require.Equal(t, 201, another.StatusCode, "somebody else behind that number: %s", another.body)
	another.json(t, &apart)
	require.NotEqual(t, a.ID, apart.ID)
	colleague := d.asks(
		"cem", http.MethodPost, "/api/notes", strings.Replace(body, "dakkapel", "schuur", 1), "Idempotency-Key",
		"desk-1",
	)
	require.Equal(t, 201, colleague.StatusCode, "a key is of one person")
}

func TestTheSameRequestForAColleague(t *testing.T) {
	d := open(t)
	body := `{"team":"vergunningen","number":"0612345678","language":"en","verified":true,"personal":"cem"}`
	promise := func(body string) reply {
		return d.asks("anouk", http.MethodPost, "/api/notes", body, "Idempotency-Key", "desk-1")
	}
	var n, shown noteview.Note
	promise(body).json(t, &n)
	d.asks("dirkje", http.MethodGet, "/api/notes/"+string(n.ID), "").json(t, &shown)
	for _, whose := range []string{"cem's", "the team's"} {
		require.Equal(t, 201, promise(body).StatusCode, whose)
		for _, changed := range []string{
			strings.Replace(body, `,"personal":"cem"`, "", 1), strings.Replace(body, `"cem"`, `"dirkje"`, 1),
		} {
			_ = promise(changed).problem(t, 422, "idempotency_key")
		}
		if whose == "cem's" {
			released := d.changes("lead", note.Note{ID: n.ID, Ver: shown.Ver}, "release", `{"reason":"ziek"}`)
			require.Equal(t, 200, released.StatusCode, "%s", released.body)
		}
	}
	d.asks("lead", http.MethodPost, "/api/colleagues/cem/absent", "")
	for range 2 {
		got := d.asks(
			"anouk", http.MethodPost, "/api/notes", strings.Replace(body, "678", "679", 1), "Idempotency-Key", "desk-2",
		)
		require.Equal(t, 201, got.StatusCode, "%s", got.body)
	}
}

func TestSixtyFourColleaguesClaimOneNote(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	for i := range 64 {
		name := fmt.Sprintf("c%d", i)
		line := people[1]
		line.Name, line.Agent = name, name
		d.token(line)
	}
	d.save()
	require.Eventually(
		t, func() bool { return d.asks("c63", http.MethodGet, "/api/me", "").StatusCode == http.StatusOK },
		20*time.Second, 50*time.Millisecond,
	)

	var claims sync.WaitGroup
	answers := make([]reply, 64)
	for i := range answers {
		claims.Go(func() { answers[i] = d.changes(fmt.Sprintf("c%d", i), n, "claim", "") })
	}
	claims.Wait()
	won := 0
	for _, got := range answers {
		if got.StatusCode == http.StatusOK {
			won++
			continue
		}
		require.Equal(t, uint64(2), got.problem(t, http.StatusConflict, "stale").Ver)
	}
	require.Equal(t, 1, won)
	after, err := d.store.Note(context.Background(), deventer, n.ID)
	require.NoError(t, err)
	require.Equal(t, uint64(2), after.Ver)
}

func TestAStaleOwnerCompletes(t *testing.T) {
	d := open(t)
	mine := d.claimed(permits, "cem")
	_, err := d.work.Release(context.Background(), d.step(mine, "cem"), "")
	require.NoError(t, err)
	_ = d.changes("cem", mine, "resolve", `{"outcome":"settled"}`).problem(t, http.StatusConflict, "stale")
	after, err := d.store.Note(context.Background(), deventer, mine.ID)
	require.NoError(t, err)
	require.Equal(t, note.Open, after.State, "nothing changed")
}

func TestANoteIsClosedFromTheCallInWhichItWasSettled(t *testing.T) {
	d := open(t)
	theirs, other := d.note(permits), d.note(permits)
	since := time.Now().UTC().Truncate(time.Second)
	d.talking = map[call.AgentID]api.Talking{"cem": {Call: "1732300000.7", Since: since, Note: theirs.Reference}}
	var me struct{ Call *api.Talking }
	d.asks("cem", http.MethodGet, "/api/me", "").json(t, &me)
	require.Equal(t, d.talking["cem"], *me.Call)
	var nobody struct{ Call *api.Talking }
	d.asks("dirkje", http.MethodGet, "/api/me", "").json(t, &nobody)
	require.Nil(t, nobody.Call)

	settled := func(who string, n note.Note) call.ID {
		t.Helper()
		require.Equal(t, http.StatusOK, d.changes(who, n, "resolve", `{"outcome":"settled"}`).StatusCode)
		events, err := d.store.Events(context.Background(), deventer, n.ID)
		require.NoError(t, err)
		require.Equal(t, note.Settled, events[1].Outcome)
		return events[1].Call
	}
	require.Empty(t, settled("cem", other), "they talk about another matter")
	require.Equal(t, call.ID("1732300000.7"), settled("cem", theirs))
	require.Empty(t, settled("dirkje", d.note(permits)))
}

func TestWhatTheRulesRefuse(t *testing.T) {
	tests := map[string]struct {
		note   func(*desk) note.Note
		who    string
		what   string
		body   string
		status int
		code   string
		detail string
	}{
		"a note that is resolved is claimed": {
			func(d *desk) note.Note { return d.closed(permits) }, "cem", "claim", "", 409, "state",
			"a team lead can reopen it",
		},
		"another colleague renews": {
			func(d *desk) note.Note { return d.claimed(permits, "cem") }, "dirkje", "renew", "", 422, "rule",
			"cem has it",
		},
		"another colleague releases": {
			func(d *desk) note.Note { return d.claimed(permits, "cem") }, "dirkje", "release", "", 403, "not_yours",
			"cem has it",
		},
		"another colleague reroutes": {
			func(d *desk) note.Note { return d.claimed(permits, "cem") }, "dirkje", "reroute",
			`{"team":"kcc","reason":"x"}`, 403, "not_yours", "",
		},
		"a personal note is claimed by another": {
			func(d *desk) note.Note {
				return d.note(permits, func(r *callback.Request) { r.Personal = "cem" })
			}, "dirkje", "claim", "", 422, "rule", "for cem in person",
		},
		"not ours, and nobody else's": {
			func(d *desk) note.Note { return d.note(permits) }, "cem", "reroute", `{"reason":"niet van ons"}`, 422,
			"team", "name a team",
		},
		"not ours, without a reason": {
			func(d *desk) note.Note { return d.note(permits) }, "cem", "reroute", `{"team":"kcc"}`, 422, "rule",
			"reason is needed",
		},
		"to a team of another municipality": {
			func(d *desk) note.Note { return d.note(permits) }, "cem", "reroute", `{"team":"raalte-kcc","reason":"x"}`,
			422, "team", "",
		},
		"reached, without an attempt": {
			func(d *desk) note.Note { return d.claimed(permits, "cem") }, "cem", "resolve", `{"outcome":"reached"}`,
			422, "rule", "no attempt",
		},
		"given up too early": {
			func(d *desk) note.Note { return d.claimed(permits, "cem") }, "cem", "resolve", `{"outcome":"unreached"}`,
			422, "rule", "3 more",
		},
		"resolved without saying how": {
			func(d *desk) note.Note { return d.claimed(permits, "cem") }, "cem", "resolve", `{}`, 422, "rule",
			"say how",
		},
		"an attempt ends and nobody says how": {
			func(d *desk) note.Note { return d.claimed(permits, "cem") }, "cem", "attempts/end", `{"result":"maybe"}`,
			422, "rule", "say what came of it",
		},
		"a comment without a word": {
			func(d *desk) note.Note { return d.note(permits) }, "cem", "comment", `{}`, 422, "rule", "no comment",
		},
		"a comment that is a book": {
			func(d *desk) note.Note { return d.note(permits) }, "cem", "comment",
			`{"text":"` + strings.Repeat("a", 2001) + `"}`, 422, "rule", "longer than",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			n := test.note(d)
			p := d.changes(test.who, n, test.what, test.body).problem(t, test.status, test.code)
			require.Contains(t, p.Detail, test.detail)
			if test.code == "state" {
				require.Equal(t, note.Legal(n.State), p.Legal)
			}
			after, err := d.store.Note(context.Background(), deventer, n.ID)
			require.NoError(t, err)
			require.Equal(t, n, after, "nothing changed")
		})
	}
}

// A client that comes too late is told the holder of the note, until when, and what can be done.
func TestAStateErrorSaysWhoHasTheNote(t *testing.T) {
	d := open(t)
	for name, test := range map[string]struct {
		note       func() note.Note
		what, body string
		says       []string
	}{
		"claimed by another": {
			func() note.Note { return d.claimed(permits, "cem") }, "claim", "",
			[]string{"cem has the note until ", "release it"},
		},
		"being called": {func() note.Note {
			n, err := d.work.StartAttempt(context.Background(), d.step(d.claimed(permits, "cem"), "cem"), "")
			require.NoError(t, err)
			return n
		}, "reroute", `{"team":"kcc","reason":"x"}`, []string{
			"cem is calling the caller and has the note until ", "the attempt needs its result first",
		}},
		"closed": {func() note.Note { return d.closed(permits) }, "claim", "", []string{"was cancelled on ", "reopen"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := test.note()
			p := d.changes("lead", n, test.what, test.body).problem(t, http.StatusConflict, "state")
			for _, says := range test.says {
				require.Contains(t, p.Detail, says)
			}
			require.NotContains(t, p.Detail, "commented", "events are for programs")
			require.Equal(t, note.Legal(n.State), p.Legal)
			require.Equal(t, n.Colleague, p.Colleague)
			require.True(t, n.Lease.Equal(p.Until))
		})
	}
	seen := d.note(permits)
	held, err := d.work.Claim(context.Background(), d.step(seen, "cem"))
	require.NoError(t, err)
	p := d.changes("dirkje", seen, "claim", "").problem(t, http.StatusConflict, "stale")
	require.Contains(t, p.Detail, "cem has the note until ")
	require.Equal(t, held.Colleague, p.Colleague)
	require.Equal(t, held.Lease, p.Until)
}

func TestALeadFreesWhatOthersHave(t *testing.T) {
	d := open(t)
	var n noteview.Note
	d.changes("lead", d.claimed(permits, "cem"), "release", `{"reason":"ziek"}`).json(t, &n)
	require.Equal(t, note.Open, n.State)
	personal := d.note(permits, func(r *callback.Request) { r.Personal = "cem" })
	d.changes("lead", personal, "release", "").json(t, &n)
	require.Empty(t, n.Personal, "it is the team's now")
}

// few allows one note a day for a number.
type few struct{ town }

func (few) Policy(call.MunicipalityID) dialling.Policy {
	return dialling.Policy{
		Countries: []string{"NL"}, Clocks: time.UTC, Limits: dialling.Limits{Caller: 1, Target: 1, Day: 1},
	}
}

func TestAnAgentMakesOneNoteTooMany(t *testing.T) {
	d := open(t, func(o *api.Options) { o.Promises = callback.NewService(storetest.NewMemory(), few{}, town{}, nil) })
	ask := func(number, subject, key string) reply {
		return d.asks(
			"anouk", http.MethodPost, "/api/notes",
			`{"team":"vergunningen","number":"`+number+`","verified":true,"subject":"`+subject+`"}`, "Idempotency-Key",
			key,
		)
	}
	require.Equal(t, http.StatusCreated, ask("0612345678", "dakkapel", "1").StatusCode)
	require.Equal(t, http.StatusCreated, ask("0612345678", "dakkapel", "1").StatusCode, "the same request")
	require.Equal(
		t, http.StatusCreated, ask("0687654321", "dakkapel", "2").StatusCode,
		"an agent makes as many as there are numbers",
	)
	require.Contains(t, ask("0612345678", "kapvergunning", "3").problem(t, 422, "refused_target_limit").Detail, "today")
}

func TestARerouteThatLeavesTheirSight(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	var after noteview.Note
	d.changes("cem", n, "reroute", `{"team":"belastingen","reason":"gaat over de aanslag"}`).json(t, &after)
	require.Equal(t, tax, after.Team)
	require.Equal(t, n.Deadline, after.Deadline)
	require.True(t, after.Masked, "it is no longer theirs to call")
	_ = d.asks("cem", http.MethodGet, "/api/notes/"+string(n.ID), "").problem(t, 404, "not_found")
}

// A compressing proxy changes the tag; it is the version that was seen all the same.
func TestTagsThatAProxyChanged(t *testing.T) {
	for _, tag := range []string{
		`"%d"`, `W/"%d"`, `"%d-gzip"`, `W/"%d-gzip"`, `"%d--gzip"`, `"%d-br"`, `"%d-zstd"`, `"%d;gzip"`, ` "%d"`,
	} {
		d := open(t)
		n := d.claimed(permits, "cem")
		path := "/api/notes/" + string(n.ID) + "/comment"
		late := d.asks("cem", http.MethodPost, path, `{"text":"x"}`, "If-Match", fmt.Sprintf(tag, n.Ver-1))
		require.Equal(t, n.Ver, late.problem(t, http.StatusConflict, "stale").Ver, tag)
		got := d.asks("cem", http.MethodPost, path, `{"text":"x"}`, "If-Match", fmt.Sprintf(tag, n.Ver))
		require.Equal(t, http.StatusOK, got.StatusCode, "%s: %s", tag, got.body)
		require.Equal(t, fmt.Sprintf("%q", fmt.Sprint(n.Ver+1)), got.Header.Get("ETag"), "ours are strong")
	}
}
