package signin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

// in gives a browser whose person is signed in.
func (h *house) in(m call.MunicipalityID, id call.AgentID) *browser {
	h.t.Helper()
	b := h.browser()
	b.setUp(h.account(m, id))
	return b
}

// key is the key in Redis of the browser's session.
func (b *browser) key() string {
	return "bereikbaar:session:" + signin.SessionKey(b.cookie(sessionCookie))
}

// lasts lets the browser's session end in a while, as if nothing had been done for some time.
func (b *browser) lasts(left time.Duration) {
	b.t.Helper()
	there, err := b.h.raw().PExpire(b.t.Context(), b.key(), left).Result()
	require.NoError(b.t, err)
	require.True(b.t, there)
}

func (b *browser) left() time.Duration {
	b.t.Helper()
	left, err := b.h.raw().PTTL(b.t.Context(), b.key()).Result()
	require.NoError(b.t, err)
	return left
}

// edit changes what is stored of the browser's session.
func (b *browser) edit(change func(map[string]any)) {
	b.t.Helper()
	c := b.h.raw()
	text, err := c.Get(b.t.Context(), b.key()).Result()
	require.NoError(b.t, err)
	var has map[string]any
	require.NoError(b.t, json.Unmarshal([]byte(text), &has))
	change(has)
	now, err := json.Marshal(has)
	require.NoError(b.t, err)
	require.NoError(b.t, c.Set(b.t.Context(), b.key(), now, b.left()).Err())
}

func TestASessionEndsWhenNothingIsDone(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	require.InDelta(t, 15*time.Minute, b.left(), float64(5*time.Second))

	b.lasts(time.Minute)
	require.Equal(t, http.StatusOK, b.get("/events").status)
	require.LessOrEqual(t, b.left(), time.Minute, "a stream is no activity")

	require.Equal(t, http.StatusOK, b.get("/").status)
	require.InDelta(t, 15*time.Minute, b.left(), float64(5*time.Second))

	b.edit(func(has map[string]any) { has["deadline"] = time.Now().Add(90 * time.Second) })
	b.lasts(time.Minute)
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.InDelta(t, 90*time.Second, b.left(), float64(5*time.Second), "ten hours are the most")
	b.edit(func(has map[string]any) { has["deadline"] = time.Now().Add(-time.Second) })
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
}

func TestAnExpiredSessionLosesNothingThatWasTyped(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.browser()
	page := b.get("/team/kcc?open=1")
	require.Equal(t, "/sign-in?next=%2Fteam%2Fkcc%3Fopen%3D1", page.to)

	posted := b.post("/notes/12345674", "text", "een lang verhaal")
	require.Equal(t, http.StatusUnauthorized, posted.status, "a redirect would drop the form")
	require.Contains(t, posted.body, "session over")
	require.Equal(t, "/sign-in", posted.header.Get(signin.HeaderSignIn))

	r := b.request("POST", "/notes/12345674/claim", url.Values{"text": {"verhaal"}})
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Current-URL", h.server.URL+"/notes/12345674")
	partial := b.do(r)
	require.Equal(t, http.StatusUnauthorized, partial.status)
	require.Equal(t, "application/problem+json", partial.header.Get("Content-Type"))
	require.Contains(t, partial.body, `"code":"session"`)
	require.Equal(t, "/sign-in?next=%2Fnotes%2F12345674", partial.header.Get(signin.HeaderSignIn))
	r = b.request("GET", "/part", nil)
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Current-URL", "https://evil.example//evil.example/x")
	require.Equal(t, "/sign-in", b.do(r).header.Get(signin.HeaderSignIn))
	r = b.request("GET", "/events", nil)
	r.Header.Set("Accept", "text/event-stream")
	require.Equal(t, http.StatusUnauthorized, b.do(r).status)
}

func TestSigningOut(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	token, key := b.cookie(sessionCookie), b.key()
	out := b.post("/sign-out")
	require.Equal(t, "/sign-in", out.to)
	require.Empty(t, b.cookie(sessionCookie))
	exists, err := h.raw().Exists(t.Context(), key).Result()
	require.NoError(t, err)
	require.Zero(t, exists)
	r := h.browser().request("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: token})
	require.Equal(t, http.StatusSeeOther, h.browser().do(r).status, "a copy of the cookie is worth nothing")
	require.Equal(t, "/sign-in", b.post("/sign-out").to, "once more does no harm")
	require.Equal(t, 1, h.meter.of("out person"))
	require.Contains(t, h.log.String(), "signed out")
}

func TestSigningOutEverywhere(t *testing.T) {
	t.Parallel()
	h := begin(t)
	link := h.account(deventer, anouk)
	desk := h.browser()
	secret := desk.setUp(link)
	home := h.browser()
	require.Equal(t, "/sign-in/code", home.post("/sign-in", "id", "anouk", "password", password).to)
	require.Equal(t, "/", home.post("/sign-in/code", "code", home.code(secret, 1)).to)
	other := h.in(raalte, cem)
	require.Equal(t, http.StatusOK, desk.get("/").status)
	require.Equal(t, "/sign-in", home.post("/sign-out", "everywhere", "1").to)
	require.Equal(t, http.StatusSeeOther, desk.get("/").status)
	require.Equal(t, http.StatusOK, other.get("/").status, "others stay")
}

// Somebody who kept the token of a session that was ended must not go on ending the person's others.
func TestASessionThatWasEndedEndsNoOther(t *testing.T) {
	t.Parallel()
	h := begin(t)
	old := h.in(deventer, anouk)
	require.NoError(t, h.store.SignOut(t.Context(), deventer, anouk))
	desk := h.browser()
	desk.setUp(h.account2(deventer, anouk))
	require.Equal(t, http.StatusOK, desk.get("/").status)
	require.Equal(t, "/sign-in", old.post("/sign-out", "everywhere", "1").to)
	require.Equal(t, http.StatusOK, desk.get("/").status)
}

// A request that began before the person signed out must not bring the session back to life when it ends.
func TestARequestThatEndsAfterSigningOutRevivesNothing(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	b.lasts(time.Minute) // so that each request touches it
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { b.get("/") })
	}
	b.post("/sign-out")
	all.Wait()
	keys, err := h.raw().Keys(t.Context(), "bereikbaar:session:*").Result()
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestASessionCannotBeFixed(t *testing.T) {
	t.Parallel()
	h := begin(t)
	victim := h.in(raalte, cem)
	stale := victim.cookie(sessionCookie)
	h.account(deventer, anouk)
	for name, planted := range map[string]string{"made up": "fixed-by-an-attacker", "another's": stale} {
		b := h.browser()
		at, err := url.Parse(h.server.URL)
		require.NoError(t, err)
		b.client.Jar.SetCookies(at, []*http.Cookie{{Name: sessionCookie, Value: planted, Path: "/", Secure: true}})
		if name == "made up" {
			b.setUp(h.account2(deventer, anouk)) // a link of its own: the two come in any order
			require.NotEqual(t, planted, b.cookie(sessionCookie))
			r := h.browser().request("GET", "/", nil)
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: planted})
			require.Equal(t, http.StatusSeeOther, h.browser().do(r).status)
			continue
		}
		b.setUp(h.account2(deventer, anouk))
		require.NotEqual(t, planted, b.cookie(sessionCookie))
		require.Equal(t, "page of anouk", b.get("/").body)
		require.Equal(t, http.StatusSeeOther, victim.get("/").status, "the earlier session of this browser is over")
	}
}

// account2 gives a new link for an account that is there.
func (h *house) account2(m call.MunicipalityID, id call.AgentID) string {
	h.t.Helper()
	before, found, err := h.store.Account(h.t.Context(), m, id)
	require.NoError(h.t, err)
	if !found {
		return h.account(m, id)
	}
	after, token := signin.NewLink(before, time.Now())
	require.NoError(h.t, h.store.ChangeAccount(h.t.Context(), &before, &after))
	return signin.FirstRunPath(token)
}

func TestOnlyTheHashOfATokenIsKept(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	token := b.cookie(sessionCookie)
	require.Len(t, token, 43)
	c := h.raw()
	keys, err := c.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.Contains(t, keys, b.key())
	for _, key := range keys {
		require.NotContains(t, key, token)
	}
	text, err := c.Get(t.Context(), b.key()).Result()
	require.NoError(t, err)
	require.NotContains(t, text, token)
	all, err := c.HGetAll(t.Context(), "bereikbaar:{deventer}:accounts").Result()
	require.NoError(t, err)
	require.Contains(t, all["anouk"], "$argon2id$v=19$m=47104,t=1,p=1$")
}

func TestARoleThatIsTakenAwayIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.file[anouk] = staff.Person{ID: anouk, Municipality: deventer}
	page := staff.Person{ID: anouk, Municipality: deventer, Roles: map[call.TeamID]staff.Role{"kcc": staff.Agent}}
	require.NoError(t, h.store.SavePerson(t.Context(), staff.FromPage, page))
	// What a provider said once does not count for somebody who came in without it.
	page.Roles = map[call.TeamID]staff.Role{"*": staff.Admin}
	require.NoError(t, h.store.SavePerson(t.Context(), staff.FromSignIn, page))
	b := h.in(deventer, anouk)
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.Equal(t, map[call.TeamID]staff.Role{"kcc": staff.Agent}, h.visitor().Roles)
	page.Roles = map[call.TeamID]staff.Role{"kcc": staff.Reader}
	require.NoError(t, h.store.SavePerson(t.Context(), staff.FromPage, page))
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.Equal(t, map[call.TeamID]staff.Role{"kcc": staff.Reader}, h.visitor().Roles)
	require.NoError(t, h.store.RemovePerson(t.Context(), staff.FromPage, deventer, anouk))
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
	require.Equal(t, 1, h.meter.of("out no_role"))
	again := h.browser()
	refused := again.get(h.account2(deventer, anouk))
	require.Equal(t, http.StatusOK, refused.status, "they may set their account up")
}

func TestARemovedAccountsSessionsEnd(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	require.NoError(t, h.store.RemoveAccount(t.Context(), deventer, anouk))
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
}

func TestASessionEndsWithItsPassword(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	before, _, err := h.store.Account(t.Context(), deventer, anouk)
	require.NoError(t, err)
	after := before
	after.Password, err = signin.HashPassword("een andere dan die van daarnet")
	require.NoError(t, err)
	require.NoError(t, h.store.ChangeAccount(t.Context(), &before, &after))
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
}

// failsOnce is a store of sign-outs that fails at first.
type failsOnce struct {
	signin.SignOuts
	failed bool
}

func (f *failsOnce) SignOut(ctx context.Context, m call.MunicipalityID, id call.AgentID) error {
	if f.failed {
		return f.SignOuts.SignOut(ctx, m, id)
	}
	f.failed = true
	return note.ErrStoreDown
}

func TestALinkIsNotUsedUpBeforeEarlierSessionsEnd(t *testing.T) {
	t.Parallel()
	fails := &failsOnce{failed: true}
	h := begin(t, func(o *signin.Options) {
		fails.SignOuts = o.SignOuts
		o.SignOuts = fails
	})
	thief := h.in(deventer, anouk)
	link := h.account2(deventer, anouk)
	fails.failed = false
	b := h.browser()
	page := b.get(link)
	secret := strings.ReplaceAll(page.said("secret"), " ", "")
	send := func() answer {
		return b.post(link, "password", password, "again", password, "code", b.code(secret, 0), "setup", page.setup())
	}
	require.Equal(t, http.StatusServiceUnavailable, send().status)
	require.Equal(t, "/", send().to, "the link still works")
	require.Equal(t, http.StatusSeeOther, thief.get("/").status)
	require.Equal(t, http.StatusOK, b.get("/").status)
}

func TestAnotherSiteCanNeitherSignInNorOut(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	for _, path := range []string{"/sign-out", "/sign-in", "/sign-in/code", "/notes/new"} {
		r := b.request("POST", path, url.Values{})
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		require.Equal(t, http.StatusForbidden, b.do(r).status, path)
	}
	require.Equal(t, http.StatusOK, b.get("/").status)
}

func TestRedisIsAway(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.in(deventer, anouk)
	h.redis.Kill()
	away := b.get("/")
	require.Equal(t, http.StatusServiceUnavailable, away.status, "nobody is signed out by that")
	require.Equal(t, "store", away.said("reason"))
	require.NotEmpty(t, away.header.Get("Retry-After"))
	require.Empty(t, away.cookies)
	form := b.post("/sign-in", "id", "anouk", "password", password)
	require.Equal(t, http.StatusServiceUnavailable, form.status)
	require.Equal(t, http.StatusServiceUnavailable, b.post("/sign-out").status, "they must not think they are out")
	require.Contains(t, h.log.String(), `msg="somebody could not sign in or out" request="POST /sign-out" err=`)
	h.redis.Restart()
	require.Eventually(
		t, func() bool { return b.get("/").status == http.StatusOK }, 20*time.Second, 50*time.Millisecond,
	)
}
