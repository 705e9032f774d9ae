package signin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func TestAPersonSetsTheirAccountUpAndSignsIn(t *testing.T) {
	t.Parallel()
	h := begin(t)
	link := h.account(deventer, anouk)
	first := h.browser()
	secret := first.setUp(link)
	require.Equal(t, "page of anouk", first.get("/").body, "they are signed in at once")

	b := h.browser()
	turned := b.get("/notes/12345674?x=1")
	require.Equal(t, http.StatusSeeOther, turned.status)
	require.Equal(t, "/sign-in?next=%2Fnotes%2F12345674%3Fx%3D1", turned.to)
	form := b.get(turned.to)
	require.Equal(t, http.StatusOK, form.status)
	require.Contains(t, form.body, `value="/notes/12345674?x=1"`)
	require.Equal(t, "no-store", form.header.Get("Cache-Control"))
	require.Contains(t, form.header.Get("Content-Security-Policy"), "default-src 'none'")

	right := b.post("/sign-in", "id", "anouk", "password", password, "next", "/notes/12345674?x=1")
	require.Equal(t, "/sign-in/code", right.to)
	require.Empty(t, b.cookie(sessionCookie), "a password alone is not enough")
	require.Equal(t, http.StatusSeeOther, b.get("/").status)
	require.Equal(t, http.StatusOK, b.get("/sign-in/code").status)
	used := b.post("/sign-in/code", "code", b.code(secret, 0))
	require.Equal(t, "code", used.said("reason"), "it was taken by the first sign-in")
	in := b.post("/sign-in/code", "code", b.code(secret, 1))
	require.Equal(t, "/notes/12345674?x=1", in.to)
	for _, c := range in.cookies {
		if c.Name == sessionCookie {
			require.True(t, c.Secure && c.HttpOnly && c.Path == "/" && c.Domain == "")
			require.Equal(t, http.SameSiteLaxMode, c.SameSite)
			require.Zero(t, c.MaxAge, "it goes when the browser is closed")
		}
	}
	require.Equal(t, "page of anouk", b.get("/").body)
	require.Equal(t, access.Visitor{
		Name: "anouk", Agent: anouk, Municipality: deventer, Roles: map[call.TeamID]staff.Role{"kcc": staff.Lead},
	}, h.visitor())
	require.Equal(t, 2, h.meter.of("in account"))
	log := h.log.String()
	require.Contains(t, log, "person=anouk")
	require.NotContains(t, log, password)
	require.NotContains(t, log, strings.Split(link, "~")[1])
}

func TestALinkWorksOnceAndExpires(t *testing.T) {
	t.Parallel()
	h := begin(t)
	link := h.account(raalte, cem)
	b := h.browser()
	require.Equal(t, http.StatusOK, b.get(link).status)
	require.Equal(t, http.StatusOK, b.get(link).status, "looking uses nothing up")
	b.setUp(link)
	for name, again := range map[string]answer{
		"look": h.browser().get(link), "send": h.browser().post(link, "password", password, "again", password),
	} {
		require.Equal(t, http.StatusGone, again.status, name)
		require.Equal(t, "link", again.said("reason"), name)
	}
	late := h.account(deventer, anouk)
	a, _, err := h.store.Account(t.Context(), deventer, anouk)
	require.NoError(t, err)
	over := a
	over.Until = time.Now().UTC().Truncate(time.Second)
	require.NoError(t, h.store.ChangeAccount(t.Context(), &a, &over))
	require.Equal(t, http.StatusGone, h.browser().get(late).status)
	for name, bad := range map[string]string{
		"another's secret": "/sign-in/first/anouk~" + strings.Split(link, "~")[1],
		"no secret":        "/sign-in/first/anouk~", "no person": "/sign-in/first/" + strings.Split(link, "~")[1],
		"a stranger": "/sign-in/first/piet~" + strings.Split(link, "~")[1],
	} {
		require.Equal(t, http.StatusGone, h.browser().get(bad).status, name)
	}
}
