package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// twoTowns is a daemon of two municipalities.
func twoTowns(t *testing.T, lines ...string) *Daemon {
	t.Helper()
	change := func(text, before, after string) string {
		require.Contains(t, text, before)
		return strings.Replace(text, before, after, 1)
	}
	office := atTheOffice(t)
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "not-asked-for")
	dir := t.TempDir()
	lines = append(
		lines, office.RedisLine(), "callbacks: {dial: \"PJSIP/{number}@trunk\", phones: [desk*, kcc*]}",
		"state: {directory: "+dir+"}", "prompts: {directory: "+dir+"/prompts}", "agents:",
		"  balie1: {endpoint: PJSIP/balie1}",
	)
	text := change(townhall.YAML, "teams:\n",
		"teams:\n  balie: {name: Balie, municipality: raalte, members: [balie1]}\n")
	text = change(text, "municipalities:\n", "municipalities:\n  raalte: {name: Raalte, contact: balie, "+
		"caller_id: \"+31140572\", hours: {weekdays: [\"09:00-17:00\"]}}\n")
	for _, team := range []string{"kcc", "parttime", "owndays", "strict"} {
		text = change(text, "\n  "+team+": {name", "\n  "+team+": {municipality: deventer, name")
	}
	text = change(text, "number: \"140570\",", "number: \"140570\", municipality: deventer,")
	cfg, err := config.Load(townhall.Written(t, text, "agents:", strings.Join(lines, "\n")), os.Getenv)
	require.NoError(t, err)
	d, err := New(cfg, slog.New(slog.DiscardHandler), &slog.LevelVar{}, "test")
	require.NoError(t, err)
	t.Cleanup(func() {
		d.journal.Close()
		d.store.Close()
		d.lock.Close()
	})
	return d
}

func (d *Daemon) setsPhone(t *testing.T, m call.MunicipalityID, id call.AgentID, phone string) error {
	return d.people.Change(t.Context(), m, id, func(p *staff.Person) error {
		p.Phone = phone
		return nil
	})
}

// Somebody of Raalte whose id is that of an agent of Deventer must not make that agent's phone ring.
func TestNobodyIsRungForTheIDOfAnotherMunicipalitysAgent(t *testing.T) {
	d := twoTowns(t)
	phone, err := d.people.phone(t.Context(), "raalte", "kcc1")
	require.NoError(t, err)
	require.Empty(t, phone)
	known, err := d.people.Person(t.Context(), "raalte", "kcc1")
	require.NoError(t, err)
	require.Empty(t, known, "nor are they anybody there, whatever a page or a provider says")
	phone, err = d.people.phone(t.Context(), "deventer", "kcc1")
	require.NoError(t, err)
	require.Equal(t, "PJSIP/kcc1", phone)
}

func TestThePhoneOfAnAgentIsNotThatOfTheirNamesakeElsewhere(t *testing.T) {
	d := twoTowns(t)
	d.people.exchange = &phoneBook{names: []string{"PJSIP/kcc1"}}
	require.ErrorIs(t, d.setsPhone(t, "raalte", "kcc1", "PJSIP/kcc1"), staff.ErrForeign)
}

// A phone that somebody of Deventer has by a page, or by the configuration, is taken for people of Raalte.
func TestAPhoneThatIsTakenInOneMunicipalityIsTakenInAll(t *testing.T) {
	d := twoTowns(t, "people: {wethouder: {municipality: deventer, phone: PJSIP/desk8}}")
	d.people.exchange = &phoneBook{names: []string{"PJSIP/desk9", "PJSIP/desk8"}}
	require.NoError(t, d.setsPhone(t, "deventer", "teun", "PJSIP/desk9"))
	t.Run("by a page", func(t *testing.T) {
		require.ErrorIs(t, d.setsPhone(t, "raalte", "mallory", "PJSIP/desk9"), staff.ErrPhoneTaken)
	})
	t.Run("by the configuration", func(t *testing.T) {
		require.ErrorIs(t, d.setsPhone(t, "raalte", "mallory", "PJSIP/desk8"), staff.ErrPhoneTaken)
	})
}

// A phone that was set by a page before the configuration gave it to somebody else.
func TestAPhoneThatTheConfigurationGaveToAnotherIsNotRung(t *testing.T) {
	d := twoTowns(t)
	require.NoError(t, d.store.SavePerson(t.Context(), staff.FromPage,
		staff.Person{ID: "teun", Municipality: "deventer", Phone: "PJSIP/kcc1"}))
	phone, err := d.people.phone(t.Context(), "deventer", "teun")
	require.NoError(t, err)
	require.Empty(t, phone, "it is kcc1's")
}

// slowExchange is an Asterisk that does not answer.
type slowExchange struct{ asked chan struct{} }

func (s slowExchange) Endpoint(ctx context.Context, _ string) (asterisk.Endpoint, error) {
	s.asked <- struct{}{}
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Second):
	}
	return asterisk.Endpoint{}, errors.New("no link")
}

// While Asterisk is asked about one person's phone, nobody else's change may wait for it longer than its own time: each
// holds one of the sixteen turns of all pages and of the API.
func TestAChangeThatWaitsForAsteriskHoldsUpNoOther(t *testing.T) {
	d := twoTowns(t)
	slow := slowExchange{make(chan struct{}, 9)}
	d.people.exchange = slow
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.setsPhone(t, "deventer", "teun", "PJSIP/desk9")
	}()
	<-slow.asked
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_ = d.people.Change(ctx, "deventer", "els", func(p *staff.Person) error {
		p.Language = "en" // asks nothing of Asterisk
		return nil
	})
	took := time.Since(began)
	<-done
	require.Less(t, took, time.Second)
}
