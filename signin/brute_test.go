package signin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// from sends a form as if through a proxy, from an address.
func (b *browser) from(address, path string, form url.Values) answer {
	b.t.Helper()
	r := b.request("POST", path, form)
	r.Header.Set("X-Forwarded-For", address)
	return b.do(r)
}

func try(id, typed string) url.Values { return url.Values{"id": {id}, "password": {typed}} }

func TestPasswordsCannotBeTriedAtWill(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.browser().setUp(h.account(deventer, anouk))
	h.browser().setUp(h.account(raalte, cem))
	b := h.browser()
	for range 5 {
		wrong := b.from("10.0.0.1", "/sign-in", try("anouk", "vijf ezels in de zon"))
		require.Equal(t, http.StatusUnauthorized, wrong.status)
		require.Equal(t, "password", wrong.said("reason"))
		require.Contains(t, wrong.body, `value="anouk"`, "the id need not be typed again")
	}
	stopped := b.from("10.0.0.1", "/sign-in", try("anouk", password))
	require.Equal(t, http.StatusTooManyRequests, stopped.status, "the right one would tell that it is right")
	require.NotEmpty(t, stopped.header.Get("Retry-After"))
	require.Equal(
		t, "/sign-in/code", b.from("10.0.0.1", "/sign-in", try("Cem.Kaya", password)).to, "others there go on",
	)
	require.Equal(
		t, "/sign-in/code", b.from("10.0.0.2", "/sign-in", try("anouk", password)).to, "so does anouk elsewhere",
	)
	require.Equal(t, 5, h.meter.of("refused password"))
	require.Equal(t, 1, h.meter.of("refused too_many"))
	require.Equal(t, 5, strings.Count(h.log.String(), "reason=password person=anouk"))
	require.Contains(t, h.log.String(), "address=10.0.0.1")

	stoppedAfter := 0
	for b.from("10.0.0.3", "/sign-in", try(fmt.Sprint("nobody", stoppedAfter), "x")).status == http.StatusUnauthorized {
		stoppedAfter++
		require.Less(t, stoppedAfter, 60, "an address that tries many accounts")
	}
	require.GreaterOrEqual(t, stoppedAfter, 20)
	require.NotContains(t, h.log.String(), "nobody", "what is typed for an id may be a password")
}

// What is typed for an id may be long, and is remembered for nobody who cannot have an account.
func TestWhatCannotBeAnIDHasNoCountOfItsOwn(t *testing.T) {
	t.Parallel()
	h := begin(t)
	b := h.browser()
	for range 10 {
		wrong := b.from("10.0.0.4", "/sign-in", try(strings.Repeat("x", 15_000), "x"))
		require.Equal(t, http.StatusUnauthorized, wrong.status, "its address counts alone")
	}
}

func TestAColleaguesOfficeIsNotLockedOutByRightPasswords(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.browser().setUp(h.account(deventer, anouk))
	for range 30 {
		require.Equal(t, "/sign-in/code", h.browser().post("/sign-in", "id", "anouk", "password", password).to)
	}
}

func TestAttemptsBesideEachOtherCountToo(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.browser().setUp(h.account(deventer, anouk))
	var wrong, stopped atomic.Int32
	var all sync.WaitGroup
	for range 12 {
		b := h.browser()
		all.Go(func() {
			switch b.post("/sign-in", "id", "anouk", "password", "vijf ezels in de zon").status {
			case http.StatusUnauthorized:
				wrong.Add(1)
			case http.StatusTooManyRequests:
				stopped.Add(1)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, wrong.Load(), int32(6), "a slow machine lets one more in after half a minute")
	require.NotZero(t, wrong.Load())
	require.NotZero(t, stopped.Load())
}

func TestNobodyLearnsWhetherThereIsAnAccount(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.account(deventer, anouk) // without a password yet
	h.browser().setUp(h.account(raalte, cem))
	var bodies []string
	for _, id := range []string{"anouk", "Cem.Kaya", "nobody", "", "no person's id", "*", strings.Repeat("x", 5000)} {
		wrong := h.browser().post("/sign-in", "id", id, "password", "")
		require.Equal(t, http.StatusUnauthorized, wrong.status, id)
		bodies = append(bodies, strings.ReplaceAll(wrong.body, `value="`+strings.ReplaceAll(id, "'", "&#39;")+`"`, `value=""`))
	}
	for _, body := range bodies {
		require.Equal(t, bodies[0], body)
	}
}

func TestCodesCannotBeTriedAtWillNorUsedTwice(t *testing.T) {
	t.Parallel()
	h := begin(t)
	secret := h.browser().setUp(h.account(deventer, anouk))
	in, spy := h.browser(), h.browser()
	for _, b := range []*browser{in, spy} {
		require.Equal(t, "/sign-in/code", b.post("/sign-in", "id", "anouk", "password", password).to)
	}
	var let atomic.Int32
	var all sync.WaitGroup
	code := in.code(secret, 1)
	for _, b := range []*browser{in, spy} { // somebody looks over the shoulder and is as fast
		all.Go(func() {
			if b.post("/sign-in/code", "code", code).status == http.StatusSeeOther {
				let.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, let.Load())

	b := h.browser()
	require.Equal(t, "/sign-in/code", b.post("/sign-in", "id", "anouk", "password", password).to)
	for range 4 { // and the one above
		require.Equal(t, http.StatusUnauthorized, b.post("/sign-in/code", "code", "000000").status)
	}
	stopped := b.from("10.0.0.9", "/sign-in/code", url.Values{"code": {"000000"}})
	require.Equal(t, http.StatusTooManyRequests, stopped.status, "from any address")
	require.Equal(t, "300", stopped.header.Get("Retry-After"))
}

func TestTheStepBetweenPasswordAndCodeIsOfThisBrowser(t *testing.T) {
	t.Parallel()
	h := begin(t)
	secret := h.browser().setUp(h.account(deventer, anouk))
	b := h.browser()
	none := b.post("/sign-in/code", "code", b.code(secret, 1))
	require.Equal(t, http.StatusBadRequest, none.status)
	require.Equal(t, "too_late", none.said("reason"))
	require.Equal(t, "/sign-in/code", b.post("/sign-in", "id", "anouk", "password", password).to)
	const step = "__Host-bereikbaar-passed"
	sealed := b.cookie(step)
	require.NotEmpty(t, sealed)
	require.NotContains(t, sealed, "anouk")
	flipped := "A" + sealed[1:]
	if sealed[0] == 'A' {
		flipped = "B" + sealed[1:]
	}
	for _, bad := range []string{flipped, sealed[:len(sealed)-3], "x", strings.Repeat("A", 9000)} {
		forged := h.browser()
		r := forged.request("POST", "/sign-in/code", url.Values{"code": {b.code(secret, 1)}})
		r.AddCookie(&http.Cookie{Name: step, Value: bad})
		require.Equal(t, "too_late", forged.do(r).said("reason"))
	}
	// The password is changed meanwhile.
	h.browser().setUp(h.account2(deventer, anouk))
	require.Equal(t, "too_late", b.get("/sign-in/code").said("reason"))
}

func TestAFirstRunFormThatIsNotRight(t *testing.T) {
	t.Parallel()
	h := begin(t)
	link := h.account(deventer, anouk)
	b := h.browser()
	page := b.get(link)
	secret, setup := strings.ReplaceAll(page.said("secret"), " ", ""), page.setup()
	require.Contains(t, page.body, "Anouk de Vries")
	require.Contains(t, page.body, "data:image/png;base64,")
	for name, test := range map[string]struct{ password, again, code, setup, reason, problem string }{
		"too short":      {"kort", "kort", b.code(secret, 0), setup, "weak", "short"},
		"their own name": {"Anouk-de-Vries-1", "Anouk-de-Vries-1", b.code(secret, 0), setup, "weak", "name"},
		"not the same":   {password, password + "x", b.code(secret, 0), setup, "not_same", ""},
		"a wrong code":   {password, password, "000000", setup, "code", ""},
		"no setup":       {password, password, b.code(secret, 0), "", "too_late", ""},
		"setup of a step": {
			password, password, b.code(secret, 0), b.cookie("__Host-bereikbaar-passed"), "too_late", "",
		},
	} {
		wrong := b.post(link, "password", test.password, "again", test.again, "code", test.code, "setup", test.setup)
		require.Equal(t, test.reason, wrong.said("reason"), name)
		require.Equal(t, test.problem, wrong.said("problem"), name)
		require.NotContains(t, wrong.body, password, name)
		if test.setup == setup {
			require.Equal(t, secret, strings.ReplaceAll(wrong.said("secret"), " ", ""), "the QR code stays: %s", name)
		}
	}
	require.Equal(t, http.StatusSeeOther,
		b.post(link, "password", password, "again", password, "code", b.code(secret, 0), "setup", setup).status)
	for reason, count := range map[string]int{"weak": 2, "not_same": 1, "code": 1, "too_late": 2} {
		require.Equal(t, count, h.meter.of("refused "+reason), reason)
	}
}

func TestTwoWhoUseOneLinkAtOnce(t *testing.T) {
	t.Parallel()
	h := begin(t)
	link := h.account(deventer, anouk)
	var all sync.WaitGroup
	var set, gone atomic.Int32
	for range 4 {
		b := h.browser()
		page := b.get(link)
		secret := strings.ReplaceAll(page.said("secret"), " ", "")
		all.Go(func() {
			try := func() answer {
				return b.post(
					link, "password", password, "again", password, "code", b.code(secret, 0), "setup", page.setup(),
				)
			}
			done := try()
			for done.status == http.StatusServiceUnavailable { // on a busy machine they wait too long for their turn
				done = try()
			}
			switch done.status {
			case http.StatusSeeOther:
				set.Add(1)
			case http.StatusGone:
				gone.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, set.Load())
	require.EqualValues(t, 3, gone.Load())
}

// embedded asks for an address as an image of another website makes a colleague's browser do: without our cookies.
func (b *browser) embedded(address, path string) answer {
	b.t.Helper()
	r := b.request(http.MethodGet, path, nil)
	for name, value := range map[string]string{
		"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/*",
		"X-Forwarded-For": address,
	} {
		r.Header.Set(name, value)
	}
	return b.do(r)
}

// A page that one colleague opens must not use up what the town hall's address may get wrong. Old browsers do not say
// where a request comes from.
func TestAnotherWebsiteKeepsNoTownHallOut(t *testing.T) {
	t.Parallel()
	p := startIDP(t)
	h := begin(t, p.options)
	link := h.account(deventer, anouk)
	h.browser().setUp(link)
	other := h.account(raalte, cem)
	wrong := "/sign-in/first/cem.kaya~" + strings.Split(link, "~")[1]
	for range 25 {
		for _, path := range []string{"/sign-in/oidc/callback?state=x&code=y", "/sign-in/first/x", wrong, other} {
			require.Equal(t, http.StatusForbidden, h.browser().embedded("192.0.2.1", path).status, path)
			r := h.browser().request(http.MethodGet, path, nil)
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
			require.NotEqual(t, http.StatusTooManyRequests, h.browser().do(r).status, path)
		}
	}
	in := h.browser().from("192.0.2.1", "/sign-in", try("anouk", password))
	require.Equal(t, "/sign-in/code", in.to, "the right password, from the town hall")
	require.Equal(t, 100, h.meter.of("refused cross_site"))
	lines := h.log.String()
	for _, reason := range []string{"state", "link", "cross_site"} {
		require.LessOrEqual(t, strings.Count(lines, "reason="+reason+" "), 4, "no flood of lines: %s", reason)
	}
}

// Whoever can make up links costs Redis a look each.
func TestLinksCannotBeTriedAtWill(t *testing.T) {
	t.Parallel()
	h := begin(t)
	link := h.account(deventer, anouk)
	stopped := false
	for range 500 {
		b := h.browser()
		r := b.request(http.MethodGet, "/sign-in/first/anouk~"+strings.Repeat("A", 43), nil)
		r.Header.Set("X-Forwarded-For", "10.0.0.1")
		if stopped = b.do(r).status == http.StatusTooManyRequests; stopped {
			break
		}
	}
	require.True(t, stopped)
	require.Equal(t, http.StatusOK, h.browser().get(link).status, "others go on")
	again := h.browser().from("10.0.0.1", "/sign-in", try("anouk", password))
	require.Equal(t, http.StatusUnauthorized, again.status, "passwords have counts of their own")
}

// Providers of IPv6 give one customer up to a /48.
func TestOneLineOfIPv6LocksNoColleagueOut(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.browser().setUp(h.account(deventer, anouk))
	b, wrong := h.browser(), 0
	for i := range 60 {
		from := fmt.Sprintf("2001:db8:77:%x::1", i/5*256)
		if b.from(from, "/sign-in", try("anouk", "vijf ezels in de zon")).status == http.StatusUnauthorized {
			wrong++
		}
	}
	require.Less(t, wrong, 30)
	require.Equal(t, "/sign-in/code", b.from("192.0.2.1", "/sign-in", try("anouk", password)).to)
	for i := range 120 {
		b.from(fmt.Sprintf("2001:db8:78:%x::1", i*256), "/sign-in", try(fmt.Sprint("nobody", i), "x"))
	}
	stopped := b.from("2001:db8:78:ffff::1", "/sign-in", try("anouk", password))
	require.Equal(t, http.StatusTooManyRequests, stopped.status, "nor does it try many accounts")
}

// One password is hashed at a time: an address that keeps many waiting must not keep others out for long.
func TestWaitingForATurnCountsForItsAddressAlone(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.browser().setUp(h.account(deventer, anouk))
	end := h.HoldTurn()
	var all sync.WaitGroup
	var busy atomic.Int32
	ask := func(address, id string) {
		b := h.browser()
		all.Go(func() {
			if b.from(address, "/sign-in", try(id, password)).status == http.StatusServiceUnavailable {
				busy.Add(1)
			}
		})
	}
	for i := range 20 {
		ask("10.0.0.1", fmt.Sprint("nobody", i))
	}
	for range 5 {
		ask("10.0.0.2", "anouk")
	}
	all.Wait()
	end()
	require.EqualValues(t, 25, busy.Load())
	again := h.browser().from("10.0.0.1", "/sign-in", try("cem.kaya", password))
	require.Equal(t, http.StatusTooManyRequests, again.status)
	in := h.browser().from("10.0.0.2", "/sign-in", try("anouk", password))
	require.Equal(t, "/sign-in/code", in.to, "her password was not wrong")
}
