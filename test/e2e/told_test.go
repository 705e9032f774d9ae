package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/mailtest"
)

// withMail tells the permits desk by mail.
func withMail(mail *mailtest.Server) map[string]any {
	desk := map[string]any{"addresses": []string{"vergunningen@deventer.nl"}, "events": []string{"new"}}
	return map[string]any{"notify": map[string]any{
		"link":  "https://bel.deventer.nl",
		"smtp":  map[string]any{"host": mail.Host, "port": mail.Port, "tls": "none", "from": "bel@deventer.nl"},
		"teams": map[string]any{"vergunningen": desk},
	}}
}

// isTold asserts that a mail is about a note, and says nothing of its caller.
func (s *scene) isTold(letter mailtest.Letter, n note.Note) {
	s.t.Helper()
	require.Equal(s.t, "vergunningen@deventer.nl", letter.To)
	require.Contains(s.t, letter.Subject, string(n.Reference))
	require.Contains(s.t, letter.Text, "https://bel.deventer.nl/notes/"+string(n.Reference))
	require.NotContains(s.t, letter.Raw, n.Number.E164[3:])
}

// A caller is promised a call, and the desk has a mail. Then the mail server is away, and the daemon is killed before
// it can send.
func TestADaemonThatIsKilledBeforeItSendsSendsOnceAfterwards(t *testing.T) {
	mail := mailtest.Start(t)
	s := open(t, withMail(mail))
	const from = "0612345670"
	c := s.asksUntil(from, "nl/confirm-number")
	c.presses("1")
	first := c.confirmed("+31612345670", "vergunningen", true)
	s.isTold(mail.Await(1)[0], first)

	mail.Stop()
	second := s.wasPromised("0612345671")
	s.eventually("the daemon has it to tell", func() error {
		if n := s.metric("bereikbaar_notifications_waiting", "channel", "mail"); n != 1 {
			return fmt.Errorf("%v messages wait", n)
		}
		return nil
	})
	require.NoError(t, s.Daemon.Kill())
	mail.Restart()
	require.NoError(t, s.Daemon.Restart(s.ctx))
	letters := mail.Await(2)
	s.isTold(letters[1], second)
	s.eventually("nothing waits", func() error {
		if n := s.metric("bereikbaar_notifications_waiting", "channel", "mail"); n != 0 {
			return fmt.Errorf("%v messages wait", n)
		}
		return nil
	})
	time.Sleep(3 * time.Second) // a second one would have come
	require.Len(t, mail.Letters(), 2, "once")
	s.logs("a notification was delivered")
	require.NotContains(t, s.log(), "@deventer.nl")
}
