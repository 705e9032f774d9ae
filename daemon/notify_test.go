package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
		"  teams: {kcc: {addresses: [kcc@deventer.nl]}}", mail.Host, mail.Port)
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
	require.Contains(t, scraped(t, d), `bereikbaar_notifications_delivered_total{channel="mail",kind="new"} 1`)
	_, err := redistest.Audit(t.Context(), redistest.Client(office.Redis.Addr), "deventer")
	require.NoError(t, err)
}
