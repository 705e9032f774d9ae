package signin_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// vouched gives a browser whose person came in by the provider.
func (h *house) vouched(p *idp) *browser {
	h.t.Helper()
	b := h.browser()
	in := b.get(b.at(p, "/sign-in/oidc"))
	require.Equal(h.t, "/", in.to, in.body)
	return b
}

// unknown forgets the file: what is known comes from the provider.
func (h *house) unknown() *house {
	clear(h.file)
	return h
}

func TestAPersonSignsInByTheProvider(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b := h.browser()
	p.set(func() { p.post = true })
	require.Contains(t, b.get("/sign-in?next=/notes/1").body, `href="/sign-in/oidc?next=%2Fnotes%2F1"`)
	in := b.get(b.at(p, "/sign-in/oidc?next=/notes/1"))
	require.Equal(t, "/notes/1", in.to)
	require.Equal(t, "page of anouk", b.get("/").body)
	require.Equal(t, map[call.TeamID]staff.Role{"kcc": staff.Lead}, h.visitor().Roles)
	known, err := h.store.Person(t.Context(), deventer, anouk)
	require.NoError(t, err)
	require.Equal(t, staff.Person{
		ID: anouk, Municipality: deventer, Name: "Anouk de Vries", Email: "anouk@deventer.nl",
		Roles: map[call.TeamID]staff.Role{"kcc": staff.Lead},
	}, known[staff.FromSignIn])
	require.Equal(t, 1, h.meter.of("in provider"))
	require.Equal(t, 1, p.asks("/token"), "the code is sent once")
	text, err := h.raw().Get(t.Context(), b.key()).Result()
	require.NoError(t, err)
	require.NotContains(t, text, "refresh2", "only the browser's token opens what asks the provider")
	require.NotContains(t, text, "access2")
}

// Otherwise the person would be locked out until somebody mends Redis by hand.
func TestASignInByTheProviderWritesABrokenRecordAnew(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	people := "bereikbaar:{deventer}:people"
	require.NoError(t, h.raw().HSet(t.Context(), people, "sign_in:anouk", "?").Err())
	require.Equal(t, "page of anouk", h.vouched(p).get("/").body)
	require.NoError(t, h.raw().HSet(t.Context(), people, "page:anouk", "?").Err())
	b := h.browser()
	locked := b.get(b.at(p, "/sign-in/oidc"))
	require.Equal(t, http.StatusServiceUnavailable, locked.status, "what an administrator said is not passed over")
	require.NoError(t, h.raw().HDel(t.Context(), people, "page:anouk").Err())
}

func TestWhatTheProviderSaysMustBeRight(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	spoilt := func(name string, value any) func() {
		return func() { p.change = func(c map[string]any) { c[name] = value } }
	}
	signs := func(sign func(map[string]any) string) func() { return func() { p.sign = sign } }
	for name, test := range map[string]struct {
		spoil  func()
		reason string
	}{
		"another issuer":         {spoilt("iss", "https://evil.example"), "token"},
		"no issuer":              {spoilt("iss", ""), "token"},
		"another audience":       {spoilt("aud", "another-program"), "token"},
		"no audience":            {spoilt("aud", []string{}), "token"},
		"several, and no party":  {spoilt("aud", []string{"bereikbaar", "another-program"}), "token"},
		"another party":          {spoilt("azp", "another-program"), "token"},
		"another nonce":          {spoilt("nonce", "from-another-sign-in"), "token"},
		"no nonce":               {func() { p.change = func(c map[string]any) { delete(c, "nonce") } }, "token"},
		"expired":                {spoilt("exp", time.Now().Add(-time.Minute).Unix()), "token"},
		"not yet":                {spoilt("nbf", time.Now().Add(time.Hour).Unix()), "token"},
		"nobody":                 {spoilt("sub", ""), "token"},
		"another's access token": {spoilt("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "token"},
		"not signed": {
			signs(func(c map[string]any) string { return unsigned(map[string]any{"alg": "none"}, c) + "." }), "token",
		},
		"signed with the public key": {
			signs(func(c map[string]any) string { return p.hs256(p.publicPEM(), c) }), "token",
		},
		"signed with our secret": {
			signs(func(c map[string]any) string { return p.hs256([]byte("geheim!"), c) }), "token",
		},
		"signed by a stranger": {signs(func(c map[string]any) string { return p.rs256(stranger, c) }), "token"},
		"with a curve":         {signs(func(c map[string]any) string { return p.es256(c) }), "token"},
		"no token":             {signs(func(map[string]any) string { return "" }), "token"},
		"not a token":          {signs(func(map[string]any) string { return "a.b.c" }), "token"},
		"changed after signing": {signs(func(c map[string]any) string {
			whole := strings.Split(p.rs256(p.key, c), ".")
			c["preferred_username"] = "cem"
			forged := strings.Split(unsigned(map[string]any{"alg": "RS256", "kid": "1"}, c), ".")
			return whole[0] + "." + forged[1] + "." + whole[2]
		}), "token"},
		"an id that is none":        {spoilt("preferred_username", "anouk@deventer.nl"), "id"},
		"an id for another place":   {spoilt("preferred_username", "../x"), "id"},
		"no id":                     {spoilt("preferred_username", nil), "id"},
		"an id of numbers":          {spoilt("preferred_username", 7), "id"},
		"an id with a blank":        {spoilt("preferred_username", "anouk "), "id"},
		"an id with a wide one":     {spoilt("preferred_username", "\u2003anouk"), "id"},
		"an id with one that stays": {spoilt("preferred_username", "anouk\u00a0"), "id"},
		"an id with a line end":     {spoilt("preferred_username", "anouk\n"), "id"},
		"no group that counts":      {spoilt("groups", []string{"other"}), "no_role"},
		"groups that are none":      {spoilt("groups", map[string]any{"kcc-lead": true}), "no_role"},
	} {
		p.set(func() { p.change, p.sign = nil, nil; test.spoil() })
		b := h.browser()
		r := b.request("GET", b.at(p, "/sign-in/oidc"), nil)
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", len(name)))
		out := b.do(r)
		require.GreaterOrEqual(t, out.status, 400, name)
		require.Equal(t, test.reason, out.said("reason"), name)
		require.Empty(t, b.cookie(sessionCookie), name)
	}
	p.set(func() {
		p.sign = nil
		p.change = func(c map[string]any) { c["aud"], c["azp"] = []string{"bereikbaar", "x"}, "bereikbaar" }
	})
	h.vouched(p)
}

// The provider sends the browser back from another site.
func TestTheWayBackFromTheProviderIsANavigation(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b := h.browser()
	back := b.at(p, "/sign-in/oidc")
	for _, mode := range []string{"no-cors", "cors", "", "navigate"} {
		r := b.request("GET", back, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", mode)
		got := b.do(r)
		if mode != "navigate" {
			require.Equal(t, "cross_site", got.said("reason"), mode)
			continue
		}
		require.Equal(t, "/", got.to, "and nothing was used up before")
	}
}

func TestAnAnswerIsForOneBrowserOnce(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b, spy := h.browser(), h.browser()
	back := b.at(p, "/sign-in/oidc")
	require.Equal(t, "state", spy.get(back).said("reason"), "a browser that asked nothing")
	spy.at(p, "/sign-in/oidc")
	require.Equal(t, "state", spy.get(back).said("reason"), "a browser that asked something else")
	const step = "__Host-bereikbaar-provider"
	asked := b.cookie(step)
	require.Equal(t, "/", b.get(back).to)
	require.Empty(t, b.cookie(step))
	require.Equal(t, "state", h.browser().get(back).said("reason"), "once more, without the cookie")
	r := h.browser().request("GET", back, nil)
	r.AddCookie(&http.Cookie{Name: step, Value: asked})
	require.Equal(t, "state", h.browser().do(r).said("reason"), "once more, with it")

	b = h.browser()
	code, err := url.Parse(back)
	require.NoError(t, err)
	fresh, err := url.Parse(b.at(p, "/sign-in/oidc"))
	require.NoError(t, err)
	query := fresh.Query()
	query.Set("code", code.Query().Get("code"))
	fresh.RawQuery = query.Encode()
	require.Equal(t, "token", b.get(fresh.String()).said("reason"), "a code of before")

	for name, test := range map[string]struct{ change, value, reason string }{
		"no state":           {"state", "", "state"},
		"no code":            {"code", "", "state"},
		"another provider":   {"iss", "https://evil.example", "state"},
		"the person said no": {"error", "access_denied", "denied"},
		"an error for a log": {"error", "x\ny level=ERROR", "denied"},
	} {
		b := h.browser()
		at, err := url.Parse(b.at(p, "/sign-in/oidc?next=/notes/1"))
		require.NoError(t, err)
		query := at.Query()
		query.Set(test.change, test.value)
		at.RawQuery = query.Encode()
		again := b.get(at.String())
		require.Equal(t, test.reason, again.said("reason"), name)
		require.Contains(t, again.body, "next=%2Fnotes%2F1", "the next try leads there, too: %s", name)
		require.Empty(t, b.cookie(sessionCookie), name)
	}
	require.NotContains(t, h.log.String(), "level=ERROR")
}

func TestAfterTheProviderNobodyIsSentElsewhere(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	for _, next := range []string{"//evil.example", `/\evil.example`, "/%2Fevil.example", "https://evil.example", "/%09/evil.example"} {
		b := h.browser()
		require.Equal(t, "/", b.get(b.at(p, "/sign-in/oidc?"+url.Values{"next": {next}}.Encode())).to, next)
		require.Equal(t, "/", b.get("/sign-in?"+url.Values{"next": {next}}.Encode()).to, "already in: %s", next)
	}
}

func TestTheProviderIsAwayAtFirst(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	p.down = true
	h := begin(t, p.options).unknown()
	away := h.browser().get("/sign-in/oidc?next=/notes/1")
	require.Equal(t, http.StatusBadGateway, away.status)
	require.Equal(t, "provider", away.said("reason"))
	require.Contains(t, away.body, "next=%2Fnotes%2F1")
	h.browser().get("/sign-in/oidc")
	require.Equal(t, 1, p.asks("/.well-known/openid-configuration"), "it is not asked again at once")
	require.Contains(t, h.log.String(), "is it up")
	p.set(func() { p.down = false })
	b := h.browser()
	require.Eventually(
		t, func() bool { return b.get("/sign-in/oidc").status == http.StatusSeeOther }, 20*time.Second,
		100*time.Millisecond,
	)
	h.vouched(p)
}

// aged makes the provider's word for the browser's person older.
func (b *browser) aged(by time.Duration) {
	b.t.Helper()
	b.edit(func(has map[string]any) {
		of, ok := has["session"].(map[string]any)["provider"].(map[string]any)
		require.True(b.t, ok)
		of["checked"] = time.Now().Add(-by)
	})
}

func TestARoleThatTheProviderTookAwayIsGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*idp){
		"with a refresh token":                          func(*idp) {},
		"with a refresh token, groups in userinfo":      func(p *idp) { p.inUserInfo = true },
		"with a refresh token and no ID token after it": func(p *idp) { p.inUserInfo, p.bare = true, true },
		"by userinfo": func(p *idp) { p.refresh, p.inUserInfo = false, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startIDP(t)
			test(p)
			h := begin(t, p.options).unknown()
			b := h.vouched(p)
			p.set(func() { p.claims["groups"] = []string{"permits"} })
			b.aged(4 * time.Minute)
			require.Equal(t, http.StatusOK, b.get("/").status)
			require.Equal(
				t, map[call.TeamID]staff.Role{"kcc": staff.Lead}, h.visitor().Roles, "it is not asked each time",
			)
			b.lasts(time.Minute)
			for range 3 { // with new tokens each time
				b.aged(6 * time.Minute)
				require.Equal(t, http.StatusOK, b.get("/events").status, "a stream asks, too")
				require.Equal(t, map[call.TeamID]staff.Role{"vergunningen": staff.Agent}, h.visitor().Roles)
			}
			require.LessOrEqual(t, b.left(), time.Minute, "asking is no activity")
			p.set(func() { p.claims["groups"] = []string{} })
			b.aged(6 * time.Minute)
			require.Equal(t, http.StatusSeeOther, b.get("/").status)
			require.Equal(t, 1, h.meter.of("out no_role"))
		})
	}
}

func TestAPersonWhomTheProviderDroppedIsOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*idp){
		"refused":          func(p *idp) { p.refuse = true },
		"another person":   func(p *idp) { p.subject = "77" },
		"another id":       func(p *idp) { p.claims["preferred_username"] = "cem" },
		"no groups at all": func(p *idp) { delete(p.claims, "groups") },
	} {
		for _, refresh := range []bool{true, false} {
			p := startIDP(t)
			p.refresh, p.inUserInfo = refresh, !refresh
			h := begin(t, p.options).unknown()
			b := h.vouched(p)
			p.set(func() { test(p) })
			b.aged(6 * time.Minute)
			require.Equal(t, http.StatusSeeOther, b.get("/").status, "%s, refresh %v", name, refresh)
			require.Equal(t, http.StatusSeeOther, b.get("/").status, name)
			exists, err := h.raw().Exists(t.Context(), b.key()).Result()
			require.NoError(t, err)
			require.Zero(t, exists)
		}
	}
}

// The clock was wrong at sign-in, and is right by now.
func TestAWordOfTheProviderFromTheFutureIsOld(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b := h.vouched(p)
	b.aged(-9 * time.Hour)
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.Equal(t, 2, p.asks("/token"), "it is asked again")
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.Equal(t, 2, p.asks("/token"), "once")
	p.set(func() { p.down = true })
	b.aged(-9 * time.Hour)
	require.Equal(t, http.StatusSeeOther, b.get("/").status)

	p = startIDP(t)
	p.refresh = false // it cannot be asked again
	h = begin(t, p.options).unknown()
	b = h.vouched(p)
	b.edit(func(has map[string]any) {
		of := has["session"].(map[string]any)["provider"].(map[string]any) //nolint:forcetypeassert // of the test
		of["until"] = time.Now().Add(9 * time.Hour)
	})
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
}

func TestAProviderThatGoesAwayEndsSessionsAfterTenMinutes(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b := h.vouched(p)
	p.set(func() { p.down = true })
	b.aged(9 * time.Minute)
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.Equal(t, 2, p.asks("/token"), "one at sign-in, and one that had no answer")
	b.aged(10 * time.Minute)
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
	require.Equal(t, 1, h.meter.of("out provider"))
}

// slowly is a store of sessions that takes its time to keep one.
type slowly struct{ signin.Sessions }

func (s slowly) Amend(ctx context.Context, key string, data []byte) error {
	time.Sleep(1200 * time.Millisecond)
	return s.Sessions.Amend(ctx, key, data)
}

// A refresh token is worth something once: the next one is kept, however late it comes.
func TestAProviderThatAnswersAtTheLastMoment(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options, func(o *signin.Options) { o.Sessions = slowly{o.Sessions} }).unknown()
	b := h.vouched(p)
	p.set(func() { p.slow = 4200 * time.Millisecond })
	b.aged(6 * time.Minute)
	require.Equal(t, http.StatusOK, b.get("/").status)
	p.set(func() { p.slow = 0 })
	b.aged(6 * time.Minute)
	require.Equal(t, http.StatusOK, b.get("/").status)
	require.Equal(t, 3, p.asks("/token"))
}

func TestAProviderThatCannotBeAskedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*idp){
		"no userinfo endpoint":         func(p *idp) { p.noUserInfo = true },
		"one that tells no groups":     func(*idp) {},
		"an ID token that ends sooner": func(p *idp) { p.change = func(c map[string]any) { c["exp"] = time.Now().Add(2 * time.Minute).Unix() } },
	} {
		p := startIDP(t)
		p.refresh = false
		test(p)
		h := begin(t, p.options).unknown()
		b := h.vouched(p)
		require.Equal(t, http.StatusOK, b.get("/").status)
		b.edit(func(has map[string]any) {
			of := has["session"].(map[string]any)["provider"].(map[string]any) //nolint:forcetypeassert // of the test
			until, err := time.Parse(time.RFC3339, of["until"].(string))       //nolint:forcetypeassert // of the test
			require.NoError(t, err)
			most := 5 * time.Minute // of the ID token
			if strings.Contains(name, "sooner") {
				most = 2 * time.Minute
			}
			require.WithinDuration(t, time.Now().Add(most), until, 5*time.Second, name)
			of["until"] = time.Now()
		})
		require.Equal(t, http.StatusSeeOther, b.get("/").status, name)
	}
}

// Many providers take a refresh token once, and end everything when it comes twice.
func TestRequestsBesideEachOtherRefreshOnce(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b := h.vouched(p)
	for range 3 {
		b.aged(6 * time.Minute)
		before := p.asks("/token")
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if got := b.get("/").status; got != http.StatusOK {
					t.Errorf("a request got %d", got)
				}
			})
		}
		all.Wait()
		require.Equal(t, before+1, p.asks("/token"))
	}
}

// The session of a person who came in by the provider needs the provider: an account does not stand in for it.
func TestWithoutTheProviderInTheConfigurationItsSessionsEnd(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b := h.vouched(p)
	o := h.Options
	o.OIDC = nil
	without, err := signin.New(o)
	require.NoError(t, err)
	h.SignIn = without
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
	require.Equal(t, http.StatusNotFound, b.get("/sign-in/oidc").status)
	require.Equal(t, http.StatusNotFound, b.get("/sign-in/oidc/callback").status)
	require.NotContains(t, b.get("/sign-in").body, "oidc")
}

func TestASessionSurvivesARestartOfTheDaemon(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options).unknown()
	b := h.vouched(p)
	away := b.at(p, "/sign-in/oidc")
	again := redisstore.Open(redistest.As(h.redis.Addr))
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	o := h.Options
	o.Sessions, o.SignOuts, o.People = again.Sessions(), again, again
	next, err := signin.New(o)
	require.NoError(t, err)
	h.SignIn = next
	require.Equal(t, http.StatusOK, b.get("/").status)
	b.aged(6 * time.Minute)
	require.Equal(t, http.StatusOK, b.get("/").status, "it opens what asks the provider")
	require.Equal(t, "state", b.get(away).said("reason"), "who was at the provider begins again")
}

func TestClaimsAreFoundByPath(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	p.claims["realm_access"] = map[string]any{"roles": []string{"permits", "everybody"}}
	p.claims["https://deventer.nl/id"] = "Els"
	h := begin(t, p.options, func(o *signin.Options) {
		o.OIDC.Claims.Groups, o.OIDC.Claims.ID = "realm_access.roles", "https://deventer.nl/id"
	}).unknown()
	require.Equal(t, "page of els", h.vouched(p).get("/").body)
	require.Equal(t, map[call.TeamID]staff.Role{"vergunningen": staff.Agent, "*": staff.Reader}, h.visitor().Roles)
	p.set(func() { p.claims["realm_access"] = map[string]any{"roles": "everybody"} })
	h.vouched(p).get("/")
	require.Equal(t, map[call.TeamID]staff.Role{"*": staff.Reader}, h.visitor().Roles, "one text for a list of one")
}
