package signin_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base32"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/web/access"
)

const (
	deventer = call.MunicipalityID("deventer")
	raalte   = call.MunicipalityID("raalte")
	anouk    = call.AgentID("anouk")
	cem      = call.AgentID("cem.kaya")

	password = "vier paarden in de regen"
)

// house is a sign-in over https with its store, its log and its counts.
type house struct {
	*signin.SignIn
	t      testing.TB
	server *httptest.Server
	store  *redisstore.Store
	redis  *redistest.Server
	file   map[call.AgentID]staff.Person
	meter  *meter
	log    *logs
	// seen are the visitors that the page behind the door met.
	mu   sync.Mutex
	seen []access.Visitor
}

// logs is a log that may be written to and read at once.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// meter counts by name.
type meter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (m *meter) add(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]int{}
	}
	m.counts[name]++
}

func (m *meter) of(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[name]
}

func (m *meter) SignedIn(way signin.Way)      { m.add("in " + string(way)) }
func (m *meter) Refused(reason signin.Reason) { m.add("refused " + string(reason)) }
func (m *meter) SignedOut(how signin.Ending)  { m.add("out " + string(how)) }

// directory joins the file with the store.
type directory struct {
	file  func(call.AgentID) (staff.Person, bool)
	store staff.People
}

func (d directory) Person(ctx context.Context, m call.MunicipalityID, id call.AgentID) (
	map[staff.Source]staff.Person, error,
) {
	known, err := d.store.Person(ctx, m, id)
	p, ok := d.file(id)
	return staff.WithFile(known, p, ok && p.Municipality == m), err
}

// begin opens the house on a real Redis. change changes its options.
func begin(t testing.TB, change ...func(*signin.Options)) *house {
	t.Helper()
	h := &house{t: t, redis: redistest.Start(t), meter: &meter{}, log: &logs{}, file: map[call.AgentID]staff.Person{
		anouk: {
			ID: anouk, Municipality: deventer, Name: "Anouk de Vries",
			Roles: map[call.TeamID]staff.Role{"kcc": staff.Lead},
		},
		cem: {ID: cem, Municipality: raalte, Roles: map[call.TeamID]staff.Role{"balie": staff.Agent}},
	}}
	h.store = redisstore.Open(redistest.As(h.redis.Addr))
	t.Cleanup(func() { require.NoError(t, h.store.Close()) })
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.route(w, r)
	}))
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	address, err := url.Parse(h.server.URL)
	require.NoError(t, err)
	o := signin.Options{
		Municipalities: func() []call.MunicipalityID { return []call.MunicipalityID{deventer, raalte} },
		Address:        address, Sessions: h.store.Sessions(), SignOuts: h.store, People: h.store,
		Known: directory{func(id call.AgentID) (staff.Person, bool) { p, ok := h.file[id]; return p, ok }, h.store},
		Local: &signin.Local{Accounts: h.store}, Idle: 15 * time.Minute, Most: 10 * time.Hour,
		Forms: forms{}, Meter: h.meter, Log: slog.New(slog.NewTextHandler(h.log, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	h.SignIn, err = signin.New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := redistest.AuditAt(context.Background(), h.redis.Addr, deventer)
		require.NoError(t, err)
	})
	return h
}

// route is a site: signing in, a page and a stream behind the door.
func (h *house) route(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.Handle("/sign-in", h.Handler())
	mux.Handle("/sign-in/", h.Handler())
	mux.Handle("/sign-out", h.Handler())
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := access.From(r.Context())
		assert.True(h.t, ok)
		h.mu.Lock()
		h.seen = append(h.seen, v)
		h.mu.Unlock()
		_, _ = io.WriteString(w, "page of "+v.Name)
	})
	mux.Handle("/", h.Protect(h.Required(page)))
	mux.Handle("/events", h.RequiredForStream(page))
	httpserver.Page(mux).ServeHTTP(w, r)
}

// visitor is the last that the page met.
func (h *house) visitor() access.Visitor {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen[len(h.seen)-1]
}

// browser keeps cookies and follows no redirect.
type browser struct {
	t      testing.TB
	h      *house
	client *http.Client
}

func (h *house) browser() *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(h.t, err)
	return &browser{h.t, h, &http.Client{
		Jar: jar, Timeout: 20 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back.
type answer struct {
	status  int
	to      string // of a redirect
	body    string
	header  http.Header
	cookies []*http.Cookie
}

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "text/html")
	}
	got, err := b.client.Do(r)
	require.NoError(b.t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(b.t, err)
	return answer{got.StatusCode, got.Header.Get("Location"), string(body), got.Header, got.Cookies()}
}

func (b *browser) request(method, path string, form url.Values) *http.Request {
	b.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = b.h.server.URL + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, target, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.h.server.URL)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do(b.request("GET", path, nil)) }

func (b *browser) post(path string, fields ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do(b.request("POST", path, form))
}

// cookie is the browser's cookie of a name, empty for none.
func (b *browser) cookie(name string) string {
	at, err := url.Parse(b.h.server.URL)
	require.NoError(b.t, err)
	for _, c := range b.client.Jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

const sessionCookie = "__Host-bereikbaar"

var element = regexp.MustCompile(`<p id=(\w+)>([^<]*)</p>`)

// said gives a marked text of a page.
func (a answer) said(id string) string {
	for _, found := range element.FindAllStringSubmatch(a.body, -1) {
		if found[1] == id {
			return found[2]
		}
	}
	return ""
}

var setupField = regexp.MustCompile(`name=setup value="([^"]*)"`)

// account makes an account and gives the path of its first-run link.
func (h *house) account(m call.MunicipalityID, id call.AgentID) string {
	h.t.Helper()
	a, token := signin.NewLink(signin.Account{Person: id, Municipality: m, Made: time.Now()}, time.Now())
	require.NoError(h.t, h.store.ChangeAccount(h.t.Context(), nil, &a))
	return signin.FirstRunPath(token)
}

// setUp uses a first-run link, and gives the secret of the codes.
func (b *browser) setUp(link string) string {
	b.t.Helper()
	page := b.get(link)
	require.Equal(b.t, http.StatusOK, page.status, page.body)
	secret := strings.ReplaceAll(page.said("secret"), " ", "")
	done := b.post(
		link, "password", password, "again", password, "code", b.code(secret, 0), "setup", page.setup(),
	)
	require.Equal(b.t, http.StatusSeeOther, done.status, done.body)
	require.Equal(b.t, "/", done.to)
	return secret
}

func (a answer) setup() string {
	if found := setupField.FindStringSubmatch(a.body); found != nil {
		return found[1]
	}
	return ""
}

// code is that of a secret, some steps from now.
func (b *browser) code(secret string, steps int64) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	require.NoError(b.t, err)
	return signin.CodeAt(key, time.Now().Unix()/30+steps, 6)
}

// raw is Redis past the store.
func (h *house) raw() *redis.Client {
	c := redistest.Client(h.redis.Addr)
	h.t.Cleanup(func() { _ = c.Close() })
	return c
}
