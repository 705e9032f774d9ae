package daemon

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/notify"
	"github.com/bereikbaar/bereikbaar/test/mailtest"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// telling is a daemon that does nothing but tell of an office's notes, until the test ends or stop is called.
func telling(t *testing.T, office *townhall.Office, lines string) (d *Daemon, stop func()) {
	t.Helper()
	d = daemonWith(t, slog.New(slog.NewTextHandler(t.Output(), nil)), office.RedisLine(), lines)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.newNotifier(notify.RealSenders).Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return d, stop
}

func mailTo(mail *mailtest.Server) string {
	return fmt.Sprintf("notify:\n  link: https://bel.deventer.nl\n"+
		"  smtp: {host: %s, port: %d, tls: none, from: bel@deventer.nl}\n"+
		"  teams: {kcc: {addresses: [kcc@deventer.nl], events: [new]}}", mail.Host, mail.Port)
}

func TestATeamIsToldOfANewNote(t *testing.T) {
	office, mail := atTheOffice(t), mailtest.Start(t)
	d, _ := telling(t, office, mailTo(mail))
	n := office.Note("kcc")
	office.Note("parttime")
	var letter mailtest.Letter
	require.Eventually(t, func() bool {
		for _, l := range mail.Letters() {
			if strings.Contains(l.Subject, string(n.Reference)) {
				letter = l
				return true
			}
		}
		return false
	}, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, "kcc@deventer.nl", letter.To)
	require.Equal(t, "bel@deventer.nl", letter.From)
	require.Equal(t, "Nieuwe terugbelnotitie "+string(n.Reference), letter.Subject)
	require.Contains(t, letter.Text, "Er is een nieuwe terugbelnotitie voor KCC.")
	require.Contains(t, letter.Text, "https://bel.deventer.nl/notes/"+string(n.Reference))
	require.NotContains(t, letter.Raw, n.Number.E164[3:], "no number")
	require.NotContains(t, letter.Raw, "Els Ven")
	require.NotContains(t, letter.Raw, "zaak 1")
	require.NotContains(t, letter.Raw, "Wanneer")
	require.Contains(t, letter.Raw, "Auto-Submitted: auto-generated")
	require.Eventually(t, func() bool {
		return strings.Contains(scraped(t, d), `bereikbaar_notifications_delivered_total{channel="mail",kind="new"} 1`)
	}, 30*time.Second, 20*time.Millisecond)
	c := redistest.Client(office.Redis.Addr)
	defer c.Close()
	_, err := redistest.Audit(t.Context(), c, "deventer")
	require.NoError(t, err)
}

// A receiver of the changed configuration is told of what happens from then on, and one that left it of nothing more.
func TestAReloadChangesWhoIsTold(t *testing.T) {
	office, mail := atTheOffice(t), mailtest.Start(t)
	d, _ := telling(t, office, mailTo(mail))
	office.Note("kcc")
	mail.Await(1)
	fresh := *d.settings.config()
	changed := *fresh.Notify
	changed.Teams = map[call.TeamID]config.TeamNotify{
		"parttime": {Addresses: []string{"deeltijd@deventer.nl"}, Events: []string{"new"}},
	}
	fresh.Notify = &changed
	d.settings.replace(&fresh)
	office.Note("kcc")
	n := office.Note("parttime")
	require.Eventually(t, func() bool {
		letters := mail.Letters()
		return len(letters) > 0 && letters[len(letters)-1].To == "deeltijd@deventer.nl"
	}, 30*time.Second, 20*time.Millisecond)
	letters := mail.Letters()
	require.Contains(t, letters[len(letters)-1].Subject, string(n.Reference))
	require.Len(t, letters, 2, "one of each")
}

func TestWhoIsToldByTheConfiguration(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600))
	d := daemonWith(t, slog.New(slog.DiscardHandler), `
sign_in: {local: {enabled: true}, address: "https://bel.deventer.nl"}
notify:
  story: true
  smtp: {host: mail.deventer.nl, from: bel@deventer.nl}
  teams: {kcc: {addresses: [kcc@deventer.nl, Balie@deventer.nl], events: [overdue]}}
  webhooks: {zaak: {url: "https://zaak.deventer.nl/bel", secret_file: `+secret+`, events: [new]}}
people:
  els: {email: els@deventer.nl, language: en, notify: {events: [daily]}}
`)
	r := notifyRules(d.settings.config())
	require.Equal(t, "https://bel.deventer.nl", r.Link)
	require.True(t, r.Story)
	require.Equal(t, notify.StartTLS, r.SMTP.TLS)
	require.Equal(t, []notify.Receiver{
		{
			Name: notify.AddressName("kcc", "kcc@deventer.nl"), Municipality: "deventer", Lane: "mail",
			Kinds: []notify.Kind{notify.Overdue}, Teams: []call.TeamID{"kcc"}, Address: "kcc@deventer.nl",
		},
		{
			Name: notify.AddressName("kcc", "balie@deventer.nl"), Municipality: "deventer", Lane: "mail",
			Kinds: []notify.Kind{notify.Overdue}, Teams: []call.TeamID{"kcc"}, Address: "Balie@deventer.nl",
		},
		{
			Name: "person:els", Municipality: "deventer", Lane: "mail", Kinds: []notify.Kind{notify.Daily}, Person: "els",
		},
		{
			Name: "webhook:zaak", Municipality: "deventer", Lane: "webhook:zaak", Kinds: []notify.Kind{notify.NewNote},
			Teams: []call.TeamID{"kcc", "owndays", "parttime", "strict"},
		},
	}, r.Receivers)
	require.Len(t, r.Hooks["webhook:zaak"].Secret, 24)
	for _, to := range r.Receivers {
		require.NotContains(t, to.Name, "@", "the outbox holds no address")
	}
	hours, own := d.settings.notifyHours("deventer")
	require.Len(t, hours, 4)
	require.Equal(t, call.TeamID("kcc"), own)
	require.Empty(t, notifyRules(&config.Config{}).Receivers)
	require.Nil(t, SMTPOf(&config.Config{}))
}

// What waits survives a crash of Redis and the mail server's absence, and is told once.
func TestRedisIsKilledWhileNotificationsWait(t *testing.T) {
	office, mail := atTheOffice(t), mailtest.Start(t)
	mail.Stop()
	_, _ = telling(t, office, mailTo(mail))
	want := map[string]bool{}
	for range 10 {
		want["Nieuwe terugbelnotitie "+string(office.Note("kcc").Reference)] = true
	}
	office.Redis.Kill()
	office.Redis.Restart()
	mail.Restart()
	require.Eventually(t, func() bool { return len(mail.Letters()) >= len(want) }, 3*time.Minute, 100*time.Millisecond)
	letters := mail.Letters()
	require.Len(t, letters, len(want), "each once")
	for _, l := range letters {
		require.True(t, want[l.Subject], l.Subject)
		delete(want, l.Subject)
	}
	c := redistest.Client(office.Redis.Addr)
	defer c.Close()
	_, err := redistest.Audit(t.Context(), c, "deventer")
	require.NoError(t, err)
}

func TestAProgramIsToldByASignedMessage(t *testing.T) {
	type message struct {
		header http.Header
		body   string
	}
	got := make(chan message, 10)
	program := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- message{r.Header, string(body)}
	}))
	defer program.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0o600))
	office := atTheOffice(t)
	telling(t, office, `notify:
  link: https://bel.deventer.nl
  number: true
  webhooks: {zaak: {url: "`+program.URL+`", secret_file: `+secret+`, events: [new]}}`)
	n := office.Note("strict")
	select {
	case m := <-got:
		require.Contains(t, m.body, `"reference":"`+string(n.Reference)+`"`)
		require.Contains(t, m.body, n.Number.E164, "it was asked for")
		require.NotContains(t, m.body, "Els Ven")
		key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		require.NoError(t, err)
		require.Equal(t, notify.Sign(key, m.header.Get("Webhook-Id"), m.header.Get("Webhook-Timestamp"),
			[]byte(m.body)), m.header.Get("Webhook-Signature"))
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
	}
}

// Callers come first: the daemon starts without these secrets, tells of it, and what it would send waits.
func TestADaemonStartsWithoutTheSecretsOfMailAndPages(t *testing.T) {
	var log bytes.Buffer
	d := daemonWith(t, slog.New(slog.NewTextHandler(&log, nil)), `notify:
  link: https://bel.deventer.nl
  smtp: {host: mail.deventer.nl, from: a@b.nl, username: bel, password_file: /nowhere/smtp}
  teams: {kcc: {addresses: [a@b.nl]}}
  webhooks: {zaak: {url: "https://z.nl", secret_file: /nowhere/zaak}}
sign_in:
  address: "http://127.0.0.1:8570"
  oidc: {issuer: "https://login.deventer.nl", client_id: x, client_secret_file: /nowhere/oidc}`)
	require.Nil(t, d.web, "nobody could sign in")
	for _, of := range []string{
		"notify.smtp.password_file", "notify.webhooks.zaak.secret_file", "sign_in.oidc.client_secret_file",
		"/nowhere/smtp", "name a file that the daemon's user may read",
	} {
		require.Contains(t, log.String(), of)
	}
	require.Equal(t, 3, strings.Count(log.String(), "level=ERROR"), log.String())
	cfg := d.settings.config()
	require.Nil(t, SMTPOf(cfg))
	rules := notifyRules(cfg)
	require.Len(t, rules.Receivers, 2, "their messages wait")
	for _, to := range rules.Receivers {
		var failed *notify.SendError
		sender := d.unlessOff(notify.RealSenders)(rules, to.Lane)
		require.NotNil(t, sender)
		require.ErrorAs(t, sender.Send(t.Context(), notify.Message{}), &failed)
		require.True(t, failed.Lane && !failed.Forever)
	}
	log.Reset()
	d.reload(t.Context(), cfg)
	require.Contains(t, log.String(), "goes on as it is")
}
